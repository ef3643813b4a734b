//! The edges of a graph as statements, each with its numbers as tooltip and, where there are few, as label.
//!
//! There may be tens of thousands: what belongs to a node is escaped once, and no attribute is given that
//! changes nothing.

use graphviz_rust::dot_structures::{Edge, EdgeTy, Id, NodeId, Stmt, Vertex};
use graphviz_rust::printer::{DotPrinter, PrinterContext};
use hashbrown::HashMap;

use super::quote::{Escaped, Quoted};
use super::{EdgeLabels, look};
use crate::export::document::{EdgeDocument, GraphDocument};
use crate::export::words::{edge_numbers, on_path_words, via_words};

/// A node as its edges need it.
struct End {
    id: Id,
    name: Escaped,
}

impl End {
    fn of(id: &str, name: &str) -> End {
        End { id: Quoted::id(id).into_id(), name: Escaped::text(name) }
    }

    fn vertex(&self) -> Vertex {
        Vertex::N(NodeId(self.id.clone(), None))
    }
}

/// Appends the edges in the document's order, a line each.
/// The printer must have printed the directed graph they belong to: from there it knows arrows and indent.
pub(super) fn print(
    text: &mut String,
    printer: &mut PrinterContext,
    graph: &GraphDocument,
    labels: EdgeLabels,
) {
    let is_labelled = labels.are_on(graph.edges.len());
    let ends = ends_by_id(graph);
    let seconds = graph.range.seconds();
    let [arrow, dot] = [" → ", " · "].map(|text| Escaped::numbers(text.to_owned()));
    for edge in &graph.edges {
        let [caller, callee] = [&ends[edge.caller.as_str()], &ends[edge.callee.as_str()]];
        // A unit that depends on other edges would change lines of a diff that they do not.
        let numbers = Escaped::numbers(edge_numbers(edge, seconds, None));
        let mut attributes = look::of_edge(edge, is_labelled);
        if is_labelled {
            attributes.push(edge_label(edge, &numbers).attribute("label"));
        }
        let protocol = Escaped::text(&edge.protocol);
        let on_path = edge.critical.as_ref().map(|on_path| Escaped::numbers(on_path_words(on_path)));
        let first: [&[&Escaped]; 2] = [&[&caller.name, &arrow, &callee.name], &[&protocol, &dot, &numbers]];
        let tooltip = match &on_path {
            None => Quoted::lines(&first),
            Some(on_path) => Quoted::lines(&[first[0], first[1], &[on_path]]),
        };
        attributes.push(tooltip.attribute("tooltip"));
        let ends = EdgeTy::Pair(caller.vertex(), callee.vertex());
        text.push_str(&Stmt::Edge(Edge { ty: ends, attributes }).print(printer));
        text.push('\n');
    }
}

fn ends_by_id(graph: &GraphDocument) -> HashMap<&str, End> {
    let known = graph.nodes.iter().map(|node| (node.id.as_str(), End::of(&node.id, &node.name)));
    let mut ends: HashMap<&str, End> = known.collect();
    for id in graph.edges.iter().flat_map(|edge| [&edge.caller, &edge.callee]) {
        // A document of another origin may lack the node; Graphviz draws it under its id then.
        ends.entry(id).or_insert_with(|| End::of(id, id));
    }
    ends
}

fn edge_label(edge: &EdgeDocument, numbers: &Escaped) -> Quoted {
    match via_words(edge) {
        Some(via) => Quoted::lines(&[&[&Escaped::text(&via)], &[numbers]]),
        None => Quoted::lines(&[&[numbers]]),
    }
}
