//! What was read for an answer, and how whole it is.

use super::notes::notes;
use crate::graph::Totals;
use crate::lane::Dropped;
use crate::model::Minute;
use crate::store::Reading;

/// The minutes behind an answer, before any filter.
#[derive(Clone, Debug)]
pub struct Coverage {
    /// First minute answered.
    pub from: Minute,
    /// First minute after the answer.
    pub to: Minute,
    /// First minute whose numbers may still change.
    pub provisional_from: Option<Minute>,
    /// Sums over all of the range.
    pub totals: Totals,
    /// What did not reach a lane in the range, by reason.
    pub dropped: Dropped,
    /// Why the range is not whole, in words.
    pub notes: Vec<String>,
}

impl Coverage {
    /// That of a reading.
    pub(super) fn of(reading: &Reading) -> Coverage {
        Coverage {
            from: reading.from,
            to: reading.to,
            provisional_from: reading.provisional_from,
            totals: reading.bucket.totals,
            dropped: reading.bucket.inputs.dropped(),
            notes: notes(reading),
        }
    }
}
