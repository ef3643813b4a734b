//! Snapshots to documents: numbers to units that people read.

use std::collections::BTreeMap;

use super::document::*;
use crate::analyze::Evidence;
use crate::graph::{EdgeStats, Exemplars, FlowStats, Histogram};
use crate::model::time::rfc3339;
use crate::model::{UnixNanos, WEIGHT_ONE};
use crate::query::shared::OnPath;
use crate::query::{
    Coverage, Direction, EdgeEntry, FlowEntry, FlowsSnapshot, GraphQuery, GraphSnapshot, Level, NodeEntry,
};
use crate::telemetry::Reason;

/// Traces that the list of flows names of each.
const MOST_EXEMPLARS: usize = 8;

/// What an answer says beside its range: it changes while the range's numbers may not.
#[derive(Clone, Debug, Default)]
pub struct Freshness {
    /// When the answer is given; none where it is a matter of its range alone: of files, whose end is known.
    pub now: Option<UnixNanos>,
    /// How far reading lies behind the log, milliseconds; `None` for files, and where it is not known.
    pub lag_ms: Option<u64>,
    /// What did not reach the graph, by reason, where it is not counted by minutes: of files.
    pub dropped: Option<BTreeMap<String, u64>>,
    /// Further notes, in words.
    pub notes: Vec<String>,
}

impl Freshness {
    /// What an answer as of an instant says of itself: what its own minutes know, and nothing of now.
    fn at(&self, as_of: Option<UnixNanos>) -> Freshness {
        match as_of {
            Some(_) => Freshness { now: as_of, ..Freshness::default() },
            None => self.clone(),
        }
    }
}

/// The document of a graph.
pub fn graph_document(snapshot: &GraphSnapshot, freshness: &Freshness) -> GraphDocument {
    let graph = &snapshot.graph;
    let (range, completeness) = range_and_completeness(&snapshot.coverage, snapshot.query.as_of, freshness);
    GraphDocument {
        schema: GRAPH_SCHEMA.to_string(),
        range,
        level: level_name(snapshot.level()).to_string(),
        filter: filter(&snapshot.query),
        completeness,
        nodes: graph.node_weights().map(node).collect(),
        edges: graph
            .edge_indices()
            .filter_map(|idx| {
                let (caller, callee) = graph.edge_endpoints(idx)?;
                Some(edge(&graph[caller], &graph[callee], &graph[idx]))
            })
            .collect(),
    }
}

/// The document of flows.
pub fn flows_document(snapshot: &FlowsSnapshot, freshness: &Freshness) -> FlowsDocument {
    let (range, completeness) = range_and_completeness(&snapshot.coverage, snapshot.as_of, freshness);
    FlowsDocument {
        schema: FLOWS_SCHEMA.to_string(),
        range,
        completeness,
        flows: snapshot.flows.iter().map(flow).collect(),
    }
}

pub(super) fn level_name(level: Level) -> &'static str {
    match level {
        Level::Operation => "operation",
        Level::Service => "service",
        Level::Namespace => "namespace",
    }
}

/// The range of an answer, and how fresh and whole it is; `as_of` where the question fixes it to an instant.
pub(super) fn range_and_completeness(
    coverage: &Coverage,
    as_of: Option<UnixNanos>,
    freshness: &Freshness,
) -> (RangeDocument, CompletenessDocument) {
    let freshness = freshness.at(as_of);
    let to = coverage.to.start_nanos();
    let range = RangeDocument {
        from: rfc3339(coverage.from.start_nanos()),
        to: rfc3339(to),
        as_of: rfc3339(freshness.now.unwrap_or(to)),
    };
    (range, completeness(coverage, freshness))
}

fn filter(query: &GraphQuery) -> BTreeMap<String, String> {
    let direction = match query.direction {
        Direction::Callers => "callers",
        Direction::Callees => "callees",
        Direction::Both => "both",
    };
    let has_focus = query.focus.is_some();
    let given = [
        ("env", query.environment.clone()),
        ("namespace", query.namespace.clone()),
        ("focus", query.focus.clone()),
        ("hops", has_focus.then(|| query.hops.to_string())),
        ("direction", has_focus.then(|| direction.to_string())),
        ("flow", query.flow.clone()),
        ("min_calls", (query.min_calls > 0).then(|| query.min_calls.to_string())),
        ("errors_only", query.errors_only.then(|| "true".to_string())),
        ("collapse", query.collapse_messaging.then(|| "messaging".to_string())),
    ];
    given.into_iter().filter_map(|(key, value)| Some((key.to_string(), value?))).collect()
}

fn completeness(coverage: &Coverage, freshness: Freshness) -> CompletenessDocument {
    let Coverage { totals, dropped, provisional_from, notes, .. } = coverage;
    // Copies of spans are met in sessions, all else before the lanes.
    let of_range = Reason::ALL.into_iter().zip(dropped.iter().copied());
    let of_range = of_range.chain([(Reason::Duplicate, totals.duplicates)]).filter(|(_, count)| *count > 0);
    let of_range = || of_range.map(|(reason, count)| (reason.name().to_string(), count)).collect();
    CompletenessDocument {
        spans: totals.spans,
        late: totals.tail_spans,
        dropped: freshness.dropped.unwrap_or_else(of_range),
        lag_ms: freshness.lag_ms,
        incomplete_trace_share: share(totals.incomplete_traces, totals.traces),
        unknown_sampling_share: share(totals.unknown_sampling, totals.spans),
        provisional_from: provisional_from.map(|minute| rfc3339(minute.start_nanos())),
        notes: freshness.notes.into_iter().chain(notes.iter().cloned()).collect(),
    }
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

fn node(entry: &NodeEntry) -> NodeDocument {
    NodeDocument {
        id: entry.id.clone(),
        kind: if entry.is_namespace { "namespace" } else { entry.kind.name() }.to_string(),
        name: entry.name.to_string(),
        namespace: entry.namespace.to_string(),
        environment: entry.environment.to_string(),
        versions: entry.versions.iter().map(|version| version.to_string()).collect(),
        team: None,
        instrumented: entry.kind == crate::model::NodeKind::Service,
        operation: entry.operation.as_ref().map(|operation| operation.to_string()),
        requests: entry.requests,
        errors: entry.errors,
        critical: on_path(&entry.on_path, entry.is_marked),
    }
}

/// Where a path is marked, what lies on it is, whatever the numbers say of it.
fn on_path(numbers: &Option<OnPath>, is_marked: bool) -> Option<OnPathDocument> {
    let numbers = numbers.or(is_marked.then(OnPath::default))?;
    Some(OnPathDocument {
        flows: numbers.flows,
        share: numbers.share,
        score: numbers.score,
        effective_flows: numbers.effective_flows,
        through: numbers.through,
        marked: is_marked,
    })
}

/// An instant that is known.
fn instant(at: UnixNanos) -> Option<String> {
    (at > 0).then(|| rfc3339(at))
}

fn edge(caller: &NodeEntry, callee: &NodeEntry, entry: &EdgeEntry) -> EdgeDocument {
    let stats = &entry.stats;
    EdgeDocument {
        caller: caller.id.clone(),
        callee: callee.id.clone(),
        protocol: entry.protocol.name().to_string(),
        is_async: entry.is_async,
        calls: stats.calls,
        calls_adjusted: unweighted(stats.adjusted),
        requests: entry.requests,
        errors: ErrorsDocument {
            caller: stats.caller_errors,
            callee: stats.callee_errors,
            either: stats.either_errors,
        },
        latency_ms: latency(&stats.caller_latency),
        callee_latency_ms: latency(&stats.callee_latency),
        gap_ms: latency(&stats.gap),
        attempts_per_call: attempts_per_call(stats),
        evidence: EvidenceDocument {
            paired: stats.seen_as(Evidence::Paired),
            parent_child: stats.seen_as(Evidence::ParentChild),
            link: stats.seen_as(Evidence::Link),
            inferred: stats.seen_as(Evidence::Inferred),
        },
        tail_calls: stats.tail,
        unknown_sampling_calls: stats.unknown_sampling,
        first_seen: instant(stats.first_seen),
        last_seen: instant(stats.last_seen),
        exemplars: exemplars(&stats.exemplars),
        via: entry.via.iter().map(|name| name.to_string()).collect(),
        joined: entry.is_joined,
        critical: on_path(&entry.on_path, entry.is_marked),
    }
}

fn flow(entry: &FlowEntry) -> FlowDocument {
    FlowDocument {
        id: entry.id.clone(),
        name: entry.name.to_string(),
        service: entry.service.to_string(),
        namespace: entry.namespace.to_string(),
        environment: entry.environment.to_string(),
        requests: entry.stats.requests,
        requests_adjusted: unweighted(entry.stats.adjusted),
        errors: entry.stats.errors,
        latency_ms: latency(&entry.stats.latency),
        touches: entry
            .touches
            .iter()
            .map(|(node, requests)| TouchDocument { node: node.clone(), requests: *requests })
            .collect(),
        exemplars: flow_exemplars(&entry.stats),
    }
}

/// Traces that can be opened, some of those that its profile has; where none is kept, others of its requests.
fn flow_exemplars(stats: &FlowStats) -> Vec<String> {
    let sample = stats.traces.sample().iter().take(MOST_EXEMPLARS);
    let mut ids: Vec<String> = sample.map(|kept| kept.trace.to_string()).collect();
    ids.sort_unstable();
    if ids.is_empty() { exemplars(&stats.exemplars) } else { ids }
}

/// A logical call has at least one attempt, also where its first one fell into another minute.
fn attempts_per_call(stats: &EdgeStats) -> f64 {
    if stats.first_attempts == 0 { 1.0 } else { stats.calls as f64 / stats.first_attempts as f64 }
}

fn unweighted(fixed: u128) -> f64 {
    fixed as f64 / WEIGHT_ONE as f64
}

fn exemplars(exemplars: &Exemplars) -> Vec<String> {
    exemplars.sorted().iter().map(|trace| trace.to_string()).collect()
}

pub(super) fn latency(histogram: &Histogram) -> LatencyDocument {
    // Microseconds are the finest that the buckets tell apart; more digits would only look precise.
    let millis = |nanos: f64| (nanos / 1e3).round() / 1e3;
    let quantile = |q| histogram.quantile(q).map(millis);
    LatencyDocument {
        count: histogram.count,
        mean: histogram.mean().map(millis),
        p50: quantile(0.50),
        p95: quantile(0.95),
        p99: quantile(0.99),
        max: (histogram.count > 0).then(|| millis(histogram.max as f64)),
    }
}
