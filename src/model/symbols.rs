//! Strings and small descriptions by number: each is stored once and compared by its number.
//!
//! Enters: strings from decoding. Leaves: `u32` numbers that are valid as long as the process lives.
//! Numbers depend on arrival order, so they never order anything that is shown or stored.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, RwLock};

use dashmap::{DashMap, Entry};

/// A string by number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Symbol(pub u32);

impl Symbol {
    /// The empty string.
    pub const EMPTY: Symbol = Symbol(0);
    /// `other`: what did not fit under a cap.
    pub const OTHER: Symbol = Symbol(1);

    /// True for the empty string.
    pub fn is_empty(self) -> bool {
        self == Symbol::EMPTY
    }
}

/// Who made a span.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Resource {
    /// `service.name`; empty where the span names no service.
    pub service: Symbol,
    /// `service.namespace`.
    pub namespace: Symbol,
    /// `deployment.environment.name`.
    pub environment: Symbol,
    /// `service.version`.
    pub version: Symbol,
    /// What its clock is: host, node or pod (ALGORITHMS 0).
    pub clock: Symbol,
}

/// A [`Resource`] by number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceId(pub u32);

/// What kind of thing a node is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum NodeKind {
    /// A service that reports spans itself, or `other`.
    #[default]
    Service = 0,
    /// A database or cache, inferred from its callers.
    Database = 1,
    /// A queue, topic or exchange.
    Messaging = 2,
    /// Any other peer that was inferred from its callers.
    External = 3,
}

impl NodeKind {
    /// The name in JSON and in node ids.
    pub fn name(self) -> &'static str {
        match self {
            NodeKind::Service => "service",
            NodeKind::Database => "database",
            NodeKind::Messaging => "messaging",
            NodeKind::External => "external",
        }
    }

    /// All kinds, by number.
    pub const ALL: [NodeKind; 4] =
        [NodeKind::Service, NodeKind::Database, NodeKind::Messaging, NodeKind::External];
}

/// The other side of a span, as its attributes name it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Peer {
    /// Database, messaging or external.
    pub kind: NodeKind,
    /// Display name: `system/namespace`, `system/destination`, a service's or a host's name.
    pub name: Symbol,
    /// `service.peer.namespace`, else empty.
    pub namespace: Symbol,
    /// True where the name was given as a service's (`service.peer.name`, `peer.service`), not as an address.
    pub is_service_name: bool,
}

/// A [`Peer`] by number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerId(pub u32);

impl PeerId {
    /// No attribute names the other side.
    pub const NONE: PeerId = PeerId(0);
}

/// A node of the graph at operation level.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Node {
    /// What it is.
    pub kind: NodeKind,
    /// Environment; of inferred nodes that of their callers.
    pub environment: Symbol,
    /// Namespace of a service; empty for shared things.
    pub namespace: Symbol,
    /// Display name.
    pub name: Symbol,
    /// Operation of the local root; empty for inferred nodes and at service level.
    pub operation: Symbol,
}

/// A [`Node`] by number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u32);

/// All tables of one process, shared by every thread.
pub struct Symbols {
    strings: Table<Arc<str>>,
    /// Resources by number.
    pub resources: Table<Resource>,
    /// Peers by number.
    pub peers: Table<Peer>,
    /// Nodes by number.
    pub nodes: Table<Node>,
}

impl Symbols {
    /// Makes empty tables that hold at most `max` entries each.
    pub fn new(max: usize) -> Arc<Symbols> {
        let symbols = Symbols {
            strings: Table::new(max, Arc::from("")),
            resources: Table::new(max, Resource::default()),
            peers: Table::new(max, Peer::default()),
            nodes: Table::new(max, Node::default()),
        };
        let other = symbols.strings.intern(Arc::from("other"));
        debug_assert_eq!(other, Symbol::OTHER.0);
        let other_node = Node { name: Symbol::OTHER, ..Node::default() };
        symbols.nodes.intern(other_node);
        Arc::new(symbols)
    }

    /// The number of `text`; [`Symbol::OTHER`] once the table is full.
    pub fn intern(&self, text: &str) -> Symbol {
        if text.is_empty() {
            return Symbol::EMPTY;
        }
        if let Some(number) = self.strings.numbers.get(text) {
            return Symbol(*number);
        }
        match self.strings.intern(Arc::from(text)) {
            0 => Symbol::OTHER,
            number => Symbol(number),
        }
    }

    /// The string of a symbol.
    pub fn text(&self, symbol: Symbol) -> Arc<str> {
        self.strings.get(symbol.0)
    }

    /// How many new strings, resources, peers and nodes did not fit.
    pub fn overflowed(&self) -> u64 {
        [&self.strings.overflowed, &self.resources.overflowed, &self.peers.overflowed, &self.nodes.overflowed]
            .iter()
            .map(|count| count.load(Ordering::Relaxed))
            .sum()
    }

    /// Number of strings held.
    pub fn len(&self) -> usize {
        self.strings.len()
    }

    /// Always false: the empty string and `other` are there from the start.
    pub fn is_empty(&self) -> bool {
        false
    }
}

/// Values by number, append-only. Entry 0 is the default, and what comes back once the table is full.
pub struct Table<T> {
    numbers: DashMap<T, u32, foldhash::fast::RandomState>,
    values: RwLock<Vec<T>>,
    max: usize,
    overflowed: AtomicU64,
}

impl<T: Hash + Eq + Clone> Table<T> {
    fn new(max: usize, zero: T) -> Table<T> {
        let numbers = DashMap::default();
        numbers.insert(zero.clone(), 0);
        Table { numbers, values: RwLock::new(vec![zero]), max, overflowed: AtomicU64::new(0) }
    }

    /// The number of `value`; 0 once the table is full.
    pub fn intern(&self, value: T) -> u32 {
        if let Some(number) = self.numbers.get(&value) {
            return *number;
        }
        // The entry's shard stays locked while the value is appended, so a value gets one number only.
        match self.numbers.entry(value) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(vacant) => {
                let mut values = self.values.write().expect("no panic happens while the table is locked");
                if values.len() >= self.max {
                    self.overflowed.fetch_add(1, Ordering::Relaxed);
                    return 0;
                }
                let number = values.len() as u32;
                values.push(vacant.key().clone());
                vacant.insert(number);
                number
            }
        }
    }

    /// The value of a number that this table gave out.
    pub fn get(&self, number: u32) -> T {
        self.values.read().expect("no panic happens while the table is locked")[number as usize].clone()
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.values.read().expect("no panic happens while the table is locked").len()
    }

    /// Always false: entry 0 is there from the start.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// Appends to `copy` all entries that it lacks.
    fn extend(&self, copy: &mut Vec<T>) {
        let values = self.values.read().expect("no panic happens while the table is locked");
        copy.extend_from_slice(&values[copy.len()..]);
    }
}

/// One thread's own copy of a [`Table`]: reads without a lock, brought up to date on the first unknown number.
pub struct TableView<T> {
    copy: Vec<T>,
}

impl<T: Hash + Eq + Clone> TableView<T> {
    /// An empty copy.
    pub fn new() -> TableView<T> {
        TableView { copy: Vec::new() }
    }

    /// The value of `number` in `table`.
    #[inline]
    pub fn get(&mut self, table: &Table<T>, number: u32) -> &T {
        if number as usize >= self.copy.len() {
            table.extend(&mut self.copy);
        }
        &self.copy[number as usize]
    }
}

impl<T: Hash + Eq + Clone> Default for TableView<T> {
    fn default() -> Self {
        TableView::new()
    }
}

/// A map with a fast, seeded hash.
pub type FastMap<K, V> = HashMap<K, V, foldhash::fast::RandomState>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_has_one_number_and_a_full_table_gives_other() {
        let symbols = Symbols::new(3);
        let cart = symbols.intern("cart");
        assert_eq!(symbols.intern("cart"), cart);
        assert_eq!(&*symbols.text(cart), "cart");
        assert_eq!(symbols.intern("pay"), Symbol::OTHER);
        assert_eq!(symbols.intern(""), Symbol::EMPTY);
        assert_eq!(symbols.overflowed(), 1);
    }

    #[test]
    fn threads_agree_on_numbers() {
        let symbols = Symbols::new(10_000);
        let numbers: Vec<Vec<Symbol>> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|_| scope.spawn(|| (0..1000).map(|n| symbols.intern(&format!("name{n}"))).collect()))
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(numbers.windows(2).all(|pair| pair[0] == pair[1]));
        assert_eq!(symbols.len(), 1002);
    }
}
