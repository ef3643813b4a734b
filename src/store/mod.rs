//! Sealed buckets kept beyond the process: whole bytes in, the same bytes or a told [`StoreError`] out.
//!
//! A store knows buckets by [`BucketKey`](crate::graph::sealed::BucketKey) and digest, never what they say.
//! It is the one part of the core that does input and output; it uses no clock, no threads and no async.

mod embedded;

pub use embedded::{Access, EmbeddedStore, Put, StoreError};
