//! What the calls of a flow are told apart by: the edge, the joined pair, the node.

use std::hash::Hash;

use crate::graph::hashes::Hashes;
use crate::graph::stats::{EdgeKey, JoinedKey};
use crate::model::NodeId;

/// What a request's calls can be told apart by.
pub trait CallKey: Copy + Ord + Hash {
    /// Hash over its strings.
    fn rank(&self, hashes: &mut Hashes) -> u64;
    /// The same through the places of its nodes.
    fn placed(&self, place: &impl Fn(NodeId) -> NodeId) -> Self;
    /// Its nodes.
    fn nodes(&self) -> impl Iterator<Item = NodeId>;
}

impl CallKey for EdgeKey {
    fn rank(&self, hashes: &mut Hashes) -> u64 {
        hashes.edge(self)
    }

    fn placed(&self, place: &impl Fn(NodeId) -> NodeId) -> EdgeKey {
        EdgeKey { caller: place(self.caller), callee: place(self.callee), ..*self }
    }

    fn nodes(&self) -> impl Iterator<Item = NodeId> {
        [self.caller, self.callee].into_iter()
    }
}

impl CallKey for JoinedKey {
    fn rank(&self, hashes: &mut Hashes) -> u64 {
        hashes.joined(self)
    }

    fn placed(&self, place: &impl Fn(NodeId) -> NodeId) -> JoinedKey {
        JoinedKey {
            caller: place(self.caller),
            callee: place(self.callee),
            sent_to: place(self.sent_to),
            taken_from: place(self.taken_from),
        }
    }

    fn nodes(&self) -> impl Iterator<Item = NodeId> {
        JoinedKey::nodes(self).into_iter()
    }
}

impl CallKey for NodeId {
    fn rank(&self, hashes: &mut Hashes) -> u64 {
        hashes.node(*self)
    }

    fn placed(&self, place: &impl Fn(NodeId) -> NodeId) -> NodeId {
        place(*self)
    }

    fn nodes(&self) -> impl Iterator<Item = NodeId> {
        [*self].into_iter()
    }
}
