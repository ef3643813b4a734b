//! Nodes and the frames around them: a shape for each kind, the name inside, what is known as a title.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::Scene;
use super::paper::{Rule, Short, escaped, neff_class, push, text, text_width, title};
use crate::export::document::NodeDocument;
use crate::export::layout::{Layout, Rect};
use crate::export::overview::Hidden;
use crate::export::severity::Severity;
use crate::export::text::plural;
use crate::export::words::{node_facts, on_path_words};

/// How nodes look.
pub(super) const RULES: [Rule; 16] = [
    Rule(".n path", "fill:$service;stroke:$service-line", "stroke-width:1.2"),
    Rule(".n.database path", "fill:$database;stroke:$database-line", ""),
    Rule(".n.database path.rim", "", "fill:none"),
    Rule(".n.messaging path", "fill:$messaging;stroke:$messaging-line", ""),
    Rule(".n.external path", "fill:$external;stroke:$line", "stroke-dasharray:4 3"),
    Rule(".n.external text", "fill:$muted", ""),
    Rule(".n.silent path", "", "stroke-dasharray:4 3"),
    Rule(".n.raised path", "stroke:$raised", "stroke-width:2.2"),
    Rule(".n.high path", "stroke:$high", "stroke-width:2.2"),
    Rule(".n.on path", "", "stroke-width:3"),
    Rule(".n.q0 path", "stroke:$q0", ""),
    Rule(".n.q1 path", "stroke:$q1", ""),
    Rule(".n.q2 path", "stroke:$q2", ""),
    Rule(".n.q3 path", "stroke:$q3", ""),
    Rule(".n.q4 path", "stroke:$q4", ""),
    Rule(".n.q5 path", "stroke:$q5", ""),
];

/// Of names.
pub(super) const FONT_SIZE: f64 = 12.0;
const LINE_HEIGHT: f64 = 15.0;
/// Height of the round ends of a database.
const CAP: f64 = 4.0;
/// Depth of the point of a destination.
const TIP: f64 = 9.0;

/// Width and height that a node's label and shape need.
pub(super) fn size(kind: &str, label: &[String]) -> (f64, f64) {
    let widest = label.iter().map(|line| text_width(line, FONT_SIZE)).fold(0.0, f64::max);
    let extra = match kind {
        "database" => (0.0, 2.0 * CAP),
        "messaging" => (2.0 * TIP, 0.0),
        _ => (0.0, 0.0),
    };
    ((widest + 22.0 + extra.0).max(56.0), label.len() as f64 * LINE_HEIGHT + 12.0 + extra.1)
}

/// The nodes, as links where the options say so.
pub(super) fn push_nodes(body: &mut String, scene: &Scene, layout: &Layout) {
    for (node, rect) in scene.nodes.iter().zip(&layout.nodes) {
        let mut facts = node_facts(node);
        facts.extend(node.critical.as_ref().map(on_path_words));
        facts.extend(scene.hidden(node).map(not_drawn));
        let href = scene.options.node_href.as_ref().map(|prefix| {
            format!("<a href=\"{}{}\">", escaped(prefix), utf8_percent_encode(&node.id, NON_ALPHANUMERIC))
        });
        push(body, format_args!("{}<g class=\"{}\">", href.as_deref().unwrap_or(""), classes(node)));
        body.push_str(&title(&facts));
        body.push_str(&shape(&node.kind, *rect));
        let label = scene.label(node);
        let middle = rect.y + rect.height / 2.0 + if node.kind == "database" { CAP / 2.0 } else { 0.0 };
        let first = middle - (label.len() as f64 - 1.0) * LINE_HEIGHT / 2.0 + FONT_SIZE * 0.35;
        for (index, line) in label.iter().enumerate() {
            let class = if index == 0 { "mid" } else { "mid small" };
            body.push_str(&text(rect.x + rect.width / 2.0, first + index as f64 * LINE_HEIGHT, class, line));
        }
        body.push_str(if href.is_some() { "</g></a>\n" } else { "</g>\n" });
    }
}

fn not_drawn([callers, callees]: Hidden) -> String {
    let part =
        |word: &str, others: usize| (others > 0).then(|| format!("{word} {}", plural(others, "other")));
    let parts: Vec<String> = [part("from", callers), part("to", callees)].into_iter().flatten().collect();
    format!("not drawn: calls {}", parts.join(" and "))
}

fn classes(node: &NodeDocument) -> String {
    let mut classes = String::from("n");
    match node.kind.as_str() {
        kind @ ("database" | "messaging" | "external") => push(&mut classes, format_args!(" {kind}")),
        "service" if !node.instrumented => classes.push_str(" silent"),
        _ => {}
    }
    match (&node.critical, Severity::of(node.errors, node.requests)) {
        (Some(on_path), _) => push(&mut classes, format_args!(" on {}", neff_class(on_path.effective_flows))),
        (None, Severity::High) => classes.push_str(" high"),
        (None, Severity::Raised) => classes.push_str(" raised"),
        _ => {}
    }
    classes
}

/// The outline of a kind of node.
pub(super) fn shape(kind: &str, rect: Rect) -> String {
    let Rect { x, y, width, height } = rect;
    let [left, top, right, low] = [x, y, x + width, y + height].map(Short);
    let path = |d: String| format!("<path d=\"{d}\"/>");
    match kind {
        "database" => {
            let radius = format!("{} {CAP}", Short(width / 2.0));
            let [upper, lower] = [Short(y + CAP), Short(y + height - CAP)];
            let body = format!(
                "M{left} {upper}A{radius} 0 0 1 {right} {upper}V{lower}A{radius} 0 0 1 {left} {lower}Z"
            );
            format!(
                "{}<path class=\"rim\" d=\"M{left} {upper}A{radius} 0 0 0 {right} {upper}\"/>",
                path(body)
            )
        }
        "messaging" => {
            let [start, end] = [Short(x + TIP), Short(x + width - TIP)];
            let middle = Short(y + height / 2.0);
            path(format!("M{left} {top}H{end}L{right} {middle}L{end} {low}H{left}L{start} {middle}Z"))
        }
        "namespace" => {
            let [tab, slope] = [Short(x + width * 0.4), Short(x + width * 0.4 + 5.0)];
            let roof = Short(y - 5.0);
            path(format!("M{left} {low}V{roof}H{tab}L{slope} {top}H{right}V{low}Z"))
        }
        _ => {
            let round = 5.0_f64.min(height / 2.0);
            let [inner_left, inner_right] = [Short(x + round), Short(x + width - round)];
            let [inner_top, inner_low] = [Short(y + round), Short(y + height - round)];
            path(format!(
                "M{inner_left} {top}H{inner_right}Q{right} {top} {right} {inner_top}V{inner_low}\
                 Q{right} {low} {inner_right} {low}H{inner_left}Q{left} {low} {left} {inner_low}V{inner_top}\
                 Q{left} {top} {inner_left} {top}Z"
            ))
        }
    }
}
