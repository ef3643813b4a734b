//! The stages connected: source events → decode workers → lane workers → live graph → sealer.
//!
//! ```text
//! source ──(batches ≤ 1 MiB)──► decode worker ──(LANE_QUEUE messages)──► lane worker ──► LiveGraph
//!           one per worker        input % workers                         lane % workers
//!                                                                              └──(SEAL_QUEUE minutes)──► sealer ──► store
//! ```
//! An input always takes the same way, so its order is kept from end to end. Every arrow blocks when it is full.

mod clock_watch;
mod decode_worker;
mod lane_worker;
mod seal_worker;
mod timing;

#[cfg(test)]
mod tests;

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

pub(super) use timing::{Stage, Timings};

use crate::config::{Config, LaneMode};
use crate::graph::{GroupId, LaneId, LiveGraph};
use crate::lane::LaneSize;
use crate::model::{InputId, LogMillis, Minute, SourceEvent, Span, Symbols, TraceId};
use crate::store::{History, Policy, Resume, SealCounters, Timeline};
use crate::telemetry::Telemetry;

/// Messages between a decode worker and a lane worker that wait at most.
const LANE_QUEUE: usize = 16;
/// Minutes of a group that wait for the sealer at most.
const SEAL_QUEUE: usize = 4;
/// The group of all merged lanes.
const MERGED_GROUP: GroupId = 0;
/// Chooses the lane of a trace; part of what a stored minute depends on.
const LANE_SEED: u64 = 0x6c61_6e65;

/// A span on its way to its lane.
struct Arrival {
    trace: TraceId,
    at: LogMillis,
    span: Span,
}

/// What a decode worker tells a lane worker, in the order of the input.
enum LaneMessage {
    Assigned {
        input: InputId,
        name: Arc<str>,
        /// Inputs in all.
        expected: usize,
    },
    /// The input's log begins in the middle: minutes up to `through` cannot be told.
    BeginBehind {
        input: InputId,
        through: Minute,
    },
    /// Spans of an input, and the log time it has delivered everything before.
    Arrivals {
        input: InputId,
        arrivals: Vec<Arrival>,
        delivered: Option<LogMillis>,
    },
    Revoked(InputId),
    Gone(InputId),
}

/// A group of lanes is final through a minute.
struct Final {
    group: GroupId,
    lane: Arc<str>,
    through: Minute,
}

/// How traces are spread over lanes.
#[derive(Clone, Copy, Debug)]
struct Routing {
    mode: LaneMode,
    lanes: u32,
    lane_workers: u32,
}

impl Routing {
    fn lane(&self, input: InputId, trace: TraceId) -> LaneId {
        match self.mode {
            LaneMode::Merged => (trace.mixed(LANE_SEED) % u64::from(self.lanes)) as LaneId,
            LaneMode::Partition => input,
        }
    }

    fn worker(&self, lane: LaneId) -> usize {
        (lane % self.lane_workers) as usize
    }
}

/// What the stages share.
#[derive(Clone)]
pub(super) struct Shared {
    pub config: Arc<Config>,
    pub telemetry: Arc<Telemetry>,
    pub timeline: Arc<Timeline>,
    /// Where the lanes go on.
    pub resume: Arc<Resume>,
    pub sealing: Arc<SealCounters>,
    pub pending: Arc<Pending>,
    /// The local clock: tells which producers' times lie in the future.
    pub clock: fn() -> LogMillis,
    /// Time per stage, where it is measured.
    pub timings: Option<Arc<Timings>>,
}

impl Shared {
    /// Without a store: everything stays in memory, and begins anew.
    pub fn in_memory(config: Config, telemetry: Arc<Telemetry>) -> Shared {
        let history = History::new(None, Policy::from_config(&config));
        Shared::new(config, telemetry, history, Resume::default())
    }

    pub fn new(config: Config, telemetry: Arc<Telemetry>, history: History, resume: Resume) -> Shared {
        let symbols = crate::model::Symbols::new(config.names.max_symbols);
        let timeline = Timeline::new(LiveGraph::new(symbols, &config), history, Arc::default());
        Shared {
            config: Arc::new(config),
            telemetry,
            timeline,
            resume: Arc::new(resume),
            sealing: Arc::default(),
            pending: Arc::default(),
            clock: super::now_millis,
            timings: None,
        }
    }

    /// The tables behind all numbers.
    pub fn symbols(&self) -> &Arc<Symbols> {
        self.timeline.live.symbols()
    }
}

/// What lanes hold, by worker.
#[derive(Default)]
pub(super) struct Pending {
    sizes: Mutex<Vec<LaneSize>>,
}

impl Pending {
    fn set(&self, worker: usize, size: LaneSize) {
        let mut sizes = self.sizes.lock().expect("no panic happens while it is locked");
        if sizes.len() <= worker {
            sizes.resize(worker + 1, LaneSize::default());
        }
        sizes[worker] = size;
    }

    /// Over all lanes.
    pub fn total(&self) -> LaneSize {
        let sizes = self.sizes.lock().expect("no panic happens while it is locked");
        sizes.iter().fold(LaneSize::default(), |a, b| LaneSize {
            traces: a.traces + b.traces,
            spans: a.spans + b.spans,
            bytes: a.bytes + b.bytes,
        })
    }
}

/// The running stages; they end when the source's channels close.
pub(super) struct Pipeline {
    workers: Vec<JoinHandle<()>>,
}

/// What lane workers do when the input ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AtEnd {
    /// Leave open sessions: a restart reads them again.
    Leave,
    /// Close every session: nothing more will come.
    Close,
}

impl Pipeline {
    /// Starts a decode worker per receiver, `lane_workers` lane workers and the sealer.
    pub fn start(
        shared: &Shared,
        sources: Vec<Receiver<SourceEvent>>,
        lane_workers: usize,
        at_end: AtEnd,
    ) -> anyhow::Result<Pipeline> {
        let lanes = &shared.config.lanes;
        let routing =
            Routing { mode: lanes.mode, lanes: lanes.count as u32, lane_workers: lane_workers.max(1) as u32 };
        let mut workers = Vec::new();
        let (sealer, finals) = sync_channel(SEAL_QUEUE);
        let seal_worker = seal_worker::SealWorker::new(shared);
        workers.push(spawn("sealer".to_string(), move || seal_worker.run(finals))?);
        let mut senders: Vec<SyncSender<LaneMessage>> = Vec::new();
        for number in 0..routing.lane_workers as usize {
            let (sender, receiver) = sync_channel(LANE_QUEUE);
            senders.push(sender);
            let worker = lane_worker::LaneWorker::new(shared, routing, number, sealer.clone());
            workers.push(spawn(format!("lane-{number}"), move || worker.run(receiver, at_end))?);
        }
        for (number, source) in sources.into_iter().enumerate() {
            let worker = decode_worker::DecodeWorker::new(shared, routing, senders.clone());
            workers.push(spawn(format!("decode-{number}"), move || worker.run(source))?);
        }
        Ok(Pipeline { workers })
    }

    /// Waits until all workers have ended.
    ///
    /// # Errors
    /// Where a worker panicked.
    pub fn join(self) -> anyhow::Result<()> {
        for worker in self.workers {
            let name = worker.thread().name().unwrap_or("worker").to_string();
            worker.join().map_err(|_| anyhow::anyhow!("{name} panicked: please report it"))?;
        }
        Ok(())
    }

    /// True once a worker has ended: by the end of its input, or by a panic.
    pub fn has_ended(&self) -> bool {
        self.workers.iter().any(|worker| worker.is_finished())
    }
}

fn spawn(name: String, run: impl FnOnce() + Send + 'static) -> std::io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name(name).spawn(run)
}

/// Workers as configured, else for this machine: (decode workers, lane workers).
pub(super) fn worker_counts(config: &Config) -> (usize, usize) {
    let cores = std::thread::available_parallelism().map_or(2, |cores| cores.get());
    let wanted = |configured: usize| if configured > 0 { configured } else { (cores / 2).max(1) };
    let lanes = wanted(config.threads.lanes);
    let lanes = match config.lanes.mode {
        LaneMode::Merged => lanes.min(config.lanes.count),
        LaneMode::Partition => lanes,
    };
    (wanted(config.threads.decode), lanes)
}
