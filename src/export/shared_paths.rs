//! What flows share on their critical paths as a document, and as JSON, `linchpin.shared_paths/1`.
//!
//! Rows keep their rank, so equal answers give equal bytes.
//! Fields may be added within the schema version; none is renamed or removed.

mod markdown;
mod narrow;
mod text;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use markdown::to_markdown;
pub use text::to_text;

use super::document::{CompletenessDocument, RangeDocument};
use crate::query::shared::{FlowShare, NodeName, SharedPaths, SharedSegment, Sort};

/// Name and version of the schema.
pub const SHARED_PATHS_SCHEMA: &str = "linchpin.shared_paths/1";

/// What an answer about critical paths was asked for, and how whole it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PathScopeDocument {
    /// The time range answered.
    pub range: RangeDocument,
    /// What a node of a path stands for: `operation` or `service`.
    pub level: String,
    /// The filters in force, only those that were given.
    pub filter: BTreeMap<String, String>,
    /// How fresh and how complete the answer is.
    pub completeness: CompletenessDocument,
}

/// The shared critical paths of a time range.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SharedPathsDocument {
    /// Always `linchpin.shared_paths/1`.
    pub schema: String,
    /// Range, level, filter and completeness.
    #[serde(flatten)]
    pub scope: PathScopeDocument,
    /// What counts as shared.
    pub criteria: CriteriaDocument,
    /// Flows with enough requests.
    pub flows: usize,
    /// Their requests with a whole critical path (n).
    pub requests: u64,
    /// Segments, the most shared first.
    pub segments: Vec<SegmentDocument>,
    /// Further segments beyond the limit that say something else than these.
    pub more: usize,
    /// Share of all critical time in none of `segments`, 0 to 1.
    pub other: f64,
    /// Of `other`, the share of all critical time in contexts that were not kept.
    pub unknown: f64,
    /// Flows with too few requests, by id.
    pub left_out: Vec<LeftOutDocument>,
}

/// What counts as shared, and how the list is sorted and folded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CriteriaDocument {
    /// `score` or `volume`.
    pub sort: String,
    /// Flows that must share a segment.
    pub min_flows: usize,
    /// Requests below which a flow is left out.
    pub min_requests: u64,
    /// Share of a flow's requests that surely (95 %) have the segment on their path.
    pub min_presence: f64,
    /// Segments with less new time than this are folded under another, 0 to 1.
    pub min_new: f64,
}

/// A node on a critical path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PathNodeDocument {
    /// As in the graph of the same level.
    pub id: String,
    /// For people.
    pub label: String,
    /// `service`, `database`, `messaging` or `external`.
    pub kind: String,
}

/// A run of nodes that several flows wait for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SegmentDocument {
    /// In the order of calls.
    pub nodes: Vec<PathNodeDocument>,
    /// How widely it is shared: `flow_equivalents * (1 - 1 / effective_flows)`.
    pub score: f64,
    /// Shares of the flows' critical time, added up (FE).
    pub flow_equivalents: f64,
    /// Effective number of flows (Neff).
    pub effective_flows: f64,
    /// Its own time as a share of the critical time of all flows (V), 0 to 1.
    pub volume: f64,
    /// Requests that wait at or below its end, on average at any moment.
    pub in_flight: f64,
    /// The part of its own time that no segment above it covers, 0 to 1.
    pub new: f64,
    /// True where its own time is in part allocated by weight.
    pub allocated: bool,
    /// True where it is only the node at which requests come in.
    pub entry: bool,
    /// The flows that share it, the largest share first.
    pub flows: Vec<FlowShareDocument>,
    /// Segments folded under it, at most five.
    pub variants: Vec<VariantDocument>,
    /// All segments folded under it.
    pub variant_count: usize,
}

/// A flow's part in a segment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FlowShareDocument {
    /// The flow's id.
    pub id: String,
    /// What was asked for.
    pub name: String,
    /// Service of the root.
    pub service: String,
    /// The flow's requests with a whole critical path.
    pub requests: u64,
    /// Share of these with the segment on their path, 0 to 1.
    pub presence: f64,
    /// It is surely (95 %) at least this.
    pub presence_low: f64,
    /// Part of the flow's critical time inside of the segment, 0 to 1.
    pub share: f64,
    /// Part of the flow's critical time at and below its end, 0 to 1.
    pub through: f64,
    /// Time inside of the segment per request of the flow, milliseconds.
    pub own_ms: f64,
    /// Weight of the flow's tier; 1 is usual.
    pub tier: f64,
}

/// A segment folded under another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct VariantDocument {
    /// In the order of calls.
    pub nodes: Vec<PathNodeDocument>,
    /// Flows that share it.
    pub flows: usize,
    /// Its score.
    pub score: f64,
    /// Its own time as a share of the critical time of all flows, 0 to 1.
    pub volume: f64,
    /// The part of its own time that no segment of the list covers, 0 to 1.
    pub new: f64,
}

/// A flow with too few requests to say anything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LeftOutDocument {
    /// Its id.
    pub id: String,
    /// What was asked for.
    pub name: String,
    /// Service of the root.
    pub service: String,
    /// Requests with a whole critical path.
    pub requests: u64,
}

/// The document of what flows share.
pub fn shared_paths_document(paths: &SharedPaths, scope: PathScopeDocument) -> SharedPathsDocument {
    let options = &paths.options;
    let sort = match options.sort {
        Sort::Score => "score",
        Sort::Volume => "volume",
    };
    SharedPathsDocument {
        schema: SHARED_PATHS_SCHEMA.to_owned(),
        scope,
        criteria: CriteriaDocument {
            sort: sort.to_owned(),
            min_flows: options.min_flows,
            min_requests: options.min_requests,
            min_presence: options.min_presence,
            min_new: options.min_new,
        },
        flows: paths.flows,
        requests: paths.requests,
        segments: paths.segments.iter().map(segment).collect(),
        more: paths.more,
        other: paths.other,
        unknown: paths.unknown,
        left_out: paths
            .left_out
            .iter()
            .map(|flow| LeftOutDocument {
                id: flow.id.clone(),
                name: flow.name.to_string(),
                service: flow.service.to_string(),
                requests: flow.requests,
            })
            .collect(),
    }
}

/// Writes the document as JSON: one line, or indented by two spaces; without a line break at the end.
pub fn to_json(paths: &SharedPathsDocument, pretty: bool) -> String {
    let json = if pretty { serde_json::to_string_pretty(paths) } else { serde_json::to_string(paths) };
    json.expect("a document has only string keys")
}

fn segment(segment: &SharedSegment) -> SegmentDocument {
    SegmentDocument {
        nodes: segment.nodes.iter().map(path_node).collect(),
        score: segment.score,
        flow_equivalents: segment.flow_equivalents,
        effective_flows: segment.effective_flows,
        volume: segment.volume,
        in_flight: segment.in_flight,
        new: segment.new,
        allocated: segment.is_allocated,
        entry: segment.is_entry,
        flows: segment.flows.iter().map(flow_share).collect(),
        variants: segment
            .variants
            .iter()
            .map(|variant| VariantDocument {
                nodes: variant.nodes.iter().map(path_node).collect(),
                flows: variant.flows,
                score: variant.score,
                volume: variant.volume,
                new: variant.new,
            })
            .collect(),
        variant_count: segment.variant_count,
    }
}

/// The document of a node on a path.
pub(super) fn path_node(name: &NodeName) -> PathNodeDocument {
    PathNodeDocument { id: name.id.clone(), label: name.label.clone(), kind: name.kind.name().to_owned() }
}

fn flow_share(flow: &FlowShare) -> FlowShareDocument {
    FlowShareDocument {
        id: flow.id.clone(),
        name: flow.name.to_string(),
        service: flow.service.to_string(),
        requests: flow.requests,
        presence: flow.presence,
        presence_low: flow.presence_low,
        share: flow.share,
        through: flow.through,
        own_ms: flow.own_ns / 1e6,
        tier: flow.tier,
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(super) use tests::scope;
