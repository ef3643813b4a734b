//! Buckets under caps: a function of the set of their facts, whatever the order and grouping.

use std::sync::Arc;

use proptest::prelude::*;

use super::bucket::{Bucket, Caps};
use super::fixture::{Row, facts, rows, shown};
use super::hashes::Hashes;
use super::stats::{EdgeStats, Sign};
use super::*;
use crate::analyze::Facts;
use crate::config::Config;
use crate::model::{Minute, Symbols, TraceId};

fn sum<'a>(symbols: &Arc<Symbols>, rows: impl Iterator<Item = &'a Row>, caps: &Caps) -> Bucket {
    let mut hashes = Hashes::new(symbols.clone());
    let mut bucket = Bucket::default();
    rows.for_each(|row| bucket.apply(Sign::Plus, &facts(symbols, row), caps, &mut hashes));
    bucket
}

const FEW_NODES: Caps = Caps { operations_per_service: 2, nodes: 3, edges: 1_000, ..Caps::NONE };
const FEW_EDGES: Caps = Caps { edges: 5, flows: 3, refined_flows: 2, paths: 7, calls: 3, ..Caps::NONE };
const FEW_OF_ALL: Caps = Caps {
    operations_per_service: 2,
    nodes: 3,
    edges: 4,
    flows: 3,
    refined_flows: 2,
    paths: 5,
    traces: 2,
    calls: 2,
};

proptest! {
    #[test]
    fn what_is_capped_depends_on_no_order_and_no_grouping(
        rows in rows(),
        split in 0..80usize,
        caps in prop_oneof![Just(FEW_NODES), Just(FEW_EDGES), Just(FEW_OF_ALL)],
    ) {
        let symbols = Symbols::new(10_000);
        let mut hashes = Hashes::new(symbols.clone());
        let mut read = |bucket: &Bucket| {
            let mut reading = Bucket::default();
            reading.add(bucket, &mut hashes, &|_| true);
            shown(&reading)
        };
        let whole = sum(&symbols, rows.iter(), &caps);
        prop_assert_eq!(read(&sum(&symbols, rows.iter().rev(), &caps)), read(&whole));
        let (left, right) = rows.split_at(split.min(rows.len()));
        let mut merged = sum(&symbols, right.iter(), &caps);
        merged.merge(&sum(&symbols, left.iter(), &caps), &caps, &mut Hashes::new(symbols.clone()));
        prop_assert_eq!(read(&merged), read(&whole));
        prop_assert!(merged.edges.len() <= caps.edges && merged.flows.len() <= caps.flows);
        for stats in merged.flows.values() {
            prop_assert!(stats.paths.nodes().count() <= caps.paths);
            let FlowCalls { requests, calls, joined, arrivals } = &stats.calls;
            let most = calls.sums.len().max(joined.sums.len()).max(arrivals.sums.len());
            prop_assert!(most <= caps.calls, "{most} are kept");
            let known: u64 = calls.known().map(|(_, call)| call.calls()).sum();
            prop_assert_eq!((*requests, known + calls.other), (stats.requests, stats.requests), "each made one call");
        }
        let calls = |bucket: &Bucket| bucket.edges.values().map(|stats| stats.calls).sum::<u64>() + bucket.totals.other_calls;
        prop_assert_eq!(calls(&merged), rows.len() as u64, "nothing is lost without being counted");
        prop_assert_eq!(calls(&whole), rows.len() as u64);
    }
}

proptest! {
    #[test]
    fn what_is_taken_back_was_never_there(
        rows in rows(),
        split in 0..80usize,
        caps in prop_oneof![Just(Caps::NONE), Just(FEW_OF_ALL)],
    ) {
        let symbols = Symbols::new(10_000);
        let mut hashes = Hashes::new(symbols.clone());
        let (stays, goes) = rows.split_at(split.min(rows.len()));
        let mut bucket = sum(&symbols, rows.iter(), &caps);
        goes.iter().for_each(|row| bucket.apply(Sign::Minus, &facts(&symbols, row), &caps, &mut hashes));
        let left = sum(&symbols, stays.iter(), &caps);
        let known = |bucket: &Bucket| -> std::collections::BTreeMap<FlowKey, u64> {
            let flows = bucket.flows.iter().filter(|(_, stats)| stats.requests > 0);
            flows.map(|(key, stats)| (*key, stats.requests)).collect()
        };
        // Under a cap what pushed something out does not bring it back; what is left is exact all the same.
        for (key, requests) in known(&bucket) {
            prop_assert_eq!(left.flows.get(&key).map(|stats| stats.requests), Some(requests));
            let of = |calls: &FlowCalls| calls.calls.known().map(|(key, call)| (*key, *call)).collect::<std::collections::BTreeMap<_, _>>();
            let (calls, all) = (of(&bucket.flows[&key].calls), of(&left.flows[&key].calls));
            match caps == Caps::NONE {
                true => prop_assert_eq!(calls, all),
                false => for (key, call) in calls {
                    prop_assert_eq!(all.get(&key).is_some_and(|kept| *kept == call), true, "{:?}", call);
                },
            }
            let (tree, expected) = (bucket.flows[&key].paths.tree(), left.flows[&key].paths.tree());
            let of = |tree: &PathTree| tree.contexts.iter().map(|context| (context.node, context.depth, context.sums)).collect::<Vec<_>>();
            match caps == Caps::NONE {
                true => prop_assert_eq!(tree, expected),
                false => for context in of(&tree) {
                    prop_assert!(of(&expected).contains(&context), "{context:?}");
                },
            }
        }
        if caps == Caps::NONE {
            prop_assert_eq!(known(&bucket), known(&left));
        }
    }
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

proptest! {
    /// Shown facts wait without their spans, which come back only where they would be kept.
    #[test]
    fn what_was_shown_first_keeps_the_same_traces(rows in rows(), max in 0..4usize) {
        let symbols = Symbols::new(10_000);
        let mut config = Config::default();
        config.flows.max_traces = max;
        let kept = |is_shown_first: bool| {
            let live = LiveGraph::new(symbols.clone(), &config);
            let mut writer = live.writer();
            let mut waiting: Vec<(u32, Facts)> = Vec::new();
            for row in &rows {
                let mut facts = facts(&symbols, &Row { minute: 7, ..row.clone() });
                if is_shown_first {
                    writer.show(row.lane, &facts);
                    facts.spans = Vec::new();
                }
                waiting.push((row.lane, facts));
            }
            for ((lane, mut waiting), row) in waiting.into_iter().zip(&rows) {
                if !is_shown_first {
                    writer.record(lane, &waiting);
                    continue;
                }
                if writer.would_keep(lane, &waiting) {
                    waiting.give_spans(facts(&symbols, &Row { minute: 7, ..row.clone() }).spans);
                }
                writer.settle(lane, &waiting);
            }
            let mut bucket = Bucket::default();
            let mut hashes = Hashes::new(symbols.clone());
            live.add_to(&live.finals(), &mut bucket, Minute(0), Minute(300), &mut hashes, &|_| true);
            bucket
        };
        let (settled, recorded) = (kept(true), kept(false));
        prop_assert_eq!(shown(&settled), shown(&recorded));
        let lanes = rows.iter().map(|row| row.lane).collect::<std::collections::BTreeSet<_>>().len();
        prop_assert!(recorded.flows.values().all(|stats| stats.traces.sample().len() <= max * lanes));
    }
}
