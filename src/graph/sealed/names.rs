//! The tables at the head of a sealed bucket: its strings, sorted, and its nodes, by their strings.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use super::Damage;
use super::traces;
use super::wire::{Reader, Writer};
use crate::graph::bucket::{Bucket, Folded};
use crate::graph::hashes::Hashes;
use crate::graph::stats::{EdgeKey, JoinedKey};
use crate::model::{FastMap, Node, NodeId, NodeKind, Protocol, Symbol, Symbols};

/// Numbers that symbols and nodes have in one bucket: their ranks, so they are the same in every process.
pub(super) struct Ranks {
    symbols: FastMap<Symbol, u32>,
    nodes: FastMap<NodeId, u32>,
}

impl Ranks {
    /// Collects the names of a bucket, and the bytes of both tables: strings, nodes.
    pub fn of(bucket: &Bucket, folded: &Folded<'_>, symbols: &Symbols) -> (Ranks, Vec<u8>, Vec<u8>) {
        let ids = node_ids(bucket, folded);
        let nodes: Vec<(NodeId, Node)> = ids.into_iter().map(|id| (id, symbols.nodes.get(id.0))).collect();
        let mut used: BTreeSet<Symbol> = folded.flows.keys().map(|key| key.name).collect();
        used.extend(bucket.services.values().flat_map(|stats| stats.versions.keys().copied()));
        used.extend(traces::strings(&folded.flows, symbols));
        used.extend(nodes.iter().flat_map(|(_, node)| symbols_of(node)));
        let mut texts: Vec<(Arc<str>, Symbol)> =
            used.into_iter().map(|symbol| (symbols.text(symbol), symbol)).collect();
        texts.sort_unstable();
        let mut strings = Writer::default();
        strings.number(texts.len() as u64);
        let mut ranks = Ranks { symbols: FastMap::default(), nodes: FastMap::default() };
        for (rank, (text, symbol)) in (0u32..).zip(&texts) {
            strings.text(text);
            ranks.symbols.insert(*symbol, rank);
        }
        let nodes = ranks.rank_nodes(nodes);
        (ranks, strings.0, nodes)
    }

    fn rank_nodes(&mut self, nodes: Vec<(NodeId, Node)>) -> Vec<u8> {
        let mut keys: Vec<([u32; 5], NodeId)> = nodes
            .into_iter()
            .map(|(id, node)| {
                let [environment, namespace, name, operation] =
                    symbols_of(&node).map(|symbol| self.symbol(symbol));
                ([node.kind as u32, environment, namespace, name, operation], id)
            })
            .collect();
        keys.sort_unstable();
        let mut out = Writer::default();
        out.number(keys.len() as u64);
        for (rank, (key, id)) in (0u32..).zip(&keys) {
            key.iter().for_each(|part| out.number(u64::from(*part)));
            self.nodes.insert(*id, rank);
        }
        out.0
    }

    pub fn symbol(&self, symbol: Symbol) -> u32 {
        self.symbols[&symbol]
    }

    pub fn node(&self, node: NodeId) -> u32 {
        self.nodes[&node]
    }

    pub fn edge(&self, key: &EdgeKey) -> [u32; 3] {
        let kind = (key.protocol as u32) << 1 | u32::from(key.is_async);
        [self.node(key.caller), self.node(key.callee), kind]
    }

    pub fn joined(&self, key: &JoinedKey) -> [u32; 4] {
        key.nodes().map(|node| self.node(node))
    }
}

fn symbols_of(node: &Node) -> [Symbol; 4] {
    [node.environment, node.namespace, node.name, node.operation]
}

fn node_ids(bucket: &Bucket, folded: &Folded<'_>) -> HashSet<NodeId, foldhash::fast::RandomState> {
    let mut ids: HashSet<NodeId, foldhash::fast::RandomState> = HashSet::default();
    ids.extend(folded.edges.keys().flat_map(|key| [key.caller, key.callee]));
    ids.extend(folded.joined.keys().flat_map(|key| key.nodes()));
    ids.extend(bucket.nodes.keys());
    ids.extend(bucket.services.keys());
    for (key, stats) in folded.flows.iter() {
        ids.insert(key.service);
        ids.extend(stats.touches.keys());
        ids.extend(stats.paths.nodes());
        ids.extend(stats.calls.nodes());
    }
    ids
}

/// The names of a bucket that is read, as this process numbers them.
pub(super) struct Names {
    symbols: Vec<Symbol>,
    nodes: Vec<NodeId>,
}

impl Names {
    /// Reads both tables.
    pub fn read(strings: &[u8], nodes: &[u8], hashes: &Hashes) -> Result<Names, Damage> {
        let symbols = hashes.symbols();
        let mut input = Reader(strings);
        let mut names = Names { symbols: Vec::new(), nodes: Vec::new() };
        if strings.is_empty() {
            return Ok(names);
        }
        for _ in 0..input.count()? {
            names.symbols.push(symbols.intern(input.text()?));
        }
        let mut input = Reader(nodes);
        for _ in 0..input.count()? {
            let kind = NodeKind::ALL.get(input.number()? as usize).copied();
            let node = Node {
                kind: kind.ok_or(Damage::Malformed("no such kind of node"))?,
                environment: names.symbol(&mut input)?,
                namespace: names.symbol(&mut input)?,
                name: names.symbol(&mut input)?,
                operation: names.symbol(&mut input)?,
            };
            names.nodes.push(NodeId(symbols.nodes.intern(node)));
        }
        Ok(names)
    }

    /// The next number as a string.
    pub fn symbol(&self, input: &mut Reader<'_>) -> Result<Symbol, Damage> {
        let rank = input.number()? as usize;
        self.symbols.get(rank).copied().ok_or(Damage::Malformed("no such string"))
    }

    /// The next number as a node.
    pub fn node(&self, input: &mut Reader<'_>) -> Result<NodeId, Damage> {
        let rank = input.number()? as usize;
        self.nodes.get(rank).copied().ok_or(Damage::Malformed("no such node"))
    }

    /// The next numbers as the key of an edge.
    pub fn edge(&self, input: &mut Reader<'_>) -> Result<EdgeKey, Damage> {
        let (caller, callee) = (self.node(input)?, self.node(input)?);
        let kind = input.number()?;
        let protocol = Protocol::ALL.get((kind >> 1) as usize).copied();
        let protocol = protocol.ok_or(Damage::Malformed("no such protocol"))?;
        Ok(EdgeKey { caller, callee, protocol, is_async: kind & 1 == 1 })
    }

    /// The next numbers as the key of a joined pair.
    pub fn joined(&self, input: &mut Reader<'_>) -> Result<JoinedKey, Damage> {
        let (caller, callee) = (self.node(input)?, self.node(input)?);
        let (sent_to, taken_from) = (self.node(input)?, self.node(input)?);
        Ok(JoinedKey { caller, callee, sent_to, taken_from })
    }
}
