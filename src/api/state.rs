//! What the handlers share: the answers, the counters, the readiness and the limits on work.
//!
//! Answers block for 1 to 100 ms, so they are computed beside the runtime, and only a few at a time:
//! what comes on top is refused at once instead of queued, because a queue only makes everyone late.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::error::ApiError;
use super::readiness::{Observation, Readiness, ReadinessDocument};
use super::status::GraphStatus;
use crate::config::LaneMode;
use crate::export::critical_path::CriticalPathDocument;
use crate::export::document::{FlowsDocument, GraphDocument};
use crate::export::flow_profile::FlowProfileDocument;
use crate::export::river::RiverDocument;
use crate::export::shared_paths::SharedPathsDocument;
use crate::model::{LogMillis, TraceId};
use crate::query::{FlowQuery, GraphQuery, PathQuery, QueryError};
use crate::telemetry::Telemetry;

/// Graphs and flows computed at a time; a further request gets 503 with `Retry-After`.
pub const MAX_QUERIES: usize = 4;
/// A status of the graph is computed at most this often, whoever asks.
const STATUS_AGE: Duration = Duration::from_millis(500);
/// Time between two looks at the partitions.
const OBSERVE_EVERY: Duration = Duration::from_secs(1);

/// A status and when it was computed.
type DatedStatus = (Instant, Arc<GraphStatus>);

/// The answers to questions for the live graph; every function may block for some 100 ms.
pub trait Answers: Send + Sync + 'static {
    /// The graph of a range.
    fn graph(&self, query: &GraphQuery) -> Result<GraphDocument, QueryError>;
    /// The flows of a range.
    fn flows(&self, query: &FlowQuery) -> Result<FlowsDocument, QueryError>;
    /// What the flows of a range share on their critical paths, as a list and as a river.
    fn shared_paths(&self, query: &PathQuery) -> Result<(SharedPathsDocument, RiverDocument), QueryError>;
    /// Where the requests of one flow wait.
    fn flow_path(&self, flow: &str, query: &PathQuery) -> Result<FlowProfileDocument, QueryError>;
    /// The critical path of a trace that a flow keeps.
    fn trace(&self, trace: TraceId, query: &FlowQuery) -> Result<CriticalPathDocument, QueryError>;
    /// Size and gaps of the graph; asked for at most twice a second.
    fn status(&self) -> GraphStatus;
}

/// The parts of the configuration that answers state; none of them is secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Merged or by partition.
    pub lanes: LaneMode,
    /// How long minutes are kept.
    pub retention: Duration,
    /// Memory for minutes, bytes.
    pub memory: u64,
}

/// What the handlers share; clones are cheap.
#[derive(Clone)]
pub struct AppState {
    /// The live graph.
    pub answers: Arc<dyn Answers>,
    /// Counters and partitions.
    pub telemetry: Arc<Telemetry>,
    /// Whether the graph is current; fed by [`AppState::observe`].
    pub readiness: Arc<Mutex<Readiness>>,
    /// What the configuration says.
    pub settings: Settings,
    started: Instant,
    queries: Arc<Semaphore>,
    status: Arc<tokio::sync::Mutex<Option<DatedStatus>>>,
}

impl AppState {
    /// A state that starts now and is not ready yet.
    pub fn new(answers: Arc<dyn Answers>, telemetry: Arc<Telemetry>, settings: Settings) -> AppState {
        AppState {
            answers,
            telemetry,
            readiness: Arc::new(Mutex::new(Readiness::new(settings.lanes))),
            settings,
            started: Instant::now(),
            queries: Arc::new(Semaphore::new(MAX_QUERIES)),
            status: Arc::default(),
        }
    }

    /// Time since the state was made.
    pub fn uptime(&self) -> Duration {
        self.started.elapsed()
    }

    /// Looks at the partitions now and says whether the graph is current.
    pub fn observe(&self) -> ReadinessDocument {
        let observation = Observation::take(&self.telemetry, now_ms());
        self.readiness.lock().expect("no panic happens while it is locked").observe(&observation)
    }

    /// Observes once a second, for ever: rates and estimates then do not depend on who asks how often.
    pub async fn watch(self) {
        let mut ticks = tokio::time::interval(OBSERVE_EVERY);
        loop {
            ticks.tick().await;
            self.observe();
        }
    }

    /// Asks for a text that takes time, beside the runtime and within [`MAX_QUERIES`].
    ///
    /// The permit goes with the work, not with the request: work whose client has left still counts.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&dyn Answers) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let permit = Arc::clone(&self.queries).try_acquire_owned().map_err(|_| ApiError::Busy)?;
        let answers = Arc::clone(&self.answers);
        let work = spawn_blocking(move || {
            let _held = permit;
            question(&*answers)
        });
        work.await.map_err(|failure| ApiError::Internal(failure.to_string()))?
    }

    /// The status of the graph, at most half a second old; callers that come together share one.
    pub(super) async fn graph_status(&self) -> Result<Arc<GraphStatus>, ApiError> {
        let mut cached = self.status.lock().await;
        if let Some((at, status)) = &*cached
            && at.elapsed() < STATUS_AGE
        {
            return Ok(Arc::clone(status));
        }
        let answers = Arc::clone(&self.answers);
        let status = spawn_blocking(move || answers.status())
            .await
            .map_err(|failure| ApiError::Internal(failure.to_string()))?;
        let status = Arc::new(status);
        *cached = Some((Instant::now(), Arc::clone(&status)));
        Ok(status)
    }
}

/// Milliseconds since 1970 by the local clock.
pub(super) fn now_ms() -> LogMillis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
