//! What one record counts, held back until the whole record is known to be good.

use super::names::Name;
use crate::telemetry::{Counters, Reason};

/// Counts of one record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// Spans, before anything is dropped.
    pub spans: u32,
    /// Spans that end before they start.
    pub negative_durations: u32,
    names_truncated: u32,
    invalid_utf8: u32,
    /// What was dropped, by reason.
    pub dropped: [u32; Reason::ALL.len()],
}

impl Tally {
    /// Counts a span under `reason`.
    pub fn drop(&mut self, reason: Reason) {
        self.dropped[reason as usize] += 1;
    }

    /// Counts what had to be done to a name.
    #[inline(always)]
    pub fn name(&mut self, name: Name) {
        self.names_truncated += u32::from(name.is_cut);
        self.invalid_utf8 += u32::from(name.is_repaired);
    }

    /// Adds all to the process's counters. Most are zero, and shared memory is touched only for the others.
    pub fn add_to(&self, counters: &Counters) {
        let sums = [
            (&counters.spans, self.spans),
            (&counters.negative_durations, self.negative_durations),
            (&counters.names_truncated, self.names_truncated),
            (&counters.invalid_utf8, self.invalid_utf8),
        ];
        for (counter, count) in sums {
            if count > 0 {
                counter.add(u64::from(count));
            }
        }
        for (reason, count) in Reason::ALL.into_iter().zip(self.dropped) {
            if count > 0 {
                counters.drop(reason, u64::from(count));
            }
        }
    }
}
