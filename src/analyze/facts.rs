//! What is known of one trace after analysis: integers and numbers of symbols, ready to be added up.

use crate::model::{Minute, NodeId, Protocol, Sampling, Span, Symbol, TraceId, UnixNanos};

/// How a call was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Evidence {
    /// A calling and an answering span.
    Paired = 0,
    /// A parent in another service, without a calling span.
    ParentChild = 1,
    /// A span link.
    Link = 2,
    /// One side's span alone.
    Inferred = 3,
}

/// One observed interaction, or `count` equal ones of one span (a batch of messages).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Who depends.
    pub caller: NodeId,
    /// On whom.
    pub callee: NodeId,
    /// What it speaks.
    pub protocol: Protocol,
    /// True where the caller does not wait.
    pub is_async: bool,
    /// How it was seen.
    pub evidence: Evidence,
    /// Error on the caller's span.
    pub caller_error: bool,
    /// Error on the callee's span.
    pub callee_error: bool,
    /// False for the second and later attempts of a logical call.
    pub is_first_attempt: bool,
    /// Interactions it stands for, at least 1.
    pub count: u32,
    /// Start in event time.
    pub start: UnixNanos,
    /// Duration of the caller's span, nanoseconds.
    pub caller_ns: Option<u64>,
    /// Duration of the callee's span, nanoseconds.
    pub callee_ns: Option<u64>,
    /// Joint sampling of the spans it was seen in.
    pub sampling: Sampling,
}

/// A producer and a consumer that a parent or a link joins; shown in the collapsed view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Joined {
    /// Producer to consumer.
    pub call: Call,
    /// Where the producer sent to.
    pub sent_to: NodeId,
    /// Where the consumer took from; equal to `sent_to` but for exchanges.
    pub taken_from: NodeId,
}

/// A local root: a node worked on a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visit {
    /// The node at operation level.
    pub node: NodeId,
    /// `service.version`.
    pub version: Symbol,
    /// Error on its span.
    pub is_error: bool,
    /// Duration, nanoseconds.
    pub duration_ns: u64,
    /// True where a call of the trace led to it; a root's, and what is called by its own service, is not.
    pub is_called: bool,
}

/// A request of a flow: a true root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowRequest {
    /// The root's node, at operation level.
    pub root: NodeId,
    /// The flow's name, refined where the root's operation says nothing.
    pub name: Symbol,
    /// The request as the root names it: `name`, unless that was refined by callees.
    pub base: Symbol,
    /// Error on the root.
    pub is_error: bool,
    /// Duration of the root, nanoseconds.
    pub duration_ns: u64,
    /// Sampling of the root.
    pub sampling: Sampling,
    /// Distinct nodes at service level that the request touched.
    pub touches: Vec<NodeId>,
    /// What it waited for; `None` where too much of the trace is missing to tell.
    pub path: Option<CallPath>,
    /// What of the trace is its own, where the trace has several roots; `None` for all of it.
    pub share: Option<Box<Share>>,
}

/// What of a trace belongs to one of its roots: positions in the lists of its [`Facts`], ascending.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// In [`Facts::calls`].
    pub calls: Vec<u32>,
    /// In [`Facts::joined`].
    pub joined: Vec<u32>,
    /// In [`Facts::visits`].
    pub visits: Vec<u32>,
}

/// A request's critical path by calling context (ALGORITHMS 2).
///
/// The times of all places add up to the duration of the root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallPath {
    /// Joint sampling of the spans that have time on the path: it is seen only where all of them were kept.
    pub sampling: Sampling,
    /// Callers before their callees; the root's place is the first. No place has two for the same node below it.
    pub places: Vec<PathPlace>,
}

impl CallPath {
    /// Most places one below the other; what lies deeper counts at the last of them.
    pub const MAX_DEPTH: usize = 32;
}

/// A chain of calls from the root, and the time that the request waited at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PathPlace {
    /// Position of the caller's place; `None` for the root's.
    pub parent: Option<u32>,
    /// The node at the end of the chain, at operation level. Calls of a node to itself add nothing to the chain.
    pub node: NodeId,
    /// The node's own time, nanoseconds; of what reports no spans all of the call.
    pub exclusive_ns: u64,
    /// Between the caller and the node: network, queues, serialisation; nanoseconds.
    pub gap_ns: u64,
    /// Of both, what went into attempts that had to be repeated, and into the waits between attempts; nanoseconds.
    pub retry_ns: u64,
}

/// What explains missing edges, of one service in one trace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Distinct spans.
    pub spans: u64,
    /// Spans whose parent never came.
    pub orphans: u64,
    /// Spans of tail fragments.
    pub tail_spans: u64,
    /// Calling spans that nobody answered and that name no peer.
    pub clients_without_peer: u64,
    /// Links into other traces.
    pub links_to_other_traces: u64,
    /// Calls of the service to itself that are not shown.
    pub self_calls: u64,
    /// Spans that do not say how they were sampled.
    pub unknown_sampling: u64,
}

/// The facts of one session or tail fragment of a trace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The minute they count in.
    pub minute: Minute,
    /// Their trace.
    pub trace: TraceId,
    /// True for the spans beyond a session's life: they count for edges, never for flows.
    pub is_tail: bool,
    /// True where a parent is missing or no root was seen.
    pub is_incomplete: bool,
    /// Event times that lay outside the clamp.
    pub is_clamped: bool,
    /// The same span again; 0 where the session was cut, as copies of what was cut cannot be told.
    pub duplicates: u64,
    /// True where spans beyond the limit of a session were cut.
    pub is_cut: bool,
    /// Interactions.
    pub calls: Vec<Call>,
    /// Joined producers and consumers.
    pub joined: Vec<Joined>,
    /// Requests worked on.
    pub visits: Vec<Visit>,
    /// Requests of flows.
    pub flows: Vec<FlowRequest>,
    /// By service (its node at service level).
    pub tallies: Vec<(NodeId, Tally)>,
    /// The distinct spans, where a flow may keep them as an example: a request has a path, and there are not too many.
    pub spans: Vec<Span>,
}

impl Facts {
    /// Most spans, with their links, of a trace that a flow may keep: a minute must not grow by one request.
    pub const MAX_KEPT_SPANS: usize = 1_000;

    /// The calls that a request of these facts made.
    pub fn calls_of<'a>(&'a self, request: &'a FlowRequest) -> impl Iterator<Item = &'a Call> {
        own(&self.calls, request.share.as_deref().map(|share| &share.calls))
    }

    /// The pairs that its messages joined.
    pub fn joined_of<'a>(&'a self, request: &'a FlowRequest) -> impl Iterator<Item = &'a Joined> {
        own(&self.joined, request.share.as_deref().map(|share| &share.joined))
    }

    /// What was done for it.
    pub fn visits_of<'a>(&'a self, request: &'a FlowRequest) -> impl Iterator<Item = &'a Visit> {
        own(&self.visits, request.share.as_deref().map(|share| &share.visits))
    }

    /// Gives them their spans, of which [`Facts::spans`] may have been taken before.
    pub fn give_spans(&mut self, spans: Vec<Span>) {
        if Facts::may_keep(&self.flows, &spans) {
            self.spans = spans;
        }
    }

    /// True where these spans may be kept.
    pub(super) fn may_keep(flows: &[FlowRequest], spans: &[Span]) -> bool {
        let links = |span: &Span| span.links.as_ref().map_or(0, |links| links.same_trace.len());
        spans.len() <= Facts::MAX_KEPT_SPANS
            && flows.iter().any(|request| request.path.is_some())
            && spans.iter().map(|span| 1 + links(span)).sum::<usize>() <= Facts::MAX_KEPT_SPANS
    }
}

/// All of them, or those at some positions.
fn own<'a, T>(all: &'a [T], positions: Option<&'a Vec<u32>>) -> impl Iterator<Item = &'a T> {
    let whole = if positions.is_none() { all } else { &[] };
    whole.iter().chain(positions.into_iter().flatten().map(|at| &all[*at as usize]))
}
