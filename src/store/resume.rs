//! Where a start goes on: the last sealed minute and the positions inside it (ALGORITHMS 7, *Position and replay*).

use std::collections::BTreeMap;
use std::sync::Arc;

use super::embedded::StoreError;
use super::history::History;
use crate::config::{Config, LaneMode};
use crate::graph::sealed::{ALGORITHM_VERSION, BucketKey, Frame, Width};
use crate::lane::{Gap, Position};
use crate::model::time::MILLIS_PER_MINUTE;
use crate::model::{LogMillis, Minute};

/// Where one input goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResumedInput {
    /// Where it is read again from.
    pub position: Position,
    /// Last minute that is sealed with its records.
    pub sealed: Minute,
    /// Records before this offset are counted in it or before.
    pub counted_to: i64,
    /// Where the gap began that this minute is in, if it is in one.
    pub gap_since: Option<LogMillis>,
}

/// Where a start goes on.
#[derive(Clone, Debug, Default)]
pub struct Resume {
    /// By the inputs' names.
    pub inputs: BTreeMap<Arc<str>, ResumedInput>,
    /// Minutes that cannot be told, as the configuration asks for a longer look back than the positions allow.
    pub skipped: u32,
    /// What is worth a word: another configuration, other lanes.
    pub notes: Vec<String>,
    /// Lanes that were sealed with another configuration or version, and the minute behind that.
    changed: Vec<(Arc<str>, Minute)>,
}

impl Resume {
    /// Reads the newest sealed minute of every lane.
    ///
    /// # Errors
    /// Where the disk cannot be read.
    pub fn find(history: &History, config: &Config) -> Result<Resume, StoreError> {
        let mut resume = Resume::default();
        let look_back = config.sessions.look_back_ms();
        let is_own = |lane: &str| (config.lanes.mode == LaneMode::Merged) == (lane == super::MERGED);
        let mut lanes = history.lanes();
        // Lanes of the other mode come first, so that those of this one stand.
        lanes.sort_by_key(|lane| (is_own(lane), lane.clone()));
        for lane in lanes {
            resume.take_lane(history, &lane, look_back, config.facts_hash())?;
        }
        if config.lanes.mode == LaneMode::Merged {
            resume.level();
        }
        let skipped = resume.skipped;
        resume.note_changes();
        resume.inputs.values_mut().for_each(|input| input.sealed.0 += skipped);
        Ok(resume)
    }

    /// The last minute that is sealed in every input; `None` at a first start.
    pub fn sealed(&self) -> Option<Minute> {
        self.inputs.values().map(|input| input.sealed).max()
    }

    fn take_lane(
        &mut self,
        history: &History,
        lane: &Arc<str>,
        look_back: LogMillis,
        config: u64,
    ) -> Result<(), StoreError> {
        for start in history.starts(lane, Width::Minute, 0..u32::MAX).into_iter().rev() {
            let key = BucketKey { lane: lane.clone(), width: Width::Minute, start: Minute(start) };
            // A damaged one is set aside: the one before it serves as well.
            let Some(bytes) = history.load(&key)? else { continue };
            let opened =
                Frame::open(&bytes).and_then(|frame| Ok((frame.positions()?, frame.gaps()?, frame.header)));
            let Ok((positions, gaps, header)) = opened else { continue };
            if (header.algorithm, header.config) != (ALGORITHM_VERSION, config) {
                self.changed.push((lane.clone(), key.end()));
            }
            let missing = (look_back - positions.look_back).max(0);
            let skipped = missing.unsigned_abs().div_ceil(MILLIS_PER_MINUTE.unsigned_abs());
            self.skipped = self.skipped.max(skipped as u32);
            let counted = counted(history, &key, positions.look_back)?;
            for (name, position) in positions.inputs {
                let counted_to = counted.get(&name).map_or(position.offset, |end| position.offset.max(*end));
                let reaches_on = |gap: &&Gap| gap.input == name && gap.until > key.start.end_millis();
                let gap_since = gaps.iter().find(reaches_on).and_then(|gap| gap.since);
                let newer = ResumedInput { position, sealed: key.start, counted_to, gap_since };
                let known = self.inputs.entry(name).or_insert(newer);
                if newer.sealed >= known.sealed {
                    *known = newer;
                }
            }
            return Ok(());
        }
        Ok(())
    }

    fn note_changes(&mut self) {
        for (lane, end) in std::mem::take(&mut self.changed) {
            let first = Minute(end.0 + self.skipped);
            let untold = match self.skipped {
                0 => String::new(),
                n => format!("; the {n} minutes before cannot be told, as sessions may be longer now"),
            };
            self.notes.push(format!(
                "the configuration or the version changed: lane {lane} is sealed with the new one from {} on{untold}",
                crate::model::time::rfc3339(first.start_nanos()),
            ));
        }
    }

    /// All inputs of a merged lane go on behind one minute.
    fn level(&mut self) {
        let Some(sealed) = self.sealed() else { return };
        let lagging: Vec<&str> =
            self.inputs.iter().filter(|(_, input)| input.sealed < sealed).map(|(name, _)| &**name).collect();
        if !lagging.is_empty() {
            self.notes.push(format!(
                "{} were sealed less far than others in lanes of their own: their minutes up to {} lack them",
                lagging.join(", "),
                crate::model::time::rfc3339(sealed.start_nanos()),
            ));
        }
        self.inputs.values_mut().for_each(|input| input.sealed = sealed);
    }
}

/// By the inputs' names, the offset behind the last record that is counted in the sealed minute `newest`, or in one
/// before it that a start looks back on.
fn counted(
    history: &History,
    newest: &BucketKey,
    look_back: LogMillis,
) -> Result<BTreeMap<Arc<str>, i64>, StoreError> {
    let minutes = look_back.unsigned_abs().div_ceil(MILLIS_PER_MINUTE.unsigned_abs());
    let first = newest.end().0.saturating_sub(u32::try_from(minutes).unwrap_or(u32::MAX));
    let mut counted = BTreeMap::new();
    for start in history.starts(&newest.lane, Width::Minute, first..newest.end().0) {
        let key = BucketKey { start: Minute(start), ..newest.clone() };
        let Some(bytes) = history.load(&key)? else { continue };
        let Ok(inputs) = Frame::open(&bytes).and_then(|frame| frame.inputs()) else { continue };
        for (name, counts) in inputs.0.into_iter().filter(|(_, counts)| counts.records > 0) {
            let end: &mut i64 = counted.entry(name).or_default();
            *end = (*end).max(counts.last_offset.saturating_add(1));
        }
    }
    Ok(counted)
}
