//! A request's critical path by calling context (ALGORITHMS 2): the pieces of the sweep, added up by the chain of
//! calls from the root.
//!
//! Guaranteed: the times of all places add up to the root's duration, to the nanosecond.

use super::super::facts::{CallPath, PathPlace};
use super::super::link::{Role, Seen, role};
use super::super::names::Names;
use super::super::tree::{Parent, SpanIdx, TraceTree};
use super::attribution::Attribution;
use super::path::{SectionKind, is_covered};
use super::skew::timings;
use super::sweep::response_path;
use super::waits::Waits;
use crate::model::{FastMap, NodeId, NodeKind};

/// True where so little of a trace is missing that its roots' paths tell where the time went (ALGORITHMS 1a).
pub(in super::super) fn is_profiled(tree: &TraceTree) -> bool {
    !tree.parents.contains(&Parent::Missing) || is_covered(tree, &tree.tops())
}

/// The call paths of a trace's roots.
pub(in super::super) struct CallPaths<'a> {
    tree: &'a TraceTree,
    waits: Waits,
    attribution: Attribution<'a>,
    /// What each calling span, or the nearest one around it, called that reports no spans.
    peers: Vec<Option<NodeId>>,
    /// The place of each unit, in the path of its own root.
    place_of_unit: Vec<u32>,
    /// Places by caller's place and node.
    known: FastMap<(u32, NodeId), u32>,
}

const NO_PLACE: u32 = u32::MAX;

impl<'a> CallPaths<'a> {
    pub fn new(
        tree: &'a TraceTree,
        seen: &[Seen],
        repetitions: &[(usize, usize)],
        names: &mut Names,
    ) -> CallPaths<'a> {
        let roles: Vec<Role> = tree.spans.iter().map(|span| role(span, names)).collect();
        let waits = Waits::new(tree, &roles, &timings(tree, &roles, names));
        CallPaths {
            tree,
            attribution: Attribution::new(tree, &roles, seen, repetitions, &waits),
            waits,
            peers: peers(tree, &roles, seen, names),
            place_of_unit: vec![NO_PLACE; tree.spans.len()],
            known: FastMap::default(),
        }
    }

    /// The path of one root.
    pub fn of_root(&mut self, root: SpanIdx, names: &mut Names) -> CallPath {
        self.known.clear();
        let span = &self.tree.spans[root];
        let node = names.operation_node(span);
        let mut tree = PathTree { places: vec![place(None, node)], depths: vec![1] };
        self.place_of_unit[root] = 0;
        let mut sampling = span.sampling;
        for piece in response_path(&self.waits, root) {
            sampling = sampling.joint(self.tree.spans[piece.span].sampling);
            let length = piece.end - piece.start;
            let unit = self.tree.units[piece.span];
            let (at, is_gap) = match (self.attribution.kind(&piece), self.peers[piece.span]) {
                (SectionKind::Gap(_), _) => {
                    (self.place_of(self.attribution.answering(&piece), &mut tree, names), true)
                }
                (SectionKind::Remote | SectionKind::Send, Some(peer)) => {
                    let caller = self.place_of(unit, &mut tree, names);
                    (tree.below(caller, peer, &mut self.known), false)
                }
                // Whoever was called is not known: it is the caller's own time as far as anyone can tell.
                _ => (self.place_of(unit, &mut tree, names), false),
            };
            let place = &mut tree.places[at as usize];
            *(if is_gap { &mut place.gap_ns } else { &mut place.exclusive_ns }) += length;
            place.retry_ns += if self.attribution.is_retry(&piece) { length } else { 0 };
        }
        CallPath { sampling, places: tree.places }
    }

    /// The place of a unit below the root at hand, whose callers get theirs before it.
    fn place_of(&mut self, unit: SpanIdx, tree: &mut PathTree, names: &mut Names) -> u32 {
        let mut callers = Vec::new();
        let mut idx = unit;
        while self.place_of_unit[idx] == NO_PLACE {
            callers.push(idx);
            let caller = self.tree.parent(idx).expect("a root got its place before what is below it");
            idx = self.tree.units[caller];
        }
        let mut at = self.place_of_unit[idx];
        for unit in callers.into_iter().rev() {
            let node = names.operation_node(&self.tree.spans[unit]);
            at = tree.below(at, node, &mut self.known);
            self.place_of_unit[unit] = at;
        }
        at
    }
}

/// A call path that grows.
struct PathTree {
    places: Vec<PathPlace>,
    depths: Vec<usize>,
}

impl PathTree {
    /// The place of a node that the one at `caller` calls.
    fn below(&mut self, caller: u32, node: NodeId, known: &mut FastMap<(u32, NodeId), u32>) -> u32 {
        let (above, depth) = (&self.places[caller as usize], self.depths[caller as usize]);
        if above.node == node || depth == CallPath::MAX_DEPTH {
            return caller;
        }
        *known.entry((caller, node)).or_insert_with(|| {
            self.places.push(place(Some(caller), node));
            self.depths.push(depth + 1);
            (self.places.len() - 1) as u32
        })
    }
}

fn place(parent: Option<u32>, node: NodeId) -> PathPlace {
    PathPlace { parent, node, exclusive_ns: 0, gap_ns: 0, retry_ns: 0 }
}

/// What each span called that reports no spans: as linking found it, else what a sending span names itself, else what
/// the calling span around it called (an SDK around an HTTP client).
fn peers(tree: &TraceTree, roles: &[Role], seen: &[Seen], names: &mut Names) -> Vec<Option<NodeId>> {
    let mut peers = vec![None; tree.spans.len()];
    for Seen { call, callee_unit, calling_span, .. } in seen {
        if let (Some(calling), None) = (calling_span, callee_unit) {
            peers[*calling].get_or_insert(call.callee);
        }
    }
    for &idx in &tree.top_down {
        if peers[idx].is_none() && roles[idx] == Role::Send {
            let span = &tree.spans[idx];
            let is_destination = names.peer(span.peer).is_some_and(|peer| peer.kind == NodeKind::Messaging);
            peers[idx] = names.peer_node(span.peer, span.resource).filter(|_| is_destination);
        }
        if peers[idx].is_none() && !tree.is_local_root(idx) {
            peers[idx] = tree.parent(idx).and_then(|parent| peers[parent]);
        }
    }
    peers
}
