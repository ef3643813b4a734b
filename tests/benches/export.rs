//! Time to write a service graph as JSON, DOT and text, at 1,000 services with 10,000 edges and at 2,000 with 50,000.
//!
//! The aim is 50 ms for JSON and 150 ms for DOT at the larger size, in the release profile on one idle core.

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use linchpin::export::document::{
    CompletenessDocument, EdgeDocument, ErrorsDocument, EvidenceDocument, GRAPH_SCHEMA, GraphDocument,
    LatencyDocument, NodeDocument, RangeDocument,
};
use linchpin::export::dot::{DotOptions, to_dot};
use linchpin::export::json::to_json;
use linchpin::export::text::{TextOptions, to_text};

fn node_id(service: usize) -> String {
    format!("service:service-{service:04}@namespace-{:02}#prod", service % 40)
}

fn node(service: usize) -> NodeDocument {
    NodeDocument {
        id: node_id(service),
        kind: "service".into(),
        name: format!("service-{service:04}"),
        namespace: format!("namespace-{:02}", service % 40),
        environment: "prod".into(),
        versions: vec!["1.2.3".into()],
        team: Some("a-team".into()),
        instrumented: true,
        operation: None,
        requests: 10_000,
        errors: service as u64,
        critical: None,
    }
}

/// Latencies with as many digits as quantiles of real histograms have.
fn latency(count: u64) -> LatencyDocument {
    let p50 = (count % 977) as f64 * 1.0437 + 0.3;
    LatencyDocument {
        count,
        mean: Some(p50 * 1.1),
        p50: Some(p50),
        p95: Some(p50 * 2.31),
        p99: Some(p50 * 4.7),
        max: Some(p50 * 9.13),
    }
}

fn edge(caller: usize, callee: usize, calls: u64) -> EdgeDocument {
    EdgeDocument {
        caller: node_id(caller),
        callee: node_id(callee),
        protocol: "http".into(),
        is_async: false,
        calls,
        calls_adjusted: calls as f64,
        requests: None,
        errors: ErrorsDocument { caller: calls / 100, callee: calls / 200, either: calls / 90 },
        latency_ms: latency(calls),
        callee_latency_ms: latency(calls / 2 + 1),
        gap_ms: latency(calls / 3 + 1),
        attempts_per_call: 1.0372,
        evidence: EvidenceDocument { paired: calls, ..Default::default() },
        tail_calls: 0,
        unknown_sampling_calls: 0,
        first_seen: Some("2024-12-11T10:00:00.120Z".into()),
        last_seen: Some("2024-12-11T10:14:59.870Z".into()),
        exemplars: vec!["0af7651916cd43dd8448eb211c80319c".into(); 3],
        via: Vec::new(),
        joined: true,
        critical: None,
    }
}

/// Edges spread evenly over callers, callees far and near, calls from one to a million.
fn graph(services: usize, edges: usize) -> GraphDocument {
    let edge_at = |place: usize| {
        let caller = place * services / edges;
        let callee = (caller + 1 + place * 7_919 % (services - 1)) % services;
        edge(caller, callee, place as u64 * 2_654_435_761 % 1_000_000 + 1)
    };
    GraphDocument {
        schema: GRAPH_SCHEMA.into(),
        range: RangeDocument {
            from: "2024-12-11T10:00:00.000Z".into(),
            to: "2024-12-11T10:15:00.000Z".into(),
            as_of: "2024-12-11T10:15:02.500Z".into(),
        },
        level: "service".into(),
        filter: Default::default(),
        completeness: CompletenessDocument::default(),
        nodes: (0..services).map(node).collect(),
        edges: (0..edges).map(edge_at).collect(),
    }
}

fn export(criterion: &mut Criterion) {
    for (services, edges) in [(1_000, 10_000), (2_000, 50_000)] {
        let graph = graph(services, edges);
        let size = format!("{services}/{edges}");
        let mut group = criterion.benchmark_group("export");
        group.sample_size(20);
        group.bench_function(BenchmarkId::new("json", &size), |b| b.iter(|| to_json(&graph, false)));
        group.bench_function(BenchmarkId::new("dot", &size), |b| {
            b.iter(|| to_dot(&graph, &DotOptions::default()))
        });
        group.bench_function(BenchmarkId::new("text", &size), |b| {
            b.iter(|| to_text(&graph, &TextOptions::default()))
        });
        group.finish();
    }
}

criterion_group!(benches, export);
criterion_main!(benches);
