//! A graph document as DOT, for Graphviz and for wikis.
//!
//! Node ids are percent-encoded and decode to the document's ids exactly; labels show any name as it is.
//! NUL and other characters that DOT or SVG cannot hold are encoded in ids and shown as escapes in labels.
//! Statements follow the document's order, so equal documents give equal bytes.

mod edges;
pub(super) mod look;
mod quote;

use std::collections::BTreeMap;

use graphviz_rust::dot_structures::{Graph, GraphAttributes, Id, Node, NodeId, Stmt, Subgraph};
use graphviz_rust::printer::{DotPrinter, PrinterContext};

use self::quote::Quoted;
use super::completeness::{concerns, range_words};
use super::document::{GraphDocument, NodeDocument};
use super::words::{Clusters, cluster_words, flow_words, node_facts, node_label, size_words};

/// Above so many edges labels hide more than they say, and dot becomes slow.
const MOST_LABELLED_EDGES: usize = 60;

/// Which edges carry their numbers as a label.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EdgeLabels {
    /// All up to 60 edges, none above.
    #[default]
    Auto,
    /// All.
    On,
    /// None.
    Off,
}

impl EdgeLabels {
    /// Whether they are shown on a graph of so many edges.
    pub(super) fn are_on(self, edges: usize) -> bool {
        match self {
            EdgeLabels::Auto => edges <= MOST_LABELLED_EDGES,
            EdgeLabels::On => true,
            EdgeLabels::Off => false,
        }
    }
}

/// How the graph shall be drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DotOptions {
    /// Which edges carry their numbers as a label; tooltips have them always.
    pub labels: EdgeLabels,
}

/// Writes a graph as DOT.
pub fn to_dot(graph: &GraphDocument, options: &DotOptions) -> String {
    let mut stmts = vec![
        Stmt::GAttribute(GraphAttributes::Graph(look::of_graph())),
        Stmt::GAttribute(GraphAttributes::Node(look::of_all_nodes())),
        Stmt::GAttribute(GraphAttributes::Edge(look::of_all_edges())),
    ];
    push_nodes(&mut stmts, graph);
    // After the clusters, which would inherit it.
    stmts.push(Stmt::Attribute(Quoted::left_aligned(&caption(graph)).attribute("label")));
    let dot = Graph::DiGraph { id: Id::Plain("linchpin".to_owned()), strict: false, stmts };
    let mut printer = PrinterContext::default();
    // The printer's inlining would print each edge twice.
    let mut text = dot.print(printer.with_inline_size(0));
    // Edges are printed one by one into the open graph: all of them at once as a tree take twice as long.
    let end = text.pop().into_iter().chain(['\n']);
    edges::print(&mut text, &mut printer, graph, options.labels);
    text.extend(end);
    text
}

fn caption(graph: &GraphDocument) -> Vec<String> {
    let mut lines: Vec<String> = flow_words(graph).into_iter().collect();
    lines.push(format!("{} · {}", range_words(&graph.range), size_words(graph)));
    lines.extend(concerns(&graph.completeness));
    if !graph.edges.is_empty() {
        lines.push(look::LEGEND.to_owned());
    }
    lines
}

fn push_nodes(stmts: &mut Vec<Stmt>, graph: &GraphDocument) {
    let known = Clusters::of(graph);
    let mut clusters: BTreeMap<[&str; 2], Vec<Stmt>> = BTreeMap::new();
    for node in &graph.nodes {
        let stmt = node_stmt(node);
        match known.cluster(node) {
            Some(cluster) => clusters.entry(cluster).or_default().push(stmt),
            None => stmts.push(stmt),
        }
    }
    stmts.extend(clusters.into_iter().map(|(cluster, members)| cluster_stmt(cluster, members)));
}

fn cluster_stmt(cluster: [&str; 2], members: Vec<Stmt>) -> Stmt {
    let mut stmts = vec![Stmt::Attribute(Quoted::centred(&[cluster_words(cluster)]).attribute("label"))];
    stmts.extend(look::of_cluster().into_iter().map(Stmt::Attribute));
    stmts.extend(members);
    Stmt::Subgraph(Subgraph { id: Quoted::cluster(cluster).into_id(), stmts })
}

fn node_stmt(node: &NodeDocument) -> Stmt {
    let mut attributes = vec![Quoted::centred(&node_label(node)).attribute("label")];
    attributes.extend(look::of_node(node));
    attributes.push(Quoted::centred(&node_facts(node)).attribute("tooltip"));
    Stmt::Node(Node { id: NodeId(Quoted::id(&node.id).into_id(), None), attributes })
}

#[cfg(test)]
mod tests;
