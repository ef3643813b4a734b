//! `/metrics`: Linchpin's own counters in Prometheus' text format 0.0.4.
//!
//! The number of series is bounded: by partition and by reason, never by a name from a span.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use super::error::ApiError;
use super::readiness::ReadinessDocument;
use super::state::{AppState, now_ms};
use super::status::GraphStatus;
use crate::model::LogMillis;
use crate::telemetry::{ClockStatus, Counters, PartitionStatus, Reason};

const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Linchpin's own counters for Prometheus.
#[utoipa::path(
    get, path = "/metrics", tag = "operation",
    responses((status = 200, description = "Prometheus text format 0.0.4", body = String, content_type = "text/plain"))
)]
pub(super) async fn metrics(State(state): State<AppState>) -> Result<Response, ApiError> {
    let graph = state.graph_status().await?;
    let readiness = state.observe();
    let partitions: Vec<PartitionStatus> = state.telemetry.partitions.all().into_values().collect();
    let mut text = Exposition::default();
    own_state(&mut text, &readiness, state.uptime().as_secs_f64());
    counted(&mut text, &state.telemetry.counters);
    partitioned(&mut text, &partitions);
    clocked(&mut text, &state.telemetry.clocks.all(), now_ms());
    sizes(&mut text, &graph);
    Ok(([(header::CONTENT_TYPE, CONTENT_TYPE)], text.0).into_response())
}

fn own_state(text: &mut Exposition, readiness: &ReadinessDocument, uptime: f64) {
    text.family("linchpin_build_info", "gauge", "Version of linchpin; always 1.");
    text.sample("linchpin_build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1.0);
    text.gauge("linchpin_uptime_seconds", "Time since the start.", uptime);
    text.gauge("linchpin_ready", "1 where the graph is current.", f64::from(u8::from(readiness.ready)));
    if let Some(lag) = readiness.lag_ms {
        let help = "Now less the log time of the furthest partition; absent until all were heard of.";
        text.gauge("linchpin_log_time_lag_seconds", help, lag as f64 / 1000.0);
    }
}

fn counted(text: &mut Exposition, counters: &Counters) {
    let counts = [
        ("linchpin_records_total", "Records read.", &counters.records),
        ("linchpin_bytes_total", "Bytes of record values read.", &counters.bytes),
        ("linchpin_spans_total", "Spans decoded, before anything is dropped.", &counters.spans),
        ("linchpin_traces_total", "Traces closed.", &counters.traces),
        (
            "linchpin_negative_durations_total",
            "Spans that end before they start.",
            &counters.negative_durations,
        ),
        ("linchpin_names_truncated_total", "Names that were cut.", &counters.names_truncated),
        ("linchpin_invalid_utf8_total", "Strings that were not UTF-8.", &counters.invalid_utf8),
        (
            "linchpin_clamped_times_total",
            "Traces whose times were clamped to their log time.",
            &counters.clamped_times,
        ),
        ("linchpin_behind_total", "Records behind the watermark.", &counters.behind),
        ("linchpin_refuted_jumps_total", "Producer times that were not believed.", &counters.refuted_jumps),
        (
            "linchpin_key_violations_total",
            "Records whose key is not their trace id.",
            &counters.key_violations,
        ),
        ("linchpin_log_gaps_total", "Holes in the log.", &counters.log_gaps),
    ];
    for (name, help, counter) in counts {
        text.family(name, "counter", help);
        text.sample(name, &[], counter.get() as f64);
    }
    text.family("linchpin_dropped_total", "counter", "What did not reach the graph, by reason.");
    for reason in Reason::ALL {
        let count = counters.dropped(reason) as f64;
        text.sample("linchpin_dropped_total", &[("reason", reason.name())], count);
    }
}

fn partitioned(text: &mut Exposition, partitions: &[PartitionStatus]) {
    type Value = fn(&PartitionStatus) -> f64;
    let families: [(&str, &str, &str, Value); 4] = [
        ("linchpin_partition_lag", "gauge", "Records not yet read.", |it| it.lag() as f64),
        ("linchpin_partition_position", "gauge", "Offset that is read next.", |it| it.position as f64),
        ("linchpin_partition_end", "gauge", "Offset behind the last record in the log.", |it| it.end as f64),
        (
            "linchpin_partition_lost_offsets_total",
            "counter",
            "Offsets that retention took before they were read.",
            |it| it.lost_offsets as f64,
        ),
    ];
    for (name, kind, help, value) in families {
        text.family(name, kind, help);
        for status in partitions {
            text.sample(name, &place(&status.name), value(status));
        }
    }
}

fn clocked(text: &mut Exposition, clocks: &BTreeMap<Arc<str>, ClockStatus>, now: LogMillis) {
    type Value = fn(&ClockStatus, LogMillis) -> f64;
    let families: [(&str, &str, &str, Value); 3] = [
        (
            "linchpin_log_time_ahead_seconds",
            "gauge",
            "Log time that is believed less the local clock; 0 where it is not ahead. Above 300: set the clocks of the \
             brokers and of this machine right.",
            |clock, now| clock.ahead(now) as f64 / 1000.0,
        ),
        (
            "linchpin_partition_refuted_jumps_total",
            "counter",
            "Producer times that were not believed: set message.timestamp.type=LogAppendTime, or the producers' clocks \
             right.",
            |clock, _| clock.refuted as f64,
        ),
        (
            "linchpin_partition_refuted_ahead_seconds",
            "gauge",
            "How far the furthest of these was ahead.",
            |clock, _| clock.refuted_by as f64 / 1000.0,
        ),
    ];
    for (name, kind, help, value) in families {
        text.family(name, kind, help);
        for (input, clock) in clocks {
            text.sample(name, &place(input), value(clock, now));
        }
    }
}

/// The labels of a partition, which is called `topic/number`.
fn place(partition: &str) -> [(&str, &str); 2] {
    let (topic, number) = partition.rsplit_once('/').unwrap_or((partition, ""));
    [("topic", topic), ("partition", number)]
}

fn sizes(text: &mut Exposition, graph: &GraphStatus) {
    let gauges = [
        ("linchpin_pending_traces", "Traces whose session is open.", graph.pending_traces),
        ("linchpin_pending_spans", "Spans of open sessions.", graph.pending_spans),
        ("linchpin_pending_bytes", "Memory of open sessions.", graph.pending_bytes),
        ("linchpin_graph_nodes", "Nodes of the last 15 minutes, at service level.", graph.nodes),
        ("linchpin_graph_edges", "Edges of the last 15 minutes, at service level.", graph.edges),
        ("linchpin_graph_bytes", "Memory of sealed minutes and roll-ups.", graph.bytes),
        ("linchpin_open_minutes", "Minutes that may still change.", graph.open_minutes),
        ("linchpin_sealed_minutes", "Minutes that are sealed and not rolled up.", graph.sealed_minutes),
        ("linchpin_store_bytes", "Bytes of all sealed minutes and roll-ups.", graph.store.bytes),
        ("linchpin_store_waiting", "Sealed minutes that the store does not take.", graph.store.waiting),
        ("linchpin_store_damaged", "Sealed buckets that are damaged.", graph.store.damaged.len() as u64),
    ];
    for (name, help, value) in gauges {
        text.gauge(name, help, value as f64);
    }
    let store = &graph.store;
    let counters = [
        ("linchpin_sealed_minutes_total", "Minutes sealed.", store.sealed_minutes),
        ("linchpin_sealed_bytes_total", "Bytes of the minutes sealed.", store.sealed_bytes),
        (
            "linchpin_nondeterminism_total",
            "Minutes that contradict what an earlier run sealed.",
            store.nondeterminism,
        ),
        ("linchpin_store_refused_total", "Times that the store did not take a bucket.", store.refused),
    ];
    for (name, help, value) in counters {
        text.family(name, "counter", help);
        text.sample(name, &[], value as f64);
    }
    text.family(
        "linchpin_capped_total",
        "counter",
        "What passed a limit and was counted as other, by limit.",
    );
    for (limit, count) in &graph.capped {
        text.sample("linchpin_capped_total", &[("limit", limit)], *count as f64);
    }
}

/// The text as it grows; a family's samples follow its head.
#[derive(Default)]
struct Exposition(String);

impl Exposition {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        self.push(format_args!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
    }

    fn gauge(&mut self, name: &str, help: &str, value: f64) {
        self.family(name, "gauge", help);
        self.sample(name, &[], value);
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        let labels: Vec<String> =
            labels.iter().map(|(label, value)| format!("{label}=\"{}\"", escaped(value))).collect();
        match labels.is_empty() {
            true => self.push(format_args!("{name} {value}\n")),
            false => self.push(format_args!("{name}{{{}}} {value}\n", labels.join(","))),
        }
    }

    fn push(&mut self, line: std::fmt::Arguments) {
        self.0.write_fmt(line).expect("writing to a string does not fail");
    }
}

/// A label value: the format escapes backslash, quote and line feed, nothing else.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn label_values_cannot_break_out_of_their_line() {
        let mut text = Exposition::default();
        text.family("a_total", "counter", "All.");
        text.sample("a_total", &[("topic", "x\"} 1\n\\y"), ("partition", "0")], 3.0);
        assert_eq!(
            text.0,
            "# HELP a_total All.\n# TYPE a_total counter\na_total{topic=\"x\\\"} 1\\n\\\\y\",partition=\"0\"} 3\n"
        );
    }

    #[test]
    fn large_numbers_are_written_out() {
        let mut text = Exposition::default();
        text.sample("a_total", &[], 123_456_789_012.0);
        assert_eq!(text.0, "a_total 123456789012\n");
    }

    #[test]
    fn partitions_are_split_into_topic_and_number() {
        let mut text = Exposition::default();
        let status = PartitionStatus { name: "a/b/12".into(), position: 5, end: 9, ..Default::default() };
        partitioned(&mut text, &[status]);
        assert!(text.0.contains("linchpin_partition_lag{topic=\"a/b\",partition=\"12\"} 4\n"), "{}", text.0);
    }
}
