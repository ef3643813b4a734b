//! The broker of the tests itself: without it, a failure elsewhere says little.

use std::time::Duration;

use rdkafka::Message;
use rdkafka::consumer::{BaseConsumer, Consumer};

use crate::support::broker::{Broker, SASL_PASSWORD, SASL_USER};
use crate::support::produce::{Producer, Record};
use crate::support::wait::eventually;

#[test]
fn broker_keeps_its_log_and_port_over_a_kill() {
    let mut broker = Broker::prepared();
    broker.start();
    let topic = broker.create_topic("harness", 2, &[]);
    let producer = Producer::new(broker.client());
    let record =
        Record { partition: Some(1), value: b"before".to_vec(), log_time: Some(1_000), ..Record::default() };
    producer.send(&topic, &record);
    producer.flush();
    let address = broker.address();

    broker.kill();
    broker.start();

    assert_eq!(broker.address(), address);
    producer.send(&topic, &Record { value: b"after".to_vec(), log_time: Some(i64::MAX / 2), ..record });
    producer.flush();
    let read = read(broker.client().set("group.id", "harness").create().unwrap(), &topic, 2);
    assert_eq!(
        read,
        [(1_000, b"before".to_vec()), (i64::MAX / 2, b"after".to_vec())],
        "any log time is taken"
    );
}

#[test]
fn broker_lets_in_who_knows_the_password() {
    let broker = Broker::shared();
    let topic = broker.create_topic("harness-sasl", 1, &[]);
    let mut client = broker.client();
    client
        .set("bootstrap.servers", broker.sasl_address())
        .set("security.protocol", "SASL_PLAINTEXT")
        .set("sasl.mechanisms", "PLAIN")
        .set("sasl.username", SASL_USER)
        .set("sasl.password", SASL_PASSWORD);
    let producer = Producer::new(client.clone());
    producer.send(&topic, &Record { value: b"secret".to_vec(), ..Record::default() });
    producer.flush();
    let read = read(client.set("group.id", "harness").create().unwrap(), &topic, 1);
    assert_eq!(read[0].1, b"secret");
}

/// Reads so many records of a topic, with their log times, in the order of arrival.
fn read(consumer: BaseConsumer, topic: &str, count: usize) -> Vec<(i64, Vec<u8>)> {
    let mut partitions = rdkafka::TopicPartitionList::new();
    let metadata = consumer.fetch_metadata(Some(topic), Duration::from_secs(10)).unwrap();
    for partition in metadata.topics()[0].partitions() {
        partitions.add_partition_offset(topic, partition.id(), rdkafka::Offset::Beginning).unwrap();
    }
    consumer.assign(&partitions).unwrap();
    let mut records = Vec::new();
    eventually("the records are read", || {
        while let Some(message) = consumer.poll(Duration::from_millis(200)) {
            let message = message.map_err(|error| error.to_string())?;
            let time = message.timestamp().to_millis().unwrap_or_default();
            records.push((time, message.payload().unwrap_or_default().to_vec()));
        }
        if records.len() >= count { Ok(()) } else { Err(format!("{} records", records.len())) }
    });
    records
}
