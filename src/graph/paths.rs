//! Critical call paths of a flow, added up: a tree of calling contexts (ALGORITHMS 2).
//!
//! A context is a chain of nodes from the root of a request. Its key is a hash over the strings of the chain, so it is
//! the same in every process.
//!
//! Guaranteed: the sums are exact and depend on no order and no grouping, also under a cap. Of a capped tree those
//! contexts stay that have the smallest ranks, where a rank is the largest key on the way from the root, then the depth:
//! no context ranks before its caller, so callers stay as long as anything below them. A context of the final ones was
//! among the smallest at every moment before, so nothing of it was ever cut (see [`super::cap`]). The time of what was
//! cut counts in its callers all the same, where it shows as `other`.

use std::collections::BTreeSet;

use super::hashes::Hashes;
use super::stats::Sign;
use crate::analyze::{CallPath, PathPlace};
use crate::model::{FastMap, NodeId, chained_hash};

#[cfg(test)]
mod tests;

/// Hash over the strings of a chain of calls.
type ContextKey = u128;

/// The key above all roots.
const NO_CONTEXT: ContextKey = 0;

/// What the requests of a flow waited for.
///
/// Weights are in 1/65536, times are nanoseconds multiplied with weights.
#[derive(Clone, Debug, Default)]
pub struct FlowPaths {
    /// Requests whose path is known.
    pub requests: u64,
    /// Sum of their weights.
    pub weight: u128,
    /// Sum of the squares of their weights, in 1/2^32.
    pub weight_squares: u128,
    /// Sum of their weighted durations.
    pub duration: u128,
    contexts: FastMap<ContextKey, Context>,
    /// Of all contexts, once there are as many as the cap allows; before that nothing.
    ranks: BTreeSet<Rank>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Context {
    /// The caller's, [`NO_CONTEXT`] for a root's.
    parent: ContextKey,
    node: NodeId,
    sums: PathSums,
}

/// Sums of one context; weights are in 1/65536, times are nanoseconds multiplied with weights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PathSums {
    /// Requests on whose path it lies.
    pub requests: u64,
    /// Sum of their weights.
    pub weight: u128,
    /// Own time of the node in it; of what reports no spans the whole call.
    pub exclusive: u128,
    /// Between the caller and the node: network, queues, serialisation.
    pub gap: u128,
    /// Of both, what went into attempts that had to be repeated, and the waits between attempts.
    pub retry: u128,
    /// All time in it and in what it called, that of contexts beyond the cap too.
    pub inclusive: u128,
}

impl PathSums {
    fn add(&mut self, other: &PathSums) {
        self.requests = self.requests.saturating_add(other.requests);
        self.weight = self.weight.saturating_add(other.weight);
        self.inclusive = self.inclusive.saturating_add(other.inclusive);
        self.add_own(other);
    }

    /// Adds what is not in the sums of a caller yet.
    fn add_own(&mut self, other: &PathSums) {
        self.exclusive = self.exclusive.saturating_add(other.exclusive);
        self.gap = self.gap.saturating_add(other.gap);
        self.retry = self.retry.saturating_add(other.retry);
    }
}

/// Where a context stands when there are too many: the largest go, and no caller goes before what it called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    /// The largest key on the way from the root.
    score: ContextKey,
    depth: u32,
    key: ContextKey,
}

impl Rank {
    /// The rank of what this context calls.
    fn below(self, key: ContextKey) -> Rank {
        Rank { score: self.score.max(key), depth: self.depth + 1, key }
    }
}

/// A flow's contexts as a tree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PathTree {
    /// Each behind its caller and all that the caller's earlier siblings called (pre-order).
    pub contexts: Vec<PathContext>,
    /// Time of requests whose root's context is beyond the cap.
    pub other: u128,
}

/// A chain of calls from the root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PathContext {
    /// Position of the caller in the tree; `None` for a root.
    pub parent: Option<usize>,
    /// Callers above it.
    pub depth: usize,
    /// The node at the end of the chain, at operation level.
    pub node: NodeId,
    /// What is known of it.
    pub sums: PathSums,
    /// Time of contexts below it that are beyond the cap: its inclusive time less its own, its gap and the inclusive
    /// times of those below it.
    pub other: u128,
}

impl FlowPaths {
    /// Adds the path of a request, or takes it back; at most `max` contexts are kept.
    pub(super) fn apply(&mut self, sign: Sign, path: &CallPath, max: usize, hashes: &mut Hashes) {
        let weight = path.sampling.weight();
        let own = |place: &PathPlace| (Rank::default(), place.exclusive_ns + place.gap_ns);
        let mut known: Vec<(Rank, u64)> = path.places.iter().map(own).collect();
        for (at, place) in path.places.iter().enumerate().rev() {
            if let Some(parent) = place.parent {
                known[parent as usize].1 += known[at].1;
            }
        }
        let weighted = |n: u64| u128::from(weight) * u128::from(n);
        sign.apply(&mut self.requests, 1);
        sign.apply_wide(&mut self.weight, weight.into());
        sign.apply_wide(&mut self.weight_squares, weighted(weight));
        sign.apply_wide(&mut self.duration, weighted(known.first().map_or(0, |(_, inclusive)| *inclusive)));
        for (at, place) in path.places.iter().enumerate() {
            let above = place.parent.map_or(Rank::default(), |parent| known[parent as usize].0);
            let rank = above.below(chained_hash(above.key, hashes.node_wide(place.node)));
            known[at].0 = rank;
            let sums = match sign {
                Sign::Plus => self.context(rank, above.key, place.node, max),
                Sign::Minus => self.contexts.get_mut(&rank.key).map(|context| &mut context.sums),
            };
            let Some(sums) = sums else { continue };
            sign.apply(&mut sums.requests, 1);
            sign.apply_wide(&mut sums.weight, weight.into());
            sign.apply_wide(&mut sums.exclusive, weighted(place.exclusive_ns));
            sign.apply_wide(&mut sums.gap, weighted(place.gap_ns));
            sign.apply_wide(&mut sums.retry, weighted(place.retry_ns));
            sign.apply_wide(&mut sums.inclusive, weighted(known[at].1));
        }
    }

    /// Adds the paths of another lane, minute or flow; of both together at most `max` contexts are kept.
    pub(super) fn merge(&mut self, other: &FlowPaths, max: usize) {
        self.add_requests(other.requests, other.weight, other.weight_squares, other.duration);
        let known = other.contexts.iter().filter(|(_, context)| context.sums.requests > 0);
        let mut ranked: Vec<(Rank, &Context)> = known.map(|(key, it)| (other.rank(*key), it)).collect();
        // Callers first: the rank of what is in follows from its callers.
        ranked.sort_unstable_by_key(|(rank, _)| *rank);
        for (rank, Context { parent, node, sums }) in ranked {
            if let Some(known) = self.context(rank, *parent, *node, max) {
                known.add(sums);
            }
        }
    }

    /// Adds requests without what is known of their contexts.
    pub(super) fn add_requests(&mut self, requests: u64, weight: u128, weight_squares: u128, duration: u128) {
        self.requests = self.requests.saturating_add(requests);
        self.weight = self.weight.saturating_add(weight);
        self.weight_squares = self.weight_squares.saturating_add(weight_squares);
        self.duration = self.duration.saturating_add(duration);
    }

    /// The same paths through the places of their nodes; a place that calls itself is one context.
    ///
    /// Where several callees of one context go to one place, a request that was in two of them counts twice there.
    pub(super) fn placed(&self, place: impl Fn(NodeId) -> NodeId, hashes: &Hashes) -> FlowPaths {
        let mut placed = FlowPaths::default();
        placed.add_requests(self.requests, self.weight, self.weight_squares, self.duration);
        let mut places: Vec<(ContextKey, NodeId)> = Vec::new();
        for context in self.tree().contexts {
            let node = place(context.node);
            let caller = context.parent.map(|parent| places[parent]);
            let key = match caller {
                Some((key, above)) if above == node => {
                    if let Some(caller) = placed.contexts.get_mut(&key) {
                        caller.sums.add_own(&context.sums);
                    }
                    key
                }
                _ => {
                    let parent = caller.map(|(key, _)| key);
                    placed.add(parent, (node, hashes.node_wide_anew(node)), &context.sums)
                }
            };
            places.push((key, node));
        }
        placed
    }

    /// Adds to the context of a node, given with its hash, below another one; nothing is cut. Gives its key.
    pub(super) fn add(
        &mut self,
        parent: Option<ContextKey>,
        (node, hash): (NodeId, u128),
        sums: &PathSums,
    ) -> ContextKey {
        let parent = parent.unwrap_or(NO_CONTEXT);
        let key = chained_hash(parent, hash);
        let new = Context { parent, node, sums: PathSums::default() };
        self.contexts.entry(key).or_insert(new).sums.add(sums);
        key
    }

    /// The nodes of all contexts, some of them several times.
    pub(super) fn nodes(&self) -> impl Iterator<Item = NodeId> {
        let known = self.contexts.values().filter(|context| context.sums.requests > 0);
        known.map(|context| context.node)
    }

    /// All contexts, callees of one caller by the hashes of their strings: the same in every process.
    pub fn tree(&self) -> PathTree {
        self.tree_by(|key, _| key)
    }

    /// All contexts, callees of one caller by their nodes as `order` has them.
    pub fn tree_by_node<R: Ord>(&self, order: impl Fn(NodeId) -> R) -> PathTree {
        self.tree_by(|_, node| order(node))
    }

    fn tree_by<R: Ord>(&self, order: impl Fn(ContextKey, NodeId) -> R) -> PathTree {
        let mut callees: FastMap<ContextKey, Vec<(R, ContextKey)>> = FastMap::default();
        for (key, context) in self.contexts.iter().filter(|(_, context)| context.sums.requests > 0) {
            callees.entry(context.parent).or_default().push((order(*key, context.node), *key));
        }
        let mut next: Vec<(Option<usize>, ContextKey)> = Vec::new();
        let mut visit = |parent: Option<usize>, key: ContextKey, next: &mut Vec<_>| {
            let mut below = callees.remove(&key).unwrap_or_default();
            below.sort_unstable_by(|a, b| b.cmp(a));
            next.extend(below.into_iter().map(|(_, key)| (parent, key)));
        };
        visit(None, NO_CONTEXT, &mut next);
        let mut tree = PathTree { contexts: Vec::with_capacity(self.contexts.len()), other: self.duration };
        while let Some((parent, key)) = next.pop() {
            let Context { node, sums, .. } = self.contexts[&key];
            let (depth, around) = match parent {
                None => (0, &mut tree.other),
                Some(parent) => {
                    let caller = &mut tree.contexts[parent];
                    (caller.depth + 1, &mut caller.other)
                }
            };
            *around = around.saturating_sub(sums.inclusive);
            let other = sums.inclusive.saturating_sub(sums.exclusive).saturating_sub(sums.gap);
            visit(Some(tree.contexts.len()), key, &mut next);
            tree.contexts.push(PathContext { parent, depth, node, sums, other });
        }
        tree
    }

    /// The sums of a context under the cap, and whether it is in.
    fn context(&mut self, rank: Rank, parent: ContextKey, node: NodeId, max: usize) -> Option<&mut PathSums> {
        let is_full = self.contexts.len() >= max && !self.contexts.contains_key(&rank.key);
        if is_full && !self.replaces_largest(rank) {
            return None;
        }
        let new = Context { parent, node, sums: PathSums::default() };
        Some(&mut self.contexts.entry(rank.key).or_insert(new).sums)
    }

    /// Takes the context with the largest rank out for another one, if that ranks before it.
    fn replaces_largest(&mut self, rank: Rank) -> bool {
        if self.ranks.is_empty() {
            self.ranks = self.contexts.keys().map(|key| self.rank(*key)).collect();
        }
        match self.ranks.last().copied().filter(|largest| rank < *largest) {
            None => false,
            Some(largest) => {
                self.ranks.remove(&largest);
                self.contexts.remove(&largest.key);
                self.ranks.insert(rank)
            }
        }
    }

    fn rank(&self, key: ContextKey) -> Rank {
        let above = |key: &ContextKey| self.contexts.get(key).map(|context| context.parent);
        let way = std::iter::successors(Some(key), above).take_while(|key| *key != NO_CONTEXT);
        let (score, depth) = way.fold((key, 0), |(score, depth), key| (score.max(key), depth + 1));
        Rank { score, depth, key }
    }
}

/// What is remembered of ranks follows from the contexts.
impl PartialEq for FlowPaths {
    fn eq(&self, other: &FlowPaths) -> bool {
        let requests =
            |paths: &FlowPaths| (paths.requests, paths.weight, paths.weight_squares, paths.duration);
        requests(self) == requests(other) && self.contexts == other.contexts
    }
}

impl Eq for FlowPaths {}
