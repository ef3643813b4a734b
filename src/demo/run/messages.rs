//! Messages of a trace being made: sending, taking, and batches that wait until they are full.

use super::act::{Act, Answer, Closing, NETWORK, Opened, Outcome, Place, new_trace};
use crate::demo::span::SimLink;
use crate::demo::system::{Delivery, DestinationId};
use crate::demo::truth::EdgeKind;
use crate::model::{SpanId, UnixNanos};

/// From a message's sending to its delivery, median.
const DELIVERY: u64 = 8_000_000;

/// A message that waits for its batch.
struct Waiting {
    link: SimLink,
    sent_at: UnixNanos,
}

/// Messages for a consumer that starts traces of its own.
pub(super) struct Backlog {
    destination: DestinationId,
    consumer: usize,
    waiting: Vec<Waiting>,
}

impl Act<'_> {
    pub fn publish(&mut self, place: Place, id: DestinationId, at: UnixNanos) -> (UnixNanos, bool) {
        let system = self.world.system;
        let destination = &system.destinations[id.0];
        let end = at + self.random.around(NETWORK);
        let sending = self.new_span();
        let opened = Opened { place, id: sending, template: destination.sent, start: at };
        self.close(opened, end, Closing::default());
        let producer = system.services[place.service.0].name;
        self.count(EdgeKind::Messaging, [producer, &destination.name], (false, false));
        let mut queues: Vec<&str> = Vec::new();
        for (number, consumer) in destination.consumers.iter().enumerate() {
            let taken_at = end + self.random.around(DELIVERY);
            match consumer.delivery {
                Delivery::Links(_) => self.wait_for_batch(id, number, sending, taken_at),
                Delivery::Parent => {
                    // An exchange feeds a queue once per message, however many consumers the queue has.
                    if consumer.source != destination.name && !queues.contains(&consumer.source.as_str()) {
                        queues.push(&consumer.source);
                        self.count(
                            EdgeKind::Messaging,
                            [&destination.name, &consumer.source],
                            (false, false),
                        );
                    }
                    let answer = self.enter(consumer.operation, sending, Vec::new(), taken_at);
                    self.count_taken(id, number, &answer);
                }
            }
        }
        (end, false)
    }

    fn wait_for_batch(
        &mut self,
        destination: DestinationId,
        consumer: usize,
        sending: SpanId,
        sent_at: UnixNanos,
    ) {
        let waiting = Waiting { link: SimLink { trace: self.trace, span: sending }, sent_at };
        let same =
            |backlog: &&mut Backlog| (backlog.destination, backlog.consumer) == (destination, consumer);
        match self.backlogs.iter_mut().find(same) {
            Some(backlog) => backlog.waiting.push(waiting),
            None => self.backlogs.push(Backlog { destination, consumer, waiting: vec![waiting] }),
        }
    }

    /// Consumers whose batches are full take them, each in a trace of its own; what they send may fill further ones.
    pub fn run_full_batches(&mut self) {
        while let Some((destination, number, batch)) = self.take_full_batch() {
            let operation = self.world.system.destinations[destination.0].consumers[number].operation;
            let at = batch.iter().map(|waiting| waiting.sent_at).max().unwrap_or_default();
            let links: Vec<SimLink> = batch.iter().map(|waiting| waiting.link).collect();
            let messages = links.len();
            self.trace = new_trace(&mut self.random);
            let answer = self.enter(operation, SpanId::NONE, links, at);
            (0..messages).for_each(|_| self.count_taken(destination, number, &answer));
        }
    }

    fn take_full_batch(&mut self) -> Option<(DestinationId, usize, Vec<Waiting>)> {
        let destinations = &self.world.system.destinations;
        self.backlogs.iter_mut().find_map(|backlog| {
            match destinations[backlog.destination.0].consumers[backlog.consumer].delivery {
                Delivery::Links(size) if backlog.waiting.len() >= size.max(1) => {
                    Some((backlog.destination, backlog.consumer, std::mem::take(&mut backlog.waiting)))
                }
                Delivery::Links(_) | Delivery::Parent => None,
            }
        })
    }

    fn count_taken(&mut self, destination: DestinationId, consumer: usize, answer: &Answer) {
        let system = self.world.system;
        let consumer = &system.destinations[destination.0].consumers[consumer];
        let service = system.operations[consumer.operation.0].service;
        let name = system.services[service.0].name;
        let has_failed = answer.outcome == Outcome::Failed;
        self.count(EdgeKind::Messaging, [&consumer.source, name], (false, has_failed));
    }
}
