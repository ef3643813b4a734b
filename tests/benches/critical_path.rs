//! Time to find the critical path of one trace of 1,000 spans, from its decoded spans: tree, linking, path.
//!
//! The aim is 300 µs in the release profile on one idle core. `tree, links and call path` is what is done for every trace.

use std::sync::Arc;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use linchpin::analyze::{Analyzer, Scope};
use linchpin::config::Config;
use linchpin::model::{Resource, ResourceId, Span, SpanId, SpanKind, Symbols, TraceId};

const SPANS: u64 = 1_000;
const SERVICES: u64 = 40;
/// Calls that a server makes, one after the other but for the last two.
const CALLS: u64 = 4;
/// Long enough for all levels of the tree.
const ROOT_NANOS: u64 = 10_000_000_000;

/// A server, what it calls through a client span each, and so on, breadth first; every service on its own host.
fn trace(symbols: &Symbols) -> Vec<Span> {
    let resource = |service: u64| {
        let [name, clock] = ["service", "host"].map(|what| symbols.intern(&format!("{what}-{service}")));
        ResourceId(symbols.resources.intern(Resource { service: name, clock, ..Resource::default() }))
    };
    let operation = |number: u64| symbols.intern(&format!("operation-{}", number % 100));
    let span = |number: u64, parent: u64, (start, end): (u64, u64), kind: SpanKind, service: u64| Span {
        id: SpanId(number.wrapping_mul(0x9e37_79b9_7f4a_7c15)),
        parent: if parent == 0 { SpanId::NONE } else { SpanId(parent.wrapping_mul(0x9e37_79b9_7f4a_7c15)) },
        start,
        end,
        kind,
        resource: resource(service),
        operation: operation(number),
        request: operation(number),
        ..Span::default()
    };
    let begin = 1_700_000_000_000_000_000;
    let mut spans = vec![span(1, 0, (begin, begin + ROOT_NANOS), SpanKind::Server, 0)];
    let mut servers = std::collections::VecDeque::from([(1, (begin, begin + ROOT_NANOS), 0)]);
    while let Some((parent, (start, end), service)) = servers.pop_front() {
        let slot = (end - start) / (CALLS + 1);
        for call in 0..CALLS {
            if spans.len() as u64 + 2 > SPANS {
                return spans;
            }
            let from = start + slot * call.min(CALLS - 2) + slot / 10;
            let (asked, answered) = ((from, from + slot), (from + slot / 20, from + slot - slot / 20));
            let (client, server) = (spans.len() as u64 + 1, spans.len() as u64 + 2);
            let callee = (service * CALLS + call + 1) % SERVICES;
            spans.push(span(client, parent, asked, SpanKind::Client, service));
            spans.push(span(server, client, answered, SpanKind::Server, callee));
            servers.push_back((server, answered, callee));
        }
    }
    spans
}

fn critical_path(criterion: &mut Criterion) {
    let symbols: Arc<Symbols> = Symbols::new(100_000);
    let spans = trace(&symbols);
    let mut analyzer = Analyzer::new(symbols, &Config::default());
    let mut group = criterion.benchmark_group("trace of 1,000 spans");
    group.throughput(Throughput::Elements(spans.len() as u64));
    group.bench_function("tree, links and call path", |bencher| {
        let analyze = |spans| analyzer.analyze(TraceId(1), spans, Scope::WHOLE);
        bencher.iter_batched(|| spans.clone(), analyze, BatchSize::SmallInput);
    });
    group.bench_function("tree, links and sections of the path", |bencher| {
        bencher.iter_batched(|| spans.clone(), |spans| analyzer.critical_path(spans), BatchSize::SmallInput);
    });
    group.finish();
}

criterion_group!(benches, critical_path);
criterion_main!(benches);
