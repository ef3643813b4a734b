//! Linchpin: a live service dependency graph from trace spans in Kafka.
//!
//! ```text
//!          bytes         spans         traces        facts         buckets       snapshot
//!  source ───────► decode ─────► lane ───────► analyze ─────► graph ───────► query ───────► export / api / ui
//! ```
//!
//! Modules stand in the order of the data and import from the left only; `docs/ARCHITECTURE.md` tells the whole.

pub mod model;

pub mod config;
pub mod telemetry;

pub mod source;

pub mod decode;

pub mod lane;

pub mod analyze;

pub mod graph;

pub mod store;

pub mod query;

pub mod export;

pub mod api;
pub mod demo;

pub mod cli;
