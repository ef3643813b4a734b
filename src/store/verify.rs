//! Every bucket of a store read and held against itself and against what it was rolled up of. Nothing is changed.

mod fault;
mod holes;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use self::holes::{Hole, Offsets};
use super::embedded::{EmbeddedStore, StoreError};
use crate::graph::sealed::{BucketKey, Damage, Frame, Marks, Width, merged};
use crate::model::Minute;

pub use fault::{Fault, Problem, Verification};

/// Reads every bucket; `progress` is told how many are done, of how many.
///
/// Buckets that go away meanwhile are left out: another process may write there.
/// What cannot be read is a problem like others, and the rest is read.
pub fn verify(store: &EmbeddedStore, progress: &mut dyn FnMut(usize, usize)) -> Verification {
    let keys: Vec<BucketKey> = store.list().into_iter().map(|(key, _)| key).collect();
    let mut verifier = Verifier {
        store,
        marks: BTreeMap::new(),
        offsets: Offsets::default(),
        missing: Vec::new(),
        found: Verification::default(),
    };
    // By lane and width, so that the parts of a roll-up come before it.
    for (done, key) in keys.iter().enumerate() {
        progress(done, keys.len());
        verifier.bucket(key);
    }
    progress(keys.len(), keys.len());
    match store.damaged_files() {
        Ok(files) => files.into_iter().for_each(|(path, key)| verifier.set_aside(path, key)),
        Err(error) => verifier.unreadable(None, error),
    }
    match store.conflicts() {
        Ok(files) => {
            let what = "it is another version of a bucket that is there";
            files
                .into_iter()
                .for_each(|path| verifier.problem(Fault::Conflict, None, path, what.to_string()));
        }
        Err(error) => verifier.unreadable(None, error),
    }
    verifier.holes();
    verifier.found
}

struct Verifier<'a> {
    store: &'a EmbeddedStore,
    /// Of the buckets that are whole.
    marks: BTreeMap<BucketKey, Marks>,
    offsets: Offsets,
    /// Buckets that are known to be missing.
    missing: Vec<BucketKey>,
    found: Verification,
}

impl Verifier<'_> {
    fn bucket(&mut self, key: &BucketKey) {
        let bytes = match self.store.load(key) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return,
            Err(StoreError::Damaged { reason, .. }) => return self.missing(Fault::Damaged, key, reason),
            Err(StoreError::FutureFormat { found, known, .. }) => {
                let what =
                    format!("it has format version {found}, this version of linchpin reads up to {known}");
                return self.missing(Fault::FutureVersion, key, what);
            }
            Err(error) => {
                self.missing.push(key.clone());
                return self.unreadable(Some(key), error);
            }
        };
        self.found.buckets += 1;
        self.found.bytes += bytes.len() as u64;
        match Frame::open(&bytes) {
            Ok(frame) => self.content(key, &frame, &bytes),
            Err(damage) => self.missing(Fault::Damaged, key, damage.to_string()),
        }
    }

    fn content(&mut self, key: &BucketKey, frame: &Frame<'_>, bytes: &[u8]) {
        if !frame.is_digest_right() {
            self.of_bucket(Fault::Digest, key, "its digest is not that of its content".to_string());
        }
        match frame.sealed_again().and_then(|again| self.offsets.see(frame).map(|()| again)) {
            Err(damage) => return self.missing(Fault::Content, key, damage.to_string()),
            // What a newer version has put in is not sealed again by this one.
            Ok(again) if again != bytes && !frame.has_unknown_sections() => {
                self.of_bucket(Fault::NotCanonical, key, "sealed again it gives other bytes".to_string());
            }
            Ok(_) => {}
        }
        self.marks.insert(key.clone(), frame.header.marks);
        if key.width > Width::Minute && !frame.has_unknown_sections() {
            self.roll_up(key, frame, bytes);
        }
    }

    /// Compares a roll-up with the sum of its parts, where all of them are there.
    fn roll_up(&mut self, key: &BucketKey, frame: &Frame<'_>, bytes: &[u8]) {
        let width = Width::ALL[key.width as usize - 1];
        let first = BucketKey { lane: key.lane.clone(), width, start: key.start };
        let end = BucketKey { lane: key.lane.clone(), width, start: Minute(key.end().0) };
        let parts: Vec<(BucketKey, Marks)> =
            self.marks.range(first..end).map(|(key, marks)| (key.clone(), *marks)).collect();
        let members = frame.members().unwrap_or(0) as usize;
        if parts.len() > members {
            let what = format!("it is rolled up of {members} buckets, and {} are there", parts.len());
            self.of_bucket(Fault::RollUp, key, what);
        }
        if parts.len() != members {
            return;
        }
        let mut loaded: Vec<Arc<[u8]>> = Vec::with_capacity(members);
        for (part, _) in &parts {
            match self.store.load(part) {
                Ok(Some(bytes)) => loaded.push(bytes.into()),
                // It was whole when it was looked at, and what became of it since is for the next look.
                Ok(None) | Err(_) => return,
            }
        }
        self.found.roll_ups_compared += 1;
        let sum: Result<Vec<u8>, Damage> = merged(&frame.header, loaded.iter().map(|bytes| &bytes[..]));
        if sum.as_deref() != Ok(bytes) {
            self.of_bucket(Fault::RollUp, key, format!("it is not the sum of its {members} parts"));
        }
        let marks = parts.iter().fold(Marks::default(), |marks, (_, part)| marks.with(*part));
        if !frame.header.marks.has(marks) {
            self.of_bucket(Fault::RollUp, key, "it lacks marks that its parts have".to_string());
        }
    }

    /// A damaged file is a problem as long as nothing stands for what it held.
    fn set_aside(&mut self, path: PathBuf, key: Option<BucketKey>) {
        let is_partial = |key: &BucketKey| self.marks.get(key).is_some_and(|marks| marks.has(Marks::PARTIAL));
        let stands_for_it = key.as_ref().and_then(|key| match self.marks.contains_key(key) {
            true => Some("the bucket is there again, whole"),
            false => self.offsets.is_stood_for(key, is_partial).then_some("a roll-up holds what it held"),
        });
        match stands_for_it {
            Some(why) => {
                let (fault, what) =
                    (Fault::Superseded, format!("it was set aside as no whole bucket, and {why}"));
                self.found.notes.push(Problem {
                    fault,
                    bucket: key,
                    path,
                    what,
                    cure: fault.cure(None, false),
                });
            }
            None => {
                self.missing.extend(key.clone());
                self.problem(Fault::SetAside, key, path, "it was set aside as no whole bucket".to_string());
            }
        }
    }

    fn holes(&mut self) {
        for Hole { next, from, inputs } in self.offsets.holes(&self.missing) {
            let Some((input, first, last)) = inputs.first() else { continue };
            let others = match inputs.len() {
                1 => String::new(),
                n => format!(", nor are some of {} other inputs", n - 1),
            };
            let from = BucketKey { width: Width::Minute, start: from, ..next.clone() }.start_text();
            let what =
                format!("offsets {first} to {last} of {input} are in no bucket from {from} to it{others}");
            let (fault, path) = (Fault::Hole, self.store.path_of(&next));
            let cure = fault.cure(Some(next.width), false);
            self.found.notes.push(Problem { fault, bucket: Some(next), path, what, cure });
        }
    }

    /// A problem with a bucket by which its content is missing.
    fn missing(&mut self, fault: Fault, key: &BucketKey, what: String) {
        self.missing.push(key.clone());
        self.of_bucket(fault, key, what);
    }

    fn unreadable(&mut self, key: Option<&BucketKey>, error: StoreError) {
        let (path, what) = match error {
            StoreError::Io { path, cause } => (path, cannot_be_read(&cause)),
            other => (self.store.path().to_path_buf(), other.to_string()),
        };
        self.problem(Fault::Unreadable, key.cloned(), path, what);
    }

    fn of_bucket(&mut self, fault: Fault, key: &BucketKey, what: String) {
        let path = self.store.path_of(key);
        self.problem(fault, Some(key.clone()), path, what);
    }

    fn problem(&mut self, fault: Fault, bucket: Option<BucketKey>, path: PathBuf, what: String) {
        let width = bucket.as_ref().map(|key| key.width);
        let cure = fault.cure(width, bucket.as_ref().is_some_and(|key| self.can_be_read_again(key)));
        self.found.problems.push(Problem { fault, bucket, path, what, cure });
    }

    /// True where a whole minute of the lane lies before it: a start that finds no later one goes on behind that.
    fn can_be_read_again(&self, key: &BucketKey) -> bool {
        let first = BucketKey { width: Width::Minute, start: Minute(0), ..key.clone() };
        let end = BucketKey { width: Width::Minute, ..key.clone() };
        self.marks.range(first..end).next().is_some()
    }
}

fn cannot_be_read(cause: &io::Error) -> String {
    format!("it cannot be read ({cause})")
}
