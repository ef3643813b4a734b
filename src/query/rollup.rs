//! Counted edges to edges of the answer's level, with aliases resolved.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use super::alias::Aliases;
use super::request::Level;
use crate::graph::{EdgeKey, EdgeStats};
use crate::model::symbols::TableView;
use crate::model::{FastMap, Node, NodeId, NodeKind, Protocol, Symbol, Symbols};

/// An edge between nodes of the answer's level.
pub(super) type Key = (Node, Node, Protocol, bool);

/// Edges of the answer's level while it is made.
pub(super) struct Edges {
    pub known: FastMap<Key, EdgeStats>,
    /// Of collapsed edges: destinations between.
    pub via: FastMap<Key, BTreeSet<Arc<str>>>,
    /// Of collapsed edges: those whose sides only share a destination.
    pub unjoined: SetOf<Key>,
    /// Of a flow's calls: requests that made them.
    pub requests: FastMap<Key, u64>,
}

pub(super) type SetOf<K> = HashSet<K, foldhash::fast::RandomState>;

/// Names and the level's view of nodes.
pub(super) struct Names<'a> {
    pub symbols: &'a Symbols,
    nodes: TableView<Node>,
    aliases: Aliases,
    level: Level,
}

impl<'a> Names<'a> {
    /// Names for one answer.
    pub fn new(symbols: &'a Symbols, aliases: Aliases, level: Level) -> Names<'a> {
        Names { symbols, nodes: TableView::new(), aliases, level }
    }

    /// The node of the answer's level that a counted node belongs to.
    pub fn rolled_up(&mut self, id: NodeId) -> Node {
        let node = *self.nodes.get(&self.symbols.nodes, id.0);
        let node = self.aliases.resolve(node);
        match (self.level, node.kind) {
            (Level::Operation, _) => node,
            (Level::Namespace, NodeKind::Service) => {
                Node { name: node.namespace, operation: Symbol::EMPTY, ..node }
            }
            _ => Node { operation: Symbol::EMPTY, ..node },
        }
    }

    pub fn text(&self, symbol: Symbol) -> Arc<str> {
        self.symbols.text(symbol)
    }

    fn is_alias(&mut self, id: NodeId) -> bool {
        let node = *self.nodes.get(&self.symbols.nodes, id.0);
        node.kind == NodeKind::External && self.aliases.resolve(node) != node
    }

    fn is_one_service(&self, a: &Node, b: &Node) -> bool {
        let service = |node: &Node| Node { operation: Symbol::EMPTY, ..*node };
        self.level != Level::Namespace && service(a) == service(b)
    }
}

/// The edges of a range, rolled up.
pub(super) fn roll_up(edges: &FastMap<EdgeKey, EdgeStats>, names: &mut Names) -> Edges {
    let mut known: FastMap<Key, EdgeStats> = FastMap::default();
    for (key, stats) in edges {
        if stats.calls == 0 {
            continue;
        }
        let (caller, callee) = (names.rolled_up(key.caller), names.rolled_up(key.callee));
        // A service that calls itself by its address: no edge, as its other self calls.
        if names.is_alias(key.callee) && names.is_one_service(&caller, &callee) {
            continue;
        }
        known.entry((caller, callee, key.protocol, key.is_async)).or_default().merge(stats);
    }
    Edges { known, via: FastMap::default(), unjoined: Default::default(), requests: FastMap::default() }
}
