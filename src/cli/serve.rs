//! `linchpin serve`: consume spans from Kafka, serve the graph over HTTP.
//!
//! Reads as the pipeline: configuration, telemetry, listener, source, stages, API, signal, drain.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::answers::LiveAnswers;
use super::config::ConfigArgs;
use super::output;
use super::pipeline::{AtEnd, Pipeline, Shared, worker_counts};
use super::store::store_path;
use super::{Failure, Outcome};
use crate::api::{self, AppState, Settings};
use crate::config::{Config, Loader};
use crate::model::Minute;
use crate::model::time::rfc3339;
use crate::source::kafka::{self, KafkaSource, Place, Plan, Positions, ReadTo, Shutdown};
use crate::store::{Access, EmbeddedStore, History, Policy, Resume, ResumedInput};
use crate::telemetry::{Telemetry, log};

/// How long the source and the stages may take to end.
const DRAIN: Duration = Duration::from_secs(5);
/// How often the stages are looked at.
const WATCH: Duration = Duration::from_millis(200);

/// "File size limit exceeded", the same number on Linux (but for MIPS) and macOS.
const SIGXFSZ: i32 = 25;

/// Arguments of `linchpin serve`.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    config: ConfigArgs,
    /// Address and port to serve on; port 0 takes a free one.
    #[arg(long, value_name = "HOST:PORT")]
    listen: Option<String>,
    /// Bootstrap brokers.
    #[arg(long, value_name = "HOST:PORT,…")]
    brokers: Option<String>,
    /// Topic or ^regex; may be repeated.
    #[arg(long = "topic", value_name = "TOPIC")]
    topics: Vec<String>,
    /// Consumer group.
    #[arg(long)]
    group: Option<String>,
    /// Where to start partitions that the store knows no position of: earliest, latest, a duration ago as 30m, or an
    /// RFC 3339 time.
    #[arg(long)]
    start: Option<String>,
    /// Folder of the store; `auto` is `linchpin` in the platform's data folder, `none` keeps everything in memory.
    #[arg(long, value_name = "PATH")]
    store: Option<String>,
}

impl Args {
    fn loader(&self) -> Loader {
        let topics = (!self.topics.is_empty()).then(|| self.topics.join(","));
        let flags = [
            ("http.listen", &self.listen),
            ("kafka.brokers", &self.brokers),
            ("kafka.topics", &topics),
            ("kafka.group", &self.group),
            ("kafka.start", &self.start),
            ("store.path", &self.store),
        ];
        flags.into_iter().fold(self.config.loader(), |loader, (key, value)| match value {
            Some(value) => loader.flag(key, value.clone()),
            None => loader,
        })
    }
}

pub(super) fn run(args: Args) -> Outcome {
    let config = args.loader().load().map_err(Failure::Config)?.config;
    let problems = kafka::problems(&config.kafka);
    if !problems.is_empty() {
        return Err(Failure::Config(problems));
    }
    log::init(&config.log).map_err(|error| Failure::Config(vec![error.to_string()]))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let outcome = runtime.block_on(serve(config));
    // Dropping it would wait for stages that did not end in time, as on a disk that hangs.
    runtime.shutdown_background();
    outcome
}

async fn serve(config: Config) -> Outcome {
    survive_size_limits()?;
    let listener = bind(&config.http.listen).await?;
    let address = listener.local_addr()?;
    let running = Running::start(config)?;
    // The first line of stdout is the address, so that scripts can take port 0.
    writeln!(output::stdout(), "http://{address}")?;
    tracing::info!(url = %format!("http://{address}"), "listening");
    let outcome = running.until(listener, interrupted()).await;
    tracing::info!("ended");
    outcome
}

/// A file that grows beyond a limit of the system (`ulimit -f`) makes its write fail, as on a full disk, instead of
/// ending the process: a signal that is listened to does not, whether somebody takes it or not.
fn survive_size_limits() -> std::io::Result<()> {
    signal(SignalKind::from_raw(SIGXFSZ)).map(drop)
}

/// Binds the listener.
///
/// # Errors
/// [`Failure::Usage`] with the flag that cures it, where the address is taken or not ours.
pub(super) async fn bind(listen: &str) -> Result<TcpListener, Failure> {
    TcpListener::bind(listen).await.map_err(|error| {
        Failure::Usage(format!(
            "cannot listen on {listen}: {error}; choose another address with --listen HOST:PORT"
        ))
    })
}

/// Source, stages and API state of one process.
pub(super) struct Running {
    pub state: AppState,
    source: KafkaSource,
    pipeline: Pipeline,
    shutdown: Shutdown,
}

impl Running {
    /// Starts the source and the stages.
    ///
    /// # Errors
    /// [`Failure::Usage`] where the store cannot be opened, with the cure.
    pub fn start(config: Config) -> Result<Running, Failure> {
        let history = open_store(&config)?;
        let resume = Resume::find(&history, &config).map_err(anyhow::Error::from)?;
        tell(&resume);
        let shared = Shared::new(config, Telemetry::new(), history, resume);
        let config = &shared.config;
        let (decode_workers, lane_workers) = worker_counts(config);
        let shutdown = Shutdown::default();
        let positions = positions(&shared.resume);
        let plan = Plan { lanes: config.lanes.mode, workers: decode_workers, positions };
        let mut source = kafka::spawn(&config.kafka, plan, shared.telemetry.clone(), shutdown.clone())?;
        let events = std::mem::take(&mut source.events);
        let pipeline = Pipeline::start(&shared, events, lane_workers, AtEnd::Leave)?;
        let settings = Settings {
            lanes: config.lanes.mode,
            retention: config.store.retention,
            memory: config.graph.memory,
        };
        let answers = Arc::new(LiveAnswers::new(shared.clone()));
        let state = AppState::new(answers, shared.telemetry.clone(), settings);
        Ok(Running { state, source, pipeline, shutdown })
    }

    /// Serves until `ended`, then stops in the order of the data: source, stages, listener.
    pub async fn until(self, listener: TcpListener, ended: impl Future<Output = ()>) -> Outcome {
        let (close, closed) = tokio::sync::oneshot::channel::<()>();
        let watch = tokio::spawn(self.state.clone().watch());
        let server = axum_serve(listener, self.state.clone(), closed);
        let outcome = tokio::select! {
            () = ended => Ok(()),
            // The stages end only by a panic while nobody asked for it: better to say so than to serve a still picture.
            () = wait_until(|| self.pipeline.has_ended()) => {
                Err(Failure::Internal(anyhow::anyhow!("a worker has stopped: see the log")))
            }
        };
        watch.abort();
        self.shutdown.trigger();
        let shutdown = self.shutdown.clone();
        let drained = tokio::task::spawn_blocking(move || {
            // The source stops reading and closes its channels; the stages work off what is in them and seal what is
            // final; then the source commits how far it came, and leaves its group.
            let joined = self.pipeline.join();
            shutdown.drained();
            let _ = self.source.handle.join();
            joined
        });
        match tokio::time::timeout(DRAIN, drained).await {
            Ok(Ok(joined)) => joined?,
            _ => tracing::warn!(seconds = DRAIN.as_secs(), "the stages did not end in time"),
        }
        drop(close);
        let _ = tokio::time::timeout(Duration::from_secs(1), server).await;
        outcome
    }
}

/// Opens the store that the configuration names.
fn open_store(config: &Config) -> Result<History, Failure> {
    let policy = Policy::from_config(config);
    let Some(path) = store_path(&config.store.path)? else {
        tracing::warn!("store.path is `none`: everything is in memory, and gone with this process");
        return Ok(History::new(None, policy));
    };
    let disk =
        EmbeddedStore::open(&path, Access::Write).map_err(|error| Failure::Usage(error.to_string()))?;
    Ok(History::new(Some(disk), policy))
}

/// Says where this start goes on.
fn tell(resume: &Resume) {
    resume.notes.iter().for_each(|note| tracing::warn!("{note}"));
    if let Some(sealed) = resume.sealed() {
        let sealed_to = rfc3339(Minute(sealed.0 + 1).start_nanos());
        tracing::info!(inputs = resume.inputs.len(), sealed_to, "goes on behind the last sealed minute");
    }
}

/// Where partitions are read again from.
fn positions(resume: &Resume) -> Positions {
    let place = |name: &str| {
        let (topic, partition) = name.rsplit_once('/')?;
        Some(Place::new(topic, partition.parse().ok()?))
    };
    let known = resume.inputs.iter();
    let read_to = |resumed: &ResumedInput| {
        // Nothing was read of an input without times: what was in its log is older than what is sealed.
        let newest = resumed.position.newest.unwrap_or(resumed.sealed.end_millis());
        ReadTo { offset: resumed.position.offset, newest: Some(newest) }
    };
    known.filter_map(|(name, resumed)| Some((place(name)?, read_to(resumed)))).collect()
}

fn axum_serve(
    listener: TcpListener,
    state: AppState,
    closed: tokio::sync::oneshot::Receiver<()>,
) -> tokio::task::JoinHandle<()> {
    tokio::spawn(async move {
        if let Err(error) = api::serve(listener, state, async { drop(closed.await) }).await {
            tracing::error!(%error, "the listener failed");
        }
    })
}

async fn wait_until(is_over: impl Fn() -> bool) {
    while !is_over() {
        tokio::time::sleep(WATCH).await;
    }
}

/// Waits for Ctrl-C or SIGTERM; the second one ends the process at once.
pub(super) async fn interrupted() {
    let mut signals = match Signals::listen() {
        Ok(signals) => signals,
        Err(error) => {
            tracing::warn!(%error, "signals cannot be listened to: the first one ends the process at once");
            return std::future::pending().await;
        }
    };
    signals.next().await;
    tracing::info!("stopping: what is final is written first; a second signal ends it at once");
    tokio::spawn(async move {
        signals.next().await;
        std::process::exit(130);
    });
}

/// Listened to from the first to the second: none that comes between them is missed.
struct Signals {
    interrupted: Signal,
    terminated: Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Signals> {
        let (interrupted, terminated) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        Ok(Signals { interrupted, terminated })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupted.recv() => {}
            _ = self.terminated.recv() => {}
        }
    }
}
