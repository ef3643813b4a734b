//! What agents do: spans that finished are held for a moment, then go out together.
//!
//! Enters: traces. Leaves: encoded messages, each from one agent, with spans of several resources and traces,
//! children before parents; a trace is spread over as many messages as agents (and moments) saw it.
//! Every span that entered leaves exactly once, at the latest with [`Batcher::finish`].

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use super::encode::{Encoder, Group, Wire};
use super::span::{Catalog, InstanceId, SimSpan};
use crate::model::{TraceId, UnixNanos};

/// How messages are made.
#[derive(Clone, Copy, Debug)]
pub struct BatchSettings {
    /// Form of the messages.
    pub wire: Wire,
    /// Spans of about 150 bytes instead of about 580.
    pub is_slim: bool,
    /// One trace per message, as the collector's `partition_traces_by_id` does it.
    pub by_trace: bool,
    /// Spans at which an agent sends.
    pub max_spans: usize,
    /// Longest time that an agent holds a span, in event time, nanoseconds.
    pub max_hold: u64,
}

impl Default for BatchSettings {
    fn default() -> Self {
        // The batch processors of the SDKs send at 512 spans; a collector's holds for 200 ms.
        BatchSettings {
            wire: Wire::Proto,
            is_slim: false,
            by_trace: false,
            max_spans: 512,
            max_hold: 200_000_000,
        }
    }
}

/// A message to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// The trace, where messages hold one trace each: the record key.
    pub trace: Option<TraceId>,
    /// When its agent sent it, in event time.
    pub sent_at: UnixNanos,
    /// Number of spans.
    pub spans: u32,
    /// The encoded request.
    pub bytes: &'a [u8],
}

/// A span that an agent holds, encoded.
#[derive(Clone, Copy)]
struct Held {
    trace: TraceId,
    instance: InstanceId,
    start: usize,
    end: usize,
}

/// What one agent holds.
#[derive(Default)]
struct Agent {
    /// When the oldest span came.
    since: UnixNanos,
    bytes: Vec<u8>,
    spans: Vec<Held>,
}

/// All agents of a simulated system.
pub struct Batcher {
    settings: BatchSettings,
    encoder: Encoder,
    /// Spans on their way: (arrival, sequence number, slot).
    on_the_way: BinaryHeap<Reverse<(UnixNanos, u64, usize)>>,
    slots: Vec<Option<SimSpan>>,
    free_slots: Vec<usize>,
    sequence: u64,
    agents: BTreeMap<u32, Agent>,
    /// No agent is due before this.
    next_due: UnixNanos,
    message: Vec<u8>,
}

impl Batcher {
    /// Agents that hold nothing.
    pub fn new(settings: BatchSettings) -> Batcher {
        Batcher {
            encoder: Encoder::new(settings.wire, settings.is_slim),
            settings,
            on_the_way: BinaryHeap::new(),
            slots: Vec::new(),
            free_slots: Vec::new(),
            sequence: 0,
            agents: BTreeMap::new(),
            next_due: UnixNanos::MAX,
            message: Vec::new(),
        }
    }

    /// Takes the spans of a trace out of `spans`; each reaches its agent when it ends.
    pub fn push(&mut self, spans: &mut Vec<SimSpan>) {
        for span in spans.drain(..) {
            let arrival = span.delivered_at();
            let slot = self.free_slots.pop().unwrap_or_else(|| {
                self.slots.push(None);
                self.slots.len() - 1
            });
            self.slots[slot] = Some(span);
            self.on_the_way.push(Reverse((arrival, self.sequence, slot)));
            self.sequence += 1;
        }
    }

    /// Lets event time come to `now`; what agents send until then goes to `send`.
    pub fn advance<E>(
        &mut self,
        catalog: &Catalog,
        now: UnixNanos,
        send: &mut impl FnMut(Message<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        while let Some(Reverse((arrival, _, slot))) = self.on_the_way.peek().copied() {
            if arrival > now {
                break;
            }
            self.on_the_way.pop();
            if self.next_due <= arrival {
                self.send_due(catalog, arrival, send)?;
            }
            let Some(span) = self.slots[slot].take() else { continue };
            self.free_slots.push(slot);
            self.hold(catalog, &span, arrival, send)?;
        }
        if self.next_due <= now {
            self.send_due(catalog, now, send)?;
        }
        Ok(())
    }

    /// Sends all that is left: every span's end comes, then every agent sends.
    pub fn finish<E>(
        &mut self,
        catalog: &Catalog,
        send: &mut impl FnMut(Message<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let last = self.on_the_way.iter().map(|Reverse((arrival, ..))| *arrival).max();
        if let Some(last) = last {
            self.advance(catalog, last, send)?;
        }
        for (_, agent) in std::mem::take(&mut self.agents) {
            let sent_at = last.unwrap_or(agent.since).max(agent.since);
            self.send(catalog, &agent, sent_at, send)?;
        }
        self.next_due = UnixNanos::MAX;
        Ok(())
    }

    fn hold<E>(
        &mut self,
        catalog: &Catalog,
        span: &SimSpan,
        now: UnixNanos,
        send: &mut impl FnMut(Message<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let number = catalog.agent(span.instance);
        let agent = self.agents.entry(number).or_default();
        if agent.spans.is_empty() {
            agent.since = now;
            self.next_due = self.next_due.min(now.saturating_add(self.settings.max_hold));
        }
        let start = agent.bytes.len();
        self.encoder.span(catalog, span, &mut agent.bytes);
        agent.spans.push(Held { trace: span.trace, instance: span.instance, start, end: agent.bytes.len() });
        if agent.spans.len() < self.settings.max_spans {
            return Ok(());
        }
        let mut full = std::mem::take(agent);
        self.send(catalog, &full, now, send)?;
        // The buffers go back, so that an agent allocates them once.
        full.bytes.clear();
        full.spans.clear();
        self.agents.insert(number, full);
        Ok(())
    }

    /// Sends for every agent whose oldest span is due.
    fn send_due<E>(
        &mut self,
        catalog: &Catalog,
        now: UnixNanos,
        send: &mut impl FnMut(Message<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut agents = std::mem::take(&mut self.agents);
        self.next_due = UnixNanos::MAX;
        let mut outcome = Ok(());
        for agent in agents.values_mut().filter(|agent| !agent.spans.is_empty()) {
            let due = agent.since.saturating_add(self.settings.max_hold);
            if due > now || outcome.is_err() {
                self.next_due = self.next_due.min(due);
                continue;
            }
            outcome = self.send(catalog, agent, due, send);
            agent.bytes.clear();
            agent.spans.clear();
        }
        self.agents = agents;
        outcome
    }

    fn send<E>(
        &mut self,
        catalog: &Catalog,
        agent: &Agent,
        sent_at: UnixNanos,
        send: &mut impl FnMut(Message<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut order: Vec<Held> = agent.spans.clone();
        let by_trace = self.settings.by_trace;
        // Stable: within a resource the order of arrival stays.
        order.sort_by_key(|held| (if by_trace { held.trace } else { TraceId(0) }, held.instance));
        let same_message = |a: &Held, b: &Held| !by_trace || a.trace == b.trace;
        for part in order.chunk_by(same_message) {
            let groups: Vec<Group<'_>> = part
                .chunk_by(|a, b| a.instance == b.instance)
                .map(|held| Group {
                    instance: held[0].instance,
                    spans: held.iter().map(|held| &agent.bytes[held.start..held.end]).collect(),
                })
                .collect();
            self.message.clear();
            self.encoder.message(catalog, &groups, &mut self.message);
            let trace = by_trace.then_some(part[0].trace);
            send(Message { trace, sent_at, spans: part.len() as u32, bytes: &self.message })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
    use prost::Message as _;

    use super::*;
    use crate::demo::{Scenario, Simulation};

    const START: UnixNanos = 1_767_225_600_000_000_000;

    struct Sent {
        trace: Option<TraceId>,
        sent_at: UnixNanos,
        request: ExportTraceServiceRequest,
    }

    fn messages(scenario: Scenario, traces: u64, settings: BatchSettings) -> (Vec<Sent>, Vec<SimSpan>) {
        let mut simulation = Simulation::new(scenario, 1);
        let mut batcher = Batcher::new(settings);
        let (mut sent, mut all) = (Vec::new(), Vec::new());
        let mut send = |message: Message<'_>| {
            let request = ExportTraceServiceRequest::decode(message.bytes).unwrap();
            sent.push(Sent { trace: message.trace, sent_at: message.sent_at, request });
            Ok::<_, ()>(())
        };
        for number in 0..traces {
            let now = START + number * 10_000_000;
            let mut spans = simulation.trace(now);
            all.extend(spans.iter().cloned());
            batcher.push(&mut spans);
            batcher.advance(simulation.catalog(), now, &mut send).unwrap();
        }
        batcher.finish(simulation.catalog(), &mut send).unwrap();
        (sent, all)
    }

    /// (trace, span, end) of every span of a message, in its order.
    fn spans(sent: &Sent) -> Vec<(Vec<u8>, Vec<u8>, u64)> {
        let parts = sent.request.resource_spans.iter().flat_map(|part| &part.scope_spans);
        let spans = parts.flat_map(|scope| &scope.spans);
        spans.map(|span| (span.trace_id.clone(), span.span_id.clone(), span.end_time_unix_nano)).collect()
    }

    #[test]
    fn every_span_is_sent_once_and_traces_are_spread_over_messages() {
        for by_trace in [false, true] {
            let settings = BatchSettings { by_trace, ..BatchSettings::default() };
            let (sent, all) = messages(Scenario::Shop, 400, settings);
            let mut expected: Vec<_> = all
                .iter()
                .map(|span| (span.trace.0.to_be_bytes().to_vec(), span.id.0.to_be_bytes().to_vec(), span.end))
                .collect();
            let mut found: Vec<_> = sent.iter().flat_map(spans).collect();
            expected.sort();
            found.sort();
            assert_eq!(found, expected);
            let mut messages_of: BTreeMap<Vec<u8>, u32> = BTreeMap::new();
            for message in &sent {
                let traces: BTreeSet<_> = spans(message).into_iter().map(|(trace, ..)| trace).collect();
                assert!(message.sent_at >= START);
                match message.trace {
                    Some(key) => assert_eq!(traces, [key.0.to_be_bytes().to_vec()].into()),
                    None => assert!(!by_trace),
                }
                traces.into_iter().for_each(|trace| *messages_of.entry(trace).or_default() += 1);
            }
            assert!(messages_of.values().filter(|count| **count >= 3).count() > 100);
        }
    }

    #[test]
    fn agents_mix_resources_and_send_children_before_parents() {
        let (sent, _) = messages(Scenario::Shop, 400, BatchSettings::default());
        assert!(sent.iter().any(|message| message.request.resource_spans.len() >= 3));
        for part in sent.iter().flat_map(|message| &message.request.resource_spans) {
            let ends: Vec<u64> =
                part.scope_spans[0].spans.iter().map(|span| span.end_time_unix_nano).collect();
            assert!(ends.is_sorted());
        }
    }

    #[test]
    fn a_late_span_goes_out_when_it_is_due() {
        let (sent, all) = messages(Scenario::Known, 300, BatchSettings::default());
        let late = all.iter().find(|span| span.delay > 10_000_000_000).unwrap();
        let id = late.id.0.to_be_bytes().to_vec();
        let message =
            sent.iter().find(|message| spans(message).iter().any(|(_, span, _)| *span == id)).unwrap();
        let due = late.delivered_at();
        assert!((due..=due + BatchSettings::default().max_hold).contains(&message.sent_at));
    }

    #[test]
    fn a_full_agent_sends_at_once() {
        let settings = BatchSettings { max_spans: 5, ..BatchSettings::default() };
        let (sent, _) = messages(Scenario::Shop, 200, settings);
        assert!(sent.iter().all(|message| spans(message).len() <= 5));
    }
}
