//! What one request waited for, instant by instant.

use super::super::pipeline::Shared;
use super::super::source::{encoded, fetch, refused};
use super::super::{Failure, Outcome, files, output};
use super::{Args, Format, text_options};
use crate::analyze::Analyzer;
use crate::api::parse_path_query;
use crate::export::critical_path::{CriticalPathDocument, critical_path_document, to_json};
use crate::export::timeline::to_timeline;
use crate::model::{FastMap, Span, TraceId};
use crate::query;
use crate::telemetry::Telemetry;

const OFFERED: [Format; 2] = [Format::Text, Format::Json];

pub(super) fn run(trace: TraceId, args: &Args) -> Outcome {
    let format = args.format(&OFFERED)?;
    match (args.source.server(), &args.source.store) {
        (Some(url), _) => of_server(url, trace, format, args),
        (None, Some(_)) => of_store(trace, format, args),
        (None, None) => of_files(trace, format, args),
    }
}

fn of_server(url: &str, trace: TraceId, format: Format, args: &Args) -> Outcome {
    let mut query = args.query_string();
    if format == Format::Text {
        query += "&format=text";
    }
    let trace = trace.to_string();
    let answer =
        fetch(&format!("{url}/api/v1/traces/{}?{}", encoded(&trace), query.trim_start_matches('&')))?;
    output::print(&if format == Format::Text { answer } else { answer + "\n" })
}

fn of_store(trace: TraceId, format: Format, args: &Args) -> Outcome {
    let (local, query) = args.source.ask(&args.query_string(), parse_path_query)?;
    let timeline = &local.timeline;
    let answer = query::trace(timeline, trace, &query.flows, &local.config, local.now).map_err(refused)?;
    print(&critical_path_document(answer.trace, &answer.path, timeline.live.symbols()), format)?;
    local.report(answer.from, answer.to)
}

fn of_files(trace: TraceId, format: Format, args: &Args) -> Outcome {
    if args.scope.is_given() {
        return Err(Failure::Usage(
            "a range or a filter says nothing of one trace of files: leave it out".to_string(),
        ));
    }
    let source = &args.source;
    let loaded = source.config.loader().load().map_err(Failure::Config)?;
    let shared = Shared::in_memory(loaded.config, Telemetry::new());
    let mut read = files::read_traces(&source.files, &shared, source.max_spans)?;
    let found = find(&read.traces, trace).and_then(|trace| Some((trace, read.traces.remove(&trace)?)));
    let symbols = shared.symbols();
    let path = found.and_then(|(trace, spans)| {
        let path = Analyzer::new(symbols.clone(), &shared.config).critical_path(spans)?;
        Some(critical_path_document(trace, &path, symbols))
    });
    if let Some(path) = &path {
        print(path, format)?;
    }
    if !read.problems.is_empty() {
        return Err(Failure::Usage(read.problems.join("\n")));
    }
    path.map(|_| ()).ok_or_else(|| Failure::Unmet(unknown(trace, &source.files, &read.traces)))
}

/// The trace of this id; where only one side has 128 bits, the only trace whose lower 64 are the same.
fn find(traces: &FastMap<TraceId, Vec<Span>>, wanted: TraceId) -> Option<TraceId> {
    if traces.contains_key(&wanted) {
        return Some(wanted);
    }
    let mut same = traces.keys().copied().filter(|id| id.may_be(wanted));
    same.next().filter(|_| same.next().is_none())
}

fn unknown(wanted: TraceId, files: &[String], traces: &FastMap<TraceId, Vec<Span>>) -> String {
    let files = files.join(", ");
    match traces.keys().min() {
        None => format!("no trace {wanted}: {files} holds no spans"),
        Some(example) => format!(
            "no trace {wanted} among the {} of {files}; give the id of one of them, as {example}, or the file it is in",
            traces.len()
        ),
    }
}

fn print(path: &CriticalPathDocument, format: Format) -> Outcome {
    output::print(&match format {
        Format::Text => to_timeline(path, &text_options()),
        _ => to_json(path) + "\n",
    })
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
