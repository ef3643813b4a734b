//! The live graph: open minutes in a concurrent map, closed ones compact behind them.
//!
//! Open minutes are keyed by (lane, minute): each entry has one writer, its lane, and any reader.
//! Lock order: `closed` before an entry of `open`; no guard of the map is held across a second access to it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, RwLock};

use dashmap::DashMap;

use super::bucket::{Bucket, Caps};
use super::closed::Closed;
use super::codec;
use super::hashes::Hashes;
use super::stats::Sign;
use crate::analyze::Facts;
use crate::config::Config;
use crate::model::{Minute, Symbols};

/// A lane by number.
pub type LaneId = u32;

/// A minute of a lane that is not final.
#[derive(Default)]
struct OpenMinute {
    /// Facts of closed sessions.
    settled: Bucket,
    /// Facts of sessions that are only quiet: shown, and taken back when they change.
    shown: Bucket,
}

/// The graph that is being written.
pub struct LiveGraph {
    symbols: Arc<Symbols>,
    open: DashMap<(LaneId, Minute), OpenMinute, foldhash::fast::RandomState>,
    /// Minute through which each lane is final.
    finals: Mutex<BTreeMap<LaneId, Option<Minute>>>,
    closed: RwLock<Closed>,
    caps: Caps,
    retention_minutes: u32,
    memory: u64,
}

/// All that is known of a range of minutes.
pub struct Reading {
    /// Merged, at operation level.
    pub bucket: Bucket,
    /// First minute asked for that is kept.
    pub from: Minute,
    /// First minute after the range.
    pub to: Minute,
    /// First minute of the range whose numbers may still change.
    pub provisional_from: Option<Minute>,
    /// True where earlier minutes of the range are gone.
    pub is_cut_by_retention: bool,
}

/// Size and age of what is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LiveSize {
    /// Minutes not final, counted once however many lanes write them.
    pub open_minutes: usize,
    /// Closed minutes.
    pub closed_minutes: usize,
    /// Bytes of the closed minutes and their blocks.
    pub closed_bytes: u64,
    /// First minute kept.
    pub oldest: Option<Minute>,
    /// Last minute with facts.
    pub newest: Option<Minute>,
    /// True where memory, not age, took the oldest minutes.
    pub is_limited_by_memory: bool,
}

impl LiveGraph {
    /// An empty graph.
    pub fn new(symbols: Arc<Symbols>, config: &Config) -> Arc<LiveGraph> {
        Arc::new(LiveGraph {
            symbols,
            open: DashMap::default(),
            finals: Mutex::default(),
            closed: RwLock::default(),
            caps: Caps::from_config(config),
            retention_minutes: (config.graph.retention.as_secs() / 60).clamp(1, u64::from(u32::MAX)) as u32,
            memory: config.graph.memory,
        })
    }

    /// The tables behind the numbers.
    pub fn symbols(&self) -> &Arc<Symbols> {
        &self.symbols
    }

    /// A writer for one thread's lanes.
    pub fn writer(self: &Arc<Self>) -> LaneWriter {
        LaneWriter { hashes: Hashes::new(self.symbols.clone()), live: self.clone() }
    }

    /// Counts `lane` among those that a minute waits for.
    pub fn add_lane(&self, lane: LaneId) {
        self.lock_finals().entry(lane).or_default();
    }

    /// No minute waits for `lane` any longer; what it counted stays.
    pub fn remove_lane(&self, lane: LaneId) {
        self.lock_finals().remove(&lane);
    }

    /// Everything in the minutes from `from` to before `to`.
    pub fn read(&self, from: Minute, to: Minute) -> Reading {
        let mut hashes = Hashes::new(self.symbols.clone());
        let mut bucket = Bucket::default();
        let closed = self.closed.read().expect("no panic happens while the closed minutes are locked");
        let mut provisional_from: Option<Minute> = None;
        for key in self.open_keys(from, to) {
            let Some(open) = self.open.get(&key) else { continue };
            bucket.merge(&open.settled, &Caps::NONE, &mut hashes);
            bucket.merge(&open.shown, &Caps::NONE, &mut hashes);
            provisional_from = Some(provisional_from.map_or(key.1, |first| first.min(key.1)));
        }
        let blocks = closed.cover(from.0..to.0);
        let oldest_kept = closed.oldest_kept;
        // The blocks are shared, so merging them needs no lock.
        drop(closed);
        for bytes in blocks {
            codec::merge_into(&bytes, &mut bucket, &Caps::NONE, &mut hashes);
        }
        let is_cut_by_retention = oldest_kept.is_some_and(|oldest| from < oldest);
        let from = oldest_kept.map_or(from, |oldest| from.max(oldest)).min(to);
        Reading { bucket, from, to, provisional_from, is_cut_by_retention }
    }

    /// First and last minute with facts.
    pub fn ends(&self) -> Option<(Minute, Minute)> {
        let size = self.size();
        size.oldest.zip(size.newest)
    }

    /// Size and age of what is kept.
    pub fn size(&self) -> LiveSize {
        let closed = self.closed.read().expect("no panic happens while the closed minutes are locked");
        let mut open: Vec<Minute> = self.open.iter().map(|entry| entry.key().1).collect();
        open.sort_unstable();
        open.dedup();
        let ends = closed.ends();
        LiveSize {
            open_minutes: open.len(),
            closed_minutes: closed.len(),
            closed_bytes: closed.bytes(),
            oldest: ends.map(|(first, _)| first).into_iter().chain(open.first().copied()).min(),
            newest: ends.map(|(_, last)| last).into_iter().chain(open.last().copied()).max(),
            is_limited_by_memory: closed.is_limited_by_memory,
        }
    }

    fn open_keys(&self, from: Minute, to: Minute) -> Vec<(LaneId, Minute)> {
        self.open.iter().map(|entry| *entry.key()).filter(|(_, minute)| (from..to).contains(minute)).collect()
    }

    fn lock_finals(&self) -> MutexGuard<'_, BTreeMap<LaneId, Option<Minute>>> {
        self.finals.lock().expect("no panic happens while the lanes are locked")
    }
}

/// Writes the minutes of one thread's lanes.
pub struct LaneWriter {
    live: Arc<LiveGraph>,
    hashes: Hashes,
}

impl LaneWriter {
    /// Counts the facts of a closed session or fragment.
    pub fn record(&mut self, lane: LaneId, facts: &Facts) {
        let mut open = self.live.open.entry((lane, facts.minute)).or_default();
        open.settled.apply(Sign::Plus, facts, &self.live.caps, &mut self.hashes);
    }

    /// Shows the facts of a session that is quiet but not closed.
    pub fn show(&mut self, lane: LaneId, facts: &Facts) {
        let mut open = self.live.open.entry((lane, facts.minute)).or_default();
        open.shown.apply(Sign::Plus, facts, &self.live.caps, &mut self.hashes);
    }

    /// Takes back what [`LaneWriter::show`] showed.
    pub fn hide(&mut self, lane: LaneId, facts: &Facts) {
        let key = (lane, facts.minute);
        let Some(mut open) = self.live.open.get_mut(&key) else { return };
        open.shown.apply(Sign::Minus, facts, &self.live.caps, &mut self.hashes);
        if open.shown.is_empty() {
            open.shown = Bucket::default();
        }
        let is_unused = open.settled.is_empty() && open.shown.is_empty();
        drop(open);
        if is_unused {
            // The lane is the entry's only writer, so nothing came in between.
            self.live.open.remove(&key);
        }
    }

    /// The session was shown as it is now closed: moves its facts over.
    pub fn settle(&mut self, lane: LaneId, facts: &Facts) {
        let mut open = self.live.open.entry((lane, facts.minute)).or_default();
        open.settled.apply(Sign::Plus, facts, &self.live.caps, &mut self.hashes);
        open.shown.apply(Sign::Minus, facts, &self.live.caps, &mut self.hashes);
        if open.shown.is_empty() {
            open.shown = Bucket::default();
        }
    }

    /// `lane` is final through `through`; closes the minutes that all lanes are done with.
    pub fn finish(&mut self, lane: LaneId, through: Minute) {
        let all_through = {
            let mut finals = self.live.lock_finals();
            if let Some(known) = finals.get_mut(&lane) {
                *known = (*known).max(Some(through));
            }
            finals.values().copied().min().flatten()
        };
        if let Some(minute) = all_through {
            self.close_through(minute);
        }
    }

    fn close_through(&mut self, through: Minute) {
        let live = self.live.clone();
        let mut minutes: BTreeMap<Minute, Vec<LaneId>> = BTreeMap::new();
        for (lane, minute) in live.open_keys(Minute(0), Minute(through.0.saturating_add(1))) {
            minutes.entry(minute).or_default().push(lane);
        }
        for (minute, lanes) in minutes {
            let mut closed =
                live.closed.write().expect("no panic happens while the closed minutes are locked");
            let mut bucket = Bucket::default();
            for lane in lanes {
                if let Some((_, open)) = live.open.remove(&(lane, minute)) {
                    bucket.merge(&open.settled, &live.caps, &mut self.hashes);
                }
            }
            if !bucket.is_empty() {
                closed.insert(minute, bucket, &live.caps, &mut self.hashes);
            }
        }
        self.age(through);
    }

    /// Rolls minutes up and drops what is too old or too much.
    fn age(&mut self, through: Minute) {
        let live = self.live.clone();
        let mut closed = live.closed.write().expect("no panic happens while the closed minutes are locked");
        let oldest = Minute(through.0.saturating_sub(live.retention_minutes));
        if closed.ends().is_some_and(|(first, _)| first < oldest) {
            closed.drop_before(oldest);
        }
        closed.roll_up(0..through.0 + 1, &mut self.hashes);
        closed.shrink_to(live.memory);
    }
}
