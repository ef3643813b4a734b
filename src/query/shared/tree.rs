//! Profiles in one canonical form: nodes by rank of their ids, contexts in pre-order with children by node.
//!
//! Where the names roll nodes up, repeats on a path collapse and siblings that became one are added.

use std::cmp::Reverse;

use super::profile::{FlowProfile, NodeName, Profiles};
use crate::model::{FastMap, NodeId};

/// No parent, no segment.
pub(super) const NONE: u32 = u32::MAX;

/// A calling context.
///
/// All of them are larger than any cache, and segments reach them in no order: what a walk up a path reads of each is
/// one line of the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, align(64))]
pub(super) struct Context {
    /// Index into [`Forest::names`].
    pub node: u32,
    /// Index of the parent, or [`NONE`].
    pub parent: u32,
    /// Index behind the last context below it.
    pub end: u32,
    /// Of the requests that have it; an upper bound where siblings were added.
    pub weight: u128,
    pub exclusive: u128,
    pub gap: u128,
    /// The largest of the added siblings: a lower bound.
    pub least_weight: u128,
    pub inclusive: u128,
    pub retry: u128,
}

/// A flow and its contexts.
pub(super) struct Flow<'a> {
    pub profile: &'a FlowProfile,
    /// In pre-order.
    pub contexts: Vec<Context>,
}

/// All flows, sorted by id.
pub(super) struct Forest<'a> {
    pub seconds: f64,
    /// Sorted by id.
    pub names: Vec<NodeName>,
    pub flows: Vec<Flow<'a>>,
    /// Critical time of all flows.
    pub duration: u128,
}

impl<'a> Forest<'a> {
    /// The canonical form under the level that `name` chooses; it is asked once per node.
    pub fn new(profiles: &'a Profiles, name: &mut dyn FnMut(NodeId) -> NodeName) -> Forest<'a> {
        let (names, ranks) = ranked(profiles, name);
        let mut flows: Vec<Flow> = profiles
            .flows
            .iter()
            .map(|profile| Flow { profile, contexts: in_order(&merged(profile, &ranks)) })
            .collect();
        flows.sort_by(|a, b| a.profile.id.cmp(&b.profile.id));
        let duration = flows.iter().map(|flow| flow.profile.duration).sum();
        Forest { seconds: profiles.seconds, names, flows, duration }
    }
}

/// The names, sorted by id, and the rank of each node among them.
fn ranked(
    profiles: &Profiles,
    name: &mut dyn FnMut(NodeId) -> NodeName,
) -> (Vec<NodeName>, FastMap<NodeId, u32>) {
    let mut of_node: FastMap<NodeId, NodeName> = FastMap::default();
    for entry in profiles.flows.iter().flat_map(|flow| &flow.entries) {
        of_node.entry(entry.node).or_insert_with(|| name(entry.node));
    }
    let mut names: Vec<NodeName> = of_node.values().cloned().collect();
    names.sort_unstable();
    names.dedup_by(|a, b| a.id == b.id);
    let rank = |name: &NodeName| names.partition_point(|other| other.id < name.id) as u32;
    let ranks = of_node.iter().map(|(node, name)| (*node, rank(name))).collect();
    (names, ranks)
}

/// The contexts at the answer's level, parents before children.
fn merged(profile: &FlowProfile, ranks: &FastMap<NodeId, u32>) -> Vec<Context> {
    let mut contexts: Vec<Context> = Vec::with_capacity(profile.entries.len());
    let mut known: FastMap<(u32, u32), u32> = FastMap::default();
    let mut place_of: Vec<u32> = Vec::with_capacity(profile.entries.len());
    for entry in &profile.entries {
        let parent = entry.parent.and_then(|parent| place_of.get(parent)).map_or(NONE, |place| *place);
        let node = ranks[&entry.node];
        if parent != NONE && contexts[parent as usize].node == node {
            let parent_context = &mut contexts[parent as usize];
            parent_context.exclusive += entry.exclusive + entry.gap;
            place_of.push(parent);
            continue;
        }
        let place = *known.entry((parent, node)).or_insert_with(|| {
            let zero = Context {
                node,
                parent,
                end: 0,
                weight: 0,
                least_weight: 0,
                exclusive: 0,
                gap: 0,
                inclusive: 0,
                retry: 0,
            };
            contexts.push(zero);
            contexts.len() as u32 - 1
        });
        place_of.push(place);
        let context = &mut contexts[place as usize];
        context.weight += entry.weight;
        context.least_weight = context.least_weight.max(entry.weight);
        context.exclusive += entry.exclusive;
        context.gap += entry.gap;
        context.inclusive += entry.inclusive;
        context.retry += entry.retry;
    }
    for place in 0..contexts.len() {
        let Context { parent, weight, .. } = contexts[place];
        let most = if parent == NONE { profile.weight } else { contexts[parent as usize].weight };
        contexts[place].weight = weight.min(most);
    }
    contexts
}

/// The same contexts in pre-order, children by node.
fn in_order(contexts: &[Context]) -> Vec<Context> {
    // Siblings in a row, by parent; a stack is worked on from its end, so they are pushed in descending order.
    let mut siblings: Vec<u32> = (0..contexts.len() as u32).collect();
    let parent = |place: &u32| contexts[*place as usize].parent;
    siblings.sort_unstable_by_key(|place| (parent(place), Reverse(contexts[*place as usize].node)));
    let mut children: Vec<&[u32]> = vec![&[]; contexts.len()];
    let mut stack: Vec<u32> = Vec::new();
    for row in siblings.chunk_by(|a, b| parent(a) == parent(b)) {
        match children.get_mut(parent(&row[0]) as usize) {
            Some(children) => *children = row,
            None => stack.extend(row),
        }
    }
    let mut ordered: Vec<Context> = Vec::with_capacity(contexts.len());
    let mut new_place = vec![NONE; contexts.len()];
    while let Some(place) = stack.pop() {
        let context = contexts[place as usize];
        let parent = if context.parent == NONE { NONE } else { new_place[context.parent as usize] };
        new_place[place as usize] = ordered.len() as u32;
        ordered.push(Context { parent, end: ordered.len() as u32 + 1, ..context });
        stack.extend(children[place as usize]);
    }
    for place in (0..ordered.len()).rev() {
        let Context { parent, end, .. } = ordered[place];
        if parent != NONE {
            let parent = &mut ordered[parent as usize];
            parent.end = parent.end.max(end);
        }
    }
    ordered
}
