//! Log time of one input: the running maximum of its records' times, guarded against producers' wrong clocks.
//!
//! With the broker's times and with producers' alike the result is a function of the input's records,
//! but for two cases in which the local clock has a say (ALGORITHMS 7: what it decided is marked irreproducible):
//!
//! - An input that stands still: the local clock takes its place.
//! - A producer's time in the future. A record was written before it is read, so a time after now is wrong whatever
//!   the log says, and nothing in the log tells it from a jump that is right: the records of one producer agree with
//!   each other. Believed, it would carry log time, and the spans of everybody, ahead until the clock catches up.
//!   Records that are older than now are judged by the log alone, so reading them again judges them alike.

use crate::model::{CLOCK_TOLERANCE_MS, LogMillis, RecordTime};

/// Records in a row that must agree on a jump.
const AGREEING: usize = 3;
/// Records that are held back at most: a producer whose clock is ahead may be the only one for long.
const MAX_HELD: usize = 100;

/// Log time of one input.
#[derive(Clone, Debug, Default)]
pub struct InputClock {
    /// Running maximum of the record times that are believed.
    newest: Option<LogMillis>,
    /// What lanes were told: nothing comes before it.
    promised: Option<LogMillis>,
    /// The records that are held back, in order.
    held: Vec<Held>,
}

/// A record whose log time depends on those behind it.
#[derive(Clone, Copy, Debug)]
struct Held {
    /// Its own time.
    at: LogMillis,
    /// Its time is refuted already; it waits for its place behind the others, or for a time to count at.
    is_in_future: bool,
}

/// When a record counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamp {
    /// Its log time, never before an earlier one of the input.
    pub at: LogMillis,
    /// Its own time lay before what lanes were told while the input stood still.
    pub is_behind: bool,
    /// Its own time was a jump forward that nobody agreed with, or that the local clock refuted.
    pub is_refuted: bool,
    /// How far its own time lay ahead of its log time, milliseconds; 0 unless it is refuted.
    pub ahead: LogMillis,
    /// Running maximum of the record times up to it, as the log alone tells it; `None` where none was believed yet.
    pub newest: Option<LogMillis>,
    /// False where a local clock had a say: another reading of the log may decide otherwise.
    pub is_reproducible: bool,
}

/// What became of a record, and of those that were held back before it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    /// Stamps of the records held back so far, in their order, once it is known what to make of them.
    pub released: Vec<Stamp>,
    /// The record's own stamp; `None`: it is held back too.
    pub own: Option<Stamp>,
}

impl InputClock {
    /// The clock of an input that was read before, up to this running maximum.
    pub fn resumed(newest: Option<LogMillis>) -> InputClock {
        InputClock { newest, ..InputClock::default() }
    }

    /// Takes the time of the next record; `now` is the local clock, Unix milliseconds.
    pub fn observe(&mut self, time: RecordTime, now: LogMillis) -> Observed {
        match time {
            RecordTime::Missing => {
                let released = self.release(false, 0);
                let at = self.newest.unwrap_or(0);
                Observed { released, own: Some(self.stamp(at)) }
            }
            RecordTime::LogAppend(at) => {
                // Records are held back only where the topic had producers' times before: the broker's tells of them.
                let released = self.release(self.is_plausible(at), at);
                Observed { released, own: Some(self.stamp(at)) }
            }
            RecordTime::Create(at) if time.is_in_future(now) => self.refute(at, now),
            RecordTime::Create(at) => self.guard(at),
        }
    }

    /// The input stands at `at`: nothing more was there at that time of the local clock.
    ///
    /// Records that are held back are released: their time is believed unless the local clock refutes it too.
    pub fn stand(&mut self, at: LogMillis) -> Vec<Stamp> {
        self.settle(self.is_plausible(at), at)
    }

    /// What lanes may rely on: later records of the input count at this time or after it.
    pub fn now(&self) -> Option<LogMillis> {
        self.newest.max(self.promised)
    }

    fn guard(&mut self, at: LogMillis) -> Observed {
        let is_jump = self.now().is_some_and(|known| at > known.saturating_add(CLOCK_TOLERANCE_MS));
        if !is_jump {
            return Observed { released: self.release(false, at), own: Some(self.stamp(at)) };
        }
        // Time goes on: a later time does not refute an earlier one. In a quiet topic every record is a jump.
        let last = self.undecided().last();
        let agrees = last.is_none_or(|held| at >= held.saturating_sub(CLOCK_TOLERANCE_MS));
        let mut released = if agrees { Vec::new() } else { self.release(false, at) };
        if self.undecided().count() + 1 < AGREEING {
            self.held.push(Held { at, is_in_future: false });
            return Observed { released, own: None };
        }
        released.extend(self.release(true, at));
        Observed { released, own: Some(self.stamp(at)) }
    }

    /// A time that is later than now: it says nothing about those before it or behind it, as if it were not there.
    ///
    /// Before the first time that is believed it waits for that one: now would be too late for the records of an old log.
    fn refute(&mut self, at: LogMillis, now: LogMillis) -> Observed {
        let record = Held { at, is_in_future: true };
        let has_place = self.held.is_empty() && self.now().is_some();
        if !has_place && self.held.len() < MAX_HELD {
            self.held.push(record);
            return Observed::default();
        }
        let released = self.settle(false, self.now().unwrap_or(now));
        Observed { released, own: Some(self.refuted(record, now)) }
    }

    /// The times that are held back and may still be believed.
    fn undecided(&self) -> impl Iterator<Item = LogMillis> {
        self.held.iter().filter(|held| !held.is_in_future).map(|held| held.at)
    }

    /// Whether a clock that stands at `at` allows what is held back.
    fn is_plausible(&self, at: LogMillis) -> bool {
        self.undecided().all(|held| held <= at.saturating_add(CLOCK_TOLERANCE_MS))
    }

    /// Releases what is held back as a local clock decides, and promises that nothing comes before `at`.
    fn settle(&mut self, is_believed: bool, at: LogMillis) -> Vec<Stamp> {
        let mut released = self.release(is_believed, at);
        released.iter_mut().for_each(|stamp| stamp.is_reproducible = false);
        self.promised = self.promised.max(Some(at));
        released
    }

    /// Stamps the records that are held back: with their own times, or, refuted, with the time before the jump,
    /// which is `first` where there was none.
    fn release(&mut self, is_believed: bool, first: LogMillis) -> Vec<Stamp> {
        let held = std::mem::take(&mut self.held);
        let stamp = |held: Held| match is_believed && !held.is_in_future {
            true => self.stamp(held.at),
            false => self.refuted(held, first),
        };
        held.into_iter().map(stamp).collect()
    }

    fn refuted(&self, held: Held, first: LogMillis) -> Stamp {
        let at = self.now().unwrap_or(first);
        let is_reproducible = !held.is_in_future && self.newest >= self.promised;
        let ahead = held.at.saturating_sub(at);
        Stamp { at, is_behind: false, is_refuted: true, ahead, newest: self.newest, is_reproducible }
    }

    fn stamp(&mut self, own: LogMillis) -> Stamp {
        self.newest = self.newest.max(Some(own));
        let is_behind = self.newest < self.promised;
        let at = self.now().unwrap_or(own);
        Stamp { at, is_behind, is_refuted: false, ahead: 0, newest: self.newest, is_reproducible: !is_behind }
    }
}

#[cfg(test)]
mod tests;
