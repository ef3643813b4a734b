//! Integration tests: the real binary, a real Kafka, and the shape of the source.
//!
//! `tests/run` provides what they need; `tests/run quick` does without broker and browser.
#![allow(clippy::unwrap_used, missing_docs)]

/// What the tests stand on: a broker, the binary, data with known edges.
mod support;

/// Who may import whom, which crate is used where, headers, sizes, the rule table.
mod architecture;

/// Exit codes and messages of commands on good, bad and missing input.
mod cli;

/// A store read without a server.
mod store;

/// The whole way from a topic to the graph.
mod on_kafka;

/// The page of the demo, in a real browser.
mod in_browser;
