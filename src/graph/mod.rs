//! Facts to the live graph: minute buckets of integers, merged in any order.
//!
//! ```text
//! Facts ──► LaneWriter ──► open minutes (dashmap by lane and minute) ──► closed minutes (compact, blocks) ──► Reading
//! ```

mod bucket;
mod cap;
mod closed;
mod codec;
mod hashes;
mod histogram;
mod live;
pub mod sealed;
mod stats;

#[cfg(test)]
mod tests;

pub use bucket::Bucket;
pub use histogram::Histogram;
pub use live::{LaneId, LaneWriter, LiveGraph, LiveSize, Reading};
pub use stats::{
    EdgeKey, EdgeStats, Exemplars, FlowKey, FlowStats, JoinedKey, NodeStats, ServiceStats, Totals,
};
