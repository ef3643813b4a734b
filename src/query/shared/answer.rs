//! What flows share, as it is answered: names instead of numbers, floats instead of weights.

use std::sync::Arc;

use super::options::SharedOptions;
use super::profile::NodeName;

/// What flows share on their critical paths.
#[derive(Clone, Debug, PartialEq)]
pub struct SharedPaths {
    /// What was asked.
    pub options: SharedOptions,
    /// Rows, in the order of `options.sort`.
    pub segments: Vec<SharedSegment>,
    /// Further segments beyond the limit that say something else than the rows.
    pub more: usize,
    /// Flows with enough requests.
    pub flows: usize,
    /// Their requests with a whole path.
    pub requests: u64,
    /// Flows with too few requests, by id.
    pub left_out: Vec<LeftOut>,
    /// Share of all critical time that lies in none of the rows, 0 to 1.
    pub other: f64,
    /// Of `other`, the share of all critical time whose contexts were not kept.
    pub unknown: f64,
}

/// A flow with too few requests to say anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// Its id.
    pub id: String,
    /// What was asked for.
    pub name: Arc<str>,
    /// Service of the root.
    pub service: Arc<str>,
    /// Requests with a whole path.
    pub requests: u64,
}

/// A run of nodes that several flows wait for.
#[derive(Clone, Debug, PartialEq)]
pub struct SharedSegment {
    /// In the order of calls.
    pub nodes: Vec<NodeName>,
    /// The flows that share it, by share, the largest first.
    pub flows: Vec<FlowShare>,
    /// The flows' shares added up: flow equivalents of critical time (FE).
    pub flow_equivalents: f64,
    /// Effective number of flows: 1 where one flow has it all, `flows` where all have the same; 0 without time.
    pub effective_flows: f64,
    /// `flow_equivalents` times (1 - 1 / `effective_flows`).
    pub score: f64,
    /// Its own time, as a share of the critical time of all flows (V).
    pub volume: f64,
    /// Requests that wait at or below its end, on average at any moment.
    pub in_flight: f64,
    /// The part of its own time that no row above it covers, 0 to 1.
    pub new: f64,
    /// True where its own time is in part allocated by weight.
    pub is_allocated: bool,
    /// True where it is only the node at which requests come in.
    pub is_entry: bool,
    /// Segments that say nearly the same, the best ranked first; at most five.
    pub variants: Vec<Variant>,
    /// All of them; of segments that rank far beyond the limit none is counted.
    pub variant_count: usize,
}

/// A flow's part in a segment.
#[derive(Clone, Debug, PartialEq)]
pub struct FlowShare {
    /// The flow's id.
    pub id: String,
    /// What was asked for.
    pub name: Arc<str>,
    /// Service of the root.
    pub service: Arc<str>,
    /// The flow's requests with a whole path.
    pub requests: u64,
    /// Share of these with the segment on their path, 0 to 1; an upper bound where it occurs twice on a path.
    pub presence: f64,
    /// Surely (95 %) present at least so much: Wilson's lower bound of the largest single occurrence.
    pub presence_low: f64,
    /// Part of the flow's critical time inside of the segment, 0 to 1, before its tier's weight.
    pub share: f64,
    /// Part of the flow's critical time at and below its end, 0 to 1.
    pub through: f64,
    /// Time inside of the segment per request of the flow, nanoseconds.
    pub own_ns: f64,
    /// Weight of the flow's tier, usually 1.
    pub tier: f64,
}

/// A segment that is folded under another.
#[derive(Clone, Debug, PartialEq)]
pub struct Variant {
    /// In the order of calls.
    pub nodes: Vec<NodeName>,
    /// Flows that share it.
    pub flows: usize,
    /// Its score.
    pub score: f64,
    /// Its own time, as a share of all critical time.
    pub volume: f64,
    /// The part of its own time that no row covers, 0 to 1.
    pub new: f64,
}
