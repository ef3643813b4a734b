//! Spans to traces: watermark, sessions by log time, shedding (ALGORITHMS 7).
//!
//! ```text
//! record times ──► InputClock ──► Shed ──► Lane (sessions, tails) ──► parts to analyse
//!                                  Watermark ───┘
//! ```
//! A lane is a pure function of its log: order between inputs, batches and threads change nothing.

mod chain;
mod clock;
mod session;
mod shed;
mod slab;
mod table;
mod watermark;

#[cfg(test)]
mod tests;

pub use clock::{InputClock, Stamp};
pub use session::Part;
pub use shed::Shed;
pub use table::{Event, Lane, LaneSize};
pub use watermark::Watermark;
