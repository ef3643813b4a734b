//! SIGTERM: what is final is on disk, what is not is read again, positions are committed, and it ends in time.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{Offset, TopicPartitionList};
use tempfile::TempDir;

use crate::support::edges;
use crate::support::linchpin::{Launch, Linchpin};
use crate::support::produce::{Producer, Record};
use crate::support::sealed::{self, Reference, path};
use crate::support::spans::{encode, now, order, order_edges};
use crate::support::wait::eventually;

#[test]
fn under_load_it_ends_well_and_a_restart_counts_everything_once() {
    let (reference, store) = (Reference::new("shutdown"), TempDir::new().unwrap());
    let config = reference.config("");
    let linchpin = Linchpin::serve_on(&config, store.path());
    linchpin.await_sealed(&reference.sealed_by);
    let (stop, sent) = (AtomicBool::new(false), AtomicU64::new(0));
    let mut read = Vec::new();
    std::thread::scope(|scope| {
        scope.spawn(|| write_orders(&reference, &stop, &sent));
        linchpin.await_records(linchpin.counter("records").unwrap() + 500);
        read = positions(&linchpin);
        let status = linchpin.terminate();
        stop.store(true, Ordering::Relaxed);
        assert!(status.success(), "{status}");
    });
    let committed = committed(&reference, &config);
    assert!(
        committed.iter().zip(&read).all(|(committed, read)| committed >= read),
        "{committed:?}, {read:?}"
    );
    // What is open is not written, and what was final before is there.
    sealed::equal(&sealed::buckets(store.path()), &reference.buckets).unwrap();
    check_restart(&reference, store.path(), sent.load(Ordering::Relaxed));
}

/// Reads the rest: every order is counted once. With nothing left to read the commit is the end of the log.
fn check_restart(reference: &Reference, store: &Path, orders: u64) {
    let config = reference.config("");
    let linchpin = Linchpin::serve_on(&config, store);
    eventually("every order is counted once", || {
        let mut rows = edges::edges(&linchpin.graph("window=15m")?);
        rows.retain(|(_, caller, _), _| caller.starts_with("live-"));
        edges::equal(&rows, &order_edges("live", orders))
    });
    let read = positions(&linchpin);
    let ends = ends(reference);
    assert_eq!(read, ends, "all is read");
    assert!(linchpin.terminate().success());
    assert_eq!(committed(reference, &config), ends);
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let store = TempDir::new().unwrap();
    let (mut linchpin, _pipe) = on_a_disk_that_hangs(store.path());
    linchpin.signal("TERM");
    eventually("the first signal is taken", || {
        let log = linchpin.log();
        if log.contains("a second signal ends it at once") { Ok(()) } else { Err(log) }
    });
    linchpin.signal("TERM");
    assert_eq!(linchpin.await_end().code(), Some(130), "{}", linchpin.log());
}

#[test]
fn a_disk_that_hangs_does_not_keep_it_from_ending() {
    let store = TempDir::new().unwrap();
    let (mut linchpin, pipe) = on_a_disk_that_hangs(store.path());
    linchpin.signal("TERM");
    assert!(linchpin.await_end().success(), "{}", linchpin.log());
    assert!(linchpin.log().contains("the stages did not end in time"), "{}", linchpin.log());
    std::fs::remove_file(pipe).unwrap();
    let reference = Reference::shared();
    let again = Linchpin::serve_on(&reference.config(""), store.path());
    reference.assert_sealed_by(again, store.path());
}

/// Its newest minute is a pipe that nobody writes to: whoever reads it waits for ever.
fn on_a_disk_that_hangs(store: &Path) -> (Linchpin, PathBuf) {
    let reference = Reference::shared();
    let linchpin = Launch { config: &reference.config(""), store: Some(store), wrapper: &[] }.start();
    linchpin.get("/healthz").unwrap();
    // The store is open, and the group is not joined yet.
    let pipe = path(store, reference.minute(0));
    std::fs::create_dir_all(pipe.parent().unwrap()).unwrap();
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success(), "nothing is sealed yet");
    eventually("the newest minute hangs", || {
        let status = linchpin.store()?;
        let (sealed, waiting) = (&status["sealed_minutes"], &status["waiting"]);
        let minutes = reference.buckets.keys().filter(|path| path.contains("/1m/")).count();
        if *sealed == minutes && *waiting == 1 { Ok(()) } else { Err(status.to_string()) }
    });
    (linchpin, pipe)
}

/// Orders of now, until it is told to stop.
fn write_orders(reference: &Reference, stop: &AtomicBool, sent: &AtomicU64) {
    let producer = Producer::new(reference.broker.client());
    while !stop.load(Ordering::Relaxed) {
        let trace = u128::from(sent.fetch_add(1, Ordering::Relaxed)) + 3_000_000;
        let value = encode(&order("live", trace, now()));
        producer.send(&reference.topic, &Record { value, ..Record::default() });
        // A load of some hundred records a second.
        std::thread::sleep(Duration::from_millis(2));
    }
    producer.flush();
}

/// Where it reads next, by partition.
fn positions(linchpin: &Linchpin) -> Vec<i64> {
    let status = linchpin.json("/api/v1/status").unwrap();
    let mut partitions = status["partitions"].as_array().expect("a list").clone();
    partitions.sort_by_key(|partition| partition["name"].as_str().unwrap_or_default().to_string());
    partitions.iter().map(|partition| partition["position"].as_i64().unwrap()).collect()
}

fn committed(reference: &Reference, config: &str) -> Vec<i64> {
    let group = config.split("group = \"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    let asking: BaseConsumer = reference.broker.client().set("group.id", group).create().unwrap();
    let mut list = TopicPartitionList::new();
    list.add_partition_range(&reference.topic, 0, 2);
    let list = asking.committed_offsets(list, Duration::from_secs(30)).unwrap();
    let offset = |offset: Offset| offset.to_raw().expect("it has a number");
    list.elements().iter().map(|element| offset(element.offset())).collect()
}

fn ends(reference: &Reference) -> Vec<i64> {
    let asking: BaseConsumer = reference.broker.client().create().unwrap();
    let end =
        |partition| asking.fetch_watermarks(&reference.topic, partition, Duration::from_secs(30)).unwrap().1;
    (0..3).map(end).collect()
}
