//! The live graph as the API asks for it.

use std::sync::atomic::Ordering::Relaxed;

use super::now_nanos;
use super::pipeline::Shared;
use crate::api::{Answers, GraphStatus, LimitedBy, MissingRow, StoreStatus};
use crate::export::critical_path::{CriticalPathDocument, critical_path_document};
use crate::export::document::{FlowsDocument, GraphDocument};
use crate::export::flow_profile::{FlowProfileDocument, flow_profile_document};
use crate::export::river::RiverDocument;
use crate::export::shared_paths::SharedPathsDocument;
use crate::export::{Freshness, flows_document, graph_document, path_scope, shared_documents};
use crate::graph::sealed::Width;
use crate::model::time::{NANOS_PER_MILLI, rfc3339};
use crate::model::{Minute, NodeId, TraceId};
use crate::query::{self, FlowQuery, GraphQuery, PathQuery, QueryError};
use crate::store::HistorySize;

/// Minutes that the status looks back on.
const STATUS_MINUTES: u32 = 15;
/// Lag up to which an answer is not worth a note, milliseconds.
const LAG_NOTED_MS: u64 = 30_000;

/// Answers from the live graph.
pub(super) struct LiveAnswers {
    shared: Shared,
}

impl LiveAnswers {
    pub fn new(shared: Shared) -> LiveAnswers {
        LiveAnswers { shared }
    }

    fn freshness(&self) -> Freshness {
        let now = now_nanos();
        let partitions = self.shared.telemetry.partitions.all();
        let behind = |log_time: i64| (now / NANOS_PER_MILLI).saturating_sub(log_time.max(0) as u64);
        let waiting = partitions.values().filter(|partition| partition.lag() > 0);
        let connection = self.shared.telemetry.partitions.connection();
        let lag_ms = waiting.filter_map(|partition| partition.log_time.map(behind)).max().unwrap_or(0);
        let mut notes = Vec::new();
        if lag_ms > LAG_NOTED_MS {
            notes.push(format!("still catching up: reading is {} s behind the log", lag_ms / 1000));
        }
        notes.extend(connection.problem);
        // Without a broker nobody knows how far the log goes.
        let lag_ms = connection.is_connected.then_some(lag_ms);
        Freshness { now: Some(now), lag_ms, dropped: None, notes }
    }

    fn store_status(&self, size: &HistorySize) -> StoreStatus {
        let counters = &self.shared.sealing;
        let timeline = &self.shared.timeline;
        let buckets = Width::ALL.into_iter().zip(size.buckets);
        StoreStatus {
            path: timeline.history.disk().map(|disk| disk.path().display().to_string()),
            sealed_to: timeline.sealed_to().map(|minute| rfc3339(minute.start_nanos())),
            buckets: buckets.map(|(width, count)| (width.name().to_string(), count as u64)).collect(),
            bytes: size.bytes,
            waiting: size.unwritten as u64,
            problem: counters.problem(),
            sealed_minutes: counters.sealed.load(Relaxed),
            sealed_bytes: counters.bytes.load(Relaxed),
            nondeterminism: counters.nondeterminism.load(Relaxed),
            refused: counters.refused.load(Relaxed),
            damaged: size.damaged.iter().map(|(key, problem)| format!("{key}: {problem}")).collect(),
            notes: self.shared.resume.notes.clone(),
        }
    }

    fn missing_row(&self, service: NodeId, tally: &crate::analyze::Tally) -> MissingRow {
        let symbols = self.shared.symbols();
        let node = symbols.nodes.get(service.0);
        MissingRow {
            service: symbols.text(node.name).to_string(),
            namespace: symbols.text(node.namespace).to_string(),
            environment: symbols.text(node.environment).to_string(),
            spans: tally.spans,
            orphans: tally.orphans,
            tail_spans: tally.tail_spans,
            clients_without_peer: tally.clients_without_peer,
            cross_trace_links: tally.links_to_other_traces,
            self_calls: tally.self_calls,
        }
    }
}

impl Answers for LiveAnswers {
    fn graph(&self, query: &GraphQuery) -> Result<GraphDocument, QueryError> {
        let snapshot = query::graph(&self.shared.timeline, query, &self.shared.config.shared, now_nanos())?;
        Ok(graph_document(&snapshot, &self.freshness()))
    }

    fn flows(&self, query: &FlowQuery) -> Result<FlowsDocument, QueryError> {
        let snapshot = query::flows(&self.shared.timeline, query, now_nanos())?;
        Ok(flows_document(&snapshot, &self.freshness()))
    }

    fn shared_paths(&self, query: &PathQuery) -> Result<(SharedPathsDocument, RiverDocument), QueryError> {
        let shared = &self.shared;
        let answer = query::shared_paths(&shared.timeline, query, &shared.config.shared, now_nanos())?;
        Ok(shared_documents(&answer, &self.freshness()))
    }

    fn flow_path(&self, flow: &str, query: &PathQuery) -> Result<FlowProfileDocument, QueryError> {
        let shared = &self.shared;
        let answer = query::flow_path(&shared.timeline, flow, query, &shared.config, now_nanos())?;
        let (view, exemplars) = &answer.paths;
        Ok(flow_profile_document(view, exemplars, path_scope(&answer, &self.freshness())))
    }

    fn trace(&self, trace: TraceId, query: &FlowQuery) -> Result<CriticalPathDocument, QueryError> {
        let shared = &self.shared;
        let answer = query::trace(&shared.timeline, trace, query, &shared.config, now_nanos())?;
        Ok(critical_path_document(answer.trace, &answer.path, shared.symbols()))
    }

    fn status(&self) -> GraphStatus {
        let timeline = &self.shared.timeline;
        let ((live, sealed), ends) = (timeline.size(), timeline.ends());
        let pending = self.shared.pending.total();
        // Back from the newest minute, not from now: the status also explains a replay of old records.
        let newest = ends.map_or(Minute::of(now_nanos()), |(_, newest)| newest);
        let end = Minute(newest.0.saturating_add(1));
        let Ok(reading) = timeline.read(Minute(end.0.saturating_sub(STATUS_MINUTES)), end) else {
            return GraphStatus { store: self.store_status(&sealed), ..GraphStatus::default() };
        };
        let bucket = &reading.bucket;
        let mut missing: Vec<MissingRow> =
            bucket.services.iter().map(|(service, stats)| self.missing_row(*service, &stats.tally)).collect();
        missing.sort_by(|a, b| {
            (&a.environment, &a.namespace, &a.service).cmp(&(&b.environment, &b.namespace, &b.service))
        });
        let graph = query::select(&reading, self.shared.symbols(), &GraphQuery::default()).ok();
        let symbols = self.shared.symbols();
        let capped = [
            ("graph.max_edges", bucket.totals.other_calls),
            ("flows.max_flows", bucket.totals.other_requests),
            ("names.max_symbols", symbols.overflowed()),
        ];
        GraphStatus {
            pending_traces: pending.traces as u64,
            pending_spans: pending.spans as u64,
            pending_bytes: pending.bytes as u64,
            open_minutes: live.open_minutes as u64,
            sealed_minutes: sealed.buckets[Width::Minute as usize] as u64,
            bytes: sealed.cached,
            oldest_minute: ends.map(|(oldest, _)| oldest),
            newest_minute: ends.map(|(_, newest)| newest),
            limited_by: if sealed.is_limited_by_size { LimitedBy::Size } else { LimitedBy::Age },
            store: self.store_status(&sealed),
            nodes: graph.as_ref().map_or(0, |graph| graph.graph.node_count() as u64),
            edges: graph.as_ref().map_or(0, |graph| graph.graph.edge_count() as u64),
            capped: capped
                .into_iter()
                .filter(|(_, count)| *count > 0)
                .map(|(name, count)| (name.to_string(), count))
                .collect(),
            missing,
        }
    }
}
