//! Trees of calling contexts: exact sums, whatever is cut, and whatever the order.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::model::{Node, Sampling, Symbols};

const KEPT: usize = 6;

fn node(symbols: &Symbols, name: &str) -> NodeId {
    NodeId(symbols.nodes.intern(Node { name: symbols.intern(name), ..Node::default() }))
}

/// A path whose places are named by their chains, as `a>b>c`, with own time, gap and retry.
fn path(symbols: &Symbols, is_half: bool, rows: &[(&str, u64, u64, u64)]) -> CallPath {
    let sampling = if is_half { Sampling::from_threshold(1 << 55) } else { Sampling::UNKNOWN };
    let place = |(chain, exclusive_ns, gap_ns, retry_ns): &(&str, u64, u64, u64)| {
        let (above, name) = chain.rsplit_once('>').unwrap_or(("", chain));
        let parent = rows.iter().position(|row| row.0 == above).map(|at| at as u32);
        let (exclusive_ns, gap_ns, retry_ns) = (*exclusive_ns, *gap_ns, *retry_ns);
        PathPlace { parent, node: node(symbols, name), exclusive_ns, gap_ns, retry_ns }
    };
    CallPath { sampling, places: rows.iter().map(place).collect() }
}

/// A context a line, indented, in units of weight 1: requests, weight, own time, gap, retry, inclusive, other.
fn lines(symbols: &Symbols, paths: &FlowPaths) -> Vec<String> {
    let name = |node: NodeId| symbols.text(symbols.nodes.get(node.0).name);
    let line = |context: &PathContext| {
        let PathSums { requests, weight, exclusive, gap, retry, inclusive } = context.sums;
        let [weight, exclusive, gap, retry, inclusive, other] =
            [weight, exclusive, gap, retry, inclusive, context.other].map(|sum| sum >> 16);
        format!(
            "{}{} n {requests} w {weight} own {exclusive} gap {gap} retry {retry} all {inclusive} other {other}",
            "  ".repeat(context.depth),
            name(context.node),
        )
    };
    paths.tree_by_node(name).contexts.iter().map(line).collect()
}

fn sum(symbols: &Arc<Symbols>, paths: &[CallPath], max: usize) -> FlowPaths {
    let mut hashes = Hashes::new(symbols.clone());
    let mut sums = FlowPaths::default();
    paths.iter().for_each(|path| sums.apply(Sign::Plus, path, max, &mut hashes));
    sums
}

fn two_requests(symbols: &Symbols) -> [CallPath; 2] {
    [
        path(symbols, false, &[("a", 10, 0, 0), ("a>b", 20, 5, 0), ("a>b>d", 8, 2, 0), ("a>d", 30, 1, 7)]),
        path(symbols, true, &[("a", 1, 0, 0), ("a>b", 2, 3, 1)]),
    ]
}

#[test]
fn requests_add_up_by_chains_of_calls_and_weights() {
    let symbols = Symbols::new(100);
    let paths = sum(&symbols, &two_requests(&symbols), usize::MAX);
    assert_eq!(
        lines(&symbols, &paths),
        [
            "a n 2 w 3 own 12 gap 0 retry 0 all 88 other 0",
            "  b n 2 w 3 own 24 gap 11 retry 2 all 45 other 0",
            "    d n 1 w 1 own 8 gap 2 retry 0 all 10 other 0",
            "  d n 1 w 1 own 30 gap 1 retry 7 all 31 other 0",
        ]
    );
    assert_eq!((paths.requests, paths.weight >> 16, paths.weight_squares >> 32), (2, 3, 5));
    assert_eq!(paths.duration >> 16, 88);
    assert_eq!(paths.tree().other, 0);
}

#[test]
fn what_is_folded_together_keeps_its_times() {
    let symbols = Symbols::new(100);
    let paths = sum(&symbols, &two_requests(&symbols), usize::MAX);
    let hashes = Hashes::new(symbols.clone());
    let [a, b, d, other] = ["a", "b", "d", "other"].map(|name| node(&symbols, name));
    let fold = |folded: &[NodeId]| {
        let placed = paths.placed(|node| if folded.contains(&node) { other } else { node }, &hashes);
        assert_eq!((placed.requests, placed.duration), (paths.requests, paths.duration));
        lines(&symbols, &placed)
    };
    // Callees of one context become one; below it `other` would call itself.
    assert_eq!(
        fold(&[b, d]),
        [
            "a n 2 w 3 own 12 gap 0 retry 0 all 88 other 0",
            "  other n 3 w 4 own 62 gap 14 retry 9 all 76 other 0",
        ]
    );
    assert_eq!(
        fold(&[a, b]),
        [
            "other n 2 w 3 own 36 gap 11 retry 2 all 88 other 0",
            "  d n 2 w 2 own 38 gap 3 retry 7 all 41 other 0",
        ]
    );
}

#[test]
fn what_is_cut_shows_as_other_in_its_caller() {
    let symbols = Symbols::new(100);
    let requests = two_requests(&symbols);
    // The tree has four contexts. The largest rank is that of one of the leaves, whichever it is.
    let paths = sum(&symbols, &requests, 3);
    let tree = paths.tree();
    assert_eq!(tree.contexts.len(), 3);
    assert_eq!(tree.contexts[0].sums.inclusive >> 16, 88);
    let others: u128 = tree.contexts.iter().map(|context| context.other >> 16).sum();
    assert!(others == 10 || others == 31 || others == 41, "{others}");
    // A single place is that of the root, and nothing of it is lost.
    let paths = sum(&symbols, &requests, 1);
    assert_eq!(lines(&symbols, &paths), ["a n 2 w 3 own 12 gap 0 retry 0 all 88 other 76"]);
}

#[test]
fn roots_beyond_the_cap_are_other_of_the_flow() {
    let symbols = Symbols::new(100);
    let requests = ["a", "b", "c"].map(|root| path(&symbols, false, &[(root, 5, 0, 0)]));
    let tree = sum(&symbols, &requests, 2).tree();
    assert_eq!((tree.contexts.len(), tree.other >> 16), (2, 5));
}

/// What is drawn of a request: its root, whether it stands for two, and places: above which, node, own time, gap.
type Draw = (u8, bool, Vec<(usize, u8, u64, u64)>);

fn any_draws() -> impl Strategy<Value = Vec<Draw>> {
    let places = prop::collection::vec((any::<usize>(), 0..5_u8, 0..50_u64, 0..50_u64), 0..8);
    prop::collection::vec((0..2_u8, any::<bool>(), places), 1..20)
}

fn drawn(symbols: &Symbols, draws: &[Draw]) -> Vec<CallPath> {
    let request = |(root, is_half, places): &Draw| {
        let mut chains = vec![(format!("r{root}"), 3, 0)];
        for (above, name, own, gap) in places {
            let above = &chains[above % chains.len()].0;
            let chain = format!("{above}>n{name}");
            let repeats = above.ends_with(&format!("n{name}"));
            if !repeats && chains.iter().all(|(known, ..)| *known != chain) {
                chains.push((chain, *own, *gap));
            }
        }
        let rows: Vec<(&str, u64, u64, u64)> =
            chains.iter().map(|(chain, own, gap)| (chain.as_str(), *own, *gap, own / 2)).collect();
        path(symbols, *is_half, &rows)
    };
    draws.iter().map(request).collect()
}

/// The chains of a tree with their sums.
fn by_chain(tree: &PathTree) -> BTreeMap<Vec<NodeId>, PathSums> {
    let mut chains: Vec<Vec<NodeId>> = Vec::new();
    for context in &tree.contexts {
        let mut chain = context.parent.map_or(Vec::new(), |parent| chains[parent].clone());
        chain.push(context.node);
        assert_eq!(chain.len(), context.depth + 1);
        chains.push(chain);
    }
    chains.into_iter().zip(&tree.contexts).map(|(chain, context)| (chain, context.sums)).collect()
}

proptest! {
    #[test]
    fn a_cap_keeps_the_contexts_that_rank_first_with_all_their_sums(
        draws in any_draws(),
    ) {
        let symbols = Symbols::new(1_000);
        let paths = drawn(&symbols, &draws);
        let all = sum(&symbols, &paths, usize::MAX);
        let capped = sum(&symbols, &paths, KEPT);
        let everything = by_chain(&all.tree());
        let kept = by_chain(&capped.tree());
        // Naively: rank every chain by the keys of all its beginnings.
        let mut hashes = Hashes::new(symbols.clone());
        let mut ranked: Vec<(u128, usize, u128, &Vec<NodeId>)> = Vec::new();
        for chain in everything.keys() {
            let mut keys = vec![0];
            for node in chain {
                keys.push(chained_hash(keys[keys.len() - 1], hashes.node_wide(*node)));
            }
            ranked.push((keys.iter().copied().max().unwrap(), chain.len(), keys[chain.len()], chain));
        }
        ranked.sort();
        let expected: BTreeSet<&Vec<NodeId>> = ranked.iter().take(KEPT).map(|rank| rank.3).collect();
        prop_assert_eq!(kept.keys().collect::<BTreeSet<_>>(), expected);
        for (chain, sums) in &kept {
            prop_assert_eq!(sums, &everything[chain]);
        }
    }

    #[test]
    fn nothing_is_lost_by_caps_order_or_merging(
        (draws, order) in any_draws().prop_flat_map(|draws| {
            let order = Just((0..draws.len()).collect::<Vec<_>>()).prop_shuffle();
            (Just(draws), order)
        }),
        max in prop_oneof![Just(1_usize), Just(KEPT), Just(usize::MAX)],
        cuts in (any::<prop::sample::Index>(), any::<prop::sample::Index>()),
    ) {
        let symbols = Symbols::new(1_000);
        let paths = drawn(&symbols, &draws);
        let whole = sum(&symbols, &paths, max);
        let tree = whole.tree();
        let shown: u128 = tree.contexts.iter().map(|context| context.sums.exclusive + context.sums.gap + context.other).sum();
        prop_assert_eq!(shown + tree.other, whole.duration);
        let durations = paths.iter().map(|path| {
            let nanos: u64 = path.places.iter().map(|place| place.exclusive_ns + place.gap_ns).sum();
            u128::from(nanos) * u128::from(path.sampling.weight())
        });
        prop_assert_eq!(whole.duration, durations.sum::<u128>());

        let shuffled: Vec<CallPath> = order.iter().map(|at| paths[*at].clone()).collect();
        prop_assert_eq!(&sum(&symbols, &shuffled, max), &whole);
        let mut cuts = [cuts.0.index(paths.len()), cuts.1.index(paths.len())];
        cuts.sort();
        let parts = [&shuffled[..cuts[0]], &shuffled[cuts[0]..cuts[1]], &shuffled[cuts[1]..]]
            .map(|part| sum(&symbols, part, max));
        let merge = |left: &FlowPaths, right: &FlowPaths| {
            let mut merged = left.clone();
            merged.merge(right, max);
            merged
        };
        let [a, b, c] = &parts;
        prop_assert_eq!(&merge(&merge(a, b), c), &whole);
        prop_assert_eq!(&merge(a, &merge(c, b)), &whole);

        // Taken back, all of it is gone.
        let (mut hashes, mut back) = (Hashes::new(symbols.clone()), whole);
        shuffled.iter().for_each(|path| back.apply(Sign::Minus, path, max, &mut hashes));
        prop_assert_eq!((back.requests, back.weight, back.weight_squares, back.duration), (0, 0, 0, 0));
        prop_assert_eq!(back.tree(), PathTree::default());
    }
}
