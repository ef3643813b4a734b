//! Every bucket of a store read and held against itself and against what it was rolled up of. Nothing is changed.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::embedded::{EmbeddedStore, StoreError};
use crate::graph::sealed::{BucketKey, Damage, Frame, Marks, Width, merged};
use crate::model::Minute;

/// What kind of fault was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The file is not the whole bucket of its name.
    Damaged,
    /// A newer version of Linchpin wrote it.
    FutureVersion,
    /// Its digest is not that of its content.
    Digest,
    /// Its content cannot be read.
    Content,
    /// Its content, sealed again, gives other bytes.
    NotCanonical,
    /// It is not the sum of what it was rolled up of.
    RollUp,
    /// A file that was set aside as damaged.
    SetAside,
    /// Another version of a bucket.
    Conflict,
}

impl Fault {
    /// The name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Fault::Damaged => "damaged",
            Fault::FutureVersion => "future_version",
            Fault::Digest => "digest",
            Fault::Content => "content",
            Fault::NotCanonical => "not_canonical",
            Fault::RollUp => "roll_up",
            Fault::SetAside => "set_aside",
            Fault::Conflict => "conflict",
        }
    }

    /// What to do about it.
    pub fn cure(self) -> &'static str {
        match self {
            Fault::Damaged => {
                "the next `linchpin serve` that reads it sets it aside; bring the file back from a copy, or do without"
            }
            Fault::FutureVersion => "read it with a newer linchpin",
            Fault::Digest | Fault::Content | Fault::NotCanonical => {
                "its writer had a fault: keep the file and report it"
            }
            Fault::RollUp => {
                "delete the file of the roll-up while nothing writes: the next `linchpin serve` makes it again of its parts"
            }
            Fault::SetAside => "it holds what is missing; delete it when you need it no more",
            Fault::Conflict => {
                "compare it with the bucket that stayed by `linchpin store export`, report it, then delete it"
            }
        }
    }
}

/// Something that is wrong with a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What kind.
    pub fault: Fault,
    /// The bucket; `None` for files that stand for none.
    pub bucket: Option<BucketKey>,
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub what: String,
}

/// The outcome of a look at a whole store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verification {
    /// Buckets that were read.
    pub buckets: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Roll-ups that were compared with their parts.
    pub roll_ups_compared: u64,
    /// What is wrong, by bucket and then by file.
    pub problems: Vec<Problem>,
}

/// Reads every bucket; `progress` is told how many are done, of how many.
///
/// Buckets that go away meanwhile are left out: another process may write there.
///
/// # Errors
/// Where the folder cannot be read.
pub fn verify(
    store: &EmbeddedStore,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Verification, StoreError> {
    let keys: Vec<BucketKey> = store.list().into_iter().map(|(key, _)| key).collect();
    let mut verifier = Verifier { store, marks: BTreeMap::new(), found: Verification::default() };
    // By lane and width, so that the parts of a roll-up come before it.
    for (done, key) in keys.iter().enumerate() {
        progress(done, keys.len());
        verifier.bucket(key)?;
    }
    progress(keys.len(), keys.len());
    let [damaged, conflicts] = store.kept_apart()?;
    for path in damaged {
        verifier.file(Fault::SetAside, path, "it was set aside as no whole bucket");
    }
    for path in conflicts {
        verifier.file(Fault::Conflict, path, "it is another version of a bucket that is there");
    }
    Ok(verifier.found)
}

struct Verifier<'a> {
    store: &'a EmbeddedStore,
    /// Of the buckets that are whole.
    marks: BTreeMap<BucketKey, Marks>,
    found: Verification,
}

impl Verifier<'_> {
    fn bucket(&mut self, key: &BucketKey) -> Result<(), StoreError> {
        let bytes = match self.store.load(key) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Ok(()),
            Err(StoreError::Damaged { reason, .. }) => {
                self.problem(Fault::Damaged, key, reason);
                return Ok(());
            }
            Err(StoreError::FutureFormat { found, known, .. }) => {
                let what =
                    format!("it has format version {found}, this version of linchpin reads up to {known}");
                self.problem(Fault::FutureVersion, key, what);
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        self.found.buckets += 1;
        self.found.bytes += bytes.len() as u64;
        match Frame::open(&bytes) {
            Ok(frame) => self.content(key, &frame, &bytes),
            Err(damage) => {
                self.problem(Fault::Damaged, key, damage.to_string());
                Ok(())
            }
        }
    }

    fn content(&mut self, key: &BucketKey, frame: &Frame<'_>, bytes: &[u8]) -> Result<(), StoreError> {
        if !frame.is_digest_right() {
            self.problem(Fault::Digest, key, "its digest is not that of its content".to_string());
        }
        match frame.sealed_again() {
            Err(damage) => {
                self.problem(Fault::Content, key, damage.to_string());
                return Ok(());
            }
            // What a newer version has put in is not sealed again by this one.
            Ok(again) if again != bytes && !frame.has_unknown_sections() => {
                self.problem(Fault::NotCanonical, key, "sealed again it gives other bytes".to_string());
            }
            Ok(_) => {}
        }
        self.marks.insert(key.clone(), frame.header.marks);
        if key.width > Width::Minute && !frame.has_unknown_sections() {
            self.roll_up(key, frame, bytes)?;
        }
        Ok(())
    }

    /// Compares a roll-up with the sum of its parts, where all of them are there.
    fn roll_up(&mut self, key: &BucketKey, frame: &Frame<'_>, bytes: &[u8]) -> Result<(), StoreError> {
        let width = Width::ALL[key.width as usize - 1];
        let first = BucketKey { lane: key.lane.clone(), width, start: key.start };
        let end = BucketKey { lane: key.lane.clone(), width, start: Minute(key.end().0) };
        let parts: Vec<(BucketKey, Marks)> =
            self.marks.range(first..end).map(|(key, marks)| (key.clone(), *marks)).collect();
        let members = frame.members().unwrap_or(0) as usize;
        if parts.len() > members {
            let what = format!("it is rolled up of {members} buckets, and {} are there", parts.len());
            self.problem(Fault::RollUp, key, what);
        }
        if parts.len() != members {
            return Ok(());
        }
        let mut loaded: Vec<Arc<[u8]>> = Vec::with_capacity(members);
        for (part, _) in &parts {
            match self.store.load(part) {
                Ok(Some(bytes)) => loaded.push(bytes.into()),
                // It is gone or was damaged since it was looked at: a problem of its own, if any.
                Ok(None) | Err(StoreError::Damaged { .. }) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        self.found.roll_ups_compared += 1;
        let sum: Result<Vec<u8>, Damage> = merged(&frame.header, loaded.iter().map(|bytes| &bytes[..]));
        if sum.as_deref() != Ok(bytes) {
            self.problem(Fault::RollUp, key, format!("it is not the sum of its {members} parts"));
        }
        let marks = parts.iter().fold(Marks::default(), |marks, (_, part)| marks.with(*part));
        if !frame.header.marks.has(marks) {
            self.problem(Fault::RollUp, key, "it lacks marks that its parts have".to_string());
        }
        Ok(())
    }

    fn problem(&mut self, fault: Fault, key: &BucketKey, what: String) {
        let path = self.store.path_of(key);
        self.found.problems.push(Problem { fault, bucket: Some(key.clone()), path, what });
    }

    fn file(&mut self, fault: Fault, path: PathBuf, what: &str) {
        self.found.problems.push(Problem { fault, bucket: None, path, what: what.to_string() });
    }
}
