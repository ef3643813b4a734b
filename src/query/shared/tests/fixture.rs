//! Small profiles in whole requests and milliseconds, and random ones.

use proptest::collection::vec;
use proptest::prelude::*;

use super::super::*;
use crate::graph::Histogram;
use crate::model::{NodeId, NodeKind, WEIGHT_ONE};

pub const MILLI: u128 = 1_000_000 * WEIGHT_ONE as u128;
/// The nodes of random profiles.
pub const LETTERS: [&str; 6] = ["a", "b", "c", "d", "e", "other"];

/// Numbers of nodes by name, in the order of first use.
#[derive(Default)]
pub struct Nodes(Vec<String>);

impl Nodes {
    pub fn id(&mut self, name: &str) -> NodeId {
        let known = self.0.iter().position(|known| known == name);
        NodeId(known.unwrap_or_else(|| {
            self.0.push(name.to_owned());
            self.0.len() - 1
        }) as u32)
    }

    /// Each node by its own name.
    pub fn name(&self, node: NodeId) -> NodeName {
        named(&self.0[node.0 as usize])
    }

    /// Nodes by what is before the first `/` of their names: a service and its operations.
    pub fn service(&self, node: NodeId) -> NodeName {
        named(self.0[node.0 as usize].split('/').next().unwrap())
    }
}

fn named(name: &str) -> NodeName {
    NodeName {
        id: format!("service:{name}"),
        label: name.to_owned(),
        kind: NodeKind::Service,
        is_other: name == "other",
    }
}

/// A context: calls above it, name, requests, total milliseconds of its own and of the way into it.
pub type Line = (usize, &'static str, u64, u64, u64);

/// A flow of so many requests whose durations are what its contexts need, plus `hidden` milliseconds in none of them.
pub fn flow(nodes: &mut Nodes, name: &str, requests: u64, hidden: u64, lines: &[Line]) -> FlowProfile {
    let mut entries: Vec<ProfileEntry> = Vec::new();
    let mut path: Vec<usize> = Vec::new();
    for (depth, node, weight, own, gap) in lines {
        path.truncate(*depth);
        let entry = ProfileEntry {
            parent: path.last().copied(),
            node: nodes.id(node),
            weight: u128::from(weight * WEIGHT_ONE),
            exclusive: u128::from(*own) * MILLI,
            gap: u128::from(*gap) * MILLI,
            inclusive: 0,
            retry: 0,
        };
        path.push(entries.len());
        entries.push(entry);
    }
    for at in (0..entries.len()).rev() {
        entries[at].inclusive += entries[at].exclusive + entries[at].gap;
        if let Some(parent) = entries[at].parent {
            entries[parent].inclusive += entries[at].inclusive;
        }
    }
    let roots: u128 =
        entries.iter().filter(|entry| entry.parent.is_none()).map(|entry| entry.inclusive).sum();
    FlowProfile {
        id: format!("flow:{name}"),
        name: name.into(),
        service: "gateway".into(),
        seen: requests,
        requests,
        weight: u128::from(requests * WEIGHT_ONE),
        duration: roots + u128::from(hidden) * MILLI,
        tier_permille: 1_000,
        cut_weight: 0,
        latency: Histogram::default(),
        entries,
    }
}

/// The labels of a segment, as `a > b`.
pub fn path(nodes: &[NodeName]) -> String {
    nodes.iter().map(|node| node.label.as_str()).collect::<Vec<_>>().join(" > ")
}

/// Everything that is shared, without folding and without a limit.
pub fn everything() -> SharedOptions {
    SharedOptions { min_new: 0.0, limit: usize::MAX, ..SharedOptions::default() }
}

/// What a random context is made of: its parent among those before it, node, weight in eighths of its parent's, times.
type Seed = (prop::sample::Index, usize, u64, u64, u64);

/// A random flow: no context has its parent's node, and no two siblings have the same.
fn any_flow() -> impl Strategy<Value = (u64, u64, u32, Vec<Seed>)> {
    let seed = (any::<prop::sample::Index>(), 0..LETTERS.len(), 0u64..=8, 0u64..50, 0u64..10);
    (0u64..40, 0u64..30, prop::sample::select(vec![500, 1_000, 3_000]), vec(seed, 1..14))
}

/// Up to five random flows over a minute, and the numbers of their nodes.
pub fn any_profiles() -> impl Strategy<Value = Profiles> {
    vec(any_flow(), 1..6).prop_map(|seeds| Profiles {
        seconds: 60.0,
        flows: seeds.into_iter().enumerate().map(|(number, seed)| grown(number, seed)).collect(),
    })
}

/// Nodes of random profiles have their letter's place as their number.
pub fn letter(node: NodeId) -> NodeName {
    named(LETTERS[node.0 as usize])
}

fn grown(number: usize, (requests, hidden, tier, seeds): (u64, u64, u32, Vec<Seed>)) -> FlowProfile {
    let mut profile = flow(&mut Nodes::default(), &format!("f{number}"), requests, hidden, &[]);
    profile.tier_permille = tier;
    let entries = &mut profile.entries;
    for (parent, node, eighths, own, gap) in seeds {
        let parent = (!entries.is_empty()).then(|| parent.index(entries.len()));
        let node = NodeId(node as u32);
        let has_node = |entry: &ProfileEntry| entry.parent == parent && entry.node == node;
        if entries.iter().any(has_node) || parent.is_some_and(|parent| entries[parent].node == node) {
            continue;
        }
        let above = parent.map_or(profile.weight, |parent| entries[parent].weight);
        let gap = if parent.is_none() { 0 } else { u128::from(gap) * MILLI };
        let weight = above * u128::from(eighths) / 8;
        let exclusive = u128::from(own) * MILLI;
        entries.push(ProfileEntry {
            parent,
            node,
            weight,
            exclusive,
            gap,
            inclusive: exclusive + gap,
            retry: 0,
        });
        let mut at = parent;
        while let Some(above) = at {
            entries[above].inclusive += exclusive + gap;
            at = entries[above].parent;
        }
        profile.duration += exclusive + gap;
    }
    profile
}
