//! Edges: curves with arrowheads, width and colour for what they carry, numbers as titles and labels.

use super::Scene;
use super::paper::{Rule, Short, neff_class, path_data, push, text, text_width, title};
use crate::export::document::EdgeDocument;
use crate::export::dot::look::line_width;
use crate::export::layout::{Layout, Point};
use crate::export::name::visible;
use crate::export::severity::Severity;
use crate::export::words::{edge_numbers, on_path_words, via_words};

/// How edges look.
pub(super) const RULES: [Rule; 28] = [
    Rule(".e path", "stroke:$line", "fill:none"),
    Rule(".e path.tip", "fill:$line", "stroke:none"),
    Rule(".e.low path", "stroke:$low", ""),
    Rule(".e.low path.tip,.linchpin .t.low", "fill:$low", ""),
    Rule(".e.raised path", "stroke:$raised", ""),
    Rule(".e.raised path.tip,.linchpin .t.raised", "fill:$raised", ""),
    Rule(".e.high path", "stroke:$high", ""),
    Rule(".e.high path.tip,.linchpin .t.high", "fill:$high", ""),
    Rule(".e.q0 path", "stroke:$q0", ""),
    Rule(".e.q0 path.tip", "fill:$q0", ""),
    Rule(".e.q1 path", "stroke:$q1", ""),
    Rule(".e.q1 path.tip", "fill:$q1", ""),
    Rule(".e.q2 path", "stroke:$q2", ""),
    Rule(".e.q2 path.tip", "fill:$q2", ""),
    Rule(".e.q3 path", "stroke:$q3", ""),
    Rule(".e.q3 path.tip", "fill:$q3", ""),
    Rule(".e.q4 path", "stroke:$q4", ""),
    Rule(".e.q4 path.tip", "fill:$q4", ""),
    Rule(".e.q5 path", "stroke:$q5", ""),
    Rule(".e.q5 path.tip", "fill:$q5", ""),
    Rule(".e.many", "", "opacity:.6"),
    Rule(".e.off", "", "opacity:.5"),
    Rule(".e path.mark", "", "opacity:.45;stroke-linecap:round"),
    Rule(".e:hover path", "stroke:$ink", ""),
    Rule(".e:hover path.tip", "fill:$ink", ""),
    Rule(".e:hover", "", "opacity:1"),
    Rule(".e path.mark,.linchpin .e:hover path.mark", "stroke:$mark", ""),
    Rule(".t", "fill:$muted", "font-size:10px"),
];

const LABEL_SIZE: f64 = 10.0;
const LABEL_LINE: f64 = 12.0;
/// Above so many edges they are drawn translucent, so that their number shows where they lie on each other.
const MANY: usize = 150;

fn label(scene: &Scene, edge: &EdgeDocument) -> Vec<String> {
    via_words(edge).into_iter().chain([numbers(scene, edge)]).collect()
}

fn numbers(scene: &Scene, edge: &EdgeDocument) -> String {
    edge_numbers(edge, scene.seconds, scene.rate_unit)
}

/// Width and height of an edge's label.
pub(super) fn label_size(scene: &Scene, edge: &EdgeDocument) -> (f64, f64) {
    let lines = label(scene, edge);
    let widest = lines.iter().map(|line| text_width(line, LABEL_SIZE)).fold(0.0, f64::max);
    (widest + 8.0, lines.len() as f64 * LABEL_LINE + 4.0)
}

/// How far the mark of a flow's edge reaches beyond it, both sides together.
const MARK: f64 = 7.0;

/// The room that an edge takes across.
pub(super) fn thickness(scene: &Scene, edge: &EdgeDocument) -> f64 {
    line_width_of(scene, edge) + if is_marked(edge) { MARK } else { 0.0 }
}

/// By calls, or by the critical time through it.
fn line_width_of(scene: &Scene, edge: &EdgeDocument) -> f64 {
    match &edge.critical {
        _ if !scene.has_paths => line_width(edge.calls),
        Some(on_path) => through_width(on_path.through, scene.most_through),
        None => 0.8,
    }
}

/// True where it lies on the critical path of the flow that was asked for.
pub(super) fn is_marked(edge: &EdgeDocument) -> bool {
    edge.critical.is_some_and(|on_path| on_path.marked)
}

/// The curves.
pub(super) fn push_edges(body: &mut String, scene: &Scene, layout: &Layout) {
    for ((edge, from, to), route) in scene.edges.iter().zip(&layout.edges) {
        let width = line_width_of(scene, edge);
        let [caller, callee] = [from, to].map(|node| visible(&scene.nodes[*node].name));
        let mut facts = vec![format!("{caller} → {callee}")];
        facts.extend(via_words(edge));
        facts.push(format!("{} · {}", edge.protocol, numbers(scene, edge)));
        facts.extend(edge.critical.as_ref().map(on_path_words));
        push(body, format_args!("<g class=\"{}\">{}", classes(scene, edge), title(&facts)));
        let (line, tip) = arrow(&route.points, width);
        if is_marked(edge) {
            push(
                body,
                format_args!("<path class=\"mark\" stroke-width=\"{}\" d=\"{line}\"/>", Short(width + MARK)),
            );
        }
        let line = line_path(&line, width, dash(edge));
        push(body, format_args!("{line}<path class=\"tip\" d=\"{tip}\"/>"));
        body.push_str("</g>\n");
    }
}

/// How a line is broken.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Dash {
    Solid,
    Dashed,
    Dotted,
}

/// Dotted where both sides only share a destination, dashed where the caller does not wait.
fn dash(edge: &EdgeDocument) -> Dash {
    match (edge.joined, edge.is_async) {
        (false, _) => Dash::Dotted,
        (true, true) => Dash::Dashed,
        (true, false) => Dash::Solid,
    }
}

/// A line; dashes grow with its width.
pub(super) fn line_path(data: &str, width: f64, dash: Dash) -> String {
    let breaks = match dash {
        Dash::Solid => String::new(),
        Dash::Dashed => {
            format!(
                " stroke-dasharray=\"{} {}\"",
                Short((width * 2.2).max(6.0)),
                Short((width * 1.4).max(4.0))
            )
        }
        Dash::Dotted => " stroke-dasharray=\"1.5 4\" stroke-linecap=\"round\"".to_owned(),
    };
    format!("<path stroke-width=\"{}\"{breaks} d=\"{data}\"/>", Short(width))
}

/// The labels, above all else.
pub(super) fn push_labels(body: &mut String, scene: &Scene, layout: &Layout) {
    for ((edge, ..), route) in scene.edges.iter().zip(&layout.edges) {
        let Some(place) = route.label.filter(|_| scene.has_labels) else { continue };
        let class = match severity_class(edge) {
            "" => "t halo mid".to_owned(),
            severity => format!("t halo mid {severity}"),
        };
        for (index, line) in label(scene, edge).iter().enumerate() {
            let y = place.y + 11.0 + index as f64 * LABEL_LINE;
            body.push_str(&text(place.x + place.width / 2.0, y, &class, line));
            body.push('\n');
        }
    }
}

fn classes(scene: &Scene, edge: &EdgeDocument) -> String {
    let mut classes = vec!["e"];
    match &edge.critical {
        Some(on_path) => classes.push(neff_class(on_path.effective_flows)),
        None if scene.has_paths => classes.push("off"),
        None => {
            classes.push(severity_class(edge));
            if scene.edges.len() > MANY {
                classes.push("many");
            }
        }
    }
    classes.retain(|class| !class.is_empty());
    classes.join(" ")
}

fn severity_class(edge: &EdgeDocument) -> &'static str {
    match Severity::of(edge.errors.either, edge.calls) {
        Severity::None => "",
        Severity::Low => "low",
        Severity::Raised => "raised",
        Severity::High => "high",
    }
}

/// From 1 to 9 pixels, by the root, so that small ones are still told apart.
fn through_width(through: f64, most: f64) -> f64 {
    if most > 0.0 { 1.0 + 8.0 * (through.max(0.0) / most).sqrt() } else { 1.0 }
}

/// The curve up to its arrowhead, and the arrowhead, as path data.
pub(in crate::export) fn arrow(points: &[Point], width: f64) -> (String, String) {
    let length = (5.0 + width).min(13.0);
    let half = length * 0.42;
    let end = points[points.len() - 1];
    let from = points.iter().rev().find(|point| (point.x - end.x).abs() + (point.y - end.y).abs() > 0.5);
    let from = from.copied().unwrap_or(Point::new(end.x - 1.0, end.y));
    let (dx, dy) = (end.x - from.x, end.y - from.y);
    let norm = (dx * dx + dy * dy).sqrt();
    let (dx, dy) = (dx / norm, dy / norm);
    let back = Point::new(end.x - dx * length, end.y - dy * length);
    let mut drawn = points.to_vec();
    // End and last control point draw back together, so that the direction stays.
    for point in drawn.iter_mut().rev().take(2) {
        *point = Point::new(point.x - dx * (length - 1.0), point.y - dy * (length - 1.0));
    }
    let line = path_data(&drawn);
    let [a, b] = [half, -half].map(|side| Point::new(back.x - dy * side, back.y + dx * side));
    let tip = format!(
        "M{} {}L{} {}L{} {}Z",
        Short(end.x),
        Short(end.y),
        Short(a.x),
        Short(a.y),
        Short(b.x),
        Short(b.y)
    );
    (line, tip)
}
