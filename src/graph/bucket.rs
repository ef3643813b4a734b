//! All that is counted in one minute: sums by edge, node, flow and service.
//!
//! Guarantee: a bucket is a function of the set of its facts. Order, grouping and merging change nothing,
//! caps included (see [`super::cap`]).

use super::cap::{BottomK, Offer};
use super::hashes::Hashes;
use super::stats::{
    EdgeKey, EdgeStats, FlowKey, FlowStats, JoinedKey, NodeStats, ServiceStats, Sign, Totals,
};
use crate::analyze::{Call, Facts, FlowRequest};
use crate::config::Config;
use crate::model::{FastMap, NodeId, Symbol, TraceId, stable_hash};

/// How much of a minute is kept apart; the rest is `other`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caps {
    /// Operations of one service.
    pub operations_per_service: usize,
    /// Services, databases, destinations and peers.
    pub nodes: usize,
    /// Edges.
    pub edges: usize,
    /// Flows.
    pub flows: usize,
    /// Refined flows of one service and root operation.
    pub refined_flows: usize,
}

impl Caps {
    /// The caps of a configuration.
    pub fn from_config(config: &Config) -> Caps {
        Caps {
            operations_per_service: config.names.max_operations_per_service,
            nodes: config.graph.max_nodes,
            edges: config.graph.max_edges,
            flows: config.flows.max_flows,
            refined_flows: config.flows.max_refined,
        }
    }

    /// Nothing is cut: for answers, which add up minutes that were cut already.
    pub const NONE: Caps = Caps {
        operations_per_service: usize::MAX,
        nodes: usize::MAX,
        edges: usize::MAX,
        flows: usize::MAX,
        refined_flows: usize::MAX,
    };
}

/// The node that stands for all nodes beyond the cap.
const OTHER_NODE: NodeId = NodeId(1);

/// One minute of one lane, or several merged.
#[derive(Clone, Debug, Default)]
pub struct Bucket {
    /// By edge at operation level.
    pub edges: FastMap<EdgeKey, EdgeStats>,
    /// By joined producer and consumer.
    pub joined: FastMap<JoinedKey, EdgeStats>,
    /// By node at operation level.
    pub nodes: FastMap<NodeId, NodeStats>,
    /// By flow.
    pub flows: FastMap<FlowKey, FlowStats>,
    /// By service.
    pub services: FastMap<NodeId, ServiceStats>,
    /// Over all.
    pub totals: Totals,
    /// Where each node's numbers go: to itself, to its service's `other`, or to the node `other`.
    places: FastMap<NodeId, NodeId>,
    operations_kept: FastMap<NodeId, BottomK<NodeId>>,
    services_kept: BottomK<NodeId>,
    services_known: FastMap<NodeId, bool>,
    edges_kept: BottomK<EdgeKey>,
    flows_kept: BottomK<FlowKey>,
    refined_names: FastMap<NodeId, RefinedNames>,
}

/// The refined flow names of one root operation.
#[derive(Clone, Debug, Default)]
struct RefinedNames {
    kept: BottomK<Symbol>,
    places: FastMap<Symbol, Symbol>,
}

impl Bucket {
    /// True where nothing is counted.
    pub fn is_empty(&self) -> bool {
        self.totals.traces == 0
    }

    /// Adds the facts of a trace, or takes them back.
    pub(super) fn apply(&mut self, sign: Sign, facts: &Facts, caps: &Caps, hashes: &mut Hashes) {
        for call in &facts.calls {
            let key = self.edge_key(call, caps, hashes);
            match self.edge(key, sign, caps, hashes) {
                Some(stats) => stats.apply(sign, call, facts.trace, facts.is_tail),
                None => sign.apply(&mut self.totals.other_calls, u64::from(call.count)),
            }
        }
        for joined in &facts.joined {
            let nodes = [joined.call.caller, joined.call.callee, joined.sent_to, joined.taken_from];
            let [caller, callee, sent_to, taken_from] = self.places_of(nodes, caps, hashes);
            let key = JoinedKey { caller, callee, sent_to, taken_from };
            self.joined.entry(key).or_default().apply(sign, &joined.call, facts.trace, facts.is_tail);
        }
        for visit in &facts.visits {
            let node = self.place(visit.node, caps, hashes);
            self.nodes.entry(node).or_default().apply(sign, visit);
            if !visit.version.is_empty() {
                let service = hashes.service_of(visit.node);
                let service = self.place(service, caps, hashes);
                self.count_version(sign, service, visit.version, 1, hashes);
            }
        }
        for request in &facts.flows {
            self.apply_flow(sign, request, facts.trace, caps, hashes);
        }
        self.apply_tallies(sign, facts, caps, hashes);
    }

    fn apply_flow(
        &mut self,
        sign: Sign,
        request: &FlowRequest,
        trace: TraceId,
        caps: &Caps,
        hashes: &mut Hashes,
    ) {
        let service = hashes.service_of(request.root);
        let mut touches = request.touches.clone();
        self.place_all(&mut touches, caps, hashes);
        let name = self.flow_name(request, caps, hashes);
        match self.flow(FlowKey { service, name }, sign, caps, hashes) {
            Some(stats) => stats.apply(sign, request, &touches, trace),
            None => sign.apply(&mut self.totals.other_requests, 1),
        }
    }

    /// The refined names of one root operation are capped; the rest is `other`.
    fn flow_name(&mut self, request: &FlowRequest, caps: &Caps, hashes: &mut Hashes) -> Symbol {
        if !request.is_refined {
            return request.name;
        }
        let refined = self.refined_names.entry(request.root).or_default();
        if let Some(place) = refined.places.get(&request.name) {
            return *place;
        }
        let hash = stable_hash(hashes.text(request.name).as_bytes());
        let mut place = request.name;
        match refined.kept.offer(caps.refined_flows, hash, request.name) {
            Offer::Kept => {}
            Offer::Replaced(out) => {
                refined.places.insert(out, Symbol::OTHER);
                let service = hashes.service_of(request.root);
                if let Some(stats) = self.flows.remove(&FlowKey { service, name: out }) {
                    self.flows.entry(FlowKey { service, name: Symbol::OTHER }).or_default().merge(&stats);
                }
            }
            Offer::Refused => place = Symbol::OTHER,
        }
        if let Some(refined) = self.refined_names.get_mut(&request.root) {
            refined.places.insert(request.name, place);
        }
        place
    }

    fn apply_tallies(&mut self, sign: Sign, facts: &Facts, caps: &Caps, hashes: &mut Hashes) {
        for (service, tally) in &facts.tallies {
            let service = self.place(*service, caps, hashes);
            self.services.entry(service).or_default().apply(sign, tally);
            let totals = &mut self.totals;
            sign.apply(&mut totals.spans, tally.spans);
            sign.apply(&mut totals.tail_spans, tally.tail_spans);
            sign.apply(&mut totals.unknown_sampling, tally.unknown_sampling);
        }
        let totals = &mut self.totals;
        sign.apply(&mut totals.traces, 1);
        sign.apply(&mut totals.incomplete_traces, u64::from(facts.is_incomplete));
        sign.apply(&mut totals.duplicates, facts.duplicates);
        sign.apply(&mut totals.clamped, u64::from(facts.is_clamped));
    }

    fn edge_key(&mut self, call: &Call, caps: &Caps, hashes: &mut Hashes) -> EdgeKey {
        let [caller, callee] = self.places_of([call.caller, call.callee], caps, hashes);
        EdgeKey { caller, callee, protocol: call.protocol, is_async: call.is_async }
    }

    /// Adds another bucket.
    pub(super) fn merge(&mut self, other: &Bucket, caps: &Caps, hashes: &mut Hashes) {
        for (key, stats) in &other.edges {
            self.merge_edge(*key, stats, caps, hashes);
        }
        for (key, stats) in &other.joined {
            self.merge_joined(*key, stats, caps, hashes);
        }
        for (node, stats) in &other.nodes {
            self.merge_node(*node, stats, caps, hashes);
        }
        for (key, stats) in &other.flows {
            self.merge_flow(*key, stats, caps, hashes);
        }
        for (service, stats) in &other.services {
            self.merge_service(*service, stats, caps, hashes);
        }
        self.totals.merge(other.totals);
    }

    pub(super) fn merge_edge(&mut self, key: EdgeKey, stats: &EdgeStats, caps: &Caps, hashes: &mut Hashes) {
        if stats.calls == 0 {
            return;
        }
        let [caller, callee] = self.places_of([key.caller, key.callee], caps, hashes);
        match self.edge(EdgeKey { caller, callee, ..key }, Sign::Plus, caps, hashes) {
            Some(sums) => sums.merge(stats),
            None => self.totals.other_calls += stats.calls,
        }
    }

    pub(super) fn merge_joined(
        &mut self,
        key: JoinedKey,
        stats: &EdgeStats,
        caps: &Caps,
        hashes: &mut Hashes,
    ) {
        let nodes = [key.caller, key.callee, key.sent_to, key.taken_from];
        let [caller, callee, sent_to, taken_from] = self.places_of(nodes, caps, hashes);
        let key = JoinedKey { caller, callee, sent_to, taken_from };
        if stats.calls > 0 {
            self.joined.entry(key).or_default().merge(stats);
        }
    }

    pub(super) fn merge_node(&mut self, node: NodeId, stats: &NodeStats, caps: &Caps, hashes: &mut Hashes) {
        if stats.requests > 0 {
            let node = self.place(node, caps, hashes);
            self.nodes.entry(node).or_default().merge(stats);
        }
    }

    pub(super) fn merge_flow(&mut self, key: FlowKey, stats: &FlowStats, caps: &Caps, hashes: &mut Hashes) {
        if stats.requests == 0 {
            return;
        }
        let mut touched: Vec<NodeId> = stats.touches.keys().copied().collect();
        self.place_all(&mut touched, caps, hashes);
        let Some(sums) = self.flow(key, Sign::Plus, caps, hashes) else {
            self.totals.other_requests += stats.requests;
            return;
        };
        sums.merge(stats);
        for (node, place) in stats.touches.keys().zip(touched).filter(|(node, place)| *node != place) {
            let count = stats.touches[node];
            Sign::Minus.apply(sums.touches.entry(*node).or_default(), count);
            Sign::Plus.apply(sums.touches.entry(place).or_default(), count);
        }
        sums.touches.retain(|_, count| *count > 0);
    }

    pub(super) fn merge_service(
        &mut self,
        service: NodeId,
        stats: &ServiceStats,
        caps: &Caps,
        hashes: &mut Hashes,
    ) {
        let service = self.place(service, caps, hashes);
        self.services.entry(service).or_default().apply(Sign::Plus, &stats.tally);
        for (version, count) in &stats.versions {
            self.count_version(Sign::Plus, service, *version, *count, hashes);
        }
    }

    /// The sums of an edge; `None` beyond the cap.
    fn edge(&mut self, key: EdgeKey, sign: Sign, caps: &Caps, hashes: &mut Hashes) -> Option<&mut EdgeStats> {
        if sign == Sign::Plus && caps.edges < usize::MAX && !self.edges.contains_key(&key) {
            match self.edges_kept.offer(caps.edges, hashes.edge(&key), key) {
                Offer::Kept => {}
                Offer::Replaced(out) => {
                    let calls = self.edges.remove(&out).map_or(0, |stats| stats.calls);
                    self.totals.other_calls += calls;
                }
                Offer::Refused => return None,
            }
        }
        match sign {
            Sign::Plus => Some(self.edges.entry(key).or_default()),
            Sign::Minus => self.edges.get_mut(&key),
        }
    }

    /// The sums of a flow; `None` beyond the cap.
    fn flow(&mut self, key: FlowKey, sign: Sign, caps: &Caps, hashes: &mut Hashes) -> Option<&mut FlowStats> {
        if sign == Sign::Plus && caps.flows < usize::MAX && !self.flows.contains_key(&key) {
            match self.flows_kept.offer(caps.flows, hashes.flow(&key), key) {
                Offer::Kept => {}
                Offer::Replaced(out) => {
                    let requests = self.flows.remove(&out).map_or(0, |stats| stats.requests);
                    self.totals.other_requests += requests;
                }
                Offer::Refused => return None,
            }
        }
        match sign {
            Sign::Plus => Some(self.flows.entry(key).or_default()),
            Sign::Minus => self.flows.get_mut(&key),
        }
    }

    fn places_of<const N: usize>(
        &mut self,
        mut nodes: [NodeId; N],
        caps: &Caps,
        hashes: &mut Hashes,
    ) -> [NodeId; N] {
        self.place_all(&mut nodes, caps, hashes);
        nodes
    }

    /// Places all of them before any is used: placing one may push out another.
    fn place_all(&mut self, nodes: &mut [NodeId], caps: &Caps, hashes: &mut Hashes) {
        if caps.nodes == usize::MAX {
            return;
        }
        for node in nodes.iter() {
            self.place(*node, caps, hashes);
        }
        for node in nodes.iter_mut() {
            *node = self.place(*node, caps, hashes);
        }
    }

    /// Where a node's numbers go: to itself, to `other` of its service, or to the node `other`.
    fn place(&mut self, node: NodeId, caps: &Caps, hashes: &mut Hashes) -> NodeId {
        if caps.nodes == usize::MAX || node == OTHER_NODE {
            return node;
        }
        if let Some(place) = self.places.get(&node) {
            return *place;
        }
        let service = hashes.service_of(node);
        let place = match self.keeps_service(service, caps, hashes) {
            false => OTHER_NODE,
            true if hashes.has_operation(node) => self.place_operation(node, service, caps, hashes),
            true => node,
        };
        self.places.insert(node, place);
        place
    }

    fn keeps_service(&mut self, service: NodeId, caps: &Caps, hashes: &mut Hashes) -> bool {
        if let Some(is_kept) = self.services_known.get(&service) {
            return *is_kept;
        }
        let offer = self.services_kept.offer(caps.nodes, hashes.node(service), service);
        if let Offer::Replaced(out) = offer {
            self.services_known.insert(out, false);
            let mut members: Vec<NodeId> = self.places.values().copied().collect();
            members.retain(|place| hashes.service_of(*place) == out);
            members.push(out);
            members.sort_unstable();
            members.dedup();
            members.into_iter().for_each(|member| self.fold(member, OTHER_NODE, hashes));
        }
        let is_kept = offer != Offer::Refused;
        self.services_known.insert(service, is_kept);
        is_kept
    }

    fn place_operation(&mut self, node: NodeId, service: NodeId, caps: &Caps, hashes: &mut Hashes) -> NodeId {
        let other = hashes.other_operation(node);
        if node == other {
            return node;
        }
        let kept = self.operations_kept.entry(service).or_default();
        match kept.offer(caps.operations_per_service, hashes.node(node), node) {
            Offer::Kept => node,
            Offer::Replaced(out) => {
                self.fold(out, other, hashes);
                node
            }
            Offer::Refused => other,
        }
    }

    /// Moves the numbers of a node that fell out to where its further ones will go.
    fn fold(&mut self, out: NodeId, into: NodeId, hashes: &mut Hashes) {
        for place in self.places.values_mut().filter(|place| **place == out) {
            *place = into;
        }
        self.places.insert(out, into);
        if let Some(stats) = self.nodes.remove(&out) {
            self.nodes.entry(into).or_default().merge(&stats);
        }
        if let Some(stats) = self.services.remove(&out) {
            self.services.entry(into).or_default().apply(Sign::Plus, &stats.tally);
            for (version, count) in stats.versions {
                self.count_version(Sign::Plus, into, version, count, hashes);
            }
        }
        for flow in self.flows.values_mut() {
            if let Some(count) = flow.touches.remove(&out) {
                *flow.touches.entry(into).or_default() += count;
            }
        }
        let moved = |node: NodeId| if node == out { into } else { node };
        for (key, stats) in take_if(&mut self.edges, |key| key.caller == out || key.callee == out) {
            let key = EdgeKey { caller: moved(key.caller), callee: moved(key.callee), ..key };
            self.edges.entry(key).or_default().merge(&stats);
        }
        let has_out = |key: &JoinedKey| [key.caller, key.callee, key.sent_to, key.taken_from].contains(&out);
        for (key, stats) in take_if(&mut self.joined, has_out) {
            let key = JoinedKey {
                caller: moved(key.caller),
                callee: moved(key.callee),
                sent_to: moved(key.sent_to),
                taken_from: moved(key.taken_from),
            };
            self.joined.entry(key).or_default().merge(&stats);
        }
    }

    fn count_version(&mut self, sign: Sign, service: NodeId, version: Symbol, n: u64, hashes: &mut Hashes) {
        let versions = &mut self.services.entry(service).or_default().versions;
        sign.apply(versions.entry(version).or_default(), n);
        if versions.len() > ServiceStats::MAX_VERSIONS {
            let largest = versions.keys().copied().max_by_key(|version| hashes.text(*version));
            largest.map(|version| versions.remove(&version));
        }
    }
}

fn take_if<K: Copy + Eq + std::hash::Hash, V>(
    map: &mut FastMap<K, V>,
    wanted: impl Fn(&K) -> bool,
) -> Vec<(K, V)> {
    map.extract_if(|key, _| wanted(key)).collect()
}
