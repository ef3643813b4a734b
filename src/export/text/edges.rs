//! What a table says of edges, whatever the format.

use std::collections::HashMap;

use super::super::document::{EdgeDocument, GraphDocument};
use super::super::name::visible;
use super::super::number;
use super::super::severity::Severity;
use super::super::table::{Cell, Column};
use super::error_words;

/// Columns of a node's name that are worth more than a rate or a quantile: service and operation must show.
const TELLING: usize = 24;

/// The busiest edges, and what is said of each.
pub(super) struct EdgeTable<'a> {
    /// By calls descending and then by id.
    pub edges: Vec<&'a EdgeDocument>,
    names: &'a HashMap<&'a str, String>,
    seconds: Option<f64>,
    /// Of one flow's calls no latencies are known, but how many of its requests made them.
    is_of_flow: bool,
    has_via: bool,
}

impl<'a> EdgeTable<'a> {
    /// At most `limit` edges of a graph.
    pub fn of(
        graph: &'a GraphDocument,
        names: &'a HashMap<&'a str, String>,
        limit: Option<usize>,
    ) -> EdgeTable<'a> {
        let mut edges: Vec<&EdgeDocument> = graph.edges.iter().collect();
        edges.sort_by_key(|e| (std::cmp::Reverse(e.calls), &e.caller, &e.callee, &e.protocol, e.is_async));
        edges.truncate(limit.unwrap_or(edges.len()));
        let is_of_flow = edges.iter().any(|edge| edge.requests.is_some());
        let has_via = edges.iter().any(|edge| !edge.via.is_empty() || !edge.joined);
        EdgeTable { edges, names, seconds: graph.range.seconds(), is_of_flow, has_via }
    }

    /// What stands above each column.
    pub fn titles(&self) -> Vec<&'static str> {
        let mut titles = vec!["caller", "callee", "protocol", "calls", "rate", "errors"];
        match self.is_of_flow {
            true => titles.push("requests"),
            false => titles.extend(["p50", "p95", "p99"]),
        }
        titles.extend(self.has_via.then_some("via"));
        titles
    }

    /// What an edge has in each column.
    pub fn values(&self, edge: &EdgeDocument) -> Vec<String> {
        let name = |id: &str| self.names.get(id).cloned().unwrap_or_else(|| visible(id).into_owned());
        let waiting = if edge.is_async { " async" } else { "" };
        let or_none = |value: Option<String>| value.unwrap_or_else(|| number::NONE.to_owned());
        let mut values = vec![
            name(&edge.caller),
            name(&edge.callee),
            format!("{}{waiting}", visible(&edge.protocol)),
            number::count(edge.calls),
            or_none(number::seen_rate(edge.calls, edge.calls_adjusted, self.seconds, None)),
            error_words(edge.errors.either, edge.calls),
        ];
        let latency = edge.seen_latency();
        match self.is_of_flow {
            true => values.push(or_none(edge.requests.map(number::count))),
            false => values.extend(
                [latency.p50, latency.p95, latency.p99].map(|millis| or_none(millis.map(number::millis))),
            ),
        }
        values.extend(self.has_via.then(|| via(edge)));
        values
    }

    /// The columns on a terminal.
    pub fn columns(&self) -> Vec<Column> {
        let column = |title: &'static str| match title {
            "caller" | "callee" => Column::name(title).at_least(TELLING),
            "protocol" | "via" => Column::name(title),
            "rate" | "p50" | "p99" => Column::spare(title),
            _ => Column::number(title),
        };
        self.titles().into_iter().map(column).collect()
    }

    /// The rows on a terminal.
    pub fn rows(&self) -> Vec<Vec<Cell>> {
        let titles = self.titles();
        let cell = |edge: &EdgeDocument, title: &str, value: String| match title {
            "errors" => Cell::from(value).coloured(Severity::of(edge.errors.either, edge.calls)),
            "via" => Cell::from(value).list(),
            _ => Cell::from(value),
        };
        let row = |edge: &&EdgeDocument| {
            self.values(edge)
                .into_iter()
                .zip(&titles)
                .map(|(value, title)| cell(edge, title, value))
                .collect()
        };
        self.edges.iter().map(row).collect()
    }
}

fn via(edge: &EdgeDocument) -> String {
    let through: Vec<_> = edge.via.iter().map(|destination| visible(destination)).collect();
    let mut text = through.join(", ");
    if !edge.joined {
        text.push_str(if text.is_empty() { "(not joined)" } else { " (not joined)" });
    }
    text
}
