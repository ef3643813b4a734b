//! What the analysis reads: per flow the tree of its critical call paths, in integers.
//!
//! Weights are in 1/65536 of a request, times in 1/65536 of a nanosecond: sums of weight times duration.

use std::sync::Arc;

use crate::graph::Histogram;
use crate::model::{NodeId, NodeKind};

/// The flows of a time range.
#[derive(Clone, Debug, Default)]
pub struct Profiles {
    /// Length of the range in seconds, over 0.
    pub seconds: f64,
    /// In any order; ids are unique.
    pub flows: Vec<FlowProfile>,
}

/// What the requests of one flow waited for.
#[derive(Clone, Debug)]
pub struct FlowProfile {
    /// `flow:service@namespace#environment|name`.
    pub id: String,
    /// What was asked for.
    pub name: Arc<str>,
    /// Service of the root.
    pub service: Arc<str>,
    /// All requests of the flow.
    pub seen: u64,
    /// Requests with a whole path: those that `entries` count.
    pub requests: u64,
    /// The sum of their weights.
    pub weight: u128,
    /// The sum of their durations, weighted.
    pub duration: u128,
    /// How much the flow matters, in thousandths; 1000 is usual.
    pub tier_permille: u32,
    /// A context that `entries` miss may have had up to this weight.
    pub cut_weight: u128,
    /// Durations of all requests of the flow.
    pub latency: Histogram,
    /// Every critical call path that is kept; parents before their children.
    pub entries: Vec<ProfileEntry>,
}

/// A calling context: the end of a critical call path from a root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProfileEntry {
    /// The context it was called from, an index below its own; none at a root.
    pub parent: Option<usize>,
    /// Where it is.
    pub node: NodeId,
    /// Weight of the requests whose path contains it; at most its parent's.
    pub weight: u128,
    /// Time in the node itself.
    pub exclusive: u128,
    /// Time on the way into it: network and queues; 0 at a root.
    pub gap: u128,
    /// `gap`, `exclusive` and everything below, also of contexts that are not kept.
    pub inclusive: u128,
    /// Of `inclusive`, the time in attempts that had to be repeated and in the waits between.
    pub retry: u128,
}

/// What to call a node in an answer.
///
/// The function that names nodes chooses the level, too: nodes with one id are one node.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NodeName {
    /// Unique and stable, as in the graph.
    pub id: String,
    /// For people: the service, or service and operation.
    pub label: String,
    /// What it is.
    pub kind: NodeKind,
    /// True for what a cap folded together: it is no thing that flows could share.
    pub is_other: bool,
}
