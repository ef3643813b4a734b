//! The critical path of one trace: what its root waited for at each instant (ALGORITHMS 1).
//!
//! ```text
//! tree ──► skew (clocks) ──► waits (sync or async, clamp) ──► sweep (from the end back) ──► attribution ──► CriticalPath
//!                                                                         └──► by calling context ──► CallPath
//! ```
//! Pure, integers only, without recursion, O(n log n).
//! Guaranteed: the sections of the response path tile the root's interval, and neither order nor duplicates of
//! spans change them.

mod attribution;
mod call_path;
mod path;
mod skew;
mod sweep;
mod waits;

#[cfg(test)]
mod tests;

pub(super) use call_path::{CallPaths, Scratch, is_profiled};
pub(super) use path::critical_path;
pub use path::{CriticalPath, Flag, Leg, Section, SectionKind};
