//! Log time of one input: the running maximum of its records' times, guarded against producers' wrong clocks.
//!
//! With the broker's times and with producers' alike the result is a function of the input's records,
//! but for an input that stands still: its place is taken by the local clock (ALGORITHMS 7).

use crate::model::time::JUMP_MILLIS;
use crate::model::{LogMillis, RecordTime};

/// Records in a row that must agree on a jump.
const AGREEING: usize = 3;

/// Log time of one input.
#[derive(Clone, Debug, Default)]
pub struct InputClock {
    /// Running maximum of the record times.
    newest: Option<LogMillis>,
    /// What lanes were told: nothing comes before it.
    promised: Option<LogMillis>,
    /// Times of the records that are held back, in order.
    held: Vec<LogMillis>,
}

/// When a record counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamp {
    /// Its log time, never before an earlier one of the input.
    pub at: LogMillis,
    /// Its own time lay before what lanes were told while the input stood still.
    pub is_behind: bool,
    /// Its own time was a jump forward that nobody agreed with.
    pub is_refuted: bool,
    /// Running maximum of the record times up to it, as the log alone tells it.
    pub newest: LogMillis,
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

    /// Takes the time of the next record.
    pub fn observe(&mut self, time: RecordTime) -> Observed {
        match time {
            RecordTime::Missing => {
                let released = self.release(false);
                let at = self.newest.unwrap_or(0);
                Observed { released, own: Some(self.stamp(at, false)) }
            }
            RecordTime::LogAppend(at) => Observed { released: Vec::new(), own: Some(self.stamp(at, false)) },
            RecordTime::Create(at) => self.guard(at),
        }
    }

    /// The input stands at `at`: nothing more was there at that time of the local clock.
    ///
    /// Records that are held back are released: their time is believed unless the local clock refutes it too.
    pub fn stand(&mut self, at: LogMillis) -> Vec<Stamp> {
        let is_plausible = self.held.iter().all(|held| *held <= at.saturating_add(JUMP_MILLIS));
        let mut released = self.release(is_plausible);
        released.iter_mut().for_each(|stamp| stamp.is_reproducible = false);
        self.promised = self.promised.max(Some(at));
        released
    }

    /// What lanes may rely on: later records of the input count at this time or after it.
    pub fn now(&self) -> Option<LogMillis> {
        self.newest.max(self.promised)
    }

    fn guard(&mut self, at: LogMillis) -> Observed {
        let is_jump = self.now().is_some_and(|known| at > known.saturating_add(JUMP_MILLIS));
        if !is_jump {
            return Observed { released: self.release(false), own: Some(self.stamp(at, false)) };
        }
        // Time goes on: a later time does not refute an earlier one. In a quiet topic every record is a jump.
        let agrees = self.held.last().is_none_or(|held| at >= held.saturating_sub(JUMP_MILLIS));
        let mut released = if agrees { Vec::new() } else { self.release(false) };
        if self.held.len() + 1 < AGREEING {
            self.held.push(at);
            return Observed { released, own: None };
        }
        released.extend(self.release(true));
        Observed { released, own: Some(self.stamp(at, false)) }
    }

    /// Stamps the records that are held back: with their own times, or, refuted, with the time before the jump.
    fn release(&mut self, is_believed: bool) -> Vec<Stamp> {
        let held = std::mem::take(&mut self.held);
        let before = self.newest.unwrap_or(0);
        held.into_iter().map(|at| self.stamp(if is_believed { at } else { before }, !is_believed)).collect()
    }

    fn stamp(&mut self, own: LogMillis, is_refuted: bool) -> Stamp {
        let newest = self.newest.map_or(own, |newest| newest.max(own));
        self.newest = Some(newest);
        let is_behind = self.newest < self.promised;
        let at = self.now().unwrap_or(own);
        Stamp { at, is_behind, is_refuted, newest, is_reproducible: !is_behind }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Log times of all records that are not held back, in order.
    fn stamps(clock: &mut InputClock, times: &[LogMillis]) -> Vec<LogMillis> {
        let mut found = Vec::new();
        for at in times {
            let observed = clock.observe(RecordTime::Create(*at));
            found.extend(observed.released.iter().chain(&observed.own).map(|stamp| stamp.at));
        }
        found
    }

    fn own(observed: Observed) -> Stamp {
        observed.own.unwrap()
    }

    #[test]
    fn time_never_runs_back() {
        let mut clock = InputClock::default();
        assert_eq!(stamps(&mut clock, &[1000, 900, 1100]), [1000, 1000, 1100]);
        assert_eq!(own(clock.observe(RecordTime::Missing)).at, 1100);
    }

    #[test]
    fn a_jump_is_held_until_three_agree_and_then_they_count_at_their_own_times() {
        let far = 1000 + 2 * JUMP_MILLIS;
        let mut clock = InputClock::default();
        assert_eq!(stamps(&mut clock, &[1000, far, far + 1]), [1000]);
        assert_eq!(clock.now(), Some(1000), "nobody is told of a time that is not believed");
        assert_eq!(stamps(&mut clock, &[far + 2, far + 3]), [far, far + 1, far + 2, far + 3]);
    }

    #[test]
    fn a_refuted_jump_counts_at_the_time_before_it() {
        let far = 1000 + 2 * JUMP_MILLIS;
        let mut clock = InputClock::default();
        stamps(&mut clock, &[1000, far, far]);
        let observed = clock.observe(RecordTime::Create(1001));
        assert!(observed.released.iter().all(|stamp| stamp.at == 1000 && stamp.is_refuted));
        assert_eq!(observed.released.len(), 2);
        let expected = Stamp { at: 1001, newest: 1001, is_reproducible: true, ..Stamp::default() };
        assert_eq!(own(observed), expected);
        assert_eq!(stamps(&mut clock, &[far, 3 * far, 1002]), [1001, 1001, 1002], "two that do not agree");
    }

    #[test]
    fn records_that_are_far_apart_are_no_wrong_clocks() {
        let mut clock = InputClock::default();
        let times = [
            1000,
            1000 + 2 * JUMP_MILLIS,
            1000 + 4 * JUMP_MILLIS,
            1000 + 6 * JUMP_MILLIS,
            1001 + 6 * JUMP_MILLIS,
        ];
        assert_eq!(stamps(&mut clock, &times), times, "a replay of a quiet topic reads them without pauses");
    }

    #[test]
    fn what_a_local_clock_decided_is_marked() {
        let far = 1000 + 2 * JUMP_MILLIS;
        let mut clock = InputClock::resumed(Some(1000));
        assert!(own(clock.observe(RecordTime::Create(1500))).is_reproducible);
        stamps(&mut clock, &[far]);
        assert!(!clock.stand(far + 1000)[0].is_reproducible);
        let behind = own(clock.observe(RecordTime::Create(far + 1)));
        assert_eq!((behind.at, behind.newest, behind.is_reproducible), (far + 1000, far + 1, false));
        assert!(own(clock.observe(RecordTime::Create(far + 1001))).is_reproducible);
    }

    #[test]
    fn the_brokers_time_is_believed() {
        let mut clock = InputClock::default();
        clock.observe(RecordTime::LogAppend(1000));
        let at = 1000 + 10 * JUMP_MILLIS;
        assert_eq!(own(clock.observe(RecordTime::LogAppend(at))).at, at);
    }

    #[test]
    fn a_record_behind_the_promise_counts_at_it() {
        let mut clock = InputClock::default();
        clock.observe(RecordTime::Create(1000));
        clock.stand(5000);
        let stamp = own(clock.observe(RecordTime::Create(2000)));
        assert_eq!((stamp.at, stamp.is_behind), (5000, true));
        assert_eq!(own(clock.observe(RecordTime::Create(6000))).at, 6000);
        clock.stand(4000);
        assert_eq!(clock.now(), Some(6000), "a promise is never taken back");
    }

    #[test]
    fn at_the_end_of_the_log_the_local_clock_decides_on_what_is_held() {
        let far = 1000 + 2 * JUMP_MILLIS;
        let mut clock = InputClock::default();
        stamps(&mut clock, &[1000, far]);
        assert_eq!(clock.stand(far + 1000)[0].at, far);
        stamps(&mut clock, &[3 * far]);
        let refuted = clock.stand(far + 2000)[0];
        assert_eq!((refuted.at, refuted.is_refuted), (far + 1000, true));
        assert_eq!(own(clock.observe(RecordTime::Create(far + 3000))).at, far + 3000);
    }
}
