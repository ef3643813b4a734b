//! Sealed buckets kept beyond the process, and all minutes read as one.
//!
//! ```text
//! LiveGraph (open, final) ──► Sealer ──► History (index, memory) ──► EmbeddedStore (files)
//!          └──────────────── Timeline: one reading of both ─────────────┘
//! ```
//! It is the one part of the core that does input and output; it uses no clock and no async.

mod cover;
mod embedded;
mod history;
mod index;
mod policy;
mod resume;
mod roll_up;
mod sealer;
mod timeline;
mod verify;

#[cfg(test)]
mod tests;

pub use embedded::{Access, EmbeddedStore, Put, StoreError};
pub use history::{History, HistorySize};
pub use policy::Policy;
pub use resume::{Resume, ResumedInput};
pub use sealer::{MERGED, SealCounters, Sealer};
pub use timeline::{Reading, SealedRangeError, Timeline};
pub use verify::{Fault, Problem, Verification, verify};
