//! A graph as Markdown, for a wiki or a pull request.

use super::super::completeness::heading;
use super::super::markdown::{Column, paragraph, plain, table};
use super::super::number;
use super::edges::EdgeTable;
use super::{display_names, error_words, filter_words, lonely, plural};
use crate::export::document::{GraphDocument, NodeDocument};
use crate::export::name::visible;

const NODE_COLUMNS: [Column; 4] =
    [("without edges", false), ("kind", false), ("requests", true), ("errors", true)];

/// Writes a graph as tables of its edges, by calls descending and then by id, and its nodes without edges; at most
/// `limit` lines each.
pub fn to_markdown(graph: &GraphDocument, limit: Option<usize>) -> String {
    let counts = format!("{}, {}", plural(graph.nodes.len(), "node"), plural(graph.edges.len(), "edge"));
    let title = format!("{} graph", visible(&graph.level));
    let mut text = "## Dependencies\n\n".to_owned();
    let mut lines = heading(&title, &counts, &graph.range, &graph.completeness);
    lines.extend(filter_words(&graph.filter));
    if graph.nodes.is_empty() {
        lines.push("nothing was seen in this range".to_owned());
    }
    text += &paragraph(&lines);
    let names = display_names(&graph.nodes);
    if !graph.edges.is_empty() {
        let edges = EdgeTable::of(graph, &names, limit);
        let is_number = |title: &str| !["caller", "callee", "protocol", "via"].contains(&title);
        let columns: Vec<Column> =
            edges.titles().into_iter().map(|title| (title, is_number(title))).collect();
        let row = |edge: &&_| edges.values(edge).iter().map(|value| plain(value)).collect();
        text += &table(&columns, &edges.edges.iter().map(row).collect::<Vec<_>>());
        text += &more(graph.edges.len() - edges.edges.len(), "edge");
    }
    let lonely = lonely(graph);
    if !lonely.is_empty() {
        let shown = &lonely[..limit.unwrap_or(lonely.len()).min(lonely.len())];
        let row = |node: &&NodeDocument| {
            let errors = error_words(node.errors, node.requests);
            [names[node.id.as_str()].clone(), node.kind.clone(), number::count(node.requests), errors]
                .map(|cell| plain(&cell))
                .into()
        };
        text += &table(&NODE_COLUMNS, &shown.iter().map(row).collect::<Vec<_>>());
        text += &more(lonely.len() - shown.len(), "node");
    }
    text
}

fn more(hidden: usize, noun: &str) -> String {
    if hidden == 0 { String::new() } else { format!("\n… and {} more\n", plural(hidden, noun)) }
}
