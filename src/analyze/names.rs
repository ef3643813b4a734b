//! One thread's view of the symbol tables, with the questions that analysis asks of them.

use std::sync::Arc;

use crate::model::symbols::TableView;
use crate::model::{
    FastMap, Node, NodeId, NodeKind, Peer, PeerId, Resource, ResourceId, Span, Symbol, Symbols,
};

/// A clock that spans are timed by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Clock {
    /// The clock of this host, node or pod.
    Host(Symbol),
    /// Whatever times this service.
    Service(Symbol),
}

/// Lock-free reads of resources and peers, and a cache of node numbers.
pub struct Names {
    symbols: Arc<Symbols>,
    resources: TableView<Resource>,
    peers: TableView<Peer>,
    operation_nodes: FastMap<(ResourceId, Symbol), NodeId>,
    /// By the resources' numbers.
    service_nodes: Vec<Option<NodeId>>,
    peer_nodes: FastMap<(PeerId, Symbol), NodeId>,
    /// Names for which it is known whether they are generic.
    generic: FastMap<Symbol, bool>,
}

impl Names {
    /// A view of `symbols`.
    pub fn new(symbols: Arc<Symbols>) -> Names {
        Names {
            symbols,
            resources: TableView::new(),
            peers: TableView::new(),
            operation_nodes: FastMap::default(),
            service_nodes: Vec::new(),
            peer_nodes: FastMap::default(),
            generic: FastMap::default(),
        }
    }

    /// The tables behind the view.
    pub fn symbols(&self) -> &Symbols {
        &self.symbols
    }

    /// A resource by number.
    #[inline]
    pub fn resource(&mut self, id: ResourceId) -> Resource {
        *self.resources.get(&self.symbols.resources, id.0)
    }

    /// A peer by number, `None` for [`PeerId::NONE`].
    pub fn peer(&mut self, id: PeerId) -> Option<Peer> {
        (id != PeerId::NONE).then(|| *self.peers.get(&self.symbols.peers, id.0))
    }

    /// The service's name, `None` where the resource has none.
    pub fn service_of(&mut self, id: ResourceId) -> Option<Symbol> {
        let service = self.resource(id).service;
        (!service.is_empty()).then_some(service)
    }

    /// Which clock its times are from: the host's, or one of its service's own where no host is named.
    /// `None` where neither is known.
    pub fn clock_of(&mut self, id: ResourceId) -> Option<Clock> {
        let Resource { service, clock, .. } = self.resource(id);
        match (clock.is_empty(), service.is_empty()) {
            (false, _) => Some(Clock::Host(clock)),
            (true, false) => Some(Clock::Service(service)),
            (true, true) => None,
        }
    }

    /// True where both belong to one service: same name, namespace and environment.
    pub fn is_same_service(&mut self, a: ResourceId, b: ResourceId) -> bool {
        let identity = |resource: Resource| (resource.service, resource.namespace, resource.environment);
        a == b || identity(self.resource(a)) == identity(self.resource(b))
    }

    /// The node of a local root.
    pub fn operation_node(&mut self, span: &Span) -> NodeId {
        if let Some(node) = self.operation_nodes.get(&(span.resource, span.operation)) {
            return *node;
        }
        let node = self.intern_service(span.resource, span.operation);
        self.operation_nodes.insert((span.resource, span.operation), node);
        node
    }

    /// The service's node, without operation.
    pub fn service_node(&mut self, resource: ResourceId) -> NodeId {
        let at = resource.0 as usize;
        if let Some(node) = self.service_nodes.get(at).copied().flatten() {
            return node;
        }
        let node = self.intern_service(resource, Symbol::EMPTY);
        self.service_nodes.resize(self.service_nodes.len().max(at + 1), None);
        self.service_nodes[at] = Some(node);
        node
    }

    fn intern_service(&mut self, resource: ResourceId, operation: Symbol) -> NodeId {
        let Resource { service, namespace, environment, .. } = self.resource(resource);
        let node = Node { kind: NodeKind::Service, environment, namespace, name: service, operation };
        NodeId(self.symbols.nodes.intern(node))
    }

    /// The inferred node that a span's attributes name, in the environment of the span.
    pub fn peer_node(&mut self, peer: PeerId, resource: ResourceId) -> Option<NodeId> {
        let environment = self.resource(resource).environment;
        let Peer { kind, name, namespace, .. } = self.peer(peer)?;
        if let Some(node) = self.peer_nodes.get(&(peer, environment)) {
            return Some(*node);
        }
        let node = Node { kind, environment, namespace, name, operation: Symbol::EMPTY };
        let node = NodeId(self.symbols.nodes.intern(node));
        self.peer_nodes.insert((peer, environment), node);
        Some(node)
    }

    /// A span's strings, for an order that does not depend on their numbers.
    pub fn texts_of(&mut self, span: &Span) -> [Arc<str>; 8] {
        let Resource { service, namespace, environment, clock, .. } = self.resource(span.resource);
        let peer = self.peer(span.peer).unwrap_or_default();
        [span.operation, span.request, service, peer.name, peer.namespace, namespace, environment, clock]
            .map(|symbol| self.symbols.text(symbol))
    }

    /// What `is_generic` says of a name, which is asked once only.
    pub fn is_generic(&mut self, name: Symbol, is_generic: impl FnOnce(&str) -> bool) -> bool {
        let symbols = &self.symbols;
        *self.generic.entry(name).or_insert_with(|| is_generic(&symbols.text(name)))
    }

    /// A symbol's string.
    pub fn text(&self, symbol: Symbol) -> Arc<str> {
        self.symbols.text(symbol)
    }
}
