//! All that is counted in one minute: sums by edge, node, flow and service.
//!
//! Guarantee: a bucket is a function of the set of its facts. Order, grouping and merging change nothing,
//! caps included (see [`super::cap`]): each cap decides by itself, on names as they came, and what the caps on nodes and
//! on refined flows fold together is folded only when the bucket is read.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::hash::Hash;

use super::cap::{BottomK, Offer};
use super::hashes::Hashes;
use super::places::{Fold, Places};
use super::stats::{
    EdgeKey, EdgeStats, FlowKey, FlowStats, JoinedKey, NodeStats, ServiceStats, Sign, Totals,
};
use super::traces::KeptTrace;
use crate::analyze::{Facts, FlowRequest};
use crate::config::Config;
use crate::lane::{Gap, Inputs};
use crate::model::{FastMap, NodeId, Symbol, TraceId, stable_hash};

/// How much of a minute is kept apart; the rest is `other`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caps {
    /// Operations of one service.
    pub operations_per_service: usize,
    /// Services, databases, destinations and peers.
    pub nodes: usize,
    /// Edges, and joined pairs of producer and consumer.
    pub edges: usize,
    /// Flows.
    pub flows: usize,
    /// Refined flows of one service and request.
    pub refined_flows: usize,
    /// Chains of calls on the critical paths of one flow.
    pub paths: usize,
    /// Whole traces of one flow.
    pub traces: usize,
    /// Distinct calls of the requests of one flow.
    pub calls: usize,
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
            paths: config.flows.max_paths,
            traces: config.flows.max_traces,
            calls: config.flows.max_calls,
        }
    }

    /// Nothing is cut: for answers, which add up minutes that were cut already.
    pub const NONE: Caps = Caps {
        operations_per_service: usize::MAX,
        nodes: usize::MAX,
        edges: usize::MAX,
        flows: usize::MAX,
        refined_flows: usize::MAX,
        paths: usize::MAX,
        traces: usize::MAX,
        calls: usize::MAX,
    };
}

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
    /// What came of each input, by its name.
    pub inputs: Inputs,
    /// Parts of the log that were never read.
    pub gaps: BTreeSet<Gap>,
    pub(super) places: Places,
    edges_kept: BottomK<EdgeKey>,
    joined_kept: BottomK<JoinedKey>,
    flows_kept: BottomK<FlowKey>,
    /// Refined names that are kept, by service and the request they refine.
    pub(super) refined_kept: FastMap<FlowKey, BottomK<Symbol>>,
    /// The request that each refined flow refines.
    pub(super) refined_of: FastMap<FlowKey, Symbol>,
}

/// Sums by the keys under which they read; the rest of a bucket reads as it is.
pub(super) struct Folded<'a> {
    pub edges: Cow<'a, FastMap<EdgeKey, EdgeStats>>,
    pub joined: Cow<'a, FastMap<JoinedKey, EdgeStats>>,
    pub flows: Cow<'a, FastMap<FlowKey, FlowStats>>,
}

impl Bucket {
    /// True where no trace is counted.
    pub fn is_empty(&self) -> bool {
        self.totals.traces == 0
    }

    /// Adds the facts of a trace, or takes them back.
    pub(super) fn apply(&mut self, sign: Sign, facts: &Facts, caps: &Caps, hashes: &mut Hashes) {
        for call in &facts.calls {
            self.offer(&[call.caller, call.callee], caps, hashes);
            match self.edge(EdgeKey::of(call), sign, caps, hashes) {
                Some(stats) => stats.apply(sign, call, facts.trace, facts.is_tail),
                None => sign.apply(&mut self.totals.other_calls, u64::from(call.count)),
            }
        }
        for joined in &facts.joined {
            let key = JoinedKey::of(joined);
            self.offer(&key.nodes(), caps, hashes);
            match self.joined_pair(key, sign, caps, hashes) {
                Some(stats) => stats.apply(sign, &joined.call, facts.trace, facts.is_tail),
                None => sign.apply(&mut self.totals.other_joined, u64::from(joined.call.count)),
            }
        }
        for visit in &facts.visits {
            let node = self.place(visit.node, caps, hashes);
            self.nodes.entry(node).or_default().apply(sign, visit);
            if !visit.version.is_empty() {
                let service = self.place(hashes.service_of(visit.node), caps, hashes);
                self.count_version(sign, service, visit.version, 1, hashes);
            }
        }
        for request in &facts.flows {
            self.apply_flow(sign, request, facts, caps, hashes);
        }
        self.apply_tallies(sign, facts, caps, hashes);
    }

    fn apply_flow(
        &mut self,
        sign: Sign,
        request: &FlowRequest,
        facts: &Facts,
        caps: &Caps,
        hashes: &mut Hashes,
    ) {
        let service = hashes.service_of(request.root);
        for place in request.path.iter().flat_map(|path| &path.places) {
            self.offer(&[place.node], caps, hashes);
        }
        self.offer(&request.touches, caps, hashes);
        let touches = self.places.get_all(&request.touches);
        let key = FlowKey { service, name: request.name };
        let refines = (request.name != request.base).then_some(request.base);
        match self.flow(key, refines, sign, caps, hashes) {
            Some(stats) => {
                stats.apply(sign, request, &touches, facts.trace);
                stats.calls.apply(sign, request, facts, caps.calls, hashes);
                if let Some(path) = &request.path {
                    stats.paths.apply(sign, path, caps.paths, hashes);
                    match sign {
                        Sign::Minus => stats.traces.take_back(facts.trace),
                        Sign::Plus if facts.spans.is_empty() => {}
                        Sign::Plus => {
                            let (traces, weight) = (&mut stats.traces, path.sampling.weight());
                            traces.offer(facts.trace, weight, &facts.spans, caps.traces, hashes);
                        }
                    }
                }
            }
            None => sign.apply(&mut self.totals.other_requests, 1),
        }
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
        sign.apply(&mut totals.cut_traces, u64::from(facts.is_cut));
        sign.apply(&mut totals.clamped, u64::from(facts.is_clamped));
    }

    /// The traces that flows keep with their spans, and that are wanted.
    pub(super) fn kept_traces<'a>(
        &'a self,
        is_wanted: &'a dyn Fn(&FlowKey, TraceId) -> bool,
    ) -> impl Iterator<Item = &'a KeptTrace> {
        self.flows.iter().flat_map(move |(key, stats)| {
            let kept = stats.traces.sample().iter().filter(|kept| kept.spans.is_some());
            kept.filter(move |kept| is_wanted(key, kept.trace))
        })
    }

    /// True where a flow of these facts, that are to be added, would keep their trace or take it as its threshold.
    pub(super) fn would_keep(&self, facts: &Facts, caps: &Caps, hashes: &mut Hashes) -> bool {
        facts.flows.iter().any(|request| {
            let Some(path) = &request.path else { return false };
            let key = FlowKey { service: hashes.service_of(request.root), name: request.name };
            let would_keep =
                |stats: &FlowStats| stats.traces.would_keep(facts.trace, path.sampling.weight(), caps.traces);
            self.flows.get(&key).map_or(caps.traces > 0, would_keep)
        })
    }

    /// The sums as they read: of nodes and refined flows beyond the caps as `other`.
    pub(super) fn folded(&self, hashes: &Hashes) -> Folded<'_> {
        let (is_folding, place) = (self.places.is_folding(), |node| self.places.get(node));
        Folded {
            edges: folded(&self.edges, is_folding, EdgeStats::merge, |key| EdgeKey {
                caller: place(key.caller),
                callee: place(key.callee),
                ..key
            }),
            joined: folded(&self.joined, is_folding, EdgeStats::merge, |key| JoinedKey {
                caller: place(key.caller),
                callee: place(key.callee),
                sent_to: place(key.sent_to),
                taken_from: place(key.taken_from),
            }),
            flows: self.folded_flows(hashes),
        }
    }

    fn folded_flows(&self, hashes: &Hashes) -> Cow<'_, FastMap<FlowKey, FlowStats>> {
        let is_kept = |key: FlowKey| {
            let kept = self
                .refined_of
                .get(&key)
                .and_then(|base| self.refined_kept.get(&FlowKey { name: *base, ..key }));
            kept.is_none_or(|kept| kept.contains(text_hash(key.name, hashes), key.name))
        };
        let has_folding_nodes = self.places.is_folding();
        let is_folding = has_folding_nodes || self.refined_of.keys().any(|key| !is_kept(*key));
        let merge = |sums: &mut FlowStats, stats: &FlowStats| {
            sums.merge(stats, Caps::NONE.paths);
            sums.traces.merge(&stats.traces, hashes);
            sums.calls.add_placed(&stats.calls, &|node| self.places.get(node));
        };
        let mut flows = folded(&self.flows, is_folding, merge, |key| match is_kept(key) {
            true => key,
            false => FlowKey { name: Symbol::OTHER, ..key },
        });
        if has_folding_nodes {
            for stats in flows.to_mut().values_mut() {
                stats.paths = stats.paths.placed(|node| self.places.get(node), hashes);
            }
        }
        flows
    }

    /// The sums of an edge; `None` beyond the cap.
    pub(super) fn edge(
        &mut self,
        key: EdgeKey,
        sign: Sign,
        caps: &Caps,
        hashes: &mut Hashes,
    ) -> Option<&mut EdgeStats> {
        let (sums, kept) = (&mut self.edges, &mut self.edges_kept);
        let (stats, out) = entry(sums, kept, key, sign, caps.edges, || hashes.edge(&key));
        self.totals.other_calls += out.map_or(0, |(_, stats)| stats.calls);
        stats
    }

    /// The sums of a joined pair; `None` beyond the cap.
    pub(super) fn joined_pair(
        &mut self,
        key: JoinedKey,
        sign: Sign,
        caps: &Caps,
        hashes: &mut Hashes,
    ) -> Option<&mut EdgeStats> {
        let (sums, kept) = (&mut self.joined, &mut self.joined_kept);
        let (stats, out) = entry(sums, kept, key, sign, caps.edges, || hashes.joined(&key));
        self.totals.other_joined += out.map_or(0, |(_, stats)| stats.calls);
        stats
    }

    /// The sums of a flow; `None` beyond the cap. Refined names go first, so that they push out no other flow.
    pub(super) fn flow(
        &mut self,
        key: FlowKey,
        refines: Option<Symbol>,
        sign: Sign,
        caps: &Caps,
        hashes: &mut Hashes,
    ) -> Option<&mut FlowStats> {
        if let (Some(base), Sign::Plus, true) = (refines, sign, caps.refined_flows < usize::MAX)
            && !self.flows.contains_key(&key)
        {
            self.offer_refined(FlowKey { name: base, ..key }, key.name, caps, hashes);
            self.refined_of.insert(key, base);
        }
        let rank = || (hashes.flow(&key) >> 1) | (u64::from(refines.is_some()) << 63);
        let (stats, out) = entry(&mut self.flows, &mut self.flows_kept, key, sign, caps.flows, rank);
        if let Some((out, stats)) = out {
            self.totals.other_requests += stats.requests;
            self.refined_of.remove(&out);
        }
        if stats.is_none() {
            self.refined_of.remove(&key);
        }
        stats
    }

    pub(super) fn offer_refined(&mut self, base: FlowKey, name: Symbol, caps: &Caps, hashes: &Hashes) {
        if caps.refined_flows < usize::MAX {
            let kept = self.refined_kept.entry(base).or_default();
            kept.offer(caps.refined_flows, text_hash(name, hashes), name);
        }
    }

    /// Offers nodes, and folds what falls out for them.
    pub(super) fn offer(&mut self, nodes: &[NodeId], caps: &Caps, hashes: &mut Hashes) {
        if caps.nodes == usize::MAX {
            return;
        }
        let mut folds = Vec::new();
        for node in nodes {
            self.places.offer(*node, caps, hashes, &mut folds);
        }
        folds.into_iter().for_each(|fold| self.fold(fold, hashes));
    }

    pub(super) fn place(&mut self, node: NodeId, caps: &Caps, hashes: &mut Hashes) -> NodeId {
        self.offer(&[node], caps, hashes);
        self.places.get(node)
    }

    /// Offers all of them before any is placed: one may push out another.
    pub(super) fn place_all(&mut self, nodes: &mut [NodeId], caps: &Caps, hashes: &mut Hashes) {
        self.offer(nodes, caps, hashes);
        nodes.iter_mut().for_each(|node| *node = self.places.get(*node));
    }

    /// Moves the numbers of a node that fell out to where its further ones will go.
    fn fold(&mut self, Fold { out, into }: Fold, hashes: &mut Hashes) {
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
    }

    pub(super) fn count_version(
        &mut self,
        sign: Sign,
        service: NodeId,
        version: Symbol,
        n: u64,
        hashes: &mut Hashes,
    ) {
        let versions = &mut self.services.entry(service).or_default().versions;
        sign.apply(versions.entry(version).or_default(), n);
        if versions.len() > ServiceStats::MAX_VERSIONS {
            let largest = versions.keys().copied().max_by_key(|version| hashes.text(*version));
            largest.map(|version| versions.remove(&version));
        }
    }
}

fn text_hash(name: Symbol, hashes: &Hashes) -> u64 {
    stable_hash(hashes.text(name).as_bytes())
}

/// The sums of a key under a cap, and what fell out for it; no sums beyond the cap, or where nothing is to be taken back.
fn entry<'a, K: Ord + Copy + Hash, V: Default>(
    sums: &'a mut FastMap<K, V>,
    kept: &mut BottomK<K>,
    key: K,
    sign: Sign,
    cap: usize,
    rank: impl FnOnce() -> u64,
) -> (Option<&'a mut V>, Option<(K, V)>) {
    if sign == Sign::Minus {
        return (sums.get_mut(&key), None);
    }
    // The usual case: nothing has to go, so one look-up does.
    if kept.len() < cap {
        let stats = sums.entry(key).or_insert_with(|| {
            if cap < usize::MAX {
                kept.offer(cap, rank(), key);
            }
            V::default()
        });
        return (Some(stats), None);
    }
    let mut fallen = None;
    if !sums.contains_key(&key) {
        match kept.offer(cap, rank(), key) {
            Offer::Kept => {}
            Offer::Replaced(out) => fallen = sums.remove(&out).map(|stats| (out, stats)),
            Offer::Refused => return (None, None),
        }
    }
    (Some(sums.entry(key).or_default()), fallen)
}

fn folded<K: Copy + Eq + Hash, V: Clone + Default>(
    sums: &FastMap<K, V>,
    is_folding: bool,
    merge: impl Fn(&mut V, &V),
    place: impl Fn(K) -> K,
) -> Cow<'_, FastMap<K, V>> {
    if !is_folding {
        return Cow::Borrowed(sums);
    }
    let mut all: FastMap<K, V> = FastMap::default();
    for (key, stats) in sums {
        merge(all.entry(place(*key)).or_default(), stats);
    }
    Cow::Owned(all)
}
