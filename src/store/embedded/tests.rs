//! The store on a real folder: what it keeps, what it refuses, and what it tells about files that went bad.

mod damage;
mod failing;
mod keeping;
mod law;
mod opening;

use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

use tempfile::TempDir;

use super::disk::Step;
use super::{Access, EmbeddedStore, Put, StoreError};
use crate::graph::sealed::fixture::bucket;
use crate::graph::sealed::{BucketKey, Width};
use crate::model::Minute;

/// 2026-11-25T18:00Z, which begins an hour.
const START: u32 = 29_927_160;

fn key(lane: &str, width: Width, start: u32) -> BucketKey {
    BucketKey { lane: lane.into(), width, start: width.start_of(Minute(start)) }
}

fn minute(n: u32) -> BucketKey {
    key("merged", Width::Minute, START + n)
}

fn says(key: &BucketKey, text: &str) -> Vec<u8> {
    bucket(key, text.as_bytes(), b"here")
}

fn open(folder: &TempDir) -> EmbeddedStore {
    EmbeddedStore::open(folder.path(), Access::Write).unwrap()
}

fn reader(folder: &TempDir) -> EmbeddedStore {
    EmbeddedStore::open(folder.path(), Access::Read).unwrap()
}

/// A store with the minutes 0, 1 and 2, each of which says its number.
fn three() -> (TempDir, EmbeddedStore) {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    for n in 0..3 {
        assert_eq!(store.put(&minute(n), &says(&minute(n), &n.to_string())).unwrap(), Put::Written);
    }
    (folder, store)
}

fn keys(store: &EmbeddedStore) -> Vec<BucketKey> {
    store.list().into_iter().map(|(key, _)| key).collect()
}

/// Files below the folder, without those that say what it is.
fn files(folder: &TempDir) -> Vec<String> {
    fn walk(root: &std::path::Path, path: PathBuf, found: &mut Vec<String>) {
        for entry in fs::read_dir(path).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(root, path, found);
            } else {
                found.push(path.strip_prefix(root).unwrap().display().to_string());
            }
        }
    }
    let mut found = Vec::new();
    walk(folder.path(), folder.path().to_path_buf(), &mut found);
    found.retain(|path| path != "FORMAT" && path != "LOCK");
    found.sort();
    found
}

fn path_of(folder: &TempDir, n: u32) -> PathBuf {
    folder.path().join(format!("buckets/merged/1m/20261125T18{n:02}Z.bucket"))
}

fn fail_at(store: &EmbeddedStore, step: Step, kind: ErrorKind) {
    store.disk.lock().unwrap().fault = Some((step, kind));
}
