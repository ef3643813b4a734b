//! The sweep (ALGORITHMS 1e): from the end back, always into the child that ended last.
//!
//! ```text
//! p      ├───────────────────────────────┤
//! a         ├────────┤                        the path, read from right to left:
//! b              ├─────────────┤              p, then b from its end to its start, then p; a ran beside b
//! path   ├──p────┤──────b──────┤────p────┤
//! ```

use super::super::tree::{SpanIdx, TraceTree};
use super::waits::{Interval, Waits};
use crate::model::UnixNanos;

/// A time during which the path was in one span itself, in none of its children.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    /// The span.
    pub span: SpanIdx,
    /// First instant.
    pub start: UnixNanos,
    /// First instant after it, always after `start`.
    pub end: UnixNanos,
    /// The child that the path left at `start`.
    pub child_before: Option<SpanIdx>,
    /// The child that the path entered at `end`.
    pub child_after: Option<SpanIdx>,
    /// True for the wait between a message's sending and its consumer, which is `span`.
    pub is_queue: bool,
}

/// The path through the segment of `root`, in the order of time.
pub(super) fn response_path(waits: &Waits, root: SpanIdx) -> Vec<Piece> {
    let mut found = Pieces::default();
    found.of_response(waits, root);
    found.pieces
}

/// The pieces of a path; its memory serves one path after the other.
#[derive(Default)]
pub(super) struct Pieces {
    /// In the order of time.
    pub pieces: Vec<Piece>,
    frames: Vec<Frame>,
}

impl Pieces {
    /// Finds the path through the segment of `root`.
    pub fn of_response(&mut self, waits: &Waits, root: SpanIdx) {
        let mut pieces = std::mem::take(&mut self.pieces);
        pieces.clear();
        let mut sweep = Sweep { waits, pieces };
        self.frames.push(Frame::whole(waits, root));
        sweep.run(&mut self.frames);
        self.pieces = sweep.in_order();
    }
}

/// The path from the end of the asynchronous segment `last` back to the start of its root, in the order of time.
pub(super) fn completion_path(tree: &TraceTree, waits: &Waits, last: SpanIdx) -> Vec<Piece> {
    let mut sweep = Sweep { waits, pieces: Vec::new() };
    sweep.run(&mut vec![Frame::whole(waits, last)]);
    let mut segment = last;
    while let Some(sender) = tree.parent(segment) {
        let taken = waits.intervals[segment].start;
        let sent = taken.min(waits.intervals[sender].end);
        sweep.push(Piece { is_queue: true, ..Piece::of(segment, sent, taken) });
        let mut above = vec![Frame::until(waits, sender, sent)];
        segment = sender;
        while let Some(parent) = tree.parent(segment).filter(|_| !waits.is_segment[segment]) {
            let until = waits.intervals[segment].start;
            above.push(Frame { child: Some(segment), ..Frame::until(waits, parent, until) });
            segment = parent;
        }
        above.reverse();
        sweep.run(&mut above);
    }
    sweep.in_order()
}

/// A span that the path is in, and how far back it is.
struct Frame {
    span: SpanIdx,
    /// Children before this place are done.
    next_child: usize,
    /// What lies before this instant is still to be explained.
    until: UnixNanos,
    /// Where the path came in; children that end later are cut here, as the span itself was.
    entered: UnixNanos,
    /// The child explained last, which is the earliest.
    child: Option<SpanIdx>,
}

impl Frame {
    fn whole(waits: &Waits, span: SpanIdx) -> Frame {
        Frame::until(waits, span, waits.intervals[span].end)
    }

    /// What led to an instant within the span; children that ran on after it are not cut but beside the path.
    fn until(waits: &Waits, span: SpanIdx, until: UnixNanos) -> Frame {
        Frame { span, next_child: 0, until, entered: waits.intervals[span].end, child: None }
    }
}

struct Sweep<'a> {
    waits: &'a Waits,
    /// From the end back.
    pieces: Vec<Piece>,
}

impl Sweep<'_> {
    /// Explains what is left of all frames, the innermost one being last; none is left.
    fn run(&mut self, frames: &mut Vec<Frame>) {
        while let Some(frame) = frames.last_mut() {
            match self.waits.children(frame.span).get(frame.next_child) {
                Some(child) => {
                    frame.next_child += 1;
                    let entered = self.enter(frame, *child);
                    frames.extend(entered);
                }
                None => {
                    let start = self.waits.intervals[frame.span].start;
                    self.push(Piece {
                        child_after: frame.child,
                        ..Piece::of(frame.span, start, frame.until)
                    });
                    frames.pop();
                }
            }
        }
    }

    /// Goes back to the child's start if the path leads through it; the child is still to be explained then.
    fn enter(&mut self, frame: &mut Frame, child: SpanIdx) -> Option<Frame> {
        let Interval { start, end } = self.waits.intervals[child];
        let mut end = end.min(frame.entered);
        if end > frame.until {
            let tolerance = self.waits.intervals[frame.span].tolerance();
            if end - frame.until > tolerance || start >= frame.until {
                return None;
            }
            end = frame.until;
        }
        let piece = Piece::of(frame.span, end, frame.until);
        self.push(Piece { child_before: Some(child), child_after: frame.child, ..piece });
        frame.until = start.min(end);
        frame.child = Some(child);
        let entered = Frame { entered: end, ..Frame::until(self.waits, child, end) };
        (start < end).then_some(entered)
    }

    fn push(&mut self, piece: Piece) {
        if piece.start < piece.end {
            self.pieces.push(piece);
        }
    }

    fn in_order(mut self) -> Vec<Piece> {
        self.pieces.reverse();
        self.pieces
    }
}

impl Piece {
    fn of(span: SpanIdx, start: UnixNanos, end: UnixNanos) -> Piece {
        Piece { span, start, end, child_before: None, child_after: None, is_queue: false }
    }
}
