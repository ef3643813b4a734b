//! Critical paths as a river: flows on the left, the segments that they share in the middle, where they end on the
//! right.
//!
//! A band is as wide as the critical time in it, request rate times time, and as dark (on dark pages: as light) as
//! many flows share it.
//! A band that would close a cycle is drawn dotted, against the current.

mod arrange;
mod document;
mod fold;

pub use self::document::{RiverBand, RiverDocument, RiverFlow, RiverLeaf, RiverTrunk};

use self::arrange::{Arrangement, Course, arrange};
use self::fold::{Band, Folded, Item, Kind, flow_words, fold, waiting};
use super::layout::Rect;
use super::number;
use super::svg::arrow;
use super::svg::paper::{
    MARGIN, NEFF_STEPS, Rule, Short, fitted, head, neff_class, path_data, push, sheet, text, text_width,
    title,
};

/// How a river looks.
const RULES: [Rule; 25] = [
    Rule(".b", "", "fill:none;opacity:.62"),
    Rule(".b:hover", "", "opacity:.95"),
    Rule(".b.rest", "stroke:$other-line", "opacity:.4"),
    Rule(".b.turned", "", "stroke-dasharray:1.5 5;stroke-linecap:round;opacity:.9"),
    Rule(".tip", "", "stroke:none;opacity:.9"),
    Rule(".tip.rest", "fill:$other-line", ""),
    Rule(".r rect", "fill:$external;stroke:$other-line", "stroke-width:1"),
    Rule(".r.flow rect", "fill:$service;stroke:$service-line", ""),
    Rule(".r.leaf rect", "fill:$database;stroke:$database-line", ""),
    Rule(".r.external rect", "fill:$external;stroke:$line", "stroke-dasharray:4 3"),
    Rule(".r.rest rect", "fill:$other;stroke:$other-line", ""),
    Rule(".r .key", "", "stroke:none;stroke-dasharray:none"),
    Rule(".label", "", "font-weight:500"),
    Rule(".q0", "stroke:$q0", ""),
    Rule(".q1", "stroke:$q1", ""),
    Rule(".q2", "stroke:$q2", ""),
    Rule(".q3", "stroke:$q3", ""),
    Rule(".q4", "stroke:$q4", ""),
    Rule(".q5", "stroke:$q5", ""),
    Rule(".key.q0,.linchpin .tip.q0,.linchpin .r rect.key.q0", "fill:$q0", ""),
    Rule(".key.q1,.linchpin .tip.q1,.linchpin .r rect.key.q1", "fill:$q1", ""),
    Rule(".key.q2,.linchpin .tip.q2,.linchpin .r rect.key.q2", "fill:$q2", ""),
    Rule(".key.q3,.linchpin .tip.q3,.linchpin .r rect.key.q3", "fill:$q3", ""),
    Rule(".key.q4,.linchpin .tip.q4,.linchpin .r rect.key.q4", "fill:$q4", ""),
    Rule(".key.q5,.linchpin .tip.q5,.linchpin .r rect.key.q5", "fill:$q5", ""),
];

const LABEL: f64 = 12.0;
const NUMBERS: f64 = 10.5;
/// Labels are cut to so many pixels.
const WIDEST_LABEL: f64 = 300.0;
const LINE_HEIGHT: f64 = 15.0;
/// Above and below the lines of a box, together.
const PADDING: f64 = 10.0;
/// Lines of a box above which the middle of its chain is left out; the title has it whole.
const MOST_LINES: usize = 4;
/// The coloured stripe of a trunk.
const STRIPE: f64 = 5.0;
/// Pixels; the legend needs some room.
const LEAST_WIDTH: f64 = 640.0;

/// Draws a river as SVG.
pub fn to_river(document: &RiverDocument) -> String {
    let folded = fold(document);
    let arranged = arrange(&folded, &folded.items.iter().map(least_size).collect::<Vec<_>>());
    let heading = "Critical paths that flows share";
    let sub = sub(document);
    let (mut body, top, right) = head(heading, std::slice::from_ref(&sub), &document.notes);
    push(&mut body, format_args!("<g transform=\"translate({MARGIN} {top})\">\n"));
    push_bands(&mut body, &folded, &arranged);
    push_items(&mut body, &folded, &arranged);
    body.push_str("</g>\n");
    let width = (arranged.width + 2.0 * MARGIN).max(right + MARGIN).max(LEAST_WIDTH);
    let height = push_legend(&mut body, &folded, &arranged, width, top + arranged.height + MARGIN);
    sheet((width, height), &format!("{heading}: {sub}"), &RULES, &body)
}

fn sub(document: &RiverDocument) -> String {
    let range = if document.range.is_empty() { String::new() } else { format!("{} · ", document.range) };
    let n: u64 = document.flows.iter().map(|flow| flow.n).sum();
    let (flows, n) = (flow_words(document.flows.len() as u64), number::count(n));
    let shared = match document.trunks.len() {
        0 => "nothing is shared".to_owned(),
        1 => "1 shared segment".to_owned(),
        trunks => format!("{} shared segments", number::count(trunks as u64)),
    };
    match document.flows.len() {
        0 => format!("{range}no flow has enough requests with a whole path"),
        _ => format!("{range}{flows} with {n} requests · {shared}"),
    }
}

/// The lines of a box: of long chains the first links and the last, long lists broken at their commas.
fn lines(item: &Item) -> Vec<String> {
    let all = item.names.len();
    let is_skipped = |at: usize| all > MOST_LINES && at + 1 < all && at + 2 >= MOST_LINES;
    let mut lines: Vec<String> = Vec::new();
    for (at, name) in item.names.iter().enumerate() {
        match is_skipped(at) {
            false => lines.extend(broken(&format!("{}{name}", if at > 0 { "› " } else { "" }))),
            true if at + 2 == all => lines.push(format!("› … {} more", all + 1 - MOST_LINES)),
            true => {}
        }
    }
    if lines.len() > MOST_LINES {
        lines.splice(MOST_LINES - 2..lines.len() - 1, ["  …".to_owned()]);
    }
    lines
}

/// A link of a name, in several lines where it is a list that is too wide for one.
fn broken(name: &str) -> Vec<String> {
    let is_wide = |line: &str| text_width(line, LABEL) > WIDEST_LABEL;
    let mut lines: Vec<String> = Vec::new();
    for part in name.split_inclusive(", ") {
        match lines.last_mut() {
            Some(line) if !is_wide(&format!("{line}{}", part.trim_end())) => line.push_str(part),
            last => {
                let indent = if last.is_some() { "  " } else { "" };
                lines.push(format!("{indent}{part}"));
            }
        }
    }
    lines.iter().map(|line| fitted(line.trim_end(), LABEL, WIDEST_LABEL)).collect()
}

fn least_size(item: &Item) -> (f64, f64) {
    let lines = lines(item);
    let widest = lines.iter().map(|line| text_width(line, LABEL)).fold(0.0, f64::max);
    let rows = lines.len() + usize::from(!item.numbers.is_empty());
    (widest.max(text_width(&item.numbers, NUMBERS)) + 26.0, rows as f64 * LINE_HEIGHT + PADDING)
}

fn push_bands(body: &mut String, folded: &Folded, arranged: &Arrangement) {
    let mut order: Vec<usize> = (0..folded.bands.len()).collect();
    // Thin bands above wide ones, turned ones on top.
    order.sort_by(|a, b| {
        let key = |index: &usize| (arranged.courses[*index].is_turned, -arranged.courses[*index].width);
        let ((turned, width), (other_turned, other_width)) = (key(a), key(b));
        turned.cmp(&other_turned).then(width.total_cmp(&other_width))
    });
    for index in order {
        let (band, course) = (&folded.bands[index], &arranged.courses[index]);
        push(body, format_args!("<g>{}{}</g>\n", title(&band_facts(folded, band)), band_shape(band, course)));
    }
}

fn band_facts(folded: &Folded, band: &Band) -> Vec<String> {
    let [from, to] = [band.from, band.to].map(|item| folded.items[item].label());
    let shared = if band.is_rest { String::new() } else { format!(" · Neff {:.1}", band.neff) };
    vec![
        format!("{from} → {to}"),
        format!("{} requests waiting in it on average{shared}", waiting(band.width)),
    ]
}

fn band_shape(band: &Band, course: &Course) -> String {
    let colour = if band.is_rest { "rest" } else { neff_class(band.neff) };
    if course.is_turned {
        let width = course.width.min(3.0);
        let (line, tip) = arrow(&course.points, width);
        return format!(
            "<path class=\"b turned {colour}\" stroke-width=\"{}\" d=\"{line}\"/><path class=\"tip {colour}\" d=\"{tip}\"/>",
            Short(width)
        );
    }
    let path = path_data(&course.points);
    format!("<path class=\"b {colour}\" stroke-width=\"{}\" d=\"{path}\"/>", Short(course.width))
}

fn push_items(body: &mut String, folded: &Folded, arranged: &Arrangement) {
    for (item, rect) in folded.items.iter().zip(&arranged.boxes) {
        let Rect { x, y, width, height } = *rect;
        let class = match item.kind {
            Kind::Flow => "flow",
            Kind::Trunk => "trunk",
            Kind::Leaf if item.node_kind == "external" => "external",
            Kind::Leaf => "leaf",
            Kind::Rest => "rest",
        };
        push(body, format_args!("<g class=\"r {class}\">{}", title(&[item.label(), item.numbers.clone()])));
        let area = |x: f64, width: f64| {
            format!(
                "x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"",
                Short(x),
                Short(y),
                Short(width),
                Short(height)
            )
        };
        push(body, format_args!("<rect {} rx=\"4\"/>", area(x, width)));
        if item.kind == Kind::Trunk {
            let colour = neff_class(item.neff);
            for stripe in [x, x + width - STRIPE] {
                push(body, format_args!("<rect class=\"key {colour}\" {} rx=\"2\"/>", area(stripe, STRIPE)));
            }
        }
        let rows = lines(item).into_iter().map(|line| (line, "label"));
        let numbers = Some((item.numbers.clone(), "small")).filter(|(numbers, _)| !numbers.is_empty());
        let rows: Vec<(String, &str)> = rows.chain(numbers).collect();
        let first = y + height / 2.0 - (rows.len() as f64 - 1.0) * LINE_HEIGHT / 2.0 + LABEL * 0.35;
        for (row, (words, class)) in rows.iter().enumerate() {
            body.push_str(&text(x + STRIPE + 8.0, first + row as f64 * LINE_HEIGHT, class, words));
        }
        body.push_str("</g>\n");
    }
}

/// Writes the legend from `top` on; gives the height of the whole picture.
fn push_legend(body: &mut String, folded: &Folded, arranged: &Arrangement, width: f64, top: f64) -> f64 {
    let band = |class: &str| format!("<path class=\"b {class}\" stroke-width=\"9\" d=\"M0 0H26\"/>");
    let mut entries: Vec<(String, String)> = Vec::new();
    if folded.bands.is_empty() {
        return top;
    }
    let widest = folded.bands.iter().map(|band| band.width).fold(0.0, f64::max);
    let widest = waiting(widest);
    let words = format!("width: requests waiting in it on average (rate × critical time), widest {widest}");
    entries.push((String::new(), words));
    if folded.bands.iter().any(|band| !band.is_rest) {
        entries.push((String::new(), "colour: flows that share it (Neff):".to_owned()));
        entries.extend(NEFF_STEPS.iter().map(|(class, words)| (band(class), (*words).to_owned())));
    }
    if folded.bands.iter().any(|band| band.is_rest) {
        entries.push((band("rest"), "other".to_owned()));
    }
    if folded.thin.0 > 0 {
        let (bands, width) = (number::count(folded.thin.0 as u64), waiting(folded.thin.1));
        entries.push((String::new(), format!("{bands} thinner bands, {width} together, are not drawn")));
    }
    let is_elsewhere =
        |item: &Item| item.kind == Kind::Trunk && item.names.iter().any(|name| name.starts_with('('));
    if folded.items.iter().any(is_elsewhere) {
        entries.push((String::new(), "(name): drawn in another segment".to_owned()));
    }
    if arranged.courses.iter().any(|course| course.is_turned) {
        let sample = "<path class=\"b turned q0\" stroke-width=\"3\" d=\"M0 0H26\"/>";
        entries.push((sample.to_owned(), "back into an earlier segment".to_owned()));
    }
    let (mut x, mut y) = (MARGIN, top + 10.0);
    for (sample, words) in entries {
        let room = if sample.is_empty() { 0.0 } else { 32.0 };
        let length = room + text_width(&words, 11.0);
        if x > MARGIN && x + length > width - MARGIN {
            (x, y) = (MARGIN, y + 20.0);
        }
        push(body, format_args!("<g transform=\"translate({x:.0} {y:.0})\">{sample}"));
        push(body, format_args!("{}</g>\n", text(room, 4.0, "small", &words)));
        x += (length + 18.0).ceil();
    }
    y + 10.0 + MARGIN
}

#[cfg(test)]
mod tests;
