//! Records into topics, each delivered once and in order, with log times of the test's choosing.

use std::sync::Mutex;
use std::time::Duration;

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, DeliveryResult, Producer as _, ProducerContext, ThreadedProducer};
use rdkafka::{ClientConfig, ClientContext};

/// A record to be written.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// Partition; `None`: by the key, or any.
    pub partition: Option<i32>,
    /// Key.
    pub key: Option<String>,
    /// Value.
    pub value: Vec<u8>,
    /// Log time in Unix milliseconds; `None`: now.
    pub log_time: Option<i64>,
    /// Value of the header `encoding`.
    pub encoding: Option<&'static str>,
}

/// Writes records to topics of one broker.
pub struct Producer(ThreadedProducer<Deliveries>);

impl Producer {
    /// A producer for the broker that `client` names.
    pub fn new(mut client: ClientConfig) -> Producer {
        let client = client
            .set("enable.idempotence", "true")
            .set("linger.ms", "5")
            .set("message.max.bytes", "62914560")
            .set("queue.buffering.max.kbytes", "131072")
            .set("message.timeout.ms", "120000");
        Producer(client.create_with_context(Deliveries::default()).unwrap())
    }

    /// Queues a record; waits while the queue is full.
    pub fn send(&self, topic: &str, record: &Record) {
        let mut message: BaseRecord<str, [u8]> = BaseRecord::to(topic).payload(&record.value);
        message.key = record.key.as_deref();
        message.partition = record.partition;
        message.timestamp = record.log_time;
        if let Some(encoding) = record.encoding {
            let header = Header { key: "encoding", value: Some(encoding) };
            message.headers = Some(OwnedHeaders::new().insert(header));
        }
        loop {
            match self.0.send(message) {
                Ok(()) => return,
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                    message = back;
                    std::thread::sleep(Duration::from_millis(5));
                }
                Err((error, _)) => panic!("a record for {topic}: {error}"),
            }
        }
    }

    /// Waits until every record so far is in its topic.
    pub fn flush(&self) {
        self.0.flush(Duration::from_secs(180)).unwrap();
        let failed = self.0.context().failed.lock().unwrap();
        assert!(failed.is_empty(), "{} records were not delivered: {}", failed.len(), failed[0]);
    }
}

/// Remembers what was not delivered.
#[derive(Default)]
struct Deliveries {
    failed: Mutex<Vec<String>>,
}

impl ClientContext for Deliveries {
    // A broker that goes away is part of some tests; what matters is told by the deliveries.
    fn error(&self, _error: KafkaError, _reason: &str) {}

    fn log(&self, _level: rdkafka::config::RDKafkaLogLevel, _facility: &str, _message: &str) {}
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, _opaque: ()) {
        if let Err((error, _)) = result {
            self.failed.lock().unwrap().push(error.to_string());
        }
    }
}
