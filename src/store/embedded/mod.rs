//! Sealed buckets as plain files on a local disk, each written once and never changed.
//!
//! ```text
//! FORMAT                                   linchpin-store 1
//! LOCK                                     held by the one process that writes; its pid
//! buckets/merged/1m/20261125T1801Z.bucket  lane, width, start
//! damaged/merged/1m/…                      what was no whole bucket any more
//! conflicts/merged/1m/…                    second versions of buckets that say something else
//! ```
//!
//! What `put` acknowledged survives a power cut; a file is there whole or not at all. One process writes, any number
//! read beside it. `docs/FORMAT.md` describes folder and bytes.

mod disk;
mod error;
mod format;
mod listing;
mod lock;
mod paths;
mod store;
mod verdict;

#[cfg(test)]
mod tests;

pub use error::StoreError;
pub use store::{Access, EmbeddedStore, Put};
