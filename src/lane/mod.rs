//! Spans to traces: watermark, sessions by log time, shedding (ALGORITHMS 7).
//!
//! ```text
//! record times ──► InputClock ──► Shed ──► Lane (sessions, tails) ──► parts to analyse
//!                      │           Watermark ───┘
//!                      └──► Journal ──► Ledger: counters and positions, for who seals
//! ```
//! A lane is a pure function of its log: order between inputs, batches and threads change nothing.

mod chain;
mod clock;
mod counts;
mod journal;
mod ledger;
mod session;
mod shed;
mod slab;
mod table;
mod watermark;

#[cfg(test)]
mod tests;

pub use clock::{InputClock, Observed, Stamp};
pub use counts::{Dropped, Gap, GapCause, InputCounts, Inputs};
pub use journal::{Journal, RecordTally, Sealed};
pub use ledger::{Ledger, LogMinute, Position, SealedInputs};
pub use session::Part;
pub use shed::{Shed, ShedState};
pub use table::{Event, Lane, LaneSize};
pub use watermark::Watermark;
