//! A graph or the flows as a table for a terminal.
//!
//! First what was asked and how whole the answer is, then the edges (or flows), the busiest first.
//! Names are escaped, lines have no trailing spaces, and no line is wider than the terminal.

mod edges;
mod markdown;

use std::collections::{BTreeMap, HashMap, HashSet};

use edges::EdgeTable;
pub use markdown::to_markdown;

use super::completeness::heading;
use super::document::{
    CompletenessDocument, FlowDocument, FlowsDocument, GraphDocument, LatencyDocument, NodeDocument,
    RangeDocument,
};
use super::name::{clip, visible, width};
use super::number;
use super::severity::{Severity, share};
use super::table::{Cell, Column, render};
use super::words::flow_words;

/// How the text shall look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TextOptions {
    /// Columns of the terminal; unlimited without.
    pub width: Option<usize>,
    /// True to mark errors with terminal colours.
    pub colour: bool,
    /// At most so many lines per list; all without.
    pub limit: Option<usize>,
}

/// Writes a graph as a table of its edges, by calls descending and then by id, and its nodes without edges.
pub fn to_text(graph: &GraphDocument, options: &TextOptions) -> String {
    let mut page = Page::new(options);
    let counts = format!("{}, {}", plural(graph.nodes.len(), "node"), plural(graph.edges.len(), "edge"));
    let mut title = format!("{} graph", visible(&graph.level));
    title.extend(flow_words(graph).map(|calls| format!(" of {calls}")));
    page.header(&title, &counts, &graph.range, &graph.completeness);
    page.filter(&graph.filter);
    if graph.nodes.is_empty() {
        page.line("nothing was seen in this range");
        return page.text;
    }
    let names = display_names(&graph.nodes);
    page.edges(graph, &names);
    page.isolated(graph, &names);
    page.text
}

/// Writes the flows as a table, by requests descending and then by id.
pub fn flows_to_text(flows: &FlowsDocument, options: &TextOptions) -> String {
    let mut page = Page::new(options);
    page.header("flows", &plural(flows.flows.len(), "flow"), &flows.range, &flows.completeness);
    if flows.flows.is_empty() {
        page.line("nothing was asked for in this range");
        return page.text;
    }
    page.flows(flows);
    page.text
}

/// `filter: env=prod, flow=POST /checkout`, where there is any.
pub(super) fn filter_words(filter: &BTreeMap<String, String>) -> Option<String> {
    let parts: Vec<String> =
        filter.iter().map(|(key, value)| format!("{}={}", visible(key), visible(value))).collect();
    (!parts.is_empty()).then(|| format!("filter: {}", parts.join(", ")))
}

/// Lines of plain words, broken where they are wider than the terminal; what goes on is indented.
pub(super) fn wrapped(lines: &[String], limit: Option<usize>) -> String {
    let limit = limit.unwrap_or(usize::MAX);
    let mut text = String::new();
    for words in lines.iter().map(|line| line.split(' ')) {
        let mut line = String::new();
        for word in words {
            if !line.is_empty() && width(&line) + 1 + width(word) > limit {
                text.extend([&clip(line.trim_end(), limit), "\n"]);
                line = "  ".to_owned();
            } else if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        text.extend([&clip(line.trim_end(), limit), "\n"]);
    }
    text
}

/// The text so far and how it shall look.
struct Page<'a> {
    options: &'a TextOptions,
    text: String,
}

impl<'a> Page<'a> {
    fn new(options: &'a TextOptions) -> Page<'a> {
        Page { options, text: String::new() }
    }

    fn line(&mut self, line: &str) {
        self.text.push_str(&clip(line.trim_end(), self.options.width.unwrap_or(usize::MAX)));
        self.text.push('\n');
    }

    fn header(
        &mut self,
        title: &str,
        counts: &str,
        range: &RangeDocument,
        completeness: &CompletenessDocument,
    ) {
        self.text += &wrapped(&heading(title, counts, range, completeness), self.options.width);
    }

    fn filter(&mut self, filter: &BTreeMap<String, String>) {
        if let Some(words) = filter_words(filter) {
            self.line(&words);
        }
    }

    fn table(&mut self, columns: &[Column], rows: &[Vec<Cell>]) {
        self.text.push('\n');
        self.text.push_str(&render(columns, rows, self.options.width, self.options.colour));
    }

    fn more(&mut self, total: usize, noun: &str) {
        let hidden = total - self.shown(total);
        if hidden > 0 {
            self.line(&format!("… and {} more", plural(hidden, noun)));
        }
    }

    fn shown(&self, total: usize) -> usize {
        self.options.limit.unwrap_or(total).min(total)
    }

    fn edges(&mut self, graph: &GraphDocument, names: &HashMap<&str, String>) {
        if graph.edges.is_empty() {
            return;
        }
        let table = EdgeTable::of(graph, names, self.options.limit);
        self.table(&table.columns(), &table.rows());
        self.more(graph.edges.len(), "edge");
    }

    fn isolated(&mut self, graph: &GraphDocument, names: &HashMap<&str, String>) {
        let lonely = lonely(graph);
        if lonely.is_empty() {
            return;
        }
        let columns = [
            Column::name("without edges"),
            Column::name("kind"),
            Column::number("requests"),
            Column::number("errors"),
        ];
        let rows: Vec<Vec<Cell>> = lonely[..self.shown(lonely.len())]
            .iter()
            .map(|node| {
                vec![
                    Cell::from(names[node.id.as_str()].clone()),
                    Cell::from(visible(&node.kind).into_owned()),
                    Cell::from(number::count(node.requests)),
                    error_cell(node.errors, node.requests),
                ]
            })
            .collect();
        self.table(&columns, &rows);
        self.more(lonely.len(), "node");
    }

    fn flows(&mut self, flows: &FlowsDocument) {
        let mut sorted: Vec<&FlowDocument> = flows.flows.iter().collect();
        sorted.sort_by_key(|flow| (std::cmp::Reverse(flow.requests), &flow.id));
        sorted.truncate(self.shown(sorted.len()));
        let mut columns = vec![Column::name("flow"), Column::name("service")];
        columns.extend(["requests", "rate", "errors"].map(Column::number));
        columns.extend([
            Column::spare("p50"),
            Column::number("p95"),
            Column::spare("p99"),
            Column::number("touches"),
        ]);
        let seconds = flows.range.seconds();
        let rows: Vec<Vec<Cell>> = sorted.iter().map(|flow| flow_row(flow, seconds)).collect();
        self.table(&columns, &rows);
        self.more(flows.flows.len(), "flow");
    }
}

/// Nodes without edges.
fn lonely(graph: &GraphDocument) -> Vec<&NodeDocument> {
    let joined: HashSet<&str> =
        graph.edges.iter().flat_map(|e| [e.caller.as_str(), e.callee.as_str()]).collect();
    graph.nodes.iter().filter(|n| !joined.contains(n.id.as_str())).collect()
}

fn latency_cells(latency: &LatencyDocument) -> [Cell; 3] {
    [latency.p50, latency.p95, latency.p99].map(|millis| value_cell(millis.map(number::millis)))
}

fn flow_row(flow: &FlowDocument, seconds: Option<f64>) -> Vec<Cell> {
    let [p50, p95, p99] = latency_cells(&flow.latency_ms);
    vec![
        Cell::from(visible(&flow.name).into_owned()),
        Cell::from(visible(&flow.service).into_owned()),
        Cell::from(number::count(flow.requests)),
        value_cell(number::seen_rate(flow.requests, flow.requests_adjusted, seconds, None)),
        error_cell(flow.errors, flow.requests),
        p50,
        p95,
        p99,
        Cell::from(number::count(flow.touches.len() as u64)),
    ]
}

fn error_cell(errors: u64, total: u64) -> Cell {
    Cell::from(error_words(errors, total)).coloured(Severity::of(errors, total))
}

fn error_words(errors: u64, total: u64) -> String {
    if total == 0 { number::NONE.to_owned() } else { number::percent(share(errors, total)) }
}

fn value_cell(value: Option<String>) -> Cell {
    Cell::from(value.unwrap_or_else(|| number::NONE.to_owned()))
}

/// What to call each node, by id: its name and operation, or its id where two nodes would look the same.
fn display_names(nodes: &[NodeDocument]) -> HashMap<&str, String> {
    let mut uses: HashMap<(&str, Option<&str>), u32> = HashMap::new();
    for node in nodes {
        *uses.entry((&node.name, node.operation.as_deref())).or_default() += 1;
    }
    let shown = |node: &NodeDocument| match node.operation.as_deref() {
        _ if uses[&(node.name.as_str(), node.operation.as_deref())] > 1 => visible(&node.id).into_owned(),
        Some(operation) => format!("{} {}", visible(&node.name), visible(operation)),
        None => visible(&node.name).into_owned(),
    };
    nodes.iter().map(|node| (node.id.as_str(), shown(node))).collect()
}

pub(super) fn plural(n: usize, noun: &str) -> String {
    format!("{} {noun}{}", number::count(n as u64), if n == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests;
