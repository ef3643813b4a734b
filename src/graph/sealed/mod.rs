//! Sealed buckets: final minutes, and roll-ups of them, as canonical bytes that outlive the process.
//!
//! Equal contents give equal bytes: everything is sorted by its strings, never by the numbers of symbols.

#[cfg(test)]
pub(crate) mod fixture;
mod frame;
mod wire;

pub use frame::{
    ALGORITHM_VERSION, BucketKey, Damage, Digest, FORMAT_VERSION, Frame, Header, MAGIC, Marks, Width,
};
