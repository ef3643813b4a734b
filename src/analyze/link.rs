//! Spans to calls: who called whom. The rules are those of `docs/LINKING.md`, by id.
//!
//! Enters: a [`TraceTree`]. Leaves: calls, each counted once, and what explains the missing ones.

use super::facts::{Call, Evidence, Joined, Tally};
use super::names::Names;
use super::tree::{Hop, Parent, SpanIdx, TraceTree};
use crate::model::{MessagingOperation, NodeId, NodeKind, Peer, Sampling, Span, SpanKind};

/// What a span does in an interaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Asks and waits.
    Ask,
    /// Hands a message over.
    Send,
    /// Takes a message, or asks for messages.
    Take,
    /// Answers, or works inside a service.
    Other,
}

/// A call with the places in the tree it was seen at.
pub(super) struct Seen {
    /// The call.
    pub call: Call,
    /// Unit of the caller; `None` where only the callee was seen.
    pub caller_unit: Option<SpanIdx>,
    /// Unit of the callee; `None` for inferred nodes.
    pub callee_unit: Option<SpanIdx>,
    /// The calling span, where there is one.
    pub calling_span: Option<SpanIdx>,
}

/// A producer and a consumer with the place in the tree that the message was sent from.
pub(super) struct SeenJoined {
    /// The pair.
    pub joined: Joined,
    /// Unit of the producer.
    pub caller_unit: SpanIdx,
}

/// Finds the calls of one trace.
pub(super) struct Linker<'a> {
    pub tree: &'a TraceTree,
    pub names: &'a mut Names,
    /// Show calls of a service to itself (LINK-SELF).
    pub self_calls: bool,
    pub seen: Vec<Seen>,
    pub joined: Vec<SeenJoined>,
    pub tallies: Vec<(NodeId, Tally)>,
    /// Asking spans that were answered, or that wrap one that was.
    is_covered: Vec<bool>,
}

impl<'a> Linker<'a> {
    pub fn new(tree: &'a TraceTree, names: &'a mut Names, self_calls: bool) -> Linker<'a> {
        let is_covered = vec![false; tree.spans.len()];
        Linker {
            tree,
            names,
            self_calls,
            seen: Vec::with_capacity(tree.spans.len()),
            joined: Vec::new(),
            tallies: Vec::new(),
            is_covered,
        }
    }

    /// Links the calls between units.
    ///
    /// Gives the spans that took a message though their kind does not say so; `None` where nothing is sent or taken.
    pub fn link_calls(&mut self) -> Option<Vec<SpanIdx>> {
        self.tally_spans();
        let mut has_messages = false;
        let mut further_takes = Vec::new();
        for idx in 0..self.tree.spans.len() {
            let role = self.role(idx);
            has_messages |= matches!(role, Role::Send | Role::Take);
            if role != Role::Take && self.tree.is_local_root(idx) {
                self.link_arrival(idx, &mut further_takes);
            }
        }
        has_messages.then_some(further_takes)
    }

    pub fn span(&self, idx: SpanIdx) -> &'a Span {
        &self.tree.spans[idx]
    }

    pub fn role(&self, idx: SpanIdx) -> Role {
        self.tree.roles[idx]
    }

    pub fn peer(&mut self, idx: SpanIdx) -> Option<Peer> {
        self.names.peer(self.span(idx).peer)
    }

    pub fn peer_node(&mut self, idx: SpanIdx) -> Option<NodeId> {
        let span = self.span(idx);
        self.names.peer_node(span.peer, span.resource)
    }

    /// The node of the unit that `idx` belongs to; `None` where the unit names no service.
    pub fn node(&self, idx: SpanIdx) -> Option<NodeId> {
        self.tree.nodes[self.tree.units[idx]]
    }

    /// The counters of the service that a span belongs to.
    pub fn tally(&mut self, idx: SpanIdx) -> &mut Tally {
        let service = self.names.service_node(self.span(idx).resource);
        let position = match self.tallies.iter().position(|(node, _)| *node == service) {
            Some(position) => position,
            None => {
                self.tallies.push((service, Tally::default()));
                self.tallies.len() - 1
            }
        };
        &mut self.tallies[position].1
    }

    fn tally_spans(&mut self) {
        for idx in 0..self.tree.spans.len() {
            let span = self.span(idx);
            let is_orphan = self.tree.parents[idx] == Parent::Missing;
            let tally = self.tally(idx);
            tally.spans += 1;
            tally.orphans += u64::from(is_orphan);
            tally.unknown_sampling += u64::from(!span.sampling.is_known());
            tally.links_to_other_traces +=
                span.links.as_ref().map_or(0, |links| u64::from(links.other_traces));
        }
    }

    /// The span of the parent's unit that made the call: the nearest asking or sending one (LINK-INTERNAL),
    /// else the parent itself.
    pub fn calling_span(&mut self, parent: SpanIdx) -> (SpanIdx, Role) {
        let mut idx = parent;
        loop {
            let role = self.role(idx);
            if matches!(role, Role::Ask | Role::Send) {
                return (idx, role);
            }
            match self.tree.parent(idx) {
                Some(above) if !self.tree.is_local_root(idx) => idx = above,
                _ => return (parent, Role::Other),
            }
        }
    }

    /// A unit began here: who called it?
    fn link_arrival(&mut self, idx: SpanIdx, further_takes: &mut Vec<SpanIdx>) {
        if self.tree.hops[idx] != Hop::Remote {
            return;
        }
        let Some(parent) = self.tree.parent(idx) else {
            return self.link_headless(idx);
        };
        let (calling, role) = self.calling_span(parent);
        match role {
            // A consumer whose kind says otherwise.
            Role::Send => further_takes.push(idx),
            _ => self.link_call(calling, role == Role::Ask, idx),
        }
    }

    /// LINK-PAIR, LINK-SERVER-SERVER, LINK-PROXY, LINK-KINDLESS, LINK-FANOUT: one call per unit that was entered.
    fn link_call(&mut self, calling: SpanIdx, is_asking: bool, entered: SpanIdx) {
        if is_asking {
            self.cover(calling);
        }
        let (caller, callee) = (self.span(calling), self.span(entered));
        if !self.self_calls && self.names.is_same_service(caller.resource, callee.resource) {
            self.tally(entered).self_calls += 1;
            return;
        }
        let (Some(caller_node), Some(callee_node)) = (self.node(calling), self.node(entered)) else {
            return;
        };
        let is_paired = is_asking && callee.kind == SpanKind::Server;
        let call = Call {
            protocol: if caller.protocol as u8 != 0 { caller.protocol } else { callee.protocol },
            is_async: false,
            evidence: if is_paired { Evidence::Paired } else { Evidence::ParentChild },
            // LINK-ERRORS: each side's own view; a parent that is no calling span has none.
            caller_error: is_asking && caller.is_error,
            callee_error: callee.is_error,
            caller_ns: is_asking.then_some(duration_ns(caller)),
            callee_ns: Some(duration_ns(callee)),
            start: if is_asking { caller.start } else { callee.start },
            // LINK-SAMPLING: the call is seen only where both spans were kept.
            sampling: caller.sampling.joint(callee.sampling),
            ..new_call(caller_node, callee_node)
        };
        self.seen.push(Seen {
            call,
            caller_unit: Some(self.tree.units[calling]),
            callee_unit: Some(entered),
            calling_span: is_asking.then_some(calling),
        });
    }

    /// LINK-HEADLESS: the caller never came, but the callee's attributes may name it.
    /// Only a service's name counts: a server's address attributes are its own.
    fn link_headless(&mut self, idx: SpanIdx) {
        let span = self.span(idx);
        let names_caller = self.peer(idx).is_some_and(|peer| peer.is_service_name);
        if span.kind != SpanKind::Server || !names_caller {
            return;
        }
        let (Some(caller), Some(callee)) = (self.peer_node(idx), self.node(idx)) else {
            return;
        };
        let call = Call {
            protocol: span.protocol,
            callee_error: span.is_error,
            callee_ns: Some(duration_ns(span)),
            start: span.start,
            sampling: span.sampling,
            ..new_call(caller, callee)
        };
        self.seen.push(Seen { call, caller_unit: None, callee_unit: Some(idx), calling_span: None });
    }

    /// Marks an asking span and those of its unit that wrap it (an SDK around an HTTP client) as answered.
    fn cover(&mut self, calling: SpanIdx) {
        let mut idx = calling;
        loop {
            self.is_covered[idx] = true;
            match self.tree.parent(idx) {
                Some(above) if !self.tree.is_local_root(idx) => idx = above,
                _ => return,
            }
        }
    }

    /// LINK-LEAF, LINK-DATABASE: asking spans that nobody answered name their peer themselves, the innermost one first.
    pub fn link_leaves(&mut self) {
        for position in (0..self.tree.top_down.len()).rev() {
            let idx = self.tree.top_down[position];
            if self.is_covered[idx] || self.role(idx) != Role::Ask {
                continue;
            }
            match self.peer_node(idx) {
                Some(peer) => {
                    self.cover(idx);
                    self.link_leaf(idx, peer);
                }
                None if !self.has_asking_ancestor(idx) => self.tally(idx).clients_without_peer += 1,
                None => {}
            }
        }
    }

    fn link_leaf(&mut self, idx: SpanIdx, peer_node: NodeId) {
        let span = self.span(idx);
        let (Some(caller), Some(peer)) = (self.node(idx), self.peer(idx)) else {
            return;
        };
        let own_name = self.names.service_of(span.resource);
        if !self.self_calls && peer.is_service_name && Some(peer.name) == own_name {
            self.tally(idx).self_calls += 1;
            return;
        }
        let call = Call {
            protocol: span.protocol,
            is_async: peer.kind == NodeKind::Messaging,
            caller_error: span.is_error,
            caller_ns: Some(duration_ns(span)),
            start: span.start,
            sampling: span.sampling,
            ..new_call(caller, peer_node)
        };
        let caller_unit = Some(self.tree.units[idx]);
        self.seen.push(Seen { call, caller_unit, callee_unit: None, calling_span: Some(idx) });
    }

    fn has_asking_ancestor(&mut self, idx: SpanIdx) -> bool {
        let mut idx = idx;
        while !self.tree.is_local_root(idx) {
            let Some(above) = self.tree.parent(idx) else { return false };
            if self.role(above) == Role::Ask {
                return true;
            }
            idx = above;
        }
        false
    }
}

/// What a span does, by its kind and its attributes.
pub(super) fn role(span: &Span, names: &mut Names) -> Role {
    match (span.kind, span.messaging) {
        (SpanKind::Client | SpanKind::Producer, MessagingOperation::Settle) => Role::Other,
        (SpanKind::Producer, _) => Role::Send,
        (SpanKind::Consumer, _) => Role::Take,
        (SpanKind::Client | SpanKind::Unspecified, MessagingOperation::Send | MessagingOperation::Create) => {
            Role::Send
        }
        (SpanKind::Client | SpanKind::Unspecified, MessagingOperation::Receive) => Role::Take,
        (SpanKind::Unspecified, MessagingOperation::Process) => Role::Take,
        (SpanKind::Client, _) => Role::Ask,
        // LINK-KINDLESS: without a kind, database attributes still say that the span asks.
        (SpanKind::Unspecified, _)
            if names.peer(span.peer).is_some_and(|peer| peer.kind == NodeKind::Database) =>
        {
            Role::Ask
        }
        _ => Role::Other,
    }
}

/// A call of which only the ends are known.
pub(super) fn new_call(caller: NodeId, callee: NodeId) -> Call {
    Call {
        caller,
        callee,
        protocol: Default::default(),
        is_async: false,
        evidence: Evidence::Inferred,
        caller_error: false,
        callee_error: false,
        is_first_attempt: true,
        count: 1,
        start: 0,
        caller_ns: None,
        callee_ns: None,
        sampling: Sampling::UNKNOWN,
    }
}

/// Duration of a span; decoding sees to it that no span ends before it starts.
pub(super) fn duration_ns(span: &Span) -> u64 {
    span.end - span.start
}
