//! `linchpin critical-paths`: what a request waited for, instant by instant.

use std::io::IsTerminal;

use super::config::ConfigArgs;
use super::files;
use super::output::{self, Format};
use super::pipeline::Shared;
use super::{Failure, Outcome};
use crate::analyze::Analyzer;
use crate::export::critical_path::{CriticalPathDocument, critical_path_document, to_json};
use crate::export::text::TextOptions;
use crate::export::timeline::to_timeline;
use crate::model::{FastMap, Span, TraceId};
use crate::telemetry::Telemetry;

/// Arguments of `linchpin critical-paths`.
#[derive(clap::Args)]
pub(super) struct Args {
    /// Trace files (OTLP JSON or protobuf, plain or .gz), or `-` for standard input.
    #[arg(value_name = "FILE", required = true)]
    files: Vec<String>,
    /// The trace: hex digits of any case, 64 or 128 bits, a UUID or a traceparent.
    #[arg(long, value_name = "ID")]
    trace: TraceId,
    /// Output format; text on a terminal, json elsewhere.
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Most spans taken from files; above it the command ends instead of filling the memory.
    #[arg(long, value_name = "N", default_value_t = 10_000_000)]
    max_spans: u64,
    #[command(flatten)]
    config: ConfigArgs,
}

pub(super) fn run(args: Args) -> Outcome {
    let loaded = args.config.loader().load().map_err(Failure::Config)?;
    let shared = Shared::in_memory(loaded.config, Telemetry::new());
    let mut read = files::read_traces(&args.files, &shared, args.max_spans)?;
    let found = find(&read.traces, args.trace).and_then(|trace| Some((trace, read.traces.remove(&trace)?)));
    let symbols = shared.symbols();
    let path = found.and_then(|(trace, spans)| {
        let path = Analyzer::new(symbols.clone(), &shared.config).critical_path(spans)?;
        Some(critical_path_document(trace, &path, symbols))
    });
    if let Some(path) = &path {
        print(path, args.format)?;
    }
    if !read.problems.is_empty() {
        return Err(Failure::Usage(read.problems.join("\n")));
    }
    path.map(|_| ()).ok_or_else(|| Failure::Unmet(unknown(&args, &read.traces)))
}

/// The trace of this id; where only one side has 128 bits, the only trace whose lower 64 are the same.
fn find(traces: &FastMap<TraceId, Vec<Span>>, wanted: TraceId) -> Option<TraceId> {
    if traces.contains_key(&wanted) {
        return Some(wanted);
    }
    let is_short = |id: TraceId| id.0 >> 64 == 0;
    let is_same = |id: &TraceId| id.0 as u64 == wanted.0 as u64 && (is_short(*id) || is_short(wanted));
    let mut same = traces.keys().copied().filter(is_same);
    same.next().filter(|_| same.next().is_none())
}

fn unknown(args: &Args, traces: &FastMap<TraceId, Vec<Span>>) -> String {
    let (wanted, files) = (args.trace, args.files.join(", "));
    match traces.keys().min() {
        None => format!("no trace {wanted}: {files} holds no spans"),
        Some(example) => format!(
            "no trace {wanted} among the {} of {files}; give the id of one of them, as {example}, or the file it is in",
            traces.len()
        ),
    }
}

fn print(path: &CriticalPathDocument, format: Option<Format>) -> Outcome {
    let is_terminal = std::io::stdout().is_terminal();
    let default = if is_terminal { Format::Text } else { Format::Json };
    let text = match format.unwrap_or(default) {
        Format::Json => to_json(path) + "\n",
        Format::Text => {
            let width = if is_terminal { super::terminal_width() } else { None };
            to_timeline(path, &TextOptions { width, colour: is_terminal, limit: None })
        }
    };
    output::print(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_is_found_by_the_half_of_its_id_that_both_sides_know() {
        let traces = |ids: &[u128]| ids.iter().map(|id| (TraceId(*id), Vec::new())).collect();
        let long = (7 << 64) | 5;
        assert_eq!(find(&traces(&[5, long]), TraceId(5)), Some(TraceId(5)));
        assert_eq!(find(&traces(&[6, long]), TraceId(5)), Some(TraceId(long)));
        assert_eq!(find(&traces(&[5, 6]), TraceId(long)), Some(TraceId(5)));
        assert_eq!(find(&traces(&[long, (8 << 64) | 5]), TraceId(5)), None, "it could be either");
        assert_eq!(find(&traces(&[(8 << 64) | 5]), TraceId(long)), None);
    }
}
