//! Hashes of nodes, edges and flows over their strings: the same in every run, whatever their numbers are.

use std::sync::Arc;

use super::stats::{EdgeKey, FlowKey, JoinedKey};
use crate::model::symbols::TableView;
use crate::model::{
    Node, NodeId, NodeKind, Resource, ResourceId, Symbol, Symbols, stable_hash, stable_hash_wide,
};

/// One thread's view of the nodes, with their hashes remembered.
pub struct Hashes {
    symbols: Arc<Symbols>,
    nodes: TableView<Node>,
    /// What was found out, by the nodes' numbers.
    known: Vec<Option<Known>>,
    /// Resources without their versions, by the resources' numbers.
    unversioned: Vec<Option<ResourceId>>,
}

/// What is remembered of a node.
#[derive(Clone, Copy)]
struct Known {
    service: NodeId,
    hash: u64,
    wide_hash: u128,
}

impl Hashes {
    /// A view of `symbols`.
    pub fn new(symbols: Arc<Symbols>) -> Hashes {
        Hashes { symbols, nodes: TableView::new(), known: Vec::new(), unversioned: Vec::new() }
    }

    /// The tables behind the numbers.
    pub(super) fn symbols(&self) -> &Symbols {
        &self.symbols
    }

    fn get(&mut self, node: NodeId) -> Node {
        *self.nodes.get(&self.symbols.nodes, node.0)
    }

    /// True for an operation of a service.
    pub(super) fn has_operation(&mut self, node: NodeId) -> bool {
        let node = self.get(node);
        node.kind == NodeKind::Service && !node.operation.is_empty()
    }

    /// The node at service level.
    pub(super) fn service_of(&mut self, node: NodeId) -> NodeId {
        self.known(node).service
    }

    /// The node that stands for the service's operations beyond the cap.
    pub(super) fn other_operation(&mut self, node: NodeId) -> NodeId {
        self.with_operation(node, Symbol::OTHER)
    }

    fn with_operation(&mut self, node: NodeId, operation: Symbol) -> NodeId {
        let node = self.get(node);
        NodeId(self.symbols.nodes.intern(Node { operation, ..node }))
    }

    /// Hash of a node's strings.
    pub(super) fn node(&mut self, id: NodeId) -> u64 {
        self.known(id).hash
    }

    /// Hash of a node's strings, for what is told apart by it.
    pub(super) fn node_wide(&mut self, id: NodeId) -> u128 {
        self.known(id).wide_hash
    }

    fn known(&mut self, id: NodeId) -> Known {
        let at = id.0 as usize;
        if let Some(known) = self.known.get(at).copied().flatten() {
            return known;
        }
        let bytes = self.bytes(id);
        let known = Known {
            service: self.with_operation(id, Symbol::EMPTY),
            hash: stable_hash(&bytes),
            wide_hash: stable_hash_wide(&bytes),
        };
        self.known.resize(self.known.len().max(at + 1), None);
        self.known[at] = Some(known);
        known
    }

    /// The same where nothing can be remembered.
    pub(super) fn node_wide_anew(&self, id: NodeId) -> u128 {
        stable_hash_wide(&self.bytes(id))
    }

    fn bytes(&self, id: NodeId) -> Vec<u8> {
        let node = self.symbols.nodes.get(id.0);
        let mut bytes = vec![node.kind as u8];
        for symbol in [node.environment, node.namespace, node.name, node.operation] {
            bytes.extend_from_slice(self.symbols.text(symbol).as_bytes());
            bytes.push(0xff);
        }
        bytes
    }

    /// The resource without its version.
    pub(super) fn unversioned(&mut self, id: ResourceId) -> ResourceId {
        let at = id.0 as usize;
        if let Some(known) = self.unversioned.get(at).copied().flatten() {
            return known;
        }
        let resource = Resource { version: Symbol::EMPTY, ..self.symbols.resources.get(id.0) };
        let unversioned = ResourceId(self.symbols.resources.intern(resource));
        self.unversioned.resize(self.unversioned.len().max(at + 1), None);
        self.unversioned[at] = Some(unversioned);
        unversioned
    }

    /// Hash of an edge's strings.
    pub(super) fn edge(&mut self, key: &EdgeKey) -> u64 {
        let mut bytes = Vec::with_capacity(18);
        bytes.extend_from_slice(&self.node(key.caller).to_le_bytes());
        bytes.extend_from_slice(&self.node(key.callee).to_le_bytes());
        bytes.extend_from_slice(&[key.protocol as u8, u8::from(key.is_async)]);
        stable_hash(&bytes)
    }

    /// Hash of a joined pair's strings.
    pub(super) fn joined(&mut self, key: &JoinedKey) -> u64 {
        let bytes: Vec<u8> = key.nodes().iter().flat_map(|node| self.node(*node).to_le_bytes()).collect();
        stable_hash(&bytes)
    }

    /// Hash of a flow's strings.
    pub(super) fn flow(&mut self, key: &FlowKey) -> u64 {
        let mut bytes = self.node(key.service).to_le_bytes().to_vec();
        bytes.extend_from_slice(self.symbols.text(key.name).as_bytes());
        stable_hash(&bytes)
    }

    /// A symbol's string.
    pub(super) fn text(&self, symbol: Symbol) -> Arc<str> {
        self.symbols.text(symbol)
    }
}
