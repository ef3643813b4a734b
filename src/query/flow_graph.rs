//! One flow's graph: the calls that its own requests made, with their own numbers.
//!
//! What another flow calls between the same nodes is not in it: calls of two flows in a row are no way of either.

use super::flows::{FlowName, find_flow, flow_id};
use super::request::QueryError;
use super::rollup::{Edges, Key, Names};
use crate::graph::{Bucket, EdgeKey, EdgeStats, FlowCall, FlowCalls, FlowKey, JoinedKey, NodeStats};
use crate::model::{FastMap, Node, NodeKind, Protocol, Symbols};

/// The calls of the flow that a question is about.
pub(super) struct FlowGraph<'a> {
    /// Its requests.
    requests: u64,
    /// What they called, of the requests of which that is known.
    calls: Vec<&'a FlowCalls>,
}

/// True for a flow that may be meant by what it is called in a question.
pub(super) fn is_called(key: &FlowKey, wanted: &str, symbols: &Symbols) -> bool {
    let (root, name) = (symbols.nodes.get(key.service.0), symbols.text(key.name));
    let (id, service) = (flow_id(&root, &name, symbols), symbols.text(root.name));
    FlowName { id: &id, service: &service, name: &name }.is_meant_by(wanted)
}

impl<'a> FlowGraph<'a> {
    /// Finds the flow that is meant.
    ///
    /// # Errors
    /// [`QueryError::UnknownFlow`].
    pub fn find(bucket: &'a Bucket, flow: &str, symbols: &Symbols) -> Result<FlowGraph<'a>, QueryError> {
        let known = bucket.flows.iter().filter(|(_, stats)| stats.requests > 0).map(|(key, stats)| {
            let (root, name) = (symbols.nodes.get(key.service.0), symbols.text(key.name));
            (flow_id(&root, &name, symbols), symbols.text(root.name), name, stats)
        });
        let known: Vec<_> = known.collect();
        let names_of = known.iter().map(|(id, service, name, _)| FlowName { id, service, name });
        let wanted = find_flow(names_of, flow)?;
        let stats = known.iter().filter(|(id, ..)| *id == wanted).map(|(.., stats)| *stats);
        let (requests, calls) =
            stats.map(|stats| (stats.requests, &stats.calls)).unzip::<_, _, Vec<u64>, _>();
        Ok(FlowGraph { requests: requests.into_iter().sum(), calls })
    }

    /// Its calls as edges at operation level; of latencies, times and traces nothing is known by flow.
    pub fn edges(&self) -> FastMap<EdgeKey, EdgeStats> {
        sums(self.calls.iter().flat_map(|calls| calls.calls.known()))
    }

    /// Its joined pairs.
    pub fn joined(&self) -> FastMap<JoinedKey, EdgeStats> {
        sums(self.calls.iter().flat_map(|calls| calls.joined.known()))
    }

    /// The requests of its nodes: the calls that they got, and what no call led to; of inferred nodes nothing.
    pub fn nodes(&self, names: &mut Names) -> FastMap<Node, NodeStats> {
        let mut nodes: FastMap<Node, NodeStats> = FastMap::default();
        for calls in &self.calls {
            let called = calls.calls.known().map(|(key, call)| (key.callee, call));
            let arrived = calls.arrivals.known().map(|(node, call)| (*node, call));
            for (node, call) in called.chain(arrived) {
                let node = names.rolled_up(node);
                if node.kind == NodeKind::Service {
                    let stats = nodes.entry(node).or_default();
                    stats.requests += call.calls();
                    stats.errors += call.callee_errors;
                }
            }
        }
        nodes
    }

    /// Tells the edges how many requests made their calls: all that made any call of theirs, but no more than there are.
    pub fn count_requests(&self, edges: &mut Edges, names: &mut Names) {
        for calls in &self.calls {
            for (key, call) in calls.calls.known() {
                let (caller, callee) = (names.rolled_up(key.caller), names.rolled_up(key.callee));
                self.count((caller, callee, key.protocol, key.is_async), call, edges);
            }
            for (key, call) in calls.joined.known() {
                let (caller, callee) = (names.rolled_up(key.caller), names.rolled_up(key.callee));
                self.count((caller, callee, Protocol::Messaging, true), call, edges);
            }
        }
    }

    fn count(&self, edge: Key, call: &FlowCall, edges: &mut Edges) {
        let requests = edges.requests.entry(edge).or_default();
        *requests = requests.saturating_add(call.requests).min(self.requests);
    }

    /// Why the calls are not whole, a sentence each.
    pub fn notes(&self) -> Vec<String> {
        let sum = |of: &dyn Fn(&FlowCalls) -> u64| self.calls.iter().map(|calls| of(calls)).sum::<u64>();
        let unknown = self.requests.saturating_sub(sum(&|calls| calls.requests));
        let other = sum(&|calls| calls.calls.other);
        let mut notes = Vec::new();
        if unknown > 0 {
            notes.push(format!(
                "of {unknown} of the flow's {} requests the calls are not known by flow: their minutes were sealed by an \
                 earlier version, or with flows.max_calls 0",
                self.requests
            ));
        }
        for (count, what) in [(other, "calls"), (sum(&|calls| calls.joined.other), "joined pairs")] {
            if count > 0 {
                notes.push(format!(
                    "{count} {what} of the flow beyond flows.max_calls are counted but not shown"
                ));
            }
        }
        notes
    }
}

fn sums<'a, K: Copy + Eq + std::hash::Hash + 'a>(
    known: impl Iterator<Item = (&'a K, &'a FlowCall)>,
) -> FastMap<K, EdgeStats> {
    let mut sums: FastMap<K, EdgeStats> = FastMap::default();
    known.for_each(|(key, call)| sums.entry(*key).or_default().merge(&call.stats()));
    sums
}
