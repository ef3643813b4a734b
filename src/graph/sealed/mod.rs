//! Sealed buckets: final minutes, and roll-ups of them, as canonical bytes that outlive the process.
//!
//! Equal contents give equal bytes: everything is sorted by its strings, never by the numbers of symbols.
//! `docs/FORMAT.md` describes the bytes.

mod calls;
mod codec;
#[cfg(test)]
pub(crate) mod fixture;
mod frame;
mod inputs;
mod names;
mod paths;
mod stats;
mod traces;
mod wire;

#[cfg(test)]
mod tests;

pub use codec::{Attachments, encode, merged, section_name};
pub use frame::{
    ALGORITHM_VERSION, BucketKey, Damage, Digest, FORMAT_VERSION, Frame, Header, KeyError, MAGIC, Marks,
    Width,
};
pub use inputs::Positions;
