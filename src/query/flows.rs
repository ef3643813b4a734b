//! The flows of a range: what users asked for, with what it touched.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::notes;
use super::request::{FlowQuery, QueryError};
use super::snapshot::node_id;
use crate::graph::{FlowStats, Totals};
use crate::lane::Dropped;
use crate::model::{Minute, Node, Symbols, UnixNanos};
use crate::store::Reading;

/// The flows of a time range, sorted by id.
pub struct FlowsSnapshot {
    /// First minute answered.
    pub from: Minute,
    /// First minute after the answer.
    pub to: Minute,
    /// First minute whose numbers may still change.
    pub provisional_from: Option<Minute>,
    /// Sums over all of the range.
    pub totals: Totals,
    /// What did not reach a lane in the range, by reason.
    pub dropped: Dropped,
    /// Why the range is not whole, in words.
    pub notes: Vec<String>,
    /// The instant that the question fixes its answer to.
    pub as_of: Option<UnixNanos>,
    /// The flows.
    pub flows: Vec<FlowEntry>,
}

/// What an answer knows of a flow.
pub struct FlowEntry {
    /// `flow:service@namespace#environment|name`.
    pub id: String,
    /// What was asked for.
    pub name: Arc<str>,
    /// Service of the root.
    pub service: Arc<str>,
    /// Its namespace.
    pub namespace: Arc<str>,
    /// Its environment.
    pub environment: Arc<str>,
    /// Its numbers; what it touches is in `touches`.
    pub stats: FlowStats,
    /// Node id and requests that touched it, sorted by id.
    pub touches: Vec<(String, u64)>,
}

/// The id of a flow, of the node of its root's service and its name.
pub(super) fn flow_id(root: &Node, name: &str, symbols: &Symbols) -> String {
    let text = |symbol| symbols.text(symbol);
    node_id("flow", &text(root.name), &text(root.namespace), &text(root.environment), name)
}

/// What a flow can be called by.
#[derive(Clone, Copy)]
pub(super) struct FlowName<'a> {
    pub id: &'a str,
    pub service: &'a str,
    pub name: &'a str,
}

impl FlowName<'_> {
    /// How it is called where several flows have its name.
    pub fn with_service(&self) -> String {
        format!("{} {}", self.service, self.name)
    }

    /// True where a question may mean it: by its id, its name, or service and name.
    pub fn is_meant_by(&self, wanted: &str) -> bool {
        [self.id, self.name].contains(&wanted) || self.with_service() == wanted
    }
}

/// The id of the flow that is meant: by its id, by a name that only one flow has, or by service and name.
pub(super) fn find_flow<'a>(
    flows: impl Iterator<Item = FlowName<'a>> + Clone,
    wanted: &str,
) -> Result<String, QueryError> {
    if flows.clone().any(|flow| flow.id == wanted) {
        return Ok(wanted.to_string());
    }
    let is_meant = |flow: &FlowName| flow.name == wanted || flow.with_service() == wanted;
    let of_name: BTreeSet<&str> = flows.clone().filter(is_meant).map(|flow| flow.id).collect();
    match of_name.len() {
        1 => Ok(of_name.into_iter().collect()),
        0 => Err(unknown_flow(flows, wanted)),
        _ => {
            let ids: Vec<String> = of_name.iter().map(|id| format!("`{id}`")).collect();
            let hint = format!("; several have this name: give one of {}", ids.join(", "));
            Err(QueryError::UnknownFlow { flow: wanted.to_string(), hint })
        }
    }
}

/// That no flow is called so, with the nearest that there is.
pub(super) fn unknown_flow<'a>(
    flows: impl Iterator<Item = FlowName<'a>> + Clone,
    wanted: &str,
) -> QueryError {
    let count = flows.clone().count();
    let names = flows.flat_map(|flow| [flow.id, flow.name]);
    let nearest = names.map(|name| (strsim::damerau_levenshtein(wanted, name), name)).min();
    let hint = match nearest {
        Some((distance, name)) if distance <= 1 + wanted.len() / 3 => format!("; did you mean `{name}`?"),
        _ => format!("; it has {count} flows"),
    };
    QueryError::UnknownFlow { flow: wanted.to_string(), hint }
}

/// Answers a question for the flows from what was read.
pub fn select_flows(reading: &Reading, symbols: &Symbols, query: &FlowQuery) -> FlowsSnapshot {
    let mut flows: Vec<FlowEntry> = Vec::new();
    for (key, stats) in reading.bucket.flows.iter().filter(|(_, stats)| stats.requests > 0) {
        let root = symbols.nodes.get(key.service.0);
        let (namespace, environment) = (symbols.text(root.namespace), symbols.text(root.environment));
        if !query.is_about(&environment, &namespace) {
            continue;
        }
        let (service, name) = (symbols.text(root.name), symbols.text(key.name));
        let id = flow_id(&root, &name, symbols);
        let mut touches: Vec<(String, u64)> = stats
            .touches
            .iter()
            .filter(|(_, count)| **count > 0)
            .map(|(node, count)| {
                let node = symbols.nodes.get(node.0);
                let text = |symbol| symbols.text(symbol);
                let id = node_id(
                    node.kind.name(),
                    &text(node.name),
                    &text(node.namespace),
                    &text(node.environment),
                    "",
                );
                (id, *count)
            })
            .collect();
        touches.sort_unstable();
        // Its paths and what it touches are large, and not asked for here or named already.
        let stats = FlowStats {
            requests: stats.requests,
            adjusted: stats.adjusted,
            errors: stats.errors,
            latency: stats.latency.clone(),
            exemplars: stats.exemplars.clone(),
            traces: stats.traces.clone(),
            ..FlowStats::default()
        };
        flows.push(FlowEntry { id, name, service, namespace, environment, stats, touches });
    }
    flows.sort_unstable_by(|a, b| a.id.cmp(&b.id));
    FlowsSnapshot {
        from: reading.from,
        to: reading.to,
        provisional_from: reading.provisional_from,
        totals: reading.bucket.totals,
        dropped: reading.bucket.inputs.dropped(),
        notes: notes::notes(reading),
        as_of: query.as_of,
        flows,
    }
}
