//! The shared data sets: real traces of others with the edges they must give.
//!
//! They lie in `LINCHPIN_TEST_DATA`, or in `../shared/data` beside the checkout.
//! A test that does not find its set says so and ends; `tests/run` counts these.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::edges::{self, Edges};
use super::produce::Record;
use super::random::Random;

/// A data set with its expected edges.
pub struct DataSet {
    /// Its spans.
    pub spans_file: PathBuf,
    /// Its edges.
    pub expected: Edges,
    /// Its requests in order of their last span's end.
    requests: Vec<Value>,
}

/// Finds a data set; `None`, counted, where the sets are not there.
pub fn find(name: &str) -> Option<DataSet> {
    let folder = folder().join(name);
    let spans_file = folder.join("spans.otlp.ndjson");
    let Ok(lines) = std::fs::read_to_string(&spans_file) else {
        skip(name);
        return None;
    };
    let mut requests: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    requests.sort_by_key(|request| times(request).1);
    Some(DataSet { spans_file, expected: edges::read(&folder.join("expected-edges.tsv")), requests })
}

impl DataSet {
    /// A record per trace of each request, keyed by trace id; the log time is the end of its last span.
    pub fn keyed(&self) -> Vec<Record> {
        let mut records = Vec::new();
        for request in &self.requests {
            for (trace_id, part) in by_trace(request) {
                records.push(Record { key: Some(trace_id), ..record(&part) });
            }
        }
        records.sort_by_key(|record| record.log_time);
        records
    }

    /// A record per request without a key, on a partition by chance, up to 5 s out of order.
    pub fn scattered(&self, partitions: usize) -> Vec<Record> {
        let mut random = Random::new(1);
        let mut records: Vec<(i64, Record)> = self
            .requests
            .iter()
            .map(|request| {
                let record = Record { partition: Some(random.below(partitions) as i32), ..record(request) };
                (record.log_time.unwrap_or_default() + random.below(5_000) as i64, record)
            })
            .collect();
        records.sort_by_key(|(turn, _)| *turn);
        records.into_iter().map(|(_, record)| record).collect()
    }

    /// `from=…&to=…` in Unix seconds around all of its spans.
    pub fn range(&self) -> String {
        let from = self.requests.iter().map(|request| times(request).0).min().expect("a set has spans");
        let to = self.requests.iter().map(|request| times(request).1).max().expect("a set has spans");
        format!("from={}&to={}", from / 1_000_000_000, to / 1_000_000_000 + 60)
    }
}

fn folder() -> PathBuf {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    std::env::var_os("LINCHPIN_TEST_DATA").map(PathBuf::from).unwrap_or_else(beside)
}

fn skip(set: &str) {
    let test = std::thread::current().name().unwrap_or("a test").to_string();
    eprintln!("skipped: {test}: no data set `{set}`; set LINCHPIN_TEST_DATA to the folder of the sets");
    if let Some(list) = std::env::var_os("LINCHPIN_TEST_SKIPPED") {
        let mut list = std::fs::OpenOptions::new().create(true).append(true).open(list).unwrap();
        writeln!(list, "{test} ({set})").unwrap();
    }
}

fn record(request: &Value) -> Record {
    let log_time = (times(request).1 / 1_000_000) as i64;
    Record { value: request.to_string().into_bytes(), log_time: Some(log_time), ..Record::default() }
}

/// First start and last end of a request, Unix nanoseconds.
fn times(request: &Value) -> (u64, u64) {
    let nanos = |span: &Value, key: &str| -> u64 { span[key].as_str().expect("a string").parse().unwrap() };
    let spans = || spans(request).map(|(_, _, span)| span);
    let first = spans().map(|span| nanos(span, "startTimeUnixNano")).min();
    let last = spans().map(|span| nanos(span, "endTimeUnixNano")).max();
    (first.expect("a request has spans"), last.expect("a request has spans"))
}

fn spans(request: &Value) -> impl Iterator<Item = (&Value, &Value, &Value)> {
    list(&request["resourceSpans"]).flat_map(|resource_spans| {
        list(&resource_spans["scopeSpans"]).flat_map(move |scope_spans| {
            let scope = &scope_spans["scope"];
            list(&scope_spans["spans"]).map(move |span| (&resource_spans["resource"], scope, span))
        })
    })
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// The request cut into one per trace id, by trace id.
fn by_trace(request: &Value) -> BTreeMap<String, Value> {
    let mut resource_spans: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for (resource, scope, span) in spans(request) {
        let trace_id = span["traceId"].as_str().expect("a string").to_string();
        let parts = resource_spans.entry(trace_id).or_default();
        match parts.last_mut() {
            Some(last) if last["resource"] == *resource && last["scopeSpans"][0]["scope"] == *scope => {
                last["scopeSpans"][0]["spans"].as_array_mut().expect("made below").push(span.clone());
            }
            _ => parts.push(json!({"resource": resource, "scopeSpans": [{"scope": scope, "spans": [span]}]})),
        }
    }
    let request = |(trace_id, parts)| (trace_id, json!({ "resourceSpans": parts }));
    resource_spans.into_iter().map(request).collect()
}

#[test]
fn sets_keep_all_their_spans_however_they_are_cut() {
    for (name, count) in [("train-ticket", 19_410), ("online-boutique", 12_033), ("hotel-jaeger", 880)] {
        let Some(set) = find(name) else { return };
        for (records, is_keyed) in [(set.keyed(), true), (set.scattered(6), false)] {
            let requests: Vec<Value> =
                records.iter().map(|record| serde_json::from_slice(&record.value).unwrap()).collect();
            assert_eq!(requests.iter().map(|request| spans(request).count()).sum::<usize>(), count, "{name}");
            for (record, request) in records.iter().zip(&requests) {
                let is_of_key = |span: &Value| span["traceId"].as_str() == record.key.as_deref();
                assert_eq!(spans(request).all(|(_, _, span)| is_of_key(span)), is_keyed, "{name}");
            }
        }
    }
}
