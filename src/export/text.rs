//! A graph or the flows as a table for a terminal.
//!
//! First what was asked and how whole the answer is, then the edges (or flows), the busiest first.
//! Names are escaped, lines have no trailing spaces, and no line is wider than the terminal.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::completeness::heading;
use super::document::{
    CompletenessDocument, EdgeDocument, FlowDocument, FlowsDocument, GraphDocument, LatencyDocument,
    NodeDocument, RangeDocument,
};
use super::name::{clip, visible};
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
        for line in heading(title, counts, range, completeness) {
            self.line(&line);
        }
    }

    fn filter(&mut self, filter: &BTreeMap<String, String>) {
        if !filter.is_empty() {
            let parts: Vec<String> =
                filter.iter().map(|(key, value)| format!("{}={}", visible(key), visible(value))).collect();
            self.line(&format!("filter: {}", parts.join(", ")));
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
        let mut edges: Vec<&EdgeDocument> = graph.edges.iter().collect();
        edges.sort_by_key(|e| (std::cmp::Reverse(e.calls), &e.caller, &e.callee, &e.protocol, e.is_async));
        edges.truncate(self.shown(edges.len()));
        let mut columns = vec![Column::name("caller"), Column::name("callee"), Column::name("protocol")];
        columns.extend(["calls", "rate", "errors"].map(Column::number));
        // Of one flow's calls no latencies are known, but how many of its requests made them.
        let is_of_flow = edges.iter().any(|edge| edge.requests.is_some());
        match is_of_flow {
            true => columns.push(Column::number("requests")),
            false => columns.extend([Column::spare("p50"), Column::number("p95"), Column::spare("p99")]),
        }
        let has_via = edges.iter().any(|edge| !edge.via.is_empty() || !edge.joined);
        if has_via {
            columns.push(Column::name("via"));
        }
        let seconds = graph.range.seconds();
        let rows: Vec<Vec<Cell>> = edges
            .iter()
            .map(|edge| {
                let mut row = edge_row(edge, names, seconds);
                match is_of_flow {
                    true => row.push(value_cell(edge.requests.map(number::count))),
                    false => row.extend(latency_cells(edge.seen_latency())),
                }
                row.extend(has_via.then(|| Cell::from(via(edge))));
                row
            })
            .collect();
        self.table(&columns, &rows);
        self.more(graph.edges.len(), "edge");
    }

    fn isolated(&mut self, graph: &GraphDocument, names: &HashMap<&str, String>) {
        let joined: HashSet<&str> =
            graph.edges.iter().flat_map(|e| [e.caller.as_str(), e.callee.as_str()]).collect();
        let lonely: Vec<&NodeDocument> =
            graph.nodes.iter().filter(|n| !joined.contains(n.id.as_str())).collect();
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

fn edge_row(edge: &EdgeDocument, names: &HashMap<&str, String>, seconds: Option<f64>) -> Vec<Cell> {
    let name = |id: &str| names.get(id).cloned().unwrap_or_else(|| visible(id).into_owned());
    let waiting = if edge.is_async { " async" } else { "" };
    vec![
        Cell::from(name(&edge.caller)),
        Cell::from(name(&edge.callee)),
        Cell::from(format!("{}{waiting}", visible(&edge.protocol))),
        Cell::from(number::count(edge.calls)),
        value_cell(number::seen_rate(edge.calls, edge.calls_adjusted, seconds)),
        error_cell(edge.errors.either, edge.calls),
    ]
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
        value_cell(number::seen_rate(flow.requests, flow.requests_adjusted, seconds)),
        error_cell(flow.errors, flow.requests),
        p50,
        p95,
        p99,
        Cell::from(number::count(flow.touches.len() as u64)),
    ]
}

fn via(edge: &EdgeDocument) -> String {
    let through: Vec<_> = edge.via.iter().map(|destination| visible(destination)).collect();
    let mut text = through.join(", ");
    if !edge.joined {
        text.push_str(if text.is_empty() { "(not joined)" } else { " (not joined)" });
    }
    text
}

fn error_cell(errors: u64, total: u64) -> Cell {
    let text = if total == 0 { number::NONE.to_owned() } else { number::percent(share(errors, total)) };
    Cell::from(text).coloured(Severity::of(errors, total))
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
