//! A sealed bucket as JSON: everything that is in it, with names instead of numbers.
//!
//! Names are sorted as in the file, so equal buckets give equal bytes. Integers above 2^53 are strings; instants and
//! sums of nanoseconds always are.

mod calls;
mod document;
#[cfg(test)]
mod tests;

use document::*;

use crate::analyze::Evidence;
use crate::graph::sealed::{Damage, Frame, Header, section_name};
use crate::graph::{
    Bucket, EdgeStats, Exemplars, FlowPaths, FlowStats, FlowTraces, Hashes, Histogram, KeptTrace, NodeStats,
    PathContext, ServiceStats, Totals,
};
use crate::lane::{Gap, InputCounts, Position};
use crate::model::{FastMap, Node, NodeId, Span, Symbol, Symbols};
use crate::telemetry::Reason;

const SCHEMA: &str = "linchpin.bucket/1";

/// A bucket as JSON: one line, or indented by two spaces. Without a line break at the end.
///
/// # Errors
/// [`Damage::Malformed`] where its content cannot be read.
pub fn to_json(frame: &Frame<'_>, pretty: bool) -> Result<String, Damage> {
    let document = BucketDocument::new(frame)?;
    let text =
        if pretty { serde_json::to_string_pretty(&document) } else { serde_json::to_string(&document) };
    Ok(text.expect("a document has only string keys"))
}

impl BucketDocument {
    fn new(frame: &Frame<'_>) -> Result<BucketDocument, Damage> {
        let symbols = Symbols::new(usize::MAX);
        let mut bucket = Bucket::default();
        frame.add_to(&mut bucket, &mut Hashes::new(symbols.clone()))?;
        let names = Names(&symbols);
        let Header { algorithm, config, key, marks } = &frame.header;
        let positions = frame.positions()?;
        let section = |(id, bytes)| SectionDocument { id, name: section_name(id), bytes };
        Ok(BucketDocument {
            schema: SCHEMA,
            lane: key.lane.to_string(),
            width: key.width.name(),
            start: key.start_text(),
            algorithm: *algorithm,
            config: format!("{config:016x}"),
            marks: marks.names().collect(),
            digest: frame.digest.to_string(),
            members: frame.members()?,
            sections: frame.sections().map(section).collect(),
            totals: totals(&bucket.totals),
            edges: names.edges(&bucket),
            joined: names.joined(&bucket),
            nodes: names.nodes(&bucket.nodes),
            flows: names.flows(&bucket),
            services: names.services(&bucket.services),
            inputs: bucket.inputs.0.iter().map(|(name, counts)| input(name, counts)).collect(),
            gaps: bucket.gaps.iter().map(gap).collect(),
            positions: PositionsDocument {
                look_back_ms: positions.look_back,
                inputs: positions.inputs.iter().map(|(name, at)| position(name, at)).collect(),
            },
        })
    }
}

/// The names behind the numbers of one bucket.
struct Names<'a>(&'a Symbols);

impl Names<'_> {
    fn text(&self, symbol: Symbol) -> String {
        self.0.text(symbol).to_string()
    }

    fn node(&self, id: NodeId) -> NodeName {
        let Node { kind, environment, namespace, name, operation } = self.0.nodes.get(id.0);
        NodeName {
            rank: kind as u8,
            kind: kind.name(),
            environment: self.text(environment),
            namespace: self.text(namespace),
            name: self.text(name),
            operation: self.text(operation),
        }
    }

    fn edges(&self, bucket: &Bucket) -> Vec<EdgeDocument> {
        let edge = |(key, stats): (&crate::graph::EdgeKey, &EdgeStats)| {
            let document = EdgeDocument {
                caller: self.node(key.caller),
                callee: self.node(key.callee),
                protocol: key.protocol.name(),
                is_async: key.is_async,
                stats: edge_stats(stats),
            };
            (key.protocol as u8, document)
        };
        let mut edges: Vec<(u8, EdgeDocument)> = bucket.edges.iter().map(edge).collect();
        edges.sort_by(|(a_protocol, a), (b_protocol, b)| {
            let key = |protocol, edge: &EdgeDocument| (protocol, edge.is_async);
            (&a.caller, &a.callee, key(*a_protocol, a)).cmp(&(&b.caller, &b.callee, key(*b_protocol, b)))
        });
        edges.into_iter().map(|(_, edge)| edge).collect()
    }

    fn joined(&self, bucket: &Bucket) -> Vec<JoinedDocument> {
        let joined = bucket.joined.iter().map(|(key, stats)| JoinedDocument {
            caller: self.node(key.caller),
            callee: self.node(key.callee),
            sent_to: self.node(key.sent_to),
            taken_from: self.node(key.taken_from),
            stats: edge_stats(stats),
        });
        let mut joined: Vec<JoinedDocument> = joined.collect();
        joined.sort_by(|a, b| {
            let key = |it: &JoinedDocument| {
                [&it.caller, &it.callee, &it.sent_to, &it.taken_from].map(|node| node.clone())
            };
            key(a).cmp(&key(b))
        });
        joined
    }

    fn nodes(&self, nodes: &FastMap<NodeId, NodeStats>) -> Vec<NodeStatsDocument> {
        let document = |(id, stats): (&NodeId, &NodeStats)| NodeStatsDocument {
            node: self.node(*id),
            requests: Count(stats.requests),
            errors: Count(stats.errors),
            latency: histogram(&stats.latency),
        };
        let mut nodes: Vec<NodeStatsDocument> = nodes.iter().map(document).collect();
        nodes.sort_by(|a, b| a.node.cmp(&b.node));
        nodes
    }

    fn flows(&self, bucket: &Bucket) -> Vec<FlowDocument> {
        let flow = |(key, stats): (&crate::graph::FlowKey, &FlowStats)| FlowDocument {
            service: self.node(key.service),
            name: self.text(key.name),
            requests: Count(stats.requests),
            adjusted_65536ths: stats.adjusted.to_string(),
            errors: Count(stats.errors),
            latency: histogram(&stats.latency),
            touches: self.touches(&stats.touches),
            exemplars: exemplars(&stats.exemplars),
            paths: (stats.paths.requests > 0).then(|| self.paths(&stats.paths)),
            traces: self.traces(&stats.traces),
            calls: (stats.calls.requests > 0).then(|| self.flow_calls(&stats.calls)),
        };
        let mut flows: Vec<FlowDocument> = bucket.flows.iter().map(flow).collect();
        flows.sort_by(|a, b| (&a.service, &a.name).cmp(&(&b.service, &b.name)));
        flows
    }

    fn paths(&self, paths: &FlowPaths) -> PathsDocument {
        let tree = paths.tree_by_node(|node| self.node(node));
        let context = |context: PathContext| ContextDocument {
            caller: context.parent,
            node: self.node(context.node),
            requests: Count(context.sums.requests),
            adjusted_65536ths: context.sums.weight.to_string(),
            exclusive_ns_65536ths: context.sums.exclusive.to_string(),
            gap_ns_65536ths: context.sums.gap.to_string(),
            retry_ns_65536ths: context.sums.retry.to_string(),
            inclusive_ns_65536ths: context.sums.inclusive.to_string(),
            other_ns_65536ths: context.other.to_string(),
        };
        PathsDocument {
            requests: Count(paths.requests),
            adjusted_65536ths: paths.weight.to_string(),
            adjusted_squares_4294967296ths: paths.weight_squares.to_string(),
            duration_ns_65536ths: paths.duration.to_string(),
            other_ns_65536ths: tree.other.to_string(),
            contexts: tree.contexts.into_iter().map(context).collect(),
        }
    }

    fn traces(&self, traces: &FlowTraces) -> Option<Vec<TraceDocument>> {
        let document = |kept: &KeptTrace| TraceDocument {
            trace_id: kept.trace.to_string(),
            weight_65536ths: Count(traces.sample_weight(kept)),
            spans: kept.spans.iter().flat_map(|spans| spans.iter()).map(|span| self.span(span)).collect(),
        };
        let sample = traces.sample();
        (!sample.is_empty()).then(|| sample.iter().map(document).collect())
    }

    fn span(&self, span: &Span) -> SpanDocument {
        let resource = self.0.resources.get(span.resource.0);
        SpanDocument {
            span_id: span.id.to_string(),
            parent_span_id: (!span.parent.is_none()).then(|| span.parent.to_string()),
            service: self.text(resource.service),
            operation: self.text(span.operation),
            start_unix_nanos: span.start.to_string(),
            duration_ns: Count(span.end - span.start),
            error: span.is_error,
        }
    }

    fn touches(&self, touches: &FastMap<NodeId, u64>) -> Vec<TouchDocument> {
        let touch = |(id, requests): (&NodeId, &u64)| TouchDocument {
            node: self.node(*id),
            requests: Count(*requests),
        };
        let mut touches: Vec<TouchDocument> = touches.iter().map(touch).collect();
        touches.sort_by(|a, b| a.node.cmp(&b.node));
        touches
    }

    fn services(&self, services: &FastMap<NodeId, ServiceStats>) -> Vec<ServiceDocument> {
        let document = |(id, stats): (&NodeId, &ServiceStats)| {
            let tally = &stats.tally;
            let version = |(version, count): (&Symbol, &u64)| (self.text(*version), Count(*count));
            ServiceDocument {
                service: self.node(*id),
                spans: Count(tally.spans),
                orphans: Count(tally.orphans),
                tail_spans: Count(tally.tail_spans),
                clients_without_peer: Count(tally.clients_without_peer),
                links_to_other_traces: Count(tally.links_to_other_traces),
                self_calls: Count(tally.self_calls),
                unknown_sampling: Count(tally.unknown_sampling),
                versions: stats.versions.iter().map(version).collect(),
            }
        };
        let mut services: Vec<ServiceDocument> = services.iter().map(document).collect();
        services.sort_by(|a, b| a.service.cmp(&b.service));
        services
    }
}

fn totals(totals: &Totals) -> TotalsDocument {
    TotalsDocument {
        traces: Count(totals.traces),
        incomplete_traces: Count(totals.incomplete_traces),
        spans: Count(totals.spans),
        tail_spans: Count(totals.tail_spans),
        duplicates: Count(totals.duplicates),
        clamped: Count(totals.clamped),
        unknown_sampling: Count(totals.unknown_sampling),
        other_calls: Count(totals.other_calls),
        other_requests: Count(totals.other_requests),
        other_joined: Count(totals.other_joined),
        cut_traces: Count(totals.cut_traces),
    }
}

fn edge_stats(stats: &EdgeStats) -> EdgeStatsDocument {
    EdgeStatsDocument {
        calls: Count(stats.calls),
        adjusted_65536ths: stats.adjusted.to_string(),
        unknown_sampling: Count(stats.unknown_sampling),
        caller_errors: Count(stats.caller_errors),
        callee_errors: Count(stats.callee_errors),
        either_errors: Count(stats.either_errors),
        first_attempts: Count(stats.first_attempts),
        tail: Count(stats.tail),
        evidence: evidence(&stats.evidence),
        first_seen_unix_nanos: stats.first_seen.to_string(),
        last_seen_unix_nanos: stats.last_seen.to_string(),
        caller_latency: histogram(&stats.caller_latency),
        callee_latency: histogram(&stats.callee_latency),
        gap: histogram(&stats.gap),
        exemplars: exemplars(&stats.exemplars),
    }
}

fn evidence(calls: &[u64; 4]) -> EvidenceDocument {
    let seen_as = |evidence: Evidence| Count(calls[evidence as usize]);
    EvidenceDocument {
        paired: seen_as(Evidence::Paired),
        parent_child: seen_as(Evidence::ParentChild),
        link: seen_as(Evidence::Link),
        inferred: seen_as(Evidence::Inferred),
    }
}

fn histogram(histogram: &Histogram) -> HistogramDocument {
    let extreme = |nanos| (histogram.count > 0).then_some(Count(nanos));
    HistogramDocument {
        count: Count(histogram.count),
        sum_ns: histogram.sum.to_string(),
        min_ns: extreme(histogram.min),
        max_ns: extreme(histogram.max),
        buckets: histogram.filled().map(|(index, count)| (index, Count(count))).collect(),
    }
}

fn exemplars(exemplars: &Exemplars) -> Vec<String> {
    exemplars.sorted().iter().map(|trace| trace.to_string()).collect()
}

fn input(name: &str, counts: &InputCounts) -> InputDocument {
    let offset = |offset| (counts.records > 0).then_some(Offset(offset));
    let dropped = Reason::ALL.into_iter().zip(counts.dropped).filter(|(_, count)| *count > 0);
    InputDocument {
        input: name.to_string(),
        records: Count(counts.records),
        first_offset: offset(counts.first_offset),
        last_offset: offset(counts.last_offset),
        bytes: Count(counts.bytes),
        behind: Count(counts.behind),
        refuted_jumps: Count(counts.refuted_jumps),
        dropped: dropped.map(|(reason, count)| (reason.name(), Count(count))).collect(),
    }
}

fn gap(gap: &Gap) -> GapDocument {
    GapDocument {
        input: gap.input.to_string(),
        cause: gap.cause.name(),
        since_unix_ms: gap.since,
        until_unix_ms: gap.until,
        offsets: Count(gap.offsets),
    }
}

fn position(name: &str, at: &Position) -> PositionDocument {
    PositionDocument {
        input: name.to_string(),
        offset: Offset(at.offset),
        newest_unix_ms: at.newest,
        doubtful_to_unix_ms: at.doubtful_to,
        shed: ShedDocument { second: at.shed.second, spans: Count(at.shed.spans), kept: at.shed.kept },
    }
}
