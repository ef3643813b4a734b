//! The parts of a sealed bucket's JSON, in the order of their fields.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

/// The largest integer up to which a JSON number is exact everywhere.
const EXACT: u64 = 1 << 53;

/// A count: a string where a JSON number would not be exact.
#[derive(Clone, Copy)]
pub(super) struct Count(pub u64);

impl Serialize for Count {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 <= EXACT {
            true => serializer.serialize_u64(self.0),
            false => serializer.collect_str(&self.0),
        }
    }
}

/// An offset: a string where a JSON number would not be exact.
#[derive(Clone, Copy)]
pub(super) struct Offset(pub i64);

impl Serialize for Offset {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.unsigned_abs() <= EXACT {
            true => serializer.serialize_i64(self.0),
            false => serializer.collect_str(&self.0),
        }
    }
}

#[derive(Serialize)]
pub(super) struct BucketDocument {
    pub schema: &'static str,
    pub lane: String,
    pub width: &'static str,
    pub start: String,
    pub algorithm: u32,
    pub config: String,
    pub marks: Vec<&'static str>,
    pub digest: String,
    pub members: u32,
    pub sections: Vec<SectionDocument>,
    pub totals: TotalsDocument,
    pub edges: Vec<EdgeDocument>,
    pub joined: Vec<JoinedDocument>,
    pub nodes: Vec<NodeStatsDocument>,
    pub flows: Vec<FlowDocument>,
    pub services: Vec<ServiceDocument>,
    pub inputs: Vec<InputDocument>,
    pub gaps: Vec<GapDocument>,
    pub positions: PositionsDocument,
}

#[derive(Serialize)]
pub(super) struct SectionDocument {
    pub id: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<&'static str>,
    pub bytes: usize,
}

#[derive(Serialize)]
pub(super) struct TotalsDocument {
    pub traces: Count,
    pub incomplete_traces: Count,
    pub spans: Count,
    pub tail_spans: Count,
    pub duplicates: Count,
    pub clamped: Count,
    pub unknown_sampling: Count,
    pub other_calls: Count,
    pub other_requests: Count,
    pub other_joined: Count,
    pub cut_traces: Count,
}

/// Sorted as in the file.
#[derive(Clone, Serialize, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct NodeName {
    #[serde(skip)]
    pub rank: u8,
    pub kind: &'static str,
    pub environment: String,
    pub namespace: String,
    pub name: String,
    pub operation: String,
}

#[derive(Serialize)]
pub(super) struct EdgeDocument {
    pub caller: NodeName,
    pub callee: NodeName,
    pub protocol: &'static str,
    #[serde(rename = "async")]
    pub is_async: bool,
    #[serde(flatten)]
    pub stats: EdgeStatsDocument,
}

#[derive(Serialize)]
pub(super) struct JoinedDocument {
    pub caller: NodeName,
    pub callee: NodeName,
    pub sent_to: NodeName,
    pub taken_from: NodeName,
    #[serde(flatten)]
    pub stats: EdgeStatsDocument,
}

#[derive(Serialize)]
pub(super) struct EdgeStatsDocument {
    pub calls: Count,
    pub adjusted_65536ths: String,
    pub unknown_sampling: Count,
    pub caller_errors: Count,
    pub callee_errors: Count,
    pub either_errors: Count,
    pub first_attempts: Count,
    pub tail: Count,
    pub evidence: EvidenceDocument,
    pub first_seen_unix_nanos: String,
    pub last_seen_unix_nanos: String,
    pub caller_latency: HistogramDocument,
    pub callee_latency: HistogramDocument,
    pub gap: HistogramDocument,
    pub exemplars: Vec<String>,
}

#[derive(Serialize)]
pub(super) struct EvidenceDocument {
    pub paired: Count,
    pub parent_child: Count,
    pub link: Count,
    pub inferred: Count,
}

/// Smallest and largest are missing where there is no value.
#[derive(Serialize)]
pub(super) struct HistogramDocument {
    pub count: Count,
    pub sum_ns: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_ns: Option<Count>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_ns: Option<Count>,
    pub buckets: Vec<(u8, Count)>,
}

#[derive(Serialize)]
pub(super) struct NodeStatsDocument {
    pub node: NodeName,
    pub requests: Count,
    pub errors: Count,
    pub latency: HistogramDocument,
}

#[derive(Serialize)]
pub(super) struct FlowDocument {
    pub service: NodeName,
    pub name: String,
    pub requests: Count,
    pub adjusted_65536ths: String,
    pub errors: Count,
    pub latency: HistogramDocument,
    pub touches: Vec<TouchDocument>,
    pub exemplars: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paths: Option<PathsDocument>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traces: Option<Vec<TraceDocument>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calls: Option<FlowCallsDocument>,
}

/// What the flow's own requests called.
#[derive(Serialize)]
pub(super) struct FlowCallsDocument {
    pub requests: Count,
    pub calls: Vec<FlowCallDocument>,
    pub other_calls: Count,
    pub joined: Vec<FlowCallDocument>,
    pub other_joined: Count,
    pub arrivals: Vec<FlowCallDocument>,
    pub other_arrivals: Count,
}

/// Of an arrival only the callee is known.
#[derive(Serialize)]
pub(super) struct FlowCallDocument {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caller: Option<NodeName>,
    pub callee: NodeName,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol: Option<&'static str>,
    #[serde(rename = "async", skip_serializing_if = "Option::is_none")]
    pub is_async: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sent_to: Option<NodeName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub taken_from: Option<NodeName>,
    pub requests: Count,
    pub calls: Count,
    pub adjusted_65536ths: String,
    pub unknown_sampling: Count,
    pub caller_errors: Count,
    pub callee_errors: Count,
    pub either_errors: Count,
    pub first_attempts: Count,
    pub evidence: EvidenceDocument,
}

/// A trace that the flow keeps, and how many requests it stands for.
#[derive(Serialize)]
pub(super) struct TraceDocument {
    pub trace_id: String,
    pub weight_65536ths: Count,
    pub spans: Vec<SpanDocument>,
}

/// A span without a parent is a root.
#[derive(Serialize)]
pub(super) struct SpanDocument {
    pub span_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent_span_id: Option<String>,
    pub service: String,
    pub operation: String,
    pub start_unix_nanos: String,
    pub duration_ns: Count,
    pub error: bool,
}

/// Times are nanoseconds multiplied with weights, which are in 1/65536.
#[derive(Serialize)]
pub(super) struct PathsDocument {
    pub requests: Count,
    pub adjusted_65536ths: String,
    pub adjusted_squares_4294967296ths: String,
    pub duration_ns_65536ths: String,
    pub other_ns_65536ths: String,
    pub contexts: Vec<ContextDocument>,
}

/// The caller is the position of its context in the list.
#[derive(Serialize)]
pub(super) struct ContextDocument {
    pub caller: Option<usize>,
    pub node: NodeName,
    pub requests: Count,
    pub adjusted_65536ths: String,
    pub exclusive_ns_65536ths: String,
    pub gap_ns_65536ths: String,
    pub retry_ns_65536ths: String,
    pub inclusive_ns_65536ths: String,
    pub other_ns_65536ths: String,
}

#[derive(Serialize)]
pub(super) struct TouchDocument {
    pub node: NodeName,
    pub requests: Count,
}

#[derive(Serialize)]
pub(super) struct ServiceDocument {
    pub service: NodeName,
    pub spans: Count,
    pub orphans: Count,
    pub tail_spans: Count,
    pub clients_without_peer: Count,
    pub links_to_other_traces: Count,
    pub self_calls: Count,
    pub unknown_sampling: Count,
    pub versions: BTreeMap<String, Count>,
}

/// The offsets are missing where there was no record.
#[derive(Serialize)]
pub(super) struct InputDocument {
    pub input: String,
    pub records: Count,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_offset: Option<Offset>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_offset: Option<Offset>,
    pub bytes: Count,
    pub behind: Count,
    pub refuted_jumps: Count,
    pub dropped: BTreeMap<&'static str, Count>,
}

#[derive(Serialize)]
pub(super) struct GapDocument {
    pub input: String,
    pub cause: &'static str,
    pub since_unix_ms: Option<i64>,
    pub until_unix_ms: i64,
    pub offsets: Count,
}

#[derive(Serialize)]
pub(super) struct PositionsDocument {
    pub look_back_ms: i64,
    pub inputs: Vec<PositionDocument>,
}

#[derive(Serialize)]
pub(super) struct PositionDocument {
    pub input: String,
    pub offset: Offset,
    pub newest_unix_ms: Option<i64>,
    /// Up to this log time another reading may count records otherwise, as the local clock refuted a time before it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub doubtful_to_unix_ms: Option<i64>,
    pub shed: ShedDocument,
}

#[derive(Serialize)]
pub(super) struct ShedDocument {
    pub second: i64,
    pub spans: Count,
    pub kept: Option<u32>,
}
