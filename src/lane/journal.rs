//! One input's records on their way into the [`Ledger`]: counted by log minute, with the positions to read again from.

use std::sync::Arc;

use super::clock::Stamp;
use super::counts::{Dropped, Gap, GapCause};
use super::ledger::{Entries, Ledger, LogMinute, MAX_DOUBTFUL, Position};
use super::shed::ShedState;
use crate::model::time::MILLIS_PER_MINUTE;
use crate::model::{InputId, LogMillis, Minute};

/// What one record counts.
#[derive(Clone, Debug)]
pub struct RecordTally {
    /// Its offset.
    pub offset: i64,
    /// Bytes of its value.
    pub bytes: u64,
    /// What was dropped of it while decoding, by reason.
    pub dropped: Dropped,
}

/// What an earlier run sealed of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// First log time behind its last minute.
    pub end: LogMillis,
    /// Where the gap began that its last minute is in, if it is in one.
    pub gap_since: Option<LogMillis>,
}

/// The journal of one input.
pub struct Journal {
    input: InputId,
    name: Arc<str>,
    /// M + G: how far a start looks back behind the end of a sealed minute, milliseconds.
    look_back: LogMillis,
    /// `None` before it is known where reading starts.
    position: Option<Position>,
    /// The position before records whose time was not believed at once: they are read again together, or not at all.
    anchor: Option<Position>,
    counted_to: i64,
    /// What an earlier run sealed.
    sealed: Option<Sealed>,
    /// Last minute whose look-back has been reached.
    reached: Option<Minute>,
    /// As in [`Position::doubtful_to`].
    doubtful_to: Option<LogMillis>,
    /// A hole that ends with the next record.
    hole: Option<(GapCause, u64)>,
    entries: Entries,
}

impl Journal {
    /// A journal of an input that was read before up to `resumed`, or never.
    pub fn new(input: InputId, name: Arc<str>, look_back: LogMillis, resumed: Option<Position>) -> Journal {
        let reached = resumed.and_then(|position| position.newest).and_then(|at| reached(at, look_back));
        let mut entries = Entries::default();
        if let Some((newest, to)) =
            resumed.and_then(|position| Some((position.newest?, position.doubtful_to?)))
        {
            entries.doubt(Minute::of_millis(newest), Minute::of_millis(to));
        }
        Journal {
            input,
            name,
            look_back,
            position: resumed,
            anchor: None,
            counted_to: 0,
            sealed: None,
            reached,
            doubtful_to: resumed.and_then(|position| position.doubtful_to),
            hole: None,
            entries,
        }
    }

    /// Records before this offset are counted in sealed minutes: they are read again only to look back.
    pub fn counted_to(mut self, offset: i64, sealed: Sealed) -> Journal {
        self.counted_to = offset;
        self.sealed = Some(sealed);
        self
    }

    /// Reading starts at `offset`; false, and nothing new, for an input that was read before.
    pub fn start(&mut self, offset: i64) -> bool {
        let is_new = self.position.is_none();
        let position = *self.position.get_or_insert(Position { offset, ..Position::default() });
        self.entries.current = Some(position);
        is_new
    }

    /// The offsets from the position up to `first` are gone.
    pub fn skip(&mut self, cause: GapCause, first: i64) {
        let Some(position) = &mut self.position else { return };
        let lost = u64::try_from(first - position.offset.max(self.counted_to)).unwrap_or(0);
        let cause = if first < position.offset { GapCause::Recreated } else { cause };
        position.offset = first;
        let before = self.hole.map_or(0, |(_, lost)| lost);
        self.hole = Some((cause, before + lost));
    }

    /// What lies from `since`, or from the beginning, up to `until` cannot be told.
    pub fn miss(&mut self, cause: GapCause, since: Option<LogMillis>, until: LogMillis) {
        let gap = Gap { input: self.name.clone(), cause, since, until, offsets: 0 };
        self.minute(Minute::of_millis(until)).gaps.insert(gap);
    }

    /// The next record is held back: what to make of it depends on those behind it.
    pub fn hold(&mut self) {
        self.anchor = self.anchor.or(self.position);
    }

    /// No record is held back any more.
    pub fn let_go(&mut self) {
        self.anchor = None;
    }

    /// A record gets its place in the log.
    pub fn enter(&mut self, stamp: Stamp) {
        let before = self.anchor.or(self.position).unwrap_or_default();
        let minute = reached(stamp.at, self.look_back);
        if minute > self.reached {
            self.entries.crossings.extend(minute.map(|minute| (minute, before)));
            self.reached = minute;
        }
        if let Some((cause, offsets)) = self.hole.take() {
            let since = self.since(before.newest).map(|since| since.min(stamp.at));
            let gap = Gap { input: self.name.clone(), cause, since, until: stamp.at, offsets };
            self.minute(Minute::of_millis(stamp.at)).gaps.insert(gap);
        }
        if !stamp.is_reproducible {
            let at = Minute::of_millis(stamp.at).0;
            let newest = Minute::of_millis(stamp.newest.unwrap_or(stamp.at)).0;
            let first = newest.saturating_sub(1).max(at.saturating_sub(MAX_DOUBTFUL));
            let reach = stamp.ahead.min(i64::from(MAX_DOUBTFUL) * MILLIS_PER_MINUTE);
            let to = stamp.at.saturating_add(reach);
            self.entries.doubt(Minute(first), Minute::of_millis(to));
            self.doubtful_to = self.doubtful_to.max(Some(to));
        }
    }

    /// Where a gap begins: what was sealed before anyone knew of it is whole, and its answers stay as they are.
    fn since(&self, newest: Option<LogMillis>) -> Option<LogMillis> {
        match &self.sealed {
            Some(sealed) if newest.is_none() || sealed.gap_since != newest => newest.max(Some(sealed.end)),
            _ => newest,
        }
    }

    /// Counts a record that was entered, and what became of it.
    pub fn count(&mut self, stamp: Stamp, tally: &RecordTally, shed: ShedState) {
        let counts = &mut self.minute(Minute::of_millis(stamp.at)).counts;
        counts.first_offset = counts.first_offset.min(tally.offset);
        counts.last_offset = counts.last_offset.max(tally.offset);
        counts.records += 1;
        counts.bytes += tally.bytes;
        counts.behind += u64::from(stamp.is_behind);
        counts.refuted_jumps += u64::from(stamp.is_refuted);
        counts.dropped.iter_mut().zip(tally.dropped).for_each(|(sum, n)| *sum += n);
        self.doubtful_to = self.doubtful_to.filter(|to| Some(*to) > stamp.newest);
        let (offset, newest, doubtful_to) = (tally.offset + 1, stamp.newest, self.doubtful_to);
        self.position = Some(Position { offset, newest, shed, doubtful_to });
        self.entries.current = self.position;
    }

    /// Writes everything into the ledger.
    pub fn publish(&mut self, ledger: &Ledger) {
        ledger.enter(self.input, std::mem::take(&mut self.entries));
    }

    fn minute(&mut self, minute: Minute) -> &mut LogMinute {
        self.entries.minutes.entry(minute).or_default()
    }
}

/// The last minute b with `end(b) - look_back <= at`: what is sealed up to b needs no record before `at`.
fn reached(at: LogMillis, look_back: LogMillis) -> Option<Minute> {
    let ended = at.saturating_add(look_back).div_euclid(MILLIS_PER_MINUTE) - 1;
    u32::try_from(ended).ok().map(Minute)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(at: LogMillis) -> Stamp {
        Stamp { at, newest: Some(at), is_reproducible: true, ..Stamp::default() }
    }

    /// The minutes that are marked as doubtful, and those with something to seal.
    fn marked(journal: &mut Journal) -> (Vec<u32>, Vec<u32>) {
        let minutes = journal.entries.minutes.iter().filter(|(_, it)| it.is_irreproducible);
        let marked = minutes.map(|(minute, _)| minute.0).collect();
        let ledger = Ledger::default();
        journal.publish(&ledger);
        (marked, ledger.minutes(|_| true, Minute(u32::MAX)).iter().map(|minute| minute.0).collect())
    }

    #[test]
    fn what_a_refuted_time_can_reach_is_doubtful_also_after_a_restart_and_not_sealed_for_that_alone() {
        let refuted = |ahead| Stamp { is_reproducible: false, is_refuted: true, ahead, ..stamp(600_000) };
        let tally = RecordTally { offset: 0, bytes: 1, dropped: Default::default() };
        let mut journal = Journal::new(7, "t/7".into(), 150_000, None);
        journal.start(0);
        journal.enter(refuted(300_000));
        journal.count(refuted(300_000), &tally, ShedState::default());
        let position = journal.position.unwrap();
        assert_eq!(position.doubtful_to, Some(900_000));
        assert_eq!(marked(&mut journal), ((9..=15).collect(), vec![10]));
        let mut resumed = Journal::new(7, "t/7".into(), 150_000, Some(position));
        assert_eq!(marked(&mut resumed).0, (10..=15).collect::<Vec<_>>());
        resumed.enter(stamp(900_000));
        resumed.count(stamp(900_000), &tally, ShedState::default());
        assert_eq!(resumed.position.unwrap().doubtful_to, None, "log time has come there");
        journal.enter(refuted(40 * 24 * 3_600_000));
        assert_eq!(marked(&mut journal).0.len(), 2 + MAX_DOUBTFUL as usize, "not for ever");
    }

    #[test]
    fn a_gap_found_later_leaves_what_was_sealed_before_as_it_was() {
        let position = Position { offset: 40, newest: Some(50_000), ..Position::default() };
        for (gap_since, expected) in [(None, 180_000), (Some(50_000), 50_000), (Some(20_000), 180_000)] {
            let sealed = Sealed { end: 180_000, gap_since };
            let mut journal = Journal::new(7, "t/7".into(), 150_000, Some(position)).counted_to(60, sealed);
            journal.skip(GapCause::Lost, 100);
            journal.enter(stamp(400_000));
            let gap = journal.entries.minutes[&Minute(6)].gaps.first().cloned();
            let found = gap.map(|gap| (gap.since, gap.until, gap.offsets));
            assert_eq!(found, Some((Some(expected), 400_000, 40)), "{gap_since:?}");
        }
    }
}
