//! Which nodes of a minute are kept apart, and where the numbers of the others go: to `other`.
//!
//! Guarantee: what is kept is a function of the set of nodes that were offered, in whatever order.

use std::borrow::Cow;

use super::bucket::Caps;
use super::cap::{BottomK, Offer};
use super::hashes::Hashes;
use crate::model::{FastMap, NodeId};

/// The node that stands for all nodes beyond the cap.
pub(super) const OTHER_NODE: NodeId = NodeId(1);

/// A node that fell out, and where its numbers go from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fold {
    pub out: NodeId,
    pub into: NodeId,
}

/// Where each node's numbers go: to itself, to its service's `other`, or to the node `other`.
#[derive(Clone, Debug, Default)]
pub(super) struct Places {
    of: FastMap<NodeId, NodeId>,
    /// A bit for each node in `of`: nearly all offers are of nodes that were offered before.
    is_placed: Vec<u64>,
    operations: FastMap<NodeId, BottomK<NodeId>>,
    services: BottomK<NodeId>,
    is_service_kept: FastMap<NodeId, bool>,
    /// True once a node went anywhere but to itself.
    is_folding: bool,
}

impl Places {
    /// The place of a node that was offered; of any other the node itself.
    pub fn get(&self, node: NodeId) -> NodeId {
        match self.is_folding {
            true => self.of.get(&node).copied().unwrap_or(node),
            false => node,
        }
    }

    /// The places of nodes that were offered.
    pub fn get_all<'a>(&self, nodes: &'a [NodeId]) -> Cow<'a, [NodeId]> {
        match self.is_folding {
            true => nodes.iter().map(|node| self.get(*node)).collect(),
            false => Cow::Borrowed(nodes),
        }
    }

    /// True where at least one node does not go to itself.
    pub fn is_folding(&self) -> bool {
        self.is_folding
    }

    /// The nodes that are kept: offering them elsewhere is as good as offering all.
    pub fn kept(&self) -> impl Iterator<Item = NodeId> {
        self.services.iter().chain(self.operations.values().flat_map(BottomK::iter))
    }

    /// Offers a node. What falls out for it is added to `folds`.
    #[inline]
    pub fn offer(&mut self, node: NodeId, caps: &Caps, hashes: &mut Hashes, folds: &mut Vec<Fold>) {
        let bits = self.is_placed.get(node.0 as usize / 64).copied().unwrap_or(0);
        let is_placed = bits >> (node.0 % 64) & 1 == 1;
        if caps.nodes < usize::MAX && !is_placed && node != OTHER_NODE {
            self.place(node, caps, hashes, folds);
        }
    }

    fn place(&mut self, node: NodeId, caps: &Caps, hashes: &mut Hashes, folds: &mut Vec<Fold>) {
        let service = hashes.service_of(node);
        let place = match self.keeps_service(service, caps, hashes, folds) {
            false => OTHER_NODE,
            true if hashes.has_operation(node) => self.place_operation(node, service, caps, hashes, folds),
            true => node,
        };
        self.is_folding |= place != node;
        self.set(node, place);
    }

    fn set(&mut self, node: NodeId, place: NodeId) {
        self.of.insert(node, place);
        let at = node.0 as usize / 64;
        self.is_placed.resize(self.is_placed.len().max(at + 1), 0);
        self.is_placed[at] |= 1 << (node.0 % 64);
    }

    fn keeps_service(
        &mut self,
        service: NodeId,
        caps: &Caps,
        hashes: &mut Hashes,
        folds: &mut Vec<Fold>,
    ) -> bool {
        if let Some(is_kept) = self.is_service_kept.get(&service) {
            return *is_kept;
        }
        let offer = self.services.offer(caps.nodes, hashes.node(service), service);
        if let Offer::Replaced(out) = offer {
            self.is_service_kept.insert(out, false);
            let mut members: Vec<NodeId> = self.of.values().copied().collect();
            members.retain(|place| hashes.service_of(*place) == out);
            members.push(out);
            members.sort_unstable();
            members.dedup();
            members.into_iter().for_each(|member| self.fold(member, OTHER_NODE, folds));
        }
        let is_kept = offer != Offer::Refused;
        self.is_service_kept.insert(service, is_kept);
        is_kept
    }

    fn place_operation(
        &mut self,
        node: NodeId,
        service: NodeId,
        caps: &Caps,
        hashes: &mut Hashes,
        folds: &mut Vec<Fold>,
    ) -> NodeId {
        let other = hashes.other_operation(node);
        if node == other {
            return node;
        }
        let kept = self.operations.entry(service).or_default();
        match kept.offer(caps.operations_per_service, hashes.node(node), node) {
            Offer::Kept => node,
            Offer::Replaced(out) => {
                self.fold(out, other, folds);
                node
            }
            Offer::Refused => other,
        }
    }

    fn fold(&mut self, out: NodeId, into: NodeId, folds: &mut Vec<Fold>) {
        self.is_folding = true;
        for place in self.of.values_mut().filter(|place| **place == out) {
            *place = into;
        }
        self.set(out, into);
        folds.push(Fold { out, into });
    }
}
