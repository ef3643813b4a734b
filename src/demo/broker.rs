//! An embedded Kafka: librdkafka's mock cluster, which listens on free local ports.
//!
//! Good for a demo and for tests, not for keeping data: it holds 5 MB or 100,000 batches per partition, the first join of
//! a consumer group takes about 3 s, and it answers any look-up of offsets by time with the end of the log.
//! librdkafka calls its programming interface experimental.

use std::sync::mpsc;
use std::thread::JoinHandle;

use anyhow::{Context, anyhow};
use rdkafka::mocking::MockCluster;

/// A running cluster; it ends when this is dropped.
pub struct EmbeddedBroker {
    servers: String,
    /// Dropped to end the thread that owns the cluster.
    alive: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl EmbeddedBroker {
    /// Starts one broker with one topic.
    pub fn start(topic: &str, partitions: i32) -> anyhow::Result<EmbeddedBroker> {
        let (alive, ended) = mpsc::channel::<()>();
        let (started, start) = mpsc::channel();
        let topic = topic.to_owned();
        // The cluster's handle cannot move between threads, so one thread owns it from start to end.
        let thread = std::thread::Builder::new().name("broker".into()).spawn(move || {
            match create(&topic, partitions) {
                Ok(cluster) => {
                    let is_wanted = started.send(Ok(cluster.bootstrap_servers())).is_ok();
                    if is_wanted {
                        // Nothing is ever sent: an error means that the owner is gone.
                        let _ = ended.recv();
                    }
                }
                // Where the owner is gone nobody needs the reason.
                Err(error) => drop(started.send(Err(error))),
            }
        })?;
        let servers = start.recv().map_err(|_| anyhow!("the embedded broker ended while it started"))??;
        Ok(EmbeddedBroker { servers, alive: Some(alive), thread: Some(thread) })
    }

    /// Its address, for `bootstrap.servers`.
    pub fn servers(&self) -> &str {
        &self.servers
    }
}

fn create(
    topic: &str,
    partitions: i32,
) -> anyhow::Result<MockCluster<'static, rdkafka::producer::DefaultProducerContext>> {
    let cluster = MockCluster::new(1).context("the embedded broker does not start")?;
    cluster.create_topic(topic, partitions, 1).with_context(|| {
        format!("the embedded broker makes no topic `{topic}` of {partitions} partitions")
    })?;
    Ok(cluster)
}

impl Drop for EmbeddedBroker {
    fn drop(&mut self) {
        drop(self.alive.take());
        if let Some(thread) = self.thread.take() {
            // A panic of that thread has been printed; there is nothing to add.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;
    use std::time::{Duration, Instant};

    use rdkafka::consumer::{BaseConsumer, Consumer};
    use rdkafka::{ClientConfig, Message as _, Offset, TopicPartitionList};

    use super::*;
    use crate::demo::kafka::{KafkaSettings, KafkaSink};
    use crate::demo::*;

    #[test]
    fn what_the_producer_feeds_can_be_read_keyed_by_trace() {
        let broker = EmbeddedBroker::start("spans", 3).unwrap();
        let settings = KafkaSettings {
            brokers: broker.servers().to_owned(),
            topic: "spans".to_owned(),
            partitions: None,
            is_replay: true,
            properties: vec![("compression.type".into(), "lz4".into())],
        };
        let stop = Arc::new(AtomicBool::new(false));
        let mut sink = KafkaSink::connect(&settings, Arc::clone(&stop)).unwrap();
        let mut simulation = Simulation::new(Scenario::Known, 1);
        let batch = BatchSettings { by_trace: true, ..BatchSettings::default() };
        let pace = Pace::Replay { start: 1_767_225_600_000_000_000 };
        let limits = DriveSettings { pace, rate: 100, duration: None, spans: Some(500), seed: 1 };
        let (summary, outcome) = drive(&mut simulation, batch, &limits, &mut sink, &stop);
        outcome.unwrap();
        let read = read_all(broker.servers(), 3, summary.messages as usize);
        assert_eq!(read.iter().map(|(_, bytes)| *bytes as u64).sum::<u64>(), summary.bytes);
        assert!(
            read.iter().all(|(key, _)| key.len() == 32 && key.bytes().all(|byte| byte.is_ascii_hexdigit()))
        );
    }

    fn read_all(servers: &str, partitions: i32, messages: usize) -> Vec<(String, usize)> {
        let consumer: BaseConsumer =
            ClientConfig::new().set("bootstrap.servers", servers).set("group.id", "test").create().unwrap();
        let mut list = TopicPartitionList::new();
        for partition in 0..partitions {
            list.add_partition_offset("spans", partition, Offset::Beginning).unwrap();
        }
        consumer.assign(&list).unwrap();
        let deadline = Instant::now() + Duration::from_secs(60);
        let mut read = Vec::new();
        while read.len() < messages && Instant::now() < deadline {
            if let Some(record) = consumer.poll(Duration::from_millis(200)) {
                let record = record.unwrap();
                let key = String::from_utf8(record.key().unwrap().to_vec()).unwrap();
                assert!(record.timestamp().to_millis().unwrap() >= 1_767_225_600_000);
                read.push((key, record.payload().unwrap().len()));
            }
        }
        assert_eq!(read.len(), messages);
        read
    }
}
