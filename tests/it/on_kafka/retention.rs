//! The topic's retention took records that the store wants to go on from: the gap is told, and reading goes on.

use linchpin::graph::sealed::Frame;
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::{Offset, TopicPartitionList};
use serde_json::Value;

use crate::support::broker::Broker;
use crate::support::linchpin::Linchpin;
use crate::support::recorded::{self, Spread};
use crate::support::sealed::{self, Reference, range};

const HALF_AN_HOUR: i64 = 30 * 60_000;

#[test]
fn records_that_went_while_it_was_down_are_a_gap_in_the_answers() {
    let reference = Reference::new("retention");
    let store = reference.sealed_store();
    let more = recorded::log(reference.start + HALF_AN_HOUR, Spread::Scattered, 3, 9);
    recorded::append(reference.broker, &reference.topic, &more);
    let ends = sealed_ends(&reference);
    let lost = 100;
    delete_records(reference.broker, &reference.topic, ends + lost);

    let linchpin = Linchpin::serve_on(&reference.config(""), store.path());
    linchpin.await_sealed(&reference.sealed_by);
    let later = range(reference.start + HALF_AN_HOUR, 30);
    let notes = linchpin.notes(&later).unwrap().join("\n");
    let told = format!("{}/0: {lost} offsets between", reference.topic);
    assert!(notes.contains(&told) && notes.contains("were gone before they were read"), "{notes}");
    let before = linchpin.notes(&range(reference.start, 20)).unwrap().join("\n");
    assert!(!before.contains("offsets between"), "only the range of the gap tells it: {before}");
    check_status(&linchpin, &reference);
    let graph = linchpin.graph(&later).unwrap();
    assert!(graph.edges.len() >= 6, "the rest is read: {:?}", graph.edges);

    assert!(linchpin.terminate().success());
    let mut sealed = sealed::minutes(store.path());
    assert!(sealed.len() > 40, "the later minutes are sealed: {:?}", sealed.keys());
    // What was sealed before stays as it was.
    sealed.retain(|path, _| reference.buckets.contains_key(path));
    let mut expected = reference.buckets.clone();
    expected.retain(|path, _| path.contains("/1m/"));
    sealed::equal(&sealed, &expected).unwrap();
    sealed::assert_undisputed(store.path());
}

fn check_status(linchpin: &Linchpin, reference: &Reference) {
    assert_eq!(linchpin.counter("log_gaps"), Ok(1));
    linchpin.await_ready();
    let status = linchpin.json("/api/v1/status").unwrap();
    let name = format!("{}/0", reference.topic);
    let partitions = status["partitions"].as_array().expect("a list");
    let partition = partitions.iter().find(|it| it["name"] == *name).expect("it is assigned");
    assert!(partition["lost_offsets"].as_u64() > Some(0), "{partition}");
    assert_ne!(partition["problem"], Value::Null, "{partition}");
}

/// End of partition 0 as it was when the store was sealed.
fn sealed_ends(reference: &Reference) -> i64 {
    let name = format!("{}/0", reference.topic);
    let minutes = reference.buckets.iter().filter(|(path, _)| path.contains("/1m/"));
    let last = minutes.filter_map(|(_, bytes)| {
        let inputs = Frame::open(bytes).unwrap().inputs().unwrap();
        inputs.0.get(&*name).map(|counts| counts.last_offset)
    });
    last.max().expect("it has records") + 1
}

fn delete_records(broker: &Broker, topic: &str, before: i64) {
    let admin: AdminClient<DefaultClientContext> = broker.client().create().unwrap();
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, 0, Offset::Offset(before)).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let deleted = runtime.block_on(admin.delete_records(&list, &AdminOptions::new())).unwrap();
    assert!(deleted.elements().iter().all(|element| element.error().is_ok()), "{deleted:?}");
}
