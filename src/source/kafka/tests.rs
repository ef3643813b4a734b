//! The source against librdkafka's mock cluster: real clients, real protocol, brokers in this process.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, BaseRecord, DefaultProducerContext, Producer};
use rdkafka::types::RDKafkaRespErr;

use super::*;
use crate::config::{KafkaConfig, Start};
use crate::model::{Beginning, Format, InputId, KeyHint, RecordMeta, TraceId};
use crate::telemetry::{Connection, PartitionStatus};

const TOPIC: &str = "otlp_spans";
/// Long enough for a machine that does other things too; nothing is measured by it.
const PATIENCE: Duration = Duration::from_secs(60);

type Cluster = MockCluster<'static, DefaultProducerContext>;

fn cluster(brokers: i32, partitions: i32) -> Cluster {
    let cluster = MockCluster::new(brokers).unwrap();
    cluster.create_topic(TOPIC, partitions, 1).unwrap();
    cluster
}

fn producer(cluster: &Cluster) -> BaseProducer {
    ClientConfig::new()
        .set("bootstrap.servers", cluster.bootstrap_servers())
        .set("batch.num.messages", "50")
        .create()
        .unwrap()
}

fn send(producer: &BaseProducer, mut record: BaseRecord<'_, [u8], [u8]>) {
    while let Err((_, refused)) = producer.send(record) {
        producer.poll(Duration::from_millis(10));
        record = refused;
    }
}

/// Sends `count` records to one partition, `step` ms apart in log time.
fn produce(producer: &BaseProducer, partition: i32, count: i64, from: i64, step: i64) {
    for number in 0..count {
        let value = format!("{partition}:{number}");
        let record = BaseRecord::to(TOPIC).partition(partition).timestamp(from + number * step);
        send(producer, record.payload(value.as_bytes()));
    }
    producer.flush(PATIENCE).unwrap();
}

/// Partition 0 was read up to `offset`.
fn read_to(offset: i64) -> Positions {
    Positions::from([(Place::new(TOPIC, 0), ReadTo { offset, newest: Some(1_000) })])
}

struct Running {
    source: KafkaSource,
    telemetry: Arc<Telemetry>,
    shutdown: Shutdown,
}

/// What a worker saw, by input.
#[derive(Default)]
struct Seen {
    names: BTreeMap<InputId, String>,
    records: BTreeMap<InputId, Vec<RecordMeta>>,
    values: BTreeMap<InputId, Vec<String>>,
    standing: BTreeMap<InputId, Vec<i64>>,
    revoked: Vec<InputId>,
    started: BTreeMap<InputId, (i64, Beginning)>,
    holes: Vec<(InputId, i64)>,
    gone: Vec<InputId>,
}

impl Seen {
    fn take(&mut self, event: SourceEvent) {
        match event {
            SourceEvent::Assigned { input, name, .. } => drop(self.names.insert(input, name.to_string())),
            SourceEvent::Records(batch) => {
                assert!(self.names.contains_key(&batch.input), "records before the assignment");
                for (record, value) in batch.iter() {
                    self.values.entry(batch.input).or_default().push(String::from_utf8_lossy(value).into());
                    self.records.entry(batch.input).or_default().push(record.clone());
                }
            }
            SourceEvent::Standing { input, at } => self.standing.entry(input).or_default().push(at),
            SourceEvent::Revoked { input } => self.revoked.push(input),
            SourceEvent::Started { input, offset, beginning } => {
                self.started.insert(input, (offset, beginning));
            }
            SourceEvent::Hole { input, first } => self.holes.push((input, first)),
            SourceEvent::Gone { input } => self.gone.push(input),
        }
    }

    fn until(&mut self, events: &Receiver<SourceEvent>, is_enough: impl Fn(&Seen) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !is_enough(self) {
            let left = deadline.saturating_duration_since(Instant::now());
            self.take(events.recv_timeout(left).expect("the source goes on"));
        }
    }

    fn count(&self) -> usize {
        self.records.values().map(Vec::len).sum()
    }

    fn offsets(&self, input: InputId) -> Vec<i64> {
        self.records.get(&input).into_iter().flatten().map(|record| record.offset).collect()
    }
}

fn config(cluster: &Cluster) -> KafkaConfig {
    KafkaConfig { brokers: cluster.bootstrap_servers(), start: Start::Earliest, ..KafkaConfig::default() }
}

fn start(config: &KafkaConfig, workers: usize, positions: Positions) -> Running {
    let (telemetry, shutdown) = (Telemetry::new(), Shutdown::default());
    let plan = Plan { lanes: LaneMode::Merged, workers, positions };
    let source = spawn(config, plan, telemetry.clone(), shutdown.clone()).unwrap();
    Running { source, telemetry, shutdown }
}

impl Running {
    fn stop(self) {
        self.shutdown.trigger();
        self.shutdown.drained();
        self.source.handle.join().unwrap();
        for events in self.source.events {
            assert!(events.iter().count() <= outbox::CHANNEL_EVENTS, "channels close");
        }
    }

    /// Waits for a state of the connection, emptying the channels meanwhile.
    fn connection(&self, is_so: impl Fn(&Connection) -> bool) -> Connection {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let connection = self.telemetry.partitions.connection();
            if is_so(&connection) {
                return connection;
            }
            assert!(Instant::now() < deadline, "still {connection:?}");
            let _ = self.source.events[0].recv_timeout(Duration::from_millis(20));
        }
    }

    fn partition(&self, name: &str) -> PartitionStatus {
        let all = self.telemetry.partitions.all();
        all.into_values().find(|status| status.name == name).unwrap_or_default()
    }
}

fn says(text: &'static str) -> impl Fn(&Connection) -> bool {
    move |connection| connection.problem.as_ref().is_some_and(|problem| problem.contains(text))
}

fn is_well(connection: &Connection) -> bool {
    connection.is_connected && connection.problem.is_none()
}

/// Three partitions on two brokers: every record once, in order, with its own worker, under either group protocol.
fn all_once(strategy: &str) {
    let cluster = cluster(2, 3);
    let producer = producer(&cluster);
    for partition in 0..3 {
        produce(&producer, partition, 400, 1_000, 1);
    }
    let mut config = config(&cluster);
    config.properties.insert("partition.assignment.strategy".into(), strategy.into());
    let running = start(&config, 2, Positions::new());
    for (worker, events) in running.source.events.iter().enumerate() {
        let inputs = if worker == 0 { 2 } else { 1 };
        let mut seen = Seen::default();
        seen.until(events, |seen| seen.standing.len() == inputs);
        for (input, name) in &seen.names {
            assert_eq!(*input as usize % 2, worker);
            assert_eq!(seen.started[input], (0, Beginning::OfLog), "before its first record");
            assert_eq!(seen.offsets(*input), (0..400).collect::<Vec<_>>(), "{name}");
            let partition = name.rsplit('/').next().unwrap();
            assert_eq!(seen.values[input][399], format!("{partition}:399"));
        }
    }
    let connection = running.connection(is_well);
    assert_eq!((connection.partitions_known, connection.partitions_assigned), (3, 3));
    running.stop();
}

#[test]
fn all_records_come_once_in_order() {
    all_once("cooperative-sticky");
}

#[test]
fn all_records_come_once_with_the_eager_protocol() {
    all_once("range");
}

#[test]
fn keys_headers_tombstones_and_large_values_are_told() {
    let cluster = cluster(1, 1);
    let producer = producer(&cluster);
    let to = || BaseRecord::<[u8], [u8]>::to(TOPIC).partition(0).timestamp(5_000);
    let encoding = Header { key: "encoding", value: Some("otlp_json") };
    send(
        &producer,
        to().key(b"0af7651916cd43dd").payload(b"json").headers(OwnedHeaders::new().insert(encoding)),
    );
    send(&producer, to().key(b"order"));
    send(&producer, to().payload(&[b'x'; 2_000]));
    send(&producer, to().payload(b"last"));
    producer.flush(PATIENCE).unwrap();

    let mut config = config(&cluster);
    config.max_record_size = 1_000;
    config.topic_encodings.insert(TOPIC.into(), crate::config::Encoding::OtlpProto);
    let running = start(&config, 1, Positions::new());
    let mut seen = Seen::default();
    seen.until(&running.source.events[0], |seen| seen.count() == 4);
    assert_eq!(seen.values[&0], ["json", "", "", "last"]);
    let records = &seen.records[&0];
    assert_eq!(records[0].key, KeyHint::Trace(TraceId(0x0af7_6519_16cd_43dd)));
    assert_eq!(
        records.iter().map(|r| r.format).collect::<Vec<_>>(),
        [Some(Format::OtlpJson), Some(Format::OtlpProto), Some(Format::OtlpProto), Some(Format::OtlpProto)]
    );
    assert_eq!((records[1].key, records[1].oversize), (KeyHint::Other, None));
    assert_eq!((records[2].key, records[2].oversize), (KeyHint::Absent, Some(2_000)));
    assert_eq!(records[3].time, crate::model::RecordTime::Create(5_000));
    running.stop();
}

#[test]
fn at_the_end_it_stands_and_goes_on_with_the_next_record() {
    let cluster = cluster(1, 2);
    let producer = producer(&cluster);
    produce(&producer, 0, 10, 1_000, 1);
    let config = KafkaConfig { start: Start::Latest, ..config(&cluster) };
    let running = start(&config, 1, Positions::new());
    let mut seen = Seen::default();
    seen.until(&running.source.events[0], |seen| {
        seen.standing.values().filter(|at| at.len() >= 3).count() == 2
    });
    assert_eq!(seen.count(), 0, "latest means the end");
    let now = scout::now_millis();
    for at in seen.standing.values() {
        assert!(
            at.is_sorted() && *at.last().unwrap() <= now - 1_000,
            "the margin of 1 s is kept: {at:?}, {now}"
        );
    }
    produce(&producer, 0, 1, now, 1);
    seen.until(&running.source.events[0], |seen| seen.count() == 1);
    assert_eq!(seen.offsets(0), [10]);
    let told = seen.standing[&0].len();
    seen.until(&running.source.events[0], |seen| seen.standing[&0].len() > told);
    running.stop();
}

#[test]
fn brokers_that_are_away_are_told_and_waited_for() {
    let cluster = cluster(1, 1);
    cluster.broker_down(-1).unwrap();
    let running = start(&config(&cluster), 1, Positions::new());
    let connection = running.connection(says("no broker answers at"));
    assert!(!connection.is_connected);

    cluster.broker_up(-1).unwrap();
    running.connection(is_well);
    produce(&producer(&cluster), 0, 5, 1_000, 1);
    let mut seen = Seen::default();
    seen.names.insert(0, String::new());
    seen.until(&running.source.events[0], |seen| seen.count() == 5);

    cluster.broker_down(-1).unwrap();
    let connection = running.connection(says("no broker answers at"));
    assert!(!connection.is_connected);
    assert!(!running.partition("otlp_spans/0").is_standing, "nobody knows what is in the log now");
    cluster.broker_up(-1).unwrap();
    running.connection(is_well);
    produce(&producer(&cluster), 0, 5, 2_000, 1);
    seen.until(&running.source.events[0], |seen| seen.count() == 10);
    assert_eq!(seen.offsets(0), (0..10).collect::<Vec<_>>());
    running.stop();
}

#[test]
fn an_unknown_topic_is_told_and_read_once_it_exists() {
    let cluster = MockCluster::new(1).unwrap();
    cluster.topic_error(TOPIC, RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART).unwrap();
    let running = start(&config(&cluster), 1, Positions::new());
    running.connection(says("topic `otlp_spans` does not exist on"));
    cluster.topic_error(TOPIC, RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR).unwrap();
    produce(&producer(&cluster), 0, 3, 1_000, 1);
    let mut seen = Seen::default();
    seen.until(&running.source.events[0], |seen| seen.count() == 3);
    running.stop();
}

#[test]
fn a_pattern_reads_what_it_matches() {
    let cluster = cluster(1, 1);
    cluster.create_topic("metrics", 2, 1).unwrap();
    produce(&producer(&cluster), 0, 3, 1_000, 1);
    let config = KafkaConfig { topics: vec!["^otlp_.*".into()], ..config(&cluster) };
    let running = start(&config, 1, Positions::new());
    let mut seen = Seen::default();
    seen.until(&running.source.events[0], |seen| seen.count() == 3);
    assert_eq!(running.connection(is_well).partitions_known, 1);
    running.stop();
}

/// Partition 0 covers 100 s, partition 1 the same with twice the records: neither runs more than 10 s ahead.
#[test]
fn no_partition_runs_ahead_of_the_slowest() {
    assert_paced(0);
}

/// Partition 0 would otherwise pass for one that is far ahead, and nobody would wait for it.
#[test]
fn a_producers_clock_that_is_ahead_says_nothing_of_how_far_a_partition_is_read() {
    assert_paced(7);
}

/// With so many records in the middle of partition 0 whose times lie in the future.
fn assert_paced(in_future: i64) {
    let cluster = cluster(2, 2);
    let producer = producer(&cluster);
    produce(&producer, 0, 500, 1_000, 100);
    produce(&producer, 0, in_future, scout::now_millis() + 86_400_000, 1);
    produce(&producer, 0, 500, 51_000, 100);
    produce(&producer, 1, 2_000, 1_000, 50);
    let running = start(&config(&cluster), 1, Positions::new());
    let mut last: BTreeMap<InputId, i64> = BTreeMap::new();
    let mut seen = Seen::default();
    let deadline = Instant::now() + PATIENCE;
    while seen.count() < 3_000 + in_future as usize {
        let left = deadline.saturating_duration_since(Instant::now());
        let event = running.source.events[0].recv_timeout(left).unwrap();
        if let SourceEvent::Records(batch) = &event
            && let Some(time) = batch
                .records
                .iter()
                .filter_map(|record| record::millis(record.time))
                .rfind(|time| *time < 200_000)
        {
            last.insert(batch.input, time);
            let other = 1 - batch.input;
            let ahead = time - last.get(&other).copied().unwrap_or(1_000);
            // The pace is the least of three records, so three more than the limit may come.
            assert!(ahead <= 10_000 + 3 * 100 || seen.standing.contains_key(&other), "{ahead} ms ahead");
        }
        seen.take(event);
    }
    running.stop();
}

#[test]
fn a_partition_without_leader_holds_nobody_up() {
    let cluster = cluster(1, 2);
    let producer = producer(&cluster);
    produce(&producer, 0, 500, 1_000, 1_000);
    produce(&producer, 1, 5, 1_000, 1_000);
    cluster.partition_leader(TOPIC, 1, None).unwrap();
    let config = KafkaConfig { leaderless_after: Duration::from_secs(7), ..config(&cluster) };
    let running = start(&config, 1, Positions::new());
    let mut seen = Seen::default();
    seen.until(&running.source.events[0], |seen| seen.count() == 500);
    let without = running.partition("otlp_spans/1");
    assert_eq!(
        without.problem.as_deref().map(|text| text.split(" for ").next().unwrap()),
        Some("it has no leader")
    );
    let connection = running.connection(says("1 of 2 partitions"));
    assert!(connection.is_connected);

    cluster.partition_leader(TOPIC, 1, Some(1)).unwrap();
    seen.until(&running.source.events[0], |seen| seen.count() == 505);
    running.connection(is_well);
    running.stop();
}

/// The mock keeps 5 MB of a partition: what we ask for is no longer there.
#[test]
fn a_hole_is_counted_and_reading_goes_on_behind_it() {
    let cluster = cluster(1, 1);
    let producer = producer(&cluster);
    let value = vec![b'x'; 50_000];
    for _ in 0..200 {
        send(&producer, BaseRecord::to(TOPIC).partition(0).payload(&value));
        producer.flush(PATIENCE).unwrap();
    }
    let positions = read_to(3);
    let running = start(&config(&cluster), 1, positions);
    let mut seen = Seen::default();
    seen.until(&running.source.events[0], |seen| !seen.standing.is_empty());
    let offsets = seen.offsets(0);
    let first = offsets[0];
    assert!(first > 3 && offsets == (first..200).collect::<Vec<_>>(), "{offsets:?}");
    assert_eq!(seen.started[&0], (3, Beginning::Resumed));
    assert_eq!(seen.holes, [(0, first)]);
    running.connection(is_well);
    // The status is written now and then; it may still be that of a moment before.
    let deadline = Instant::now() + PATIENCE;
    while running.partition("otlp_spans/0").position < 200 {
        assert!(Instant::now() < deadline, "{:?}", running.partition("otlp_spans/0"));
        std::thread::yield_now();
    }
    let status = running.partition("otlp_spans/0");
    assert_eq!(running.telemetry.counters.log_gaps.get(), 1);
    assert_eq!(status.lost_offsets, u64::try_from(first - 3).unwrap());
    assert!(status.problem.is_some_and(|problem| problem.contains("were gone before they were read")));
    assert_eq!((status.position, status.end), (200, 200));
    running.stop();
}

#[test]
fn a_log_that_was_made_anew_is_read_from_its_beginning() {
    let cluster = cluster(1, 1);
    let producer = producer(&cluster);
    produce(&producer, 0, 10, 1_000, 1);
    let running = start(&config(&cluster), 1, read_to(500));
    let mut seen = Seen::default();
    seen.until(&running.source.events[0], |seen| !seen.standing.is_empty());
    produce(&producer, 0, 2, 2_000, 1);
    seen.until(&running.source.events[0], |seen| seen.count() == 12);
    assert_eq!(seen.offsets(0), (0..12).collect::<Vec<_>>());
    assert_eq!((seen.holes, seen.gone), (vec![(0, 0)], vec![]));
    assert_eq!(running.telemetry.counters.log_gaps.get(), 1);
    running.stop();
}

/// Nobody takes anything: the channel is full, the rest stays with the brokers, and nothing is lost.
#[test]
fn a_full_channel_stops_reading_but_not_ending() {
    let cluster = cluster(1, 3);
    let producer = producer(&cluster);
    let value = vec![b'x'; 400_000];
    for partition in (0..3).cycle().take(36) {
        send(&producer, BaseRecord::to(TOPIC).partition(partition).payload(&value));
    }
    producer.flush(PATIENCE).unwrap();
    for is_taken in [true, false] {
        let config = KafkaConfig { group: format!("group-{is_taken}"), ..config(&cluster) };
        let running = start(&config, 1, Positions::new());
        let deadline = Instant::now() + PATIENCE;
        let read = || running.telemetry.partitions.all().values().map(|status| status.position).sum::<i64>();
        while read() < 3 {
            assert!(Instant::now() < deadline);
            std::thread::yield_now();
        }
        // One to three records make a batch; the channel holds eight events, of which at least three are assignments and
        // one tells where the first partition starts, and one batch is kept.
        assert!(read() <= 5 * 3, "{} records were read", read());
        if is_taken {
            let mut seen = Seen::default();
            seen.until(&running.source.events[0], |seen| seen.count() == 36);
            assert!((0..3).all(|input| seen.offsets(input) == (0..12).collect::<Vec<_>>()));
        }
        running.stop();
    }
}

/// A second member takes one of two partitions and leaves: the first goes on where it was, and reads nothing twice.
#[test]
fn a_partition_that_comes_back_is_read_on() {
    let cluster = cluster(1, 2);
    let producer = producer(&cluster);
    produce(&producer, 0, 5, 1_000, 1);
    produce(&producer, 1, 5, 1_000, 1);
    let mut config = config(&cluster);
    config.properties.insert("heartbeat.interval.ms".into(), "200".into());
    config.properties.insert("session.timeout.ms".into(), "6000".into());
    let first = start(&config, 1, Positions::new());
    let mut seen = Seen::default();
    seen.until(&first.source.events[0], |seen| seen.count() == 10);

    let second = start(&config, 1, Positions::new());
    seen.until(&first.source.events[0], |seen| seen.revoked.len() == 1);
    first.connection(says("has 1 of 2 partitions"));
    second.connection(says("has 1 of 2 partitions"));
    second.stop();
    produce(&producer, 0, 5, 2_000, 1);
    produce(&producer, 1, 5, 2_000, 1);
    seen.until(&first.source.events[0], |seen| seen.count() == 20);
    assert_eq!(seen.names.len(), 2, "it has its old number");
    assert_eq!((seen.offsets(0), seen.offsets(1)), ((0..10).collect(), (0..10).collect()));
    first.connection(is_well);
    first.stop();
}
