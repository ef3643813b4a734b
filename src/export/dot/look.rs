//! How a graph looks: shapes, colours, widths.
//!
//! Lines and free text have middle tones and the ground is transparent, so that a picture is readable on light
//! and on dark pages.
//! Widths depend on the edge alone, not on its neighbours: a change stays one line of a diff.

use graphviz_rust::dot_structures::Attribute;

use super::quote::Quoted;
use crate::export::document::{EdgeDocument, NodeDocument};
use crate::export::severity::Severity;

const FONT: &str = "Helvetica,Arial,sans-serif";
/// Free text and calm lines: readable on white and on black.
const MIDDLE: &str = "#768390";

/// What lines mean, in a line under the picture.
pub(super) const LEGEND: &str =
    "width: calls · dashed: asynchronous · yellow, orange, red: errors, from 1 %, from 5 %";

fn attributes(words: &[(&'static str, &'static str)]) -> Vec<Attribute> {
    words.iter().map(|(key, word)| Quoted::word(word).attribute(key)).collect()
}

/// Attributes of the whole graph, but for its caption.
pub(super) fn of_graph() -> Vec<Attribute> {
    attributes(&[
        ("rankdir", "LR"),
        // Without it dot fails on clusters of some hundred nodes.
        ("newrank", "true"),
        ("bgcolor", "transparent"),
        ("fontname", FONT),
        ("fontsize", "10"),
        ("fontcolor", MIDDLE),
        ("labelloc", "b"),
        ("labeljust", "l"),
        ("nodesep", "0.3"),
        ("ranksep", "0.9"),
        ("pad", "0.25"),
    ])
}

/// What all nodes share.
pub(super) fn of_all_nodes() -> Vec<Attribute> {
    attributes(&[
        ("shape", "box"),
        ("style", "rounded,filled"),
        ("fontname", FONT),
        ("fontsize", "11"),
        ("fontcolor", "#1c2733"),
        ("color", "#4f81bd"),
        ("fillcolor", "#dce9f9"),
        ("penwidth", "1.2"),
        ("margin", "0.16,0.07"),
        ("height", "0.36"),
    ])
}

/// What all edges share.
pub(super) fn of_all_edges() -> Vec<Attribute> {
    attributes(&[
        ("color", MIDDLE),
        ("fontname", FONT),
        ("fontsize", "9"),
        ("fontcolor", MIDDLE),
        ("arrowsize", "0.7"),
    ])
}

/// What a cluster has beside its label.
pub(super) fn of_cluster() -> Vec<Attribute> {
    attributes(&[
        ("labelloc", "t"),
        ("fontsize", "12"),
        ("style", "rounded,filled"),
        ("color", "#7683904d"),
        ("fillcolor", "#7683901a"),
        ("margin", "14"),
    ])
}

/// What sets the node apart from an instrumented service.
pub(super) fn of_node(node: &NodeDocument) -> Vec<Attribute> {
    let mut look = attributes(match node.kind.as_str() {
        "database" => {
            &[("shape", "cylinder"), ("style", "filled"), ("color", "#7e6bc4"), ("fillcolor", "#e8e2f8")]
        }
        "messaging" => {
            &[("shape", "cds"), ("style", "filled"), ("color", "#3d9a6d"), ("fillcolor", "#d8f2e4")]
        }
        "external" => &[("style", "rounded,dashed"), ("color", MIDDLE), ("fontcolor", MIDDLE)],
        "namespace" => &[("shape", "tab"), ("style", "filled")],
        _ if !node.instrumented => &[("style", "rounded,filled,dashed")],
        _ => &[],
    });
    let severity = Severity::of(node.errors, node.requests);
    if severity >= Severity::Raised {
        look.retain(|Attribute(key, _)| key.to_string() != "color");
        look.push(Quoted::word(error_colour(severity)).attribute("color"));
        look.push(Quoted::word("2").attribute("penwidth"));
    }
    look
}

/// Line, colour and width of an edge.
pub(super) fn of_edge(edge: &EdgeDocument, is_labelled: bool) -> Vec<Attribute> {
    let width = edge.critical.map_or(line_width(edge.calls), |on_path| through_width(on_path.through));
    let mut look = vec![Quoted::number(width).attribute("penwidth")];
    let severity = Severity::of(edge.errors.either, edge.calls);
    if let Some(on_path) = edge.critical.filter(|_| severity == Severity::None) {
        look.push(Quoted::word(neff_colour(on_path.effective_flows)).attribute("color"));
    }
    if severity > Severity::None {
        let colour = error_colour(severity);
        look.push(Quoted::word(colour).attribute("color"));
        if is_labelled {
            look.push(Quoted::word(colour).attribute("fontcolor"));
        }
    }
    if !edge.joined {
        look.push(Quoted::word("dotted").attribute("style"));
    } else if edge.is_async {
        look.push(Quoted::word("dashed").attribute("style"));
    }
    look
}

/// From nobody's but one flow's to everybody's.
fn neff_colour(effective_flows: f64) -> &'static str {
    match effective_flows {
        n if n < 1.05 => MIDDLE,
        n if n <= 2.0 => "#4fae9b",
        n if n <= 3.0 => "#3aa6b9",
        n if n <= 5.0 => "#1d84c0",
        n if n <= 8.0 => "#2a5fb0",
        _ => "#4a4fb5",
    }
}

/// Points by the share of all critical time that passes: none 0.8, all of it 8.
fn through_width(share: f64) -> f64 {
    0.8 + 7.2 * share.clamp(0.0, 1.0).sqrt()
}

fn error_colour(severity: Severity) -> &'static str {
    match severity {
        Severity::None => MIDDLE,
        Severity::Low => "#a8871c",
        Severity::Raised => "#d9730d",
        Severity::High => "#e0444c",
    }
}

/// Points by powers of ten: 1 call 0.8, a thousand 2.6, a million 4.4.
pub(in crate::export) fn line_width(calls: u64) -> f64 {
    (0.8 + 0.6 * (calls.max(1) as f64).log10()).min(6.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_grows_by_powers_of_ten() {
        for (calls, expected) in [(0, 0.8), (1, 0.8), (1_000, 2.6), (1_000_000, 4.4), (u64::MAX, 6.0)] {
            assert!((line_width(calls) - expected).abs() < 0.01, "{calls}");
        }
    }
}
