//! What the numbers mean and what to do about them, in words.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::clocks::{ahead_violation, refuted_hint};
use super::{GraphStatus, LimitedBy, MissingRow, StoreStatus};
use crate::api::readiness::missing_partitions;
use crate::api::words::grouped;
use crate::config::LaneMode;
use crate::model::LogMillis;
use crate::telemetry::{ClockStatus, Connection, Counters, Reason};

use super::document::ViolationDocument;

/// Where the topic or the assignment does not fit the mode, or log time the clock.
pub(super) fn violations(
    lanes: LaneMode,
    connection: &Connection,
    counters: &Counters,
    clocks: &BTreeMap<Arc<str>, ClockStatus>,
    now_ms: LogMillis,
) -> Vec<ViolationDocument> {
    let mut violations = Vec::new();
    if connection.is_connected && missing_partitions(lanes, connection).is_some() {
        let (known, assigned) = (connection.partitions_known, connection.partitions_assigned);
        violations.push(ViolationDocument {
            what: format!(
                "lanes.mode is `merged`, but only {assigned} of {known} partitions are assigned to this instance"
            ),
            count: (known - assigned) as u64,
            cure: "run one instance in its group, give it a kafka.group of its own, or key the topic by trace id \
                   and set lanes.mode to `partition`"
                .into(),
        });
    }
    let wrong_keys = counters.key_violations.get();
    if lanes == LaneMode::Partition && wrong_keys > 0 {
        violations.push(ViolationDocument {
            what: "lanes.mode is `partition`, but there are records whose key is not the trace id of their spans"
                .into(),
            count: wrong_keys,
            cure: "set `partition_traces_by_id: true` in the collector's kafka exporter, or set lanes.mode to \
                   `merged` and run one instance"
                .into(),
        });
    }
    violations.extend(ahead_violation(clocks, now_ms));
    violations
}

/// What to do about everything that is not by service.
pub(super) fn hints(
    counters: &Counters,
    clocks: &BTreeMap<Arc<str>, ClockStatus>,
    graph: &GraphStatus,
) -> Vec<String> {
    let mut hints = Vec::new();
    for reason in Reason::ALL {
        let count = counters.dropped(reason);
        if let Some(cure) = dropped_cure(reason).filter(|_| count > 0) {
            hints.push(format!("{} dropped as `{}`: {cure}", grouped(count), reason.name()));
        }
    }
    hints.extend(counted(&odd_counts(counters)));
    hints.extend(refuted_hint(clocks, counters.refuted_jumps.get()));
    for (limit, count) in graph.capped.iter().filter(|(_, count)| *count > 0) {
        hints.push(format!("{} counted as `other`: raise {limit}", grouped(*count)));
    }
    if graph.limited_by == LimitedBy::Size {
        hints.push(
            "minutes are dropped before store.retention: raise store.max_size (without a store graph.memory), or lower \
             store.retention"
                .into(),
        );
    }
    hints.extend(store_hints(&graph.store));
    hints
}

fn store_hints(store: &StoreStatus) -> Vec<String> {
    let mut hints = Vec::new();
    if let Some(problem) = &store.problem {
        hints.push(format!("{} sealed minutes wait in memory: {problem}", grouped(store.waiting)));
    }
    if store.nondeterminism > 0 {
        hints.push(format!(
            "nondeterminism: {} minutes contradict what an earlier run sealed; the first ones stay, the others are in \
             conflicts/ of the store: please report it",
            grouped(store.nondeterminism)
        ));
    }
    hints.extend(store.damaged.iter().cloned());
    hints
}

/// What a row means and what to do.
pub(super) fn row_hints(row: &MissingRow) -> Vec<String> {
    let nameless = if row.service.is_empty() { row.spans } else { 0 };
    counted(&[
        (nameless, "spans name no service and are in no edge: set the resource attribute `service.name`"),
        (
            row.orphans,
            "spans name a parent that never came, so their caller is unknown: it is not instrumented, is sampled \
             differently, or its spans are lost before kafka",
        ),
        (
            row.tail_spans,
            "spans came after their trace was closed and are linked on their own: raise sessions.gap or \
             sessions.max_life, or shorten the sender's batches",
        ),
        (
            row.clients_without_peer,
            "calls have no answering span and do not name their peer: instrument the callee, or set `peer.service`, \
             `server.address` or `db.system.name`",
        ),
        (
            row.cross_trace_links,
            "links lead to traces that are not here: they are not sampled, or older than what is kept",
        ),
        (row.self_calls, "calls of the service to itself are left out: set linking.self_calls to show them"),
    ])
}

/// A sentence for each count that is not zero.
fn counted(sentences: &[(u64, &str)]) -> Vec<String> {
    let said = sentences.iter().filter(|(count, _)| *count > 0);
    said.map(|(count, words)| format!("{} {words}", grouped(*count))).collect()
}

fn odd_counts(counters: &Counters) -> [(u64, &'static str); 5] {
    [
        (
            counters.behind.get(),
            "records came behind a partition that stood still, and count as of then: their minutes are marked \
             irreproducible, as another reading of the log may count them elsewhere; set \
             message.timestamp.type=LogAppendTime, or raise kafka.standing_margin",
        ),
        (
            counters.log_gaps.get(),
            "holes in the log: retention took records before they were read, or the topic was made anew; read faster, or \
             keep the topic longer",
        ),
        (
            counters.clamped_times.get(),
            "traces have times far from their log time: check the clocks of the hosts that send them, or raise \
             sessions.event_clamp",
        ),
        (
            counters.negative_durations.get(),
            "spans end before they start: the sender's clock was set back, or its instrumentation is at fault",
        ),
        (
            counters.names_truncated.get(),
            "names were cut: raise names.max_length, or take identifiers out of the names",
        ),
    ]
}

/// `None` where dropping is what was asked for, or costs nothing.
fn dropped_cure(reason: Reason) -> Option<&'static str> {
    Some(match reason {
        Reason::Malformed => {
            "records are cut or of another format: check the producer, or set kafka.encoding"
        }
        Reason::TooLarge => "raise kafka.max_record_size, or send smaller batches",
        Reason::UnknownFormat => "set kafka.encoding, or read another topic",
        Reason::NoTraceId | Reason::NoSpanId => "these are no valid spans: check what writes them",
        Reason::SessionFull => {
            "traces have more spans than sessions.max_spans: raise it, or end them earlier"
        }
        Reason::Shed | Reason::Overload => {
            "more comes than is budgeted: raise sessions.budget, add partitions and instances, or sample"
        }
        Reason::NoService => "set the resource attribute `service.name` in what sends them",
        Reason::Ignored | Reason::OwnSpan | Reason::Duplicate => return None,
    })
}
