//! Clocks (ALGORITHMS 1b): how far a span's times are off those of its root, as far as causality tells.
//!
//! A caller that waits encloses its callee, so each call bounds the offset theta between the two clocks:
//!
//! ```text
//! caller   p.s ├────────────────┤ p.e          theta ≤ c.s - p.s   (not begun before it was asked)
//! callee         c.s ├──────┤ c.e              theta ≥ c.e - p.e   (not ended after the answer)
//! ```
//! All calls between two clocks have one offset; what contradicts nothing is not touched.

use super::super::names::{Clock, Names};
use super::super::tree::{SpanIdx, TraceTree, renew};
use super::waits::is_declared_async;
use crate::model::{FastMap, Span};

/// How a span's times relate to its root's clock, and its clock to its parent's.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Timing {
    /// To be added to the span's times; wide enough for any two times.
    pub shift: i128,
    /// On another clock than its parent.
    pub is_foreign: bool,
    /// Moved against its parent.
    pub is_corrected: bool,
    /// The calls between the two clocks fit no single offset.
    pub is_drifting: bool,
}

/// The timings of a trace's spans; its memory serves one trace after the other.
#[derive(Default)]
pub(super) struct Timings {
    /// The timing of each span; roots keep their own clock.
    pub of_spans: Vec<Timing>,
    clocks: Vec<Option<Clock>>,
    bounds: FastMap<ClockPair, PairBounds>,
}

type ClockPair = (Option<Clock>, Option<Clock>);

impl Timings {
    /// Finds the timing of each span of a trace.
    pub fn fill(&mut self, tree: &TraceTree, names: &mut Names) {
        self.find_clocks(tree, names);
        if self.is_plain(tree) {
            return;
        }
        self.find_bounds(tree);
        let Timings { of_spans: timings, clocks, bounds } = self;
        renew(timings, tree.spans.len(), Timing::default());
        for &idx in &tree.top_down {
            let Some(parent) = tree.parent(idx) else { continue };
            let pair = (clocks[parent], clocks[idx]);
            timings[idx].shift = timings[parent].shift;
            if pair.0 == pair.1 {
                continue;
            }
            let of_pair = bounds.get(&pair).map(PairBounds::theta);
            let is_drifting = of_pair == Some(None);
            let (caller, callee) = (&tree.spans[parent], &tree.spans[idx]);
            // Calls that contradict each other speak for themselves.
            let own = Bounds::of(caller, callee).filter(|_| is_drifting && !is_declared_async(tree, idx));
            let known = of_pair.flatten().or_else(|| own.and_then(Bounds::theta));
            // Without any bound the clocks are believed, but nothing begins before its cause.
            let theta = known.unwrap_or_else(|| (i128::from(callee.start) - i128::from(caller.start)).min(0));
            let shift = timings[parent].shift - theta;
            timings[idx] = Timing { shift, is_foreign: true, is_corrected: theta != 0, is_drifting };
        }
    }

    /// The clock of each span; one that names none is timed like the span above it.
    fn find_clocks(&mut self, tree: &TraceTree, names: &mut Names) {
        renew(&mut self.clocks, tree.spans.len(), None);
        for &idx in &tree.top_down {
            let above = tree.parent(idx).and_then(|parent| self.clocks[parent]);
            self.clocks[idx] = names.clock_of(tree.spans[idx].resource).or(above);
        }
    }

    /// The usual case, for which nothing has to be remembered: all callees lie within their callers.
    fn is_plain(&mut self, tree: &TraceTree) -> bool {
        let Timings { of_spans: timings, clocks, .. } = self;
        renew(timings, tree.spans.len(), Timing::default());
        for (parent, idx) in calls(tree).filter(|(parent, idx)| clocks[*parent] != clocks[*idx]) {
            let bounds = Bounds::of(&tree.spans[parent], &tree.spans[idx]);
            if is_declared_async(tree, idx) || bounds.and_then(Bounds::theta) != Some(0) {
                return false;
            }
            timings[idx].is_foreign = true;
        }
        true
    }

    fn find_bounds(&mut self, tree: &TraceTree) {
        self.bounds.clear();
        for (parent, idx) in calls(tree) {
            let pair = (self.clocks[parent], self.clocks[idx]);
            if pair.0 == pair.1 || is_declared_async(tree, idx) {
                continue;
            }
            if let Some(bounds) = Bounds::of(&tree.spans[parent], &tree.spans[idx]) {
                self.bounds.entry(pair).or_default().add(bounds, tree.spans[parent].is_error);
            }
        }
    }
}

/// All spans with a parent, behind it.
fn calls(tree: &TraceTree) -> impl Iterator<Item = (SpanIdx, SpanIdx)> {
    (0..tree.spans.len()).filter_map(|idx| Some((tree.parent(idx)?, idx)))
}

/// What all calls between two clocks allow together.
#[derive(Clone, Copy, Default)]
struct PairBounds {
    all: Option<Bounds>,
    /// Without the calls whose caller failed: it may have given up before its callee ended.
    answered: Option<Bounds>,
}

impl PairBounds {
    fn add(&mut self, bounds: Bounds, has_failed: bool) {
        let both = |known: Option<Bounds>| Some(known.map_or(bounds, |known| known.intersect(bounds)));
        self.all = both(self.all);
        if !has_failed {
            self.answered = both(self.answered);
        }
    }

    /// The offset that all calls allow, else all that did not fail; nothing where those contradict each other too.
    fn theta(&self) -> Option<i128> {
        self.all.and_then(Bounds::theta).or_else(|| self.answered.and_then(Bounds::theta))
    }
}

/// Smallest and largest offset that a call allows, or all calls between two clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Bounds {
    low: i128,
    high: i128,
}

impl Bounds {
    /// Nothing where the callee took longer than the caller: it did not wait, or did not wait to the end.
    fn of(caller: &Span, callee: &Span) -> Option<Bounds> {
        let low = i128::from(callee.end) - i128::from(caller.end);
        let high = i128::from(callee.start) - i128::from(caller.start);
        (low <= high).then_some(Bounds { low, high })
    }

    fn intersect(self, other: Bounds) -> Bounds {
        Bounds { low: self.low.max(other.low), high: self.high.min(other.high) }
    }

    /// The offset; nothing where the bounds contradict each other.
    fn theta(self) -> Option<i128> {
        match self {
            Bounds { low, high } if low > high => None,
            Bounds { low, high } if low <= 0 && 0 <= high => Some(0),
            // Rounded down, also below zero: an offset of both ends moves the middle by just as much.
            Bounds { low, high } => Some((low + high).div_euclid(2)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_offset_is_zero_where_nothing_contradicts_it_else_the_middle() {
        for (low, high, theta) in [
            (-10, 10, Some(0)),
            (0, 5, Some(0)),
            (-58, -50, Some(-54)),
            (3, 8, Some(5)),
            (-8, -3, Some(-6)),
            (4, 3, None),
        ] {
            assert_eq!(Bounds { low, high }.theta(), theta, "[{low}, {high}]");
        }
    }
}
