//! Messages to a Kafka topic, keyed by trace or without keys.
//!
//! Back-pressure and patience are librdkafka's: its queue is bounded, a full one makes us wait, and a broker that is
//! away is tried again with growing pauses. Nothing is retried faster because it failed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::metadata::Metadata;
use rdkafka::producer::{BaseRecord, DeliveryResult, Producer, ProducerContext, ThreadedProducer};

use super::batch::Message;
use super::drive::Sink;

/// Where and how to produce.
#[derive(Clone, Debug)]
pub struct KafkaSettings {
    /// `host:port`, comma separated.
    pub brokers: String,
    /// Topic.
    pub topic: String,
    /// Partitions to create the topic with where it does not exist; `None`: it must exist.
    pub partitions: Option<i32>,
    /// True where records bear the event time at which their agents sent them, instead of the present.
    pub is_replay: bool,
    /// Further librdkafka properties.
    pub properties: Vec<(String, String)>,
}

const ANSWER_WITHIN: Duration = Duration::from_secs(5);
const ATTEMPT_WITHIN: Duration = Duration::from_millis(500);
const QUEUE_FULL_PAUSE: Duration = Duration::from_millis(20);
/// A stop must not take longer than a second in all.
const FLUSH_AFTER_STOP: Duration = Duration::from_millis(700);
const FLUSH: Duration = Duration::from_secs(60);

/// Counts what brokers did not take.
#[derive(Default)]
struct Lost {
    messages: AtomicU64,
}

struct Deliveries {
    lost: Arc<Lost>,
}

impl rdkafka::ClientContext for Deliveries {}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, _)) = result {
            let lost = self.lost.messages.fetch_add(1, Ordering::Relaxed) + 1;
            if lost.is_power_of_two() {
                tracing::warn!(lost, %error, "messages were not delivered");
            }
        }
    }
}

/// A topic that takes messages.
pub struct KafkaSink {
    producer: ThreadedProducer<Deliveries>,
    settings: KafkaSettings,
    lost: Arc<Lost>,
    stop: Arc<AtomicBool>,
}

impl KafkaSink {
    /// Connects; fails with the reason in words where no broker answers or the topic is not there.
    pub fn connect(settings: &KafkaSettings, stop: Arc<AtomicBool>) -> anyhow::Result<KafkaSink> {
        let mut config = client_config(settings);
        let defaults = [
            ("linger.ms", "20"),
            // Messages without keys are spread one by one, not in bursts to one partition.
            ("sticky.partitioning.linger.ms", "0"),
            ("compression.type", "lz4"),
            ("message.timeout.ms", "60000"),
            ("queue.buffering.max.kbytes", "131072"),
        ];
        for (name, value) in defaults {
            if config.get(name).is_none() {
                config.set(name, value);
            }
        }
        let lost = Arc::new(Lost::default());
        let producer: ThreadedProducer<Deliveries> = config
            .create_with_context(Deliveries { lost: Arc::clone(&lost) })
            .context("a Kafka property is not accepted: correct --properties")?;
        let sink = KafkaSink { producer, settings: settings.clone(), lost, stop };
        sink.check()?;
        Ok(sink)
    }

    fn check(&self) -> anyhow::Result<()> {
        let KafkaSettings { brokers, topic, partitions, .. } = &self.settings;
        let metadata = self.fetch_metadata().with_context(|| {
            format!("no broker answers at `{brokers}`: start Kafka there, or correct --brokers")
        })?;
        let found = metadata.topics().iter().find(|found| found.name() == topic);
        match (found.and_then(|found| found.error()).map(RDKafkaErrorCode::from), partitions) {
            // A topic without a leader is one that the broker is creating by itself.
            (None | Some(RDKafkaErrorCode::LeaderNotAvailable), _) => Ok(()),
            (Some(RDKafkaErrorCode::UnknownTopicOrPartition), Some(partitions)) => {
                self.create_topic(*partitions)
            }
            (Some(error), _) => Err(anyhow!("{error}").context(format!(
                "topic `{topic}` cannot be used on `{brokers}`: create it, have it created with --partitions, or correct --topic"
            ))),
        }
    }

    /// In short attempts, so that a stop is noticed.
    fn fetch_metadata(&self) -> anyhow::Result<Metadata> {
        let deadline = Instant::now() + ANSWER_WITHIN;
        loop {
            let topic = Some(self.settings.topic.as_str());
            match self.producer.client().fetch_metadata(topic, ATTEMPT_WITHIN) {
                Ok(metadata) => return Ok(metadata),
                Err(error) if Instant::now() >= deadline => return Err(error.into()),
                Err(_) if self.stop.load(Ordering::Relaxed) => bail!("stopped before it was connected"),
                Err(_) => {}
            }
        }
    }

    fn create_topic(&self, partitions: i32) -> anyhow::Result<()> {
        let KafkaSettings { brokers, topic, .. } = &self.settings;
        let admin: AdminClient<DefaultClientContext> = client_config(&self.settings).create()?;
        let topics = [NewTopic::new(topic, partitions, TopicReplication::Fixed(-1))];
        let options = AdminOptions::new().operation_timeout(Some(ANSWER_WITHIN));
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        let created = runtime.block_on(admin.create_topics(&topics, &options));
        let problem = match created {
            Ok(results) => results.into_iter().find_map(Result::err).map(|(_, error)| error.to_string()),
            Err(error) => Some(error.to_string()),
        };
        match problem {
            None => Ok(()),
            Some(problem) => bail!(
                "topic `{topic}` with {partitions} partitions is not made on `{brokers}` ({problem}): create it by hand"
            ),
        }
    }
}

fn client_config(settings: &KafkaSettings) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", &settings.brokers)
        .set("retry.backoff.max.ms", "10000")
        .set("reconnect.backoff.max.ms", "10000");
    for (name, value) in &settings.properties {
        config.set(name, value);
    }
    config
}

impl Sink for KafkaSink {
    fn send(&mut self, message: &Message<'_>) -> anyhow::Result<()> {
        let key = message.trace.map(|trace| trace.to_string());
        let mut record = BaseRecord::to(&self.settings.topic).payload(message.bytes);
        if let Some(key) = &key {
            record = record.key(key);
        }
        if self.settings.is_replay {
            record = record.timestamp((message.sent_at / 1_000_000) as i64);
        }
        loop {
            match self.producer.send(record) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), same)) => {
                    if self.stop.load(Ordering::Relaxed) {
                        bail!(
                            "stopped while the queue to `{}` was full; what it held may be lost",
                            self.settings.brokers
                        );
                    }
                    std::thread::sleep(QUEUE_FULL_PAUSE);
                    record = same;
                }
                Err((error, _)) => {
                    return Err(error).with_context(|| {
                        format!("a message of {} bytes is not accepted", message.bytes.len())
                    });
                }
            }
        }
    }

    fn finish(&mut self) -> anyhow::Result<()> {
        let limit = if self.stop.load(Ordering::Relaxed) { FLUSH_AFTER_STOP } else { FLUSH };
        let flushed = self.producer.flush(limit);
        let lost = self.lost.messages.load(Ordering::Relaxed) + self.producer.in_flight_count().max(0) as u64;
        let brokers = &self.settings.brokers;
        match (lost, flushed) {
            (0, Ok(())) => Ok(()),
            (0, Err(error)) => Err(error.into()),
            _ => bail!("{lost} messages were not delivered to `{brokers}`: see the log, or check the broker"),
        }
    }
}
