//! What holds for every set of profiles.

use proptest::prelude::*;

use super::super::measure::{ratio, sure_weight, wilson_lower};
use super::super::segments::{Miner, Part};
use super::super::tree::Forest;
use super::super::*;
use super::fixture::*;
use crate::model::NodeId;

/// The same profiles with flows, siblings and the numbers of nodes in another order.
fn shuffled(profiles: &Profiles) -> Profiles {
    let mut other = profiles.clone();
    other.flows.reverse();
    for flow in &mut other.flows {
        // Level by level, the last first: still parents before children.
        let depth = |mut at: usize| {
            let mut depth = 0;
            while let Some(parent) = flow.entries[at].parent {
                (at, depth) = (parent, depth + 1);
            }
            depth
        };
        let mut order: Vec<usize> = (0..flow.entries.len()).rev().collect();
        order.sort_by_key(|at| depth(*at));
        let place = |old: usize| order.iter().position(|at| *at == old).unwrap();
        let entries = order.iter().map(|at| {
            let entry = flow.entries[*at];
            ProfileEntry { parent: entry.parent.map(place), node: renumbered(entry.node), ..entry }
        });
        flow.entries = entries.collect();
    }
    other
}

fn renumbered(node: NodeId) -> NodeId {
    NodeId(LETTERS.len() as u32 - 1 - node.0)
}

proptest! {
    #[test]
    fn order_and_numbers_change_nothing(profiles in any_profiles(), by_volume: bool) {
        let sort = if by_volume { Sort::Volume } else { Sort::Score };
        let options = SharedOptions { sort, ..SharedOptions::default() };
        let other = shuffled(&profiles);
        let mut renamed = |node| letter(renumbered(node));
        prop_assert_eq!(
            shared_paths(&profiles, &options, &mut letter),
            shared_paths(&other, &options, &mut renamed)
        );
        prop_assert_eq!(on_path(&profiles, &options, &mut letter), on_path(&other, &options, &mut renamed));
        for flow in &profiles.flows {
            let views = [flow_view(&profiles, &flow.id, &options, &mut letter),
                flow_view(&other, &flow.id, &options, &mut renamed)];
            prop_assert!(views[0].is_some() && views[0] == views[1], "{:?}", views);
        }
    }

    #[test]
    fn a_limit_shortens_the_list_and_changes_nothing_else(profiles in any_profiles(), limit in 1..6usize) {
        let all = SharedOptions { min_requests: 1, limit: usize::MAX, ..SharedOptions::default() };
        let whole = shared_paths(&profiles, &all, &mut letter);
        let short = shared_paths(&profiles, &SharedOptions { limit, ..all }, &mut letter);
        let shown = whole.segments.len().min(limit);
        prop_assert_eq!(&short.segments[..], &whole.segments[..shown]);
        prop_assert_eq!(short.more, whole.segments.len() - shown);
        prop_assert!(short.other >= whole.other - 1e-9);
    }

    #[test]
    fn extending_a_segment_never_adds_presence_or_time_through(profiles in any_profiles()) {
        let forest = Forest::new(&profiles, &mut letter);
        let options = SharedOptions::default();
        let miner = Miner::new(&forest, &options, 0);
        let mut level = miner.single_nodes(true);
        while !level.segments.is_empty() {
            let longer = miner.longer(&mut level);
            for extension in &longer.segments {
                let nodes = longer.nodes(&forest, extension);
                for shorter in [&nodes[1..], &nodes[..nodes.len() - 1]] {
                    let shorter = level.segments.iter().find(|s| level.nodes(&forest, s) == shorter).unwrap();
                    let parts: Vec<Part> = miner.parts(&level, shorter).collect();
                    for part in miner.parts(&longer, extension) {
                        let of_shorter = parts.iter().find(|p| p.flow == part.flow).unwrap();
                        let [measure, measure_of_shorter] = [&part, of_shorter].map(|p| p.measure(&forest));
                        prop_assert!(measure.weight <= measure_of_shorter.weight);
                        prop_assert!(measure.least_weight <= measure_of_shorter.least_weight);
                        prop_assert!(measure.through <= measure_of_shorter.through);
                        prop_assert!(of_shorter.is_sharing || !part.is_sharing);
                    }
                }
            }
            level = longer;
        }
    }

    #[test]
    fn a_weight_is_sure_where_its_share_is(
        requests in 0u64..3_000, weight in 0u64..1 << 40, part in 0.0..=1.0f64, least in 0.0..=1.0f64,
    ) {
        let profile = FlowProfile { weight: weight.into(), ..flow(&mut Nodes::default(), "f", requests, 0, &[]) };
        let part = (weight as f64 * part) as u128;
        let is_sure = wilson_lower(ratio(part, weight.into()), requests) >= least;
        prop_assert_eq!(sure_weight(&profile, least).is_some_and(|sure| part >= sure), is_sure);
    }

    #[test]
    fn numbers_stay_within_their_bounds(mut profiles in any_profiles(), by_volume: bool) {
        profiles.flows.iter_mut().for_each(|flow| flow.tier_permille = 1_000);
        let sort = if by_volume { Sort::Volume } else { Sort::Score };
        let paths = shared_paths(&profiles, &SharedOptions { sort, ..SharedOptions::default() }, &mut letter);
        let slack = 1e-9;
        for row in &paths.segments {
            let flows = row.flows.len() as f64;
            prop_assert!(row.flow_equivalents > 0.0 && row.flow_equivalents <= flows + slack);
            prop_assert!(row.effective_flows >= 1.0 - slack && row.effective_flows <= flows + slack);
            prop_assert!(row.score >= 0.0 && row.score <= row.flow_equivalents);
            prop_assert!((0.0..=1.0).contains(&row.volume) && (0.0..=1.0).contains(&row.new));
            prop_assert!(row.variants.iter().all(|variant| variant.new < 0.3));
            prop_assert!(row.flows.iter().all(|flow| flow.share <= 1.0 && flow.through <= 1.0));
        }
        prop_assert!((0.0..=1.0).contains(&paths.other));
        prop_assert!(paths.unknown <= paths.other + slack, "{} {}", paths.unknown, paths.other);
        let requests = |flow: &FlowProfile| flow.requests >= 10;
        prop_assert_eq!(paths.flows + paths.left_out.len(), profiles.flows.len());
        prop_assert_eq!(paths.flows, profiles.flows.iter().filter(|flow| requests(flow)).count());
    }

    #[test]
    fn the_parts_of_a_flow_are_all_of_its_time(profiles in any_profiles()) {
        for flow in &profiles.flows {
            let view = flow_view(&profiles, &flow.id, &SharedOptions::default(), &mut letter).unwrap();
            let parts: f64 = view.contexts.iter().map(|context| context.exclusive + context.gap).sum();
            if flow.duration > 0 {
                prop_assert!((parts + view.other - 1.0).abs() < 1e-9);
            }
            for (place, context) in view.contexts.iter().enumerate() {
                let below: f64 =
                    view.contexts.iter().filter(|c| c.parent == Some(place)).map(|c| c.inclusive).sum();
                let sum = context.exclusive + context.gap + context.other + below;
                prop_assert!((sum - context.inclusive).abs() < 1e-9);
                prop_assert!(context.parent.is_none_or(|parent| parent < place));
            }
        }
    }

    #[test]
    fn a_node_is_on_the_path_of_as_many_flows_as_a_view_says(profiles in any_profiles()) {
        let options = SharedOptions::default();
        let numbers = on_path(&profiles, &options, &mut letter);
        for flow in &profiles.flows {
            let view = flow_view(&profiles, &flow.id, &options, &mut letter).unwrap();
            for context in view.contexts.iter().filter(|context| !context.node.is_other) {
                let flows = numbers.nodes[&context.node.id].flows;
                prop_assert!(context.other_flows == flows || context.other_flows + 1 == flows);
            }
        }
        let own: f64 = numbers.nodes.values().map(|node| node.share).sum();
        prop_assert!(own <= 1.0 + 1e-9);
    }
}
