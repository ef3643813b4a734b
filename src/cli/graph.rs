//! `linchpin graph`: the graph of trace files, of a store, or of a running server, in any format.

use std::io::{IsTerminal, Write};

use super::config::ConfigArgs;
use super::dot;
use super::files;
use super::pipeline::Shared;
use super::store::open_to_read;
use super::{Failure, Outcome};
use crate::api::parse_graph_query;
use crate::export::document::GraphDocument;
use crate::export::dot::{DotOptions, to_dot};
use crate::export::svg::{SvgOptions, to_svg};
use crate::export::text::{TextOptions, to_text};
use crate::export::{Freshness, graph_document, json};
use crate::model::Minute;
use crate::model::time::rfc3339;
use crate::query::{self, QueryError};
use crate::store::{History, Policy, Resume};
use crate::telemetry::Telemetry;

/// Arguments of `linchpin graph`.
#[derive(clap::Args)]
pub(super) struct Args {
    /// Trace files (OTLP JSON or protobuf, plain or .gz), or `-` for standard input.
    #[arg(value_name = "FILE", required_unless_present_any = ["server", "store"])]
    files: Vec<String>,
    /// Ask a running linchpin instead, as http://127.0.0.1:7171.
    #[arg(long, value_name = "URL", conflicts_with_all = ["files", "store"])]
    server: Option<String>,
    /// Read a store instead, also while a linchpin writes to it; `auto` is `linchpin` in the platform's data folder.
    #[arg(long, value_name = "PATH", conflicts_with = "files")]
    store: Option<String>,
    /// Output format; text on a terminal, json elsewhere.
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Who lays out an svg.
    #[arg(long, value_enum, value_name = "ENGINE", default_value_t = Layout::Own)]
    layout: Layout,
    #[command(flatten)]
    filters: Filters,
    /// Most spans taken from files; above it the command ends instead of filling the memory.
    #[arg(long, value_name = "N", default_value_t = 10_000_000)]
    max_spans: u64,
    /// Most edges in a text table.
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    #[command(flatten)]
    config: ConfigArgs,
}

/// What to show; the same names and values as the parameters of /api/v1/graph.
#[derive(clap::Args)]
struct Filters {
    /// First instant (RFC 3339 or Unix seconds).
    #[arg(long)]
    from: Option<String>,
    /// First instant after the range.
    #[arg(long)]
    to: Option<String>,
    /// The last so long, as 15m; `all` for everything. Files and stores: all, a server: 15m.
    #[arg(long)]
    window: Option<String>,
    /// Of sealed minutes alone, up to this instant: the answer never changes.
    #[arg(long, value_name = "INSTANT", conflicts_with = "files")]
    as_of: Option<String>,
    /// Only this environment.
    #[arg(long)]
    env: Option<String>,
    /// Only edges with an end in this namespace.
    #[arg(long)]
    namespace: Option<String>,
    /// operation, service or namespace.
    #[arg(long)]
    level: Option<String>,
    /// Only what lies around the nodes of this name or id.
    #[arg(long, value_name = "NODE")]
    focus: Option<String>,
    /// Hops around the focus.
    #[arg(long)]
    hops: Option<String>,
    /// callers, callees or both.
    #[arg(long)]
    direction: Option<String>,
    /// Only edges with at least so many calls.
    #[arg(long, value_name = "N")]
    min_calls: Option<String>,
    /// Only edges with errors.
    #[arg(long)]
    errors_only: bool,
    /// `messaging`: producer to consumer instead of producer to destination to consumer.
    #[arg(long)]
    collapse: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// linchpin.graph/1
    Json,
    /// Graphviz
    Dot,
    /// A picture, drawn without Graphviz
    Svg,
    /// A table
    Text,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Layout {
    /// linchpin itself
    Own,
    /// Graphviz, where `dot` is installed
    Dot,
}

/// A document, and what is to be said of it.
struct Answer {
    document: GraphDocument,
    /// What was not read, for stderr.
    problems: Vec<String>,
    /// What there is, where nothing matched.
    hint: String,
}

pub(super) fn run(args: Args) -> Outcome {
    let answer = match (&args.server, &args.store) {
        (Some(url), _) => ask_server(url, &args.filters)?,
        (None, Some(path)) => read_store(path, &args)?,
        (None, None) => read_files(&args)?,
    };
    if args.store.is_some() {
        // The rest of a store answers without its damaged buckets.
        answer.problems.iter().for_each(|problem| eprintln!("linchpin: {problem}"));
    }
    print(&answer.document, &args)?;
    if !answer.problems.is_empty() && args.store.is_none() {
        return Err(Failure::Usage(answer.problems.join("\n")));
    }
    if answer.document.nodes.is_empty() {
        return Err(Failure::Unmet(format!(
            "nothing matched: no span is left by the range and the filters{}",
            answer.hint
        )));
    }
    Ok(())
}

impl Filters {
    /// As a query string of /api/v1/graph.json.
    fn query_string(&self, default_window: Option<&str>) -> String {
        let has_range = self.from.is_some() || self.to.is_some() || self.window.is_some();
        let window =
            self.window.clone().or_else(|| default_window.filter(|_| !has_range).map(str::to_string));
        let given = [
            ("from", &self.from),
            ("to", &self.to),
            ("window", &window),
            ("as_of", &self.as_of),
            ("env", &self.env),
            ("namespace", &self.namespace),
            ("level", &self.level),
            ("focus", &self.focus),
            ("hops", &self.hops),
            ("direction", &self.direction),
            ("min_calls", &self.min_calls),
            ("errors_only", &self.errors_only.then(|| "true".to_string())),
            ("collapse", &self.collapse),
        ]
        .map(|(key, value)| value.as_ref().map(|value| format!("{key}={}", encoded(value))));
        given.into_iter().flatten().collect::<Vec<_>>().join("&")
    }
}

fn encoded(value: &str) -> impl std::fmt::Display {
    percent_encoding::utf8_percent_encode(value, percent_encoding::NON_ALPHANUMERIC)
}

/// Looks again, so often at most, where buckets went away while they were read: they were rolled up meanwhile.
const LOOKS: u32 = 3;

fn read_store(path: &str, args: &Args) -> Result<Answer, Failure> {
    let config = args.config.loader().load().map_err(Failure::Config)?.config;
    let now = super::now_nanos();
    let query = parse_graph_query(&args.filters.query_string(Some("all")), now).map_err(Failure::Usage)?;
    let history = History::new(Some(open_to_read(path)?), Policy::from_config(&config));
    let timeline = Shared::new(config, Telemetry::new(), history, Resume::default()).timeline;
    let history = &timeline.history;
    let mut looks = 0;
    let snapshot = loop {
        let known = || history.list().len() + history.size().damaged.len();
        let before = known();
        let snapshot = query::graph(&timeline, &query, now).map_err(refused)?;
        looks += 1;
        if known() >= before || looks == LOOKS {
            break snapshot;
        }
        history.refresh()?;
    };
    let hint = match timeline.ends() {
        Some((first, last)) => format!(
            "; the store has minutes from {} to {}",
            rfc3339(first.start_nanos()),
            rfc3339(Minute(last.0 + 1).start_nanos())
        ),
        None => "; the store has no sealed minute yet".to_string(),
    };
    let damaged = history.damaged_in(&(snapshot.from.0..snapshot.to.0));
    let problems = damaged.into_iter().map(|(key, problem)| format!("{key}: {problem}")).collect();
    let freshness = Freshness { now, ..Freshness::default() };
    Ok(Answer { document: graph_document(&snapshot, &freshness), problems, hint })
}

fn refused(error: QueryError) -> Failure {
    match error {
        QueryError::EmptyRange { .. } | QueryError::BeyondAsOf { .. } => Failure::Usage(error.to_string()),
        QueryError::Store(_) => Failure::Internal(anyhow::Error::from(error)),
        _ => Failure::Unmet(error.to_string()),
    }
}

fn read_files(args: &Args) -> Result<Answer, Failure> {
    let loaded = args.config.loader().load().map_err(Failure::Config)?;
    let query = args.filters.query_string(Some("all"));
    let now = super::now_nanos();
    let query = parse_graph_query(&query, now).map_err(Failure::Usage)?;
    let read = files::read(&args.files, loaded.config, args.max_spans)?;
    let snapshot =
        query::graph(&read.timeline, &query, now).map_err(|error| Failure::Unmet(error.to_string()))?;
    // All of the input is there: nothing will change.
    let snapshot = query::GraphSnapshot { provisional_from: None, ..snapshot };
    let freshness = Freshness { now, lag_ms: None, dropped: read.dropped(), notes: read.problems.clone() };
    let document = graph_document(&snapshot, &freshness);
    Ok(Answer { document, problems: read.problems, hint: String::new() })
}

fn ask_server(url: &str, filters: &Filters) -> Result<Answer, Failure> {
    let url = format!("{}/api/v1/graph.json?{}", url.trim_end_matches('/'), filters.query_string(None));
    let agent =
        ureq::Agent::new_with_config(ureq::Agent::config_builder().http_status_as_error(false).build());
    let asked = agent.get(&url).call();
    let mut response =
        asked.map_err(|error| Failure::Usage(format!("{url}: {error}; is linchpin serving there?")))?;
    let status = response.status();
    let body = response.body_mut().with_config().limit(1 << 30).read_to_string()?;
    if !status.is_success() {
        let document: Option<serde_json::Value> = serde_json::from_str(&body).ok();
        let message = document.as_ref().and_then(|document| document["error"]["message"].as_str());
        return Err(Failure::Usage(message.map_or(format!("{url}: answered {status}"), str::to_string)));
    }
    let document = serde_json::from_str(&body)
        .map_err(|error| Failure::Usage(format!("{url}: the answer is no linchpin graph: {error}")))?;
    Ok(Answer { document, problems: Vec::new(), hint: String::new() })
}

fn svg(document: &GraphDocument, layout: Layout) -> String {
    if layout == Layout::Dot {
        match dot::svg(&to_dot(document, &DotOptions::default())) {
            Ok(picture) => return picture,
            Err(problem) => eprintln!("linchpin: {problem}; drawn without it"),
        }
    }
    to_svg(document, &SvgOptions::default())
}

fn print(document: &GraphDocument, args: &Args) -> Outcome {
    let is_terminal = std::io::stdout().is_terminal();
    let default = if is_terminal { Format::Text } else { Format::Json };
    let text = match args.format.unwrap_or(default) {
        Format::Json => json::to_json(document, true) + "\n",
        Format::Dot => to_dot(document, &DotOptions::default()),
        Format::Svg => svg(document, args.layout),
        Format::Text => {
            let width = if is_terminal { super::terminal_width() } else { None };
            to_text(document, &TextOptions { width, colour: is_terminal, limit: args.limit })
        }
    };
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()?;
    Ok(())
}
