//! The source alone on a real broker: where it starts, what retention takes, codecs and group protocols.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use linchpin::config::{KafkaConfig, LaneMode, Start};
use linchpin::model::{InputId, SourceEvent};
use linchpin::source::kafka::{self, KafkaSource, Place, Plan, Positions, ReadTo, Shutdown};
use linchpin::telemetry::Telemetry;
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::{Offset, TopicPartitionList};

use crate::support::broker::{Broker, SASL_USER, unique};
use crate::support::produce::{Producer, Record};
use crate::support::wait::{PATIENCE, eventually};

/// Log time of the first record.
pub(super) const T0: i64 = 1_700_000_000_000;

pub(super) struct Running {
    source: KafkaSource,
    pub(super) telemetry: Arc<Telemetry>,
    shutdown: Shutdown,
}

/// Offsets that came, and the inputs that stand at their end.
#[derive(Default)]
pub(super) struct Seen {
    names: BTreeMap<InputId, String>,
    pub(super) offsets: BTreeMap<InputId, Vec<i64>>,
    pub(super) standing: BTreeMap<InputId, i64>,
    /// First offsets behind holes.
    pub(super) holes: Vec<i64>,
}

impl Running {
    pub(super) fn start(config: &KafkaConfig, positions: Positions) -> Running {
        let (telemetry, shutdown) = (Telemetry::new(), Shutdown::default());
        let plan = Plan { lanes: LaneMode::Merged, workers: 1, positions };
        let source = kafka::spawn(config, plan, telemetry.clone(), shutdown.clone()).unwrap();
        Running { source, telemetry, shutdown }
    }

    pub(super) fn until(&self, seen: &mut Seen, is_enough: impl Fn(&Seen) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !is_enough(seen) {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.source.events[0].recv_timeout(left).expect("the source goes on") {
                SourceEvent::Assigned { input, name, .. } => drop(seen.names.insert(input, name.to_string())),
                SourceEvent::Records(batch) => {
                    let offsets = seen.offsets.entry(batch.input).or_default();
                    offsets.extend(batch.records.iter().map(|record| record.offset));
                }
                SourceEvent::Standing { input, at } => drop(seen.standing.insert(input, at)),
                SourceEvent::Hole { first, .. } => seen.holes.push(first),
                SourceEvent::Started { .. } | SourceEvent::Revoked { .. } | SourceEvent::Gone { .. } => {}
            }
        }
    }

    /// All that one partition gives until all stand.
    fn first_and_count(&self, partitions: usize) -> Vec<(i64, usize)> {
        let mut seen = Seen::default();
        self.until(&mut seen, |seen| seen.standing.len() == partitions);
        seen.offsets.values().map(|offsets| (offsets[0], offsets.len())).collect()
    }

    pub(super) fn stop(self) {
        self.shutdown.trigger();
        self.shutdown.drained();
        self.source.handle.join().unwrap();
    }
}

pub(super) fn config(broker: &Broker, topic: &str, start: Start) -> KafkaConfig {
    KafkaConfig {
        brokers: broker.address(),
        topics: vec![topic.into()],
        group: unique("source"),
        start,
        ..KafkaConfig::default()
    }
}

/// `count` records of each partition, a second apart.
fn fill(broker: &Broker, topic: &str, partitions: i32, count: i64) {
    let producer = Producer::new(broker.client());
    for number in 0..count {
        for partition in 0..partitions {
            let value = format!("{partition}:{number}").into_bytes();
            let log_time = Some(T0 + number * 1_000);
            producer
                .send(topic, &Record { partition: Some(partition), value, log_time, ..Record::default() });
        }
    }
    producer.flush();
}

/// What is known of a partition that [`fill`] filled, and that was read up to `offset`.
fn read_to(topic: &str, partition: i32, offset: i64) -> (Place, ReadTo) {
    (Place::new(topic, partition), ReadTo { offset, newest: Some(T0 + (offset - 1) * 1_000) })
}

#[test]
fn starts_where_the_configuration_says() {
    let broker = Broker::shared();
    let topic = broker.create_topic("starts", 2, &[]);
    fill(broker, &topic, 2, 100);
    for (start, expected) in [
        (Start::Earliest, vec![(0, 100), (0, 100)]),
        (Start::At(T0 + 40_000), vec![(40, 60), (40, 60)]),
        (Start::At(T0 + 40_001), vec![(41, 59), (41, 59)]),
        (Start::At(T0 + 3_600_000), vec![]),
        (Start::Latest, vec![]),
        (Start::Ago(Duration::from_secs(60)), vec![]),
    ] {
        let running = Running::start(&config(broker, &topic, start.clone()), Positions::new());
        assert_eq!(running.first_and_count(2), expected, "{start:?}");
        running.stop();
    }
}

#[test]
fn positions_come_before_the_start_and_are_committed_for_lag_tools() {
    let broker = Broker::shared();
    let topic = broker.create_topic("positions", 2, &[]);
    fill(broker, &topic, 2, 100);
    let config = config(broker, &topic, Start::Earliest);
    let running = Running::start(&config, Positions::from([read_to(&topic, 1, 70)]));
    assert_eq!(
        running.first_and_count(2).into_iter().collect::<BTreeMap<_, _>>(),
        BTreeMap::from([(0, 100), (70, 30)])
    );

    use rdkafka::consumer::{BaseConsumer, Consumer};
    let asking: BaseConsumer = broker.client().set("group.id", &config.group).create().unwrap();
    eventually("both ends are committed", || {
        let mut list = TopicPartitionList::new();
        list.add_partition_range(&topic, 0, 1);
        let list =
            asking.committed_offsets(list, Duration::from_secs(5)).map_err(|error| error.to_string())?;
        let ends = list.elements().iter().filter(|it| it.offset() == Offset::Offset(100)).count();
        if ends == 2 { Ok(()) } else { Err(format!("{list:?}")) }
    });
    running.stop();
}

/// A slow reader on a log whose beginning goes away: the hole is counted once, and reading goes on behind it.
#[test]
fn records_that_retention_took_are_counted() {
    for strategy in ["cooperative-sticky", "range"] {
        let broker = Broker::shared();
        let topic = broker.create_topic("hole", 2, &[]);
        fill(broker, &topic, 2, 100);
        delete_records(broker, &topic, 0, 60);
        let positions = Positions::from([read_to(&topic, 0, 20), read_to(&topic, 1, 20)]);
        let mut config = config(broker, &topic, Start::Earliest);
        config.properties.insert("partition.assignment.strategy".into(), strategy.into());
        let running = Running::start(&config, positions);
        let read: BTreeMap<i64, usize> = running.first_and_count(2).into_iter().collect();
        assert_eq!(read, BTreeMap::from([(60, 40), (20, 80)]), "{strategy}");
        eventually("the status shows it", || {
            let all = running.telemetry.partitions.all();
            let lost: Vec<u64> = all.values().map(|status| status.lost_offsets).collect();
            let words = all.values().find_map(|status| status.problem.clone()).unwrap_or_default();
            let is_told = lost == [40, 0] && words.contains("offsets 20 to 59 were gone");
            if is_told { Ok(()) } else { Err(format!("{all:?}")) }
        });
        assert_eq!(running.telemetry.counters.log_gaps.get(), 1);
        running.stop();
    }
}

#[test]
fn every_codec_of_the_default_build_is_read() {
    let broker = Broker::shared();
    for codec in ["none", "gzip", "snappy", "lz4"] {
        let topic = broker.create_topic(
            "codec",
            1,
            &[("compression.type", if codec == "none" { "uncompressed" } else { codec })],
        );
        fill(broker, &topic, 1, 500);
        let running = Running::start(&config(broker, &topic, Start::Earliest), Positions::new());
        assert_eq!(running.first_and_count(1), [(0, 500)], "{codec}");
        running.stop();
    }
}

/// The group protocol of KIP-848, where the broker assigns.
#[test]
fn the_new_group_protocol_works() {
    let broker = Broker::shared();
    let topic = broker.create_topic("kip848", 3, &[]);
    fill(broker, &topic, 3, 200);
    let mut config = config(broker, &topic, Start::Earliest);
    config.properties.insert("group.protocol".into(), "consumer".into());
    let running = Running::start(&config, Positions::new());
    assert_eq!(running.first_and_count(3), [(0, 200); 3]);
    running.stop();
}

#[test]
fn a_refused_login_is_told_without_the_password() {
    let broker = Broker::shared();
    let mut config = config(broker, "any", Start::Earliest);
    config.brokers = broker.sasl_address();
    for (name, value) in [
        ("security.protocol", "SASL_PLAINTEXT"),
        ("sasl.mechanism", "PLAIN"),
        ("sasl.username", SASL_USER),
        ("sasl.password", "hunter2-is-wrong"),
    ] {
        config.properties.insert(name.into(), value.into());
    }
    let running = Running::start(&config, Positions::new());
    let problem = eventually("the login is refused", || {
        let problem = running.telemetry.partitions.connection().problem.unwrap_or_default();
        if problem.contains("refused the login") { Ok(problem) } else { Err(problem) }
    });
    assert!(problem.contains("check sasl.username") && !problem.contains("hunter2"), "{problem}");
    running.stop();
}

#[test]
fn partitions_that_are_added_are_read_too() {
    let broker = Broker::shared();
    let topic = broker.create_topic("grows", 1, &[]);
    fill(broker, &topic, 1, 10);
    let mut config = config(broker, &topic, Start::Earliest);
    config.properties.insert("topic.metadata.refresh.interval.ms".into(), "1000".into());
    let running = Running::start(&config, Positions::new());
    let mut seen = Seen::default();
    running.until(&mut seen, |seen| seen.standing.len() == 1);
    let admin: AdminClient<DefaultClientContext> = broker.client().create().unwrap();
    let more = rdkafka::admin::NewPartitions::new(&topic, 3);
    block_on(async { admin.create_partitions([&more], &AdminOptions::new()).await }).unwrap();
    fill(broker, &topic, 3, 10);
    running.until(&mut seen, |seen| seen.offsets.values().map(Vec::len).sum::<usize>() == 40);
    assert_eq!(seen.names.len(), 3);
    running.stop();
}

fn delete_records(broker: &Broker, topic: &str, partition: i32, before: i64) {
    let admin: AdminClient<DefaultClientContext> = broker.client().create().unwrap();
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, partition, Offset::Offset(before)).unwrap();
    block_on(async { admin.delete_records(&list, &AdminOptions::new()).await }).unwrap();
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}
