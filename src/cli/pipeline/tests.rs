//! The stages as a whole: the same spans give the same graph, however the log delivers them.

mod restart;

use std::convert::Infallible;
use std::sync::OnceLock;
use std::sync::mpsc::sync_channel;

use proptest::prelude::*;

use super::*;
use crate::demo::{BatchSettings, Batcher, Scenario, Simulation};
use crate::export::document::GraphDocument;
use crate::export::{Freshness, graph_document};
use crate::model::{KeyHint, RecordBatch, RecordMeta, RecordTime};
use crate::query::{self, GraphQuery, TimeRange};
use crate::telemetry::Reason;

const START: u64 = 1_767_225_600_000_000_000;
/// A local clock that no log is ahead of.
const LATER: LogMillis = LogMillis::MAX / 2;
const TRACE_EVERY: u64 = 20_000_000;

/// A record before it has a place in a log.
#[derive(Clone, Debug)]
struct Sent {
    at: LogMillis,
    key: Option<TraceId>,
    bytes: Vec<u8>,
}

/// Every dirty case, as its agents send it: one trace a message.
fn sent() -> &'static [Sent] {
    static SENT: OnceLock<Vec<Sent>> = OnceLock::new();
    SENT.get_or_init(|| {
        let mut simulation = Simulation::new(Scenario::Known, 3);
        let mut batcher = Batcher::new(BatchSettings { by_trace: true, ..BatchSettings::default() });
        let mut messages = Vec::new();
        let mut take = |message: crate::demo::Message<'_>| -> Result<(), Infallible> {
            let at = (message.sent_at / 1_000_000) as LogMillis;
            messages.push(Sent { at, key: message.trace, bytes: message.bytes.to_vec() });
            Ok(())
        };
        for number in 0..400 {
            let at = START + number * TRACE_EVERY;
            let mut spans = simulation.trace(at);
            batcher.push(&mut spans);
            let Ok(()) = batcher.advance(simulation.catalog(), at, &mut take);
        }
        let Ok(()) = batcher.finish(simulation.catalog(), &mut take);
        messages
    })
}

/// Runs the stages over logs, one per input, read in turns of `batch` records.
fn run(logs: &[Vec<Sent>], mode: LaneMode, workers: usize, batch: usize) -> (GraphDocument, Arc<Telemetry>) {
    let mut config = Config::default();
    config.lanes.mode = mode;
    let telemetry = Telemetry::new();
    let shared = Shared { clock: || LATER, ..Shared::in_memory(config, telemetry.clone()) };
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..workers).map(|_| sync_channel(4)).unzip();
    let pipeline = Pipeline::start(&shared, receivers, workers, AtEnd::Close).unwrap();
    let send = |event: SourceEvent, input: usize| senders[input % workers].send(event).unwrap();
    for input in 0..logs.len() {
        let name = format!("test/{input}").into();
        send(SourceEvent::Assigned { input: input as InputId, name, expected: logs.len() }, input);
    }
    let mut rest: Vec<&[Sent]> = logs.iter().map(Vec::as_slice).collect();
    while rest.iter().any(|log| !log.is_empty()) {
        for (input, log) in rest.iter_mut().enumerate() {
            let (now, later) = log.split_at(batch.min(log.len()));
            *log = later;
            send(SourceEvent::Records(records(input, now)), input);
            if later.is_empty() {
                let at = sent().iter().map(|sent| sent.at).max().unwrap_or(0) + 600_000;
                send(SourceEvent::Standing { input: input as InputId, at }, input);
            }
        }
    }
    drop(senders);
    pipeline.join().unwrap();
    let query = GraphQuery { range: TimeRange::All, level: query::Level::Operation, ..GraphQuery::default() };
    let snapshot = query::graph(&shared.timeline, &query, &shared.config.shared, START).unwrap();
    (graph_document(&snapshot, &Freshness::default()), telemetry)
}

fn records(input: usize, log: &[Sent]) -> RecordBatch {
    let mut batch = RecordBatch { input: input as InputId, bytes: Vec::new(), records: Vec::new() };
    for sent in log {
        batch.bytes.extend_from_slice(&sent.bytes);
        batch.records.push(RecordMeta {
            offset: batch.records.len() as i64,
            time: RecordTime::Create(sent.at),
            key: sent.key.map_or(KeyHint::Absent, KeyHint::Trace),
            format: None,
            end: batch.bytes.len(),
            oversize: None,
        });
    }
    batch
}

fn expected() -> &'static GraphDocument {
    static EXPECTED: OnceLock<GraphDocument> = OnceLock::new();
    EXPECTED.get_or_init(|| run(&[sent().to_vec()], LaneMode::Merged, 1, 64).0)
}

fn assert_same(found: &GraphDocument) {
    assert!(expected().edges.len() > 50, "the cases are there");
    let lines = |document: &GraphDocument| -> Vec<String> {
        document.edges.iter().map(|edge| format!("{edge:?}")).collect()
    };
    let (found, expected) = (lines(found), lines(expected()));
    let differing = found.iter().zip(&expected).find(|(found, expected)| found != expected);
    assert_eq!(differing, None);
    assert_eq!(found.len(), expected.len());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn order_batches_duplicates_and_partitions_change_nothing(
        partitions in 1..6usize,
        spread in any::<u64>(),
        // Late by up to two seconds: within the gap of every case.
        delays in proptest::collection::vec(0..2_000i64, 40),
        copies in proptest::collection::vec(any::<prop::sample::Index>(), 0..30),
        batch in 1..200usize,
        workers in 1..3usize,
        is_keyed in any::<bool>(),
    ) {
        let mut all: Vec<Sent> = sent().to_vec();
        all.extend(copies.iter().map(|copy| copy.get(sent()).clone()));
        let mut delayed: Vec<(LogMillis, Sent)> =
            all.into_iter().enumerate().map(|(at, sent)| (sent.at + delays[at % delays.len()], sent)).collect();
        delayed.sort_by_key(|(at, _)| *at);
        let mut logs = vec![Vec::new(); partitions];
        for (number, (_, sent)) in delayed.into_iter().enumerate() {
            let trace = sent.key.unwrap_or_default();
            let place = if is_keyed { trace.mixed(spread) } else { TraceId(number as u128).mixed(spread) };
            logs[(place % partitions as u64) as usize].push(sent);
        }
        let mode = if is_keyed { LaneMode::Partition } else { LaneMode::Merged };
        let (found, telemetry) = run(&logs, mode, workers, batch);
        assert_same(&found);
        prop_assert_eq!(telemetry.counters.key_violations.get(), 0);
    }
}

#[test]
fn garbage_between_good_records_changes_only_counters() {
    let mut log = Vec::new();
    for sent in sent() {
        let broken = Sent { bytes: sent.bytes[..sent.bytes.len() - 3].to_vec(), ..sent.clone() };
        log.extend([broken, sent.clone(), Sent { bytes: vec![0xff; 9], ..sent.clone() }]);
    }
    let (found, telemetry) = run(&[log], LaneMode::Merged, 1, 50);
    assert_same(&found);
    let rejected =
        telemetry.counters.dropped(Reason::Malformed) + telemetry.counters.dropped(Reason::UnknownFormat);
    assert_eq!(rejected, 2 * sent().len() as u64);
}

#[test]
fn keys_that_are_no_trace_ids_are_counted_where_lanes_are_partitions() {
    let log = sent().iter().map(|sent| Sent { key: Some(TraceId(1)), ..sent.clone() }).collect();
    let (_, telemetry) = run(&[log], LaneMode::Partition, 1, 50);
    assert!(telemetry.counters.key_violations.get() > 100);
}

#[test]
fn minutes_that_close_while_reading_count_the_same() {
    // Two empty records, minutes later, let the watermark pass.
    let mut log = sent().to_vec();
    let last = log.last().map_or(0, |sent| sent.at);
    log.push(Sent { at: last + 200_000, key: None, bytes: Vec::new() });
    log.push(Sent { at: last + 480_000, key: None, bytes: Vec::new() });
    let (found, _) = run(&[log], LaneMode::Merged, 1, 10);
    assert_same(&found);
}
