//! Sums of facts: integers only, so that adding is associative and commutative.
//!
//! Each can also take facts back: the live view shows traces before they are closed.
//! What cannot be taken back (extremes, exemplars) may then show a span of a trace that has changed since,
//! in the live view only, and only until the trace is closed.

use super::flow_calls::FlowCalls;
use super::histogram::Histogram;
use super::paths::FlowPaths;
use super::traces::FlowTraces;
use crate::analyze::{Call, Evidence, FlowRequest, Joined, Tally, Visit};
use crate::model::{FastMap, NodeId, Protocol, Sampling, Symbol, TraceId, UnixNanos};

/// Adds facts, or takes them back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    Plus,
    Minus,
}

impl Sign {
    pub fn apply(self, sum: &mut u64, n: u64) {
        *sum = match self {
            Sign::Plus => sum.saturating_add(n),
            Sign::Minus => sum.saturating_sub(n),
        };
    }

    pub fn apply_wide(self, sum: &mut u128, n: u128) {
        *sum = match self {
            Sign::Plus => sum.saturating_add(n),
            Sign::Minus => sum.saturating_sub(n),
        };
    }

    fn apply_duration(self, histogram: &mut Histogram, nanos: Option<u64>) {
        match (self, nanos) {
            (Sign::Plus, Some(nanos)) => histogram.record(nanos),
            (Sign::Minus, Some(nanos)) => histogram.take_back(nanos),
            (_, None) => {}
        }
    }
}

/// An edge at operation level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EdgeKey {
    /// Who depends.
    pub caller: NodeId,
    /// On whom.
    pub callee: NodeId,
    /// What it speaks.
    pub protocol: Protocol,
    /// True where the caller does not wait.
    pub is_async: bool,
}

impl EdgeKey {
    pub(super) fn of(call: &Call) -> EdgeKey {
        let Call { caller, callee, protocol, is_async, .. } = *call;
        EdgeKey { caller, callee, protocol, is_async }
    }
}

/// A producer and a consumer that were joined, and the way between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JoinedKey {
    /// Producer.
    pub caller: NodeId,
    /// Consumer.
    pub callee: NodeId,
    /// Where the producer sent to.
    pub sent_to: NodeId,
    /// Where the consumer took from.
    pub taken_from: NodeId,
}

impl JoinedKey {
    pub(super) fn of(joined: &Joined) -> JoinedKey {
        let Joined { call, sent_to, taken_from } = joined;
        JoinedKey { caller: call.caller, callee: call.callee, sent_to: *sent_to, taken_from: *taken_from }
    }

    pub(super) fn nodes(&self) -> [NodeId; 4] {
        [self.caller, self.callee, self.sent_to, self.taken_from]
    }
}

/// A flow: service of the root and name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FlowKey {
    /// The root's service, without operation.
    pub service: NodeId,
    /// The flow's name.
    pub name: Symbol,
}

/// Traces to open: the few with the smallest hashes, so the choice depends on no order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exemplars {
    /// By rank; of these the first `count`.
    traces: [TraceId; Exemplars::MAX],
    count: usize,
    /// Hash of the last of them.
    last_hash: u64,
}

impl Exemplars {
    /// Traces kept of one edge or flow.
    pub const MAX: usize = 3;
    pub(super) const SEED: u64 = 0x6578_656d_706c_6172;

    /// Offers a trace.
    pub fn offer(&mut self, trace: TraceId) {
        let hash = |trace: &TraceId| trace.mixed(Exemplars::SEED);
        let rank = |trace: &TraceId| (hash(trace), *trace);
        // The usual case once a few traces were seen: it ranks behind all that are kept.
        if self.count == Exemplars::MAX && self.last_hash < hash(&trace) {
            return;
        }
        if let Err(at) = self.by_rank().binary_search_by_key(&rank(&trace), rank)
            && at < Exemplars::MAX
        {
            self.count = Exemplars::MAX.min(self.count + 1);
            self.traces[at..self.count].rotate_right(1);
            self.traces[at] = trace;
            self.last_hash = hash(&self.traces[self.count - 1]);
        }
    }

    /// The traces, by rank.
    pub(super) fn by_rank(&self) -> &[TraceId] {
        &self.traces[..self.count]
    }

    fn merge(&mut self, other: &Exemplars) {
        other.by_rank().iter().for_each(|trace| self.offer(*trace));
    }

    /// The traces, sorted by id.
    pub fn sorted(&self) -> Vec<TraceId> {
        let mut traces = self.by_rank().to_vec();
        traces.sort_unstable();
        traces
    }
}

/// What is known of an edge.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EdgeStats {
    /// Calls seen.
    pub calls: u64,
    /// Sum of their weights, in 1/65536.
    pub adjusted: u128,
    /// Calls whose spans do not say how they were sampled.
    pub unknown_sampling: u64,
    /// Calls with an error on the caller's span.
    pub caller_errors: u64,
    /// Calls with an error on the callee's span.
    pub callee_errors: u64,
    /// Calls with an error on either.
    pub either_errors: u64,
    /// Calls that were first attempts: logical calls.
    pub first_attempts: u64,
    /// Calls of tail fragments.
    pub tail: u64,
    /// Calls by [`Evidence`].
    pub evidence: [u64; 4],
    /// First start.
    pub first_seen: UnixNanos,
    /// Last start.
    pub last_seen: UnixNanos,
    /// Durations of the callers' spans.
    pub caller_latency: Histogram,
    /// Durations of the callees' spans.
    pub callee_latency: Histogram,
    /// Caller's less callee's duration, where both are known.
    pub gap: Histogram,
    /// Traces to open.
    pub exemplars: Exemplars,
}

impl EdgeStats {
    pub(super) fn apply(&mut self, sign: Sign, call: &Call, trace: TraceId, is_tail: bool) {
        let count = u64::from(call.count);
        if sign == Sign::Plus {
            self.first_seen = if self.calls == 0 { call.start } else { self.first_seen.min(call.start) };
            self.last_seen = self.last_seen.max(call.start);
            self.exemplars.offer(trace);
        }
        sign.apply(&mut self.calls, count);
        sign.apply_wide(&mut self.adjusted, adjusted(call.sampling, count));
        for (is_set, sum) in [
            (!call.sampling.is_known(), &mut self.unknown_sampling),
            (call.caller_error, &mut self.caller_errors),
            (call.callee_error, &mut self.callee_errors),
            (call.caller_error || call.callee_error, &mut self.either_errors),
            (call.is_first_attempt, &mut self.first_attempts),
            (is_tail, &mut self.tail),
        ] {
            sign.apply(sum, if is_set { count } else { 0 });
        }
        sign.apply(&mut self.evidence[call.evidence as usize], count);
        sign.apply_duration(&mut self.caller_latency, call.caller_ns);
        sign.apply_duration(&mut self.callee_latency, call.callee_ns);
        let gap = call.caller_ns.zip(call.callee_ns).and_then(|(caller, callee)| caller.checked_sub(callee));
        sign.apply_duration(&mut self.gap, gap);
    }

    /// Adds the calls of another edge.
    pub fn merge(&mut self, other: &EdgeStats) {
        if other.calls == 0 {
            return;
        }
        self.first_seen =
            if self.calls == 0 { other.first_seen } else { self.first_seen.min(other.first_seen) };
        self.last_seen = self.last_seen.max(other.last_seen);
        self.calls += other.calls;
        self.adjusted = self.adjusted.saturating_add(other.adjusted);
        self.unknown_sampling += other.unknown_sampling;
        self.caller_errors += other.caller_errors;
        self.callee_errors += other.callee_errors;
        self.either_errors += other.either_errors;
        self.first_attempts += other.first_attempts;
        self.tail += other.tail;
        for (sum, n) in self.evidence.iter_mut().zip(other.evidence) {
            *sum += n;
        }
        self.caller_latency.merge(&other.caller_latency);
        self.callee_latency.merge(&other.callee_latency);
        self.gap.merge(&other.gap);
        self.exemplars.merge(&other.exemplars);
    }

    /// Calls seen in this way.
    pub fn seen_as(&self, evidence: Evidence) -> u64 {
        self.evidence[evidence as usize]
    }
}

fn adjusted(sampling: Sampling, count: u64) -> u128 {
    u128::from(sampling.weight()) * u128::from(count)
}

/// What is known of a node at operation level.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeStats {
    /// Requests worked on.
    pub requests: u64,
    /// Of these, failed ones.
    pub errors: u64,
    /// Their durations.
    pub latency: Histogram,
}

impl NodeStats {
    pub(super) fn apply(&mut self, sign: Sign, visit: &Visit) {
        sign.apply(&mut self.requests, 1);
        sign.apply(&mut self.errors, u64::from(visit.is_error));
        sign.apply_duration(&mut self.latency, Some(visit.duration_ns));
    }

    /// Adds the requests of another node.
    pub fn merge(&mut self, other: &NodeStats) {
        self.requests += other.requests;
        self.errors += other.errors;
        self.latency.merge(&other.latency);
    }
}

/// What is known of a flow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FlowStats {
    /// Requests.
    pub requests: u64,
    /// Sum of their weights, in 1/65536.
    pub adjusted: u128,
    /// Failed requests.
    pub errors: u64,
    /// Durations of the roots.
    pub latency: Histogram,
    /// Requests that touched a node (service level).
    pub touches: FastMap<NodeId, u64>,
    /// Traces to open.
    pub exemplars: Exemplars,
    /// What its requests waited for.
    pub paths: FlowPaths,
    /// Whole traces to open.
    pub traces: FlowTraces,
    /// What its requests called.
    pub calls: FlowCalls,
}

impl FlowStats {
    pub(super) fn apply(&mut self, sign: Sign, request: &FlowRequest, touches: &[NodeId], trace: TraceId) {
        sign.apply(&mut self.requests, 1);
        sign.apply_wide(&mut self.adjusted, adjusted(request.sampling, 1));
        sign.apply(&mut self.errors, u64::from(request.is_error));
        sign.apply_duration(&mut self.latency, Some(request.duration_ns));
        for node in touches {
            sign.apply(self.touches.entry(*node).or_default(), 1);
        }
        if sign == Sign::Plus {
            self.exemplars.offer(trace);
        }
    }

    /// Adds the requests of another flow, but neither their calls nor their traces; of both together at most `max_paths`
    /// chains of calls are kept.
    pub(super) fn merge(&mut self, other: &FlowStats, max_paths: usize) {
        self.requests += other.requests;
        self.adjusted = self.adjusted.saturating_add(other.adjusted);
        self.errors += other.errors;
        self.latency.merge(&other.latency);
        for (node, count) in &other.touches {
            *self.touches.entry(*node).or_default() += count;
        }
        self.exemplars.merge(&other.exemplars);
        self.paths.merge(&other.paths, max_paths);
    }
}

/// What is known of a service, beyond its nodes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceStats {
    /// What explains its missing edges.
    pub tally: Tally,
    /// Requests by `service.version`, of the versions with the smallest hashes.
    pub versions: FastMap<Symbol, u64>,
}

impl ServiceStats {
    /// Versions kept of one service.
    pub const MAX_VERSIONS: usize = 32;

    pub(super) fn apply(&mut self, sign: Sign, tally: &Tally) {
        let sums = &mut self.tally;
        for (sum, n) in [
            (&mut sums.spans, tally.spans),
            (&mut sums.orphans, tally.orphans),
            (&mut sums.tail_spans, tally.tail_spans),
            (&mut sums.clients_without_peer, tally.clients_without_peer),
            (&mut sums.links_to_other_traces, tally.links_to_other_traces),
            (&mut sums.self_calls, tally.self_calls),
            (&mut sums.unknown_sampling, tally.unknown_sampling),
        ] {
            sign.apply(sum, n);
        }
    }
}

/// Sums over all traces of a minute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Sessions and tail fragments.
    pub traces: u64,
    /// Of these, those with an orphan or without a root.
    pub incomplete_traces: u64,
    /// Distinct spans.
    pub spans: u64,
    /// Spans in tail fragments.
    pub tail_spans: u64,
    /// Spans delivered again.
    pub duplicates: u64,
    /// Traces whose event time lay outside the clamp.
    pub clamped: u64,
    /// Spans that do not say how they were sampled.
    pub unknown_sampling: u64,
    /// Calls of edges beyond the cap.
    pub other_calls: u64,
    /// Requests of flows beyond the cap.
    pub other_requests: u64,
    /// Joined pairs beyond the cap on edges.
    pub other_joined: u64,
    /// Traces of which spans were cut.
    pub cut_traces: u64,
}

impl Totals {
    pub(super) fn fields(&mut self) -> [&mut u64; 11] {
        [
            &mut self.traces,
            &mut self.incomplete_traces,
            &mut self.spans,
            &mut self.tail_spans,
            &mut self.duplicates,
            &mut self.clamped,
            &mut self.unknown_sampling,
            &mut self.other_calls,
            &mut self.other_requests,
            &mut self.other_joined,
            &mut self.cut_traces,
        ]
    }

    pub(super) fn merge(&mut self, mut other: Totals) {
        for (sum, n) in self.fields().into_iter().zip(other.fields()) {
            *sum += *n;
        }
    }
}
