//! How long it takes from the last span of a trace to its edge; printed, not judged: the machine is shared.

use std::time::{Duration, Instant};

use crate::support::broker::Broker;
use crate::support::edges;
use crate::support::linchpin::{Linchpin, config};
use crate::support::produce::{Producer, Record};
use crate::support::spans::{encode, now, order, order_edges};
use crate::support::wait::eventually;

#[test]
fn edge_arrives_while_five_of_six_partitions_are_idle_with_broker_times() {
    check("LogAppendTime");
}

#[test]
fn edge_arrives_while_five_of_six_partitions_are_idle_with_producer_times() {
    check("CreateTime");
}

fn check(timestamps: &str) {
    const TRACES: u128 = 8;
    let broker = Broker::shared();
    let topic = broker.create_topic("fresh", 6, &[("message.timestamp.type", timestamps)]);
    let linchpin = Linchpin::serve(&config(&broker.address(), &topic, "", ""));
    linchpin.await_ready();
    let producer = Producer::new(broker.client());
    let mut delays: Vec<Duration> = (1..=TRACES)
        .map(|trace| {
            // Its own services: the edge cannot be there before.
            let services = format!("fresh{trace}");
            let value = encode(&order(&services, trace, now()));
            let sent = Instant::now();
            producer.send(&topic, &Record { partition: Some(2), value, ..Record::default() });
            producer.flush();
            eventually("the edge arrives", || {
                let mut rows = edges::edges(&linchpin.graph("window=15m")?);
                rows.retain(|(_, caller, _), _| caller.starts_with(&format!("{services}-")));
                edges::equal(&rows, &order_edges(&services, 1))
            });
            sent.elapsed()
        })
        .collect();
    delays.sort();
    println!("{timestamps}: from the last span to its edge {delays:.2?}");
}
