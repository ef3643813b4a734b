//! A lane against a second, naive implementation, over random logs, orders, batches and partitions.

mod replay;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::config::SessionsConfig;
use crate::model::{LogMillis, Minute, Span, SpanId, TraceId};
use crate::telemetry::{Reason, Telemetry};

/// Trace, session start, tail minute, span ids with how often.
type PartKey = (u128, LogMillis, Option<u32>, Vec<u64>);

#[derive(Clone, Debug)]
struct Arrival {
    partition: u32,
    at: LogMillis,
    trace: u128,
    span: u64,
}

fn key(part: &Part) -> PartKey {
    let mut ids: Vec<u64> = part.spans.iter().map(|span| span.id.0).collect();
    ids.sort_unstable();
    (part.trace.0, part.session_start, part.tail_minute.map(|minute| minute.0), ids)
}

/// The rules of ALGORITHMS 7, on the whole log at once.
fn naive(log: &[Arrival], gap: LogMillis, max_life: LogMillis) -> BTreeSet<PartKey> {
    let mut by_trace: BTreeMap<u128, Vec<(LogMillis, u64)>> = BTreeMap::new();
    log.iter()
        .for_each(|arrival| by_trace.entry(arrival.trace).or_default().push((arrival.at, arrival.span)));
    let mut parts: BTreeMap<(u128, LogMillis, Option<u32>), Vec<u64>> = BTreeMap::new();
    for (trace, mut records) in by_trace {
        records.sort_unstable();
        let (mut start, mut last, mut is_open) = (LogMillis::MIN, LogMillis::MIN / 2, true);
        for (at, span) in records {
            if at - last >= gap {
                (start, is_open) = (at, true);
            }
            is_open &= at <= start + max_life;
            last = at;
            let minute = (!is_open).then(|| Minute::of_millis(at).0);
            parts.entry((trace, start, minute)).or_default().push(span);
        }
    }
    let finish = |((trace, start, minute), mut spans): ((u128, LogMillis, Option<u32>), Vec<u64>)| {
        spans.sort_unstable();
        (trace, start, minute, spans)
    };
    parts.into_iter().map(finish).collect()
}

fn config() -> SessionsConfig {
    SessionsConfig {
        gap: Duration::from_secs(3),
        max_life: Duration::from_secs(12),
        ..SessionsConfig::default()
    }
}

/// Delivers a log: partitions interleaved by `picks`, the watermark told after every `batch` records.
fn deliver(log: &[Arrival], picks: &[u32], batch: usize, now_step: u64) -> BTreeSet<PartKey> {
    let mut lane: Lane<Vec<Part>> = Lane::new(&config(), Telemetry::new());
    let mut watermark = Watermark::default();
    let mut queues: BTreeMap<u32, std::collections::VecDeque<Arrival>> = BTreeMap::new();
    for arrival in log {
        watermark.add(arrival.partition, 1);
        queues.entry(arrival.partition).or_default().push_back(arrival.clone());
    }
    let mut found = Vec::new();
    let mut picks = picks.iter().cycle();
    let mut now = 0;
    while let Some(partition) = {
        let left: Vec<u32> =
            queues.iter().filter(|(_, queue)| !queue.is_empty()).map(|(id, _)| *id).collect();
        (!left.is_empty()).then(|| left[*picks.next().unwrap() as usize % left.len()])
    } {
        let queue = queues.get_mut(&partition).unwrap();
        for arrival in queue.drain(..batch.min(queue.len())).collect::<Vec<_>>() {
            let span = Span { id: SpanId(arrival.span), ..Span::default() };
            lane.push(TraceId(arrival.trace), arrival.at, span, now);
            watermark.advance(partition, arrival.at);
        }
        if queues[&partition].is_empty() {
            watermark.advance(partition, LogMillis::MAX);
        }
        now += now_step;
        let at = watermark.get().unwrap_or(LogMillis::MIN);
        lane.advance(at, &mut |event| collect(event, &mut found));
        lane.show_quiet(now, &mut |_, parts| parts);
    }
    lane.advance(LogMillis::MAX, &mut |event| collect(event, &mut found));
    assert_eq!((lane.size().traces, lane.size().spans), (0, 0), "everything is handed over and forgotten");
    let keys: BTreeSet<PartKey> = found.iter().map(key).collect();
    assert_eq!(keys.len(), found.len(), "no part twice");
    keys
}

fn collect(event: Event<Vec<Part>>, found: &mut Vec<Part>) {
    match event {
        Event::Closed(part) => found.push(part),
        Event::ClosedAsShown(parts, _) => found.extend(parts),
        Event::Withdrawn(_) => {}
    }
}

fn logs() -> impl Strategy<Value = Vec<Arrival>> {
    let arrival = (0..4u32, 0..40_000i64, 0..6u128, 0..50u64);
    proptest::collection::vec(arrival, 1..120).prop_map(|mut rows| {
        rows.sort_by_key(|row| row.1);
        rows.into_iter().map(|(partition, at, trace, span)| Arrival { partition, at, trace, span }).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn parts_do_not_depend_on_order_batches_partitions_or_the_wall_clock(
        log in logs(),
        picks in proptest::collection::vec(0..4u32, 1..60),
        batch in 1..20usize,
        now_step in prop_oneof![Just(0u64), Just(300), Just(5000)],
        spread in 1..4u32,
    ) {
        let expected = naive(&log, 3_000, 12_000);
        prop_assert_eq!(deliver(&log, &picks, batch, now_step), expected.clone());
        let mut respread = log.clone();
        respread.iter_mut().for_each(|arrival| arrival.partition = (arrival.span as u32 + arrival.partition) % spread);
        prop_assert_eq!(deliver(&respread, &[0], 1, 0), expected);
    }
}

fn lane() -> Lane<Vec<Part>> {
    Lane::new(&config(), Telemetry::new())
}

fn push(lane: &mut Lane<Vec<Part>>, span: u64, at: LogMillis, now: u64) {
    lane.push(TraceId(1), at, Span { id: SpanId(span), ..Span::default() }, now);
}

fn ids(parts: &[Part]) -> Vec<u64> {
    parts
        .iter()
        .flat_map(|part| part.spans.iter().map(|span| span.id.0))
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect()
}

#[test]
fn a_quiet_session_is_shown_at_once_and_closed_as_shown() {
    let mut lane = lane();
    push(&mut lane, 1, 1000, 0);
    push(&mut lane, 2, 1100, 500);
    let mut shown = Vec::new();
    lane.show_quiet(1400, &mut |_, parts| {
        shown.push(ids(&parts));
        parts
    });
    assert!(shown.is_empty(), "not quiet yet");
    lane.show_quiet(1500, &mut |_, parts| {
        shown.push(ids(&parts));
        parts
    });
    assert_eq!(shown, [[1, 2]]);
    let mut closed = 0;
    lane.advance(9000, &mut |event| {
        assert!(matches!(event, Event::ClosedAsShown(..)));
        closed += 1;
    });
    assert_eq!(closed, 1);
}

#[test]
fn what_was_shown_is_withdrawn_when_more_came() {
    let mut lane = lane();
    push(&mut lane, 1, 1000, 0);
    lane.show_quiet(1000, &mut |_, parts| parts);
    push(&mut lane, 2, 1200, 1001);
    let mut events = Vec::new();
    lane.advance(9000, &mut |event| events.push(event));
    assert!(matches!(events[0], Event::Withdrawn(_)));
    assert!(matches!(&events[1], Event::Closed(part) if ids(std::slice::from_ref(part)) == [1, 2]));
}

#[test]
fn a_trace_that_never_falls_quiet_is_shown_all_the_same() {
    let mut lane = lane();
    let mut shown = 0;
    for step in 0..12 {
        push(&mut lane, step, 1000 + step as i64, step * 600);
        lane.show_quiet(step * 600, &mut |_, parts| {
            shown += 1;
            parts
        });
    }
    assert!(shown >= 1);
}

#[test]
fn a_session_has_a_limit_and_what_is_cut_is_counted_whatever_the_order() {
    let telemetry = Telemetry::new();
    let run = |ids_in: &mut dyn Iterator<Item = u64>, telemetry: &Arc<Telemetry>| {
        let config = SessionsConfig { max_spans: 10, ..config() };
        let mut lane: Lane<Vec<Part>> = Lane::new(&config, telemetry.clone());
        for (at, span) in ids_in.enumerate() {
            push(&mut lane, span, at as i64, 0);
            lane.advance(at as i64, &mut |_| {});
        }
        let mut found = Vec::new();
        lane.advance(LogMillis::MAX, &mut |event| collect(event, &mut found));
        ids(&found)
    };
    let kept = run(&mut (1..=100), &telemetry);
    assert_eq!(kept.len(), 10);
    assert_eq!(telemetry.counters.dropped(Reason::SessionFull), 90);
    assert_eq!(run(&mut (1..=100).rev(), &Telemetry::new()), kept);
}

#[test]
fn a_minute_is_final_when_no_session_can_reach_it() {
    let mut lane = lane();
    lane.advance(60_000 + 60_000 + 12_000 - 1, &mut |_| {});
    assert_eq!(lane.final_through(), None);
    lane.advance(60_000 + 60_000 + 12_000, &mut |_| {});
    assert_eq!(lane.final_through(), Some(Minute(0)));
}
