//! What bytes that stand for a bucket are.

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
