//! Facts to the live graph: minute buckets of integers, merged in any order.
//!
//! ```text
//! Facts ──► LaneWriter ──► open minutes (dashmap by lane and minute) ──► final minutes ──► sealed buckets (bytes)
//! ```

mod bucket;
mod cap;
mod flow_calls;
mod hashes;
mod histogram;
mod live;
mod merge;
mod paths;
mod places;
pub mod sealed;
mod stats;
mod traces;

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;

pub use bucket::{Bucket, Caps};
pub use flow_calls::{CallSums, FlowCall, FlowCalls};
pub use hashes::Hashes;
pub use histogram::Histogram;
pub use live::{FinalMinutes, GroupId, LaneId, LaneWriter, LiveGraph, LiveSize};
pub use paths::{FlowPaths, PathContext, PathSums, PathTree};
pub use stats::{
    EdgeKey, EdgeStats, Exemplars, FlowKey, FlowStats, JoinedKey, NodeStats, ServiceStats, Totals,
};
pub use traces::{FlowTraces, KeptTrace};
