//! Partitions that stand still and clocks that are wrong: minutes are sealed all the same, and it is told.

use linchpin::graph::sealed::{Frame, Marks};
use tempfile::TempDir;

use crate::support::broker::Broker;
use crate::support::edges;
use crate::support::linchpin::{Linchpin, config};
use crate::support::produce::Record;
use crate::support::recorded::{self, Spread, instant};
use crate::support::sealed::{self, Buckets, range};
use crate::support::spans::{MILLI, encode, now, order, order_edges};
use crate::support::wait::eventually;

/// The shortest: a minute is final some seconds after its end.
const SHORT: &str = "[sessions]\ngap = \"1s\"\nmax_life = \"2s\"\nevent_clamp = \"1s\"\n";

/// One partition is empty, one falls silent, and then a record comes that is a day old.
#[test]
fn minutes_are_sealed_while_partitions_stand_and_what_comes_behind_is_told() {
    let broker = Broker::shared();
    let start = recorded::noon();
    let mut log = recorded::log(start, Spread::Scattered, 2, 5);
    // Partition 1 ends after three minutes; nothing is ever written to partition 2.
    log.retain(|record| record.partition == Some(0) || record.log_time < Some(start + 180_000));
    let topic = recorded::write(broker, "standing", 3, &log);
    let store = TempDir::new().unwrap();
    let linchpin = Linchpin::serve_on(&config(&broker.address(), &topic, "", SHORT), store.path());
    linchpin.await_sealed(&recorded::sealed_by(start));
    assert_eq!(linchpin.counter("behind"), Ok(0));
    assert_marked(&sealed::minutes(store.path()), 0);

    let written = (now() / MILLI) as i64;
    let value = encode(&order("behind", 77, (start as u64) * MILLI));
    recorded::append(
        broker,
        &topic,
        &[Record { partition: Some(1), value, log_time: Some(start), ..Record::default() }],
    );
    eventually("the record is counted as behind", || {
        let behind = linchpin.counter("behind")?;
        if behind == 1 { Ok(()) } else { Err(format!("{behind}")) }
    });
    // Its minute ends and is sealed, though nothing is written any more.
    linchpin.await_sealed(&instant((written / 60_000 + 1) * 60_000));
    let notes = linchpin.notes(&range(written - 60_000, 3)).unwrap().join("\n");
    assert!(notes.contains("a local clock decided about records of the range"), "{notes}");
    let status = linchpin.json("/api/v1/status").unwrap();
    assert!(status["hints"].to_string().contains("behind"), "{status}");
    linchpin.await_ready();
    assert!(linchpin.terminate().success());
    assert_marked(&sealed::minutes(store.path()), 1);
}

/// So many minutes at least are marked as not reproducible; none where it is 0.
fn assert_marked(minutes: &Buckets, least: usize) {
    let is_marked = |bytes: &Vec<u8>| Frame::open(bytes).unwrap().header.marks.has(Marks::IRREPRODUCIBLE);
    let marked = minutes.values().filter(|bytes| is_marked(bytes)).count();
    assert!(marked >= least && (least > 0 || marked == 0), "{marked} of {}", minutes.len());
}

#[test]
fn a_producers_clock_that_jumps_ahead_for_a_record_is_refuted_and_counted() {
    // Not later than now, whatever the time of day: the log alone is to refute it.
    const AHEAD: i64 = 8 * 60 * 60_000;
    let broker = Broker::shared();
    let start = recorded::noon();
    let mut log = recorded::log(start, Spread::Scattered, 3, 6);
    let middle = log.len() / 4;
    let at = log[middle].log_time.unwrap();
    let value = encode(&order("ahead", 78, at as u64 * MILLI));
    log.insert(middle, Record { partition: Some(1), value, log_time: Some(at + AHEAD), ..Record::default() });
    let topic = recorded::write(broker, "ahead", 3, &log);
    let store = TempDir::new().unwrap();
    let linchpin = Linchpin::serve_on(&config(&broker.address(), &topic, "", ""), store.path());
    linchpin.await_sealed(&recorded::sealed_by(start));
    assert_eq!(linchpin.counter("refuted_jumps"), Ok(1));
    let graph = linchpin.graph(&range(start, 30)).unwrap();
    assert!(graph.nodes.iter().any(|node| node.name == "ahead-gateway"), "its spans are kept");
    assert!(linchpin.terminate().success());

    let minutes = sealed::minutes(store.path());
    let refuted = |bytes: &Vec<u8>| -> u64 {
        Frame::open(bytes).unwrap().inputs().unwrap().0.values().map(|counts| counts.refuted_jumps).sum()
    };
    assert_eq!(minutes.values().map(refuted).sum::<u64>(), 1);
    assert_marked(&minutes, 0);
}

/// One of the producers is 40 days ahead, from the first record on and again and again, among others that are right.
#[test]
fn a_producer_that_stays_ahead_carries_nobody_along() {
    const AHEAD: i64 = 40 * 24 * 60 * 60_000;
    let broker = Broker::shared();
    let topic = broker.create_topic("future", 2, &[("message.timestamp.type", "CreateTime")]);
    let record = |services: &str, trace: u128, ahead: i64| {
        let at = (now() / MILLI) as i64 + ahead;
        let value = encode(&order(services, trace, at as u64 * MILLI));
        Record { partition: Some(1), value, log_time: Some(at), ..Record::default() }
    };
    let round = |first: u128| -> Vec<Record> {
        let wrong = (first..first + 4).map(|trace| record("wrong", trace, AHEAD));
        let right = (first + 4..first + 9).map(|trace| record("right", trace, 0));
        wrong.chain(right).chain([record("wrong", first + 9, AHEAD)]).collect()
    };
    let written = (now() / MILLI) as i64;
    recorded::append(broker, &topic, &round(1_000));
    let store = TempDir::new().unwrap();
    let linchpin = Linchpin::serve_on(&config(&broker.address(), &topic, "", SHORT), store.path());
    linchpin.await_ready();
    recorded::append(broker, &topic, &round(2_000));
    linchpin.await_records(20);
    recorded::append(broker, &topic, &round(3_000));
    linchpin.await_records(30);

    // Their minutes are sealed once they are over, and not before.
    linchpin.await_sealed(&instant((now() / MILLI) as i64));
    let graph = linchpin.graph(&range(written - 60_000, 5)).unwrap();
    let of = |services: &str| {
        let mut rows = edges::edges(&graph);
        rows.retain(|(_, caller, _), _| caller.starts_with(services));
        rows
    };
    assert_eq!(edges::equal(&of("right-"), &order_edges("right", 15)), Ok(()));
    assert_eq!(
        edges::equal(&of("wrong-"), &order_edges("wrong", 15)),
        Ok(()),
        "they count as of when they came"
    );

    let status = linchpin.json("/api/v1/status").unwrap();
    assert_eq!(status["counters"]["refuted_jumps"], 15);
    assert_eq!((&status["pending"]["traces"], &status["violations"]), (&0.into(), &serde_json::json!([])));
    let hints = status["hints"].to_string();
    let hint = format!("not believed ({topic}/1: 15, up to 40 d");
    assert!(hints.contains(&hint) && hints.contains("LogAppendTime"), "{hints}");
    let metrics = linchpin.get("/metrics").unwrap().body;
    let value = |family: &str| -> f64 {
        let start = format!("{family}{{topic=\"{topic}\",partition=\"1\"}} ");
        metrics
            .lines()
            .find_map(|line| line.strip_prefix(&start))
            .unwrap_or_else(|| panic!("{metrics}"))
            .parse()
            .unwrap()
    };
    assert_eq!(value("linchpin_partition_refuted_jumps_total"), 15.0);
    assert!(value("linchpin_partition_refuted_ahead_seconds") >= (AHEAD / 1000) as f64);
    assert_eq!(value("linchpin_log_time_ahead_seconds"), 0.0);
    assert!(linchpin.log().contains("a producer's time is ahead"), "{}", linchpin.log());
    assert!(linchpin.terminate().success());

    let minutes = sealed::minutes(store.path());
    assert_marked(&minutes, 1);
    let newest = minutes.keys().map(|bucket| sealed::start_of(bucket)).max().unwrap();
    assert!(newest <= instant((now() / MILLI) as i64), "{newest}");
}
