//! The graph as JSON, `linchpin.graph/1`: the one shape that commands, HTTP and files share.
//!
//! Nodes are sorted by id, edges by (caller, callee, protocol, async), so equal states give equal bytes.
//! Fields may be added within the schema version; none is renamed or removed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Name and version of the schema.
pub const GRAPH_SCHEMA: &str = "linchpin.graph/1";

/// A dependency graph of a time range.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GraphDocument {
    /// Always `linchpin.graph/1`.
    pub schema: String,
    /// The time range answered.
    pub range: RangeDocument,
    /// `operation`, `service` or `namespace`.
    pub level: String,
    /// The filters in force, only those that were given.
    pub filter: BTreeMap<String, String>,
    /// How fresh and how complete the answer is.
    pub completeness: CompletenessDocument,
    /// Nodes, sorted by id.
    pub nodes: Vec<NodeDocument>,
    /// Edges, sorted by caller, callee, protocol and async.
    pub edges: Vec<EdgeDocument>,
}

/// A time range; both ends RFC 3339 in UTC, `from` inclusive and `to` exclusive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RangeDocument {
    /// First instant.
    pub from: String,
    /// First instant after the range.
    pub to: String,
    /// When the answer was true; of files, which have an end, `to`.
    pub as_of: String,
}

impl RangeDocument {
    /// Length of the range in seconds; nothing where its ends are no instants or out of order.
    pub fn seconds(&self) -> Option<f64> {
        let from = humantime::parse_rfc3339(&self.from).ok()?;
        let to = humantime::parse_rfc3339(&self.to).ok()?;
        Some(to.duration_since(from).ok()?.as_secs_f64()).filter(|seconds| *seconds > 0.0)
    }
}

/// How fresh and how complete an answer is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CompletenessDocument {
    /// Spans counted in the range.
    pub spans: u64,
    /// Spans of the range that came behind the watermark or after their trace's session.
    pub late: u64,
    /// What did not reach the graph in the range, by reason; of files, in all that was read.
    pub dropped: BTreeMap<String, u64>,
    /// How far the newest log time read lies behind the log's end, in milliseconds; absent for files, and while the broker is away.
    pub lag_ms: Option<u64>,
    /// Share of traces of the range with an orphan or without a root, 0 to 1.
    pub incomplete_trace_share: f64,
    /// Share of spans of the range that do not say how they were sampled, 0 to 1.
    pub unknown_sampling_share: f64,
    /// From here on counts may still change (RFC 3339); absent where all of the range is final.
    pub provisional_from: Option<String>,
    /// Reasons for which the range is not whole, in words: retention cut it, a gap in the log, still catching up.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// A node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct NodeDocument {
    /// Unique and stable: `kind:name@namespace#environment`, at operation level with `|operation`.
    pub id: String,
    /// `service`, `database`, `messaging` or `external`; `namespace` at namespace level.
    pub kind: String,
    /// Display name.
    pub name: String,
    /// Namespace, empty where none is known.
    pub namespace: String,
    /// Environment, empty where none is known.
    pub environment: String,
    /// Versions seen, sorted.
    pub versions: Vec<String>,
    /// Owning team where it is declared.
    pub team: Option<String>,
    /// True where the node reports spans itself.
    pub instrumented: bool,
    /// Operation, at operation level.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// Requests the node worked on; of inferred nodes, and with the filter `flow`, the calls it got, and what began at it.
    pub requests: u64,
    /// Of these, failed ones.
    pub errors: u64,
    /// What critical paths say of it; absent where it lies on none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub critical: Option<OnPathDocument>,
}

/// What lies on the critical paths of flows: what their users wait for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OnPathDocument {
    /// Flows with enough requests (`shared.min_requests`) on whose critical path it surely lies.
    pub flows: usize,
    /// Its own time as a share of the critical time of all flows, 0 to 1; of an edge, with that of its two ends.
    pub share: f64,
    /// How widely it is shared.
    pub score: f64,
    /// Effective number of these flows (Neff).
    pub effective_flows: f64,
    /// Time at and below it (of an edge: its callee), as a share of the critical time of all flows, 0 to 1.
    pub through: f64,
    /// True where `flow` was asked for, and it lies on that flow's critical path.
    #[serde(default, skip_serializing_if = "is_no")]
    pub marked: bool,
}

fn is_no(marked: &bool) -> bool {
    !*marked
}

/// An edge: caller depends on callee (of a destination: it feeds its consumers).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EdgeDocument {
    /// Id of the calling node.
    pub caller: String,
    /// Id of the called node.
    pub callee: String,
    /// `http`, `grpc`, `rpc`, `database`, `messaging` or `unknown`.
    pub protocol: String,
    /// True where the caller does not wait.
    #[serde(rename = "async")]
    pub is_async: bool,
    /// Calls seen; with the filter `flow` those that its requests made, as all numbers of the edge but `critical`.
    pub calls: u64,
    /// Calls after correction for sampling.
    pub calls_adjusted: f64,
    /// With the filter `flow`: its requests that made the calls; where calls of several operations are one edge, at most
    /// so many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests: Option<u64>,
    /// Failed calls by who saw it.
    pub errors: ErrorsDocument,
    /// Latency as the caller sees it, milliseconds; with the filter `flow` without values, as the next two.
    pub latency_ms: LatencyDocument,
    /// Latency as the callee sees it, milliseconds.
    pub callee_latency_ms: LatencyDocument,
    /// The caller's latency less the callee's, milliseconds: network and queues.
    pub gap_ms: LatencyDocument,
    /// Attempts per logical call, 1 without retries.
    pub attempts_per_call: f64,
    /// How the calls were seen.
    pub evidence: EvidenceDocument,
    /// Of `calls`, those of traces beyond their session's life (tail fragments).
    pub tail_calls: u64,
    /// Calls whose spans do not say how they were sampled.
    pub unknown_sampling_calls: u64,
    /// First call's start (RFC 3339); absent without calls, and with the filter `flow`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_seen: Option<String>,
    /// Last call's start (RFC 3339); absent where `first_seen` is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_seen: Option<String>,
    /// Some trace ids, 32 hex digits each, sorted; none with the filter `flow`: the flow itself has some.
    pub exemplars: Vec<String>,
    /// In a collapsed view: the destinations between caller and callee, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub via: Vec<String>,
    /// In a collapsed view: false where the two sides only share a destination; `calls` is 0 then.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub joined: bool,
    /// What critical paths say of it; absent where it lies on none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub critical: Option<OnPathDocument>,
}

impl EdgeDocument {
    /// The caller's view of the latency, or the callee's where no caller's span was seen.
    pub fn seen_latency(&self) -> &LatencyDocument {
        if self.latency_ms.count == 0 { &self.callee_latency_ms } else { &self.latency_ms }
    }
}

fn yes() -> bool {
    true
}

fn is_yes(joined: &bool) -> bool {
    *joined
}

/// Failed calls of an edge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ErrorsDocument {
    /// The caller's span has an error.
    pub caller: u64,
    /// The callee's span has an error.
    pub callee: u64,
    /// At least one of the two.
    pub either: u64,
}

/// A latency distribution in milliseconds; quantiles from exponential buckets, at most 4.5 % off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LatencyDocument {
    /// Number of values.
    pub count: u64,
    /// Mean; `null` without values, as the others.
    pub mean: Option<f64>,
    /// Median.
    pub p50: Option<f64>,
    /// 95th percentile.
    pub p95: Option<f64>,
    /// 99th percentile.
    pub p99: Option<f64>,
    /// Largest value.
    pub max: Option<f64>,
}

/// How the calls of an edge were seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EvidenceDocument {
    /// Both spans, one calling and one answering.
    pub paired: u64,
    /// A parent in another service, without a calling span.
    pub parent_child: u64,
    /// A span link.
    pub link: u64,
    /// The caller's span alone.
    pub inferred: u64,
}

/// Name and version of the flows' schema.
pub const FLOWS_SCHEMA: &str = "linchpin.flows/1";

/// The flows of a time range: what users asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FlowsDocument {
    /// Always `linchpin.flows/1`.
    pub schema: String,
    /// The time range answered.
    pub range: RangeDocument,
    /// How fresh and how complete the answer is.
    pub completeness: CompletenessDocument,
    /// Flows, sorted by id.
    pub flows: Vec<FlowDocument>,
}

/// A flow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FlowDocument {
    /// Unique and stable: `flow:service@namespace#environment|name`.
    pub id: String,
    /// What was asked for, as `GET /cart/{id}`, refined where that says nothing.
    pub name: String,
    /// Service of the root.
    pub service: String,
    /// Its namespace.
    pub namespace: String,
    /// Its environment.
    pub environment: String,
    /// Requests seen.
    pub requests: u64,
    /// Requests after correction for sampling.
    pub requests_adjusted: f64,
    /// Failed requests.
    pub errors: u64,
    /// Latency of the root, milliseconds.
    pub latency_ms: LatencyDocument,
    /// What its requests touch: node id (service level) and number of requests, sorted by id.
    pub touches: Vec<TouchDocument>,
    /// Ids of traces that can be opened (`/api/v1/traces/{id}`), sorted; where none is kept, some others of it.
    pub exemplars: Vec<String>,
}

/// A node that a flow touches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TouchDocument {
    /// Node id at service level.
    pub node: String,
    /// Requests of the flow that touched it.
    pub requests: u64,
}
