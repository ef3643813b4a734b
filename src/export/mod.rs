//! Answers to text: a file per format.
//!
//! Documents go in, text comes out.
//! Pure and deterministic: equal documents give equal bytes, on every machine.

mod convert;
pub mod critical_path;
pub mod document;
pub mod schema;

pub mod dot;
pub mod flow_profile;
pub mod json;
pub mod layout;
pub mod overview;
pub mod river;
pub mod sealed;
pub mod shared_paths;
pub mod store;
pub mod svg;
pub mod text;
pub mod timeline;

pub mod number;

mod completeness;
mod markdown;
mod name;
mod path_answers;
mod severity;
mod table;
mod words;

#[cfg(test)]
mod fixture;

pub use convert::{Freshness, flows_document, graph_document};
pub use name::{clip, shorten, visible, width};
pub use path_answers::{path_scope, shared_documents};
