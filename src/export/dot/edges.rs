//! The edges of a graph as statements, each with its numbers as tooltip and, where there are few, as label.
//!
//! There may be tens of thousands: what belongs to a node is escaped once, and no attribute is given that
//! changes nothing.

use graphviz_rust::dot_structures::{Edge, EdgeTy, Id, NodeId, Stmt, Vertex};
use graphviz_rust::printer::{DotPrinter, PrinterContext};
use hashbrown::HashMap;

use super::quote::{Escaped, Quoted};
use super::{EdgeLabels, LABEL_COLUMNS, look};
use crate::export::document::{EdgeDocument, GraphDocument};
use crate::export::name::{clip, visible};
use crate::export::number;
use crate::export::severity::share;

/// Above so many edges labels hide more than they say, and dot becomes slow.
const MOST_LABELLED_EDGES: usize = 60;

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
    let is_labelled = match labels {
        EdgeLabels::Auto => graph.edges.len() <= MOST_LABELLED_EDGES,
        EdgeLabels::On => true,
        EdgeLabels::Off => false,
    };
    let ends = ends_by_id(graph);
    let seconds = graph.range.seconds();
    let [arrow, dot] = [" → ", " · "].map(|text| Escaped::numbers(text.to_owned()));
    for edge in &graph.edges {
        let [caller, callee] = [&ends[edge.caller.as_str()], &ends[edge.callee.as_str()]];
        let numbers = Escaped::numbers(edge_numbers(edge, seconds));
        let mut attributes = look::of_edge(edge, is_labelled);
        if is_labelled {
            attributes.push(edge_label(edge, &numbers).attribute("label"));
        }
        let protocol = Escaped::text(&edge.protocol);
        let tooltip = Quoted::lines(&[&[&caller.name, &arrow, &callee.name], &[&protocol, &dot, &numbers]]);
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
    let Some((first, rest)) = edge.via.split_first() else { return Quoted::lines(&[&[numbers]]) };
    let more = if rest.is_empty() { String::new() } else { format!(" +{}", rest.len()) };
    let via = Escaped::text(&format!("via {}{more}", clip(&visible(first), LABEL_COLUMNS)));
    Quoted::lines(&[&[&via], &[numbers]])
}

/// `12.3/s · 1.2 % err · p95 34 ms`; what is not known or nothing is left out.
fn edge_numbers(edge: &EdgeDocument, seconds: Option<f64>) -> String {
    if !edge.joined {
        return "not joined".to_owned();
    }
    let rate = number::seen_rate(edge.calls, edge.calls_adjusted, seconds);
    let mut text = rate.unwrap_or_else(|| format!("{} calls", number::count(edge.calls)));
    if edge.errors.either > 0 {
        let errors = number::percent(share(edge.errors.either, edge.calls));
        text.extend([" · ", &errors, " err"]);
    }
    if let Some(p95) = edge.seen_latency().p95 {
        text.extend([" · p95 ", &number::millis(p95)]);
    }
    text
}
