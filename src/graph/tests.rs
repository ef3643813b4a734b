//! The live graph against one plain bucket, over random facts, lanes, ranges and moments of closing.

use std::sync::Arc;

use proptest::prelude::*;

use super::bucket::{Bucket, Caps};
use super::codec;
use super::hashes::Hashes;
use super::stats::{EdgeStats, Sign};
use super::*;
use crate::analyze::{Call, Evidence, Facts, FlowRequest, Joined, Tally, Visit};
use crate::config::Config;
use crate::model::{Minute, Node, NodeId, Protocol, Sampling, Symbols, TraceId};

/// Service `s{n}`, operation `o{m}` of it; m = 0 is the service itself.
fn node(symbols: &Symbols, service: u32, operation: u32) -> NodeId {
    let operation = if operation == 0 { String::new() } else { format!("o{operation}") };
    let name = symbols.intern(&format!("s{service}"));
    NodeId(symbols.nodes.intern(Node { name, operation: symbols.intern(&operation), ..Node::default() }))
}

#[derive(Clone, Debug)]
struct Row {
    minute: u32,
    lane: u32,
    caller: (u32, u32),
    callee: (u32, u32),
    nanos: u64,
    is_error: bool,
    trace: u128,
}

fn facts(symbols: &Symbols, row: &Row) -> Facts {
    let caller = node(symbols, row.caller.0, row.caller.1);
    let callee = node(symbols, row.callee.0, row.callee.1);
    let call = Call {
        caller,
        callee,
        protocol: Protocol::Http,
        is_async: false,
        evidence: Evidence::Paired,
        caller_error: row.is_error,
        callee_error: false,
        is_first_attempt: true,
        count: 1,
        start: Minute(row.minute).start_nanos() + row.nanos,
        caller_ns: Some(row.nanos),
        callee_ns: Some(row.nanos / 2),
        sampling: Sampling::from_threshold(1 << 55),
    };
    let tally = Tally { spans: 2, unknown_sampling: 1, ..Tally::default() };
    Facts {
        minute: Minute(row.minute),
        trace: TraceId(row.trace),
        joined: vec![Joined { call: call.clone(), sent_to: callee, taken_from: callee }],
        visits: vec![Visit {
            node: callee,
            version: symbols.intern("v1"),
            is_error: row.is_error,
            duration_ns: row.nanos,
        }],
        flows: vec![FlowRequest {
            root: caller,
            name: symbols.intern(&format!("f{}", row.caller.1)),
            is_refined: row.caller.0.is_multiple_of(2),
            is_error: row.is_error,
            duration_ns: row.nanos,
            sampling: Sampling::UNKNOWN,
            touches: vec![node(symbols, row.caller.0, 0), node(symbols, row.callee.0, 0)],
        }],
        tallies: vec![(node(symbols, row.caller.0, 0), tally)],
        calls: vec![call],
        ..Facts::default()
    }
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let end = || (0..5u32, 1..6u32);
    let row = (0..200u32, 0..3u32, end(), end(), 0..10_000_000u64, any::<bool>(), 0..50u128);
    let row = row.prop_map(|(minute, lane, caller, callee, nanos, is_error, trace)| Row {
        minute,
        lane,
        caller,
        callee,
        nanos,
        is_error,
        trace,
    });
    proptest::collection::vec(row, 1..80)
}

/// All that a bucket shows, in a form that can be compared.
fn shown(bucket: &Bucket) -> String {
    let mut lines: Vec<String> = Vec::new();
    lines.extend(bucket.edges.iter().map(|(key, stats)| format!("{key:?} {stats:?}")));
    lines.extend(bucket.joined.iter().map(|(key, stats)| format!("{key:?} {stats:?}")));
    lines.extend(bucket.nodes.iter().map(|(key, stats)| format!("{key:?} {stats:?}")));
    for (key, stats) in &bucket.flows {
        let mut touches: Vec<_> = stats.touches.iter().collect();
        touches.sort();
        let numbers =
            (stats.requests, stats.adjusted, stats.errors, &stats.latency, stats.exemplars.sorted());
        lines.push(format!("{key:?} {numbers:?} {touches:?}"));
    }
    for (key, stats) in &bucket.services {
        let mut versions: Vec<_> = stats.versions.iter().collect();
        versions.sort();
        lines.push(format!("{key:?} {:?} {versions:?}", stats.tally));
    }
    lines.sort();
    lines.push(format!("{:?}", bucket.totals));
    lines.join("\n")
}

fn sum<'a>(symbols: &Arc<Symbols>, rows: impl Iterator<Item = &'a Row>, caps: &Caps) -> Bucket {
    let mut hashes = Hashes::new(symbols.clone());
    let mut bucket = Bucket::default();
    rows.for_each(|row| bucket.apply(Sign::Plus, &facts(symbols, row), caps, &mut hashes));
    bucket
}

const FEW_NODES: Caps = Caps { operations_per_service: 2, nodes: 3, edges: 1_000, ..Caps::NONE };
const FEW_EDGES: Caps = Caps { edges: 5, flows: 3, refined_flows: 2, ..Caps::NONE };

proptest! {
    #[test]
    fn a_range_reads_the_same_before_and_after_closing(
        rows in rows(),
        from in 0..200u32,
        length in 1..200u32,
        closed_through in proptest::collection::vec(0..220u32, 0..4),
    ) {
        let symbols = Symbols::new(10_000);
        let live = LiveGraph::new(symbols.clone(), &Config::default());
        let mut writer = live.writer();
        (0..3).for_each(|lane| live.add_lane(lane));
        for row in &rows {
            writer.record(row.lane, &facts(&symbols, row));
        }
        let (from, to) = (Minute(from), Minute(from + length));
        let in_range = |row: &&Row| (from.0..to.0).contains(&row.minute);
        let expected = shown(&sum(&symbols, rows.iter().filter(in_range), &Caps::NONE));
        prop_assert_eq!(shown(&live.read(from, to).bucket), expected.clone());
        let mut through = 0;
        for step in closed_through {
            through = through.max(step);
            (0..3).for_each(|lane| writer.finish(lane, Minute(through)));
            prop_assert_eq!(shown(&live.read(from, to).bucket), expected.clone());
        }
    }

    #[test]
    fn a_bucket_survives_its_bytes(rows in rows()) {
        let symbols = Symbols::new(10_000);
        let bucket = sum(&symbols, rows.iter(), &Caps::NONE);
        let mut back = Bucket::default();
        codec::merge_into(&codec::encode(&bucket), &mut back, &Caps::NONE, &mut Hashes::new(symbols));
        prop_assert_eq!(shown(&back), shown(&bucket));
    }

    #[test]
    fn what_is_capped_depends_on_no_order_and_no_grouping(
        rows in rows(),
        split in 0..80usize,
        caps in prop_oneof![Just(FEW_NODES), Just(FEW_EDGES)],
    ) {
        let symbols = Symbols::new(10_000);
        let whole = sum(&symbols, rows.iter(), &caps);
        prop_assert_eq!(shown(&sum(&symbols, rows.iter().rev(), &caps)), shown(&whole));
        let (left, right) = rows.split_at(split.min(rows.len()));
        let mut hashes = Hashes::new(symbols.clone());
        let mut merged = sum(&symbols, right.iter(), &caps);
        merged.merge(&sum(&symbols, left.iter(), &caps), &caps, &mut hashes);
        prop_assert_eq!(shown(&merged), shown(&whole));
        prop_assert!(merged.edges.len() <= caps.edges && merged.flows.len() <= caps.flows);
        let calls = |bucket: &Bucket| bucket.edges.values().map(|stats| stats.calls).sum::<u64>() + bucket.totals.other_calls;
        prop_assert_eq!(calls(&merged), rows.len() as u64, "nothing is lost without being counted");
        prop_assert_eq!(calls(&whole), rows.len() as u64);
    }

    #[test]
    fn what_is_shown_and_hidden_leaves_no_trace(rows in rows(), shown_rows in rows()) {
        let symbols = Symbols::new(10_000);
        let live = LiveGraph::new(symbols.clone(), &Config::default());
        let mut writer = live.writer();
        for row in &rows {
            writer.record(row.lane, &facts(&symbols, row));
        }
        let before = shown(&live.read(Minute(0), Minute(300)).bucket);
        let all: Vec<Facts> = shown_rows.iter().map(|row| facts(&symbols, row)).collect();
        shown_rows.iter().zip(&all).for_each(|(row, facts)| writer.show(row.lane, facts));
        let calls = |bucket: &Bucket| bucket.edges.values().map(|stats| stats.calls).sum::<u64>();
        let during = live.read(Minute(0), Minute(300));
        prop_assert_eq!(calls(&during.bucket), (rows.len() + shown_rows.len()) as u64);
        shown_rows.iter().zip(&all).for_each(|(row, facts)| writer.hide(row.lane, facts));
        prop_assert_eq!(shown(&live.read(Minute(0), Minute(300)).bucket), before);
    }
}

#[test]
fn retention_drops_whole_minutes_and_says_so() {
    let symbols = Symbols::new(1000);
    let mut config = Config::default();
    config.graph.retention = std::time::Duration::from_secs(30 * 60);
    let live = LiveGraph::new(symbols.clone(), &config);
    let mut writer = live.writer();
    live.add_lane(0);
    for minute in 0..100 {
        let row =
            Row { minute, lane: 0, caller: (1, 1), callee: (2, 1), nanos: 5, is_error: false, trace: 1 };
        writer.record(0, &facts(&symbols, &row));
        writer.finish(0, Minute(minute));
    }
    let reading = live.read(Minute(0), Minute(200));
    assert_eq!(reading.bucket.edges.values().map(|stats| stats.calls).sum::<u64>(), 31);
    assert!(reading.is_cut_by_retention);
    assert_eq!((reading.from, live.size().oldest), (Minute(69), Some(Minute(69))));
    assert!(!live.size().is_limited_by_memory);
}

#[test]
fn the_memory_budget_drops_the_oldest_first_and_says_so() {
    let symbols = Symbols::new(1000);
    let mut config = Config::default();
    config.graph.memory = 2_000;
    let live = LiveGraph::new(symbols.clone(), &config);
    let mut writer = live.writer();
    live.add_lane(0);
    for minute in 0..100 {
        let row =
            Row { minute, lane: 0, caller: (1, 1), callee: (2, 1), nanos: 5, is_error: false, trace: 1 };
        writer.record(0, &facts(&symbols, &row));
        writer.finish(0, Minute(minute));
    }
    let size = live.size();
    assert!(size.is_limited_by_memory && size.closed_bytes <= 2_000 && size.closed_minutes > 2);
    assert_eq!(size.newest, Some(Minute(99)));
}

#[test]
fn exemplars_are_the_same_whatever_the_order() {
    let mut there = Exemplars::default();
    let mut back = Exemplars::default();
    (0..100).for_each(|id| there.offer(TraceId(id)));
    (0..100).rev().for_each(|id| back.offer(TraceId(id)));
    assert_eq!(there, back);
    assert_eq!(there.sorted().len(), Exemplars::MAX);
    assert_eq!(EdgeStats::default().exemplars, Exemplars::default());
}
