//! Trace files to traces, and to a live graph. Files have no log time: a trace is all of its spans in the input, its minute its own.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::ops::ControlFlow;
use std::sync::Arc;

use super::Failure;
use super::pipeline::Shared;
use crate::analyze::{Analyzer, Scope};
use crate::config::Config;
use crate::decode::{DecodeSettings, Decoder, recognise};
use crate::model::{FastMap, Format, Span, SpanRecord, TraceId};
use crate::source::file::{self, Progress, ReadOptions};
use crate::store::Timeline;
use crate::telemetry::{Reason, Telemetry};

/// Memory that a span takes until the last file is read, bytes; measured with `linchpin graph` on 3 million spans.
const BYTES_PER_SPAN: u64 = 110;
/// A file that is read longer than this shows how far it is.
const PROGRESS_STEP: u64 = 16 << 20;
const LANE: u32 = 0;

/// What became of the files.
pub(super) struct FileGraph {
    /// The graph of all that could be read.
    pub timeline: Arc<Timeline>,
    /// What was counted on the way.
    pub telemetry: Arc<Telemetry>,
    /// Why a file was not read to its end.
    pub problems: Vec<String>,
}

impl FileGraph {
    /// What was not taken, by reason.
    pub fn dropped(&self) -> BTreeMap<String, u64> {
        dropped(&self.telemetry)
    }
}

/// What did not reach the graph, by reason, without the reasons that did not occur.
pub(super) fn dropped(telemetry: &Telemetry) -> BTreeMap<String, u64> {
    let counted =
        Reason::ALL.iter().map(|reason| (reason.name().to_string(), telemetry.counters.dropped(*reason)));
    counted.filter(|(_, count)| *count > 0).collect()
}

/// What was read before any of it is analysed.
pub(super) struct FileTraces {
    /// All spans, trace by trace.
    pub traces: FastMap<TraceId, Vec<Span>>,
    /// Why a file was not read to its end.
    pub problems: Vec<String>,
}

/// Reads all files, then analyses each trace once.
///
/// # Errors
/// [`Failure::Usage`] where the files have more than `max_spans` spans, or no file could be read at all.
pub(super) fn read(paths: &[String], config: Config, max_spans: u64) -> Result<FileGraph, Failure> {
    let telemetry = Telemetry::new();
    let shared = Shared::in_memory(config, telemetry.clone());
    let FileTraces { traces, problems } = read_traces(paths, &shared, max_spans)?;
    record(traces, &shared);
    Ok(FileGraph { timeline: shared.timeline, telemetry, problems })
}

/// Reads all files.
///
/// # Errors
/// [`Failure::Usage`] where the files have more than `max_spans` spans, or no file could be read at all.
pub(super) fn read_traces(paths: &[String], shared: &Shared, max_spans: u64) -> Result<FileTraces, Failure> {
    let mut reader = Reader {
        decoder: Decoder::new(
            shared.symbols().clone(),
            shared.telemetry.clone(),
            DecodeSettings::from_config(&shared.config),
        ),
        traces: FastMap::default(),
        spans: 0,
        max_spans,
        batch: Vec::new(),
        rejected: Vec::new(),
    };
    let mut problems = Vec::new();
    let mut records = 0;
    for path in paths {
        match reader.read_file(path, shared.config.kafka.max_record_size as usize) {
            Ok(read) => records += read,
            Err(error) => {
                records += error.records;
                problems.push(error.to_string());
            }
        }
        problems.append(&mut reader.rejected);
        if reader.spans > max_spans {
            return Err(too_many(max_spans));
        }
    }
    if records == 0 && !problems.is_empty() {
        return Err(Failure::Usage(problems.join("\n")));
    }
    Ok(FileTraces { traces: reader.traces, problems })
}

fn too_many(max_spans: u64) -> Failure {
    let gib = (max_spans * BYTES_PER_SPAN) as f64 / f64::from(1 << 30);
    Failure::Usage(format!(
        "more than {max_spans} spans: give fewer files, or raise --max-spans; \
         a span takes about {BYTES_PER_SPAN} bytes, so {max_spans} need {gib:.1} GiB"
    ))
}

fn record(traces: FastMap<TraceId, Vec<Span>>, shared: &Shared) {
    let mut analyzer = Analyzer::new(shared.symbols().clone(), &shared.config);
    let mut writer = shared.timeline.live.writer();
    for (trace, spans) in traces {
        let facts = analyzer.analyze(trace, spans, Scope::WHOLE);
        shared.telemetry.counters.traces.add(1);
        shared.telemetry.counters.drop(Reason::Duplicate, facts.duplicates);
        writer.record(LANE, &facts);
    }
}

struct Reader {
    decoder: Decoder,
    traces: FastMap<TraceId, Vec<Span>>,
    spans: u64,
    max_spans: u64,
    batch: Vec<SpanRecord>,
    /// Records of the file at hand that could not be decoded: the first one in words, then how many.
    rejected: Vec<String>,
}

impl Reader {
    fn read_file(&mut self, path: &str, max_record: usize) -> Result<u64, file::FileError> {
        let mut progress = ProgressLine::new(path);
        let mut on_progress = |at: Progress| progress.show(at);
        let options = ReadOptions { max_record, recognise: &recognise, progress: &mut on_progress };
        let mut number = 0;
        let mut rejected: Option<(String, u64)> = None;
        let result = file::read(path, options, &mut |bytes, format| {
            number += 1;
            self.take(path, number, bytes, format, &mut rejected)
        });
        progress.clear();
        if let Some((first, count)) = rejected {
            let others = if count > 1 { format!(" (and {} more records)", count - 1) } else { String::new() };
            self.rejected.push(format!("{first}{others}"));
        }
        result.map(|summary| summary.records)
    }

    fn take(
        &mut self,
        path: &str,
        number: u64,
        bytes: &[u8],
        format: Format,
        rejected: &mut Option<(String, u64)>,
    ) -> ControlFlow<()> {
        let outcome = self.decoder.decode(bytes, Some(format), &mut self.batch);
        if let Some(reason) = outcome.rejected {
            let first = || {
                let word = reason.reason.name();
                (
                    format!(
                        "{path}: record {number} is {word}: {} (at its byte {})",
                        reason.detail, reason.at
                    ),
                    0,
                )
            };
            rejected.get_or_insert_with(first).1 += 1;
        }
        self.spans += self.batch.len() as u64;
        for SpanRecord { trace, span } in self.batch.drain(..) {
            self.traces.entry(trace).or_default().push(span);
        }
        if self.spans > self.max_spans { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

/// How far a long file is, on a terminal.
struct ProgressLine<'a> {
    path: &'a str,
    is_terminal: bool,
    next: u64,
    is_shown: bool,
}

impl<'a> ProgressLine<'a> {
    fn new(path: &'a str) -> ProgressLine<'a> {
        let is_terminal = std::io::stderr().is_terminal();
        ProgressLine { path, is_terminal, next: PROGRESS_STEP, is_shown: false }
    }

    fn show(&mut self, at: Progress) {
        if !self.is_terminal || at.read < self.next {
            return;
        }
        self.next = at.read + PROGRESS_STEP;
        self.is_shown = true;
        let done = match at.total {
            Some(total) if total > 0 => format!("{} %", at.read * 100 / total),
            _ => format!("{} MiB", at.read >> 20),
        };
        // A terminal that is gone is no reason to stop reading.
        let _ = write!(std::io::stderr(), "\r\x1b[2K{}: {done}", self.path);
    }

    fn clear(&self) {
        if self.is_shown {
            let _ = write!(std::io::stderr(), "\r\x1b[2K");
        }
    }
}
