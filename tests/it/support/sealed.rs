//! What is sealed: the files of a store's folder, byte by byte, and the server's word for it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use linchpin::graph::sealed::Frame;
use serde_json::Value;
use tempfile::TempDir;

use super::broker::Broker;
use super::linchpin::{Linchpin, config};
use super::recorded::{self, Spread, instant};
use super::wait::eventually;

/// Bytes of the buckets by their paths below `buckets/`, as `merged/1m/20261125T1801Z.bucket`.
pub type Buckets = BTreeMap<String, Vec<u8>>;

/// Every bucket of a store.
pub fn buckets(store: &Path) -> Buckets {
    files(store, "buckets")
        .into_iter()
        .filter(|path| path.ends_with(".bucket"))
        .map(|path| {
            let bytes = std::fs::read(store.join("buckets").join(&path)).unwrap();
            (path, bytes)
        })
        .collect()
}

/// The buckets of single minutes.
pub fn minutes(store: &Path) -> Buckets {
    let mut minutes = buckets(store);
    minutes.retain(|path, _| path.contains("/1m/"));
    minutes
}

/// Paths of the files below a folder of the store, relative to it.
pub fn files(store: &Path, folder: &str) -> Vec<String> {
    let root = store.join(folder);
    let (mut found, mut folders) = (Vec::new(), vec![root.clone()]);
    while let Some(folder) = folders.pop() {
        // What goes away meanwhile, as a temporary file, is not there.
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                _ => found.push(entry.path().strip_prefix(&root).unwrap().display().to_string()),
            }
        }
    }
    found.sort();
    found
}

/// `Ok` where both have the same buckets, byte for byte; else what differs, decoded.
pub fn equal(actual: &Buckets, expected: &Buckets) -> Result<(), String> {
    let mut wrong = Vec::new();
    for (path, bytes) in expected {
        match actual.get(path) {
            None => wrong.push(format!("{path} is missing")),
            Some(found) if found != bytes => {
                wrong.push(format!("{path} differs:\n  {}\n  instead of {}", tell(found), tell(bytes)));
            }
            Some(_) => {}
        }
    }
    let surplus = actual.keys().filter(|path| !expected.contains_key(*path));
    wrong.extend(surplus.map(|path| format!("{path} should not be there: {}", tell(&actual[path]))));
    if wrong.is_empty() { Ok(()) } else { Err(format!("{} buckets:\n{}", wrong.len(), wrong.join("\n"))) }
}

/// Nothing was sealed twice with other content, and nothing was damaged.
#[track_caller]
pub fn assert_undisputed(store: &Path) {
    for folder in ["conflicts", "damaged"] {
        assert_eq!(files(store, folder), Vec::<String>::new(), "{folder}/ of {}", store.display());
    }
}

/// A bucket in words.
fn tell(bytes: &[u8]) -> String {
    match Frame::open(bytes) {
        Ok(frame) => format!(
            "digest {}, marks {:?}, sections {:?}, {:?}, {:?}, {:?}",
            frame.digest,
            frame.header.marks,
            frame.sections().collect::<Vec<_>>(),
            frame.totals(),
            frame.inputs(),
            frame.positions(),
        ),
        Err(damage) => format!("{} bytes: {damage}", bytes.len()),
    }
}

/// The path of a bucket's file.
pub fn path(store: &Path, bucket: &str) -> PathBuf {
    store.join("buckets").join(bucket)
}

/// A recorded log on a topic, and what a run seals of it that nobody disturbs.
pub struct Reference {
    /// Its broker.
    pub broker: &'static Broker,
    /// Its topic.
    pub topic: String,
    /// Unix milliseconds of its beginning.
    pub start: i64,
    /// Where its last roll-up ends (RFC 3339).
    pub sealed_by: String,
    /// All of its buckets, of one lane.
    pub buckets: Buckets,
}

impl Reference {
    /// The one that the tests share which do not write to its topic.
    pub fn shared() -> &'static Reference {
        static SHARED: OnceLock<Reference> = OnceLock::new();
        SHARED.get_or_init(|| Reference::new("reference"))
    }

    /// One of a test's own.
    pub fn new(stem: &str) -> Reference {
        const PARTITIONS: usize = 3;
        let broker = Broker::shared();
        let start = recorded::noon();
        let log = recorded::log(start, Spread::Scattered, PARTITIONS, 3);
        let topic = recorded::write(broker, stem, PARTITIONS, &log);
        let sealed_by = recorded::sealed_by(start);
        let mut reference = Reference { broker, topic, start, sealed_by, buckets: Buckets::new() };
        let store = TempDir::new().unwrap();
        let linchpin = Linchpin::serve_on(&reference.config(""), store.path());
        linchpin.await_sealed(&reference.sealed_by);
        assert!(linchpin.terminate().success());
        reference.buckets = buckets(store.path());
        reference
    }

    /// A configuration that reads it, with `more` (whole TOML sections) behind it.
    pub fn config(&self, more: &str) -> String {
        config(&self.broker.address(), &self.topic, "", more)
    }

    /// A store in which all of it is sealed.
    pub fn sealed_store(&self) -> TempDir {
        let store = TempDir::new().unwrap();
        std::fs::write(store.path().join("FORMAT"), "linchpin-store 1\n").unwrap();
        for (bucket, bytes) in &self.buckets {
            let path = path(store.path(), bucket);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
        store
    }

    /// The path of the minute that is so many before the newest one with a bucket.
    pub fn minute(&self, before_newest: usize) -> &str {
        let minutes: Vec<&String> = self.buckets.keys().filter(|path| path.contains("/1m/")).collect();
        minutes[minutes.len() - 1 - before_newest]
    }

    /// `from=…&to=…` around all of it.
    pub fn range(&self) -> String {
        range(self.start, 30)
    }

    /// Waits until all of it is sealed, ends the server, and expects its very bytes.
    #[track_caller]
    pub fn assert_sealed_by(&self, linchpin: Linchpin, store: &Path) {
        linchpin.await_sealed(&self.sealed_by);
        assert!(linchpin.terminate().success(), "it ends well");
        equal(&buckets(store), &self.buckets).unwrap_or_else(|differences| panic!("{differences}"));
    }
}

/// `from=…&to=…` of so many minutes from `start` (Unix milliseconds).
pub fn range(start: i64, minutes: i64) -> String {
    format!("from={}&to={}", instant(start), instant(start + minutes * 60_000))
}

/// First minute of a bucket, as `2026-11-25T18:01`, by its path.
pub fn start_of(bucket: &str) -> String {
    let name = bucket.rsplit_once('/').expect("a lane and a width").1;
    let (date, time) = (&name[..8], &name[9..13]);
    let [year, month, day] = [&date[..4], &date[4..6], &date[6..]];
    format!("{year}-{month}-{day}T{}:{}", &time[..2], &time[2..])
}

impl Linchpin {
    /// The notes on what a graph lacks.
    pub fn notes(&self, query: &str) -> Result<Vec<String>, String> {
        Ok(self.graph(query)?.completeness.notes)
    }

    /// The part `store` of the status.
    pub fn store(&self) -> Result<Value, String> {
        Ok(self.json("/api/v1/status")?["store"].clone())
    }

    /// Waits until all partitions are read to their ends and everything that is final is on disk.
    ///
    /// `until` (RFC 3339) must be sealed: a time after the last record, by which the local clock is already.
    pub fn await_sealed(&self, until: &str) {
        eventually(&format!("all is sealed up to {until}"), || {
            let status = self.json("/api/v1/status")?;
            if is_all_sealed(&status, until) { Ok(()) } else { Err(status.to_string()) }
        });
    }

    /// True where [`Linchpin::await_sealed`] would not wait.
    pub fn has_all_sealed(&self, until: &str) -> bool {
        self.json("/api/v1/status").is_ok_and(|status| is_all_sealed(&status, until))
    }
}

fn is_all_sealed(status: &Value, until: &str) -> bool {
    let known = status["connection"]["partitions_known"].as_u64().unwrap_or_default();
    let partitions = status["partitions"].as_array().map_or(&[][..], Vec::as_slice);
    let is_read = partitions.iter().all(|partition| partition["standing"] == true && partition["lag"] == 0);
    let store = &status["store"];
    known > 0
        && partitions.len() as u64 == known
        && is_read
        && store["sealed_to"].as_str().is_some_and(|sealed_to| sealed_to >= until)
        && store["waiting"] == 0
}
