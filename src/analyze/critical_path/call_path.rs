//! A request's critical path by calling context (ALGORITHMS 2): the pieces of the sweep, added up by the chain of
//! calls from the root.
//!
//! Guaranteed: the times of all places add up to the root's duration, to the nanosecond.

use super::super::facts::{CallPath, PathPlace};
use super::super::link::{Role, Seen};
use super::super::names::Names;
use super::super::tree::{Parent, SpanIdx, TraceTree, renew};
use super::attribution::Attribution;
use super::path::{SectionKind, is_covered};
use super::skew::Timings;
use super::sweep::Pieces;
use super::waits::Waits;
use crate::model::{FastMap, NodeId, NodeKind};

/// True where so little of a trace is missing that its roots' paths tell where the time went (ALGORITHMS 1a).
pub(in super::super) fn is_profiled(tree: &TraceTree) -> bool {
    !tree.parents.contains(&Parent::Missing) || is_covered(tree, &tree.tops())
}

/// What is known of a trace on the way to its call paths; its memory serves one trace after the other.
#[derive(Default)]
pub(in super::super) struct Scratch {
    timings: Timings,
    waits: Waits,
    attribution: Attribution,
    pieces: Pieces,
    /// What each calling span, or the nearest one around it, called that reports no spans.
    peers: Vec<Option<NodeId>>,
    /// The place of each unit, in the path of its own root.
    place_of_unit: Vec<u32>,
    /// Units without a place, from one of them upwards.
    callers: Vec<SpanIdx>,
    /// Places by caller's place and node.
    known: FastMap<(u32, NodeId), u32>,
    /// How deep each place is.
    depths: Vec<usize>,
}

const NO_PLACE: u32 = u32::MAX;

/// The call paths of a trace's roots.
pub(in super::super) struct CallPaths<'a> {
    tree: &'a TraceTree,
    scratch: &'a mut Scratch,
}

impl<'a> CallPaths<'a> {
    pub fn new(
        tree: &'a TraceTree,
        seen: &[Seen],
        repetitions: &[(usize, usize)],
        names: &mut Names,
        scratch: &'a mut Scratch,
    ) -> CallPaths<'a> {
        let Scratch { timings, waits, attribution, peers, place_of_unit, .. } = scratch;
        timings.fill(tree, names);
        waits.fill(tree, &timings.of_spans);
        attribution.fill(tree, seen, repetitions, waits);
        find_peers(peers, tree, seen, names);
        renew(place_of_unit, tree.spans.len(), NO_PLACE);
        CallPaths { tree, scratch }
    }

    /// The path of one root.
    pub fn of_root(&mut self, root: SpanIdx, names: &mut Names) -> CallPath {
        let tree = self.tree;
        let Scratch { waits, attribution, pieces, peers, place_of_unit, callers, known, depths, .. } =
            &mut *self.scratch;
        known.clear();
        renew(depths, 1, 1);
        place_of_unit[root] = 0;
        let span = &tree.spans[root];
        let mut places = Vec::with_capacity(USUAL_PLACES);
        places.push(place(None, names.operation_node(span)));
        let mut path = Growing { tree, places, depths, known, place_of_unit, callers };
        let mut sampling = span.sampling;
        pieces.of_response(waits, root);
        for piece in &pieces.pieces {
            sampling = sampling.joint(tree.spans[piece.span].sampling);
            let length = piece.end - piece.start;
            let unit = tree.units[piece.span];
            let (at, is_gap) = match (attribution.kind(piece), peers[piece.span]) {
                (SectionKind::Gap(_), _) => (path.place_of(attribution.answering(tree, piece)), true),
                (SectionKind::Remote | SectionKind::Send, Some(peer)) => {
                    let caller = path.place_of(unit);
                    (path.below(caller, peer), false)
                }
                // Whoever was called is not known: it is the caller's own time as far as anyone can tell.
                _ => (path.place_of(unit), false),
            };
            let place = &mut path.places[at as usize];
            *(if is_gap { &mut place.gap_ns } else { &mut place.exclusive_ns }) += length;
            place.retry_ns += if attribution.is_retry(tree, piece) { length } else { 0 };
        }
        CallPath { sampling, places: path.places }
    }
}

/// Room for the places of most paths.
const USUAL_PLACES: usize = 8;

/// A call path that grows.
struct Growing<'a> {
    tree: &'a TraceTree,
    places: Vec<PathPlace>,
    depths: &'a mut Vec<usize>,
    known: &'a mut FastMap<(u32, NodeId), u32>,
    place_of_unit: &'a mut [u32],
    callers: &'a mut Vec<SpanIdx>,
}

impl Growing<'_> {
    /// The place of a unit below the root, whose callers get theirs before it.
    fn place_of(&mut self, unit: SpanIdx) -> u32 {
        let mut idx = unit;
        while self.place_of_unit[idx] == NO_PLACE {
            self.callers.push(idx);
            let caller = self.tree.parent(idx).expect("a root got its place before what is below it");
            idx = self.tree.units[caller];
        }
        let mut at = self.place_of_unit[idx];
        while let Some(unit) = self.callers.pop() {
            let node = self.tree.nodes[unit].expect("what names no service is of the unit above it");
            at = self.below(at, node);
            self.place_of_unit[unit] = at;
        }
        at
    }

    /// The place of a node that the one at `caller` calls.
    fn below(&mut self, caller: u32, node: NodeId) -> u32 {
        let (above, depth) = (&self.places[caller as usize], self.depths[caller as usize]);
        if above.node == node || depth == CallPath::MAX_DEPTH {
            return caller;
        }
        *self.known.entry((caller, node)).or_insert_with(|| {
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
fn find_peers(peers: &mut Vec<Option<NodeId>>, tree: &TraceTree, seen: &[Seen], names: &mut Names) {
    renew(peers, tree.spans.len(), None);
    for Seen { call, callee_unit, calling_span, .. } in seen {
        if let (Some(calling), None) = (calling_span, callee_unit) {
            peers[*calling].get_or_insert(call.callee);
        }
    }
    for &idx in &tree.top_down {
        if peers[idx].is_none() && tree.roles[idx] == Role::Send {
            let span = &tree.spans[idx];
            let is_destination = names.peer(span.peer).is_some_and(|peer| peer.kind == NodeKind::Messaging);
            peers[idx] = names.peer_node(span.peer, span.resource).filter(|_| is_destination);
        }
        if peers[idx].is_none() && !tree.is_local_root(idx) {
            peers[idx] = tree.parent(idx).and_then(|parent| peers[parent]);
        }
    }
}
