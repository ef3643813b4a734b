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

/// After `session.timeout.ms` the group has lost a member that hears no broker: that must not pass for the reason.
#[test]
fn broker_that_goes_away_is_named_until_it_is_back_and_the_partitions_stay_in_the_status() {
    const DAY: i64 = 24 * 60 * 60_000;
    let mut broker = Broker::prepared();
    broker.start();
    let topic = broker.create_topic("away", 2, &[]);
    let session = r#"properties = { "session.timeout.ms" = "6000" }"#;
    let linchpin = Linchpin::serve(&config(&broker.address(), &topic, session, ""));
    let producer = Producer::new(broker.client());
    for (trace, ahead) in [(1, 0), (2, DAY), (3, 0)] {
        let (log_time, value) =
            (Some(now() as i64 / 1_000_000 + ahead), encode(&order("away", trace, now())));
        producer.send(&topic, &Record { partition: Some(1), value, log_time, ..Record::default() });
    }
    producer.flush();
    linchpin.await_records(3);
    linchpin.await_ready();
    let before = eventually("all is told", || {
        let seen = shown(&linchpin)?;
        let is_told = seen.iter().map(|it| (it.position, it.refuted)).eq([(0, 0), (3, 1)]);
        if is_told { Ok(seen) } else { Err(format!("{seen:?}")) }
    });

    broker.kill();
    let reason = linchpin.await_unready(&["no broker answers"]);
    assert!(reason.contains(&broker.address()), "{reason}");
    eventually("the group has lost it", || {
        let status = linchpin.json("/api/v1/status")?;
        let problem = status["connection"]["problem"].as_str().unwrap_or_default();
        assert!(problem.contains("no broker answers"), "{problem}");
        assert_eq!(shown(&linchpin)?, before, "the status keeps the partitions");
        match status["connection"]["partitions_assigned"].as_u64() {
            Some(0) => Ok(()),
            assigned => Err(format!("{assigned:?}")),
        }
    });
    let notes = linchpin.notes("window=15m").unwrap().join("\n");
    assert!(notes.contains("no broker answers"), "{notes}");

    broker.start();
    producer.send(
        &topic,
        &Record { partition: Some(1), value: encode(&order("away", 4, now())), ..Record::default() },
    );
    producer.flush();
    linchpin.await_records(4);
    linchpin.await_ready();
    eventually("it is as before, and one record further", || {
        let seen = shown(&linchpin)?;
        let is_told = seen.iter().map(|it| (it.position, it.refuted)).eq([(0, 0), (4, 1)]);
        if is_told { Ok(()) } else { Err(format!("{seen:?}")) }
    });
    let status = linchpin.json("/api/v1/status").unwrap();
    let (hints, log) = (status["hints"].to_string(), linchpin.log());
    assert!(hints.contains(&format!("{topic}/1")), "the hint names the partition: {hints}");
    assert!(!log.contains("more members than partitions"), "{log}");
}

/// What the status shows of a partition.
#[derive(Debug, PartialEq)]
struct Shown {
    name: String,
    position: u64,
    refuted: u64,
}

fn shown(linchpin: &Linchpin) -> Result<Vec<Shown>, String> {
    let status = linchpin.json("/api/v1/status")?;
    let rows = status["partitions"].as_array().ok_or("no partitions")?.iter();
    let shown = rows.map(|row| {
        let number = |name: &str| row[name].as_u64().ok_or_else(|| format!("no `{name}` in {row}"));
        let name = row["name"].as_str().unwrap_or_default().to_owned();
        Ok(Shown { name, position: number("position")?, refuted: number("refuted_jumps")? })
    });
    shown.collect()
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
