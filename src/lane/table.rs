//! A lane: the sessions of its traces, closed by log time, shown when they fall quiet.
//!
//! Enters: spans with their log time, in any order within what is not decided. Leaves: parts to analyse.
//! Guarantee: the parts are a function of the set of (span, log time) and of nothing else.

use std::collections::{BTreeMap, VecDeque};
use std::hash::BuildHasher;
use std::sync::Arc;

use hashbrown::HashTable;

use super::chain::Spans;
use super::session::{Part, Session};
use super::slab::{NONE, SpanSlab};
use crate::config::SessionsConfig;
use crate::model::{LogMillis, Minute, Span, TraceId};
use crate::telemetry::{Reason, Telemetry};

/// Sessions whose spans are fetched from memory together: few enough that they stay in the cache until they are used.
const SIDE_BY_SIDE: usize = 8;

/// What a lane hands over.
pub enum Event<S> {
    /// A part that is complete.
    Closed(Part),
    /// A session that is complete, exactly as it was shown, and its spans.
    ClosedAsShown(S, Vec<Span>),
    /// What was shown is no longer true.
    Withdrawn(S),
}

/// Sessions of one lane. `S` is what the owner shows of a quiet session.
pub struct Lane<S> {
    slots: Vec<Option<Session<S>>>,
    free_slots: Vec<u32>,
    by_trace: HashTable<u32>,
    hasher: foldhash::fast::RandomState,
    slab: SpanSlab,
    /// Slots to look at, by second of log time.
    due: BTreeMap<i64, Vec<u32>>,
    /// Slots that got a span, with the wall clock at which they may be quiet, milliseconds; each slot once at most.
    waiting: VecDeque<(u32, u64)>,
    is_waiting: Vec<bool>,
    watermark: LogMillis,
    spans: Spans,
    event_clamp: LogMillis,
    quiet_ms: u64,
    max_spans: usize,
    telemetry: Arc<Telemetry>,
}

/// What a lane holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LaneSize {
    /// Traces not forgotten.
    pub traces: usize,
    /// Spans not analysed for good.
    pub spans: usize,
    /// Bytes of both.
    pub bytes: usize,
}

impl<S> Lane<S> {
    /// An empty lane.
    pub fn new(config: &SessionsConfig, telemetry: Arc<Telemetry>) -> Lane<S> {
        Lane {
            slots: Vec::new(),
            free_slots: Vec::new(),
            by_trace: HashTable::new(),
            hasher: foldhash::fast::RandomState::default(),
            slab: SpanSlab::new(),
            due: BTreeMap::new(),
            waiting: VecDeque::new(),
            is_waiting: Vec::new(),
            watermark: LogMillis::MIN,
            spans: Spans {
                gap: config.gap.as_millis() as LogMillis,
                max_life: config.max_life.as_millis() as LogMillis,
            },
            event_clamp: config.event_clamp.as_millis() as LogMillis,
            quiet_ms: config.quiet.as_millis() as u64,
            max_spans: config.max_spans,
            telemetry,
        }
    }

    /// Takes a span. `at` is its log time, not before the watermark; `now` the wall clock in milliseconds.
    pub fn push(&mut self, trace: TraceId, at: LogMillis, span: Span, now: u64) {
        let slot = self.slot_of(trace, at);
        let Some(session) = self.slots[slot as usize].as_mut() else { return };
        session.push(at, span, &mut self.slab, self.spans);
        session.last_arrival = now;
        if session.unseen_since.is_none() {
            session.unseen_since = Some(now);
            self.await_quiet(slot, now + self.quiet_ms);
        }
        self.queue(slot);
    }

    /// Everything before `watermark` is there: hands over what is complete.
    pub fn advance(&mut self, watermark: LogMillis, on_event: &mut impl FnMut(Event<S>)) {
        if watermark <= self.watermark {
            return;
        }
        self.watermark = watermark;
        // Whole seconds only: within the last one there may be more to come.
        let second = watermark.div_euclid(1000);
        while let Some(entry) = self.due.first_entry().filter(|entry| *entry.key() < second) {
            for slots in entry.remove().chunks(SIDE_BY_SIDE) {
                self.touch(slots);
                slots.iter().for_each(|slot| self.look_at(*slot, watermark, on_event));
            }
        }
    }

    /// The last minute that can no longer change: its end plus L plus M is behind the watermark.
    pub fn final_through(&self) -> Option<Minute> {
        let whole_seconds = self.watermark.div_euclid(1000).saturating_mul(1000);
        let end = whole_seconds.saturating_sub(self.event_clamp + self.spans.max_life);
        let minutes = end.div_euclid(crate::model::time::MILLIS_PER_MINUTE);
        u32::try_from(minutes.min(i64::from(u32::MAX))).ok()?.checked_sub(1).map(Minute)
    }

    /// Shows the sessions that fell quiet, and those that were not for long.
    ///
    /// It need not be called: what is not shown is counted all the same once it is closed.
    /// `show` gets what was shown of a session before and all its parts now.
    pub fn show_quiet(&mut self, now: u64, show: &mut impl FnMut(Option<S>, Vec<Part>) -> S) {
        while let Some((slot, due)) = self.waiting.front().copied().filter(|(_, due)| *due <= now) {
            self.waiting.pop_front();
            self.is_waiting[slot as usize] = false;
            let Some(session) = self.slots[slot as usize].as_mut() else { continue };
            let Some(unseen_since) = session.unseen_since else { continue };
            let is_quiet = session.last_arrival + self.quiet_ms <= now;
            // A trace that never falls quiet is shown from time to time all the same.
            let is_overdue = unseen_since + 5 * self.quiet_ms <= now;
            if !is_quiet && !is_overdue {
                let next = session.last_arrival + self.quiet_ms;
                self.await_quiet(slot, next.max(due + 1));
                continue;
            }
            session.unseen_since = None;
            // Cut as they will be when they are closed: what is shown then moves over as it is.
            let max = self.max_spans;
            let parts = session.preview(&self.slab, self.spans);
            let parts: Vec<Part> = parts.into_iter().map(|part| part.cut_to(max).0).collect();
            if parts.is_empty() && session.shown.is_none() {
                continue;
            }
            session.shown = Some(show(session.shown.take(), parts));
        }
    }

    /// Everything before it is decided.
    pub fn watermark(&self) -> LogMillis {
        self.watermark
    }

    /// What the lane holds.
    pub fn size(&self) -> LaneSize {
        let traces = self.by_trace.len();
        let sessions = self.slots.capacity() * size_of::<Option<Session<S>>>();
        LaneSize {
            traces,
            spans: self.slab.len(),
            bytes: self.slab.bytes() + sessions + self.by_trace.capacity() * (size_of::<u32>() + 1),
        }
    }

    fn await_quiet(&mut self, slot: u32, due: u64) {
        let slots = self.slots.len();
        self.is_waiting.resize(slots, false);
        if !std::mem::replace(&mut self.is_waiting[slot as usize], true) {
            self.waiting.push_back((slot, due));
        }
    }

    fn slot_of(&mut self, trace: TraceId, at: LogMillis) -> u32 {
        let hash = self.hasher.hash_one(trace);
        let slots = &self.slots;
        let is_it = |slot: &u32| slots[*slot as usize].as_ref().is_some_and(|session| session.trace == trace);
        if let Some(slot) = self.by_trace.find(hash, is_it) {
            return *slot;
        }
        let session = Some(Session::new(trace, at, self.spans));
        let slot = match self.free_slots.pop() {
            Some(slot) => {
                self.slots[slot as usize] = session;
                slot
            }
            None => {
                self.slots.push(session);
                (self.slots.len() - 1) as u32
            }
        };
        let (slots, hasher) = (&self.slots, &self.hasher);
        self.by_trace.insert_unique(hash, slot, |slot| {
            slots[*slot as usize].as_ref().map_or(0, |session| hasher.hash_one(session.trace))
        });
        slot
    }

    /// Queues a slot for the second of its due time, unless it is queued for an earlier one.
    fn queue(&mut self, slot: u32) {
        let Some(session) = self.slots[slot as usize].as_mut() else { return };
        let second = session.due.div_euclid(1000);
        if second < session.queued {
            session.queued = second;
            self.due.entry(second).or_default().push(slot);
        }
    }

    /// Gets the spans of these sessions into the cache.
    fn touch(&self, slots: &[u32]) {
        let mut heads = [NONE; SIDE_BY_SIDE];
        for (head, slot) in heads.iter_mut().zip(slots) {
            *head = self.slots[*slot as usize].as_ref().map_or(NONE, Session::pending);
        }
        self.slab.touch(&mut heads);
    }

    fn look_at(&mut self, slot: u32, watermark: LogMillis, on_event: &mut impl FnMut(Event<S>)) {
        let Some(session) = self.slots[slot as usize].as_mut() else { return };
        session.queued = i64::MAX;
        if session.due >= watermark {
            return self.queue(slot);
        }
        let outcome = session.settle(watermark, &mut self.slab, self.spans, self.max_spans);
        let is_drained = session.is_drained();
        self.telemetry.counters.drop(Reason::SessionFull, outcome.cut);
        if !outcome.parts.is_empty() {
            let is_as_shown = session.unseen_since.is_none()
                && is_drained
                && outcome.parts.len() == 1
                && outcome.parts[0].tail_minute.is_none();
            let shown = session.shown.take();
            if !is_drained && session.unseen_since.is_none() {
                session.unseen_since = Some(session.last_arrival);
                let due = session.last_arrival + self.quiet_ms;
                self.await_quiet(slot, due);
            }
            self.hand_over(outcome.parts, shown, is_as_shown, on_event);
        }
        if outcome.is_forgotten {
            self.forget(slot);
        } else {
            self.queue(slot);
        }
    }

    fn hand_over(
        &mut self,
        mut parts: Vec<Part>,
        shown: Option<S>,
        is_as_shown: bool,
        on_event: &mut impl FnMut(Event<S>),
    ) {
        match shown {
            Some(shown) if is_as_shown => {
                let spans = parts.pop().map_or_else(Vec::new, |part| part.spans);
                return on_event(Event::ClosedAsShown(shown, spans));
            }
            Some(shown) => on_event(Event::Withdrawn(shown)),
            None => {}
        }
        for part in parts {
            let (part, gone) = part.cut_to(self.max_spans);
            self.telemetry.counters.drop(Reason::SessionFull, gone);
            on_event(Event::Closed(part));
        }
    }

    fn forget(&mut self, slot: u32) {
        let Some(session) = self.slots[slot as usize].take() else { return };
        let hash = self.hasher.hash_one(session.trace);
        if let Ok(entry) = self.by_trace.find_entry(hash, |other| *other == slot) {
            entry.remove();
        }
        self.free_slots.push(slot);
    }
}
