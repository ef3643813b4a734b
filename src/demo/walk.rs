//! Scenario `scale`: traces through a [`Topology`], which may be large and have cycles.
//!
//! A trace is a walk from a caller downwards, bounded in depth and in spans, so cycles end.
//! Over many traces the calls of all edges are in the proportions of the topology: a walk never takes an edge that is
//! ahead of its share, and traces begin where edges are behind. Every edge is taken once early on.

use super::conventions::{self, Conventions, grpc, http};
use super::random::Random;
use super::span::{Catalog, Instance, InstanceId, SimSpan, TemplateId, text};
use super::topology::Topology;
use super::truth::{EdgeKind, NameId, Truth};
use crate::model::{RemoteParent, SpanId, TraceId, UnixNanos};

/// Longest chain of calls.
const MAX_DEPTH: usize = 14;
/// Calls after which a walk goes no deeper.
const MAX_CALLS_PER_TRACE: usize = 60;
/// Mean number of calls that one visit makes, at most.
const MAX_FAN_OUT: u64 = 5;
/// Every so many traces one begins at an edge that was never taken.
const COVER_EVERY: u64 = 3;
/// Services per simulated node.
const SERVICES_PER_NODE: u32 = 16;
const MICRO: u64 = 1_000;
const MILLI: u64 = 1_000_000;
/// Failures on both sides, and time-outs of the caller alone, of 10,000 calls.
const ERRORS: u32 = 30;
const TIME_OUTS: u32 = 20;

/// An operation's spans.
struct WalkOperation {
    entered: TemplateId,
    asked: TemplateId,
}

struct WalkService {
    name: NameId,
    instances: [InstanceId; 2],
    operations: Vec<WalkOperation>,
    /// Edges that it calls by.
    out: Vec<usize>,
    /// Calls of all edges into it, at least 1.
    calls_in: u64,
    calls_out: u64,
}

struct WalkEdge {
    caller: usize,
    callee: usize,
    calls: u64,
    taken: u64,
}

/// Makes the traces of a topology.
pub struct Walk {
    services: Vec<WalkService>,
    edges: Vec<WalkEdge>,
    /// Running sums of the edges' calls.
    sums: Vec<u64>,
    total_calls: u64,
    total_taken: u64,
    /// Edges in random order; those before `covered` were taken.
    cover: Vec<usize>,
    covered: usize,
    traces: u64,
    seed: u64,
}

/// One trace being made.
struct Trace<'a> {
    id: TraceId,
    random: Random,
    spans: &'a mut Vec<SimSpan>,
    truth: &'a mut Truth,
    calls: usize,
}

impl Walk {
    /// A walker over `topology`; fills the catalogue.
    pub fn new(topology: &Topology, catalog: &mut Catalog, truth: &mut Truth, seed: u64) -> Walk {
        let mut services: Vec<WalkService> = topology
            .services
            .iter()
            .enumerate()
            .map(|(number, name)| add_service(number as u32, name, catalog, truth))
            .collect();
        let mut sums = Vec::with_capacity(topology.edges.len());
        let mut total_calls = 0;
        for (number, edge) in topology.edges.iter().enumerate() {
            services[edge.caller].out.push(number);
            services[edge.caller].calls_out += edge.calls;
            services[edge.callee].calls_in += edge.calls;
            total_calls += edge.calls;
            sums.push(total_calls);
        }
        let edges = topology.edges.iter().map(|edge| WalkEdge {
            caller: edge.caller,
            callee: edge.callee,
            calls: edge.calls,
            taken: 0,
        });
        let cover = shuffled(topology.edges.len(), &mut Random::for_item(seed, 0));
        Walk {
            services,
            edges: edges.collect(),
            sums,
            total_calls,
            total_taken: 0,
            cover,
            covered: 0,
            traces: 0,
            seed,
        }
    }

    /// Appends the spans of the next trace, which begins at `at`.
    pub fn trace(&mut self, at: UnixNanos, truth: &mut Truth, spans: &mut Vec<SimSpan>) {
        self.traces += 1;
        let mut random = Random::for_item(self.seed, self.traces);
        let first = self.choose_edge(&mut random);
        let id = TraceId(u128::from(random.next_u64()) << 64 | u128::from(random.next_u64() | 1));
        let mut trace = Trace { id, random, spans, truth, calls: 0 };
        let caller = self.edges[first].caller;
        let operation = trace.random.position(self.services[caller].operations.len());
        let visit = Visit { service: caller, operation, parent: SpanId::NONE, depth: 0, first: Some(first) };
        self.visit(&mut trace, visit, at);
    }

    /// The edge a trace begins with: one that was never taken, or one that is behind its share.
    fn choose_edge(&mut self, random: &mut Random) -> usize {
        while self.covered < self.cover.len() && self.edges[self.cover[self.covered]].taken > 0 {
            self.covered += 1;
        }
        if self.traces.is_multiple_of(COVER_EVERY) && self.covered < self.cover.len() {
            return self.cover[self.covered];
        }
        let mut chosen = 0;
        // Edges are drawn by their calls; some are always behind, so few draws are needed.
        for _ in 0..256 {
            let draw = random.below(self.total_calls);
            chosen = self.sums.partition_point(|sum| *sum <= draw);
            if self.is_behind(chosen) {
                break;
            }
        }
        chosen
    }

    fn is_behind(&self, edge: usize) -> bool {
        let WalkEdge { calls, taken, .. } = self.edges[edge];
        let share = u128::from(calls) * u128::from(self.total_taken + 1);
        u128::from(taken) * u128::from(self.total_calls) <= share
    }

    /// A service works on a request; yields the end.
    fn visit(&mut self, trace: &mut Trace<'_>, visit: Visit, at: UnixNanos) -> UnixNanos {
        let id = SpanId(trace.random.next_u64() | 1);
        let instance = self.services[visit.service].instances[trace.random.position(2)];
        let mut now = at + trace.random.around(MILLI);
        for edge in self.choose_calls(trace, &visit) {
            let end = self.call(trace, (instance, id), edge, visit.depth, now);
            // Two of three calls wait for the one before.
            if !edge.is_multiple_of(3) {
                now = now.max(end);
            }
        }
        let end = now + trace.random.around(MILLI);
        let is_error = visit.has_failed(trace);
        trace.spans.push(SimSpan {
            is_error,
            status_code: 200,
            remote_parent: visit.remote_parent(),
            ..span(trace.id, id, visit.parent, instance, self.entered(&visit), at, end)
        });
        end
    }

    fn entered(&self, visit: &Visit) -> TemplateId {
        self.services[visit.service].operations[visit.operation].entered
    }

    /// Edges to call by, each as often as its share of the calls into the service says.
    fn choose_calls(&mut self, trace: &mut Trace<'_>, visit: &Visit) -> Vec<usize> {
        let mut chosen: Vec<usize> = visit.first.into_iter().collect();
        if visit.depth < MAX_DEPTH && trace.calls < MAX_CALLS_PER_TRACE {
            let service = &self.services[visit.service];
            let visits = service.calls_in.max(service.calls_out.div_ceil(MAX_FAN_OUT)).max(1);
            for edge in &service.out {
                let draw = u128::from(trace.random.next_u64() >> 48);
                let wanted = ((u128::from(self.edges[*edge].calls) << 16) / u128::from(visits) + draw) >> 16;
                for _ in 0..wanted.min(u128::from(MAX_FAN_OUT)) {
                    if visit.first != Some(*edge) && self.is_behind(*edge) {
                        chosen.push(*edge);
                    }
                }
            }
        }
        chosen.iter().for_each(|edge| {
            self.edges[*edge].taken += 1;
            self.total_taken += 1;
        });
        trace.calls += chosen.len();
        chosen
    }

    fn call(
        &mut self,
        trace: &mut Trace<'_>,
        (instance, parent): (InstanceId, SpanId),
        edge: usize,
        depth: usize,
        at: UnixNanos,
    ) -> UnixNanos {
        let asking = SpanId(trace.random.next_u64() | 1);
        let (caller, callee) = (self.edges[edge].caller, self.edges[edge].callee);
        // An edge has a preferred operation, so that edges between operations stay in proportion to those of services.
        let operations = self.services[callee].operations.len();
        let operation = (edge + trace.random.position(8) / 7) % operations;
        let sent = at + trace.random.around(200 * MICRO);
        let visit = Visit { service: callee, operation, parent: asking, depth: depth + 1, first: None };
        let spans_before = trace.spans.len();
        let answered = self.visit(trace, visit, sent) + trace.random.around(200 * MICRO);
        let has_failed = trace.spans[spans_before..].last().is_some_and(|span| span.is_error);
        let is_late = trace.random.happens(TIME_OUTS);
        let end = if is_late { at + (answered - at) / 2 } else { answered };
        let is_error = has_failed || is_late;
        let template = self.services[callee].operations[operation].asked;
        trace.spans.push(SimSpan {
            is_error,
            status_code: if is_late { 0 } else { 200 },
            remote_parent: RemoteParent::Local,
            ..span(trace.id, asking, parent, instance, template, at, end)
        });
        let ends = (self.services[caller].name, self.services[callee].name);
        trace.truth.count(EdgeKind::Service, ends, (is_error, has_failed));
        end
    }
}

/// A request to a service.
struct Visit {
    service: usize,
    operation: usize,
    parent: SpanId,
    depth: usize,
    /// An edge that must be taken.
    first: Option<usize>,
}

impl Visit {
    fn has_failed(&self, trace: &mut Trace<'_>) -> bool {
        !self.parent.is_none() && trace.random.happens(ERRORS)
    }

    fn remote_parent(&self) -> RemoteParent {
        if self.parent.is_none() { RemoteParent::Local } else { RemoteParent::Remote }
    }
}

fn span(
    trace: TraceId,
    id: SpanId,
    parent: SpanId,
    instance: InstanceId,
    template: TemplateId,
    start: UnixNanos,
    end: UnixNanos,
) -> SimSpan {
    SimSpan {
        trace,
        id,
        parent,
        template,
        instance,
        start,
        end,
        is_error: false,
        remote_parent: RemoteParent::Unknown,
        status_code: 0,
        resend_count: 0,
        variation: id.0 as u32 >> 12,
        links: Vec::new(),
        trace_state: "",
        delay: 0,
    }
}

fn add_service(number: u32, name: &str, catalog: &mut Catalog, truth: &mut Truth) -> WalkService {
    let instances = [0, 1].map(|replica| {
        // The second instance stands on another node.
        let node = (number / SERVICES_PER_NODE).wrapping_add(replica * 3);
        catalog.add_instance(Instance {
            essential: vec![
                text("service.name", name.to_owned()),
                text("service.namespace", format!("team-{}", number % 40)),
                text("service.version", "1.0.0"),
                text("deployment.environment.name", "production"),
                text("host.name", format!("node-{node:04}")),
            ],
            further: vec![
                text("service.instance.id", format!("{name}-{replica}")),
                text("telemetry.sdk.language", "go"),
            ],
            scope: "io.opentelemetry.instrumentation",
            agent: node,
        })
    });
    let operations = (0..1 + number % 3).map(|operation| {
        let endpoint = match operation {
            0 => http("GET", format!("/{name}/items/{{id}}")),
            1 => http("POST", format!("/{name}/items")),
            _ => grpc(format!("{name}.v1.Items"), "List"),
        };
        WalkOperation {
            entered: catalog.add_template(conventions::server(&endpoint, name, Conventions::Stable)),
            asked: catalog.add_template(conventions::client(&endpoint, name, Conventions::Stable)),
        }
    });
    let operations = operations.collect();
    WalkService { name: truth.name(name), instances, operations, out: Vec::new(), calls_in: 0, calls_out: 0 }
}

fn shuffled(len: usize, random: &mut Random) -> Vec<usize> {
    let mut order: Vec<usize> = (0..len).collect();
    for at in (1..len).rev() {
        order.swap(at, random.position(at + 1));
    }
    order
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const START: UnixNanos = 1_767_225_600_000_000_000;

    fn walk(topology: &Topology, traces: u64) -> (Truth, Vec<Vec<SimSpan>>) {
        let (mut catalog, mut truth) = (Catalog::default(), Truth::default());
        let mut walk = Walk::new(topology, &mut catalog, &mut truth, 1);
        let traces = (0..traces)
            .map(|number| {
                let mut spans = Vec::new();
                walk.trace(START + number * MILLI, &mut truth, &mut spans);
                spans
            })
            .collect();
        (truth, traces)
    }

    #[test]
    fn cycles_end_and_traces_stay_small() {
        let rows = "a\tb\t100\nb\tc\t300\nc\ta\t900\nc\td\t9000\nd\tb\t5\n";
        let (_, traces) = walk(&Topology::parse(rows).unwrap(), 3_000);
        for spans in &traces {
            let parents: BTreeMap<SpanId, SpanId> = spans.iter().map(|span| (span.id, span.parent)).collect();
            assert!(spans.len() <= 2 * (MAX_CALLS_PER_TRACE + 64), "{} spans", spans.len());
            assert_eq!(spans.iter().filter(|span| span.parent.is_none()).count(), 1);
            let depth_of = |mut id: SpanId| {
                let mut depth = 0;
                while !id.is_none() {
                    depth += 1;
                    id = parents[&id];
                }
                depth
            };
            let deepest = spans.iter().map(|span| depth_of(span.id)).max().unwrap();
            assert!(deepest <= 2 * (MAX_DEPTH + 1) + 1, "{deepest} spans deep");
        }
        assert!(traces.iter().map(Vec::len).max().unwrap() > 12, "walks go on through the cycle");
    }

    #[test]
    fn every_edge_is_taken_and_calls_are_in_proportion() {
        let topology = Topology::layered(60, 4);
        let (truth, _) = walk(&topology, 60_000);
        let rows = truth.rows();
        assert_eq!(rows.len(), topology.edges.len());
        let total: u64 = rows.iter().map(|row| row.3.calls).sum();
        let weights: u64 = topology.edges.iter().map(|edge| edge.calls).sum();
        for edge in &topology.edges {
            let ends = (topology.services[edge.caller].as_str(), topology.services[edge.callee].as_str());
            let calls = rows.iter().find(|row| (row.1, row.2) == ends).unwrap().3.calls as f64;
            let expected = edge.calls as f64 / weights as f64 * total as f64;
            assert!(
                (calls - expected).abs() <= 5.0 + expected * 0.05,
                "{ends:?}: {calls}, not {expected:.1}"
            );
        }
    }
}
