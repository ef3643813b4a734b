//! `linchpin generate`: the simulator as a load generator.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::simulated::SimulatedArgs;
use super::{Failure, Outcome};
use crate::demo::{
    BatchSettings, DriveSettings, FileForm, KafkaSettings, KafkaSink, Message, OtlpSink, Pace, Simulation,
    Sink, Summary, Wire, WriterSink, drive,
};
use crate::model::UnixNanos;

/// Start of event time in files, so that equal commands give equal files: 2026-01-01T00:00:00Z.
const FILE_START: UnixNanos = 1_767_225_600_000_000_000;
/// Length of a file for which nothing else is said.
const FILE_DURATION: Duration = Duration::from_secs(60);

/// Arguments of `linchpin generate`.
#[derive(clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Args {
    /// Where the spans go: `kafka`, `otlp`, `file:NAME`, or `-` for JSON lines on standard output.
    ///
    /// A file's name says what it holds: NAME.otlp.pb is protobuf, each message with its length before it as a varint;
    /// NAME.ndjson and NAME.json are JSON lines; with .gz behind it is compressed. An existing file is overwritten.
    #[arg(long, value_name = "WHERE")]
    to: String,

    #[command(flatten)]
    simulated: SimulatedArgs,

    /// Spans per second; 0 is as fast as possible.
    ///
    /// In files it is the density in event time (0: 10000); nothing waits.
    #[arg(long, value_name = "SPANS_PER_S", default_value_t = 1_000)]
    rate: u64,

    /// End after so much event time, as `30s` or `5m` [default: 60s for files, else until Ctrl-C].
    #[arg(long, value_parser = humantime::parse_duration)]
    duration: Option<Duration>,

    /// End with the trace that reaches so many spans.
    #[arg(long, value_name = "N")]
    spans: Option<u64>,

    /// Spans of about 150 bytes instead of about 580: ids, times, and what says who is called.
    #[arg(long)]
    slim: bool,

    /// Write the edges that a correct graph has: kind, caller, callee, calls, errors of the caller and of the callee.
    #[arg(long, value_name = "FILE")]
    expected: Option<PathBuf>,

    /// Event time of the first trace, RFC 3339 [default: now for kafka and otlp, 2026-01-01T00:00:00Z for files].
    ///
    /// Given for kafka or otlp it makes a replay: nothing waits, and Kafka records bear the event time.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    start: Option<UnixNanos>,

    #[command(flatten)]
    kafka: Box<KafkaArgs>,

    /// One trace per message, the trace id as record key, as the collector's `partition_traces_by_id`.
    #[arg(long)]
    key_by_trace: bool,

    /// OTLP/HTTP: endpoint.
    #[arg(long, value_name = "URL", default_value = "http://localhost:4318")]
    endpoint: String,
}

/// Where Kafka is.
#[derive(clap::Args)]
struct KafkaArgs {
    /// Kafka: bootstrap brokers.
    #[arg(long, value_name = "HOST:PORT,..", default_value = "localhost:9092")]
    brokers: String,

    /// Kafka: topic.
    #[arg(long, default_value = "otlp_spans")]
    topic: String,

    /// Kafka: create the topic with so many partitions if it does not exist.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(1..))]
    partitions: Option<i32>,

    /// Kafka: a librdkafka property; may be given several times.
    #[arg(long, value_name = "KEY=VALUE", value_parser = parse_property)]
    properties: Vec<(String, String)>,
}

const EXAMPLES: &str = "\
Examples:
  linchpin generate --to file:shop.otlp.pb.gz --duration 5m --expected shop.tsv
  linchpin generate --to kafka --brokers localhost:9092 --topic otlp_spans --partitions 6 --rate 5000
  linchpin generate --to otlp --endpoint http://localhost:4318 --scenario outage --speed 2
  linchpin generate --to - --scenario known --spans 1000 | linchpin graph -";

fn parse_time(text: &str) -> Result<UnixNanos, String> {
    let cure = "give RFC 3339 in UTC from 1970 to 2554, as 2026-01-01T00:00:00Z";
    let time = humantime::parse_rfc3339(text).map_err(|error| format!("{error}; {cure}"))?;
    let since = time.duration_since(std::time::UNIX_EPOCH).map_err(|_| cure.to_owned())?;
    u64::try_from(since.as_nanos()).map_err(|_| cure.to_owned())
}

fn parse_property(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("give it as KEY=VALUE, as compression.type=zstd".to_owned()),
    }
}

/// Where the spans go.
enum Target {
    Kafka,
    Otlp,
    Stdout,
    File(PathBuf, FileForm),
}

impl Target {
    fn parse(text: &str) -> Result<Target, Failure> {
        match text {
            "kafka" => return Ok(Target::Kafka),
            "otlp" => return Ok(Target::Otlp),
            "-" => return Ok(Target::Stdout),
            _ => {}
        }
        let Some(name) = text.strip_prefix("file:") else {
            let message = format!("--to `{text}` is no target: give kafka, otlp, file:NAME or -");
            return Err(Failure::Usage(message));
        };
        match FileForm::of(name) {
            Some(form) => Ok(Target::File(name.into(), form)),
            None => Err(Failure::Usage(format!(
                "the name of file `{name}` does not say what it holds: end it in .otlp.pb, .ndjson or .json, with or without .gz"
            ))),
        }
    }

    fn is_replay(&self) -> bool {
        matches!(self, Target::File(..) | Target::Stdout)
    }
}

pub(super) fn run(args: Args) -> Outcome {
    let log = tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_max_level(tracing::Level::WARN);
    // Set already where several commands run in one process, as in tests.
    let _ = log.try_init();
    let target = Target::parse(&args.to)?;
    let mut simulation = Simulation::new(args.simulated.scenario()?, args.simulated.seed);
    let mut expected = match &args.expected {
        Some(path) => Some((path, create(path)?)),
        None => None,
    };
    let stop = stop_on_signal()?;
    let (wire, sink) = open(&args, &target, &stop)?;
    let mut sink = WithProgress { sink, shown: Instant::now(), summary: Summary::default() };
    let batch =
        BatchSettings { wire, is_slim: args.slim, by_trace: args.key_by_trace, ..BatchSettings::default() };
    let (summary, outcome) = drive(&mut simulation, batch, &drive_settings(&args, &target), &mut sink, &stop);
    report(&summary);
    if let Some((path, file)) = &mut expected {
        write!(file, "{}", simulation.truth()).map_err(|error| unwritable(path, &error))?;
    }
    outcome.map_err(Failure::Internal)
}

fn drive_settings(args: &Args, target: &Target) -> DriveSettings {
    let pace = match args.start {
        Some(start) => Pace::Replay { start },
        None if target.is_replay() => Pace::Replay { start: FILE_START },
        None => Pace::Live,
    };
    let has_end = args.duration.is_some() || args.spans.is_some();
    let duration = if has_end || !target.is_replay() { args.duration } else { Some(FILE_DURATION) };
    DriveSettings { pace, rate: args.rate, duration, spans: args.spans, seed: args.simulated.seed }
}

fn create(path: &Path) -> Result<std::fs::File, Failure> {
    std::fs::File::create(path).map_err(|error| unwritable(path, &error))
}

fn unwritable(path: &Path, error: &std::io::Error) -> Failure {
    let path = path.display();
    Failure::Usage(format!("`{path}` cannot be written ({error}): give a name in a folder that is yours"))
}

fn open(args: &Args, target: &Target, stop: &Arc<AtomicBool>) -> Result<(Wire, Box<dyn Sink>), Failure> {
    match target {
        Target::File(path, form) => {
            let sink = WriterSink::create(path, *form).map_err(|error| unwritable(path, &error))?;
            Ok((form.wire, Box::new(sink)))
        }
        Target::Stdout => {
            let stdout = std::io::BufWriter::with_capacity(1 << 16, super::output::stdout());
            Ok((Wire::Json, Box::new(WriterSink::new(Box::new(stdout), Wire::Json))))
        }
        Target::Otlp => {
            let sink = OtlpSink::new(&args.endpoint, Arc::clone(stop))
                .map_err(|error| Failure::Usage(format!("{error:#}")))?;
            Ok((Wire::Proto, Box::new(sink)))
        }
        Target::Kafka => {
            let settings = KafkaSettings {
                brokers: args.kafka.brokers.clone(),
                topic: args.kafka.topic.clone(),
                partitions: args.kafka.partitions,
                is_replay: args.start.is_some(),
                properties: args.kafka.properties.clone(),
            };
            Ok((Wire::Proto, Box::new(KafkaSink::connect(&settings, Arc::clone(stop))?)))
        }
    }
}

/// The first signal ends the run in order, a second one at once; so does a receiver that hangs.
fn stop_on_signal() -> anyhow::Result<Arc<AtomicBool>> {
    const PATIENCE: Duration = Duration::from_secs(2);
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let entered = runtime.enter();
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    drop(entered);
    std::thread::Builder::new().name("signals".into()).spawn(move || {
        runtime.block_on(async {
            tokio::select! { _ = tokio::signal::ctrl_c() => {}, _ = terminate.recv() => {} }
            flag.store(true, Ordering::Relaxed);
            tokio::select! { _ = tokio::signal::ctrl_c() => {}, () = tokio::time::sleep(PATIENCE) => {} }
            std::process::exit(130);
        });
    })?;
    Ok(stop)
}

/// Shows on a terminal how far it is.
struct WithProgress {
    sink: Box<dyn Sink>,
    shown: Instant,
    summary: Summary,
}

impl Sink for WithProgress {
    fn send(&mut self, message: &Message<'_>) -> anyhow::Result<()> {
        self.sink.send(message)?;
        self.summary.spans += u64::from(message.spans);
        self.summary.bytes += message.bytes.len() as u64;
        if self.shown.elapsed() >= Duration::from_secs(1) {
            self.shown = Instant::now();
            let mut stderr = std::io::stderr();
            if stderr.is_terminal() {
                let Summary { spans, bytes, .. } = self.summary;
                // Progress that cannot be shown is no reason to stop.
                let _ = write!(stderr, "\r{spans} spans, {:.1} MB ", bytes as f64 / 1e6);
            }
        }
        Ok(())
    }

    fn finish(&mut self) -> anyhow::Result<()> {
        self.sink.finish()
    }
}

fn report(summary: &Summary) {
    let Summary { traces, spans, messages, bytes } = summary;
    let mut stderr = std::io::stderr();
    let clear = if stderr.is_terminal() { "\r" } else { "" };
    // Nothing can be done where stderr is closed.
    let _ = writeln!(
        stderr,
        "{clear}{spans} spans of {traces} traces in {messages} messages, {:.1} MB",
        *bytes as f64 / 1e6
    );
}

#[cfg(test)]
mod tests;
