//! Messages: producer → destination → consumer. Each side counts its own half at the destination;
//! a parent or a link inside the trace joins the two (the messaging rules of `docs/LINKING.md`).

use std::collections::HashSet;

use super::facts::{Call, Evidence, Joined};
use super::link::{Linker, Role, Seen, SeenJoined, duration_ns, new_call};
use super::tree::{Hop, SpanIdx};
use crate::model::{FastMap, MessagingOperation, NodeId, NodeKind, PeerId, Protocol};

/// A producer's span that a consumer's span joins.
#[derive(Clone, Copy)]
struct Producer {
    idx: SpanIdx,
    evidence: Evidence,
}

/// The messages of one trace.
pub(super) struct Messages<'l, 'a> {
    linker: &'l mut Linker<'a>,
    /// (service, destination) whose messages are created by spans of their own.
    created: HashSet<(NodeId, PeerId)>,
    /// (service, destination) whose messages are processed by spans of their own.
    processed: HashSet<(NodeId, PeerId)>,
    /// Best evidence for the delivery of a sending span's message.
    delivered: FastMap<SpanIdx, Evidence>,
    /// (sending span, queue) already routed through its exchange.
    routed: HashSet<(SpanIdx, NodeId)>,
    has_child: Vec<bool>,
}

impl<'l, 'a> Messages<'l, 'a> {
    pub fn new(linker: &'l mut Linker<'a>) -> Messages<'l, 'a> {
        let mut has_child = vec![false; linker.tree.spans.len()];
        for parent in (0..has_child.len()).filter_map(|idx| linker.tree.parent(idx)) {
            has_child[parent] = true;
        }
        let (created, processed) = Default::default();
        Messages {
            linker,
            created,
            processed,
            delivered: FastMap::default(),
            routed: HashSet::new(),
            has_child,
        }
    }

    /// Links all sending and taking spans, and the `further` ones that took a message though their kind does not say so.
    pub fn link(mut self, further: Vec<SpanIdx>) {
        self.find_covering_spans();
        let mut takes = further;
        let mut sends = Vec::new();
        for idx in 0..self.linker.tree.spans.len() {
            match self.linker.role(idx) {
                Role::Take if !self.is_fetch_before_process(idx) => takes.push(idx),
                Role::Send if !self.is_send_after_create(idx) => sends.push(idx),
                _ => {}
            }
        }
        takes.into_iter().for_each(|idx| self.link_take(idx));
        sends.into_iter().for_each(|idx| self.link_send(idx));
    }

    fn find_covering_spans(&mut self) {
        for idx in 0..self.linker.tree.spans.len() {
            let span = self.linker.span(idx);
            let role = self.linker.role(idx);
            let key = (self.linker.names.service_node(span.resource), span.peer);
            match (role, span.messaging) {
                (Role::Send, MessagingOperation::Create) => self.created.insert(key),
                (Role::Take, operation) if operation != MessagingOperation::Receive => {
                    self.processed.insert(key)
                }
                _ => continue,
            };
        }
    }

    /// LINK-MSG-RECEIVE: where the same service processes messages of the same destination in this trace,
    /// its receiving spans are the fetch before, not further messages.
    fn is_fetch_before_process(&mut self, idx: SpanIdx) -> bool {
        let span = self.linker.span(idx);
        let service = self.linker.names.service_node(span.resource);
        span.messaging == MessagingOperation::Receive && self.processed.contains(&(service, span.peer))
    }

    /// LINK-MSG-CREATE: where messages are created by spans of their own, the sending span carries those, no others.
    fn is_send_after_create(&mut self, idx: SpanIdx) -> bool {
        let span = self.linker.span(idx);
        let service = self.linker.names.service_node(span.resource);
        span.messaging != MessagingOperation::Create && self.created.contains(&(service, span.peer))
    }

    /// The consumer's half: destination → consumer, once per message.
    fn link_take(&mut self, idx: SpanIdx) {
        let span = self.linker.span(idx);
        let producers = self.producers_of(idx);
        let unresolved = self.unresolved_links(idx);
        let has_message = !producers.is_empty() || unresolved > 0 || self.has_child[idx];
        if span.messaging == MessagingOperation::Receive && !has_message {
            return;
        }
        let Some(consumer) = self.linker.node(idx) else { return };
        let taken_from = match self.destination(idx) {
            None => producers.iter().find_map(|producer| self.destination(producer.idx)),
            own => own,
        };
        let Some(taken_from) = taken_from else {
            if producers.is_empty() {
                self.linker.tally(idx).clients_without_peer += 1;
            }
            return producers.iter().for_each(|producer| self.link_direct(*producer, idx));
        };
        self.count_taken(idx, taken_from, consumer, &producers, unresolved);
        for producer in producers {
            self.join(producer, idx, taken_from, consumer);
        }
    }

    fn count_taken(
        &mut self,
        idx: SpanIdx,
        taken_from: NodeId,
        consumer: NodeId,
        producers: &[Producer],
        unresolved: u32,
    ) {
        let span = self.linker.span(idx);
        let by = |evidence| producers.iter().filter(|producer| producer.evidence == evidence).count() as u32;
        // LINK-MSG-ROOT: a consumer without a producer here is fed by its destination, never by a made-up user.
        let inferred = unresolved + u32::from(producers.is_empty() && unresolved == 0);
        let counts = [
            (by(Evidence::Paired), Evidence::Paired),
            (by(Evidence::Link), Evidence::Link),
            (inferred, Evidence::Inferred),
        ];
        // One span, one duration, however many messages it worked on.
        let mut callee_ns = Some(duration_ns(span));
        for (count, evidence) in counts.into_iter().filter(|(count, _)| *count > 0) {
            let call = Call {
                evidence,
                count,
                callee_error: span.is_error,
                callee_ns: callee_ns.take(),
                start: span.start,
                sampling: span.sampling,
                ..message(taken_from, consumer)
            };
            let callee_unit = Some(self.linker.tree.units[idx]);
            self.linker.seen.push(Seen { call, caller_unit: None, callee_unit, calling_span: None });
        }
    }

    /// LINK-MSG-PARENT, LINK-MSG-LINK: that consumer got that message.
    fn join(&mut self, producer: Producer, idx: SpanIdx, taken_from: NodeId, consumer: NodeId) {
        let call = self.direct_call(producer, idx);
        let Some(producer_node) = self.linker.node(producer.idx) else { return };
        let own_destination = self.destination(producer.idx);
        let sent_to = own_destination.unwrap_or(taken_from);
        if own_destination.is_none() {
            // The producer's side names no destination, or is no producer: its half is known from the consumer's.
            let is_sending = call.caller_ns.is_some();
            let evidence = if is_sending { producer.evidence } else { Evidence::ParentChild };
            let half = Call {
                caller: producer_node,
                callee: taken_from,
                callee_error: false,
                callee_ns: None,
                evidence,
                ..call
            };
            self.push_sent(producer.idx, half);
        } else if sent_to != taken_from && self.routed.insert((producer.idx, taken_from)) {
            // LINK-MSG-EXCHANGE: an exchange feeds the queue, once per message however many consumers it has.
            let (start, sampling, evidence) = (call.start, call.sampling, producer.evidence);
            let call = Call { start, sampling, evidence, ..message(sent_to, taken_from) };
            let caller_unit = Some(self.linker.tree.units[producer.idx]);
            self.linker.seen.push(Seen { call, caller_unit, callee_unit: None, calling_span: None });
        }
        let best = self.delivered.entry(producer.idx).or_insert(producer.evidence);
        *best = producer.evidence.min(*best);
        if self.is_shown(producer.idx, idx) {
            let call = Call { caller: producer_node, callee: consumer, ..call };
            let joined = Joined { call, sent_to, taken_from };
            self.linker.joined.push(SeenJoined { joined, caller_unit: self.linker.tree.units[producer.idx] });
        }
    }

    /// No side names a destination: producer → consumer is all that is known.
    fn link_direct(&mut self, producer: Producer, idx: SpanIdx) {
        self.delivered.insert(producer.idx, producer.evidence);
        if !self.is_shown(producer.idx, idx) {
            self.linker.tally(idx).self_calls += 1;
            return;
        }
        let (Some(caller), Some(callee)) = (self.linker.node(producer.idx), self.linker.node(idx)) else {
            return;
        };
        let call = Call { caller, callee, ..self.direct_call(producer, idx) };
        let caller_unit = Some(self.linker.tree.units[producer.idx]);
        let callee_unit = Some(self.linker.tree.units[idx]);
        self.linker.seen.push(Seen { call, caller_unit, callee_unit, calling_span: None });
    }

    /// Producer to consumer, with the views of both sides; the ends are still to be set.
    fn direct_call(&mut self, producer: Producer, idx: SpanIdx) -> Call {
        let is_sending = self.linker.role(producer.idx) == Role::Send;
        let (sender, taker) = (self.linker.span(producer.idx), self.linker.span(idx));
        Call {
            evidence: producer.evidence,
            caller_error: is_sending && sender.is_error,
            callee_error: taker.is_error,
            caller_ns: is_sending.then_some(duration_ns(sender)),
            callee_ns: Some(duration_ns(taker)),
            start: sender.start,
            sampling: sender.sampling.joint(taker.sampling),
            ..message(NodeId::default(), NodeId::default())
        }
    }

    fn is_shown(&mut self, producer: SpanIdx, consumer: SpanIdx) -> bool {
        let (sender, taker) = (self.linker.span(producer), self.linker.span(consumer));
        self.linker.self_calls || !self.linker.names.is_same_service(sender.resource, taker.resource)
    }

    /// LINK-MSG-DESTINATION: the producer's half, producer → destination.
    fn link_send(&mut self, idx: SpanIdx) {
        let span = self.linker.span(idx);
        let Some(producer) = self.linker.node(idx) else { return };
        let delivered = self.delivered.get(&idx).copied();
        let Some(sent_to) = self.destination(idx) else {
            if delivered.is_none() {
                self.linker.tally(idx).clients_without_peer += 1;
            }
            return;
        };
        let call = Call {
            evidence: delivered.unwrap_or(Evidence::Inferred),
            caller_error: span.is_error,
            caller_ns: Some(duration_ns(span)),
            start: span.start,
            sampling: span.sampling,
            ..message(producer, sent_to)
        };
        self.push_sent(idx, call);
    }

    fn push_sent(&mut self, sender: SpanIdx, call: Call) {
        let caller_unit = Some(self.linker.tree.units[sender]);
        self.linker.seen.push(Seen { call, caller_unit, callee_unit: None, calling_span: Some(sender) });
    }

    /// Whose messages a consumer's span took: its parent's and those it links to, each once.
    fn producers_of(&mut self, idx: SpanIdx) -> Vec<Producer> {
        let mut producers = Vec::new();
        let mut known = HashSet::new();
        if let Some(parent) = self.sender_above(idx) {
            known.insert(parent);
            producers.push(Producer { idx: parent, evidence: Evidence::Paired });
        }
        // LINK-MSG-BATCH: k links are k messages.
        let links = self.linker.span(idx).links.as_deref();
        for id in links.iter().flat_map(|links| &links.same_trace) {
            let Some(linked) = self.linker.tree.find(*id).next() else { continue };
            if linked != idx && known.insert(linked) {
                producers.push(Producer { idx: linked, evidence: Evidence::Link });
            }
        }
        producers
    }

    /// The sending span above a consumer's; through the receiving spans of its own service, if they are its parents.
    fn sender_above(&mut self, idx: SpanIdx) -> Option<SpanIdx> {
        let span = self.linker.span(idx);
        let mut below = idx;
        let mut parent = self.linker.tree.parent(idx)?;
        while self.linker.role(parent) == Role::Take
            && self.linker.names.is_same_service(self.linker.span(parent).resource, span.resource)
        {
            below = parent;
            parent = self.linker.tree.parent(parent)?;
        }
        match self.linker.calling_span(parent) {
            (sender, Role::Send) => Some(sender),
            // A remote parent that is no producer still is where the message came from.
            (caller, _) if self.linker.tree.hops[below] == Hop::Remote => {
                let is_own =
                    self.linker.names.is_same_service(self.linker.span(caller).resource, span.resource);
                (!is_own).then_some(caller)
            }
            _ => None,
        }
    }

    /// Links whose span is not in this trace: messages whose producer is not known here.
    fn unresolved_links(&self, idx: SpanIdx) -> u32 {
        let Some(links) = self.linker.span(idx).links.as_deref() else { return 0 };
        let missing =
            links.same_trace.iter().filter(|id| self.linker.tree.find(**id).is_empty()).count() as u32;
        missing.saturating_add(links.other_traces).saturating_add(links.dropped)
    }

    fn destination(&mut self, idx: SpanIdx) -> Option<NodeId> {
        let peer = self.linker.peer(idx)?;
        if peer.kind != NodeKind::Messaging {
            return None;
        }
        self.linker.peer_node(idx)
    }
}

fn message(caller: NodeId, callee: NodeId) -> Call {
    Call { protocol: Protocol::Messaging, is_async: true, ..new_call(caller, callee) }
}
