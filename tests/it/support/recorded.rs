//! A log of half an hour, written up front: late spans, duplicates, traces without end, silence, garbage.
//!
//! It lies on yesterday's noon, so that its hour and its day are over and everything becomes final once it is read.

use linchpin::model::time::rfc3339;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;

use super::broker::Broker;
use super::produce::{Producer, Record};
use super::random::Random;
use super::spans::{MILLI, Reported, encode, now, order, span};

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const DAY: i64 = 24 * 60 * MINUTE;
/// When nothing is written: longer than a session's gap, and longer than a jump that is taken for a wrong clock.
const SILENCES: [(i64, i64); 2] =
    [(5 * MINUTE, 6 * MINUTE + 30 * SECOND), (12 * MINUTE, 18 * MINUTE + 30 * SECOND)];
/// What stands for a trace id in the keys of garbage.
const GARBAGE: u128 = 2_000_000;
const LENGTH: i64 = 25 * MINUTE;

/// How records come to partitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spread {
    /// By trace id, which is the key.
    Keyed,
    /// By chance, the spans of a trace over several.
    Scattered,
}

/// Unix milliseconds of yesterday's noon.
pub fn noon() -> i64 {
    let today = (now() / MILLI) as i64 / DAY * DAY;
    today - DAY / 2
}

/// The instant by which all of the log and its roll-ups are sealed: the end of its day (RFC 3339).
pub fn sealed_by(start: i64) -> String {
    instant(start + DAY / 2)
}

/// RFC 3339 of Unix milliseconds.
pub fn instant(at: i64) -> String {
    rfc3339(at as u64 * MILLI)
}

/// The log from `start` on, in the order in which it is to be written.
pub fn log(start: i64, spread: Spread, partitions: usize, seed: u64) -> Vec<Record> {
    let mut recording =
        Recording { start, spread, partitions, random: Random::new(seed), records: Vec::new() };
    for second in 0..LENGTH / SECOND {
        let at = second * SECOND;
        if SILENCES.iter().any(|(from, to)| (*from..*to).contains(&at)) {
            continue;
        }
        for number in 0..1 + recording.random.below(3) as u128 {
            recording.order((second as u128 + 1) * 10 + number, at);
        }
        if second % 40 == 7 {
            recording.garbage(at);
        }
    }
    for number in 0..8u32 {
        recording.endless(1_000_000 + u128::from(number), MINUTE * (i64::from(number) * 3 % 19));
    }
    recording.finish()
}

/// Writes a log into a new topic.
pub fn write(broker: &Broker, stem: &str, partitions: usize, records: &[Record]) -> String {
    let topic = broker.create_topic(stem, partitions as i32, &[]);
    append(broker, &topic, records);
    topic
}

/// Writes records behind what a topic has.
pub fn append(broker: &Broker, topic: &str, records: &[Record]) {
    let producer = Producer::new(broker.client());
    records.iter().for_each(|record| producer.send(topic, record));
    producer.flush();
}

struct Recording {
    start: i64,
    spread: Spread,
    partitions: usize,
    random: Random,
    /// With the turn in which they are written.
    records: Vec<(i64, Record)>,
}

impl Recording {
    /// An order, whose spans come together or apart, in time, late, or twice.
    fn order(&mut self, trace: u128, at: i64) {
        let prefix = ["shop", "store", "depot"][self.random.below(3)];
        let spans = order(prefix, trace, (self.start + at) as u64 * MILLI);
        let (early, late) = spans.split_at(1 + self.random.below(3));
        let first = at + self.below(2 * SECOND);
        self.add(trace, first, early);
        let delay = match self.random.below(20) {
            0 => self.below(29 * SECOND),
            1 => 31 * SECOND + self.below(90 * SECOND),
            _ => self.below(5 * SECOND),
        };
        self.add(trace, at + delay, late);
        let again = match self.random.below(20) {
            0 => self.below(20 * SECOND),
            1 => 31 * SECOND + self.below(200 * SECOND),
            _ => return,
        };
        self.add(trace, at + again, &spans);
    }

    /// A trace that goes on for minutes, without a silence that would end it.
    fn endless(&mut self, trace: u128, from: i64) {
        let mut at = from;
        for step in 1..=40 {
            let id = (trace as u64) << 16 | step << 1;
            let start = (self.start + at) as u64 * MILLI;
            let call = span("stream", trace, id, 1, SpanKind::Client, start);
            let served = span("sink", trace, id | 1, id, SpanKind::Server, start + MILLI);
            self.add(trace, at, &[call, served]);
            at += 2 * SECOND + self.below(9 * SECOND);
        }
    }

    fn garbage(&mut self, at: i64) {
        let value = [&[0xff][..], &self.random.bytes(200)].concat();
        let record = self.record(GARBAGE, at, value);
        self.records.push((at, record));
    }

    fn add(&mut self, trace: u128, at: i64, spans: &[Reported]) {
        let record = self.record(trace, at, encode(spans));
        // Producers' times are somewhat out of order, in a partition too.
        let turn = at + self.below(3 * SECOND);
        self.records.push((turn, record));
    }

    fn record(&mut self, trace: u128, at: i64, value: Vec<u8>) -> Record {
        let (key, partition) = match self.spread {
            Spread::Keyed => (Some(format!("{trace:032x}")), None),
            Spread::Scattered => (None, Some(self.random.below(self.partitions) as i32)),
        };
        Record { partition, key, value, log_time: Some(self.start + at), ..Record::default() }
    }

    fn below(&mut self, end: i64) -> i64 {
        self.random.below(end as usize) as i64
    }

    /// In order of writing; now and then a producer sends its last records once more.
    fn finish(mut self) -> Vec<Record> {
        self.records.sort_by_key(|(turn, _)| *turn);
        let mut log: Vec<Record> = Vec::with_capacity(self.records.len() * 11 / 10);
        for (_, record) in self.records {
            log.push(record);
            if self.random.below(150) == 0 {
                log.extend_from_within(log.len().saturating_sub(12)..);
            }
        }
        log
    }
}
