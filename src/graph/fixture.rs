//! Random facts for tests, and a bucket in a form that can be compared.

use proptest::prelude::*;

use super::{Bucket, FlowStats};
use crate::analyze::{Call, CallPath, Evidence, Facts, FlowRequest, Joined, PathPlace, Tally, Visit};
use crate::model::{
    Links, Minute, Node, NodeId, NodeKind, Peer, PeerId, Protocol, Resource, ResourceId, Sampling, Span,
    SpanId, SpanKind, Symbols, TraceId,
};

/// Service `s{n}`, operation `o{m}` of it; m = 0 is the service itself.
fn node(symbols: &Symbols, service: u32, operation: u32) -> NodeId {
    let operation = if operation == 0 { String::new() } else { format!("o{operation}") };
    let name = symbols.intern(&format!("s{service}"));
    NodeId(symbols.nodes.intern(Node { name, operation: symbols.intern(&operation), ..Node::default() }))
}

/// One call.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub minute: u32,
    pub lane: u32,
    pub caller: (u32, u32),
    pub callee: (u32, u32),
    pub nanos: u64,
    pub is_error: bool,
    pub trace: u128,
}

/// The facts of a trace with one call.
pub(crate) fn facts(symbols: &Symbols, row: &Row) -> Facts {
    let caller = node(symbols, row.caller.0, row.caller.1);
    let callee = node(symbols, row.callee.0, row.callee.1);
    let name = format!("f{}", row.caller.1);
    let call = Call {
        caller,
        callee,
        protocol: Protocol::Http,
        is_async: false,
        evidence: Evidence::Paired,
        caller_error: row.is_error,
        callee_error: false,
        is_first_attempt: true,
        count: 1,
        start: Minute(row.minute).start_nanos() + row.nanos,
        caller_ns: Some(row.nanos),
        callee_ns: Some(row.nanos / 2),
        sampling: Sampling::from_threshold(1 << 55),
    };
    let tally = Tally { spans: 2, unknown_sampling: 1, ..Tally::default() };
    Facts {
        minute: Minute(row.minute),
        trace: TraceId(row.trace),
        joined: vec![Joined { call: call.clone(), sent_to: callee, taken_from: callee }],
        visits: vec![Visit {
            node: callee,
            version: symbols.intern("v1"),
            is_error: row.is_error,
            duration_ns: row.nanos,
            is_called: row.trace.is_multiple_of(2),
        }],
        flows: vec![FlowRequest {
            root: caller,
            name: symbols.intern(&name),
            base: symbols.intern(if row.caller.0.is_multiple_of(2) { "base" } else { &name }),
            is_error: row.is_error,
            duration_ns: row.nanos,
            sampling: Sampling::UNKNOWN,
            touches: vec![node(symbols, row.caller.0, 0), node(symbols, row.callee.0, 0)],
            path: Some(path(symbols, row)),
            share: None,
        }],
        tallies: vec![(node(symbols, row.caller.0, 0), tally)],
        calls: vec![call],
        spans: spans(symbols, row),
        ..Facts::default()
    }
}

/// A request that the caller answers, and a query below it whose parent is named, missing or linked.
fn spans(symbols: &Symbols, row: &Row) -> Vec<Span> {
    let resource = |service: u32| {
        let text = |text: String| symbols.intern(&text);
        let (service, clock) = (text(format!("s{service}")), text(format!("host-{}", row.trace % 3)));
        ResourceId(symbols.resources.intern(Resource {
            service,
            clock,
            version: text("v1".into()),
            ..Resource::default()
        }))
    };
    let start = Minute(row.minute).start_nanos();
    let root = Span {
        id: SpanId(1 + row.trace as u64),
        start,
        end: start + row.nanos,
        resource: resource(row.caller.0),
        operation: symbols.intern(&format!("o{}", row.caller.1)),
        request: symbols.intern("base"),
        kind: SpanKind::Server,
        is_error: row.is_error,
        ..Span::default()
    };
    let peer = Peer { kind: NodeKind::Database, name: symbols.intern("mysql/ts"), ..Peer::default() };
    let links = Links { same_trace: vec![root.id, SpanId(7)], other_traces: 3, dropped: 1 };
    let query = Span {
        id: SpanId(1_000 + row.trace as u64),
        parent: if row.trace.is_multiple_of(4) { SpanId(0xbad) } else { root.id },
        start: start + row.nanos / 3,
        resource: resource(row.callee.0),
        peer: PeerId(symbols.peers.intern(peer)),
        kind: SpanKind::Client,
        protocol: Protocol::Database,
        links: row.trace.is_multiple_of(5).then(|| Box::new(links)),
        is_resend: true,
        sampling: sampling(row),
        ..root.clone()
    };
    vec![root, query]
}

/// The caller, its callee, and some node that both of them call; the times add up to those of the row.
fn path(symbols: &Symbols, row: &Row) -> CallPath {
    let [root, callee] =
        [row.caller, row.callee].map(|(service, operation)| node(symbols, service, operation));
    let third = node(symbols, (row.trace % 5) as u32, 1 + (row.trace / 5 % 5) as u32);
    let parts = [row.nanos / 2, row.nanos / 5, row.nanos / 7];
    let rest = row.nanos - parts.iter().sum::<u64>();
    let mut path = CallPath { sampling: sampling(row), places: vec![place(None, root)] };
    path.places[0].exclusive_ns = parts[0];
    let at = below(&mut path, 0, callee);
    path.places[at].gap_ns += parts[1] / 2;
    path.places[at].exclusive_ns += parts[1] - parts[1] / 2;
    path.places[at].retry_ns += if row.is_error { parts[1] } else { 0 };
    let at = below(&mut path, at, third);
    path.places[at].exclusive_ns += parts[2];
    let at = below(&mut path, 0, third);
    path.places[at].gap_ns += rest;
    path
}

fn below(path: &mut CallPath, caller: usize, node: NodeId) -> usize {
    let parent = Some(caller as u32);
    let known = path.places.iter().position(|place| (place.parent, place.node) == (parent, node));
    match known {
        _ if path.places[caller].node == node => caller,
        Some(known) => known,
        None => {
            path.places.push(place(parent, node));
            path.places.len() - 1
        }
    }
}

fn place(parent: Option<u32>, node: NodeId) -> PathPlace {
    PathPlace { parent, node, exclusive_ns: 0, gap_ns: 0, retry_ns: 0 }
}

/// Some requests are known to stand for two.
fn sampling(row: &Row) -> Sampling {
    if row.trace.is_multiple_of(3) { Sampling::from_threshold(1 << 55) } else { Sampling::UNKNOWN }
}

/// Random calls in the minutes from 0 to 199 of three lanes.
pub(crate) fn rows() -> impl Strategy<Value = Vec<Row>> {
    let end = || (0..5u32, 1..6u32);
    let row = (0..200u32, 0..3u32, end(), end(), 0..10_000_000u64, any::<bool>(), 0..50u128);
    let row = row.prop_map(|(minute, lane, caller, callee, nanos, is_error, trace)| Row {
        minute,
        lane,
        caller,
        callee,
        nanos,
        is_error,
        trace,
    });
    proptest::collection::vec(row, 1..80)
}

/// All that a bucket shows, in a form that can be compared.
pub(crate) fn shown(bucket: &Bucket) -> String {
    let sample = |stats: &FlowStats| -> Vec<_> {
        stats.traces.sample().iter().map(|kept| (kept.trace, kept.weight, kept.spans.clone())).collect()
    };
    let mut lines: Vec<String> =
        bucket.flows.iter().map(|(key, stats)| format!("{key:?} {:?}", sample(stats))).collect();
    lines.sort();
    lines.push(shown_without_spans(bucket));
    lines.join("\n")
}

/// The same of an answer, which has no spans of kept traces.
pub(crate) fn shown_without_spans(bucket: &Bucket) -> String {
    let mut lines: Vec<String> = Vec::new();
    lines.extend(bucket.edges.iter().map(|(key, stats)| format!("{key:?} {stats:?}")));
    lines.extend(bucket.joined.iter().map(|(key, stats)| format!("{key:?} {stats:?}")));
    lines.extend(bucket.nodes.iter().map(|(key, stats)| format!("{key:?} {stats:?}")));
    for (key, stats) in &bucket.flows {
        let mut touches: Vec<_> = stats.touches.iter().collect();
        touches.sort();
        let numbers =
            (stats.requests, stats.adjusted, stats.errors, &stats.latency, stats.exemplars.sorted());
        lines.push(format!("{key:?} {numbers:?} {touches:?}"));
        let paths = &stats.paths;
        let numbers = (paths.requests, paths.weight, paths.weight_squares, paths.duration, paths.tree());
        lines.push(format!("{key:?} {numbers:?}"));
    }
    for (key, FlowStats { calls, .. }) in &bucket.flows {
        let others = (calls.calls.other, calls.joined.other, calls.arrivals.other);
        lines.push(format!("{key:?} {} {others:?}", calls.requests));
        lines.extend(calls.calls.known().map(|(call, sums)| format!("{key:?} {call:?} {sums:?}")));
        lines.extend(calls.joined.known().map(|(pair, sums)| format!("{key:?} {pair:?} {sums:?}")));
        lines.extend(calls.arrivals.known().map(|(node, sums)| format!("{key:?} {node:?} {sums:?}")));
    }
    for (key, stats) in &bucket.flows {
        let kept = stats.traces.sample().iter().map(|kept| (kept.trace, stats.traces.sample_weight(kept)));
        lines.push(format!("{key:?} {:?}", kept.collect::<Vec<_>>()));
    }
    for (key, stats) in &bucket.services {
        let mut versions: Vec<_> = stats.versions.iter().collect();
        versions.sort();
        lines.push(format!("{key:?} {:?} {versions:?}", stats.tally));
    }
    lines.sort();
    lines.push(format!("{:?}", bucket.totals));
    lines.join("\n")
}
