//! Everyone's words: ids, spans, symbols, sampling, time.
//!
//! No I/O, no clock, no thread: values and the tables that number them.

pub mod ids;
pub mod input;
pub mod sampling;
pub mod span;
pub mod symbols;
pub mod text;
pub mod time;

pub use ids::{SpanId, TraceId};
pub use input::{
    Beginning, CLOCK_TOLERANCE_MS, Format, InputId, KeyHint, RecordBatch, RecordMeta, RecordTime, SourceEvent,
};
pub use sampling::{Sampling, WEIGHT_ONE};
pub use span::{Links, MessagingOperation, Protocol, RemoteParent, Span, SpanKind, SpanRecord};
pub use symbols::{
    FastMap, Node, NodeId, NodeKind, Peer, PeerId, Resource, ResourceId, Symbol, Symbols, TableView,
};
pub use text::{chained_hash, matches_glob, stable_hash, stable_hash_wide};
pub use time::{LogMillis, Minute, UnixNanos};
