//! Whose time it is (ALGORITHMS 1f): pieces of the path to sections.

use super::super::link::{Role, Seen};
use super::super::names::Names;
use super::super::tree::{Hop, SpanIdx, TraceTree, renew};
use super::path::{Leg, Section, SectionKind};
use super::skew::Timing;
use super::sweep::Piece;
use super::waits::{Interval, Waits};
use crate::model::{SpanKind, UnixNanos};

/// What is known of each span before any path leads through it; its memory serves one trace after the other.
#[derive(Default)]
pub(super) struct Attribution {
    kinds: Vec<SectionKind>,
    /// The unit that answered an asking span, the first where several did; else [`NO_SPAN`].
    answers: Vec<SpanIdx>,
    /// In an attempt that another one followed; empty where no attempt was repeated.
    is_retry: Vec<bool>,
    backoffs: Vec<Backoff>,
    /// The nearest asking or sending span of the same unit, from each span upwards, itself included.
    calling: Vec<SpanIdx>,
    /// Asking spans around another one of their unit.
    is_wrapper: Vec<bool>,
}

/// Between two attempts of one logical call.
struct Backoff {
    /// The unit that calls.
    unit: SpanIdx,
    start: UnixNanos,
    /// The latest end of those of its unit that start no later.
    reach: UnixNanos,
}

const NO_SPAN: SpanIdx = usize::MAX;

impl Attribution {
    /// Learns what is to be known of a trace.
    pub fn fill(&mut self, tree: &TraceTree, seen: &[Seen], repetitions: &[(usize, usize)], waits: &Waits) {
        let spans = |(before, after): &(usize, usize)| {
            Some((seen[*before].calling_span?, seen[*after].calling_span?))
        };
        let repeated: Vec<(SpanIdx, SpanIdx)> = repetitions.iter().filter_map(spans).collect();
        self.backoffs = backoffs(tree, &repeated, waits);
        self.is_retry = retries(tree, &repeated);
        self.find_kinds(tree);
    }

    /// The sections of a path; what is one wait stands in one section.
    pub fn sections(
        &self,
        tree: &TraceTree,
        timings: &[Timing],
        pieces: &[Piece],
        names: &mut Names,
    ) -> Vec<Section> {
        let depths = depths(tree);
        let mut sections: Vec<Section> = Vec::with_capacity(pieces.len());
        for piece in pieces {
            let next = Section { depth: depths[piece.span], ..self.section(tree, timings, piece, names) };
            match sections.last_mut() {
                Some(last) if last.is_continued_by(&next) => last.end = next.end,
                _ => sections.push(next),
            }
        }
        sections
    }

    /// What the time of a piece went into; on which way of a call it was is left open.
    pub fn kind(&self, piece: &Piece) -> SectionKind {
        if piece.is_queue { SectionKind::Queue } else { self.kinds[piece.span] }
    }

    /// True in an attempt that had to be repeated, and between two attempts.
    pub fn is_retry(&self, tree: &TraceTree, piece: &Piece) -> bool {
        let is_of_attempt = self.is_retry.get(piece.span).copied().unwrap_or(false);
        is_of_attempt
            || (self.kind(piece) == SectionKind::Exclusive && self.is_backoff(tree.units[piece.span], piece))
    }

    /// Whose answer a piece of a gap waited for: the unit that the path entered next or left last.
    pub fn answering(&self, tree: &TraceTree, piece: &Piece) -> SpanIdx {
        let is_unit = |child: &SpanIdx| tree.is_local_root(*child);
        let next = piece.child_after.or(piece.child_before).filter(is_unit);
        next.unwrap_or(self.answers[piece.span])
    }

    fn section(&self, tree: &TraceTree, timings: &[Timing], piece: &Piece, names: &mut Names) -> Section {
        let span = &tree.spans[piece.span];
        let entry = &tree.spans[tree.units[piece.span]];
        let kind = match self.kind(piece) {
            SectionKind::Gap(_) => SectionKind::Gap(leg(timings, piece)),
            kind => kind,
        };
        Section {
            span: span.id,
            service: names.service_of(span.resource).unwrap_or(names.resource(entry.resource).service),
            operation: span.operation,
            node: names.operation_node(entry),
            kind,
            start: piece.start,
            end: piece.end,
            is_retry: self.is_retry(tree, piece),
            depth: 0,
        }
    }

    fn is_backoff(&self, unit: SpanIdx, piece: &Piece) -> bool {
        let after =
            self.backoffs.partition_point(|backoff| (backoff.unit, backoff.start) <= (unit, piece.start));
        let latest = self.backoffs[..after].last();
        latest.is_some_and(|backoff| backoff.unit == unit && piece.end <= backoff.reach)
    }

    /// What the own time of each span is, and who answered it: of an asking span the one depends on the other.
    fn find_kinds(&mut self, tree: &TraceTree) {
        let count = tree.spans.len();
        let Attribution { kinds, answers, calling, is_wrapper, .. } = self;
        renew(calling, count, NO_SPAN);
        renew(answers, count, NO_SPAN);
        renew(is_wrapper, count, false);
        for &idx in &tree.top_down {
            let outer = tree.parent(idx).map_or(NO_SPAN, |parent| calling[parent]);
            let is_calling = asks(tree, idx) || sends(tree, idx);
            let is_local_root = tree.is_local_root(idx);
            if outer != NO_SPAN {
                let is_answer = tree.hops[idx] == Hop::Remote && tree.roles[idx] != Role::Take;
                if is_answer && answers[outer] == NO_SPAN {
                    answers[outer] = idx;
                }
                is_wrapper[outer] |= is_calling && !is_local_root;
            }
            calling[idx] = match (is_calling, is_local_root) {
                (true, _) => idx,
                (false, true) => NO_SPAN,
                (false, false) => outer,
            };
        }
        let kind = |idx: SpanIdx| match () {
            () if sends(tree, idx) => SectionKind::Send,
            () if !asks(tree, idx) => SectionKind::Exclusive,
            () if answers[idx] != NO_SPAN => SectionKind::Gap(Leg::Unknown),
            // An SDK around an HTTP client: the inner span is the call.
            () if is_wrapper[idx] => SectionKind::Exclusive,
            () => SectionKind::Remote,
        };
        kinds.clear();
        kinds.extend((0..count).map(kind));
    }
}

/// The way of a gap is known where the two clocks agree, so that the callee's place within the call is true.
fn leg(timings: &[Timing], piece: &Piece) -> Leg {
    let agrees = |child: SpanIdx| !timings[child].is_corrected;
    match (piece.child_before, piece.child_after) {
        (None, Some(child)) if agrees(child) => Leg::Request,
        (Some(child), None) if agrees(child) => Leg::Response,
        _ => Leg::Unknown,
    }
}

/// Calls between the root and each span.
fn depths(tree: &TraceTree) -> Vec<u32> {
    let mut depths = vec![0; tree.spans.len()];
    for &idx in &tree.top_down {
        let Some(parent) = tree.parent(idx) else { continue };
        depths[idx] = depths[parent] + u32::from(tree.hops[idx] != Hop::Within);
    }
    depths
}

/// The spans of attempts that were repeated, with all that ran for them.
fn retries(tree: &TraceTree, repeated: &[(SpanIdx, SpanIdx)]) -> Vec<bool> {
    if repeated.is_empty() {
        return Vec::new();
    }
    let mut is_retry = vec![false; tree.spans.len()];
    repeated.iter().for_each(|(before, _)| is_retry[*before] = true);
    for &idx in &tree.top_down {
        is_retry[idx] |= tree.parent(idx).is_some_and(|parent| is_retry[parent]);
    }
    is_retry
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

fn sends(tree: &TraceTree, idx: SpanIdx) -> bool {
    tree.roles[idx] == Role::Send || tree.spans[idx].kind == SpanKind::Producer
}

fn asks(tree: &TraceTree, idx: SpanIdx) -> bool {
    tree.roles[idx] == Role::Ask
        || (tree.spans[idx].kind == SpanKind::Client && tree.roles[idx] != Role::Send)
}
