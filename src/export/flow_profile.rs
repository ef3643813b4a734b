//! One flow's critical time as a document, and as JSON, `linchpin.flow_profile/1`.
//!
//! Contexts are a list in pre-order, so that readers need no recursion.
//! Fields may be added within the schema version; none is renamed or removed.

mod folded;
mod markdown;
mod rows;
mod speedscope;
mod stacks;
mod text;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use folded::to_folded;
pub use markdown::to_markdown;
pub use speedscope::to_speedscope;
pub use text::to_text;

use super::convert::latency;
use super::document::LatencyDocument;
use super::shared_paths::{PathNodeDocument, PathScopeDocument, path_node};
use crate::model::WEIGHT_ONE;
use crate::query::Exemplar;
use crate::query::shared::{ContextView, FlowView};

/// Name and version of the schema.
pub const FLOW_PROFILE_SCHEMA: &str = "linchpin.flow_profile/1";

/// Where the requests of one flow wait.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FlowProfileDocument {
    /// Always `linchpin.flow_profile/1`.
    pub schema: String,
    /// Range, level, filter and completeness.
    #[serde(flatten)]
    pub scope: PathScopeDocument,
    /// The flow's id.
    pub id: String,
    /// What was asked for.
    pub name: String,
    /// Service of the root.
    pub service: String,
    /// All requests of the flow.
    pub seen: u64,
    /// Requests with a whole critical path (n); the contexts are theirs.
    pub requests: u64,
    /// Such requests per second, corrected for sampling.
    pub per_second: f64,
    /// Durations of all requests of the flow, milliseconds.
    pub latency_ms: LatencyDocument,
    /// Mean duration of the requests with a whole path, milliseconds, corrected for sampling.
    pub mean_ms: f64,
    /// Critical time of all requests with a whole path, milliseconds, corrected for sampling.
    pub total_ms: f64,
    /// Share of the time in no context, 0 to 1.
    pub other: f64,
    /// A context that is not listed may have been on the path of this share of the requests.
    pub hidden_presence: f64,
    /// In pre-order; siblings by inclusive time, the longest first.
    pub contexts: Vec<ContextDocument>,
    /// Traces of the flow that can be opened (`/api/v1/traces/{id}`, `--trace`), the slowest first: a sample in which a
    /// request that stands for many is likelier.
    #[serde(default)]
    pub exemplars: Vec<ExemplarDocument>,
}

/// A trace of a flow that can be opened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ExemplarDocument {
    /// Its id, 32 hex digits.
    pub trace_id: String,
    /// How long its request took, milliseconds.
    pub duration_ms: f64,
    /// Requests that it stands for; together the exemplars stand for all of the flow's, in the mean.
    pub requests: f64,
}

/// A calling context: the end of a critical call path. Shares are of the flow's critical time, 0 to 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ContextDocument {
    /// Where it is.
    pub node: PathNodeDocument,
    /// Place in the list of the context it was called from; absent at a root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<usize>,
    /// Contexts above it.
    pub depth: usize,
    /// Share of the requests with it on their path.
    pub presence: f64,
    /// The way into it, its own time and everything below.
    pub inclusive: f64,
    /// Its own time.
    pub exclusive: f64,
    /// The way into it: network and queues.
    pub gap: f64,
    /// Of `inclusive`, repeated attempts and the waits between.
    pub retry: f64,
    /// Of `inclusive`, what lies in contexts below it that are not listed.
    pub other: f64,
    /// Other flows on whose critical path the node lies.
    pub other_flows: usize,
    /// Effective number of flows that share the node's own time (Neff).
    pub effective_flows: f64,
}

/// The document of a flow's view and of its traces.
pub fn flow_profile_document(
    view: &FlowView,
    exemplars: &[Exemplar],
    scope: PathScopeDocument,
) -> FlowProfileDocument {
    FlowProfileDocument {
        schema: FLOW_PROFILE_SCHEMA.to_owned(),
        scope,
        id: view.id.clone(),
        name: view.name.to_string(),
        service: view.service.to_string(),
        seen: view.seen,
        requests: view.requests,
        per_second: view.per_second,
        latency_ms: latency(&view.latency),
        mean_ms: view.mean_ns / 1e6,
        total_ms: view.total_ns / 1e6,
        other: view.other,
        hidden_presence: view.hidden_presence,
        contexts: view.contexts.iter().map(context).collect(),
        exemplars: exemplars.iter().map(exemplar).collect(),
    }
}

fn exemplar(exemplar: &Exemplar) -> ExemplarDocument {
    ExemplarDocument {
        trace_id: exemplar.trace.to_string(),
        duration_ms: exemplar.duration_ns as f64 / 1e6,
        requests: exemplar.weight as f64 / WEIGHT_ONE as f64,
    }
}

fn context(context: &ContextView) -> ContextDocument {
    ContextDocument {
        node: path_node(&context.node),
        parent: context.parent,
        depth: context.depth,
        presence: context.presence,
        inclusive: context.inclusive,
        exclusive: context.exclusive,
        gap: context.gap,
        retry: context.retry,
        other: context.other,
        other_flows: context.other_flows,
        effective_flows: context.effective_flows,
    }
}

/// Writes the document as JSON: one line, or indented by two spaces; without a line break at the end.
pub fn to_json(profile: &FlowProfileDocument, pretty: bool) -> String {
    let json = if pretty { serde_json::to_string_pretty(profile) } else { serde_json::to_string(profile) };
    json.expect("a document has only string keys")
}

#[cfg(test)]
mod tests;
