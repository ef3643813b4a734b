//! Log time of one input: the running maximum of its records' times, guarded against producers' wrong clocks.
//!
//! With the broker's times and with producers' alike the result is a function of the input's records,
//! but for an input that stands still: its place is taken by the local clock (ALGORITHMS 7).

use crate::model::{LogMillis, RecordTime};

/// A producer's time further ahead than this is held back until others agree.
const JUMP_MS: LogMillis = 5 * 60_000;
/// Records in a row that must agree on a jump.
const AGREEING: u32 = 3;

/// Log time of one input.
#[derive(Clone, Debug, Default)]
pub struct InputClock {
    /// Running maximum of the record times.
    newest: Option<LogMillis>,
    /// What lanes were told: nothing comes before it.
    promised: Option<LogMillis>,
    held: Option<(LogMillis, u32)>,
}

/// When a record counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamp {
    /// Its log time, never before an earlier one of the input.
    pub at: LogMillis,
    /// Its own time lay before what lanes were told while the input stood still.
    pub is_behind: bool,
    /// Records whose jump forward was refuted by this one.
    pub refuted: u32,
}

impl InputClock {
    /// Takes the time of the next record.
    pub fn observe(&mut self, time: RecordTime) -> Stamp {
        let known = self.newest.max(self.promised);
        let (own, refuted) = match time {
            RecordTime::Missing => (known.unwrap_or(0), 0),
            RecordTime::LogAppend(at) => (at, 0),
            RecordTime::Create(at) => self.guard(at, known),
        };
        self.newest = self.newest.max(Some(own));
        let is_behind = self.promised.is_some_and(|promised| own < promised && time != RecordTime::Missing);
        let at = self.now().unwrap_or(own);
        Stamp { at, is_behind: is_behind && self.newest < self.promised, refuted }
    }

    /// The input stands at `at`: nothing more was there at that time of the local clock.
    pub fn stand(&mut self, at: LogMillis) {
        self.promised = self.promised.max(Some(at));
    }

    /// What lanes may rely on: later records of the input count at this time or after it.
    pub fn now(&self) -> Option<LogMillis> {
        self.newest.max(self.promised)
    }

    fn guard(&mut self, at: LogMillis, known: Option<LogMillis>) -> (LogMillis, u32) {
        let Some(known) = known else { return (at, 0) };
        if at <= known.saturating_add(JUMP_MS) {
            let refuted = self.held.take().map_or(0, |(_, count)| count);
            return (at, refuted);
        }
        match self.held {
            Some((held, count)) if at.abs_diff(held) <= JUMP_MS as u64 => {
                self.held = Some((held.max(at), count + 1));
                if count + 1 < AGREEING {
                    return (known, 0);
                }
                self.held = None;
                (at, 0)
            }
            other => {
                self.held = Some((at, 1));
                (known, other.map_or(0, |(_, count)| count))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamps(clock: &mut InputClock, times: &[LogMillis]) -> Vec<LogMillis> {
        times.iter().map(|at| clock.observe(RecordTime::Create(*at)).at).collect()
    }

    #[test]
    fn time_never_runs_back() {
        let mut clock = InputClock::default();
        assert_eq!(stamps(&mut clock, &[1000, 900, 1100]), [1000, 1000, 1100]);
        assert_eq!(clock.observe(RecordTime::Missing).at, 1100);
    }

    #[test]
    fn a_jump_is_held_until_three_agree() {
        let far = 1000 + 2 * JUMP_MS;
        let mut clock = InputClock::default();
        assert_eq!(
            stamps(&mut clock, &[1000, far, far + 1, far + 2, far + 3]),
            [1000, 1000, 1000, far + 2, far + 3]
        );
    }

    #[test]
    fn a_refuted_jump_is_counted_and_forgotten() {
        let far = 1000 + 2 * JUMP_MS;
        let mut clock = InputClock::default();
        stamps(&mut clock, &[1000, far, far]);
        assert_eq!(clock.observe(RecordTime::Create(1001)), Stamp { at: 1001, is_behind: false, refuted: 2 });
        assert_eq!(stamps(&mut clock, &[far, 1002]), [1001, 1002]);
    }

    #[test]
    fn the_brokers_time_is_believed() {
        let mut clock = InputClock::default();
        clock.observe(RecordTime::LogAppend(1000));
        assert_eq!(clock.observe(RecordTime::LogAppend(1000 + 10 * JUMP_MS)).at, 1000 + 10 * JUMP_MS);
    }

    #[test]
    fn a_record_behind_the_promise_counts_at_it() {
        let mut clock = InputClock::default();
        clock.observe(RecordTime::Create(1000));
        clock.stand(5000);
        let stamp = clock.observe(RecordTime::Create(2000));
        assert_eq!((stamp.at, stamp.is_behind), (5000, true));
        assert_eq!(clock.observe(RecordTime::Create(6000)), Stamp { at: 6000, is_behind: false, refuted: 0 });
        clock.stand(4000);
        assert_eq!(clock.now(), Some(6000), "a promise is never taken back");
    }

    #[test]
    fn silence_before_a_record_is_no_jump_where_the_input_stood() {
        let mut clock = InputClock::default();
        clock.observe(RecordTime::Create(1000));
        clock.stand(1000 + 3 * JUMP_MS);
        assert_eq!(clock.observe(RecordTime::Create(2000 + 3 * JUMP_MS)).at, 2000 + 3 * JUMP_MS);
    }
}
