//! The shape of the status.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{LimitedBy, MissingRow, StoreStatus};
use crate::api::readiness::ReadinessDocument;

/// Name and version of the schema.
pub(super) const SCHEMA: &str = "linchpin.status/1";

/// The state of everything.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub(crate) struct StatusDocument {
    /// Always `linchpin.status/1`.
    pub schema: String,
    /// Version of linchpin.
    pub version: String,
    /// Local clock (RFC 3339).
    pub now: String,
    /// Seconds since the start.
    pub uptime_seconds: u64,
    /// Whether the graph is current, why not, and the rates.
    pub readiness: ReadinessDocument,
    /// What makes one lane: `merged` or `partition`.
    pub mode: String,
    /// Where the topic or the assignment does not fit the mode; empty where all is well.
    pub violations: Vec<ViolationDocument>,
    /// The source.
    pub connection: ConnectionDocument,
    /// Assigned partitions, by name.
    pub partitions: Vec<PartitionDocument>,
    /// Sums since the start.
    pub counters: CountersDocument,
    /// What is kept, and what bounds it.
    pub retention: RetentionDocument,
    /// The sealed minutes.
    pub store: StoreStatus,
    /// Size of the graph.
    pub graph: SizeDocument,
    /// Traces that are not closed yet.
    pub pending: PendingDocument,
    /// Why an edge may be missing, by service, the worst first.
    pub missing: Vec<MissingDocument>,
    /// Further services with a gap; ask for one with `?service=NAME`.
    pub missing_left_out: u64,
    /// What to do about all of this, in words.
    pub hints: Vec<String>,
}

/// Where the topic or the assignment does not fit the mode.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct ViolationDocument {
    /// What is wrong.
    pub what: String,
    /// How often, or how many.
    pub count: u64,
    /// What to do.
    pub cure: String,
}

/// State of the source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct ConnectionDocument {
    /// True once partitions are assigned and read.
    pub connected: bool,
    /// What is wrong and what to do.
    pub problem: Option<String>,
    /// Partitions of the topics.
    pub partitions_known: u64,
    /// Partitions assigned to this instance.
    pub partitions_assigned: u64,
}

/// State of a partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct PartitionDocument {
    /// `topic/partition`.
    pub name: String,
    /// Offset that is read next.
    pub position: i64,
    /// Offset behind the last record in the log.
    pub end: i64,
    /// Records not yet read.
    pub lag: u64,
    /// Log time of the last record read (RFC 3339).
    pub log_time: Option<String>,
    /// Now less `log_time` where records are left, else 0; absent until it was heard of.
    pub behind_ms: Option<u64>,
    /// How far the log time that is believed is ahead of the local clock; 0 where it is not.
    pub ahead_ms: u64,
    /// Producer times that jumped forward and were refuted, since the start.
    pub refuted_jumps: u64,
    /// True where nothing is left to read and the local clock stands for its time.
    pub standing: bool,
    /// What is wrong with it.
    pub problem: Option<String>,
    /// Offsets that retention took before they were read.
    pub lost_offsets: u64,
}

/// Sums since the start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct CountersDocument {
    /// Records read.
    pub records: u64,
    /// Bytes of record values read.
    pub bytes: u64,
    /// Spans decoded, before anything is dropped.
    pub spans: u64,
    /// Traces closed.
    pub traces: u64,
    /// What did not reach the graph, by reason; every reason is there.
    pub dropped: BTreeMap<String, u64>,
    /// Spans that end before they start; they count with a duration of zero.
    pub negative_durations: u64,
    /// Names that were cut to `names.max_length`.
    pub names_truncated: u64,
    /// Strings that were not UTF-8.
    pub invalid_utf8: u64,
    /// Traces whose times lay too far from their log time and were clamped.
    pub clamped_times: u64,
    /// Records behind the watermark.
    pub behind: u64,
    /// Producer times that jumped forward and were refuted.
    pub refuted_jumps: u64,
    /// Records whose key is not their trace id, where lanes are partitions.
    pub key_violations: u64,
    /// Holes in the log.
    pub log_gaps: u64,
}

/// What is kept, and what bounds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct RetentionDocument {
    /// `store.retention` in words, as `30 d`.
    pub configured: String,
    /// The same in seconds.
    pub configured_seconds: u64,
    /// `graph.memory`, bytes.
    pub memory_limit_bytes: u64,
    /// Start of the oldest minute kept (RFC 3339).
    pub oldest_minute: Option<String>,
    /// Start of the newest minute with something in it (RFC 3339).
    pub newest_minute: Option<String>,
    /// Which of the two bounds it.
    pub limited_by: LimitedBy,
}

/// Size of the graph.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct SizeDocument {
    /// Nodes of the last 15 minutes, at service level.
    pub nodes: u64,
    /// Edges of the last 15 minutes, at service level.
    pub edges: u64,
    /// Minutes that may still change.
    pub open_minutes: u64,
    /// Minutes that are sealed and not rolled up.
    pub sealed_minutes: u64,
    /// Memory of sealed minutes and roll-ups.
    pub bytes: u64,
    /// What passed a limit and was counted as `other`, by the limit's name.
    pub capped: BTreeMap<String, u64>,
}

/// Traces that are not closed yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct PendingDocument {
    /// Traces.
    pub traces: u64,
    /// Their spans.
    pub spans: u64,
    /// Their memory.
    pub bytes: u64,
}

/// Why edges of one service may be missing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct MissingDocument {
    /// Counts.
    #[serde(flatten)]
    pub row: MissingRow,
    /// What they mean and what to do.
    pub hints: Vec<String>,
}
