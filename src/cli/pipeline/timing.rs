//! Time per stage, for `bench`.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// A stage of the pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) enum Stage {
    /// Bytes to spans.
    Decode,
    /// Log times, shedding, and handing over to the lanes.
    Route,
    /// Sessions.
    Lane,
    /// Calls, flows.
    Analyze,
    /// Adding up, closing minutes.
    Graph,
    /// Sealing minutes, writing and rolling them up.
    Seal,
}

impl Stage {
    /// All stages in the order of the data.
    pub const ALL: [Stage; 6] =
        [Stage::Decode, Stage::Route, Stage::Lane, Stage::Analyze, Stage::Graph, Stage::Seal];

    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Stage::Decode => "decode",
            Stage::Route => "route",
            Stage::Lane => "lane",
            Stage::Analyze => "analyze",
            Stage::Graph => "graph",
            Stage::Seal => "seal",
        }
    }
}

/// Nanoseconds per stage, over all threads.
#[derive(Default)]
pub(in crate::cli) struct Timings([AtomicU64; Stage::ALL.len()]);

impl Timings {
    /// Seconds spent in a stage.
    pub fn seconds(&self, stage: Stage) -> f64 {
        self.0[stage as usize].load(Ordering::Relaxed) as f64 / 1e9
    }

    fn add(&self, stage: Stage, since: Instant) {
        self.0[stage as usize].fetch_add(since.elapsed().as_nanos() as u64, Ordering::Relaxed);
    }
}

/// Runs `work` and books its time, where time is measured.
pub(super) fn timed<T>(timings: Option<&Timings>, stage: Stage, work: impl FnOnce() -> T) -> T {
    let Some(timings) = timings else { return work() };
    let since = Instant::now();
    let result = work();
    timings.add(stage, since);
    result
}
