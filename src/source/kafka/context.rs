//! librdkafka's callbacks as values: rebalances, errors and statistics wait here until the reading loop takes them.
//!
//! Nothing blocks in a callback, and none reaches into the loop's state.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, RebalanceProtocol};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{ClientContext, TopicPartitionList};

use super::anew::made_anew;
use super::place::Place;
use super::statistics::Heard;
use crate::telemetry::log::Sampler;

/// A change of what this member of the group reads.
#[derive(Debug)]
pub(super) enum Rebalance {
    /// To be read from now on; the loop has to assign them.
    Assigned(Vec<Place>),
    /// Already given back; where the group lost us, `is_lost`, nobody asked for them.
    Revoked { places: Vec<Place>, is_lost: bool },
}

/// The last failure of a connection.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Trouble {
    /// Its kind.
    pub(super) code: RDKafkaErrorCode,
    /// librdkafka's words, with the broker's address.
    pub(super) reason: String,
}

/// What the callbacks leave behind, shared by both clients.
#[derive(Default)]
pub(super) struct Signals {
    rebalances: Mutex<VecDeque<Rebalance>>,
    heard: Mutex<Option<Heard>>,
    trouble: Mutex<Option<Trouble>>,
    made_anew: Mutex<VecDeque<String>>,
    has_made_anew: AtomicBool,
    samplers: Mutex<BTreeMap<String, Arc<Sampler>>>,
}

impl Signals {
    pub(super) fn next_rebalance(&self) -> Option<Rebalance> {
        locked(&self.rebalances).pop_front()
    }

    /// What an earlier consumer was told is no news for the next.
    pub(super) fn forget_rebalances(&self) {
        locked(&self.rebalances).clear();
    }

    pub(super) fn take_heard(&self) -> Option<Heard> {
        locked(&self.heard).take()
    }

    pub(super) fn trouble(&self) -> Option<Trouble> {
        locked(&self.trouble).clone()
    }

    pub(super) fn clear_trouble(&self) {
        *locked(&self.trouble) = None;
    }

    /// A topic that is another one by now, under the same name. Told before its first record.
    pub(super) fn next_made_anew(&self) -> Option<String> {
        // Looked at after each batch: nothing is locked where there is nothing.
        if !self.has_made_anew.load(Ordering::Acquire) {
            return None;
        }
        let mut made_anew = locked(&self.made_anew);
        let topic = made_anew.pop_front();
        self.has_made_anew.store(!made_anew.is_empty(), Ordering::Release);
        topic
    }

    fn tell_made_anew(&self, topic: &str) {
        let mut made_anew = locked(&self.made_anew);
        made_anew.push_back(topic.to_owned());
        self.has_made_anew.store(true, Ordering::Release);
    }

    fn sampler(&self, code: RDKafkaErrorCode) -> Arc<Sampler> {
        locked(&self.samplers).entry(format!("{code:?}")).or_default().clone()
    }
}

// A panic in another thread must not take the callbacks down: they run on librdkafka's stack.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The context of one client.
#[derive(Default)]
pub(super) struct Context {
    signals: Arc<Signals>,
    is_closing: AtomicBool,
}

impl Context {
    pub(super) fn new(signals: Arc<Signals>) -> Context {
        Context { signals, is_closing: AtomicBool::new(false) }
    }

    /// From here on assignments are refused, and nobody is told of what the group takes back.
    pub(super) fn close(&self) {
        self.is_closing.store(true, Ordering::Relaxed);
    }
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        made_anew(message).into_iter().for_each(|topic| self.signals.tell_made_anew(topic));
        // What matters of the other lines comes as an error too, sampled.
        tracing::debug!(target: "linchpin::librdkafka", ?level, facility, message);
    }

    fn stats_raw(&self, json: &[u8]) {
        match Heard::parse(json) {
            Ok(heard) => *locked(&self.signals.heard) = Some(heard),
            Err(error) => tracing::debug!(%error, "statistics of librdkafka not understood"),
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        let Some(code) = error.rdkafka_error_code() else { return };
        if code == RDKafkaErrorCode::PartitionEOF {
            return;
        }
        if let Some(count) = self.signals.sampler(code).tick() {
            tracing::warn!(count, ?code, reason, "kafka");
        }
        // "All brokers are down" follows on the failure that says why.
        if is_of_connection(code) && code != RDKafkaErrorCode::AllBrokersDown {
            *locked(&self.signals.trouble) = Some(Trouble { code, reason: reason.to_owned() });
        }
    }
}

/// True for failures of a connection, as opposed to those of a topic or a group.
fn is_of_connection(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(
        code,
        Code::BrokerTransportFailure
            | Code::AllBrokersDown
            | Code::Resolve
            | Code::Authentication
            | Code::SaslAuthenticationFailed
            | Code::UnsupportedSASLMechanism
            | Code::SSL
            | Code::OperationTimedOut
            | Code::UnsupportedFeature
    )
}

/// Gives back those of the partitions that were taken; librdkafka refuses the list where one was not yet.
fn give_back(consumer: &BaseConsumer<Context>, partitions: &TopicPartitionList) -> KafkaResult<()> {
    let assigned = consumer.assignment()?;
    let mut taken = TopicPartitionList::new();
    for partition in partitions.elements() {
        let (topic, number) = (partition.topic(), partition.partition());
        if assigned.find_partition(topic, number).is_some() {
            taken.add_partition(topic, number);
        }
    }
    consumer.incremental_unassign(&taken)
}

impl ConsumerContext for Context {
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        event: RDKafkaRespErr,
        partitions: &mut TopicPartitionList,
    ) {
        let places = partitions.elements().iter().map(|p| Place::new(p.topic(), p.partition())).collect();
        let is_closing = self.is_closing.load(Ordering::Relaxed);
        let is_assignment = event == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
        if is_assignment && !is_closing {
            // The loop assigns: it has to split the queues before, and it knows the positions.
            locked(&self.signals.rebalances).push_back(Rebalance::Assigned(places));
            return;
        }
        let is_lost = consumer.assignment_lost();
        // Given back at once, so that another member can start, and so that closing does not wait for the loop.
        let outcome = match consumer.rebalance_protocol() {
            RebalanceProtocol::Cooperative => give_back(consumer, partitions),
            _ => consumer.unassign(),
        };
        if let Err(error) = outcome {
            tracing::warn!(%error, "partitions could not be given back");
        }
        if !is_closing {
            locked(&self.signals.rebalances).push_back(Rebalance::Revoked { places, is_lost });
        }
    }

    fn commit_callback(&self, result: KafkaResult<()>, _: &TopicPartitionList) {
        // Commits only tell lag tools where we are; the next one tells it again.
        if let Err(error) = result {
            tracing::debug!(%error, "position not committed");
        }
    }
}
