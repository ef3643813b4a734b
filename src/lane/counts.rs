//! What came of an input in one minute of its log: counters that belong to no trace, and what is odd about them.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::{LogMillis, Minute};
use crate::telemetry::Reason;

/// Counts by [`Reason`].
pub type Dropped = [u64; Reason::ALL.len()];

/// Counters of one input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputCounts {
    /// First offset; meaningless without records.
    pub first_offset: i64,
    /// Last offset.
    pub last_offset: i64,
    /// Records.
    pub records: u64,
    /// Bytes of their values.
    pub bytes: u64,
    /// Records behind the watermark: taken at it.
    pub behind: u64,
    /// Records whose time was a jump that was refuted.
    pub refuted_jumps: u64,
    /// What did not reach a lane, by reason: records that could not be decoded, and spans.
    pub dropped: Dropped,
}

impl Default for InputCounts {
    fn default() -> Self {
        InputCounts {
            first_offset: i64::MAX,
            last_offset: i64::MIN,
            records: 0,
            bytes: 0,
            behind: 0,
            refuted_jumps: 0,
            dropped: Dropped::default(),
        }
    }
}

impl InputCounts {
    /// Adds the counters of another stretch of the same input.
    pub fn merge(&mut self, other: &InputCounts) {
        self.first_offset = self.first_offset.min(other.first_offset);
        self.last_offset = self.last_offset.max(other.last_offset);
        self.records += other.records;
        self.bytes += other.bytes;
        self.behind += other.behind;
        self.refuted_jumps += other.refuted_jumps;
        self.dropped.iter_mut().zip(other.dropped).for_each(|(sum, n)| *sum += n);
    }
}

/// Counters by the inputs' names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inputs(pub BTreeMap<Arc<str>, InputCounts>);

impl Inputs {
    /// Adds the counters of others.
    pub fn merge(&mut self, other: &Inputs) {
        for (name, counts) in &other.0 {
            self.0.entry(name.clone()).or_default().merge(counts);
        }
    }

    /// What did not reach a lane, over all inputs.
    pub fn dropped(&self) -> Dropped {
        let mut sums = Dropped::default();
        for counts in self.0.values() {
            sums.iter_mut().zip(counts.dropped).for_each(|(sum, n)| *sum += n);
        }
        sums
    }
}

/// Why part of a log was never read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GapCause {
    /// The first start began in the middle of the log.
    Start,
    /// The records were gone before they were read: retention.
    Lost,
    /// The configuration changed, and with it how far a start has to look back.
    Configuration,
    /// The log ended before the position in it: it was cut, or the topic was made anew.
    Recreated,
}

impl GapCause {
    /// All causes, by number.
    pub const ALL: [GapCause; 4] =
        [GapCause::Start, GapCause::Lost, GapCause::Configuration, GapCause::Recreated];

    /// The name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            GapCause::Start => "start",
            GapCause::Lost => "lost",
            GapCause::Configuration => "configuration",
            GapCause::Recreated => "recreated",
        }
    }
}

/// A part of a log that was never read, or whose minutes could not be told.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Gap {
    /// The input.
    pub input: Arc<str>,
    /// Why.
    pub cause: GapCause,
    /// Log time before it, where something was read before.
    pub since: Option<LogMillis>,
    /// Log time from which on everything is there again.
    pub until: LogMillis,
    /// Offsets that are missing, where they can be told.
    pub offsets: u64,
}

impl Gap {
    /// True where part of it lies in the minutes from `from` to before `to`.
    pub fn touches(&self, from: Minute, to: Minute) -> bool {
        let (from, to) = (from.start_millis(), to.start_millis());
        self.since.is_none_or(|since| since < to)
            && (self.until > from || self.since.is_some_and(|since| since >= from))
    }
}
