//! What was counted of critical paths to profiles: the flows of a question, under names.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::alias::Aliases;
use super::flows::{FlowName, flow_id};
use super::request::{FlowQuery, Level};
use super::rollup::Names;
use super::select::identity;
use super::shared::{FlowProfile, NodeName, ProfileEntry, Profiles, tier_permille};
use crate::config::SharedConfig;
use crate::graph::{FlowPaths, FlowStats};
use crate::model::{NodeId, NodeKind, Symbol, Symbols};
use crate::store::Reading;

/// The profiles of the flows that a question is about.
pub(super) fn profiles(
    reading: &Reading,
    symbols: &Symbols,
    query: &FlowQuery,
    config: &SharedConfig,
    seconds: f64,
) -> Profiles {
    let mut flows = Vec::new();
    for (key, stats) in reading.bucket.flows.iter().filter(|(_, stats)| stats.requests > 0) {
        let root = symbols.nodes.get(key.service.0);
        if !query.is_about(&symbols.text(root.environment), &symbols.text(root.namespace)) {
            continue;
        }
        let (service, name) = (symbols.text(root.name), symbols.text(key.name));
        let tier_permille = tier_permille(config, &service, &name);
        let id = flow_id(&root, &name, symbols);
        flows.push(FlowProfile { id, name, service, tier_permille, ..profile(stats) });
    }
    Profiles { seconds, flows }
}

/// A name that several flows have says less than nothing without their services.
pub(super) fn tell_apart(flows: &mut [FlowProfile]) {
    let mut count: BTreeMap<Arc<str>, usize> = BTreeMap::new();
    flows.iter().for_each(|flow| *count.entry(flow.name.clone()).or_default() += 1);
    for flow in flows.iter_mut().filter(|flow| count[&flow.name] > 1) {
        flow.name = flow_name(flow).with_service().into();
    }
}

/// What a flow can be called by.
pub(super) fn flow_name(flow: &FlowProfile) -> FlowName<'_> {
    FlowName { id: &flow.id, service: &flow.service, name: &flow.name }
}

/// The numbers of a profile, without its names.
fn profile(stats: &FlowStats) -> FlowProfile {
    let FlowPaths { requests, weight, duration, .. } = stats.paths;
    let tree = stats.paths.tree();
    let mut entries: Vec<ProfileEntry> = tree
        .contexts
        .iter()
        .map(|context| ProfileEntry {
            parent: context.parent,
            node: context.node,
            weight: context.sums.weight,
            exclusive: context.sums.exclusive,
            gap: context.sums.gap,
            inclusive: context.sums.inclusive,
            retry: context.sums.retry,
        })
        .collect();
    // Callees come behind their callers, so each has its sum when it is added to its caller's.
    for at in (0..entries.len()).rev() {
        if let Some(parent) = entries[at].parent {
            entries[parent].retry += entries[at].retry;
        }
    }
    // Which contexts the cap left out is decided by hashes, so one of them may have been on every path.
    let is_cut = tree.other > 0 || tree.contexts.iter().any(|context| context.other > 0);
    FlowProfile {
        id: String::new(),
        name: "".into(),
        service: "".into(),
        seen: stats.requests,
        requests,
        weight,
        duration,
        tier_permille: 0,
        cut_weight: if is_cut { weight } else { 0 },
        latency: stats.latency.clone(),
        entries,
    }
}

/// What nodes are called at a level: the ids are those of the graph of that level.
pub(super) struct NodeNames<'a> {
    names: Names<'a>,
    level: Level,
}

impl<'a> NodeNames<'a> {
    /// Names for one answer.
    pub fn new(reading: &Reading, symbols: &'a Symbols, level: Level) -> NodeNames<'a> {
        let aliases = Aliases::learn(&reading.bucket, symbols);
        NodeNames { names: Names::new(symbols, aliases, level), level }
    }

    /// The name of a counted node.
    pub fn name(&mut self, id: NodeId) -> NodeName {
        let node = self.names.rolled_up(id);
        let (name, operation) = (self.names.text(node.name), self.names.text(node.operation));
        let label = match operation.is_empty() {
            true => name.to_string(),
            false => format!("{name} {operation}"),
        };
        NodeName {
            id: identity(&node, &self.names, self.level),
            label,
            kind: if self.level == Level::Namespace { NodeKind::Service } else { node.kind },
            is_other: node.name == Symbol::OTHER || node.operation == Symbol::OTHER,
        }
    }
}
