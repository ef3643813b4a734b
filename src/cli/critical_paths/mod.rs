//! `linchpin critical-paths`: what flows share, where the requests of one flow wait, and what one request waited for.

mod flow;
mod shared;
mod trace;

use std::io::IsTerminal;

use super::source::{ScopeArgs, SourceArgs, fetch_document, query_string, refused};
use super::{Failure, Outcome};
use crate::api::parse_graph_query;
use crate::export::document::GraphDocument;
use crate::export::dot::{DotOptions, to_dot};
use crate::export::graph_document;
use crate::export::overview::MaxNodes;
use crate::export::svg::{SvgOptions, to_svg};
use crate::export::text::TextOptions;
use crate::model::TraceId;
use crate::query;

/// Arguments of `linchpin critical-paths`.
///
/// Without --flow or --trace: what the flows share, the most shared first.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    source: SourceArgs,
    /// Where the requests of this flow wait: its id, or its name where only one flow has it.
    #[arg(long, value_name = "FLOW", conflicts_with = "trace")]
    flow: Option<String>,
    /// What this request waited for: hex digits of any case, 64 or 128 bits, a UUID or a traceparent. Files have all
    /// traces, a store and a server those that /api/v1/flows lists as `exemplars`.
    #[arg(long, value_name = "ID")]
    trace: Option<TraceId>,
    /// Output format; text on a terminal, json elsewhere.
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Most nodes in an svg: a number, `all`, or `auto`: all up to 100, of more the 60 that matter most.
    #[arg(long, value_name = "N", conflicts_with = "trace")]
    max_nodes: Option<MaxNodes>,
    #[command(flatten)]
    scope: ScopeArgs,
    #[command(flatten)]
    choice: Choice,
}

/// What counts as shared and how it is listed; the same names and values as the parameters of
/// /api/v1/critical-paths/shared.
#[derive(clap::Args)]
struct Choice {
    /// operation or service.
    #[arg(long, conflicts_with = "trace")]
    level: Option<String>,
    /// score (how widely it is shared) or volume (its share of all critical time).
    #[arg(long, conflicts_with_all = ["trace", "flow"])]
    sort: Option<String>,
    /// Only what at least so many flows share.
    #[arg(long, value_name = "N", conflicts_with_all = ["trace", "flow"])]
    min_flows: Option<String>,
    /// Leave out flows with less requests.
    #[arg(long, value_name = "N", conflicts_with = "trace")]
    min_requests: Option<String>,
    /// Most rows of the list.
    #[arg(long, value_name = "N", conflicts_with_all = ["trace", "flow"])]
    limit: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// A table, a tree or a timeline
    Text,
    /// One document, indented
    Json,
    /// For a wiki
    Markdown,
    /// The graph with what critical paths say of it, for Graphviz
    Dot,
    /// The same as a picture
    Svg,
    /// Shared paths as a picture: flows left, what they share in the middle, where paths end right
    River,
    /// Of a flow: lines for flame graph tools
    Folded,
    /// Of a flow: for speedscope.app
    Speedscope,
}

pub(super) fn run(args: Args) -> Outcome {
    match (&args.trace, &args.flow) {
        (Some(trace), _) => trace::run(*trace, &args),
        (None, Some(flow)) => flow::run(flow, &args),
        (None, None) => shared::run(&args),
    }
}

impl Args {
    /// The format that was asked for, if it is one of these; without one text for people and JSON for programs.
    fn format(&self, offered: &[Format]) -> Result<Format, Failure> {
        let usual = if std::io::stdout().is_terminal() { Format::Text } else { Format::Json };
        let format = self.format.unwrap_or(usual);
        if self.max_nodes.is_some() && format != Format::Svg {
            return Err(Failure::Usage(
                "--max-nodes is for pictures of the graph: add --format svg".to_string(),
            ));
        }
        if offered.contains(&format) {
            return Ok(format);
        }
        let name = |format: &Format| format!("{format:?}").to_lowercase();
        let names: Vec<String> = offered.iter().map(name).collect();
        let place = match (&self.trace, &self.flow) {
            (Some(_), _) => "with --trace",
            (None, Some(_)) => "with --flow",
            (None, None) => "without --flow FLOW",
        };
        let (wanted, offered) = (name(&format), names.join(", "));
        Err(Failure::Usage(format!("--format {wanted} is not offered {place}: give {offered}")))
    }

    /// The graph of the same range and level with what critical paths say of it, of one flow or of all; none where
    /// another format is asked for.
    fn drawn(&self, format: Format, flow: Option<&str>) -> Result<Option<String>, Failure> {
        if !matches!(format, Format::Dot | Format::Svg) {
            return Ok(None);
        }
        let picture = SvgOptions { max_nodes: self.max_nodes.unwrap_or_default(), ..SvgOptions::default() };
        let draw = |graph: &GraphDocument| match format {
            Format::Dot => to_dot(graph, &DotOptions::default()),
            _ => to_svg(graph, &picture),
        };
        let mut parameters = self.scope.parameters(&self.source);
        let level = self.choice.level.clone().unwrap_or_else(|| "operation".to_string());
        parameters.extend([("level", Some(level)), ("flow", flow.map(str::to_string))]);
        let query = query_string(&parameters);
        if let Some(url) = self.source.server() {
            let document = fetch_document(&format!("{url}/api/v1/graph.json?{query}"))?;
            return Ok(Some(draw(&document)));
        }
        let (local, query) = self.source.ask(&query, parse_graph_query)?;
        let mut snapshot =
            query::graph(&local.timeline, &query, &local.config.shared, local.now).map_err(refused)?;
        local.settle(&mut snapshot.coverage);
        local.report(snapshot.coverage.from, snapshot.coverage.to)?;
        Ok(Some(draw(&graph_document(&snapshot, &local.freshness))))
    }

    fn query_string(&self) -> String {
        let mut parameters = self.scope.parameters(&self.source);
        let Choice { level, sort, min_flows, min_requests, limit } = &self.choice;
        parameters.extend([
            ("level", level.clone()),
            ("sort", sort.clone()),
            ("min_flows", min_flows.clone()),
            ("min_requests", min_requests.clone()),
            ("limit", limit.clone()),
        ]);
        query_string(&parameters)
    }
}

/// How text is to look.
fn text_options() -> TextOptions {
    let is_terminal = std::io::stdout().is_terminal();
    let width = if is_terminal { super::terminal_width() } else { None };
    TextOptions { width, colour: is_terminal, limit: None }
}
