//! Integration tests: the real binary, a real Kafka, and the shape of the source.
//!
//! `tests/run` provides the broker's jars; `tests/run quick` does without broker and browser.
#![allow(clippy::unwrap_used, missing_docs)]

/// A broker, the binary, data with known edges.
mod support;

/// The support itself: the broker starts, survives a kill, and ends.
mod harness;

/// Who may import whom, which crate is used where, headers, sizes, the rule table.
mod architecture;
/// Exit codes and messages of commands on good, bad and missing input.
mod cli;

/// Brokers that die, are not there yet, or refuse; topics that do not exist.
mod broker_trouble;
/// How soon an edge is seen.
mod freshness;
/// Bad input is counted, the good beside it stays exact, memory stays where it is.
mod garbage;
/// The main job: known traces on a topic become exactly the known edges.
mod main_job;
