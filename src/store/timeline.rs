//! All minutes as one: open ones, final ones that wait to be sealed, sealed ones and their roll-ups.

use std::ops::Range;
use std::sync::Arc;

use super::embedded::StoreError;
use super::history::{History, HistorySize};
use super::index::Plan;
use super::policy::Policy;
use crate::config::Config;
use crate::graph::sealed::{BucketKey, Marks};
use crate::graph::{Bucket, FlowKey, Hashes, KeptTrace, LiveGraph, LiveSize};
use crate::lane::Ledger;
use crate::model::{Minute, Symbols, TraceId};

/// Everything that is known of time.
pub struct Timeline {
    /// What is not sealed.
    pub live: Arc<LiveGraph>,
    /// What is sealed.
    pub history: History,
    /// What came of the inputs in minutes that are not sealed.
    pub ledger: Arc<Ledger>,
}

/// All that is known of a range of minutes.
pub struct Reading {
    /// Merged, at operation level.
    pub bucket: Bucket,
    /// First minute answered: that asked for, an earlier one where it lies inside a roll-up, or the first kept.
    pub from: Minute,
    /// First minute after the answer.
    pub to: Minute,
    /// First minute of the range whose numbers may still change.
    pub provisional_from: Option<Minute>,
    /// True where earlier minutes of the range are gone.
    pub is_cut_by_retention: bool,
    /// What is odd about sealed buckets of the range.
    pub marks: Marks,
    /// Sealed buckets that are missing because they are damaged, with what is wrong.
    pub damaged: Vec<(BucketKey, String)>,
}

/// Why a range cannot be answered from sealed minutes alone.
#[derive(Debug, thiserror::Error)]
pub enum SealedRangeError {
    /// It reaches beyond what is sealed.
    #[error("not sealed yet")]
    NotSealed {
        /// Everything before this minute is sealed; `None` while nothing is.
        sealed_to: Option<Minute>,
    },
    /// Its ends lie inside roll-ups whose minutes are gone.
    #[error("rolled up")]
    TooFine {
        /// First minute of the nearest range that exists.
        from: Minute,
        /// First minute after it.
        to: Minute,
    },
    /// It begins before what is kept.
    #[error("not kept")]
    NotKept {
        /// First minute of what is kept.
        from: Minute,
    },
    /// A sealed bucket of it is damaged or was taken away.
    #[error("damaged")]
    Damaged {
        /// Which bucket.
        key: BucketKey,
        /// What is wrong with it.
        problem: String,
    },
    /// The disk cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Timeline {
    /// A timeline that is written to by `live` and `ledger`.
    pub fn new(live: Arc<LiveGraph>, history: History, ledger: Arc<Ledger>) -> Arc<Timeline> {
        Arc::new(Timeline { live, history, ledger })
    }

    /// Without a store: everything is in memory.
    pub fn in_memory(live: Arc<LiveGraph>, config: &Config) -> Arc<Timeline> {
        Timeline::new(live, History::new(None, Policy::from_config(config)), Arc::default())
    }

    /// Everything in the minutes from `from` to before `to`, and to the ends of the roll-ups that these lie in, but for
    /// the calls of flows.
    ///
    /// # Errors
    /// Where the disk cannot be read.
    pub fn read(&self, from: Minute, to: Minute) -> Result<Reading, StoreError> {
        self.read_with_calls(from, to, &|_| false)
    }

    /// The same with the calls of those flows that are wanted.
    ///
    /// # Errors
    /// Where the disk cannot be read.
    pub fn read_with_calls(
        &self,
        from: Minute,
        to: Minute,
        is_wanted: &dyn Fn(&FlowKey) -> bool,
    ) -> Result<Reading, StoreError> {
        let asked = from.0..to.0.max(from.0);
        loop {
            if let Some(reading) = self.try_read(asked.clone(), is_wanted)? {
                return Ok(reading);
            }
        }
    }

    /// `None` where a bucket went away while it was read: rolled up, dropped, or damaged. Each time fewer are left.
    fn try_read(
        &self,
        asked: Range<u32>,
        is_wanted: &dyn Fn(&FlowKey) -> bool,
    ) -> Result<Option<Reading>, StoreError> {
        let mut reader = Reader::new(self.live.symbols(), is_wanted);
        // Whatever has to be read from disk for the plan is read here, before anything is locked.
        let mut range = self.history.plan(asked.clone())?.range;
        let plan = loop {
            // Minutes move from the final to the sealed ones under this lock, so each is seen once.
            let finals = self.live.finals();
            let plan = self.history.plan(range.clone())?;
            if plan.range != range {
                range = plan.range;
                continue;
            }
            let (from, to) = (Minute(range.start), Minute(range.end));
            self.live.add_to(&finals, &mut reader.bucket, from, to, &mut reader.hashes, is_wanted);
            let open = self.ledger.open(from, to);
            reader.bucket.inputs.merge(&open.counts);
            reader.bucket.gaps.extend(open.gaps);
            break plan;
        };
        if !reader.add(&self.history, plan)? {
            return Ok(None);
        }
        let provisional_from = self.provisional_from(Minute(range.start), Minute(range.end));
        Ok(Some(reader.finish(&self.history, range, Minute(asked.start), provisional_from)))
    }

    /// The same as [`Timeline::read`] of sealed minutes only, for answers that never change.
    ///
    /// # Errors
    /// Where a part of the range is not sealed yet, not kept, damaged, or only in roll-ups that reach over its ends.
    pub fn read_sealed(&self, from: Minute, to: Minute) -> Result<Reading, SealedRangeError> {
        self.read_sealed_with_calls(from, to, &|_| false)
    }

    /// The same with the calls of those flows that are wanted.
    ///
    /// # Errors
    /// As those of [`Timeline::read_sealed`].
    pub fn read_sealed_with_calls(
        &self,
        from: Minute,
        to: Minute,
        is_wanted: &dyn Fn(&FlowKey) -> bool,
    ) -> Result<Reading, SealedRangeError> {
        let range = from.0..to.0.max(from.0);
        let sealed_to = self.sealed_to();
        let Some(first) = self.history.first() else {
            return Err(SealedRangeError::NotSealed { sealed_to: None });
        };
        if sealed_to.is_none_or(|sealed_to| to > sealed_to) {
            return Err(SealedRangeError::NotSealed { sealed_to });
        }
        if let Some(first) = self.history.oldest_kept().max(Some(first)).filter(|first| from < *first) {
            return Err(SealedRangeError::NotKept { from: first });
        }
        loop {
            let plan = self.history.plan(range.clone())?;
            if plan.range != range {
                return Err(SealedRangeError::TooFine {
                    from: Minute(plan.range.start),
                    to: Minute(plan.range.end),
                });
            }
            if let Some((key, problem)) = self.history.damaged_in(&range).into_iter().next() {
                return Err(SealedRangeError::Damaged { key, problem });
            }
            let mut reader = Reader::new(self.live.symbols(), is_wanted);
            reader.bucket.gaps.extend(self.ledger.open(from, to).gaps);
            if reader.add(&self.history, plan)? {
                return Ok(reader.finish(&self.history, range, from, None));
            }
        }
    }

    /// The traces kept in the minutes from `from` to before `to` that are wanted, with their spans; some of them twice.
    /// Of sealed minutes alone where `is_sealed`.
    ///
    /// # Errors
    /// Where the disk cannot be read.
    pub fn kept_traces(
        &self,
        from: Minute,
        to: Minute,
        is_sealed: bool,
        is_wanted: &dyn Fn(&FlowKey, TraceId) -> bool,
    ) -> Result<Vec<KeptTrace>, StoreError> {
        // What is sealed in between is seen twice, never not at all.
        let mut found = if is_sealed { Vec::new() } else { self.live.kept_traces(from, to, is_wanted) };
        let hashes = Hashes::new(self.live.symbols().clone());
        for planned in self.history.plan(from.0..to.0.max(from.0))?.blocks {
            let kept = self.history.with(planned, |frame| frame.traces(&hashes, is_wanted))?;
            found.extend(kept.into_iter().flatten());
        }
        Ok(found)
    }

    /// Everything before this minute is sealed, in every lane that is written; `None` while nothing is.
    pub fn sealed_to(&self) -> Option<Minute> {
        let live = self.live.sealed_to();
        live.or_else(|| self.history.size().ends.map(|(_, last)| Minute(last.0 + 1)))
    }

    /// First and last minute with facts.
    pub fn ends(&self) -> Option<(Minute, Minute)> {
        let (live, sealed) = (self.live.size(), self.history.size().ends);
        let first = live.oldest.into_iter().chain(sealed.map(|(first, _)| first)).min()?;
        let last = live.newest.into_iter().chain(sealed.map(|(_, last)| last)).max()?;
        Some((first, last))
    }

    /// Sizes of what is not sealed and of what is.
    pub fn size(&self) -> (LiveSize, HistorySize) {
        (self.live.size(), self.history.size())
    }

    fn provisional_from(&self, from: Minute, to: Minute) -> Option<Minute> {
        let first = match self.live.provisional_from() {
            Some(first) => Some(first.max(from)),
            None => self.live.first_open(from, to),
        };
        first.filter(|first| *first < to)
    }
}

/// Adds sealed buckets up.
struct Reader<'a> {
    bucket: Bucket,
    hashes: Hashes,
    marks: Marks,
    /// Flows whose calls are wanted.
    is_wanted: &'a dyn Fn(&FlowKey) -> bool,
}

impl<'a> Reader<'a> {
    fn new(symbols: &Arc<Symbols>, is_wanted: &'a dyn Fn(&FlowKey) -> bool) -> Reader<'a> {
        let (bucket, hashes) = (Bucket::default(), Hashes::new(symbols.clone()));
        Reader { bucket, hashes, marks: Marks::default(), is_wanted }
    }

    /// False where a bucket is not there any more, or damaged: then what was added is part of a range at best.
    fn add(&mut self, history: &History, plan: Plan) -> Result<bool, StoreError> {
        for planned in plan.blocks {
            let added = history.with(planned, |frame| {
                frame.add_to_answer(&mut self.bucket, &mut self.hashes, self.is_wanted)?;
                Ok(frame.header.marks)
            })?;
            let Some(marks) = added else { return Ok(false) };
            self.marks = self.marks.with(marks);
        }
        for planned in plan.next {
            let Some(gaps) = history.with(planned, |frame| frame.gaps())? else { return Ok(false) };
            self.bucket.gaps.extend(gaps);
        }
        Ok(true)
    }

    fn finish(
        mut self,
        history: &History,
        range: Range<u32>,
        asked_from: Minute,
        provisional_from: Option<Minute>,
    ) -> Reading {
        let oldest = history.oldest_kept();
        let (from, to) = (Minute(range.start), Minute(range.end));
        self.bucket.gaps.retain(|gap| gap.touches(from, to));
        Reading {
            bucket: self.bucket,
            from: oldest.map_or(from, |oldest| from.max(oldest)).min(to),
            to,
            provisional_from,
            is_cut_by_retention: oldest.is_some_and(|oldest| asked_from < oldest),
            marks: self.marks,
            damaged: history.damaged_in(&range),
        }
    }
}
