//! A topic that was deleted and made anew: every record of the new log is read, and it is told; an ordinary restart reads
//! nothing twice.

use linchpin::config::Start;
use linchpin::source::kafka::{Place, Positions, ReadTo};
use tempfile::TempDir;

use super::source::{Running, Seen, T0, config};
use crate::support::broker::Broker;
use crate::support::edges::edges;
use crate::support::linchpin::{self as server, Linchpin};
use crate::support::produce::{Producer, Record};
use crate::support::recorded::{self, Spread};
use crate::support::sealed::{self, Reference, range};
use crate::support::wait::eventually;

const DAY: i64 = 24 * 60 * 60_000;

/// Records of partition 0 at these times.
fn fill(broker: &Broker, topic: &str, times: impl IntoIterator<Item = i64>) {
    let producer = Producer::new(broker.client());
    for time in times {
        let record = Record {
            partition: Some(0),
            value: b"no trace".to_vec(),
            log_time: Some(time),
            ..Record::default()
        };
        producer.send(topic, &record);
    }
    producer.flush();
}

/// Times of the records of the given numbers, a second apart.
fn seconds(numbers: std::ops::Range<i64>) -> Vec<i64> {
    numbers.map(|number| T0 + number * 1_000).collect()
}

/// Partition 0 after 70 records of [`seconds`].
fn read_to_70(topic: &str) -> Positions {
    Positions::from([(Place::new(topic, 0), ReadTo { offset: 70, newest: Some(T0 + 69_000) })])
}

/// Offsets that were read from the start to the end, and the holes.
fn read(running: &Running) -> (Vec<i64>, Vec<i64>) {
    let mut seen = Seen::default();
    running.until(&mut seen, |seen| !seen.standing.is_empty());
    (seen.offsets.remove(&0).unwrap_or_default(), seen.holes)
}

#[test]
fn a_log_that_grew_past_the_old_position_while_nobody_read_it_is_read_from_its_beginning() {
    let broker = Broker::shared();
    let copies = [seconds(0..50), seconds(1_000..1_100)].concat();
    for (what, times) in [("all of it is later", seconds(1_000..1_150)), ("copies come first", copies)] {
        let topic = broker.create_topic("anew", 1, &[]);
        fill(broker, &topic, seconds(0..100));
        broker.delete_topic(&topic);
        broker.create_topic_named(&topic, 1, &[]);
        fill(broker, &topic, times);
        let running = Running::start(&config(broker, &topic, Start::Latest), read_to_70(&topic));
        assert_eq!(read(&running), ((0..150).collect(), vec![0]), "{what}");
        assert_eq!(running.telemetry.counters.log_gaps.get(), 1);
        running.stop();
    }
}

#[test]
fn the_same_log_is_read_on_from_the_position() {
    let broker = Broker::shared();
    let ahead = |numbers: &[usize]| {
        let mut times = seconds(0..100);
        numbers.iter().for_each(|number| times[*number] = T0 + DAY);
        times
    };
    for (what, times) in [
        ("all clocks go right", ahead(&[])),
        ("one is ahead", ahead(&[20])),
        ("two in a row are ahead", ahead(&[40, 41])),
        ("the first and the last before the position are ahead", ahead(&[0, 69])),
    ] {
        let topic = broker.create_topic("same", 1, &[]);
        fill(broker, &topic, times);
        let running = Running::start(&config(broker, &topic, Start::Latest), read_to_70(&topic));
        assert_eq!(read(&running), ((70..100).collect(), vec![]), "{what}");
        assert_eq!(running.telemetry.counters.log_gaps.get(), 0);
        running.stop();
    }
}

/// Starts on 100 records, has them read, and deletes the topic.
fn running_without_topic(broker: &Broker, topic: &str) -> (Running, Seen) {
    fill(broker, topic, seconds(0..100));
    let mut config = config(broker, topic, Start::Earliest);
    config.properties.insert("topic.metadata.refresh.interval.ms".into(), "500".into());
    let running = Running::start(&config, Positions::new());
    let mut seen = Seen::default();
    running.until(&mut seen, |seen| !seen.standing.is_empty());
    assert_eq!(seen.offsets.remove(&0), Some((0..100).collect()));
    broker.delete_topic(topic);
    (running, seen)
}

#[test]
fn a_shorter_log_under_a_running_instance_is_read_from_its_beginning() {
    let broker = Broker::shared();
    let topic = broker.create_topic("shorter", 1, &[]);
    let (running, mut seen) = running_without_topic(broker, &topic);
    broker.create_topic_named(&topic, 1, &[]);
    // As old as what was read: nothing but the end of the log tells.
    fill(broker, &topic, seconds(0..40));
    running.until(&mut seen, |seen| seen.offsets.get(&0).is_some_and(|offsets| offsets.len() >= 40));
    fill(broker, &topic, seconds(200..240));
    running.until(&mut seen, |seen| seen.offsets[&0].len() >= 80);
    assert_eq!((&seen.offsets[&0], &seen.holes), (&(0..80).collect(), &vec![0]));
    running.stop();
}

#[test]
fn a_topic_that_was_missed_and_came_back_longer_is_read_from_its_beginning() {
    let broker = Broker::shared();
    let topic = broker.create_topic("longer", 1, &[]);
    let (running, mut seen) = running_without_topic(broker, &topic);
    eventually("it is missed", || {
        let problem = running.telemetry.partitions.connection().problem.unwrap_or_default();
        if problem.contains("does not exist") { Ok(()) } else { Err(problem) }
    });
    broker.create_topic_named(&topic, 1, &[]);
    fill(broker, &topic, seconds(1_000..1_150));
    running.until(&mut seen, |seen| seen.offsets.get(&0).is_some_and(|offsets| offsets.len() >= 150));
    assert_eq!((&seen.offsets[&0], &seen.holes), (&(0..150).collect(), &vec![0]));
    running.stop();
}

/// Nothing is waited for: what of it is noticed first is left to chance.
#[test]
fn a_topic_that_is_made_anew_at_once_is_read_from_its_beginning() {
    let broker = Broker::shared();
    for attempt in 0..3 {
        let topic = broker.create_topic("at-once", 1, &[]);
        let (running, mut seen) = running_without_topic(broker, &topic);
        broker.create_topic_named(&topic, 1, &[]);
        fill(broker, &topic, seconds(1_000..1_150));
        running.until(&mut seen, |seen| seen.offsets.get(&0).is_some_and(|offsets| offsets.len() >= 150));
        assert_eq!((&seen.offsets[&0], &seen.holes), (&(0..150).collect(), &vec![0]), "{attempt}");
        assert_eq!(running.telemetry.counters.log_gaps.get(), 1, "{attempt}");
        running.stop();
    }
}

/// The process stands still meanwhile, so that neither a missing topic nor a log that is too short is ever seen.
#[test]
fn a_topic_that_is_made_anew_and_outgrows_the_old_position_unseen_is_read_from_its_beginning() {
    let broker = Broker::shared();
    let as_old = [seconds(0..100), seconds(0..50)].concat();
    for (what, times) in
        [("all of it is later", seconds(1_000..1_150)), ("none is later than what was read", as_old)]
    {
        let topic = broker.create_topic("unseen", 1, &[]);
        fill(broker, &topic, seconds(0..100));
        // The group does not miss it.
        let session = r#"properties = { "session.timeout.ms" = "120000" }"#;
        let linchpin = Linchpin::serve(&server::config(&broker.address(), &topic, session, ""));
        linchpin.await_records(100);
        linchpin.signal("STOP");
        broker.delete_topic(&topic);
        broker.create_topic_named(&topic, 1, &[]);
        fill(broker, &topic, times);
        linchpin.signal("CONT");

        linchpin.await_records(250);
        linchpin.await_ready();
        let counters = ["records", "log_gaps"].map(|name| linchpin.counter(name).unwrap());
        assert_eq!(counters, [250, 1], "{what}");
        assert!(linchpin.log().contains("its log was made anew"), "{what}: {}", linchpin.log());
    }
}

/// The whole way: what is in the new log is in the graph, and the answers name the gap.
#[test]
fn the_graph_of_a_topic_made_anew_lacks_nothing() {
    const HALF_AN_HOUR: i64 = 30 * 60_000;
    let reference = Reference::new("anew-graph");
    let (broker, topic) = (reference.broker, &reference.topic);
    let store = reference.sealed_store();
    broker.delete_topic(topic);
    broker.create_topic_named(topic, 3, &[]);
    for (number, seed) in [(1, 11), (2, 12)] {
        let log = recorded::log(reference.start + number * HALF_AN_HOUR, Spread::Scattered, 3, seed);
        recorded::append(broker, topic, &log);
    }
    let all = range(reference.start + HALF_AN_HOUR, 60);

    let resumed = Linchpin::serve_on(&reference.config(""), store.path());
    resumed.await_sealed(&reference.sealed_by);
    let fresh_store = TempDir::new().unwrap();
    let fresh = Linchpin::serve_on(&reference.config(""), fresh_store.path());
    fresh.await_sealed(&reference.sealed_by);
    assert_eq!(edges(&resumed.graph(&all).unwrap()), edges(&fresh.graph(&all).unwrap()));

    // A gap is told where it is: it ends with a partition's first new record.
    let notes = resumed.notes(&range(reference.start, 90)).unwrap().join("\n");
    let told = format!("{topic}/0 and 2 more: the log was cut or made anew");
    assert!(notes.contains(&told), "{notes}");
    assert!(resumed.terminate().success() && fresh.terminate().success());
    sealed::assert_undisputed(store.path());
}
