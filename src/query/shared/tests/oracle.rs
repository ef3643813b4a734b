//! A second implementation from the definitions alone: every segment there is, counted one by one.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::super::*;
use super::fixture::*;

const LONGEST: usize = 8;

/// What the definitions say of one flow and one segment.
struct Counted {
    weight: u128,
    through: u128,
    own: u128,
    is_sharing: bool,
}

/// The entry and those above it, from the root down.
fn chain(flow: &FlowProfile, at: usize) -> Vec<usize> {
    let mut chain = vec![at];
    while let Some(parent) = flow.entries[*chain.last().unwrap()].parent {
        chain.push(parent);
    }
    chain.reverse();
    chain
}

/// All occurrences of a segment, as the entries of its nodes.
fn occurrences(flow: &FlowProfile, segment: &[u32]) -> Vec<Vec<usize>> {
    (0..flow.entries.len())
        .map(|at| chain(flow, at))
        .filter(|chain| chain.len() >= segment.len())
        .map(|chain| chain[chain.len() - segment.len()..].to_vec())
        .filter(|run| run.iter().zip(segment).all(|(at, node)| flow.entries[*at].node.0 == *node))
        .collect()
}

fn counted(flow: &FlowProfile, segment: &[u32], options: &SharedOptions) -> Option<Counted> {
    let found = occurrences(flow, segment);
    if found.is_empty() {
        return None;
    }
    let entries = &flow.entries;
    let last = |run: &Vec<usize>| *run.last().unwrap();
    let weight = found.iter().map(|run| entries[last(run)].weight).sum::<u128>().min(flow.weight);
    // Everything at and below the last nodes, each once: where no other last node is above.
    let ends: BTreeSet<usize> = found.iter().map(last).collect();
    let is_outermost = |end: &usize| {
        let above = chain(flow, *end);
        !above[..above.len() - 1].iter().any(|at| ends.contains(at))
    };
    let through = ends.iter().filter(|end| is_outermost(end)).map(|end| entries[*end].inclusive).sum();
    // For each entry the largest part of its times that an occurrence claims.
    let mut claims: BTreeMap<(usize, bool), u128> = BTreeMap::new();
    for run in &found {
        for (place, at) in run.iter().enumerate() {
            for is_gap in [false, true].into_iter().take(if place > 0 { 2 } else { 1 }) {
                let claim = claims.entry((*at, is_gap)).or_default();
                *claim = (*claim).max(entries[last(run)].weight);
            }
        }
    }
    let own = claims
        .iter()
        .map(|((at, is_gap), weight)| {
            let time = if *is_gap { entries[*at].gap } else { entries[*at].exclusive };
            let whole = entries[*at].weight;
            if *weight == 0 {
                0
            } else if *weight == whole {
                time
            } else {
                (time as f64 * (*weight as f64 / whole as f64)) as u128
            }
        })
        .sum();
    let presence = if flow.weight == 0 { 0.0 } else { weight as f64 / flow.weight as f64 };
    let is_sharing = flow.requests >= options.min_requests
        && surely(presence, flow.requests as f64) >= options.min_presence;
    Some(Counted { weight, through, own, is_sharing })
}

/// The smaller share p0 that a two-sided test at z = 1.96 does not refute: (p - p0)² = z² p0 (1 - p0) / n, by bisection.
fn surely(p: f64, n: f64) -> f64 {
    let (mut low, mut high) = (0.0, p);
    for _ in 0..200 {
        let middle = (low + high) / 2.0;
        let is_refuted = (p - middle) * (p - middle) > 1.96 * 1.96 * middle * (1.0 - middle) / n;
        if is_refuted { low = middle } else { high = middle }
    }
    high
}

/// FE, Neff, SCORE, V and the number of flows of every maximal shared segment.
fn expected(profiles: &Profiles, options: &SharedOptions) -> BTreeMap<String, (usize, [f64; 4])> {
    let mut all: BTreeSet<Vec<u32>> = BTreeSet::new();
    for flow in &profiles.flows {
        for at in 0..flow.entries.len() {
            let nodes: Vec<u32> = chain(flow, at).iter().map(|at| flow.entries[*at].node.0).collect();
            for length in 1..=nodes.len().min(LONGEST) {
                all.insert(nodes[nodes.len() - length..].to_vec());
            }
        }
    }
    let is_real = |segment: &Vec<u32>| segment.iter().all(|node| LETTERS[*node as usize] != "other");
    let count = |segment: &Vec<u32>| -> Vec<Option<Counted>> {
        profiles.flows.iter().map(|flow| counted(flow, segment, options)).collect()
    };
    let sharing = |parts: &[Option<Counted>]| -> Vec<bool> {
        parts.iter().map(|part| part.as_ref().is_some_and(|part| part.is_sharing)).collect()
    };
    let shared: BTreeMap<Vec<u32>, Vec<Option<Counted>>> = all
        .into_iter()
        .filter(is_real)
        .map(|segment| (segment.clone(), count(&segment)))
        .filter(|(_, parts)| sharing(parts).iter().filter(|is| **is).count() >= options.min_flows)
        .collect();
    let through = |parts: &[Option<Counted>]| -> u128 {
        parts.iter().flatten().filter(|part| part.is_sharing).map(|part| part.through).sum()
    };
    let is_maximal = |segment: &[u32], parts: &[Option<Counted>]| {
        !shared.iter().any(|(longer, longer_parts)| {
            longer.len() == segment.len() + 1
                && (longer[1..] == *segment || longer[..segment.len()] == *segment)
                && sharing(longer_parts) == sharing(parts)
                && through(longer_parts) * 10 >= through(parts) * 9
        })
    };
    let total: u128 = profiles.flows.iter().map(|flow| flow.duration).sum();
    let mut rows = BTreeMap::new();
    for (segment, parts) in shared.iter().filter(|(segment, parts)| is_maximal(segment, parts)) {
        let shares: Vec<f64> = profiles
            .flows
            .iter()
            .zip(parts)
            .filter_map(|(flow, part)| Some((flow, part.as_ref()?)))
            .filter(|(_, part)| part.is_sharing)
            .map(|(flow, part)| {
                let share = if flow.duration == 0 { 0.0 } else { part.own as f64 / flow.duration as f64 };
                share * f64::from(flow.tier_permille) / 1_000.0
            })
            .collect();
        let sum: f64 = shares.iter().sum();
        if sum == 0.0 {
            continue;
        }
        let concentration: f64 = shares.iter().map(|share| (share / sum) * (share / sum)).sum();
        let own: u128 = parts.iter().flatten().map(|part| part.own).sum();
        let path: Vec<&str> = segment.iter().map(|node| LETTERS[*node as usize]).collect();
        let numbers = [sum, 1.0 / concentration, sum * (1.0 - concentration), own as f64 / total as f64];
        rows.insert(path.join(" > "), (shares.len(), numbers));
    }
    rows
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn mining_finds_what_enumeration_finds(profiles in any_profiles(), min_flows in 1usize..4) {
        let options = SharedOptions { min_flows, ..everything() };
        let expected = expected(&profiles, &options);
        let paths = shared_paths(&profiles, &options, &mut letter);
        let found: Vec<String> = paths.segments.iter().map(|row| path(&row.nodes)).collect();
        let sorted: BTreeSet<&String> = found.iter().collect();
        prop_assert_eq!(sorted, expected.keys().collect::<BTreeSet<_>>());
        for row in &paths.segments {
            let (flows, numbers) = &expected[&path(&row.nodes)];
            prop_assert_eq!(row.flows.len(), *flows);
            let of_row = [row.flow_equivalents, row.effective_flows, row.score, row.volume];
            for (found, expected) in of_row.iter().zip(numbers) {
                prop_assert!((found - expected).abs() < 1e-9, "{}: {of_row:?}, not {numbers:?}", path(&row.nodes));
            }
        }
    }

    #[test]
    fn presence_is_that_of_the_definition(profiles in any_profiles()) {
        let options = SharedOptions { min_flows: 1, ..everything() };
        for row in shared_paths(&profiles, &options, &mut letter).segments {
            let segment: Vec<u32> = row.nodes.iter()
                .map(|node| LETTERS.iter().position(|letter| *letter == node.label).unwrap() as u32).collect();
            for share in &row.flows {
                let flow = profiles.flows.iter().find(|flow| flow.id == share.id).unwrap();
                let counted = counted(flow, &segment, &options).unwrap();
                prop_assert_eq!(share.presence, counted.weight as f64 / flow.weight as f64);
                prop_assert!(share.presence_low <= share.presence);
            }
        }
    }
}
