//! Whose time it is (ALGORITHMS 1f): pieces of the path to sections.

use super::super::link::{Role, Seen};
use super::super::names::Names;
use super::super::retry;
use super::super::tree::{Hop, SpanIdx, TraceTree};
use super::path::{Leg, Section, SectionKind};
use super::skew::Timing;
use super::sweep::Piece;
use super::waits::{Interval, Waits};
use crate::model::{SpanKind, UnixNanos};

/// What is known of each span before any path leads through it.
pub(super) struct Attribution<'a> {
    tree: &'a TraceTree,
    timings: &'a [Timing],
    kinds: Vec<SectionKind>,
    /// Calls between the root and each span.
    depths: Vec<u32>,
    /// In an attempt that another one followed.
    is_retry: Vec<bool>,
    backoffs: Vec<Backoff>,
}

/// Between two attempts of one logical call.
struct Backoff {
    /// The unit that calls.
    unit: SpanIdx,
    start: UnixNanos,
    /// The latest end of those of its unit that start no later.
    reach: UnixNanos,
}

impl<'a> Attribution<'a> {
    pub fn new(
        tree: &'a TraceTree,
        roles: &[Role],
        seen: &[Seen],
        timings: &'a [Timing],
        waits: &Waits,
    ) -> Attribution<'a> {
        let repeated: Vec<(SpanIdx, SpanIdx)> = retry::repetitions(tree, seen)
            .into_iter()
            .filter_map(|(before, after)| Some((seen[before].calling_span?, seen[after].calling_span?)))
            .collect();
        let mut is_retry = vec![false; tree.spans.len()];
        repeated.iter().for_each(|(before, _)| is_retry[*before] = true);
        let mut depths = vec![0; tree.spans.len()];
        for &idx in &tree.top_down {
            let Some(parent) = tree.parent(idx) else { continue };
            is_retry[idx] |= is_retry[parent];
            depths[idx] = depths[parent] + u32::from(tree.hops[idx] != Hop::Within);
        }
        let backoffs = backoffs(tree, &repeated, waits);
        Attribution { tree, timings, kinds: kinds(tree, roles), depths, is_retry, backoffs }
    }

    /// The sections of a path; what is one wait stands in one section.
    pub fn sections(&self, pieces: &[Piece], names: &mut Names) -> Vec<Section> {
        let mut sections: Vec<Section> = Vec::with_capacity(pieces.len());
        for piece in pieces {
            let next = self.section(piece, names);
            match sections.last_mut() {
                Some(last) if last.is_continued_by(&next) => last.end = next.end,
                _ => sections.push(next),
            }
        }
        sections
    }

    fn section(&self, piece: &Piece, names: &mut Names) -> Section {
        let span = &self.tree.spans[piece.span];
        let unit = self.tree.units[piece.span];
        let entry = &self.tree.spans[unit];
        let kind = match self.kinds[piece.span] {
            _ if piece.is_queue => SectionKind::Queue,
            SectionKind::Gap(_) => SectionKind::Gap(self.leg(piece)),
            kind => kind,
        };
        let is_backoff = kind == SectionKind::Exclusive && self.is_backoff(unit, piece);
        Section {
            span: span.id,
            service: names.service_of(span.resource).unwrap_or(names.resource(entry.resource).service),
            operation: span.operation,
            node: names.operation_node(entry),
            kind,
            start: piece.start,
            end: piece.end,
            is_retry: self.is_retry[piece.span] || is_backoff,
            depth: self.depths[piece.span],
        }
    }

    /// The way of a gap is known where the two clocks agree, so that the callee's place within the call is true.
    fn leg(&self, piece: &Piece) -> Leg {
        let agrees = |child: SpanIdx| !self.timings[child].is_corrected;
        match (piece.child_before, piece.child_after) {
            (None, Some(child)) if agrees(child) => Leg::Request,
            (Some(child), None) if agrees(child) => Leg::Response,
            _ => Leg::Unknown,
        }
    }

    fn is_backoff(&self, unit: SpanIdx, piece: &Piece) -> bool {
        let after =
            self.backoffs.partition_point(|backoff| (backoff.unit, backoff.start) <= (unit, piece.start));
        let latest = self.backoffs[..after].last();
        latest.is_some_and(|backoff| backoff.unit == unit && piece.end <= backoff.reach)
    }
}

fn backoffs(tree: &TraceTree, repeated: &[(SpanIdx, SpanIdx)], waits: &Waits) -> Vec<Backoff> {
    let between = |(before, after): &(SpanIdx, SpanIdx)| {
        let (Interval { end, .. }, Interval { start, .. }) =
            (waits.intervals[*before], waits.intervals[*after]);
        Backoff { unit: tree.units[*before], start: end, reach: start }
    };
    let mut backoffs: Vec<Backoff> = repeated.iter().map(between).collect();
    backoffs.sort_unstable_by_key(|backoff| (backoff.unit, backoff.start, backoff.reach));
    for place in 1..backoffs.len() {
        let before = &backoffs[place - 1];
        if before.unit == backoffs[place].unit {
            backoffs[place].reach = backoffs[place].reach.max(before.reach);
        }
    }
    backoffs
}

/// What the own time of each span is: of an asking span it depends on who answered.
fn kinds(tree: &TraceTree, roles: &[Role]) -> Vec<SectionKind> {
    let count = tree.spans.len();
    // The nearest asking or sending span of the same unit, from each span upwards, itself included.
    let mut calling: Vec<Option<SpanIdx>> = vec![None; count];
    let (mut is_answered, mut is_wrapper) = (vec![false; count], vec![false; count]);
    for &idx in &tree.top_down {
        let outer = tree.parent(idx).and_then(|parent| calling[parent]);
        let is_calling = asks(tree, roles, idx) || sends(tree, roles, idx);
        let is_local_root = tree.is_local_root(idx);
        if let Some(outer) = outer {
            is_answered[outer] |= tree.hops[idx] == Hop::Remote && roles[idx] != Role::Take;
            is_wrapper[outer] |= is_calling && !is_local_root;
        }
        calling[idx] = if is_calling { Some(idx) } else { outer.filter(|_| !is_local_root) };
    }
    let kind = |idx: SpanIdx| match () {
        () if sends(tree, roles, idx) => SectionKind::Send,
        () if !asks(tree, roles, idx) => SectionKind::Exclusive,
        () if is_answered[idx] => SectionKind::Gap(Leg::Unknown),
        // An SDK around an HTTP client: the inner span is the call.
        () if is_wrapper[idx] => SectionKind::Exclusive,
        () => SectionKind::Remote,
    };
    (0..count).map(kind).collect()
}

fn sends(tree: &TraceTree, roles: &[Role], idx: SpanIdx) -> bool {
    roles[idx] == Role::Send || tree.spans[idx].kind == SpanKind::Producer
}

fn asks(tree: &TraceTree, roles: &[Role], idx: SpanIdx) -> bool {
    roles[idx] == Role::Ask || (tree.spans[idx].kind == SpanKind::Client && roles[idx] != Role::Send)
}
