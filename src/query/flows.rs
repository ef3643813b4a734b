//! The flows of a range: what users asked for, with what it touched.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::coverage::Coverage;
use super::request::{FlowQuery, QueryError};
use super::snapshot::node_id;
use crate::graph::FlowStats;
use crate::model::{Node, Symbols, UnixNanos};
use crate::store::Reading;

/// The flows of a time range, sorted by id.
pub struct FlowsSnapshot {
    /// What was read.
    pub coverage: Coverage,
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

/// Between the name of a root and what its requests call, where the analysis refined a name that says nothing.
const REFINED_BY: &str = " > ";

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

    /// The same under the name that its root gave itself.
    fn of_root(self) -> Self {
        let own = self.name.split_once(REFINED_BY).map_or(self.name, |(own, _)| own);
        FlowName { name: own, ..self }
    }

    /// True where a question may mean it: by its id, or by its name or its root's, alone or behind its service.
    pub fn is_meant_by(&self, wanted: &str) -> bool {
        self.id == wanted || self.is_named(wanted) || self.of_root().is_named(wanted)
    }

    fn is_named(&self, wanted: &str) -> bool {
        self.name == wanted || self.with_service() == wanted
    }
}

/// The id of the flow that is meant: by its id, by a name that only one flow has, or by service and name; where none has
/// the name, the only one whose root has it.
pub(super) fn find_flow<'a>(
    flows: impl Iterator<Item = FlowName<'a>> + Clone,
    wanted: &str,
) -> Result<String, QueryError> {
    if flows.clone().any(|flow| flow.id == wanted) {
        return Ok(wanted.to_string());
    }
    let is_meant = |flow: &FlowName| flow.is_named(wanted);
    let mut of_name: BTreeSet<&str> = flows.clone().filter(is_meant).map(|flow| flow.id).collect();
    if of_name.is_empty() {
        of_name = flows.clone().map(FlowName::of_root).filter(is_meant).map(|flow| flow.id).collect();
    }
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

/// That no flow is called so, with those that may be meant.
pub(super) fn unknown_flow<'a>(
    flows: impl Iterator<Item = FlowName<'a>> + Clone,
    wanted: &str,
) -> QueryError {
    QueryError::UnknownFlow { flow: wanted.to_string(), hint: hint(flows, wanted) }
}

/// The flows whose names have what is wanted within them, or the one with the most similar name, or how many there are.
fn hint<'a>(flows: impl Iterator<Item = FlowName<'a>> + Clone, wanted: &str) -> String {
    const MOST: usize = 3;
    let part = wanted.to_lowercase();
    let within: BTreeSet<&str> = flows
        .clone()
        .filter(|flow| flow.with_service().to_lowercase().contains(&part))
        .map(|flow| flow.id)
        .collect();
    if !part.is_empty() && !within.is_empty() {
        let ids: Vec<String> = within.iter().take(MOST).map(|id| format!("`{id}`")).collect();
        let more = match within.len().saturating_sub(MOST) {
            0 => String::new(),
            more => format!(", or one of {more} more"),
        };
        return format!("; did you mean {}{more}?", ids.join(" or "));
    }
    let names = flows.clone().flat_map(|flow| [flow.id, flow.name]);
    let nearest = names.map(|name| (strsim::damerau_levenshtein(wanted, name), name)).min();
    match nearest {
        Some((distance, name)) if distance <= 1 + wanted.len() / 3 => format!("; did you mean `{name}`?"),
        Some((_, name)) => format!("; it has {} flows, as `{name}`", flows.count()),
        None => "; it has no flows".into(),
    }
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
    FlowsSnapshot { coverage: Coverage::of(reading), as_of: query.as_of, flows }
}
