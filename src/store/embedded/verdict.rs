//! What the bytes in a bucket's file are.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::StoreError;
use crate::graph::sealed::{BucketKey, Damage, Digest, Frame};

/// The outcome of a look at bytes.
pub(super) enum Verdict {
    /// The whole bucket that it should be.
    Whole(Digest),
    /// Of a newer format: not for us, and no damage.
    Future {
        found: u16,
        known: u16,
    },
    Damaged(String),
}

impl Verdict {
    /// Whether `bytes` are the bucket `key`.
    pub fn of(key: &BucketKey, bytes: &[u8]) -> Verdict {
        match Frame::open(bytes) {
            Ok(frame) if frame.header.key == *key => Verdict::Whole(frame.digest),
            Ok(frame) => Verdict::Damaged(format!("it holds another bucket, `{}`", frame.header.key)),
            Err(Damage::FutureVersion { found, known }) => Verdict::Future { found, known },
            Err(_) if bytes.is_empty() => Verdict::Damaged("it is empty".to_string()),
            Err(damage) => Verdict::Damaged(damage.to_string()),
        }
    }
}

/// A file's bytes and what they are; `None` where there is no file.
pub(super) type Found = Option<(Vec<u8>, Verdict)>;

/// Reads the file of a bucket.
pub(super) fn look(key: &BucketKey, path: &Path) -> Result<Found, StoreError> {
    match fs::read(path) {
        Ok(bytes) => {
            let verdict = Verdict::of(key, &bytes);
            Ok(Some((bytes, verdict)))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StoreError::reading(path, error)),
    }
}

/// What a caller who wants the bytes gets; nothing is changed.
pub(super) fn answer(path: PathBuf, found: Found) -> Result<Option<Vec<u8>>, StoreError> {
    match found {
        None => Ok(None),
        Some((bytes, Verdict::Whole(_))) => Ok(Some(bytes)),
        Some((_, Verdict::Future { found, known })) => {
            Err(StoreError::FutureFormat { path, found: found.into(), known: known.into() })
        }
        Some((_, Verdict::Damaged(reason))) => Err(StoreError::Damaged { path, reason, kept: None }),
    }
}
