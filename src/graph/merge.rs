//! Adding buckets up: lanes of one minute under their caps, or minutes for an answer, where nothing is cut.

use super::bucket::{Bucket, Caps};
use super::flow_calls::FlowCalls;
use super::hashes::Hashes;
use super::stats::{EdgeKey, EdgeStats, FlowKey, FlowStats, JoinedKey, NodeStats, ServiceStats, Sign};
use crate::model::{NodeId, Symbol};

impl Bucket {
    /// Adds another lane's bucket of the same minute: the caps hold for both together.
    pub(super) fn merge(&mut self, other: &Bucket, caps: &Caps, hashes: &mut Hashes) {
        let kept: Vec<NodeId> = other.places.kept().collect();
        self.offer(&kept, caps, hashes);
        for (key, stats) in &other.edges {
            self.merge_edge(*key, stats, caps, hashes);
        }
        for (key, stats) in &other.joined {
            self.merge_joined(*key, stats, caps, hashes);
        }
        for (base, names) in &other.refined_kept {
            names.iter().for_each(|name| self.offer_refined(*base, name, caps, hashes));
        }
        for (key, stats) in &other.flows {
            self.merge_flow(*key, other.refined_of.get(key).copied(), stats, caps, hashes);
            self.merge_flow_calls(key, &stats.calls, caps, hashes);
            if let Some(flow) = self.flows.get_mut(key) {
                flow.traces.merge(&stats.traces, hashes);
            }
        }
        self.merge_rest(other, caps, hashes);
    }

    /// Adds a bucket as it reads: nothing is cut, and what its caps fold is folded. Of flows that are not wanted the
    /// calls are left out.
    pub(super) fn add(&mut self, other: &Bucket, hashes: &mut Hashes, is_wanted: &dyn Fn(&FlowKey) -> bool) {
        let folded = other.folded(hashes);
        for (key, stats) in folded.edges.iter() {
            self.merge_edge(*key, stats, &Caps::NONE, hashes);
        }
        for (key, stats) in folded.joined.iter() {
            self.merge_joined(*key, stats, &Caps::NONE, hashes);
        }
        for (key, stats) in folded.flows.iter() {
            self.merge_flow(*key, None, stats, &Caps::NONE, hashes);
            if is_wanted(key) {
                self.merge_flow_calls(key, &stats.calls, &Caps::NONE, hashes);
            }
            if let Some(flow) = self.flows.get_mut(key) {
                flow.traces.gather(&stats.traces, hashes);
            }
        }
        self.merge_rest(other, &Caps::NONE, hashes);
    }

    fn merge_rest(&mut self, other: &Bucket, caps: &Caps, hashes: &mut Hashes) {
        for (node, stats) in &other.nodes {
            self.merge_node(*node, stats, caps, hashes);
        }
        for (service, stats) in &other.services {
            self.merge_service(*service, stats, caps, hashes);
        }
        self.totals.merge(other.totals);
        self.inputs.merge(&other.inputs);
        self.gaps.extend(other.gaps.iter().cloned());
    }

    pub(super) fn merge_edge(&mut self, key: EdgeKey, stats: &EdgeStats, caps: &Caps, hashes: &mut Hashes) {
        if stats.calls == 0 {
            return;
        }
        self.offer(&[key.caller, key.callee], caps, hashes);
        match self.edge(key, Sign::Plus, caps, hashes) {
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
        if stats.calls == 0 {
            return;
        }
        self.offer(&key.nodes(), caps, hashes);
        match self.joined_pair(key, Sign::Plus, caps, hashes) {
            Some(sums) => sums.merge(stats),
            None => self.totals.other_joined += stats.calls,
        }
    }

    pub(super) fn merge_node(&mut self, node: NodeId, stats: &NodeStats, caps: &Caps, hashes: &mut Hashes) {
        if stats.requests > 0 {
            let node = self.place(node, caps, hashes);
            self.nodes.entry(node).or_default().merge(stats);
        }
    }

    pub(super) fn merge_flow(
        &mut self,
        key: FlowKey,
        refines: Option<Symbol>,
        stats: &FlowStats,
        caps: &Caps,
        hashes: &mut Hashes,
    ) {
        if stats.requests == 0 {
            return;
        }
        if caps.nodes < usize::MAX {
            let nodes: Vec<NodeId> = stats.paths.nodes().collect();
            self.offer(&nodes, caps, hashes);
        }
        let mut touched: Vec<NodeId> = stats.touches.keys().copied().collect();
        self.place_all(&mut touched, caps, hashes);
        let Some(sums) = self.flow(key, refines, Sign::Plus, caps, hashes) else {
            self.totals.other_requests += stats.requests;
            return;
        };
        sums.merge(stats, caps.paths);
        for (node, place) in stats.touches.keys().zip(touched).filter(|(node, place)| *node != place) {
            let count = stats.touches[node];
            Sign::Minus.apply(sums.touches.entry(*node).or_default(), count);
            Sign::Plus.apply(sums.touches.entry(place).or_default(), count);
        }
        sums.touches.retain(|_, count| *count > 0);
    }

    /// Adds the calls of a flow, if it is among those that are kept.
    pub(super) fn merge_flow_calls(
        &mut self,
        key: &FlowKey,
        calls: &FlowCalls,
        caps: &Caps,
        hashes: &mut Hashes,
    ) {
        if caps.nodes < usize::MAX {
            let nodes: Vec<NodeId> = calls.nodes().collect();
            self.offer(&nodes, caps, hashes);
        }
        if let Some(flow) = self.flows.get_mut(key) {
            flow.calls.merge(calls, caps.calls, hashes);
        }
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
}
