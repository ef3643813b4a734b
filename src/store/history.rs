//! Sealed buckets by lane, width and time: on disk, with the latest in memory; or in memory alone.
//!
//! What the disk does not take is kept in memory and written once it does. No lock is held while a file is read.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::cover::Shape;
use super::embedded::{Access, EmbeddedStore, Put, StoreError};
use super::index::{Block, Index, Plan, Planned};
use super::policy::Policy;
use crate::graph::sealed::{BucketKey, Damage, Frame, Width};
use crate::model::Minute;

/// What is kept, for the status.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HistorySize {
    /// Buckets by width.
    pub buckets: [usize; Width::ALL.len()],
    /// Bytes of all of them.
    pub bytes: u64,
    /// Bytes held in memory.
    pub cached: u64,
    /// First and last minute.
    pub ends: Option<(Minute, Minute)>,
    /// True where size, not age, took the oldest.
    pub is_limited_by_size: bool,
    /// Buckets that the disk has not taken yet.
    pub unwritten: usize,
    /// Buckets that are damaged, with what is wrong.
    pub damaged: Vec<(BucketKey, String)>,
}

/// Sealed buckets.
pub struct History {
    disk: Option<EmbeddedStore>,
    policy: Policy,
    uses: AtomicU64,
    index: RwLock<Index>,
}

impl History {
    /// Those of a store, of which only the names are read here; without one they live in memory.
    pub fn new(disk: Option<EmbeddedStore>, policy: Policy) -> History {
        let history = History { disk, policy, uses: AtomicU64::new(1), index: RwLock::default() };
        history.list_disk();
        history
    }

    /// Looks at the disk again: another process may write there.
    ///
    /// # Errors
    /// Where the folder cannot be read.
    pub fn refresh(&self) -> Result<(), StoreError> {
        if let Some(disk) = &self.disk {
            disk.refresh()?;
            *self.write() = Index::default();
            self.list_disk();
        }
        Ok(())
    }

    fn list_disk(&self) {
        let mut index = self.write();
        for (key, size) in self.disk.iter().flat_map(EmbeddedStore::list) {
            index.put(&key, Block { size, ..Block::default() });
        }
        // What was set aside by an earlier process is still missing, unless it was sealed again.
        for key in self.disk.iter().flat_map(|disk| disk.damaged().unwrap_or_default()) {
            if index.block(&key).is_none() {
                index
                    .damaged
                    .insert(key, "it was damaged, and its file is in damaged/ of the store".to_string());
            }
        }
        index.oldest_kept = index.dropped_before(&self.policy);
    }

    /// The store behind it.
    pub fn disk(&self) -> Option<&EmbeddedStore> {
        self.disk.as_ref()
    }

    /// Every bucket with its size, by key.
    pub fn list(&self) -> Vec<(BucketKey, u64)> {
        self.read().keys().map(|(key, block)| (key, block.size)).collect()
    }

    /// Lanes that have buckets.
    pub fn lanes(&self) -> Vec<Arc<str>> {
        self.read().lanes.keys().cloned().collect()
    }

    /// First minutes of the lane's buckets of this width within `range`, ascending.
    pub(super) fn starts(&self, lane: &str, width: Width, range: Range<u32>) -> Vec<u32> {
        let index = self.read();
        let starts = index.lanes.get(lane).map(|grid| grid[width as usize].range(range));
        starts.into_iter().flatten().map(|(start, _)| *start).collect()
    }

    /// Takes a bucket in; it answers at once, and is written by [`History::flush`].
    pub(super) fn insert(&self, key: &BucketKey, bytes: Vec<u8>, members: u32) {
        let mut index = self.write();
        // Roll-ups that lack it are made again.
        for width in Width::ALL.into_iter().filter(|width| *width > key.width) {
            let wider = BucketKey { width, start: width.start_of(key.start), ..key.clone() };
            if index.remove(&wider).is_some() {
                self.delete_file(&wider);
            }
        }
        index.damaged.remove(key);
        let shape = Shape { members: OnceLock::from(members) };
        let (size, used) = (bytes.len() as u64, AtomicU64::new(self.next_use()));
        let is_unwritten = self.disk.is_some();
        let block = Block { shape, size, bytes: Some(bytes.into()), used, is_unwritten };
        if is_unwritten {
            index.unwritten.insert(key.clone());
        }
        index.put(key, block);
    }

    /// Writes what the disk has not taken yet, oldest first; gives the buckets that contradict what was there.
    ///
    /// # Errors
    /// The first one: what is left stays in memory, and is written by a later call.
    pub(super) fn flush(&self) -> Result<Vec<(BucketKey, std::path::PathBuf)>, StoreError> {
        let Some(disk) = &self.disk else { return Ok(Vec::new()) };
        let mut conflicts = Vec::new();
        loop {
            let next = {
                let index = self.read();
                let key = index.unwritten.iter().min_by_key(|key| (key.end(), key.width)).cloned();
                key.and_then(|key| Some((index.block(&key)?.bytes.clone()?, key)))
            };
            let Some((bytes, key)) = next else { return Ok(conflicts) };
            let put = disk.put(&key, &bytes)?;
            let mut index = self.write();
            index.unwritten.remove(&key);
            let Some(block) = index.block_mut(&key) else { continue };
            block.is_unwritten = false;
            if let Put::Conflict { kept } = put {
                // The first one stays, so the disk answers from now on.
                let forgotten = block.bytes.take().map_or(0, |bytes| bytes.len() as u64);
                index.cached -= forgotten;
                conflicts.push((key, kept));
            }
        }
    }

    /// The buckets that cover `range` in every lane.
    ///
    /// # Errors
    /// Where the disk cannot be read. Damaged buckets are left out, and are listed in [`History::size`].
    pub(super) fn plan(&self, range: Range<u32>) -> Result<Plan, StoreError> {
        let mut range = range;
        loop {
            // Not in the match itself: the index would stay locked while a bucket is loaded.
            let planned = self.read().plan(range.clone());
            match planned {
                Ok(plan) if plan.range == range => return Ok(plan),
                Ok(plan) => range = plan.range,
                // `load` learns how many members it has.
                Err(key) => drop(self.load(&key)?),
            }
        }
    }

    /// What `read` finds in a planned bucket; `None` where it is not there any more, or damaged, which is noted then.
    ///
    /// # Errors
    /// Where the disk cannot be read.
    pub(super) fn with<T>(
        &self,
        (key, bytes): Planned,
        read: impl FnOnce(&Frame<'_>) -> Result<T, Damage>,
    ) -> Result<Option<T>, StoreError> {
        let bytes = match bytes {
            Some(bytes) => bytes,
            None => match self.load(&key)? {
                Some(bytes) => bytes,
                None => return Ok(None),
            },
        };
        match Frame::open(&bytes).and_then(|frame| read(&frame)) {
            Ok(found) => Ok(Some(found)),
            Err(damage) => {
                self.set_aside(&key, damage.to_string());
                Ok(None)
            }
        }
    }

    /// The bytes of a bucket, verified when they were read from disk; `None` where it is not there any more, or damaged.
    ///
    /// # Errors
    /// Where the disk cannot be read.
    pub fn load(&self, key: &BucketKey) -> Result<Option<Arc<[u8]>>, StoreError> {
        let known = self.read().block(key).and_then(|block| block.bytes.clone());
        if let Some(bytes) = known {
            return Ok(Some(bytes));
        }
        let Some(disk) = &self.disk else { return Ok(None) };
        let bytes: Arc<[u8]> = match disk.load(key) {
            Ok(Some(bytes)) => bytes.into(),
            Ok(None) => {
                self.miss(disk, key)?;
                return Ok(None);
            }
            Err(error @ (StoreError::Damaged { .. } | StoreError::FutureFormat { .. })) => {
                self.set_aside(key, error.to_string());
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let members = Frame::open(&bytes).and_then(|frame| frame.members()).unwrap_or(0);
        let used = self.next_use();
        let mut index = self.write();
        if let Some(block) = index.block_mut(key) {
            let _ = block.shape.members.set(members);
            block.used.store(used, Ordering::Relaxed);
            if block.bytes.replace(bytes.clone()).is_none() {
                index.cached += bytes.len() as u64;
            }
        }
        index.shrink_cache(self.policy.memory);
        Ok(Some(bytes))
    }

    /// The file of a bucket is not there.
    fn miss(&self, disk: &EmbeddedStore, key: &BucketKey) -> Result<(), StoreError> {
        match disk.access() {
            // Whoever writes rolled it up or dropped it.
            Access::Read => self.refresh(),
            // What this process deletes is not in the index any more.
            Access::Write if self.read().block(key).is_some() => {
                let mut index = self.write();
                index.remove(key);
                // Another answer may just have moved it away as damaged, and knows better.
                let problem =
                    index.damaged.entry(key.clone()).or_insert_with(|| "its file is gone".to_string());
                tracing::error!(bucket = %key, problem, "a sealed bucket is missing: answers lack it");
                Ok(())
            }
            Access::Write => Ok(()),
        }
    }

    /// Leaves a damaged bucket out from now on.
    pub(super) fn set_aside(&self, key: &BucketKey, problem: String) {
        tracing::error!(bucket = %key, problem, "a sealed bucket is damaged: answers lack it");
        let mut index = self.write();
        index.remove(key);
        index.damaged.insert(key.clone(), problem);
    }

    /// Drops what is too old or too much; finer buckets go once a roll-up stands for them.
    pub(super) fn age(&self, newest: Minute) {
        let mut gone = Vec::new();
        let mut index = self.write();
        for (at, width) in Width::ALL.into_iter().enumerate().take(Width::ALL.len() - 1) {
            index.drop_rolled_up(
                width,
                Width::ALL[at + 1],
                self.policy.finer_before(width, newest),
                &mut gone,
            );
        }
        index.drop_before(self.policy.oldest(newest), &mut gone);
        if self.disk.is_some() {
            index.shrink_cache(self.policy.memory);
        }
        let limit = if self.disk.is_some() { self.policy.max_size } else { self.policy.memory };
        while index.bytes > limit
            && let Some(oldest) = index.oldest_end().filter(|end| *end <= newest)
        {
            index.is_limited_by_size = true;
            index.drop_before(oldest, &mut gone);
        }
        drop(index);
        gone.iter().for_each(|key| self.delete_file(key));
    }

    /// What is kept.
    pub fn size(&self) -> HistorySize {
        let index = self.read();
        let mut size = HistorySize {
            bytes: index.bytes,
            cached: index.cached,
            is_limited_by_size: index.is_limited_by_size,
            unwritten: index.unwritten.len(),
            damaged: index.damaged.iter().map(|(key, problem)| (key.clone(), problem.clone())).collect(),
            ..HistorySize::default()
        };
        let mut newest = None;
        for (key, _) in index.keys() {
            size.buckets[key.width as usize] += 1;
            let last = Minute(key.end().0 - 1);
            newest = newest.max(Some(last));
        }
        size.ends = index.first().zip(newest);
        size
    }

    /// First minute of what is kept; `None` while nothing is sealed.
    pub(super) fn first(&self) -> Option<Minute> {
        self.read().first()
    }

    /// Everything before it was dropped by the retention; `None` while nothing was.
    pub(super) fn oldest_kept(&self) -> Option<Minute> {
        self.read().oldest_kept
    }

    /// The damaged buckets that lie in a range of minutes, and that no roll-up stands for.
    pub fn damaged_in(&self, range: &Range<u32>) -> Vec<(BucketKey, String)> {
        let index = self.read();
        let lies_in = |key: &BucketKey| key.start.0 < range.end && key.end().0 > range.start;
        let damaged = index.damaged.iter().filter(|(key, _)| lies_in(key) && !index.is_stood_for(key));
        damaged.map(|(key, problem)| (key.clone(), problem.clone())).collect()
    }

    fn delete_file(&self, key: &BucketKey) {
        if let Some(disk) = &self.disk
            && let Err(error) = disk.delete(key)
        {
            tracing::warn!(bucket = %key, %error, "a sealed bucket could not be deleted");
        }
    }

    fn next_use(&self) -> u64 {
        self.uses.fetch_add(1, Ordering::Relaxed)
    }

    fn read(&self) -> RwLockReadGuard<'_, Index> {
        self.index.read().expect("no panic happens while the history is locked")
    }

    fn write(&self) -> RwLockWriteGuard<'_, Index> {
        self.index.write().expect("no panic happens while the history is locked")
    }
}
