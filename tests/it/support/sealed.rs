//! What is sealed: the files of a store's folder, byte by byte, and the server's word for it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use linchpin::graph::sealed::Frame;
use serde_json::Value;

use super::linchpin::Linchpin;
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

impl Linchpin {
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
