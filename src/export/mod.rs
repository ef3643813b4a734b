//! Answers to text: a file per format.

mod convert;
pub mod document;

pub use convert::{Freshness, flows_document, graph_document};
