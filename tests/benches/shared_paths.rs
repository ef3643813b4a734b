//! Time to find what 2,000 flows of 256 calling contexts share, and the numbers of each node and edge on their paths.
//!
//! The aim is a second in the release profile on one idle core.
//! `every suffix` is the plain way for comparison: each run of up to eight nodes is counted in a map, with its flow and
//! its time through, and nothing is pruned, ranked or folded.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use linchpin::graph::Histogram;
use linchpin::model::{NodeId, NodeKind, WEIGHT_ONE};
use linchpin::query::shared::{
    FlowProfile, NodeName, ProfileEntry, Profiles, SharedOptions, on_path, shared_paths,
};

const FLOWS: u64 = 2_000;
const CONTEXTS: usize = 256;
/// Operations behind the entries, in layers: each calls some of the next layer.
const NODES: u64 = 4_000;
const LAYERS: u64 = 10;
const LONGEST: usize = 8;

/// A number that looks random and is the same in every run.
fn mixed(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// The callees of an operation: a few of the next layer, a third of them among its first ten, which everyone calls.
fn callees(node: u64) -> impl Iterator<Item = u64> {
    let per_layer = NODES / LAYERS;
    let next_layer = node / per_layer + 1;
    let count = if next_layer < LAYERS { 2 + mixed(node) % 3 } else { 0 };
    (0..count).map(move |call| {
        let draw = mixed(node * 8 + call);
        next_layer * per_layer + if draw.is_multiple_of(3) { draw / 3 % 10 } else { draw / 3 % per_layer }
    })
}

/// A flow's contexts, breadth first from an entry of its own over some operation of the first layers.
fn flow(number: u64) -> FlowProfile {
    let weight = |number: u64| u128::from(number * WEIGHT_ONE);
    let entry = |parent, node: u64, requests: u64, nanos: u64| ProfileEntry {
        parent,
        node: NodeId(node as u32),
        weight: weight(requests),
        exclusive: weight(requests) * u128::from(nanos),
        gap: if parent.is_some() { weight(requests) * 100_000 } else { 0 },
        inclusive: 0,
        retry: 0,
    };
    let requests = 20 + mixed(number) % 100_000;
    let mut entries = vec![entry(None, NODES + number % 500, requests, 1_000_000)];
    let first = mixed(number ^ 0xf10e) % (NODES / LAYERS * 3);
    entries.push(entry(Some(0), first, requests, 2_000_000));
    let mut at = 1;
    while at < entries.len() && entries.len() < CONTEXTS {
        let caller = entries[at];
        let caller_requests = (caller.weight / u128::from(WEIGHT_ONE)) as u64;
        let mut known = HashSet::new();
        for callee in callees(u64::from(caller.node.0)).filter(|callee| known.insert(*callee)) {
            let share = 4 + mixed(callee * 31 + number) % 5;
            let nanos = 50_000 + mixed(callee) % 3_000_000;
            entries.push(entry(Some(at), callee, caller_requests * share / 8, nanos));
        }
        at += 1;
    }
    entries.truncate(CONTEXTS);
    for at in (0..entries.len()).rev() {
        entries[at].inclusive += entries[at].exclusive + entries[at].gap;
        if let Some(parent) = entries[at].parent {
            let inclusive = entries[at].inclusive;
            entries[parent].inclusive += inclusive;
        }
    }
    let name: Arc<str> = format!("GET /flow/{number}").into();
    FlowProfile {
        id: format!("flow:gateway|{name}"),
        name,
        service: "gateway".into(),
        seen: requests,
        requests,
        weight: weight(requests),
        duration: entries[0].inclusive,
        tier_permille: 1_000,
        cut_weight: 0,
        latency: Histogram::default(),
        entries,
    }
}

fn name(node: NodeId) -> NodeName {
    let label = format!("service-{:04} GET /operation/{}", node.0 / 5, node.0 % 5);
    NodeName { id: format!("service:{label}"), label, kind: NodeKind::Service, is_other: false }
}

/// Flows and time through of every run of up to eight nodes.
fn every_suffix(profiles: &Profiles) -> usize {
    let mut known: HashMap<Vec<NodeId>, HashMap<usize, u128>> = HashMap::new();
    for (number, flow) in profiles.flows.iter().enumerate() {
        for entry in &flow.entries {
            let mut run = vec![entry.node];
            let mut above = entry.parent;
            loop {
                *known.entry(run.clone()).or_default().entry(number).or_default() += entry.inclusive;
                match above {
                    Some(parent) if run.len() < LONGEST => {
                        run.push(flow.entries[parent].node);
                        above = flow.entries[parent].parent;
                    }
                    _ => break,
                }
            }
        }
    }
    known.values().filter(|flows| flows.len() > 1).count()
}

fn shared(criterion: &mut Criterion) {
    let profiles = Profiles { seconds: 3_600.0, flows: (0..FLOWS).map(flow).collect() };
    let contexts: usize = profiles.flows.iter().map(|flow| flow.entries.len()).sum();
    let options = SharedOptions::default();
    let found = shared_paths(&profiles, &options, &mut name);
    println!("{contexts} contexts, {} segments listed and {} more", found.segments.len(), found.more);
    let mut group = criterion.benchmark_group("2,000 flows of 256 contexts");
    group.sample_size(10);
    group.throughput(Throughput::Elements(contexts as u64));
    group.bench_function("shared segments", |bencher| {
        bencher.iter(|| shared_paths(&profiles, &options, &mut name));
    });
    group.bench_function("numbers of nodes and edges", |bencher| {
        bencher.iter(|| on_path(&profiles, &options, &mut name));
    });
    group.bench_function("every suffix", |bencher| bencher.iter(|| every_suffix(&profiles)));
    group.finish();
}

criterion_group!(benches, shared);
criterion_main!(benches);
