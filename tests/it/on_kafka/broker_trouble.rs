//! Brokers that die, are not there yet, or refuse; topics that do not exist: it says so, waits, and goes on.

use std::time::{Duration, Instant};

use crate::support::broker::{Broker, SASL_PASSWORD, SASL_USER, unique};
use crate::support::edges;
use crate::support::linchpin::{Linchpin, config};
use crate::support::produce::{Producer, Record};
use crate::support::spans::{encode, now, order, order_edges};
use crate::support::wait::eventually;

#[test]
fn counts_are_exact_after_the_broker_was_killed_under_load() {
    const RECORDS: u64 = 600;
    const KILL_AT: u64 = 200;
    const ORDERS_PER_RECORD: u64 = 20;
    let mut broker = Broker::prepared();
    broker.start();
    let topic = broker.create_topic("killed", 6, &[]);
    let linchpin = Linchpin::serve(&config(&broker.address(), &topic, "", ""));
    linchpin.await_ready();
    let producer = Producer::new(broker.client());
    let send = |number: u64| {
        let first = number * ORDERS_PER_RECORD + 1;
        let orders =
            (first..first + ORDERS_PER_RECORD).flat_map(|trace| order("load", u128::from(trace), now()));
        producer.send(&topic, &Record { value: encode(&orders.collect::<Vec<_>>()), ..Record::default() });
    };

    (0..KILL_AT).for_each(send);
    linchpin.await_records(1);
    // These may be lost on the wire and come twice; the producer sees to it that each is in the log once.
    (KILL_AT..2 * KILL_AT).for_each(send);
    broker.kill();
    broker.start();
    (2 * KILL_AT..RECORDS).for_each(send);
    producer.flush();

    linchpin.await_records(RECORDS);
    eventually("every order is counted once", || {
        let rows = edges::edges(&linchpin.graph("window=1h")?);
        edges::equal(&rows, &order_edges("load", RECORDS * ORDERS_PER_RECORD))
    });
    linchpin.await_ready();
}

#[test]
fn broker_that_is_away_at_the_start_is_named_and_waited_for() {
    let mut broker = Broker::prepared();
    let topic = unique("later");
    let mut linchpin = Linchpin::serve(&config(&broker.address(), &topic, "", ""));
    let reason = linchpin.await_unready(&["broker"]);
    assert!(reason.contains(&broker.address()), "the reason names the broker: {reason}");
    assert_waits_quietly(&mut linchpin);

    broker.start();
    let reason = linchpin.await_unready(&["topic"]);
    assert!(reason.contains(&topic), "the reason names the topic: {reason}");
    broker.create_topic_named(&topic, 2, &[]);
    check_reads(&linchpin, &broker, &topic);
}

#[test]
fn unknown_topic_is_named_and_waited_for() {
    let broker = Broker::shared();
    let topic = unique("unknown");
    let mut linchpin = Linchpin::serve(&config(&broker.address(), &topic, "", ""));
    let reason = linchpin.await_unready(&["topic"]);
    assert!(reason.contains(&topic), "the reason names the topic: {reason}");
    assert_waits_quietly(&mut linchpin);

    broker.create_topic_named(&topic, 2, &[]);
    check_reads(&linchpin, broker, &topic);
}

#[test]
fn wrong_password_is_said_without_showing_it() {
    const WRONG: &str = "hunter2-is-wrong";
    let broker = Broker::shared();
    let topic = broker.create_topic("sasl", 2, &[]);
    let mut linchpin = Linchpin::serve(&config(&broker.sasl_address(), &topic, "", &sasl(WRONG)));
    linchpin.await_unready(&["authenticat", "password", "credential"]);
    assert_waits_quietly(&mut linchpin);
    for shown in [linchpin.get("/readyz"), linchpin.get("/api/v1/status"), linchpin.get("/metrics")] {
        assert!(!shown.unwrap().body.contains(WRONG), "no answer shows the password");
    }
    assert!(!linchpin.log().contains(WRONG), "no log line shows the password");
}

#[test]
fn right_password_reads() {
    let broker = Broker::shared();
    let topic = broker.create_topic("sasl", 2, &[]);
    let linchpin = Linchpin::serve(&config(&broker.sasl_address(), &topic, "", &sasl(SASL_PASSWORD)));
    check_reads(&linchpin, broker, &topic);
}

fn sasl(password: &str) -> String {
    format!(
        r#"[kafka.properties]
"security.protocol" = "SASL_PLAINTEXT"
"sasl.mechanisms" = "PLAIN"
"sasl.username" = "{SASL_USER}"
"sasl.password" = "{password}"
"#
    )
}

/// Over 3 s of waiting it uses less than half a core: a loop without a pause would use all of one.
fn assert_waits_quietly(linchpin: &mut Linchpin) {
    let (started, before) = (Instant::now(), linchpin.cpu_seconds());
    eventually("3 s pass", || {
        let passed = started.elapsed();
        if passed >= Duration::from_secs(3) { Ok(()) } else { Err(format!("{passed:?}")) }
    });
    let used = linchpin.cpu_seconds() - before;
    assert!(
        used < started.elapsed().as_secs_f64() / 2.0,
        "{used} s of CPU in {:?} of waiting",
        started.elapsed()
    );
    assert!(linchpin.is_running(), "it stays up:\n{}", linchpin.log());
}

/// It becomes ready, and an order that is written now is counted.
fn check_reads(linchpin: &Linchpin, broker: &Broker, topic: &str) {
    linchpin.await_ready();
    let producer = Producer::new(broker.client());
    producer.send(topic, &Record { value: encode(&order("late", 1, now())), ..Record::default() });
    producer.flush();
    eventually("the order is counted", || {
        edges::equal(&edges::edges(&linchpin.graph("window=15m")?), &order_edges("late", 1))
    });
}
