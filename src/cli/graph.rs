//! `linchpin graph`: the graph of trace files, or of a running server, in any format.

use std::io::{IsTerminal, Write};

use super::config::ConfigArgs;
use super::files;
use super::{Failure, Outcome};
use crate::api::parse_graph_query;
use crate::export::document::GraphDocument;
use crate::export::dot::{DotOptions, to_dot};
use crate::export::text::{TextOptions, to_text};
use crate::export::{Freshness, graph_document, json};
use crate::query;

/// Arguments of `linchpin graph`.
#[derive(clap::Args)]
pub(super) struct Args {
    /// Trace files (OTLP JSON or protobuf, plain or .gz), or `-` for standard input.
    #[arg(value_name = "FILE", required_unless_present = "server")]
    files: Vec<String>,
    /// Ask a running linchpin instead, as http://127.0.0.1:7171.
    #[arg(long, value_name = "URL", conflicts_with = "files")]
    server: Option<String>,
    /// Output format; text on a terminal, json elsewhere.
    #[arg(long, value_enum)]
    format: Option<Format>,
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
    /// The last so long, as 15m; `all` for everything. Files: all, a server: 15m.
    #[arg(long)]
    window: Option<String>,
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
    /// A table
    Text,
}

pub(super) fn run(args: Args) -> Outcome {
    let (document, problems) = match &args.server {
        Some(url) => (ask_server(url, &args.filters)?, Vec::new()),
        None => read_files(&args)?,
    };
    print(&document, &args)?;
    if !problems.is_empty() {
        return Err(Failure::Usage(problems.join("\n")));
    }
    if document.nodes.is_empty() {
        return Err(Failure::Unmet(
            "nothing matched: no span is left by the range and the filters".to_string(),
        ));
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

fn read_files(args: &Args) -> Result<(GraphDocument, Vec<String>), Failure> {
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
    Ok((graph_document(&snapshot, &freshness), read.problems))
}

fn ask_server(url: &str, filters: &Filters) -> Result<GraphDocument, Failure> {
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
    serde_json::from_str(&body)
        .map_err(|error| Failure::Usage(format!("{url}: the answer is no linchpin graph: {error}")))
}

fn print(document: &GraphDocument, args: &Args) -> Outcome {
    let is_terminal = std::io::stdout().is_terminal();
    let default = if is_terminal { Format::Text } else { Format::Json };
    let text = match args.format.unwrap_or(default) {
        Format::Json => json::to_json(document, true) + "\n",
        Format::Dot => to_dot(document, &DotOptions::default()),
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
