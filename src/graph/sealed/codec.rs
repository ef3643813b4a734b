//! A bucket as sections and back.

use std::collections::BTreeSet;

use super::Damage;
use super::frame::{self, Frame, Header};
use super::inputs::{self, Positions, list};
use super::names::{Names, Ranks};
use super::wire::{Reader, Writer};
use super::{calls, paths, traces};
use crate::graph::bucket::{Bucket, Caps};
use crate::graph::hashes::Hashes;
use crate::graph::stats::{
    EdgeKey, EdgeStats, FlowKey, FlowStats, JoinedKey, NodeStats, ServiceStats, Totals,
};
use crate::graph::traces::KeptTrace;
use crate::lane::{Gap, Inputs};
use crate::model::{FastMap, NodeId, Symbols, TraceId};

const STRINGS: u32 = 1;
const NODES: u32 = 2;
const TOTALS: u32 = 3;
const EDGES: u32 = 4;
const JOINED: u32 = 5;
const NODE_STATS: u32 = 6;
const FLOWS: u32 = 7;
const SERVICES: u32 = 8;
const INPUTS: u32 = 9;
const GAPS: u32 = 10;
const MEMBERS: u32 = 11;
const PATHS: u32 = 12;
const TRACES: u32 = 13;
const CALLS: u32 = 14;
const POSITIONS: u32 = 64;
const DOUBTS: u32 = 65;

/// The name of a section; `None` for those of newer versions.
pub fn section_name(id: u32) -> Option<&'static str> {
    Some(match id {
        STRINGS => "strings",
        NODES => "nodes",
        TOTALS => "totals",
        EDGES => "edges",
        JOINED => "joined",
        NODE_STATS => "node_stats",
        FLOWS => "flows",
        SERVICES => "services",
        INPUTS => "inputs",
        GAPS => "gaps",
        MEMBERS => "members",
        PATHS => "paths",
        TRACES => "traces",
        CALLS => "calls",
        POSITIONS => "positions",
        DOUBTS => "doubts",
        _ => return None,
    })
}

/// What a bucket is sealed with besides its sums.
#[derive(Clone, Debug, Default)]
pub struct Attachments {
    /// Of a roll-up: how many buckets of the next finer width it was made of.
    pub members: u32,
    /// Of a minute: where each input is to be read again from.
    pub positions: Positions,
    /// What came of the inputs, beyond what the bucket has of them.
    pub counts: Inputs,
    /// Gaps, beyond those of the bucket.
    pub gaps: BTreeSet<Gap>,
}

/// The canonical bytes of a bucket: equal contents give equal bytes.
pub fn encode(header: &Header, bucket: &Bucket, attached: &Attachments, hashes: &Hashes) -> Vec<u8> {
    let folded = bucket.folded(hashes);
    let mut counts = attached.counts.clone();
    counts.merge(&bucket.inputs);
    let gaps: BTreeSet<&Gap> = bucket.gaps.union(&attached.gaps).collect();
    let (ranks, strings, nodes) = Ranks::of(bucket, &folded, hashes.symbols());
    let mut sections = vec![
        (STRINGS, strings),
        (NODES, nodes),
        (TOTALS, write_totals(bucket.totals)),
        (EDGES, write_edges(&folded.edges, &ranks)),
        (JOINED, write_joined(&folded.joined, &ranks)),
        (NODE_STATS, write_nodes(&bucket.nodes, &ranks)),
        (FLOWS, write_flows(&folded.flows, &ranks)),
        (SERVICES, write_services(&bucket.services, &ranks)),
        (INPUTS, inputs::write_counts(&counts)),
        (GAPS, inputs::write_gaps(gaps.into_iter())),
        (MEMBERS, write_members(attached.members)),
    ];
    let paths = paths::write(&folded.flows, &ranks);
    if !paths.is_empty() {
        sections.push((PATHS, paths));
    }
    let traces = traces::write(&folded.flows, &ranks, hashes.symbols());
    if !traces.is_empty() {
        sections.push((TRACES, traces));
    }
    let calls = calls::write(&folded.flows, &ranks);
    if !calls.is_empty() {
        sections.push((CALLS, calls));
    }
    sections.push((POSITIONS, inputs::write_positions(&attached.positions)));
    let doubts = inputs::write_doubts(&attached.positions);
    if !doubts.is_empty() {
        sections.push((DOUBTS, doubts));
    }
    frame::write(header, &sections)
}

/// The bytes of a roll-up that is called `header` and made of `members`.
///
/// # Errors
/// [`Damage`] of the first member that cannot be read.
pub fn merged<'a>(header: &Header, members: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<u8>, Damage> {
    let mut hashes = Hashes::new(Symbols::new(usize::MAX));
    let mut bucket = Bucket::default();
    let mut attached = Attachments::default();
    for member in members {
        Frame::open(member)?.add_to(&mut bucket, &mut hashes)?;
        attached.members += 1;
    }
    Ok(encode(header, &bucket, &attached, &hashes))
}

impl Frame<'_> {
    /// The bytes that its contents give when they are sealed again: its own, unless a fault wrote it.
    ///
    /// Sections that this version does not know are left out.
    ///
    /// # Errors
    /// [`Damage::Malformed`].
    pub fn sealed_again(&self) -> Result<Vec<u8>, Damage> {
        let mut hashes = Hashes::new(Symbols::new(usize::MAX));
        let mut bucket = Bucket::default();
        self.add_to(&mut bucket, &mut hashes)?;
        let attached =
            Attachments { members: self.members()?, positions: self.positions()?, ..Attachments::default() };
        Ok(encode(&self.header, &bucket, &attached, &hashes))
    }

    /// True where a newer version has put in more kinds of facts than this one can read.
    pub fn has_unknown_sections(&self) -> bool {
        self.sections().any(|(id, _)| section_name(id).is_none())
    }

    /// Adds what the bucket says to `bucket`; the caps are those of nobody, as it was cut when it was sealed.
    ///
    /// # Errors
    /// [`Damage::Malformed`]; `bucket` may then have part of it.
    pub fn add_to(&self, bucket: &mut Bucket, hashes: &mut Hashes) -> Result<(), Damage> {
        let names = self.names(hashes)?;
        self.add_sums_to(bucket, &names, hashes)?;
        calls::add(self.section(CALLS), bucket, &names, &|_| true)?;
        traces::add(self.section(TRACES), bucket, &names, hashes, false)
    }

    /// The same for answers: without the spans of kept traces, of which only the ids are added, and with the calls of
    /// those flows only that are wanted.
    ///
    /// # Errors
    /// [`Damage::Malformed`]; `bucket` may then have part of it.
    pub fn add_to_answer(
        &self,
        bucket: &mut Bucket,
        hashes: &mut Hashes,
        is_wanted: &dyn Fn(&FlowKey) -> bool,
    ) -> Result<(), Damage> {
        let names = self.names(hashes)?;
        self.add_sums_to(bucket, &names, hashes)?;
        calls::add(self.section(CALLS), bucket, &names, is_wanted)?;
        traces::add(self.section(TRACES), bucket, &names, hashes, true)
    }

    /// The kept traces that are wanted, with their spans.
    ///
    /// # Errors
    /// [`Damage::Malformed`].
    pub fn traces(
        &self,
        hashes: &Hashes,
        is_wanted: impl Fn(&FlowKey, TraceId) -> bool,
    ) -> Result<Vec<KeptTrace>, Damage> {
        let names = self.names(hashes)?;
        let mut found = Vec::new();
        traces::Section::open(self.section(TRACES), &names, hashes.symbols())?.each(
            is_wanted,
            |_, traces| {
                found.extend(traces.kept.into_iter().filter(|kept| kept.spans.is_some()));
                Ok(())
            },
        )?;
        Ok(found)
    }

    fn names(&self, hashes: &Hashes) -> Result<Names, Damage> {
        Names::read(self.section(STRINGS), self.section(NODES), hashes)
    }

    fn add_sums_to(&self, bucket: &mut Bucket, names: &Names, hashes: &mut Hashes) -> Result<(), Damage> {
        let caps = &Caps::NONE;
        bucket.totals.merge(read_totals(self.section(TOTALS))?);
        let mut input = Reader(self.section(EDGES));
        for _ in 0..list(&mut input)? {
            let key = names.edge(&mut input)?;
            bucket.merge_edge(key, &input.edge()?, caps, hashes);
        }
        let mut input = Reader(self.section(JOINED));
        for _ in 0..list(&mut input)? {
            let key = names.joined(&mut input)?;
            bucket.merge_joined(key, &input.edge()?, caps, hashes);
        }
        self.add_nodes_to(bucket, names, hashes)?;
        bucket.inputs.merge(&inputs::read_counts(self.section(INPUTS))?);
        bucket.gaps.extend(inputs::read_gaps(self.section(GAPS))?);
        Ok(())
    }

    fn add_nodes_to(&self, bucket: &mut Bucket, names: &Names, hashes: &mut Hashes) -> Result<(), Damage> {
        let caps = &Caps::NONE;
        let mut input = Reader(self.section(NODE_STATS));
        for _ in 0..list(&mut input)? {
            let node = names.node(&mut input)?;
            let (requests, errors) = (input.number()?, input.number()?);
            let stats = NodeStats { requests, errors, latency: input.histogram()? };
            bucket.merge_node(node, &stats, caps, hashes);
        }
        let mut input = Reader(self.section(FLOWS));
        for _ in 0..list(&mut input)? {
            let key = FlowKey { service: names.node(&mut input)?, name: names.symbol(&mut input)? };
            bucket.merge_flow(key, None, &input.flow(names)?, caps, hashes);
        }
        paths::add(self.section(PATHS), bucket, names, hashes)?;
        let mut input = Reader(self.section(SERVICES));
        for _ in 0..list(&mut input)? {
            let service = names.node(&mut input)?;
            bucket.merge_service(service, &input.service(names)?, caps, hashes);
        }
        Ok(())
    }

    /// Where each input is to be read again from.
    ///
    /// # Errors
    /// [`Damage::Malformed`].
    pub fn positions(&self) -> Result<Positions, Damage> {
        let mut positions = inputs::read_positions(self.section(POSITIONS))?;
        inputs::read_doubts(self.section(DOUBTS), &mut positions)?;
        Ok(positions)
    }

    /// What came of the inputs.
    ///
    /// # Errors
    /// [`Damage::Malformed`].
    pub fn inputs(&self) -> Result<Inputs, Damage> {
        inputs::read_counts(self.section(INPUTS))
    }

    /// The gaps that touch it.
    ///
    /// # Errors
    /// [`Damage::Malformed`].
    pub fn gaps(&self) -> Result<Vec<Gap>, Damage> {
        inputs::read_gaps(self.section(GAPS))
    }

    /// Of a roll-up: how many buckets of the next finer width it was made of.
    ///
    /// # Errors
    /// [`Damage::Malformed`].
    pub fn members(&self) -> Result<u32, Damage> {
        match self.section(MEMBERS) {
            [] => Ok(0),
            bytes => Reader(bytes).short(),
        }
    }

    /// Sums over all traces.
    ///
    /// # Errors
    /// [`Damage::Malformed`].
    pub fn totals(&self) -> Result<Totals, Damage> {
        read_totals(self.section(TOTALS))
    }
}

/// Entries by their key as ranks, which is the order of their strings.
fn sorted<K, V, R: Ord>(sums: &FastMap<K, V>, rank: impl Fn(&K) -> R) -> Vec<(R, &V)> {
    let mut entries: Vec<(R, &V)> = sums.iter().map(|(key, stats)| (rank(key), stats)).collect();
    entries.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    entries
}

fn entries<const N: usize, V>(entries: Vec<([u32; N], &V)>, write: impl Fn(&mut Writer, &V)) -> Vec<u8> {
    let mut out = Writer::default();
    out.number(entries.len() as u64);
    for (key, stats) in entries {
        key.iter().for_each(|part| out.number(u64::from(*part)));
        write(&mut out, stats);
    }
    out.0
}

fn write_edges(edges: &FastMap<EdgeKey, EdgeStats>, ranks: &Ranks) -> Vec<u8> {
    entries(sorted(edges, |key| ranks.edge(key)), |out, stats| out.edge(stats))
}

fn write_joined(joined: &FastMap<JoinedKey, EdgeStats>, ranks: &Ranks) -> Vec<u8> {
    entries(sorted(joined, |key| ranks.joined(key)), |out, stats| out.edge(stats))
}

fn write_nodes(nodes: &FastMap<NodeId, NodeStats>, ranks: &Ranks) -> Vec<u8> {
    entries(sorted(nodes, |node| [ranks.node(*node)]), |out, stats| {
        out.number(stats.requests);
        out.number(stats.errors);
        out.histogram(&stats.latency);
    })
}

fn write_flows(flows: &FastMap<FlowKey, FlowStats>, ranks: &Ranks) -> Vec<u8> {
    let key = |key: &FlowKey| [ranks.node(key.service), ranks.symbol(key.name)];
    entries(sorted(flows, key), |out, stats| out.flow(stats, ranks))
}

fn write_services(services: &FastMap<NodeId, ServiceStats>, ranks: &Ranks) -> Vec<u8> {
    entries(sorted(services, |node| [ranks.node(*node)]), |out, stats| out.service(stats, ranks))
}

fn write_totals(mut totals: Totals) -> Vec<u8> {
    let mut out = Writer::default();
    let fields = totals.fields();
    out.number(fields.len() as u64);
    fields.into_iter().for_each(|n| out.number(*n));
    out.0
}

fn read_totals(bytes: &[u8]) -> Result<Totals, Damage> {
    let mut totals = Totals::default();
    let mut input = Reader(bytes);
    let count = list(&mut input)?;
    // A newer writer may have more of them.
    for field in totals.fields().into_iter().take(count) {
        *field = input.number()?;
    }
    Ok(totals)
}

fn write_members(members: u32) -> Vec<u8> {
    let mut out = Writer::default();
    if members > 0 {
        out.number(u64::from(members));
    }
    out.0
}
