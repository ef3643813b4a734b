//! Who waits for whom (ALGORITHMS 1c, 1d): synchronous children, cut to their parents; asynchronous subtrees apart.
//!
//! All times are in the root's clock.
//! A *segment* is what is done without being waited for: the root's tree, or an asynchronous span with what it waits for.

use std::cmp::Reverse;
use std::ops::Range;

use super::super::link::Role;
use super::super::tree::{Hop, SpanIdx, TraceTree, renew};
use super::skew::Timing;
use crate::model::time::NANOS_PER_MILLI;
use crate::model::{SpanKind, UnixNanos};

/// When a span counts, after clocks and clamp.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Interval {
    pub start: UnixNanos,
    /// Never before `start`.
    pub end: UnixNanos,
}

impl Interval {
    /// Nanoseconds by which two children may overlap and still count as one after the other:
    /// 1 % of the interval, at most 1 ms.
    pub fn tolerance(self) -> u64 {
        ((self.end - self.start) / 100).min(NANOS_PER_MILLI)
    }
}

/// A trace by who waits; its memory serves one trace after the other.
#[derive(Default)]
pub(super) struct Waits {
    /// When each span counts.
    pub intervals: Vec<Interval>,
    /// True for spans that nobody waits for: asynchronous ones and roots.
    pub is_segment: Vec<bool>,
    /// True where the caller gave up while the span still ran.
    pub is_abandoned: Vec<bool>,
    /// Synchronous children, parent by parent.
    children: Vec<SpanIdx>,
    /// Each span's part of `children`.
    ranges: Vec<Range<usize>>,
    /// Parents with their synchronous children, in the order of `children`.
    waited_for: Vec<(SpanIdx, Reverse<UnixNanos>, UnixNanos, SpanIdx)>,
}

impl Waits {
    /// Decides for each span whether its parent waits, and cuts it to its parent if so.
    pub fn fill(&mut self, tree: &TraceTree, timings: &[Timing]) {
        renew(&mut self.intervals, tree.spans.len(), Interval::default());
        renew(&mut self.is_segment, tree.spans.len(), true);
        renew(&mut self.is_abandoned, tree.spans.len(), false);
        for &idx in &tree.top_down {
            let own = Shifted::of(tree, timings, idx);
            let Some(parent) = tree.parent(idx) else {
                self.intervals[idx] = own.cut(0, UnixNanos::MAX);
                continue;
            };
            let above = Shifted::of(tree, timings, parent);
            let Interval { start, end } = self.intervals[parent];
            let wait = wait_for(tree, (parent, above), (idx, own));
            self.is_segment[idx] = wait == Wait::Not;
            self.is_abandoned[idx] = wait == Wait::GaveUp;
            // What nobody waits for may end at any time, but does not begin before its cause.
            let limit = if wait == Wait::Not { UnixNanos::MAX } else { end };
            self.intervals[idx] = own.cut(start, limit);
        }
        self.sort_children(tree);
    }

    /// The spans that `idx` waited for: the last to end first, then the longest, then the smallest id.
    pub fn children(&self, idx: SpanIdx) -> &[SpanIdx] {
        &self.children[self.ranges[idx].clone()]
    }

    fn sort_children(&mut self, tree: &TraceTree) {
        renew(&mut self.ranges, tree.spans.len(), 0..0);
        self.waited_for.clear();
        for idx in (0..tree.spans.len()).filter(|idx| !self.is_segment[*idx]) {
            let Interval { start, end } = self.intervals[idx];
            let parent = tree.parent(idx);
            self.waited_for.extend(parent.map(|parent| (parent, Reverse(end), start, idx)));
        }
        self.waited_for.sort_unstable();
        for (place, (parent, ..)) in self.waited_for.iter().enumerate() {
            let range = &mut self.ranges[*parent];
            let first = if range.end == 0 { place } else { range.start };
            *range = first..place + 1;
        }
        self.children.clear();
        self.children.extend(self.waited_for.iter().map(|(.., idx)| *idx));
    }
}

/// A span's times in the root's clock, which may lie before 1970.
#[derive(Clone, Copy)]
struct Shifted {
    start: i128,
    end: i128,
}

impl Shifted {
    fn of(tree: &TraceTree, timings: &[Timing], idx: SpanIdx) -> Shifted {
        let (span, shift) = (&tree.spans[idx], timings[idx].shift);
        Shifted { start: i128::from(span.start) + shift, end: i128::from(span.end) + shift }
    }

    fn cut(self, from: UnixNanos, to: UnixNanos) -> Interval {
        let cut = |at: i128, from: UnixNanos| at.clamp(from.into(), to.into()) as UnixNanos;
        let start = cut(self.start, from);
        Interval { start, end: cut(self.end, start) }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Wait {
    /// Until the child's end.
    ToTheEnd,
    /// Until an error (a timeout, a deadline) ended the wait.
    GaveUp,
    /// The child runs on its own.
    Not,
}

/// Messages: what a producer hands over and what a consumer takes are waited for by nobody.
pub(super) fn is_declared_async(tree: &TraceTree, child: SpanIdx) -> bool {
    let Some(parent) = tree.parent(child) else { return true };
    let is_sent = tree.roles[parent] == Role::Send && tree.hops[child] == Hop::Remote;
    // A client that asks for messages waits for them.
    let is_taken = tree.roles[child] == Role::Take && tree.spans[child].kind != SpanKind::Client;
    is_sent || is_taken || tree.spans[parent].kind == SpanKind::Producer
}

fn wait_for(tree: &TraceTree, (parent, above): (SpanIdx, Shifted), (child, own): (SpanIdx, Shifted)) -> Wait {
    let is_outside = own.end < above.start || own.start > above.end;
    if is_outside || is_declared_async(tree, child) {
        return Wait::Not;
    }
    let (caller, callee) = (&tree.spans[parent], &tree.spans[child]);
    // More than jitter: 1 % of the caller, at least 1 ms.
    let jitter = ((caller.end - caller.start) / 100).max(NANOS_PER_MILLI);
    let is_outlived = own.end - above.end > i128::from(jitter);
    let is_pair = caller.kind == SpanKind::Client && callee.kind == SpanKind::Server;
    match is_outlived {
        true if caller.is_error => Wait::GaveUp,
        // Fire and forget, or the loser of a hedge.
        true if !callee.is_error && !is_pair => Wait::Not,
        _ => Wait::ToTheEnd,
    }
}
