//! Bytes to compact spans, a file per wire format. Bad bytes are a counted value, never an error.
//!
//! ```text
//!            detect        otlp_proto ┐  RawSpan + Slots   normalize: names (template), peer, request,
//!  record ──────────────►             ├──────────────────►            sampling, ignore ──────────────► SpanRecord
//!            Format        otlp_json  ┘                    semconv: which attribute goes first
//! ```
//!
//! Guaranteed: no panic on any bytes; a record yields all of its spans or none; no allocation per span whose names are known.

mod decoder;
mod detect;
#[cfg(test)]
mod fixture;
mod ignore;
mod keys;
mod names;
mod normalize;
mod otlp_json;
mod otlp_proto;
mod peer;
mod raw;
mod request;
mod sampling;
mod semconv;
mod tally;
mod template;
#[cfg(test)]
mod tests;
mod wire;

pub use decoder::{DecodeSettings, Decoder, Outcome, Rejected};
pub use detect::{describe, detect, recognise};
pub use template::{RULES_VERSION, cut, template};
