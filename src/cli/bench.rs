//! `linchpin bench`: the whole pipeline in process, from encoded messages held in memory, with time per stage.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::{Duration, Instant};

use serde::Serialize;

use super::pipeline::{AtEnd, Pipeline, Shared, Stage, Timings};
use super::{Failure, Outcome};
use crate::config::Config;
use crate::decode::{DecodeSettings, Decoder, recognise};
use crate::lane::LaneSize;
use crate::model::{InputId, KeyHint, RecordBatch, RecordMeta, RecordTime, SourceEvent, Symbols};
use crate::source::file::{self, ReadOptions};
use crate::store::{Access, EmbeddedStore, History, Policy, Resume};
use crate::telemetry::{Reason, Telemetry};

/// Bytes of one batch, as the Kafka source makes them.
const BATCH_BYTES: usize = 1 << 20;
/// Batches that wait for a decode worker.
const BATCH_QUEUE: usize = 8;
/// How often the pending spans are looked at.
const SAMPLE: Duration = Duration::from_millis(5);
const NANOS_PER_MILLI: u64 = 1_000_000;

/// Arguments of `linchpin bench`.
#[derive(clap::Args)]
pub(super) struct Args {
    /// Messages as `linchpin generate --to file:NAME.otlp.pb` writes them; each is taken as one Kafka record.
    file: PathBuf,
    /// Threads for decoding and as many for the lanes; 1 runs one of each.
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// Seal minutes into this folder, which must be new; without it they are sealed in memory.
    #[arg(long, value_name = "PATH")]
    store: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// What was measured.
#[derive(Serialize)]
struct Report {
    spans: u64,
    messages: u64,
    bytes: u64,
    threads: usize,
    wall_seconds: f64,
    cpu_seconds: f64,
    spans_per_cpu_second: f64,
    spans_per_wall_second: f64,
    bytes_per_span: f64,
    stages: std::collections::BTreeMap<&'static str, f64>,
    peak_rss_bytes: u64,
    peak_pending_spans: usize,
    pending_bytes_per_span: f64,
    traces: u64,
    dropped: u64,
    sealed_minutes: u64,
    bytes_per_sealed_minute: f64,
}

pub(super) fn run(args: Args) -> Outcome {
    let batches = read_batches(&args)?;
    let config = Config::default();
    let disk = args.store.as_deref().map(|path| EmbeddedStore::open(path, Access::Write)).transpose();
    let disk = disk.map_err(|error| Failure::Usage(error.to_string()))?;
    if disk.as_ref().is_some_and(|disk| !disk.list().is_empty()) {
        return Err(Failure::Usage(
            "the store has minutes already: name a new folder with --store".to_string(),
        ));
    }
    let history = History::new(disk, Policy::from_config(&config));
    let mut shared = Shared::new(config, Telemetry::new(), history, Resume::default());
    let timings = Arc::new(Timings::default());
    shared.timings = Some(timings.clone());
    let (senders, receivers): (Vec<SyncSender<SourceEvent>>, Vec<_>) =
        (0..args.threads.max(1)).map(|_| sync_channel(BATCH_QUEUE)).unzip();
    let (bytes, messages) = batches.iter().fold((0, 0), |(bytes, messages), batch| {
        (bytes + batch.bytes.len() as u64, messages + batch.records.len() as u64)
    });
    let cpu_before = cpu_seconds();
    let since = Instant::now();
    let pipeline = Pipeline::start(&shared, receivers, args.threads, AtEnd::Close)?;
    let peak = feed(batches, senders, &shared)?;
    pipeline.join()?;
    let (wall, cpu) = (since.elapsed().as_secs_f64(), cpu_seconds() - cpu_before);
    let counters = &shared.telemetry.counters;
    let spans = counters.spans.get();
    let sealed = shared.sealing.sealed.load(Ordering::Relaxed);
    let sealed_bytes = shared.sealing.bytes.load(Ordering::Relaxed);
    let report = Report {
        spans,
        messages,
        bytes,
        threads: args.threads,
        wall_seconds: wall,
        cpu_seconds: cpu,
        spans_per_cpu_second: spans as f64 / cpu,
        spans_per_wall_second: spans as f64 / wall,
        bytes_per_span: bytes as f64 / spans.max(1) as f64,
        stages: Stage::ALL.iter().map(|stage| (stage.name(), timings.seconds(*stage))).collect(),
        peak_rss_bytes: status_bytes("VmHWM:"),
        peak_pending_spans: peak.spans,
        pending_bytes_per_span: peak.bytes as f64 / peak.spans.max(1) as f64,
        traces: counters.traces.get(),
        dropped: Reason::ALL.iter().map(|reason| counters.dropped(*reason)).sum(),
        sealed_minutes: sealed,
        bytes_per_sealed_minute: sealed_bytes as f64 / sealed.max(1) as f64,
    };
    print(&report, args.json)
}

/// Feeds all batches, one input per thread, and says what the lanes held at most.
fn feed(
    batches: Vec<RecordBatch>,
    senders: Vec<SyncSender<SourceEvent>>,
    shared: &Shared,
) -> anyhow::Result<LaneSize> {
    for (input, sender) in senders.iter().enumerate() {
        let name = format!("bench/{input}").into();
        sender.send(SourceEvent::Assigned { input: input as InputId, name, expected: senders.len() })?;
    }
    let mut peak = LaneSize::default();
    let mut sampled = Instant::now();
    for batch in batches {
        senders[batch.input as usize].send(SourceEvent::Records(batch))?;
        if sampled.elapsed() >= SAMPLE {
            sampled = Instant::now();
            let size = shared.pending.total();
            peak = if size.spans > peak.spans { size } else { peak };
        }
    }
    Ok(peak)
}

/// Reads the messages and gives each the largest end time in it as its log time.
fn read_batches(args: &Args) -> Result<Vec<RecordBatch>, Failure> {
    let path = args.file.to_string_lossy();
    let config = Config::default();
    let symbols = Symbols::new(config.names.max_symbols);
    let mut decoder = Decoder::new(symbols, Telemetry::new(), DecodeSettings::from_config(&config));
    let threads = args.threads.max(1);
    let mut open: Vec<RecordBatch> = (0..threads).map(|input| empty_batch(input as InputId)).collect();
    let mut batches = Vec::new();
    let mut spans = Vec::new();
    let mut number = 0;
    let options = ReadOptions { max_record: 1 << 30, recognise: &recognise, progress: &mut |_| {} };
    let result = file::read(&path, options, &mut |bytes, format| {
        spans.clear();
        decoder.decode(bytes, Some(format), &mut spans);
        let newest = spans.iter().map(|record| record.span.end).max().unwrap_or(0);
        let batch = &mut open[number % threads];
        batch.bytes.extend_from_slice(bytes);
        batch.records.push(RecordMeta {
            offset: number as i64,
            time: RecordTime::LogAppend((newest / NANOS_PER_MILLI) as i64),
            key: KeyHint::Absent,
            format: Some(format),
            end: batch.bytes.len(),
            oversize: None,
        });
        if batch.bytes.len() >= BATCH_BYTES {
            let next = empty_batch(batch.input);
            batches.push(std::mem::replace(batch, next));
        }
        number += 1;
        std::ops::ControlFlow::Continue(())
    });
    result.map_err(|error| Failure::Usage(error.to_string()))?;
    batches.extend(open.into_iter().filter(|batch| !batch.records.is_empty()));
    match batches.is_empty() {
        true => Err(Failure::Unmet(format!("{path}: there is no message in it"))),
        false => Ok(batches),
    }
}

fn empty_batch(input: InputId) -> RecordBatch {
    RecordBatch { input, bytes: Vec::with_capacity(BATCH_BYTES + BATCH_BYTES / 4), records: Vec::new() }
}

/// CPU time of this process, seconds; 0 where the system has no /proc.
fn cpu_seconds() -> f64 {
    /// The kernel's USER_HZ, 100 on every platform that Linux has today.
    const TICKS_PER_SECOND: f64 = 100.0;
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(") ").next().unwrap_or_default();
    let ticks = after_name.split(' ').skip(11).take(2).filter_map(|field| field.parse::<f64>().ok());
    ticks.sum::<f64>() / TICKS_PER_SECOND
}

/// A size in /proc/self/status, bytes; 0 where the system has none.
fn status_bytes(key: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(key));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}

fn print(report: &Report, as_json: bool) -> Outcome {
    let mut stdout = super::output::stdout();
    if as_json {
        writeln!(stdout, "{}", serde_json::to_string_pretty(report)?)?;
        return Ok(());
    }
    writeln!(
        stdout,
        "{} spans in {} messages, {:.0} bytes a span, {} + {} threads",
        report.spans, report.messages, report.bytes_per_span, report.threads, report.threads
    )?;
    writeln!(
        stdout,
        "{:.2} s wall, {:.2} s cpu: {:.0} spans/s of cpu, {:.0} spans/s of wall",
        report.wall_seconds, report.cpu_seconds, report.spans_per_cpu_second, report.spans_per_wall_second
    )?;
    for stage in Stage::ALL {
        let seconds = report.stages[stage.name()];
        let per_span = seconds * 1e9 / report.spans.max(1) as f64;
        writeln!(stdout, "  {:<8} {seconds:>7.3} s {per_span:>7.0} ns/span", stage.name())?;
    }
    writeln!(
        stdout,
        "{} traces, {} dropped; peak {} MiB resident, {} pending spans of {:.0} bytes",
        report.traces,
        report.dropped,
        report.peak_rss_bytes >> 20,
        report.peak_pending_spans,
        report.pending_bytes_per_span
    )?;
    writeln!(
        stdout,
        "{} minutes sealed, {:.0} bytes each",
        report.sealed_minutes, report.bytes_per_sealed_minute
    )?;
    Ok(())
}
