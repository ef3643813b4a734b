//! Bad input: each piece is counted under its reason, the good beside it stays exact, memory stays where it is.

use opentelemetry_proto::tonic::trace::v1::span::SpanKind;

use crate::support::broker::Broker;
use crate::support::edges::{self, Edges};
use crate::support::linchpin::{Linchpin, config};
use crate::support::produce::{Producer, Record};
use crate::support::random::Random;
use crate::support::spans::{MILLI, Reported, attribute, encode, now, order, order_edges, span};
use crate::support::wait::eventually;

const PARTITIONS: i32 = 3;
/// Orders between the garbage.
const ORDERS: u64 = 200;
/// 1970-01-01T00:00:01Z and 2262-01-01T00:00Z in nanoseconds.
const ODD_TIMES: [u64; 2] = [1_000_000_000, 9_214_646_400_000_000_000];

#[test]
fn garbage_is_counted_by_reason_and_good_spans_stay_exact() {
    let broker = Broker::shared();
    let topic = broker.create_topic("garbage", PARTITIONS, &[("max.message.bytes", "62914560")]);
    let records = good_and_bad();
    let producer = Producer::new(broker.client());
    for record in &records {
        producer.send(&topic, record);
    }
    producer.flush();

    let linchpin = Linchpin::serve(&config(&broker.address(), &topic, "", ""));
    linchpin.await_records(records.len() as u64);
    eventually("the good spans are exact", || {
        edges::equal(&good_rows(&linchpin)?, &order_edges("good", ORDERS))
    });

    let dropped = |reason: &str| linchpin.counter(&format!("dropped.{reason}")).unwrap();
    let unreadable = dropped("malformed") + dropped("unknown_format");
    assert!(
        unreadable >= ORDERS,
        "random, truncated and wrongly named records are counted, not {unreadable}"
    );
    assert_eq!(dropped("too_large"), 1, "the record of 50 MB");
    assert_eq!(dropped("no_trace_id"), 1);
    assert_eq!(dropped("no_span_id"), 1);
    assert_eq!(linchpin.counter("negative_durations"), Ok(1));
    assert_eq!(linchpin.counter("records"), Ok(records.len() as u64), "each record is read once");
    linchpin.await_ready();
}

#[test]
fn memory_after_a_gigabyte_is_that_after_its_first_tenth() {
    const ALLOWED: u64 = 64 << 20;
    let broker = Broker::shared();
    let topic = broker.create_topic("gigabyte", PARTITIONS, &[]);
    let written = write_gigabyte(broker, &topic);

    let linchpin = Linchpin::serve(&config(&broker.address(), &topic, "", ""));
    eventually("a tenth is read", || {
        let read = linchpin.counter("bytes")?;
        if read >= written.bytes / 10 { Ok(()) } else { Err(format!("{read} bytes")) }
    });
    let early = linchpin.resident_bytes();
    let mut highest = early;
    eventually("all of it is read", || {
        highest = highest.max(linchpin.resident_bytes());
        let read = linchpin.counter("records")?;
        if read >= written.records { Ok(()) } else { Err(format!("{read} records")) }
    });
    let mib = |bytes: u64| bytes >> 20;
    println!(
        "resident memory: {} MiB after a tenth, at most {} MiB up to {} MiB of input",
        mib(early),
        mib(highest),
        mib(written.bytes)
    );
    assert!(highest <= early + ALLOWED, "{} MiB after {} MiB", mib(highest), mib(early));
    eventually("the orders between the garbage are exact", || {
        edges::equal(&good_rows(&linchpin)?, &order_edges("good", written.orders))
    });
}

fn good_rows(linchpin: &Linchpin) -> Result<Edges, String> {
    let mut rows = edges::edges(&linchpin.graph("window=24h")?);
    rows.retain(|(_, caller, _), _| caller.starts_with("good-"));
    Ok(rows)
}

/// Each good record has a bad one before it; the special cases stand in the middle.
fn good_and_bad() -> Vec<Record> {
    let mut random = Random::new(4);
    let mut records = Vec::new();
    for number in 0..ORDERS {
        if number == ORDERS / 2 {
            records.extend(special_cases(&mut random));
        }
        let good = encode(&order("good", u128::from(number + 1), now()));
        records.push(bad(&good, number, &mut random));
        records.push(Record {
            partition: Some((number % PARTITIONS as u64) as i32),
            value: good,
            ..Record::default()
        });
    }
    records
}

/// Random bytes, half a message, or a format that its header denies.
fn bad(good: &[u8], number: u64, random: &mut Random) -> Record {
    let json = || br#"{"resourceSpans":[]}"#.to_vec();
    let (value, encoding) = match number % 4 {
        // The first byte is no tag that a request has.
        0 => ([&[0xff][..], &random.bytes(1_000)].concat(), None),
        // The last span's length reaches beyond the end.
        1 => (good[..good.len() - 5].to_vec(), Some("otlp_proto")),
        2 => (json(), Some("otlp_proto")),
        _ => (random.bytes(300), Some("otlp_json")),
    };
    Record { partition: Some((number % PARTITIONS as u64) as i32), value, encoding, ..Record::default() }
}

fn special_cases(random: &mut Random) -> Vec<Record> {
    let server = |trace: u128, id: u64, start: u64| span("odd", trace, id, 0, SpanKind::Server, start);
    let mut long_name = server(0xa1, 1, now());
    long_name.span.name = "n".repeat(1_000_000);
    let mut backwards = server(0xa2, 2, now());
    backwards.span.end_time_unix_nano = backwards.span.start_time_unix_nano - MILLI;
    let mut no_trace = server(0xa3, 3, now());
    no_trace.span.trace_id = vec![0; 16];
    let mut no_id = server(0xa4, 4, now());
    no_id.span.span_id = vec![0; 8];
    let mut spans = vec![long_name, backwards, no_trace, no_id];
    spans.extend(ODD_TIMES.iter().zip(0xa5..).map(|(at, trace)| server(trace, 5, *at)));
    let mut records: Vec<Record> = spans.into_iter().map(|span| record(&[span])).collect();
    records.push(Record { partition: Some(0), value: random.bytes(50_000_000), ..Record::default() });
    records
}

fn record(spans: &[Reported]) -> Record {
    Record { partition: Some(0), value: encode(spans), ..Record::default() }
}

/// What [`write_gigabyte`] wrote.
struct Written {
    records: u64,
    bytes: u64,
    orders: u64,
}

/// Half garbage, half orders, laid over the last hour of log time as a steady load would be.
fn write_gigabyte(broker: &Broker, topic: &str) -> Written {
    const PAIRS: u64 = 20_000;
    const ORDERS_PER_RECORD: u64 = 25;
    const HOUR: u64 = 3_600_000;
    let producer = Producer::new(broker.client());
    let mut random = Random::new(5);
    let mut written = Written { records: 0, bytes: 0, orders: 0 };
    let start = now() / MILLI - HOUR;
    for pair in 0..PAIRS {
        let log_time = start + pair * HOUR / PAIRS;
        let mut spans = Vec::new();
        for _ in 0..ORDERS_PER_RECORD {
            written.orders += 1;
            spans.extend(order("good", u128::from(written.orders), log_time * MILLI));
        }
        for reported in &mut spans {
            reported.span.attributes.push(attribute("url.full", &"x".repeat(150)));
        }
        let good = encode(&spans);
        for value in [random.bytes(good.len()), good] {
            written.records += 1;
            written.bytes += value.len() as u64;
            let partition = Some((pair % PARTITIONS as u64) as i32);
            let log_time = Some(log_time as i64);
            producer.send(topic, &Record { partition, value, log_time, ..Record::default() });
        }
    }
    producer.flush();
    written
}
