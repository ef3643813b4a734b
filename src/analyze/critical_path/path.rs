//! A trace's critical path as others see it, and the steps that lead to it.

use std::cmp::Reverse;

use super::super::link::{Role, Seen};
use super::super::names::Names;
use super::super::tree::{Parent, SpanIdx, TraceTree};
use super::attribution::Attribution;
use super::skew::{Timing, Timings};
use super::sweep::{completion_path, response_path};
use super::waits::Waits;
use crate::model::{NodeId, SpanId, Symbol, UnixNanos};

/// Least share of spans under a true root, in per cent, below which a trace is incomplete.
const LEAST_COVERAGE: usize = 95;

/// What a root waited for, instant by instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CriticalPath {
    /// The root's node, at operation level.
    pub root: NodeId,
    /// Sections in the order of time; they tile the root's interval.
    pub response: Vec<Section>,
    /// The path to the end of the asynchronous work that ended last; empty where none outlived the response.
    /// They tile the time from the root's start to that end.
    pub completion: Vec<Section>,
    /// What to know about the result, sorted.
    pub flags: Vec<Flag>,
}

/// A time that the path spent in one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Section {
    /// The span whose own time it is.
    pub span: SpanId,
    /// Its service.
    pub service: Symbol,
    /// Its operation.
    pub operation: Symbol,
    /// The node it belongs to: service and operation of its local root.
    pub node: NodeId,
    /// What the time went into.
    pub kind: SectionKind,
    /// First instant, in the root's clock.
    pub start: UnixNanos,
    /// First instant after it, in the root's clock.
    pub end: UnixNanos,
    /// In an attempt that had to be repeated, or between two attempts.
    pub is_retry: bool,
    /// Calls between the root and the span.
    pub depth: u32,
}

impl Section {
    /// Length in nanoseconds.
    pub fn duration_ns(&self) -> u64 {
        self.end - self.start
    }

    pub(super) fn is_continued_by(&self, next: &Section) -> bool {
        let place = |section: &Section| (section.span, section.depth, section.kind, section.is_retry);
        place(self) == place(next) && self.end == next.start
    }
}

/// What a section's time went into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SectionKind {
    /// The service's own work.
    Exclusive,
    /// Between caller and callee: network, queues, serialisation.
    Gap(Leg),
    /// A message waited for its consumer.
    Queue,
    /// A call to something that reports no spans.
    Remote,
    /// Handing a message over.
    Send,
}

/// On which way of a call a gap is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Leg {
    /// To the callee.
    Request,
    /// Back to the caller.
    Response,
    /// Both ways have only a common sum, or the gap lies between two callees.
    Unknown,
}

/// What to know about a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Flag {
    /// Times were moved: as they stood, callees ran outside of their calls.
    SkewCorrected,
    /// No single offset between two clocks fits all calls between them.
    Drift,
    /// The order of some spans depends on how well clocks agree.
    SkewSensitive,
    /// A caller gave up while its callee still ran.
    Abandoned,
    /// There is no root, or more than 5 % of the spans hang under no root.
    Incomplete,
    /// The trace has further roots; the path is that of the first.
    SeveralRoots,
}

/// The path of the trace's first root, else of its first orphan; `None` for no spans.
pub(in super::super) fn critical_path(
    tree: &TraceTree,
    seen: &[Seen],
    repetitions: &[(usize, usize)],
    names: &mut Names,
) -> Option<CriticalPath> {
    let root = first_root(tree)?;
    let (mut timings, mut waits, mut attribution) =
        (Timings::default(), Waits::default(), Attribution::default());
    timings.fill(tree, names);
    let timings = timings.of_spans;
    waits.fill(tree, &timings);
    attribution.fill(tree, seen, repetitions, &waits);
    let tops = tree.tops();
    let below: Vec<SpanIdx> = (0..tree.spans.len()).filter(|idx| tops[*idx] == root).collect();

    let response = attribution.sections(tree, &timings, &response_path(&waits, root), names);
    let completion = match last_outliving(&waits, root, &below) {
        Some(last) => attribution.sections(tree, &timings, &completion_path(tree, &waits, last), names),
        None => Vec::new(),
    };
    let mut flags = flags_of_waits(tree, &timings, &waits, &below);
    flags.extend(flags_of_roots(tree, &tops));
    Some(CriticalPath { root: names.operation_node(&tree.spans[root]), response, completion, flags })
}

/// The earliest true root, of equal ones the longest, then the smallest id; an orphan where there is no root.
fn first_root(tree: &TraceTree) -> Option<SpanIdx> {
    let roots = (0..tree.spans.len()).filter(|idx| tree.parent(*idx).is_none());
    roots.min_by_key(|idx| {
        let span = &tree.spans[*idx];
        (tree.parents[*idx] == Parent::Missing, span.start, Reverse(span.end), *idx)
    })
}

/// The asynchronous segment that ended last, if that was after the root's end.
fn last_outliving(waits: &Waits, root: SpanIdx, below: &[SpanIdx]) -> Option<SpanIdx> {
    let end = |idx: SpanIdx| waits.intervals[idx].end;
    let segments = below.iter().copied().filter(|idx| waits.is_segment[*idx] && end(*idx) > end(root));
    segments.min_by_key(|idx| (Reverse(end(*idx)), *idx))
}

fn flags_of_waits(tree: &TraceTree, timings: &[Timing], waits: &Waits, below: &[SpanIdx]) -> Vec<Flag> {
    // A caller's span around a single callee keeps that callee in its place among the caller's other work.
    let has_own_call = |idx: SpanIdx| {
        tree.parent(idx)
            .is_none_or(|parent| tree.roles[parent] == Role::Ask && waits.children(parent).len() == 1)
    };
    let any = |is_so: &dyn Fn(SpanIdx) -> bool| below.iter().any(|idx| is_so(*idx));
    let found = [
        (Flag::SkewCorrected, any(&|idx| timings[idx].is_corrected)),
        (Flag::Drift, any(&|idx| timings[idx].is_drifting)),
        (
            Flag::SkewSensitive,
            any(&|idx| timings[idx].is_foreign && !waits.is_segment[idx] && !has_own_call(idx)),
        ),
        (Flag::Abandoned, any(&|idx| waits.is_abandoned[idx])),
    ];
    found.into_iter().filter_map(|(flag, is_set)| is_set.then_some(flag)).collect()
}

/// True where nearly all spans hang under a true root.
pub(super) fn is_covered(tree: &TraceTree, tops: &[SpanIdx]) -> bool {
    let covered = tops.iter().filter(|top| tree.parents[**top] == Parent::Root).count();
    covered * 100 >= tops.len() * LEAST_COVERAGE
}

fn flags_of_roots(tree: &TraceTree, tops: &[SpanIdx]) -> Vec<Flag> {
    let roots = tree.parents.iter().filter(|parent| **parent == Parent::Root).count();
    let is_incomplete = !is_covered(tree, tops);
    let found = [(Flag::Incomplete, is_incomplete), (Flag::SeveralRoots, roots > 1)];
    found.into_iter().filter_map(|(flag, is_set)| is_set.then_some(flag)).collect()
}
