//! Offsets that are in no bucket: they tell of minutes whose files were removed.
//!
//! The log time of an input never runs back, so the offsets of one bucket follow those of the bucket before it. They
//! do not where the topic itself lacks offsets, as one that is compacted or written in transactions does; where a gap,
//! another configuration or a bucket that cannot be read accounts for them; and where a local clock decided. An input
//! is judged only if its minutes are without holes inside, and if most of its neighbouring buckets follow each other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::graph::sealed::{BucketKey, Damage, Frame, Marks, Width};
use crate::lane::{Gap, GapCause};
use crate::model::time::MILLIS_PER_MINUTE;
use crate::model::{LogMillis, Minute};

/// What a whole bucket says of its inputs.
struct Seen {
    members: u32,
    config: u64,
    is_reproducible: bool,
    inputs: Vec<Counted>,
}

/// Records of an input in one bucket.
struct Counted {
    input: Arc<str>,
    first: i64,
    last: i64,
    records: u64,
}

/// The whole buckets of a store.
#[derive(Default)]
pub(super) struct Offsets {
    seen: BTreeMap<BucketKey, Seen>,
    gaps: BTreeMap<Arc<str>, BTreeSet<Gap>>,
}

/// Offsets that are missing between two buckets.
pub(super) struct Hole {
    /// The bucket behind it.
    pub next: BucketKey,
    /// First minute after the bucket before it.
    pub from: Minute,
    /// Input, first and last missing offset.
    pub inputs: Vec<(Arc<str>, i64, i64)>,
}

/// How far an input has been followed.
struct Track {
    /// Offset behind the last one.
    end: i64,
    until: Minute,
    config: u64,
    is_reproducible: bool,
    /// Buckets that follow the one before them without a hole.
    joints: usize,
    /// True where a minute has a hole inside.
    is_sparse: bool,
    /// The bucket behind each hole, the minute from which on, first and last missing offset.
    holes: Vec<(BucketKey, Minute, i64, i64)>,
}

impl Offsets {
    /// Takes a bucket in.
    ///
    /// # Errors
    /// [`Damage::Malformed`].
    pub fn see(&mut self, frame: &Frame<'_>) -> Result<(), Damage> {
        let counted = frame.inputs()?.0.into_iter().filter(|(_, counts)| counts.records > 0);
        let counted = counted.map(|(input, counts)| Counted {
            input,
            first: counts.first_offset,
            last: counts.last_offset,
            records: counts.records,
        });
        for gap in frame.gaps()? {
            self.gaps.entry(gap.input.clone()).or_default().insert(gap);
        }
        let seen = Seen {
            members: frame.members()?,
            config: frame.header.config,
            is_reproducible: !frame.header.marks.has(Marks::IRREPRODUCIBLE),
            inputs: counted.collect(),
        };
        self.seen.insert(frame.header.key.clone(), seen);
        Ok(())
    }

    /// True where a roll-up that was made while the bucket was whole answers for it.
    pub fn is_stood_for(&self, key: &BucketKey, is_partial: impl Fn(&BucketKey) -> bool) -> bool {
        let wider = Width::ALL.into_iter().filter(|width| *width > key.width);
        wider.map(|width| BucketKey { width, start: width.start_of(key.start), ..key.clone() }).any(|wider| {
            !is_partial(&wider) && self.seen.get(&wider).is_some_and(|seen| self.has_more(&wider, seen))
        })
    }

    /// True where a roll-up holds more than the parts that are there.
    fn has_more(&self, key: &BucketKey, seen: &Seen) -> bool {
        let Some(width) = (key.width as usize).checked_sub(1).map(|finer| Width::ALL[finer]) else {
            return false;
        };
        let part = |start| BucketKey { width, start, ..key.clone() };
        seen.members as usize > self.seen.range(part(key.start)..part(key.end())).count()
    }

    /// The fewest buckets that hold all that is there, each stretch of a lane's time once, by time.
    fn chosen(&self) -> Vec<(&BucketKey, &Seen)> {
        let mut chosen: BTreeSet<&BucketKey> = BTreeSet::new();
        for width in Width::ALL.into_iter().rev() {
            for (key, seen) in self.seen.iter().filter(|(key, _)| key.width == width) {
                let is_covered = Width::ALL.into_iter().filter(|wider| *wider > width).any(|width| {
                    chosen.contains(&BucketKey { width, start: width.start_of(key.start), ..key.clone() })
                });
                if !is_covered && (width == Width::Minute || self.has_more(key, seen)) {
                    chosen.insert(key);
                }
            }
        }
        let mut chosen: Vec<_> = self.seen.iter().filter(|(key, _)| chosen.contains(key)).collect();
        chosen.sort_by_key(|(key, _)| (key.start, &key.lane));
        chosen
    }

    /// The holes that nothing accounts for; `missing` are the buckets that are known to be missing.
    pub fn holes(&self, missing: &[BucketKey]) -> Vec<Hole> {
        let mut tracks: BTreeMap<&Arc<str>, Track> = BTreeMap::new();
        for (key, seen) in self.chosen() {
            for counted in &seen.inputs {
                self.follow(&mut tracks, key, seen, counted, missing);
            }
        }
        let mut found: BTreeMap<(Minute, BucketKey), Hole> = BTreeMap::new();
        for (input, track) in tracks {
            if track.is_sparse || track.holes.len() > track.joints {
                continue;
            }
            for (next, from, first, last) in track.holes {
                let new = || Hole { next: next.clone(), from, inputs: Vec::new() };
                let hole = found.entry((next.start, next.clone())).or_insert_with(new);
                hole.from = hole.from.max(from);
                hole.inputs.push((input.clone(), first, last));
            }
        }
        found.into_values().collect()
    }

    fn follow<'a>(
        &self,
        tracks: &mut BTreeMap<&'a Arc<str>, Track>,
        key: &BucketKey,
        seen: &Seen,
        counted: &'a Counted,
        missing: &[BucketKey],
    ) {
        let is_whole = counted.last.abs_diff(counted.first) + 1 == counted.records;
        let is_sparse = key.width == Width::Minute && !is_whole && !self.has_gap(&counted.input, key, None);
        let (config, is_reproducible) = (seen.config, seen.is_reproducible);
        let track = tracks.entry(&counted.input).or_insert_with(|| Track {
            end: counted.first,
            until: key.start,
            config,
            is_reproducible,
            joints: 0,
            is_sparse,
            holes: Vec::new(),
        });
        let is_missing = |missing: &BucketKey| missing.start < key.start && missing.end() > track.until;
        let is_accounted_for = track.config != config
            || !(track.is_reproducible && is_reproducible)
            || self.has_gap(&counted.input, key, None)
            || missing.iter().any(is_missing);
        if counted.first == track.end {
            track.joints += 1;
        } else if counted.first > track.end && !is_accounted_for {
            track.holes.push((key.clone(), track.until, track.end, counted.first - 1));
        }
        track.is_sparse |= is_sparse;
        let is_made_anew = self.has_gap(&counted.input, key, Some(GapCause::Recreated));
        let end = counted.last.saturating_add(1);
        // Offsets begin anew: what the next bucket begins with is unknown.
        track.end = if is_made_anew { i64::MAX } else { end };
        (track.until, track.config, track.is_reproducible) = (key.end(), config, is_reproducible);
    }

    /// True where a gap of the input, of this cause if one is given, reaches into the bucket.
    fn has_gap(&self, input: &str, key: &BucketKey, cause: Option<GapCause>) -> bool {
        let millis = |minute: Minute| LogMillis::from(minute.0) * MILLIS_PER_MINUTE;
        self.gaps.get(input).into_iter().flatten().any(|gap| {
            cause.is_none_or(|cause| cause == gap.cause)
                && gap.since.is_none_or(|since| since < millis(key.end()))
                && gap.until >= millis(key.start)
        })
    }
}
