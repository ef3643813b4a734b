//! Linchpin's own counters: every record and span that does not reach the graph is in one of them, by reason.
//!
//! Writers add to atomics; readers (`/api/v1/status`, `/metrics`) see values that may be a moment old.

mod clocks;
mod counters;
pub mod log;
mod partitions;

pub use clocks::{ClockStatus, Clocks};
pub use counters::{Counter, Counters, Reason};
pub use partitions::{Connection, PartitionStatus, Partitions};

use std::sync::Arc;

/// All counters of one process.
#[derive(Default)]
pub struct Telemetry {
    /// Sums since the start.
    pub counters: Counters,
    /// State of each partition and of the connection.
    pub partitions: Partitions,
    /// Clocks of the records, by input.
    pub clocks: Clocks,
}

impl Telemetry {
    /// Fresh counters, all zero.
    pub fn new() -> Arc<Telemetry> {
        Arc::default()
    }
}
