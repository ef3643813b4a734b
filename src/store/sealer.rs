//! Final minutes to sealed buckets, on disk and rolled up. One for the whole process; it runs on a thread of its own.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use super::embedded::StoreError;
use super::roll_up;
use super::timeline::Timeline;
use crate::config::{Config, LaneMode};
use crate::graph::sealed::{
    ALGORITHM_VERSION, Attachments, BucketKey, Header, Marks, Positions, Width, encode,
};
use crate::graph::{Bucket, GroupId, Hashes};
use crate::lane::SealedInputs;
use crate::model::{InputId, LogMillis, Minute};

/// The lane of a merged instance.
pub const MERGED: &str = "merged";

/// What sealing has done and met.
#[derive(Debug, Default)]
pub struct SealCounters {
    /// Minutes sealed.
    pub sealed: AtomicU64,
    /// Their bytes.
    pub bytes: AtomicU64,
    /// Sealed buckets whose bytes contradict those of an earlier run.
    pub nondeterminism: AtomicU64,
    /// Times that the disk did not take a bucket.
    pub refused: AtomicU64,
    problem: Mutex<Option<String>>,
}

impl SealCounters {
    /// Why the disk does not take what is sealed, while it does not.
    pub fn problem(&self) -> Option<String> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Option<String>> {
        self.problem.lock().expect("no panic happens while it is locked")
    }
}

/// Seals the minutes of all groups.
pub struct Sealer {
    timeline: Arc<Timeline>,
    mode: LaneMode,
    config_hash: u64,
    /// M + G, milliseconds.
    look_back: LogMillis,
    hashes: Hashes,
    counters: Arc<SealCounters>,
    /// Names that did not fit when the last minute was sealed.
    overflowed: u64,
    newest: Option<Minute>,
    /// Lanes by name, with their last final minute, whose roll-ups are made once the disk has their minutes.
    to_roll_up: BTreeMap<Arc<str>, Minute>,
}

impl Sealer {
    /// A sealer of the minutes that `timeline` has.
    pub fn new(timeline: Arc<Timeline>, config: &Config, counters: Arc<SealCounters>) -> Sealer {
        let hashes = Hashes::new(timeline.live.symbols().clone());
        Sealer {
            mode: config.lanes.mode,
            config_hash: config.facts_hash(),
            look_back: config.sessions.look_back_ms(),
            hashes,
            counters,
            overflowed: 0,
            newest: None,
            to_roll_up: BTreeMap::new(),
            timeline,
        }
    }

    /// Seals the minutes of `group`, whose lane is called `lane`, up to `through`.
    ///
    /// A minute without a trace and without a record has no bucket.
    ///
    /// `now` is the wall clock's minute. It bounds what retention takes as the newest minute: a producer whose clock is
    /// ahead must not make what is kept look old. It changes nothing that is sealed.
    pub fn seal(&mut self, group: GroupId, lane: &Arc<str>, through: Minute, now: Minute) {
        let floor = self.timeline.live.sealed_through(group);
        let of = self.inputs_of(group);
        let mut minutes = self.timeline.ledger.minutes(&of, through);
        minutes.extend(self.timeline.live.finals().keys().filter(|key| key.0 == group).map(|key| key.1));
        for minute in minutes.into_iter().filter(|minute| *minute <= through && Some(*minute) > floor) {
            self.seal_minute(group, lane, minute);
        }
        self.timeline.ledger.forget(&of, through);
        self.timeline.live.begin_behind(group, through);
        self.to_roll_up.insert(lane.clone(), through);
        self.write();
        self.newest = self.newest.max(Some(through));
        self.age(now);
    }

    /// Catches up with roll-ups that an earlier run did not come to.
    ///
    /// `now` as for [`Sealer::seal`].
    pub fn catch_up(&mut self, now: Minute) {
        for lane in self.timeline.history.lanes() {
            let last = self.timeline.history.starts(&lane, Width::Minute, 0..u32::MAX).last().copied();
            if let Some(last) = last.map(Minute) {
                self.newest = self.newest.max(Some(last));
                self.to_roll_up.insert(lane, last);
            }
        }
        self.write();
        self.age(now);
    }

    fn age(&self, now: Minute) {
        self.newest.into_iter().for_each(|newest| self.timeline.history.age(newest.min(now)));
    }

    /// Writes what the disk has not taken yet, and rolls it up; to be called again now and then while it waits.
    pub fn write(&mut self) {
        self.flush();
        if !self.is_waiting() && !self.to_roll_up.is_empty() {
            for (lane, through) in std::mem::take(&mut self.to_roll_up) {
                roll_up::roll_up(&self.timeline, &lane, through, &mut self.hashes);
            }
            self.flush();
        }
    }

    fn flush(&mut self) {
        match self.timeline.history.flush() {
            Ok(conflicts) => {
                for (key, kept) in conflicts {
                    self.counters.nondeterminism.fetch_add(1, Ordering::Relaxed);
                    let kept = kept.display();
                    tracing::error!(
                        bucket = %key, %kept,
                        "nondeterminism: this minute was sealed before with other content; the first one stays, \
                         compare both with `linchpin store export`, and please report it"
                    );
                }
                if self.counters.lock().take().is_some() {
                    tracing::info!("the store takes sealed minutes again");
                }
            }
            Err(error) => self.meet(&error),
        }
    }

    /// True while sealed buckets wait for the disk.
    pub fn is_waiting(&self) -> bool {
        self.counters.lock().is_some()
    }

    fn meet(&mut self, error: &StoreError) {
        self.counters.refused.fetch_add(1, Ordering::Relaxed);
        let (problem, mut known) = (error.to_string(), self.counters.lock());
        if known.as_ref() != Some(&problem) {
            tracing::error!(problem, "sealed minutes wait in memory until the store takes them");
            *known = Some(problem);
        }
    }

    fn seal_minute(&mut self, group: GroupId, lane: &Arc<str>, minute: Minute) {
        let log = self.timeline.ledger.of_minute(self.inputs_of(group), minute);
        let key = BucketKey { lane: lane.clone(), width: Width::Minute, start: minute };
        let empty = Arc::new(Bucket::default());
        let bucket = self.timeline.live.finals().get(&(group, minute)).cloned().unwrap_or(empty);
        let header = Header {
            algorithm: ALGORITHM_VERSION,
            config: self.config_hash,
            key: key.clone(),
            marks: self.marks(&log),
        };
        let attached = Attachments {
            members: 0,
            positions: Positions { look_back: self.look_back, inputs: log.positions },
            counts: log.counts,
            gaps: log.gaps,
        };
        let bytes = encode(&header, &bucket, &attached, &self.hashes);
        self.counters.sealed.fetch_add(1, Ordering::Relaxed);
        self.counters.bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        // A reader that holds the final minutes sees this one there or sealed, never in both.
        let mut finals = self.timeline.live.finals_mut();
        self.timeline.history.insert(&key, bytes, 0);
        finals.remove(&(group, minute));
        self.timeline.ledger.forget(self.inputs_of(group), minute);
    }

    fn marks(&mut self, log: &SealedInputs) -> Marks {
        let overflowed = self.timeline.live.symbols().overflowed();
        let is_odd = log.is_irreproducible || overflowed != self.overflowed;
        self.overflowed = overflowed;
        let mark = |is_set: bool, mark: Marks| if is_set { mark } else { Marks::default() };
        mark(is_odd, Marks::IRREPRODUCIBLE).with(mark(!log.gaps.is_empty(), Marks::GAP))
    }

    fn inputs_of(&self, group: GroupId) -> impl Fn(InputId) -> bool + use<> {
        let is_merged = self.mode == LaneMode::Merged;
        move |input| is_merged || input == group
    }
}
