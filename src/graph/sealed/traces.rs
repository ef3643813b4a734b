//! Whole traces of flows as bytes and back: their spans without what no critical path needs.

use std::collections::{BTreeMap, BTreeSet};

use super::Damage;
use super::inputs::list;
use super::names::{Names, Ranks};
use super::wire::{Reader, Writer};
use crate::graph::bucket::Bucket;
use crate::graph::hashes::Hashes;
use crate::graph::stats::{FlowKey, FlowStats};
use crate::graph::traces::{FlowTraces, KeptTrace};
use crate::model::{
    FastMap, Links, MessagingOperation, NodeKind, Peer, PeerId, Protocol, RemoteParent, Resource, ResourceId,
    Span, SpanId, SpanKind, Symbol, Symbols, TraceId,
};

const NO_PARENT: u64 = 0;
const UNKNOWN_PARENT: u64 = 1;
/// The parent is the span at this position, plus this.
const FIRST_PARENT: u64 = 2;

const ERROR: u64 = 1 << 11;
const RESEND: u64 = 1 << 12;
const PEER: u64 = 1 << 13;
const LINKS: u64 = 1 << 14;

/// The strings that the kept spans use.
pub(super) fn strings(flows: &FastMap<FlowKey, FlowStats>, symbols: &Symbols) -> BTreeSet<Symbol> {
    let mut used = BTreeSet::new();
    for span in spans(flows) {
        used.insert(span.operation);
        used.extend(resource(span.resource, symbols));
        if span.peer != PeerId::NONE {
            let Peer { name, namespace, .. } = symbols.peers.get(span.peer.0);
            used.extend([name, namespace]);
        }
    }
    used
}

fn spans(flows: &FastMap<FlowKey, FlowStats>) -> impl Iterator<Item = &Span> {
    let kept = flows.values().flat_map(|stats| &stats.traces.kept);
    kept.filter_map(|kept| kept.spans.as_ref()).flat_map(|spans| spans.iter())
}

fn resource(id: ResourceId, symbols: &Symbols) -> [Symbol; 4] {
    let Resource { environment, namespace, service, clock, .. } = symbols.resources.get(id.0);
    [environment, namespace, service, clock]
}

/// Numbers that resources and peers have in one section.
struct Tables {
    resources: FastMap<ResourceId, u64>,
    peers: FastMap<PeerId, u64>,
}

impl Tables {
    fn write(
        out: &mut Writer,
        flows: &FastMap<FlowKey, FlowStats>,
        ranks: &Ranks,
        symbols: &Symbols,
    ) -> Tables {
        let (mut resources, mut peers) = (BTreeMap::new(), BTreeMap::new());
        for span in spans(flows) {
            let key = resource(span.resource, symbols).map(|symbol| ranks.symbol(symbol));
            resources.insert(key, span.resource);
            if span.peer != PeerId::NONE {
                let Peer { kind, name, namespace, is_service_name } = symbols.peers.get(span.peer.0);
                let [namespace, name] = [namespace, name].map(|symbol| ranks.symbol(symbol));
                peers.insert([kind as u32, namespace, name, u32::from(is_service_name)], span.peer);
            }
        }
        Tables { resources: numbered(out, resources), peers: numbered(out, peers) }
    }
}

fn numbered<Id: Copy + Eq + std::hash::Hash>(
    out: &mut Writer,
    table: BTreeMap<[u32; 4], Id>,
) -> FastMap<Id, u64> {
    out.number(table.len() as u64);
    let mut numbers = FastMap::default();
    for (number, (key, id)) in (0u64..).zip(table) {
        key.iter().for_each(|part| out.number(u64::from(*part)));
        numbers.insert(id, number);
    }
    numbers
}

/// The section; no byte where no flow keeps a trace, so that buckets of before there were any stay what they are.
pub(super) fn write(flows: &FastMap<FlowKey, FlowStats>, ranks: &Ranks, symbols: &Symbols) -> Vec<u8> {
    let known = flows.iter().filter(|(_, stats)| !stats.traces.kept.is_empty());
    let mut known: Vec<([u32; 2], &FlowTraces)> = known
        .map(|(key, stats)| ([ranks.node(key.service), ranks.symbol(key.name)], &stats.traces))
        .collect();
    if known.is_empty() {
        return Vec::new();
    }
    known.sort_unstable_by_key(|(key, _)| *key);
    let mut out = Writer::default();
    let tables = Tables::write(&mut out, flows, ranks, symbols);
    out.number(known.len() as u64);
    for (key, traces) in known {
        key.iter().for_each(|part| out.number(u64::from(*part)));
        out.number(traces.max as u64);
        out.number(traces.kept.len() as u64);
        for KeptTrace { trace, weight, spans, .. } in &traces.kept {
            out.0.extend_from_slice(&trace.0.to_be_bytes());
            out.number(*weight);
            let mut bytes = Writer::default();
            if let Some(spans) = spans {
                write_spans(&mut bytes, spans, &tables, ranks);
            }
            out.number(bytes.0.len() as u64);
            out.0.append(&mut bytes.0);
        }
    }
    out.0
}

fn write_spans(out: &mut Writer, spans: &[Span], tables: &Tables, ranks: &Ranks) {
    let first = spans.iter().map(|span| span.start).min().unwrap_or(0);
    out.number(first);
    for span in spans {
        out.0.extend_from_slice(&span.id.0.to_be_bytes());
        let at = spans.partition_point(|other| other.id < span.parent);
        if span.parent.is_none() {
            out.number(NO_PARENT);
        } else if spans.get(at).is_some_and(|other| other.id == span.parent) {
            out.number(FIRST_PARENT + at as u64);
        } else {
            out.number(UNKNOWN_PARENT);
            out.0.extend_from_slice(&span.parent.0.to_be_bytes());
        }
        out.number(span.start - first);
        out.number(span.end.saturating_sub(span.start));
        out.number(tables.resources[&span.resource]);
        out.number(u64::from(ranks.symbol(span.operation)));
        let peer = tables.peers.get(&span.peer);
        let has = |bit: u64, is_set: bool| if is_set { bit } else { 0 };
        let words = span.kind as u64
            | (span.protocol as u64) << 3
            | (span.messaging as u64) << 6
            | (span.remote_parent as u64) << 9;
        let bits = has(ERROR, span.is_error)
            | has(RESEND, span.is_resend)
            | has(PEER, peer.is_some())
            | has(LINKS, span.links.is_some());
        out.number(words | bits);
        peer.into_iter().for_each(|peer| out.number(*peer));
        if let Some(links) = &span.links {
            out.number(links.same_trace.len() as u64);
            links.same_trace.iter().for_each(|id| out.0.extend_from_slice(&id.0.to_be_bytes()));
            out.number(u64::from(links.other_traces));
            out.number(u64::from(links.dropped));
        }
    }
}

/// A section that is read.
pub(super) struct Section<'a> {
    names: &'a Names,
    resources: Vec<ResourceId>,
    peers: Vec<PeerId>,
    input: Reader<'a>,
}

impl<'a> Section<'a> {
    pub fn open(bytes: &'a [u8], names: &'a Names, symbols: &Symbols) -> Result<Section<'a>, Damage> {
        let mut input = Reader(bytes);
        let (mut resources, mut peers) = (Vec::new(), Vec::new());
        if bytes.is_empty() {
            return Ok(Section { names, resources, peers, input });
        }
        for _ in 0..input.count()? {
            let mut next = || names.symbol(&mut input);
            let (environment, namespace, service, clock) = (next()?, next()?, next()?, next()?);
            let resource = Resource { environment, namespace, service, clock, ..Resource::default() };
            resources.push(ResourceId(symbols.resources.intern(resource)));
        }
        for _ in 0..input.count()? {
            let kind = NodeKind::ALL.get(input.number()? as usize).copied();
            let kind = kind.ok_or(Damage::Malformed("no such kind of node"))?;
            let (namespace, name) = (names.symbol(&mut input)?, names.symbol(&mut input)?);
            let peer = Peer { kind, name, namespace, is_service_name: input.number()? == 1 };
            peers.push(PeerId(symbols.peers.intern(peer)));
        }
        Ok(Section { names, resources, peers, input })
    }

    /// Reads the traces of all flows; the spans only of those that are wanted.
    pub fn each(
        &mut self,
        is_wanted: impl Fn(&FlowKey, TraceId) -> bool,
        mut found: impl FnMut(&FlowKey, FlowTraces) -> Result<(), Damage>,
    ) -> Result<(), Damage> {
        let mut input = self.input;
        for _ in 0..list(&mut input)? {
            let key = FlowKey { service: self.names.node(&mut input)?, name: self.names.symbol(&mut input)? };
            let max = usize::try_from(input.number()?).unwrap_or(usize::MAX);
            let mut kept = Vec::new();
            for _ in 0..input.count()? {
                let trace = TraceId(u128::from_be_bytes(input.array()?));
                let weight = input.number()?;
                let length = input.count()?;
                let bytes = input.bytes(length)?;
                let is_read = length > 0 && is_wanted(&key, trace);
                let spans = is_read.then(|| self.spans(bytes)).transpose()?.map(Into::into);
                kept.push(KeptTrace::new(trace, weight, spans));
            }
            found(&key, FlowTraces { max, kept })?;
        }
        Ok(())
    }

    fn spans(&self, bytes: &[u8]) -> Result<Vec<Span>, Damage> {
        let mut input = Reader(bytes);
        let first = input.number()?;
        let mut spans: Vec<Span> = Vec::new();
        let mut parents: Vec<(usize, u64)> = Vec::new();
        while !input.0.is_empty() {
            let id = SpanId(u64::from_be_bytes(input.array()?));
            let mut parent = SpanId::NONE;
            match input.number()? {
                NO_PARENT => {}
                UNKNOWN_PARENT => parent = SpanId(u64::from_be_bytes(input.array()?)),
                at => parents.push((spans.len(), at - FIRST_PARENT)),
            }
            let start = first.saturating_add(input.number()?);
            let end = start.saturating_add(input.number()?);
            let resource = self.resources.get(input.number()? as usize).copied();
            let resource = resource.ok_or(Damage::Malformed("no such resource"))?;
            let operation = self.names.symbol(&mut input)?;
            let span =
                Span { id, parent, start, end, resource, operation, request: operation, ..Span::default() };
            spans.push(self.rest(&mut input, span)?);
        }
        for (span, parent) in parents {
            let parent = spans.get(usize::try_from(parent).unwrap_or(usize::MAX)).map(|parent| parent.id);
            spans[span].parent = parent.ok_or(Damage::Malformed("no such parent"))?;
        }
        Ok(spans)
    }

    /// What the words and bits of a span say, and what follows for them.
    fn rest(&self, input: &mut Reader<'_>, mut span: Span) -> Result<Span, Damage> {
        let flags = input.number()?;
        let word = |shift: u32, bits: u32| (flags >> shift & ((1 << bits) - 1)) as usize;
        let unknown = Damage::Malformed("a span says what no version knows");
        if flags >= LINKS << 1 {
            return Err(unknown);
        }
        span.kind = SpanKind::from_otlp(word(0, 3) as u64);
        span.protocol = *Protocol::ALL.get(word(3, 3)).ok_or(unknown.clone())?;
        span.messaging = *MessagingOperation::ALL.get(word(6, 3)).ok_or(unknown.clone())?;
        span.remote_parent = *RemoteParent::ALL.get(word(9, 2)).ok_or(unknown)?;
        span.is_error = flags & ERROR != 0;
        span.is_resend = flags & RESEND != 0;
        if flags & PEER != 0 {
            let peer = self.peers.get(input.number()? as usize).copied();
            span.peer = peer.ok_or(Damage::Malformed("no such peer"))?;
        }
        if flags & LINKS != 0 {
            let mut links = Links::default();
            for _ in 0..input.count()? {
                links.same_trace.push(SpanId(u64::from_be_bytes(input.array()?)));
            }
            links.other_traces = input.short()?;
            links.dropped = input.short()?;
            span.links = Some(Box::new(links));
        }
        Ok(span)
    }
}

/// Adds the traces of a section to the flows that they are of; to those of an answer without their spans.
pub(super) fn add(
    section: &[u8],
    bucket: &mut Bucket,
    names: &Names,
    hashes: &Hashes,
    is_answer: bool,
) -> Result<(), Damage> {
    let mut section = Section::open(section, names, hashes.symbols())?;
    section.each(
        |_, _| !is_answer,
        |key, traces| {
            let flow = bucket.flows.get_mut(key);
            let flow = flow.ok_or(Damage::Malformed("traces of a flow that is not there"))?;
            match is_answer {
                true => flow.traces.gather(&traces, hashes),
                false => flow.traces.merge(&traces, hashes),
            }
            Ok(())
        },
    )
}
