//! Counters, partitions and the graph's own numbers into the status.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::document::{
    ConnectionDocument, CountersDocument, MissingDocument, PartitionDocument, PendingDocument,
    RetentionDocument, SCHEMA, SizeDocument, StatusDocument,
};
use super::{GraphStatus, MissingRow, hints};
use crate::api::readiness::behind_ms;
use crate::api::state::{AppState, Settings};
use crate::api::words::duration;
use crate::config::LaneMode;
use crate::model::time::{NANOS_PER_MILLI, rfc3339};
use crate::model::{LogMillis, Minute};
use crate::telemetry::{ClockStatus, Connection, Counters, PartitionStatus, Reason};

/// Rows under `missing`; the worst come first.
const MAX_ROWS: usize = 100;

/// The status at `now_ms`; with `service` the rows of that service alone.
pub(super) fn status_document(
    state: &AppState,
    graph: &GraphStatus,
    service: Option<&str>,
    now_ms: LogMillis,
) -> StatusDocument {
    let telemetry = &state.telemetry;
    let connection = telemetry.partitions.connection();
    let clocks = telemetry.clocks.all();
    let (missing, missing_left_out) = missing(&graph.missing, service);
    let mut partitions: Vec<_> =
        telemetry.partitions.all().into_values().map(|it| partition_document(it, &clocks, now_ms)).collect();
    partitions.sort_by(|one, other| one.name.cmp(&other.name));
    StatusDocument {
        schema: SCHEMA.into(),
        version: env!("CARGO_PKG_VERSION").into(),
        now: instant(now_ms),
        uptime_seconds: state.uptime().as_secs(),
        readiness: state.observe(),
        mode: mode(state.settings.lanes).into(),
        violations: hints::violations(
            state.settings.lanes,
            &connection,
            &telemetry.counters,
            &clocks,
            now_ms,
        ),
        hints: hints::hints(&telemetry.counters, &clocks, graph),
        connection: connection_document(connection),
        partitions,
        counters: counters_document(&telemetry.counters),
        retention: retention_document(state.settings, graph),
        store: graph.store.clone(),
        graph: size_document(graph),
        pending: PendingDocument {
            traces: graph.pending_traces,
            spans: graph.pending_spans,
            bytes: graph.pending_bytes,
        },
        missing,
        missing_left_out,
    }
}

fn mode(lanes: LaneMode) -> &'static str {
    match lanes {
        LaneMode::Merged => "merged",
        LaneMode::Partition => "partition",
    }
}

fn connection_document(connection: Connection) -> ConnectionDocument {
    ConnectionDocument {
        connected: connection.is_connected,
        problem: connection.problem,
        partitions_known: connection.partitions_known as u64,
        partitions_assigned: connection.partitions_assigned as u64,
    }
}

fn partition_document(
    partition: PartitionStatus,
    clocks: &BTreeMap<Arc<str>, ClockStatus>,
    now_ms: LogMillis,
) -> PartitionDocument {
    let clock = clocks.get(&*partition.name);
    PartitionDocument {
        ahead_ms: clock.and_then(|clock| u64::try_from(clock.ahead(now_ms)).ok()).unwrap_or(0),
        refuted_jumps: clock.map_or(0, |clock| clock.refuted),
        lag: partition.lag(),
        behind_ms: behind_ms(&partition, now_ms),
        log_time: partition.log_time.map(instant),
        name: partition.name,
        position: partition.position,
        end: partition.end,
        standing: partition.is_standing,
        problem: partition.problem,
        lost_offsets: partition.lost_offsets,
    }
}

fn counters_document(counters: &Counters) -> CountersDocument {
    CountersDocument {
        records: counters.records.get(),
        bytes: counters.bytes.get(),
        spans: counters.spans.get(),
        traces: counters.traces.get(),
        dropped: Reason::ALL.iter().map(|it| (it.name().to_owned(), counters.dropped(*it))).collect(),
        negative_durations: counters.negative_durations.get(),
        names_truncated: counters.names_truncated.get(),
        invalid_utf8: counters.invalid_utf8.get(),
        clamped_times: counters.clamped_times.get(),
        behind: counters.behind.get(),
        refuted_jumps: counters.refuted_jumps.get(),
        key_violations: counters.key_violations.get(),
        log_gaps: counters.log_gaps.get(),
    }
}

fn retention_document(settings: Settings, graph: &GraphStatus) -> RetentionDocument {
    let start = |minute: Minute| rfc3339(minute.start_nanos());
    RetentionDocument {
        configured: duration(u64::try_from(settings.retention.as_millis()).unwrap_or(u64::MAX)),
        configured_seconds: settings.retention.as_secs(),
        memory_limit_bytes: settings.memory,
        oldest_minute: graph.oldest_minute.map(start),
        newest_minute: graph.newest_minute.map(start),
        limited_by: graph.limited_by,
    }
}

fn size_document(graph: &GraphStatus) -> SizeDocument {
    SizeDocument {
        nodes: graph.nodes,
        edges: graph.edges,
        open_minutes: graph.open_minutes,
        sealed_minutes: graph.sealed_minutes,
        bytes: graph.bytes,
        capped: graph.capped.iter().cloned().collect(),
    }
}

/// The worst rows first, and how many more have a gap; of a named service every row.
fn missing(rows: &[MissingRow], service: Option<&str>) -> (Vec<MissingDocument>, u64) {
    let is_asked = |row: &MissingRow| match service {
        Some(service) => row.service == service,
        None => gap(row) + row.self_calls > 0,
    };
    let mut rows: Vec<&MissingRow> = rows.iter().filter(|row| is_asked(row)).collect();
    rows.sort_by_cached_key(|row| {
        (std::cmp::Reverse(gap(row)), row.service.clone(), row.namespace.clone(), row.environment.clone())
    });
    let left_out = rows.len().saturating_sub(MAX_ROWS) as u64;
    let document = |row: &MissingRow| MissingDocument { hints: hints::row_hints(row), row: row.clone() };
    (rows.into_iter().take(MAX_ROWS).map(document).collect(), left_out)
}

/// How much of a service could not be drawn, to rank by; self calls are left out on purpose and do not count.
fn gap(row: &MissingRow) -> u64 {
    let nameless = if row.service.is_empty() { row.spans } else { 0 };
    nameless + row.orphans + row.tail_spans + row.clients_without_peer + row.cross_trace_links
}

/// A log time as RFC 3339; times that a producer invented stay within what can be written.
fn instant(at: LogMillis) -> String {
    rfc3339(u64::try_from(at).unwrap_or(0).saturating_mul(NANOS_PER_MILLI))
}
