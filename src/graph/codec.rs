//! A bucket as bytes: what a closed minute weighs in memory.
//!
//! Every number is a LEB128 varint, symbols are the process's numbers, keys are sorted and delta-coded.
//! The bytes never leave the process: a stored minute will name its strings.

use super::bucket::{Bucket, Caps};
use super::hashes::Hashes;
use super::histogram::Histogram;
use super::stats::{
    EdgeKey, EdgeStats, Exemplars, FlowKey, FlowStats, JoinedKey, NodeStats, ServiceStats, Totals,
};
use crate::analyze::Tally;
use crate::model::{FastMap, NodeId, Protocol, Symbol, TraceId};

/// The bytes of a bucket.
pub(super) fn encode(bucket: &Bucket) -> Box<[u8]> {
    let mut out = Writer(Vec::with_capacity(64 * bucket.edges.len() + 1024));
    let mut totals = bucket.totals;
    totals.fields().into_iter().for_each(|n| out.number(*n));
    out.sorted(&bucket.edges, |out, key, stats: &EdgeStats| {
        let kind = (key.protocol as u64) << 1 | u64::from(key.is_async);
        [u64::from(key.caller.0), u64::from(key.callee.0), kind].into_iter().for_each(|n| out.number(n));
        out.edge(stats);
    });
    out.sorted(&bucket.joined, |out, key, stats: &EdgeStats| {
        for node in [key.caller, key.callee, key.sent_to, key.taken_from] {
            out.number(u64::from(node.0));
        }
        out.edge(stats);
    });
    out.sorted(&bucket.nodes, |out, node, stats: &NodeStats| {
        [u64::from(node.0), stats.requests, stats.errors].into_iter().for_each(|n| out.number(n));
        out.histogram(&stats.latency);
    });
    out.sorted(&bucket.flows, |out, key, stats: &FlowStats| {
        [u64::from(key.service.0), u64::from(key.name.0), stats.requests]
            .into_iter()
            .for_each(|n| out.number(n));
        out.wide(stats.adjusted);
        out.number(stats.errors);
        out.histogram(&stats.latency);
        out.sorted(&stats.touches, |out, node, count| {
            out.number(u64::from(node.0));
            out.number(*count);
        });
        out.exemplars(&stats.exemplars);
    });
    out.sorted(&bucket.services, |out, node, stats: &ServiceStats| {
        out.number(u64::from(node.0));
        tally_fields(&mut stats.tally.clone()).into_iter().for_each(|n| out.number(*n));
        out.sorted(&stats.versions, |out, version, count| {
            out.number(u64::from(version.0));
            out.number(*count);
        });
    });
    out.0.into_boxed_slice()
}

/// Adds the bucket behind `bytes` (made by [`encode`] in this process) to `bucket`.
pub(super) fn merge_into(bytes: &[u8], bucket: &mut Bucket, caps: &Caps, hashes: &mut Hashes) {
    let mut input = Reader(bytes);
    let mut totals = Totals::default();
    totals.fields().into_iter().for_each(|n| *n = input.number());
    bucket.totals.merge(totals);
    for _ in 0..input.number() {
        let (caller, callee) = (input.node(), input.node());
        let kind = input.number();
        let protocol = Protocol::ALL[(kind >> 1) as usize];
        let key = EdgeKey { caller, callee, protocol, is_async: kind & 1 == 1 };
        bucket.merge_edge(key, &input.edge(), caps, hashes);
    }
    for _ in 0..input.number() {
        let (caller, callee) = (input.node(), input.node());
        let (sent_to, taken_from) = (input.node(), input.node());
        let key = JoinedKey { caller, callee, sent_to, taken_from };
        bucket.merge_joined(key, &input.edge(), caps, hashes);
    }
    for _ in 0..input.number() {
        let node = input.node();
        let (requests, errors) = (input.number(), input.number());
        let stats = NodeStats { requests, errors, latency: input.histogram() };
        bucket.merge_node(node, &stats, caps, hashes);
    }
    for _ in 0..input.number() {
        let key = FlowKey { service: input.node(), name: input.symbol() };
        bucket.merge_flow(key, &input.flow(), caps, hashes);
    }
    for _ in 0..input.number() {
        let service = input.node();
        bucket.merge_service(service, &input.service(), caps, hashes);
    }
}

fn tally_fields(tally: &mut Tally) -> [&mut u64; 7] {
    [
        &mut tally.spans,
        &mut tally.orphans,
        &mut tally.tail_spans,
        &mut tally.clients_without_peer,
        &mut tally.links_to_other_traces,
        &mut tally.self_calls,
        &mut tally.unknown_sampling,
    ]
}

struct Writer(Vec<u8>);

impl Writer {
    fn number(&mut self, n: u64) {
        self.wide(u128::from(n));
    }

    fn wide(&mut self, mut n: u128) {
        while n >= 0x80 {
            self.0.push(n as u8 | 0x80);
            n >>= 7;
        }
        self.0.push(n as u8);
    }

    fn sorted<K: Ord, V>(&mut self, map: &FastMap<K, V>, mut write: impl FnMut(&mut Writer, &K, &V)) {
        let mut entries: Vec<_> = map.iter().collect();
        entries.sort_unstable_by(|a, b| a.0.cmp(b.0));
        self.number(entries.len() as u64);
        entries.into_iter().for_each(|(key, value)| write(self, key, value));
    }

    fn edge(&mut self, stats: &EdgeStats) {
        self.number(stats.calls);
        self.wide(stats.adjusted);
        let sums = [
            stats.unknown_sampling,
            stats.caller_errors,
            stats.callee_errors,
            stats.either_errors,
            stats.first_attempts,
            stats.tail,
            stats.first_seen,
            stats.last_seen - stats.first_seen,
        ];
        sums.into_iter().chain(stats.evidence).for_each(|n| self.number(n));
        for histogram in [&stats.caller_latency, &stats.callee_latency, &stats.gap] {
            self.histogram(histogram);
        }
        self.exemplars(&stats.exemplars);
    }

    fn histogram(&mut self, histogram: &Histogram) {
        self.number(histogram.count);
        if histogram.count == 0 {
            return;
        }
        self.wide(histogram.sum);
        self.number(histogram.min);
        self.number(histogram.max);
        let filled = || histogram.buckets.iter().filter(|(_, count)| *count > 0);
        self.number(filled().count() as u64);
        for (index, count) in filled() {
            self.0.push(*index);
            self.number(*count);
        }
    }

    fn exemplars(&mut self, exemplars: &Exemplars) {
        self.number(exemplars.0.len() as u64);
        for trace in &exemplars.0 {
            self.0.extend_from_slice(&trace.0.to_le_bytes());
        }
    }
}

/// Reads what [`Writer`] wrote. The bytes come from this process, so they are whole.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn byte(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().expect("a bucket of this process is whole");
        self.0 = rest;
        *first
    }

    fn wide(&mut self) -> u128 {
        let (mut n, mut shift) = (0, 0);
        loop {
            let byte = self.byte();
            n |= u128::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return n;
            }
            shift += 7;
        }
    }

    fn number(&mut self) -> u64 {
        self.wide() as u64
    }

    fn node(&mut self) -> NodeId {
        NodeId(self.number() as u32)
    }

    fn symbol(&mut self) -> Symbol {
        Symbol(self.number() as u32)
    }

    fn edge(&mut self) -> EdgeStats {
        let calls = self.number();
        let adjusted = self.wide();
        let mut stats = EdgeStats {
            calls,
            adjusted,
            unknown_sampling: self.number(),
            caller_errors: self.number(),
            callee_errors: self.number(),
            either_errors: self.number(),
            first_attempts: self.number(),
            tail: self.number(),
            first_seen: self.number(),
            ..EdgeStats::default()
        };
        stats.last_seen = stats.first_seen + self.number();
        stats.evidence.iter_mut().for_each(|n| *n = self.number());
        stats.caller_latency = self.histogram();
        stats.callee_latency = self.histogram();
        stats.gap = self.histogram();
        stats.exemplars = self.exemplars();
        stats
    }

    fn flow(&mut self) -> FlowStats {
        let mut stats = FlowStats { requests: self.number(), adjusted: self.wide(), ..FlowStats::default() };
        stats.errors = self.number();
        stats.latency = self.histogram();
        for _ in 0..self.number() {
            let node = self.node();
            stats.touches.insert(node, self.number());
        }
        stats.exemplars = self.exemplars();
        stats
    }

    fn service(&mut self) -> ServiceStats {
        let mut stats = ServiceStats::default();
        tally_fields(&mut stats.tally).into_iter().for_each(|n| *n = self.number());
        for _ in 0..self.number() {
            let version = self.symbol();
            stats.versions.insert(version, self.number());
        }
        stats
    }

    fn histogram(&mut self) -> Histogram {
        let count = self.number();
        if count == 0 {
            return Histogram::default();
        }
        let (sum, min, max) = (self.wide(), self.number(), self.number());
        let filled = self.number();
        let buckets = (0..filled).map(|_| (self.byte(), self.number())).collect();
        Histogram { count, sum, min, max, buckets }
    }

    fn exemplars(&mut self) -> Exemplars {
        let count = self.number();
        Exemplars(
            (0..count)
                .map(|_| {
                    let (id, rest) = self.0.split_first_chunk().expect("a bucket of this process is whole");
                    self.0 = rest;
                    TraceId(u128::from_le_bytes(*id))
                })
                .collect(),
        )
    }
}
