//! The main job: known traces on a topic, keyed or scattered, become exactly the known edges.

use linchpin::export::document::GraphDocument;

use crate::support::broker::Broker;
use crate::support::data::{self, DataSet};
use crate::support::edges::{self, Edges};
use crate::support::linchpin::{Linchpin, command, config, scratch};
use crate::support::produce::{Producer, Record};
use crate::support::wait::eventually;

const PARTITIONS: usize = 6;

/// Tests write as fast as they can; nothing may be shed for it.
const NOTHING_SHED: &str = "[sessions]\nbudget = 100000000\n";

#[test]
fn train_ticket_keyed_by_trace_is_exact() {
    let Some(set) = data::find("train-ticket") else { return };
    check_set(&set, &set.keyed(), "partition");
}

#[test]
fn train_ticket_scattered_over_partitions_is_exact() {
    let Some(set) = data::find("train-ticket") else { return };
    check_set(&set, &set.scattered(PARTITIONS), "merged");
}

#[test]
fn online_boutique_keyed_by_trace_is_exact_and_counts_duplicates_once() {
    let Some(set) = data::find("online-boutique") else { return };
    let linchpin = check_set(&set, &set.keyed(), "partition");
    assert_eq!(linchpin.counter("dropped.duplicate"), Ok(973));
}

#[test]
fn online_boutique_scattered_over_partitions_is_exact_and_counts_duplicates_once() {
    let Some(set) = data::find("online-boutique") else { return };
    let linchpin = check_set(&set, &set.scattered(PARTITIONS), "merged");
    assert_eq!(linchpin.counter("dropped.duplicate"), Ok(973));
}

#[test]
fn hotel_jaeger_with_skewed_clocks_is_exact() {
    let Some(set) = data::find("hotel-jaeger") else { return };
    check_set(&set, &set.scattered(PARTITIONS), "merged");
}

#[test]
fn simulated_dirty_traces_keyed_by_trace_are_exact() {
    check_generated("partition", &["--key-by-trace"]);
}

#[test]
fn simulated_dirty_traces_without_keys_are_exact() {
    check_generated("merged", &[]);
}

#[test]
fn state_of_old_traces_survives_neither_more_nor_less_after_a_restart() {
    let Some(set) = data::find("online-boutique") else { return };
    let broker = Broker::shared();
    let topic = write(broker, "restart", &set.scattered(PARTITIONS));
    let config = config(&broker.address(), &topic, "", NOTHING_SHED);
    let first = Linchpin::serve(&config);
    await_set(&first, &set);
    first.kill();

    let second = Linchpin::serve(&config);
    await_set(&second, &set);
    assert!(second.terminate().success(), "a server ends well on SIGTERM");
}

/// Writes the records, serves the topic, and waits for exactly the set's edges.
fn check_set(set: &DataSet, records: &[Record], mode: &str) -> Linchpin {
    let broker = Broker::shared();
    let topic = write(broker, "spans", records);
    let lanes = format!("[lanes]\nmode = \"{mode}\"\n{NOTHING_SHED}");
    let linchpin = Linchpin::serve(&config(&broker.address(), &topic, "", &lanes));
    linchpin.await_records(records.len() as u64);
    await_set(&linchpin, set);
    assert_eq!(linchpin.counter("records"), Ok(records.len() as u64), "each record is read once");
    linchpin
}

/// All records into a new topic before anyone reads it: a partition that were read to its end while old log times
/// still come in would take these as late, and rightly so.
fn write(broker: &Broker, stem: &str, records: &[Record]) -> String {
    let topic = broker.create_topic(stem, PARTITIONS as i32, &[]);
    let producer = Producer::new(broker.client());
    for record in records {
        producer.send(&topic, record);
    }
    producer.flush();
    topic
}

fn await_set(linchpin: &Linchpin, set: &DataSet) {
    eventually("the graph has exactly the expected edges", || {
        let direct = linchpin.graph(&set.range())?;
        let collapsed = linchpin.graph(&format!("{}&collapse=messaging", set.range()))?;
        edges::equal(&comparable(&direct, &collapsed), &set.expected)
    });
}

/// Rows as the sets have them: services with messaging collapsed, databases, producers to destinations.
fn comparable(direct: &GraphDocument, collapsed: &GraphDocument) -> Edges {
    let destinations: Vec<&str> =
        direct.nodes.iter().filter(|node| node.kind == "messaging").map(|node| node.name.as_str()).collect();
    let mut rows = edges::of_kinds(&edges::edges(collapsed), &["svc", "ext"]);
    let direct = edges::of_kinds(&edges::edges(direct), &["db", "msg"]);
    rows.extend(direct.into_iter().filter(|((_, caller, _), _)| !destinations.contains(&caller.as_str())));
    rows
}

/// Lets the simulator write its proofs with their truth, and waits for exactly that.
fn check_generated(mode: &str, options: &[&str]) {
    let broker = Broker::shared();
    let topic = broker.create_topic("known", PARTITIONS as i32, &[]);
    let (_folder, expected) = scratch("expected.tsv");
    let output = command()
        .args(["generate", "--scenario", "known", "--to", "kafka", "--brokers", &broker.address()])
        .args(["--topic", &topic, "--spans", "20000", "--rate", "0", "--seed", "7", "--expected"])
        .arg(&expected)
        .args(options)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let expected = edges::read(&expected);
    assert!(!expected.is_empty(), "the simulator names its truth");

    let lanes = format!("[lanes]\nmode = \"{mode}\"\n{NOTHING_SHED}");
    let linchpin = Linchpin::serve(&config(&broker.address(), &topic, "", &lanes));
    linchpin.await_ready();
    eventually("the graph is exactly what was simulated", || {
        edges::equal(&edges::edges(&linchpin.graph("window=6h")?), &expected)
    });
}
