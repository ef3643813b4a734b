//! The spans of one trace as a forest: duplicates merged, parents found, loops cut, local roots known.
//!
//! Enters: spans in any order, any of them twice. Leaves: the same forest for every such order.
//! A *unit* is a local root with the spans of its process under it (ALGORITHMS 0): what one node did for one request.

use std::cmp::Ordering;

use super::link::{Role, role};
use super::names::Names;
use crate::model::{NodeId, RemoteParent, Span, SpanId, SpanKind};

/// Index of a span in its tree.
pub type SpanIdx = usize;

/// What stands above a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parent {
    /// Nothing: a true root.
    Root,
    /// A span that never came, or a loop that was cut here.
    Missing,
    /// This span.
    Span(SpanIdx),
}

/// How a span relates to its parent's unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hop {
    /// In the same unit.
    Within,
    /// A unit of its own in the same service, without a remote call in between.
    LocalEntry,
    /// Came from another process, or has no parent here.
    Remote,
}

/// A trace as a forest; its memory serves one trace after the other.
#[derive(Default)]
pub struct TraceTree {
    /// The distinct spans.
    pub spans: Vec<Span>,
    /// What each does in an interaction.
    pub roles: Vec<Role>,
    /// What stands above each.
    pub parents: Vec<Parent>,
    /// How each relates to its parent's unit.
    pub hops: Vec<Hop>,
    /// The local root of each span's unit.
    pub units: Vec<SpanIdx>,
    /// The node of each local root that names a service.
    pub nodes: Vec<Option<NodeId>>,
    /// Spans with parents before children.
    pub top_down: Vec<SpanIdx>,
    /// The same span again, how often.
    pub duplicates: u64,
    siblings: Vec<Siblings>,
}

/// A span's place among the children of its parent.
#[derive(Clone, Copy)]
struct Siblings {
    first_child: SpanIdx,
    next: SpanIdx,
}

impl TraceTree {
    /// Becomes the forest of these spans.
    pub fn grow(&mut self, spans: Vec<Span>, names: &mut Names) {
        (self.spans, self.duplicates) = merge_duplicates(spans, names);
        share_sampling(&mut self.spans);
        let TraceTree { spans, roles, parents, hops, units, nodes, .. } = self;
        roles.clear();
        roles.extend(spans.iter().map(|span| role(span, names)));
        parents.clear();
        parents.extend((0..spans.len()).map(|idx| find_parent(spans, idx, names)));
        renew(hops, spans.len(), Hop::Remote);
        renew(units, spans.len(), 0);
        renew(nodes, spans.len(), None);
        self.order_top_down();
        self.assign_units(names);
    }

    /// Positions of the spans with this id: up to two where client and server share it.
    pub fn find(&self, id: SpanId) -> std::ops::Range<SpanIdx> {
        find(&self.spans, id)
    }

    /// The parent span, if it is there.
    pub fn parent(&self, idx: SpanIdx) -> Option<SpanIdx> {
        match self.parents[idx] {
            Parent::Span(parent) => Some(parent),
            Parent::Root | Parent::Missing => None,
        }
    }

    /// The root or orphan above each span.
    pub fn tops(&self) -> Vec<SpanIdx> {
        let mut tops = vec![0; self.spans.len()];
        for &idx in &self.top_down {
            tops[idx] = self.parent(idx).map_or(idx, |parent| tops[parent]);
        }
        tops
    }

    /// True for the first span of a unit.
    pub fn is_local_root(&self, idx: SpanIdx) -> bool {
        self.units[idx] == idx
    }

    /// Orders parents before children. LINK-LOOP: of a loop of parents the smallest id becomes an orphan root.
    fn order_top_down(&mut self) {
        let count = self.spans.len();
        renew(&mut self.siblings, count, Siblings { first_child: NO_SPAN, next: NO_SPAN });
        self.top_down.clear();
        for idx in (0..count).rev() {
            match self.parents[idx] {
                Parent::Span(parent) => {
                    self.siblings[idx].next = self.siblings[parent].first_child;
                    self.siblings[parent].first_child = idx;
                }
                Parent::Root | Parent::Missing => self.top_down.push(idx),
            }
        }
        self.place_children(0);
        if self.top_down.len() < count {
            self.cut_loops();
        }
    }

    /// Puts the children of all spans from `position` on behind them, and theirs.
    fn place_children(&mut self, mut position: usize) {
        while let Some(idx) = self.top_down.get(position) {
            let mut child = self.siblings[*idx].first_child;
            while child != NO_SPAN {
                self.top_down.push(child);
                child = self.siblings[child].next;
            }
            position += 1;
        }
    }

    /// What has no place yet hangs under loops. Spans are sorted by id, so the walk up from the first one that is left
    /// finds a loop.
    fn cut_loops(&mut self) {
        let mut is_placed = vec![false; self.spans.len()];
        self.top_down.iter().for_each(|idx| is_placed[*idx] = true);
        for idx in 0..self.spans.len() {
            if is_placed[idx] {
                continue;
            }
            let cut = smallest_of_loop(&self.parents, idx);
            self.detach(cut);
            let position = self.top_down.len();
            self.top_down.push(cut);
            self.place_children(position);
            self.top_down[position..].iter().for_each(|idx| is_placed[*idx] = true);
        }
    }

    /// Makes a span an orphan.
    fn detach(&mut self, idx: SpanIdx) {
        let Some(parent) = self.parent(idx) else { return };
        self.parents[idx] = Parent::Missing;
        let next = self.siblings[idx].next;
        let mut before = self.siblings[parent].first_child;
        if before == idx {
            self.siblings[parent].first_child = next;
            return;
        }
        while self.siblings[before].next != idx {
            before = self.siblings[before].next;
        }
        self.siblings[before].next = next;
    }

    fn assign_units(&mut self, names: &mut Names) {
        for position in 0..self.top_down.len() {
            let idx = self.top_down[position];
            let hop = match self.parent(idx) {
                None => Hop::Remote,
                Some(parent) => hop_between(&self.spans[parent], &self.spans[idx], names),
            };
            self.hops[idx] = hop;
            self.units[idx] = match (hop, self.parent(idx)) {
                (Hop::Within, Some(parent)) => self.units[parent],
                _ => {
                    let span = &self.spans[idx];
                    self.nodes[idx] = names.service_of(span.resource).map(|_| names.operation_node(span));
                    idx
                }
            };
        }
    }
}

/// LINK-NESTED: spans of one service under each other are no hop.
/// LINK-REMOTE-FLAG: OTLP's flags decide where the spans' kinds do not.
fn hop_between(parent: &Span, child: &Span, names: &mut Names) -> Hop {
    // LINK-NO-SERVICE: a span that names no service belongs to whoever stands above it.
    if names.service_of(child.resource).is_none() {
        return Hop::Within;
    }
    if !names.is_same_service(parent.resource, child.resource) {
        return Hop::Remote;
    }
    let is_answer = matches!(child.kind, SpanKind::Server | SpanKind::Consumer);
    let parent_calls = matches!(parent.kind, SpanKind::Client | SpanKind::Producer);
    match child.remote_parent {
        RemoteParent::Remote => Hop::Remote,
        RemoteParent::Unknown if is_answer && parent_calls => Hop::Remote,
        RemoteParent::Unknown if is_answer => Hop::LocalEntry,
        RemoteParent::Unknown | RemoteParent::Local => Hop::Within,
    }
}

/// LINK-DUPLICATE: of equal (id, side) the one that ends last stays, of equal ends the smallest.
///
/// Leaves the spans sorted by (id, side), so ids are found by bisection.
pub(super) fn merge_duplicates(mut spans: Vec<Span>, names: &mut Names) -> (Vec<Span>, u64) {
    let before = spans.len();
    spans.sort_unstable_by_key(|span| (span.id, side(span)));
    spans.dedup_by(|next, kept| {
        let is_same = (next.id, side(next)) == (kept.id, side(kept));
        if is_same && prefer(next, kept, names) == Ordering::Greater {
            std::mem::swap(next, kept);
        }
        is_same
    });
    let duplicates = (before - spans.len()) as u64;
    (spans, duplicates)
}

/// Gives spans that do not say how they were sampled what one of them says of the whole trace (ALGORITHMS 6).
fn share_sampling(spans: &mut [Span]) {
    let said = spans.iter().map(|span| span.sampling).filter(|sampling| sampling.is_of_whole_trace()).max();
    let Some(said) = said else { return };
    for span in spans.iter_mut().filter(|span| !span.sampling.is_known()) {
        span.sampling = said;
    }
}

/// LINK-SHARED-ID: Zipkin's client and server span may bear one id.
fn side(span: &Span) -> u8 {
    u8::from(matches!(span.kind, SpanKind::Server | SpanKind::Consumer))
}

/// A total order that does not depend on numbers of symbols, which depend on arrival.
fn prefer(a: &Span, b: &Span, names: &mut Names) -> Ordering {
    let numbers = |span: &Span| {
        (
            span.start,
            span.parent,
            span.kind,
            span.protocol,
            span.messaging,
            span.remote_parent,
            span.is_error,
            span.is_resend,
            span.is_request_certain,
        )
    };
    a.end
        .cmp(&b.end)
        .then_with(|| numbers(b).cmp(&numbers(a)))
        .then_with(|| b.sampling.cmp(&a.sampling))
        .then_with(|| b.links.cmp(&a.links))
        .then_with(|| names.texts_of(b).cmp(&names.texts_of(a)))
}

fn find(spans: &[Span], id: SpanId) -> std::ops::Range<SpanIdx> {
    let start = spans.partition_point(|span| span.id < id);
    let count = spans[start..].iter().take(2).take_while(|span| span.id == id).count();
    start..start + count
}

fn find_parent(spans: &[Span], idx: SpanIdx, names: &mut Names) -> Parent {
    let span = &spans[idx];
    // Both halves of a shared id lie side by side, the client's first.
    if side(span) == 1 && idx > 0 && spans[idx - 1].id == span.id {
        return Parent::Span(idx - 1);
    }
    if span.parent.is_none() {
        return Parent::Root;
    }
    let candidates = find(spans, span.parent);
    match candidates.len() {
        0 => Parent::Missing,
        1 => Parent::Span(candidates.start),
        // Of a shared id the server's half is the deeper one; a span of the client's service hangs under the client's half.
        _ => {
            let (client, server) = (candidates.start, candidates.start + 1);
            let of_client = names.is_same_service(spans[client].resource, span.resource);
            let of_server = names.is_same_service(spans[server].resource, span.resource);
            Parent::Span(if of_client && !of_server { client } else { server })
        }
    }
}

const NO_SPAN: SpanIdx = usize::MAX;

/// The same value `count` times, in memory that is there.
pub(super) fn renew<T: Clone>(values: &mut Vec<T>, count: usize, value: T) {
    values.clear();
    values.resize(count, value);
}

fn smallest_of_loop(parents: &[Parent], start: SpanIdx) -> SpanIdx {
    let up = |idx: SpanIdx| match parents[idx] {
        Parent::Span(parent) => parent,
        Parent::Root | Parent::Missing => idx,
    };
    // Floyd's tortoise and hare: no memory, and the loop may lie far above the start.
    let (mut slow, mut fast) = (up(start), up(up(start)));
    while slow != fast {
        slow = up(slow);
        fast = up(up(fast));
    }
    let mut smallest = slow;
    let mut idx = up(slow);
    while idx != slow {
        smallest = smallest.min(idx);
        idx = up(idx);
    }
    smallest
}
