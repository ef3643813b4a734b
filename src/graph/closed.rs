//! Closed minutes, compact, and blocks of them merged in advance.
//!
//! A range is covered by the largest blocks that fit: a day of minutes is a few dozen blocks, not 1,440 minutes.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use super::bucket::{Bucket, Caps};
use super::codec;
use super::hashes::Hashes;
use crate::model::Minute;

/// Widths of the blocks in minutes, each a multiple of the one before.
const WIDTHS: [u32; 4] = [1, 10, 60, 1440];

/// Closed minutes and blocks of them.
#[derive(Default)]
pub(super) struct Closed {
    /// By width, by first minute.
    blocks: [BTreeMap<u32, Arc<[u8]>>; WIDTHS.len()],
    bytes: u64,
    /// Everything before is gone.
    pub oldest_kept: Option<Minute>,
    /// True where memory, not age, took the oldest.
    pub is_limited_by_memory: bool,
}

impl Closed {
    /// Puts a minute in; merges it with what is there of a lane that came back.
    pub fn insert(&mut self, minute: Minute, mut bucket: Bucket, caps: &Caps, hashes: &mut Hashes) {
        if self.oldest_kept.is_some_and(|oldest| minute < oldest) {
            return;
        }
        if let Some(known) = self.blocks[0].get(&minute.0) {
            codec::merge_into(known, &mut bucket, caps, hashes);
        }
        for (level, width) in WIDTHS.iter().enumerate().skip(1) {
            self.remove(level, minute.0 - minute.0 % width);
        }
        self.put(0, minute.0, codec::encode(&bucket));
    }

    /// Builds the blocks that end within `ended` (block ends, in minutes) and are not there yet.
    pub fn roll_up(&mut self, ended: Range<u32>, hashes: &mut Hashes) {
        for (level, width) in WIDTHS.into_iter().enumerate().skip(1) {
            let first = ended.start.saturating_sub(width);
            let mut starts: Vec<u32> = self.blocks[level - 1]
                .range(first..ended.end)
                .map(|(start, _)| start - start % width)
                .collect();
            starts.dedup();
            for start in starts {
                let is_ended = start + width <= ended.end;
                let is_whole = self.oldest_kept.is_none_or(|oldest| start >= oldest.0);
                if is_ended && is_whole && !self.blocks[level].contains_key(&start) {
                    let mut bucket = Bucket::default();
                    for (_, bytes) in self.blocks[level - 1].range(start..start + width) {
                        codec::merge_into(bytes, &mut bucket, &Caps::NONE, hashes);
                    }
                    self.put(level, start, codec::encode(&bucket));
                }
            }
        }
    }

    /// The blocks that cover `range` (minutes), without overlap.
    pub fn cover(&self, range: Range<u32>) -> Vec<Arc<[u8]>> {
        let mut found = Vec::new();
        self.cover_from(WIDTHS.len() - 1, range, &mut found);
        found
    }

    fn cover_from(&self, level: usize, range: Range<u32>, found: &mut Vec<Arc<[u8]>>) {
        if range.is_empty() {
            return;
        }
        if level == 0 {
            found.extend(self.blocks[0].range(range).map(|(_, bytes)| bytes.clone()));
            return;
        }
        let width = WIDTHS[level];
        let mut done = range.start;
        let fitting =
            range.start.next_multiple_of(width)..range.end.saturating_sub(width - 1).max(range.start);
        if fitting.start < fitting.end {
            for (start, bytes) in self.blocks[level].range(fitting) {
                self.cover_from(level - 1, done..*start, found);
                found.push(bytes.clone());
                done = start + width;
            }
        }
        self.cover_from(level - 1, done..range.end, found);
    }

    /// Drops everything before `oldest`; blocks that reach over it go too, their later minutes stay.
    pub fn drop_before(&mut self, oldest: Minute) {
        if self.oldest_kept.is_some_and(|kept| kept >= oldest) {
            return;
        }
        self.oldest_kept = Some(oldest);
        for level in 0..WIDTHS.len() {
            while let Some((start, _)) =
                self.blocks[level].first_key_value().filter(|(start, _)| **start < oldest.0)
            {
                let start = *start;
                self.remove(level, start);
            }
        }
    }

    /// Drops the oldest minutes until `limit` bytes are left.
    pub fn shrink_to(&mut self, limit: u64) {
        while self.bytes > limit
            && let Some((oldest, _)) = self.blocks[0].first_key_value()
        {
            let next = Minute(oldest + 1);
            self.is_limited_by_memory = true;
            self.drop_before(next);
        }
    }

    /// First and last closed minute.
    pub fn ends(&self) -> Option<(Minute, Minute)> {
        let (first, _) = self.blocks[0].first_key_value()?;
        let (last, _) = self.blocks[0].last_key_value()?;
        Some((Minute(*first), Minute(*last)))
    }

    /// Number of closed minutes with spans.
    pub fn len(&self) -> usize {
        self.blocks[0].len()
    }

    /// Bytes of all minutes and blocks.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    fn put(&mut self, level: usize, start: u32, bytes: Box<[u8]>) {
        self.remove(level, start);
        self.bytes += bytes.len() as u64;
        self.blocks[level].insert(start, bytes.into());
    }

    fn remove(&mut self, level: usize, start: u32) {
        if let Some(bytes) = self.blocks[level].remove(&start) {
            self.bytes -= bytes.len() as u64;
        }
    }
}
