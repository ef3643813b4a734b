//! The live graph: open minutes in a concurrent map, and minutes that are final but not sealed yet.
//!
//! Open minutes are keyed by (lane, minute): each entry has one writer and any reader. The lanes of one group that one
//! thread writes share the entries of the first of them: merging lanes is not the same work as adding their facts.
//! Lanes that share their inputs form a group; a minute that all lanes of its group are done with is final.
//! Lock order: `finals`, then an entry of `open`; no guard of the map is held across a second access to it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard};

use dashmap::DashMap;

use super::bucket::{Bucket, Caps};
use super::hashes::Hashes;
use super::stats::{FlowKey, Sign};
use super::traces::KeptTrace;
use crate::analyze::Facts;
use crate::config::Config;
use crate::model::{Minute, Symbols, TraceId};

/// A lane by number.
pub type LaneId = u32;
/// Lanes that are sealed together: all virtual lanes of a merged instance, or one that is a partition.
pub type GroupId = u32;

/// A minute of a thread's lanes that is not final.
#[derive(Default)]
struct OpenMinute {
    /// Facts of closed sessions.
    settled: Bucket,
    /// Facts of sessions that are only quiet: shown, and taken back when they change.
    shown: Bucket,
}

/// How far a group is.
#[derive(Clone, Debug, Default)]
struct Group {
    /// Minute through which each lane is final.
    lanes: BTreeMap<LaneId, Option<Minute>>,
    /// Facts of minutes up to this one are sealed already, or were never to be known.
    sealed: Option<Minute>,
}

impl Group {
    fn final_through(&self) -> Option<Minute> {
        self.lanes.values().copied().min().flatten()
    }
}

/// Minutes that are final and wait to be sealed.
pub type FinalMinutes = BTreeMap<(GroupId, Minute), Arc<Bucket>>;

/// The graph that is being written.
pub struct LiveGraph {
    symbols: Arc<Symbols>,
    open: DashMap<(LaneId, Minute), OpenMinute, foldhash::fast::RandomState>,
    groups: Mutex<BTreeMap<GroupId, Group>>,
    finals: RwLock<FinalMinutes>,
    caps: Caps,
}

/// Size and age of what is not sealed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LiveSize {
    /// Minutes not sealed, counted once however many lanes write them.
    pub open_minutes: usize,
    /// The first of them.
    pub oldest: Option<Minute>,
    /// The last of them.
    pub newest: Option<Minute>,
}

impl LiveGraph {
    /// An empty graph.
    pub fn new(symbols: Arc<Symbols>, config: &Config) -> Arc<LiveGraph> {
        Arc::new(LiveGraph {
            symbols,
            open: DashMap::default(),
            groups: Mutex::default(),
            finals: RwLock::default(),
            caps: Caps::from_config(config),
        })
    }

    /// The tables behind the numbers.
    pub fn symbols(&self) -> &Arc<Symbols> {
        &self.symbols
    }

    /// A writer for one thread's lanes.
    pub fn writer(self: &Arc<Self>) -> LaneWriter {
        LaneWriter {
            hashes: Hashes::new(self.symbols.clone()),
            live: self.clone(),
            firsts: BTreeMap::new(),
            shared: BTreeMap::new(),
            floors: BTreeMap::new(),
        }
    }

    /// Counts `lane` among those that the minutes of `group` wait for.
    pub fn add_lane(&self, group: GroupId, lane: LaneId) {
        self.lock_groups().entry(group).or_default().lanes.entry(lane).or_default();
    }

    /// No minute waits for `lane` any longer; what it counted stays.
    pub fn remove_lane(&self, group: GroupId, lane: LaneId) {
        if let Some(group) = self.lock_groups().get_mut(&group) {
            group.lanes.remove(&lane);
        }
    }

    /// Minutes of `group` up to `through` are sealed, or cannot be known: facts of them are not counted.
    pub fn begin_behind(&self, group: GroupId, through: Minute) {
        let mut groups = self.lock_groups();
        let sealed = &mut groups.entry(group).or_default().sealed;
        *sealed = (*sealed).max(Some(through));
    }

    /// The last minute of `group` whose facts are not counted any more.
    pub fn sealed_through(&self, group: GroupId) -> Option<Minute> {
        self.lock_groups().get(&group).and_then(|group| group.sealed)
    }

    /// Everything before this minute is sealed in every group; `None` while nothing is.
    pub fn sealed_to(&self) -> Option<Minute> {
        let groups = self.lock_groups();
        let written = groups.values().filter(|group| !group.lanes.is_empty());
        let sealed = written.map(|group| group.sealed).min().flatten();
        sealed.map(|through| Minute(through.0.saturating_add(1)))
    }

    /// First minute that is not final in every group; `None` while nothing is known to be final.
    pub fn provisional_from(&self) -> Option<Minute> {
        let groups = self.lock_groups();
        let of_group = |group: &Group| group.final_through().max(group.sealed);
        let written = groups.values().filter(|group| !group.lanes.is_empty());
        written.map(of_group).min().flatten().map(|through| Minute(through.0.saturating_add(1)))
    }

    /// Adds all that is not sealed of the minutes from `from` to before `to`; calls only of the flows that are wanted.
    ///
    /// `finals` is [`LiveGraph::finals`]: whoever holds it while reading the sealed minutes sees every minute once.
    pub fn add_to(
        &self,
        finals: &FinalMinutes,
        bucket: &mut Bucket,
        from: Minute,
        to: Minute,
        hashes: &mut Hashes,
        is_wanted: &dyn Fn(&FlowKey) -> bool,
    ) {
        for (_, bucket_of_minute) in finals.iter().filter(|((_, minute), _)| (from..to).contains(minute)) {
            bucket.add(bucket_of_minute, hashes, is_wanted);
        }
        for key in self.open_keys(from, to) {
            let Some(open) = self.open.get(&key) else { continue };
            bucket.add(&open.settled, hashes, is_wanted);
            bucket.add(&open.shown, hashes, is_wanted);
        }
    }

    /// The traces kept in what is not sealed of the minutes from `from` to before `to` that are wanted.
    pub fn kept_traces(
        &self,
        from: Minute,
        to: Minute,
        is_wanted: &dyn Fn(&FlowKey, TraceId) -> bool,
    ) -> Vec<KeptTrace> {
        let mut found = Vec::new();
        for key in self.open_keys(from, to) {
            let Some(open) = self.open.get(&key) else { continue };
            found.extend(
                open.settled.kept_traces(is_wanted).chain(open.shown.kept_traces(is_wanted)).cloned(),
            );
        }
        // Minutes move from the open to the final ones, so one of both has them.
        let finals = self.finals();
        let finals = finals.iter().filter(|((_, minute), _)| (from..to).contains(minute));
        found.extend(finals.flat_map(|(_, bucket)| bucket.kept_traces(is_wanted)).cloned());
        found
    }

    /// The minutes that are final and not sealed; while this is held none of them moves.
    pub fn finals(&self) -> RwLockReadGuard<'_, FinalMinutes> {
        self.finals.read().expect("no panic happens while the final minutes are locked")
    }

    /// The same, to take out what was sealed.
    pub fn finals_mut(&self) -> RwLockWriteGuard<'_, FinalMinutes> {
        self.finals.write().expect("no panic happens while the final minutes are locked")
    }

    /// Size and age of what is not sealed.
    pub fn size(&self) -> LiveSize {
        let mut minutes: BTreeSet<Minute> = self.finals().keys().map(|(_, minute)| *minute).collect();
        minutes.extend(self.open.iter().map(|entry| entry.key().1));
        LiveSize {
            open_minutes: minutes.len(),
            oldest: minutes.first().copied(),
            newest: minutes.last().copied(),
        }
    }

    /// First minute with facts that are not final, from `from` to before `to`.
    pub fn first_open(&self, from: Minute, to: Minute) -> Option<Minute> {
        self.open_keys(from, to).into_iter().map(|(_, minute)| minute).min()
    }

    fn open_keys(&self, from: Minute, to: Minute) -> Vec<(LaneId, Minute)> {
        self.open.iter().map(|entry| *entry.key()).filter(|(_, minute)| (from..to).contains(minute)).collect()
    }

    fn lock_groups(&self) -> MutexGuard<'_, BTreeMap<GroupId, Group>> {
        self.groups.lock().expect("no panic happens while the lanes are locked")
    }
}

/// Writes the minutes of one thread's lanes.
pub struct LaneWriter {
    live: Arc<LiveGraph>,
    hashes: Hashes,
    /// The first lane of each group: the others' facts are counted in its minutes.
    firsts: BTreeMap<GroupId, LaneId>,
    /// The lane in whose minutes each lane's facts are counted.
    shared: BTreeMap<LaneId, LaneId>,
    /// Last minute of each lane whose facts are not counted.
    floors: BTreeMap<LaneId, Minute>,
}

impl LaneWriter {
    /// Counts `lane` among those that the minutes of `group` wait for, and writes it from now on.
    pub fn add_lane(&mut self, group: GroupId, lane: LaneId) {
        self.live.add_lane(group, lane);
        let first = *self.firsts.entry(group).or_insert(lane);
        self.shared.insert(lane, first);
    }

    /// Facts of `lane` up to `through` are not counted: they are sealed, or were never to be known.
    pub fn begin_behind(&mut self, lane: LaneId, through: Minute) {
        let floor = self.floors.entry(lane).or_insert(through);
        *floor = through.max(*floor);
    }

    /// Counts the facts of a closed session or fragment.
    pub fn record(&mut self, lane: LaneId, facts: &Facts) {
        if self.is_counted(lane, facts) {
            let mut open = self.live.open.entry(self.key(lane, facts)).or_default();
            open.settled.apply(Sign::Plus, facts, &self.live.caps, &mut self.hashes);
        }
    }

    /// True where their spans matter if these facts were counted now; if not, they will not later.
    pub fn would_keep(&mut self, lane: LaneId, facts: &Facts) -> bool {
        if !self.is_counted(lane, facts) {
            return false;
        }
        let (open, none) = (self.live.open.get(&self.key(lane, facts)), Bucket::default());
        let settled = open.as_ref().map_or(&none, |open| &open.settled);
        settled.would_keep(facts, &self.live.caps, &mut self.hashes)
    }

    /// Shows the facts of a session that is quiet but not closed.
    pub fn show(&mut self, lane: LaneId, facts: &Facts) {
        if self.is_counted(lane, facts) {
            let mut open = self.live.open.entry(self.key(lane, facts)).or_default();
            open.shown.apply(Sign::Plus, facts, &self.live.caps, &mut self.hashes);
        }
    }

    /// Takes back what [`LaneWriter::show`] showed.
    pub fn hide(&mut self, lane: LaneId, facts: &Facts) {
        let key = self.key(lane, facts);
        let Some(mut open) = self.live.open.get_mut(&key) else { return };
        open.shown.apply(Sign::Minus, facts, &self.live.caps, &mut self.hashes);
        if open.shown.is_empty() {
            open.shown = Bucket::default();
        }
        let is_unused = open.settled.is_empty() && open.shown.is_empty();
        drop(open);
        if is_unused {
            // This is the entry's only writer, so nothing came in between.
            self.live.open.remove(&key);
        }
    }

    /// The session was shown as it is now closed: moves its facts over.
    pub fn settle(&mut self, lane: LaneId, facts: &Facts) {
        self.record(lane, facts);
        self.hide(lane, facts);
    }

    /// `lane` is final through `through`; gives the minute that its group got final through by it.
    pub fn finish(&mut self, group: GroupId, lane: LaneId, through: Minute) -> Option<Minute> {
        let (before, after) = {
            let mut groups = self.live.lock_groups();
            let group = groups.entry(group).or_default();
            let before = group.final_through();
            let known = group.lanes.entry(lane).or_default();
            *known = (*known).max(Some(through));
            (before, group.final_through())
        };
        let through = after.filter(|_| after > before)?;
        self.close_through(group, through);
        Some(through)
    }

    fn key(&self, lane: LaneId, facts: &Facts) -> (LaneId, Minute) {
        (self.shared.get(&lane).copied().unwrap_or(lane), facts.minute)
    }

    fn is_counted(&self, lane: LaneId, facts: &Facts) -> bool {
        self.floors.get(&lane).is_none_or(|floor| facts.minute > *floor)
    }

    /// Takes the minutes that are final out of the open ones.
    fn close_through(&mut self, group: GroupId, through: Minute) {
        let live = self.live.clone();
        let lanes: Vec<LaneId> = match live.lock_groups().get(&group) {
            Some(group) => group.lanes.keys().copied().collect(),
            None => return,
        };
        let mut minutes: BTreeMap<Minute, Vec<LaneId>> = BTreeMap::new();
        for (lane, minute) in live.open_keys(Minute(0), Minute(through.0.saturating_add(1))) {
            if lanes.contains(&lane) {
                minutes.entry(minute).or_default().push(lane);
            }
        }
        for (minute, lanes) in minutes {
            let mut finals = live.finals_mut();
            let mut bucket: Option<Bucket> = None;
            for lane in lanes {
                let Some((_, open)) = live.open.remove(&(lane, minute)) else { continue };
                match &mut bucket {
                    None => bucket = Some(open.settled),
                    Some(bucket) => bucket.merge(&open.settled, &live.caps, &mut self.hashes),
                }
            }
            let bucket = bucket.filter(|bucket| !bucket.is_empty());
            bucket.into_iter().for_each(|bucket| drop(finals.insert((group, minute), Arc::new(bucket))));
        }
    }
}
