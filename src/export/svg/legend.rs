//! What shapes, lines and colours mean: a sample of each that the picture has, in rows below it.

use super::Scene;
use super::edges::{Dash, line_path};
use super::nodes::shape;
use super::paper::{MARGIN, NEFF_STEPS, push, text, text_width};
use crate::export::document::{EdgeDocument, NodeDocument};
use crate::export::layout::Rect;
use crate::export::severity::Severity;

const ROW: f64 = 20.0;
const SAMPLE: f64 = 26.0;

/// A sample, drawn around (0, 0) to the right, and its words.
type Entry = (String, &'static str);

/// Writes the legend from `top` on, in rows up to `width`; gives the height of the whole picture.
pub(super) fn push_legend(body: &mut String, scene: &Scene, width: f64, top: f64) -> f64 {
    let entries = entries(scene);
    if entries.is_empty() {
        return top;
    }
    let (mut x, mut y) = (MARGIN, top + ROW / 2.0);
    for (sample, words) in entries {
        let room = if sample.is_empty() { 0.0 } else { SAMPLE + 6.0 };
        let length = room + text_width(words, 11.0);
        if x > MARGIN && x + length > width - MARGIN {
            (x, y) = (MARGIN, y + ROW);
        }
        push(body, format_args!("<g transform=\"translate({x:.0} {y:.0})\">{sample}"));
        push(body, format_args!("{}</g>\n", text(room, 4.0, "small", words)));
        x += (length + 20.0).ceil();
    }
    y + ROW / 2.0 + MARGIN
}

fn entries(scene: &Scene) -> Vec<Entry> {
    let mut entries = Vec::new();
    let has_node = |is: &dyn Fn(&NodeDocument) -> bool| scene.nodes.iter().any(|node| is(node));
    for (kind, words) in [
        ("service", "service"),
        ("database", "database"),
        ("messaging", "destination"),
        ("external", "external"),
        ("namespace", "namespace"),
    ] {
        if has_node(&|node| node.kind == kind) {
            let rect = Rect { x: 1.0, y: -8.0, width: SAMPLE - 2.0, height: 16.0 };
            entries.push((format!("<g class=\"n {kind}\">{}</g>", shape(kind, rect)), words));
        }
    }
    if has_node(&|node| node.kind == "service" && !node.instrumented) {
        let rect = Rect { x: 1.0, y: -8.0, width: SAMPLE - 2.0, height: 16.0 };
        entries.push((format!("<g class=\"n silent\">{}</g>", shape("service", rect)), "reports no spans"));
    }
    if scene.nodes.iter().any(|node| scene.hidden(node).is_some()) {
        entries.push((String::new(), "+1 in · +2 out: further callers and callees"));
    }
    if scene.edges.is_empty() {
        return entries;
    }
    let has_edge = |is: &dyn Fn(&EdgeDocument) -> bool| scene.edges.iter().any(|(edge, ..)| is(edge));
    if scene.has_paths {
        entries.push((line("", 5.0), "width: critical time through it"));
        entries.push((String::new(), "flows that share it (Neff):"));
        entries.extend(NEFF_STEPS.iter().map(|(class, words)| (line(class, 5.0), *words)));
    } else {
        entries.push((line("", 3.0), "width: calls"));
        let has = |severity| has_edge(&|edge| Severity::of(edge.errors.either, edge.calls) == severity);
        for (severity, class, words) in [
            (Severity::Low, "low", "errors below 1 %"),
            (Severity::Raised, "raised", "errors from 1 %"),
            (Severity::High, "high", "errors from 5 %"),
        ] {
            if has(severity) {
                entries.push((line(class, 2.0), words));
            }
        }
    }
    if has_edge(&super::edges::is_marked) {
        let path = format!("d=\"M0 0H{SAMPLE}\"");
        let mark =
            format!("<path class=\"mark\" stroke-width=\"9\" {path}/><path stroke-width=\"2\" {path}/>");
        entries.push((format!("<g class=\"e\">{mark}</g>"), "on the flow's critical path"));
    }
    if has_edge(&|edge| edge.is_async && edge.joined) {
        entries.push((dashed(Dash::Dashed), "asynchronous"));
    }
    if has_edge(&|edge| !edge.joined) {
        entries.push((dashed(Dash::Dotted), "shares a destination only"));
    }
    entries
}

fn line(class: &str, width: f64) -> String {
    let sep = if class.is_empty() { "" } else { " " };
    format!("<g class=\"e{sep}{class}\"><path stroke-width=\"{width}\" d=\"M0 0H{SAMPLE}\"/></g>")
}

fn dashed(dash: Dash) -> String {
    format!("<g class=\"e\">{}</g>", line_path(&format!("M0 0H{SAMPLE}"), 2.0, dash))
}
