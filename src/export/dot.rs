//! A graph document as DOT, for Graphviz and for wikis.
//!
//! Node ids are percent-encoded and decode to the document's ids exactly; labels show any name as it is.
//! NUL and other characters that DOT or SVG cannot hold are encoded in ids and shown as escapes in labels.
//! Statements follow the document's order, so equal documents give equal bytes.

mod edges;
mod look;
mod quote;

use std::collections::BTreeMap;

use graphviz_rust::dot_structures::{Graph, GraphAttributes, Id, Node, NodeId, Stmt, Subgraph};
use graphviz_rust::printer::{DotPrinter, PrinterContext};

use self::quote::Quoted;
use super::completeness::{concerns, range_words};
use super::document::{GraphDocument, NodeDocument};
use super::name::{clip, visible};
use super::number;
use super::severity::share;

/// Names are cut to this many columns in a label; the tooltip has them whole.
const LABEL_COLUMNS: usize = 44;

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
    let counts = format!(
        "{} nodes, {} edges",
        number::count(graph.nodes.len() as u64),
        number::count(graph.edges.len() as u64)
    );
    let mut lines = vec![format!("{} · {counts}", range_words(&graph.range))];
    lines.extend(concerns(&graph.completeness));
    if !graph.edges.is_empty() {
        lines.push(look::LEGEND.to_owned());
    }
    lines
}

/// Services stand in the cluster of their namespace; what many namespaces may share stands outside.
fn push_nodes(stmts: &mut Vec<Stmt>, graph: &GraphDocument) {
    let services = || graph.nodes.iter().filter(|node| node.kind == "service");
    let first = services().next().map(|node| &node.environment);
    let has_many_environments = services().any(|node| Some(&node.environment) != first);
    let mut clusters: BTreeMap<[&str; 2], Vec<Stmt>> = BTreeMap::new();
    for node in &graph.nodes {
        let environment = if has_many_environments { node.environment.as_str() } else { "" };
        let cluster = [node.namespace.as_str(), environment];
        let stmt = node_stmt(node);
        if node.kind == "service" && cluster != ["", ""] {
            clusters.entry(cluster).or_default().push(stmt);
        } else {
            stmts.push(stmt);
        }
    }
    stmts.extend(clusters.into_iter().map(|(cluster, members)| cluster_stmt(cluster, members)));
}

fn cluster_stmt(cluster: [&str; 2], members: Vec<Stmt>) -> Stmt {
    let words: Vec<&str> = cluster.into_iter().filter(|part| !part.is_empty()).collect();
    let label = clip(&visible(&words.join(" · ")), LABEL_COLUMNS).into_owned();
    let mut stmts = vec![Stmt::Attribute(Quoted::centred(&[label]).attribute("label"))];
    stmts.extend(look::of_cluster().into_iter().map(Stmt::Attribute));
    stmts.extend(members);
    Stmt::Subgraph(Subgraph { id: Quoted::cluster(cluster).into_id(), stmts })
}

fn node_stmt(node: &NodeDocument) -> Stmt {
    let mut label = vec![clip(&visible(&node.name), LABEL_COLUMNS).into_owned()];
    label.extend(node.operation.as_deref().map(|text| clip(&visible(text), LABEL_COLUMNS).into_owned()));
    let mut attributes = vec![Quoted::centred(&label).attribute("label")];
    attributes.extend(look::of_node(node));
    attributes.push(Quoted::centred(&node_tooltip(node)).attribute("tooltip"));
    Stmt::Node(Node { id: NodeId(Quoted::id(&node.id).into_id(), None), attributes })
}

fn node_tooltip(node: &NodeDocument) -> Vec<String> {
    let mut lines = vec![node.id.clone()];
    if !node.versions.is_empty() {
        lines.push(format!("versions: {}", node.versions.join(", ")));
    }
    lines.extend(node.team.as_ref().map(|team| format!("team: {team}")));
    if node.requests > 0 {
        let errors = number::percent(share(node.errors, node.requests));
        lines.push(format!("{} requests · {errors} err", number::count(node.requests)));
    }
    lines
}

#[cfg(test)]
mod tests;
