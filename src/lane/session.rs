//! One trace's spans between their arrival and their analysis.

use super::chain::{Belongs, Chain, Spans};
use super::slab::{NONE, SpanSlab};
use crate::model::{LogMillis, Minute, Span, TraceId};

/// A part of a trace that is analysed as one: a session, or a tail fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its trace.
    pub trace: TraceId,
    /// Log time at which its session began.
    pub session_start: LogMillis,
    /// The log minute of a tail fragment, `None` for a session.
    pub tail_minute: Option<Minute>,
    /// Its spans, in no order, some perhaps twice.
    pub spans: Vec<Span>,
    /// Copies of spans that were taken out on the way.
    pub copies: u64,
    /// True where it had more spans than are kept.
    pub is_cut: bool,
}

impl Part {
    /// A part without spans.
    fn empty(trace: TraceId, session_start: LogMillis, tail_minute: Option<Minute>) -> Part {
        Part { trace, session_start, tail_minute, spans: Vec::new(), copies: 0, is_cut: false }
    }

    /// Keeps the `max` spans with the smallest mixed ids; says how many went.
    pub(super) fn cut_to(mut self, max: usize) -> (Part, u64) {
        let cut = cut(std::mem::take(&mut self.spans), max);
        let part = Part {
            spans: cut.kept,
            copies: self.copies + cut.copies,
            is_cut: self.is_cut || cut.gone > 0,
            ..self
        };
        (part, cut.gone)
    }
}

/// Tail fragments by log minute, in order.
type Tails = Vec<(Minute, Vec<Span>)>;

/// One trace in the table. `S` is what is shown of it while it is only quiet.
pub(super) struct Session<S> {
    pub trace: TraceId,
    /// Log time that the slab's offsets count from.
    base: LogMillis,
    /// Spans not placed yet.
    pending: u32,
    first_pending: LogMillis,
    /// Spans of the open session.
    accepted: u32,
    accepted_len: u32,
    pending_len: u32,
    /// What was cut of the open session: copies, and whether other spans too.
    accepted_copies: u32,
    is_cut: bool,
    chain: Option<Chain>,
    /// Tail fragments not handed over yet.
    tails: Option<Box<Tails>>,
    /// When it must be looked at again, in log time.
    pub due: LogMillis,
    /// Second of log time it is queued for.
    pub queued: i64,
    /// Wall clock of the last arrival and of the first one that is not shown, milliseconds.
    pub last_arrival: u64,
    pub unseen_since: Option<u64>,
    pub shown: Option<S>,
}

/// What a look at a session found.
pub(super) struct Outcome {
    pub parts: Vec<Part>,
    pub is_forgotten: bool,
    /// Spans beyond the limit that were cut on the way.
    pub cut: u64,
}

impl<S> Session<S> {
    pub fn new(trace: TraceId, at: LogMillis, spans: Spans) -> Session<S> {
        let due = at + spans.gap + 1;
        Session {
            trace,
            base: at,
            pending: NONE,
            first_pending: LogMillis::MAX,
            accepted: NONE,
            accepted_len: 0,
            pending_len: 0,
            accepted_copies: 0,
            is_cut: false,
            chain: None,
            tails: None,
            due,
            queued: i64::MAX,
            last_arrival: 0,
            unseen_since: None,
            shown: None,
        }
    }

    pub fn push(&mut self, at: LogMillis, span: Span, slab: &mut SpanSlab, spans: Spans) {
        let offset = (at - self.base).clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32;
        self.pending = slab.push(self.pending, offset, span);
        self.pending_len += 1;
        self.first_pending = self.first_pending.min(at);
        if self.chain.is_none() {
            self.due = self.due.min(at + spans.gap + 1);
        }
    }

    /// The chain of the spans that are not placed yet.
    pub fn pending(&self) -> u32 {
        self.pending
    }

    /// Nothing is left to hand over.
    pub fn is_drained(&self) -> bool {
        self.pending == NONE && self.accepted == NONE && self.tails.is_none()
    }

    /// Places what is decided (before `w`) and hands over what is complete.
    pub fn settle(&mut self, w: LogMillis, slab: &mut SpanSlab, spans: Spans, max_spans: usize) -> Outcome {
        if let Some(part) = self.take_whole(w, slab, spans, max_spans) {
            return Outcome { parts: vec![part], is_forgotten: true, cut: 0 };
        }
        let mut parts = Vec::new();
        let mut cut = 0;
        let mut decided = self.take_decided(w, slab);
        decided.sort_by_key(|(at, _)| *at);
        for (at, span) in decided {
            let session_start = self.chain.map_or(at, |chain| chain.start);
            match Chain::place(&mut self.chain, at, spans) {
                Belongs::NewSession => {
                    self.hand_over_session(session_start, slab, &mut parts);
                    self.hand_over_tails(session_start, Minute(u32::MAX), &mut parts);
                    cut += self.accept(at, span, slab, max_spans);
                }
                Belongs::Session => cut += self.accept(at, span, slab, max_spans),
                Belongs::Tail(minute) => {
                    self.hand_over_session(session_start, slab, &mut parts);
                    self.add_to_tail(minute, span);
                }
            }
        }
        let Some(chain) = self.chain else {
            self.due = self.next_due(spans);
            return Outcome { parts, is_forgotten: false, cut };
        };
        if w > chain.closes_after(spans) {
            self.hand_over_session(chain.start, slab, &mut parts);
        }
        let is_over = w > chain.last + spans.gap;
        let ended = if is_over { Minute(u32::MAX) } else { Minute::of_millis(w) };
        self.hand_over_tails(chain.start, ended, &mut parts);
        if is_over {
            self.chain = None;
        }
        self.due = self.next_due(spans);
        Outcome { parts, is_forgotten: is_over && self.is_drained(), cut }
    }

    /// The usual case: all that ever came is one session, which is over. What [`Session::settle`] does in general comes
    /// to the same, with a sort and a second way through the arena.
    fn take_whole(
        &mut self,
        w: LogMillis,
        slab: &mut SpanSlab,
        spans: Spans,
        max_spans: usize,
    ) -> Option<Part> {
        let is_untouched = self.chain.is_none() && self.tails.is_none() && self.pending != NONE;
        if !is_untouched || self.pending_len as usize >= max_spans.saturating_mul(2) {
            return None;
        }
        let first = self.first_pending;
        let last = self.with_times(self.pending, slab).map(|(at, _)| at).max()?;
        if last - first >= spans.gap.min(spans.max_life) || w <= last + spans.gap {
            return None;
        }
        let mut part = Part::empty(self.trace, first, None);
        part.spans.reserve_exact(self.pending_len as usize);
        while let Some((_, span, next)) = slab.pop(self.pending) {
            part.spans.push(span);
            self.pending = next;
        }
        (self.pending_len, self.first_pending) = (0, LogMillis::MAX);
        Some(part)
    }

    /// All parts as they would be if nothing more came.
    pub fn preview(&self, slab: &SpanSlab, spans: Spans) -> Vec<Part> {
        let mut pending: Vec<(LogMillis, &Span)> = self.with_times(self.pending, slab).collect();
        pending.sort_by_key(|(at, _)| *at);
        let mut chain = self.chain;
        let mut parts: Vec<Part> = Vec::new();
        let part = |session_start, tail_minute| Part::empty(self.trace, session_start, tail_minute);
        if let (Some(chain), true) = (chain, self.accepted != NONE) {
            let spans = slab.iter(self.accepted).map(|(_, span)| span.clone()).collect();
            let (copies, is_cut) = (u64::from(self.accepted_copies), self.is_cut);
            parts.push(Part { spans, copies, is_cut, ..part(chain.start, None) });
        }
        for (minute, spans) in self.tails.iter().flat_map(|tails| tails.iter()) {
            let start = chain.map_or(0, |chain| chain.start);
            parts.push(Part { spans: spans.clone(), ..part(start, Some(*minute)) });
        }
        for (at, span) in pending {
            let belongs = Chain::place(&mut chain, at, spans);
            let start = chain.map_or(at, |chain| chain.start);
            let minute = match belongs {
                Belongs::Tail(minute) => Some(minute),
                Belongs::NewSession | Belongs::Session => None,
            };
            let found =
                parts.iter().rposition(|part| (part.session_start, part.tail_minute) == (start, minute));
            let position = found.unwrap_or_else(|| {
                parts.push(part(start, minute));
                parts.len() - 1
            });
            parts[position].spans.push(span.clone());
        }
        parts
    }

    fn with_times<'a>(&self, head: u32, slab: &'a SpanSlab) -> impl Iterator<Item = (LogMillis, &'a Span)> {
        let base = self.base;
        slab.iter(head).map(move |(offset, span)| (base + i64::from(offset), span))
    }

    fn take_decided(&mut self, w: LogMillis, slab: &mut SpanSlab) -> Vec<(LogMillis, Span)> {
        if self.first_pending >= w {
            return Vec::new();
        }
        let mut decided = Vec::with_capacity(self.pending_len as usize);
        let (mut head, mut kept) = (self.pending, NONE);
        self.first_pending = LogMillis::MAX;
        while let Some((offset, span, next)) = slab.pop(head) {
            head = next;
            let at = self.base + i64::from(offset);
            if at < w {
                decided.push((at, span));
            } else {
                kept = slab.push(kept, offset, span);
                self.first_pending = self.first_pending.min(at);
            }
        }
        self.pending = kept;
        self.pending_len -= decided.len() as u32;
        decided
    }

    /// Adds a span to the open session; says how many were cut.
    fn accept(&mut self, at: LogMillis, span: Span, slab: &mut SpanSlab, max_spans: usize) -> u64 {
        let offset = (at - self.base).clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32;
        self.accepted = slab.push(self.accepted, offset, span);
        self.accepted_len += 1;
        // Cut at twice the limit, to the limit: what stays does not depend on when it is cut.
        if (self.accepted_len as usize) < max_spans.saturating_mul(2) {
            return 0;
        }
        let Cut { kept, gone, copies } = cut(self.take_accepted(slab), max_spans);
        self.accepted_len = kept.len() as u32;
        self.accepted_copies = self.accepted_copies.saturating_add(copies as u32);
        self.is_cut |= gone > 0;
        for span in kept {
            self.accepted = slab.push(self.accepted, 0, span);
        }
        gone
    }

    fn take_accepted(&mut self, slab: &mut SpanSlab) -> Vec<Span> {
        let mut spans = Vec::with_capacity(self.accepted_len as usize);
        let mut head = self.accepted;
        while let Some((_, span, next)) = slab.pop(head) {
            spans.push(span);
            head = next;
        }
        self.accepted = NONE;
        self.accepted_len = 0;
        spans
    }

    fn hand_over_session(&mut self, session_start: LogMillis, slab: &mut SpanSlab, parts: &mut Vec<Part>) {
        if self.accepted != NONE {
            let spans = self.take_accepted(slab);
            let copies = u64::from(std::mem::take(&mut self.accepted_copies));
            let is_cut = std::mem::take(&mut self.is_cut);
            parts.push(Part { spans, copies, is_cut, ..Part::empty(self.trace, session_start, None) });
        }
    }

    fn add_to_tail(&mut self, minute: Minute, span: Span) {
        let tails = self.tails.get_or_insert_default();
        match tails.last_mut() {
            Some((last, spans)) if *last == minute => spans.push(span),
            _ => tails.push((minute, vec![span])),
        }
    }

    /// Hands over the tail fragments of minutes before `ended`.
    fn hand_over_tails(&mut self, session_start: LogMillis, ended: Minute, parts: &mut Vec<Part>) {
        let Some(mut tails) = self.tails.take() else { return };
        for (minute, spans) in tails.extract_if(.., |(minute, _)| *minute < ended) {
            parts.push(Part { spans, ..Part::empty(self.trace, session_start, Some(minute)) });
        }
        self.tails = (!tails.is_empty()).then_some(tails);
    }

    fn next_due(&self, spans: Spans) -> LogMillis {
        let tail_end =
            self.tails.as_ref().and_then(|tails| tails.first()).map(|(minute, _)| minute.end_millis());
        let of_chain = self.chain.map(|chain| match self.accepted == NONE {
            true => chain.last + spans.gap + 1,
            false => chain.closes_after(spans) + 1,
        });
        let of_pending = (self.pending != NONE).then(|| self.first_pending + spans.gap + 1);
        [tail_end, of_chain, of_pending].into_iter().flatten().min().unwrap_or(LogMillis::MAX)
    }
}

/// What is left of the spans of a session that has too many.
struct Cut {
    kept: Vec<Span>,
    gone: u64,
    copies: u64,
}

/// Keeps the `max` spans with the smallest mixed ids.
fn cut(mut spans: Vec<Span>, max: usize) -> Cut {
    if spans.len() <= max {
        return Cut { kept: spans, gone: 0, copies: 0 };
    }
    let all = spans.len();
    // Copies of a span would otherwise push others out, by how often they were delivered.
    spans.sort_unstable_by(|a, b| a.id.cmp(&b.id).then(b.end.cmp(&a.end)).then_with(|| a.cmp(b)));
    spans.dedup_by(|next, kept| next.id == kept.id && next.kind == kept.kind);
    let distinct = spans.len();
    spans.sort_by_cached_key(|span| TraceId(u128::from(span.id.0)).mixed(0));
    spans.truncate(max);
    let gone = (distinct - spans.len()) as u64;
    Cut { kept: spans, gone, copies: (all - distinct) as u64 }
}
