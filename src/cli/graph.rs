//! `linchpin graph`: the graph of trace files, of a store, or of a running server, in any format.

use std::io::IsTerminal;

use super::dot;
use super::output;
use super::source::{ScopeArgs, SourceArgs, fetch_document, query_string, refused};
use super::{Failure, Outcome};
use crate::api::parse_graph_query;
use crate::export::document::GraphDocument;
use crate::export::dot::{DotOptions, to_dot};
use crate::export::overview::MaxNodes;
use crate::export::svg::{SvgOptions, to_svg};
use crate::export::text::{TextOptions, to_markdown, to_text};
use crate::export::{graph_document, json};
use crate::query;

/// Arguments of `linchpin graph`.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    source: SourceArgs,
    /// Output format; text on a terminal, json elsewhere.
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Who lays out an svg.
    #[arg(long, value_enum, value_name = "ENGINE", default_value_t = Layout::Own)]
    layout: Layout,
    /// Most nodes in an svg: a number, `all`, or `auto`: all up to 100, of more the 60 that matter most.
    #[arg(long, value_name = "N")]
    max_nodes: Option<MaxNodes>,
    #[command(flatten)]
    filters: Filters,
    /// Most edges in a table.
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
}

/// What to show; the same names and values as the parameters of /api/v1/graph.
#[derive(clap::Args)]
struct Filters {
    #[command(flatten)]
    scope: ScopeArgs,
    /// operation, service or namespace.
    #[arg(long)]
    level: Option<String>,
    /// Only the calls that the requests of this flow made, with their own numbers, and its critical path marked: its id,
    /// or a name that only one has.
    #[arg(long)]
    flow: Option<String>,
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
    /// A table for a wiki
    Markdown,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Layout {
    /// linchpin itself
    Own,
    /// Graphviz, where `dot` is installed
    Dot,
}

pub(super) fn run(args: Args) -> Outcome {
    args.check()?;
    let query = args.filters.query_string(&args.source);
    if let Some(url) = args.source.server() {
        let document: GraphDocument = fetch_document(&format!("{url}/api/v1/graph.json?{query}"))?;
        print(&document, &args)?;
        return matched(&document, "");
    }
    let (local, query) = args.source.ask(&query, parse_graph_query)?;
    let mut snapshot =
        query::graph(&local.timeline, &query, &local.config.shared, local.now).map_err(refused)?;
    local.settle(&mut snapshot.coverage);
    let document = graph_document(&snapshot, &local.freshness);
    print(&document, &args)?;
    local.report(snapshot.coverage.from, snapshot.coverage.to)?;
    matched(&document, &local.hint())
}

fn matched(document: &GraphDocument, hint: &str) -> Outcome {
    match document.nodes.is_empty() {
        true => Err(Failure::Unmet(format!(
            "nothing matched: no span is left by the range and the filters{hint}"
        ))),
        false => Ok(()),
    }
}

impl Filters {
    /// As a query string of /api/v1/graph.json.
    fn query_string(&self, source: &SourceArgs) -> String {
        let mut parameters = self.scope.parameters(source);
        parameters.extend([
            ("level", self.level.clone()),
            ("flow", self.flow.clone()),
            ("focus", self.focus.clone()),
            ("hops", self.hops.clone()),
            ("direction", self.direction.clone()),
            ("min_calls", self.min_calls.clone()),
            ("errors_only", self.errors_only.then(|| "true".to_string())),
            ("collapse", self.collapse.clone()),
        ]);
        query_string(&parameters)
    }
}

impl Args {
    /// Refuses what would have no effect.
    fn check(&self) -> Outcome {
        let is_ours = self.format == Some(Format::Svg) && self.layout == Layout::Own;
        match self.max_nodes {
            Some(_) if !is_ours => Err(Failure::Usage(
                "--max-nodes is for pictures that linchpin lays out: add --format svg, and leave out --layout dot"
                    .to_string(),
            )),
            _ => Ok(()),
        }
    }
}

fn svg(document: &GraphDocument, layout: Layout, max_nodes: MaxNodes) -> String {
    if layout == Layout::Dot {
        match dot::svg(&to_dot(document, &DotOptions::default())) {
            Ok(picture) => return picture,
            Err(problem) => eprintln!("linchpin: {problem}; drawn without it"),
        }
    }
    to_svg(document, &SvgOptions { max_nodes, ..SvgOptions::default() })
}

fn print(document: &GraphDocument, args: &Args) -> Outcome {
    let is_terminal = std::io::stdout().is_terminal();
    let default = if is_terminal { Format::Text } else { Format::Json };
    let text = match args.format.unwrap_or(default) {
        Format::Json => json::to_json(document, true) + "\n",
        Format::Dot => to_dot(document, &DotOptions::default()),
        Format::Svg => svg(document, args.layout, args.max_nodes.unwrap_or_default()),
        Format::Markdown => to_markdown(document, args.limit),
        Format::Text => {
            let width = if is_terminal { super::terminal_width() } else { None };
            to_text(document, &TextOptions { width, colour: is_terminal, limit: args.limit })
        }
    };
    output::print(&text)
}
