//! The sealed buckets by lane, width and time, without their files: what is there, what is in memory, what waits for disk.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::cover::{Cover, Grid, Shape, Unknown, cover, is_whole_in};
use super::policy::Policy;
use crate::graph::sealed::{BucketKey, Width};
use crate::model::Minute;

/// A sealed bucket, read or not.
#[derive(Default)]
pub(super) struct Block {
    pub shape: Shape,
    pub size: u64,
    pub bytes: Option<Arc<[u8]>>,
    /// When it was last used, in uses.
    pub used: AtomicU64,
    /// True while the disk has not taken it.
    pub is_unwritten: bool,
}

impl AsRef<Shape> for Block {
    fn as_ref(&self) -> &Shape {
        &self.shape
    }
}

#[derive(Default)]
pub(super) struct Index {
    pub lanes: BTreeMap<Arc<str>, Grid<Block>>,
    /// Sealed, and not on disk.
    pub unwritten: BTreeSet<BucketKey>,
    pub bytes: u64,
    pub cached: u64,
    /// Everything before it is gone, as the retention took part of what was there.
    pub oldest_kept: Option<Minute>,
    /// Up to where the retention has dropped buckets.
    dropped_to: Option<Minute>,
    pub is_limited_by_size: bool,
    /// Buckets that turned out to be damaged, with what is wrong.
    pub damaged: BTreeMap<BucketKey, String>,
}

/// A bucket to be read, with its bytes where they are in memory.
pub(super) type Planned = (BucketKey, Option<Arc<[u8]>>);

/// The buckets that answer for a range.
pub(super) struct Plan {
    /// In order of lanes and time.
    pub blocks: Vec<Planned>,
    /// The first bucket behind the range in each lane: it has the gaps that reach into the range from behind, where no
    /// bucket of the range has them.
    pub next: Vec<Planned>,
    /// The range they cover, at least that asked for.
    pub range: Range<u32>,
}

fn first_of(grid: &Grid<Block>) -> Option<Minute> {
    let mut first = None;
    for (width, blocks) in Width::ALL.into_iter().zip(grid) {
        let Some((start, _)) = blocks.first_key_value() else { continue };
        let is_within = first.is_some_and(|finer| (*start..start + width.minutes()).contains(&finer));
        first = if is_within { first } else { Some(first.map_or(*start, |first: u32| first.min(*start))) };
    }
    first.map(Minute)
}

impl Index {
    pub fn keys(&self) -> impl Iterator<Item = (BucketKey, &Block)> {
        self.lanes.iter().flat_map(|(lane, grid)| {
            Width::ALL.into_iter().zip(grid).flat_map(move |(width, blocks)| {
                blocks.iter().map(move |(start, block)| {
                    (BucketKey { lane: lane.clone(), width, start: Minute(*start) }, block)
                })
            })
        })
    }

    pub fn block(&self, key: &BucketKey) -> Option<&Block> {
        self.lanes.get(&key.lane)?[key.width as usize].get(&key.start.0)
    }

    pub fn block_mut(&mut self, key: &BucketKey) -> Option<&mut Block> {
        self.lanes.get_mut(&key.lane)?[key.width as usize].get_mut(&key.start.0)
    }

    pub fn put(&mut self, key: &BucketKey, block: Block) {
        self.remove(key);
        self.bytes += block.size;
        self.cached += block.bytes.as_ref().map_or(0, |bytes| bytes.len() as u64);
        let grid = self.lanes.entry(key.lane.clone()).or_default();
        grid[key.width as usize].insert(key.start.0, block);
    }

    pub fn remove(&mut self, key: &BucketKey) -> Option<Block> {
        let block = self.lanes.get_mut(&key.lane)?[key.width as usize].remove(&key.start.0)?;
        self.bytes -= block.size;
        self.cached -= block.bytes.as_ref().map_or(0, |bytes| bytes.len() as u64);
        self.unwritten.remove(key);
        Some(block)
    }

    pub fn plan(&self, range: Range<u32>) -> Result<Plan, BucketKey> {
        let mut plan = Plan { blocks: Vec::new(), next: Vec::new(), range: range.clone() };
        let key =
            |lane: &Arc<str>, width, start| BucketKey { lane: lane.clone(), width, start: Minute(start) };
        for (lane, grid) in &self.lanes {
            let key = |width, start| key(lane, width, start);
            let found: Cover =
                cover(grid, range.clone()).map_err(|Unknown(width, start)| key(width, start))?;
            plan.range = plan.range.start.min(found.range.start)..plan.range.end.max(found.range.end);
            for (width, start) in found.buckets {
                let bytes = grid[width as usize].get(&start).and_then(|block| block.bytes.clone());
                plan.blocks.push((key(width, start), bytes));
            }
        }
        for (lane, grid) in &self.lanes {
            let behind = Width::ALL.into_iter().filter_map(|width| {
                let (start, block) = grid[width as usize].range(plan.range.end..).next()?;
                Some((*start, width, block))
            });
            let next = behind.min_by_key(|(start, width, _)| (*start, *width));
            plan.next
                .extend(next.map(|(start, width, block)| (key(lane, width, start), block.bytes.clone())));
        }
        Ok(plan)
    }

    /// True where a roll-up that was made while the bucket was whole answers for it.
    pub fn is_stood_for(&self, key: &BucketKey) -> bool {
        let wider = Width::ALL.into_iter().filter(|width| *width > key.width);
        wider.map(|width| BucketKey { width, start: width.start_of(key.start), ..key.clone() }).any(|wider| {
            let finer = |grid: &Grid<Block>| {
                let span = wider.start.0..wider.end().0;
                grid[wider.width as usize - 1].range(span).count() as u32
            };
            let there = self.lanes.get(&key.lane).map_or(0, finer);
            self.block(&wider).is_some_and(|block| block.shape.members.get().is_none_or(|all| *all > there))
        })
    }

    /// Drops the buckets of `finer` whose roll-up is there and ends by `before`.
    pub fn drop_rolled_up(&mut self, finer: Width, wider: Width, before: Minute, gone: &mut Vec<BucketKey>) {
        let is_safe = |grid: &Grid<Block>, start: u32| {
            let rolled_up = wider.start_of(Minute(start)).0;
            let block = grid[wider as usize].get(&rolled_up);
            rolled_up + wider.minutes() <= before.0 && block.is_some_and(|block| !block.is_unwritten)
        };
        let mut old = Vec::new();
        for (lane, grid) in &self.lanes {
            let starts = grid[finer as usize].range(..before.0).map(|(start, _)| *start);
            let safe = starts.filter(|start| is_safe(grid, *start));
            old.extend(safe.map(|start| BucketKey {
                lane: lane.clone(),
                width: finer,
                start: Minute(start),
            }));
        }
        old.iter().for_each(|key| drop(self.remove(key)));
        gone.append(&mut old);
    }

    /// Drops everything before `oldest`. Of a roll-up that reaches over it the later part stays: in finer buckets
    /// where they are there, else in itself.
    pub fn drop_before(&mut self, oldest: Minute, gone: &mut Vec<BucketKey>) {
        if self.dropped_to.is_some_and(|dropped_to| dropped_to >= oldest) {
            return;
        }
        self.dropped_to = Some(oldest);
        let is_old = |key: &BucketKey, grid: &Grid<Block>, shape: &Shape| {
            let span = key.start.0..key.end().0;
            let finer = (key.width as usize).checked_sub(1).map(|finer| &grid[finer]);
            key.end() <= oldest
                || key.start < oldest
                    && finer.and_then(|finer| is_whole_in(finer, &span, shape)).unwrap_or(false)
        };
        let old: Vec<BucketKey> = self
            .keys()
            .filter(|(key, block)| {
                self.lanes.get(&key.lane).is_some_and(|grid| is_old(key, grid, &block.shape))
            })
            .map(|(key, _)| key)
            .collect();
        let has_dropped = !old.is_empty();
        old.iter().for_each(|key| drop(self.remove(key)));
        gone.extend(old);
        if has_dropped {
            // A roll-up that reaches over `oldest` still has what lies before.
            self.oldest_kept = Some(self.first().map_or(oldest, |first| first.min(oldest)));
        }
        self.damaged.retain(|key, _| key.end() > oldest);
    }

    /// Where what an earlier process kept begins, if it is as old or as much as is kept: before that, it dropped something.
    pub fn dropped_before(&self, policy: &Policy) -> Option<Minute> {
        let first = self.first()?;
        let newest = self.keys().map(|(key, _)| key.end()).max()?;
        let day = Width::Day.minutes();
        let is_old = first.0 < policy.oldest(newest).0.saturating_add(day) && newest.0 > policy.retention;
        let is_much = self.bytes > policy.max_size / 10 * 9;
        (is_old || is_much).then_some(first)
    }

    /// First minute of what is there: of a roll-up whose members are there, that of the first of them.
    pub fn first(&self) -> Option<Minute> {
        self.lanes.values().filter_map(first_of).min()
    }

    /// End of the bucket that ends first.
    pub fn oldest_end(&self) -> Option<Minute> {
        self.keys().map(|(key, _)| key.end()).min()
    }

    /// Forgets the bytes that were used least recently, until `limit` is kept. What is not on disk stays.
    pub fn shrink_cache(&mut self, limit: u64) {
        if self.cached <= limit {
            return;
        }
        let evictable = self.keys().filter(|(_, block)| block.bytes.is_some() && !block.is_unwritten);
        let mut by_use: Vec<(u64, BucketKey)> =
            evictable.map(|(key, block)| (block.used.load(Ordering::Relaxed), key)).collect();
        by_use.sort_unstable();
        for (_, key) in by_use {
            if self.cached <= limit - limit / 8 {
                return;
            }
            let forgotten = self.block_mut(&key).and_then(|block| block.bytes.take());
            self.cached -= forgotten.map_or(0, |bytes| bytes.len() as u64);
        }
        // All that is left waits for the disk. A start reads it from the log again.
        while self.cached > limit
            && let Some(oldest) = self.unwritten.iter().min_by_key(|key| key.end()).cloned()
        {
            self.remove(&oldest);
            self.damaged
                .insert(oldest, "the store took nothing for so long that memory was full".to_string());
        }
    }
}
