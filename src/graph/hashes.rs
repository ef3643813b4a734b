//! Hashes of nodes, edges and flows over their strings: the same in every run, whatever their numbers are.

use std::sync::Arc;

use super::stats::{EdgeKey, FlowKey, JoinedKey};
use crate::model::symbols::TableView;
use crate::model::{FastMap, Node, NodeId, NodeKind, Symbol, Symbols, stable_hash, stable_hash_wide};

/// One thread's view of the nodes, with their hashes remembered.
pub struct Hashes {
    symbols: Arc<Symbols>,
    nodes: TableView<Node>,
    known: FastMap<NodeId, u64>,
    known_wide: FastMap<NodeId, u128>,
    services: FastMap<NodeId, NodeId>,
}

impl Hashes {
    /// A view of `symbols`.
    pub fn new(symbols: Arc<Symbols>) -> Hashes {
        Hashes {
            symbols,
            nodes: TableView::new(),
            known: FastMap::default(),
            known_wide: FastMap::default(),
            services: FastMap::default(),
        }
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
        if let Some(service) = self.services.get(&node) {
            return *service;
        }
        let service = self.with_operation(node, Symbol::EMPTY);
        self.services.insert(node, service);
        service
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
        if let Some(hash) = self.known.get(&id) {
            return *hash;
        }
        let hash = stable_hash(&self.bytes(id));
        self.known.insert(id, hash);
        hash
    }

    /// Hash of a node's strings, for what is told apart by it.
    pub(super) fn node_wide(&mut self, id: NodeId) -> u128 {
        if let Some(hash) = self.known_wide.get(&id) {
            return *hash;
        }
        let hash = self.node_wide_anew(id);
        self.known_wide.insert(id, hash);
        hash
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
