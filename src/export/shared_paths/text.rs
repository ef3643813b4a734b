//! Shared critical paths as a table for a terminal: numbers first, as the names are long; below each row its flows.

use super::super::completeness::heading;
use super::super::name::{clip, visible};
use super::super::number;
use super::super::table::{Cell, Column, render};
use super::super::text::{TextOptions, filter_words, plural, wrapped};
use super::{
    FlowShareDocument, LeftOutDocument, PathNodeDocument, SegmentDocument, SharedPathsDocument, narrow,
};

/// Flows that a row or a line names; the rest is a number.
const MAX_NAMED: usize = 4;

const COLUMNS: [Column; 8] = [
    Column::number("score"),
    Column::number("FE"),
    Column::number("Neff"),
    Column::number("flows"),
    Column::number("V"),
    Column::number("in flight"),
    Column::number("new"),
    Column::name("segment"),
];

/// On narrower terminals the list is another.
const WIDE: usize = 100;

/// Writes the list, at most `options.limit` segments of it.
pub fn to_text(paths: &SharedPathsDocument, options: &TextOptions) -> String {
    let shown = &paths.segments[..options.limit.unwrap_or(usize::MAX).min(paths.segments.len())];
    let mut text = wrapped(&headings(paths), options.width);
    if !shown.is_empty() {
        text.push('\n');
        text += &match options.width {
            Some(width) if width < WIDE => narrow::table(shown, width, options),
            _ => {
                let rows: Vec<Vec<Cell>> = shown.iter().flat_map(rows).map(Vec::from).collect();
                render(&COLUMNS, &rows, options.width, options.colour)
            }
        };
        text.push('\n');
    }
    text += &wrapped(&footers(paths, shown), options.width);
    if let Some(names) = left_out(paths) {
        text.extend([&clip(&names, options.width.unwrap_or(usize::MAX)), "\n"]);
    }
    text
}

/// What the list is of.
pub(super) fn headings(paths: &SharedPathsDocument) -> Vec<String> {
    let scope = &paths.scope;
    let counts = plural(paths.segments.len() + paths.more, "segment");
    let title = format!("shared critical paths by {}", visible(&paths.criteria.sort));
    let mut lines = heading(&title, &counts, &scope.range, &scope.completeness);
    lines.push(format!(
        "of {} with {}",
        plural(paths.flows, "flow"),
        plural(usize::try_from(paths.requests).unwrap_or(usize::MAX), "request"),
    ));
    lines.extend(filter_words(&scope.filter));
    lines
}

/// How much the list does not show, and what its marks mean.
pub(super) fn footers(paths: &SharedPathsDocument, shown: &[SegmentDocument]) -> Vec<String> {
    let mut lines = Vec::new();
    if paths.segments.is_empty() {
        let criteria = &paths.criteria;
        lines.push(format!(
            "nothing is shared by {} with {} or more each",
            plural(criteria.min_flows, "flow"),
            plural(usize::try_from(criteria.min_requests).unwrap_or(usize::MAX), "request"),
        ));
        if !paths.scope.filter.is_empty() {
            lines.push("the filter chooses flows, by the services where they begin".to_owned());
        }
    }
    let hidden = paths.more + paths.segments.len() - shown.len();
    if hidden > 0 {
        lines.push(format!("… and {} more", plural(hidden, "segment")));
    }
    if shown.len() == paths.segments.len() {
        let unknown = match paths.unknown {
            0.0 => String::new(),
            share => format!(" ({} in paths that were not kept)", number::percent(share)),
        };
        let share = number::percent(paths.other);
        lines.push(format!("other: {share} of all critical time is in none of these{unknown}"));
    }
    if shown.iter().any(|segment| segment.allocated) {
        lines.push("*: its nodes are also on other paths, its part of their time is by requests".to_owned());
    }
    lines
}

/// The flows that are left out, if any.
pub(super) fn left_out(paths: &SharedPathsDocument) -> Option<String> {
    let flows = &paths.left_out;
    let mut most: Vec<&LeftOutDocument> = flows.iter().collect();
    most.sort_by_key(|flow| (std::cmp::Reverse(flow.requests), &flow.id));
    let named: Vec<String> = most
        .iter()
        .take(MAX_NAMED)
        .map(|flow| format!("{} ({})", visible(&flow.name), number::count(flow.requests)))
        .collect();
    let words = format!(
        "left out, with fewer than {} requests: {}: {}{}",
        number::count(paths.criteria.min_requests),
        plural(flows.len(), "flow"),
        named.join(", "),
        rest(flows.len())
    );
    (!flows.is_empty()).then_some(words)
}

fn rest(all: usize) -> String {
    match all.saturating_sub(MAX_NAMED) {
        0 => String::new(),
        rest => format!(" and {} more", number::count(rest as u64)),
    }
}

/// A segment: its numbers, then its flows, then what is folded under it.
fn rows(segment: &SegmentDocument) -> Vec<[Cell; 8]> {
    let below = |text: String| {
        let mut cells = [const { String::new() }; 8].map(Cell::from);
        cells[7] = Cell::from(format!("  {text}")).list();
        cells
    };
    let mut rows = vec![numbers(segment).map(Cell::from)];
    rows.push(below(flows(&segment.flows, |name| visible(name).into_owned())));
    rows.extend(variants(segment, &path).map(below));
    rows
}

/// The cells of its own row, the path last.
pub(super) fn numbers(segment: &SegmentDocument) -> [String; 8] {
    let entry = if segment.entry { " (entry)" } else { "" };
    let mark = if segment.allocated { "*" } else { "" };
    [
        number::decimal(segment.score),
        number::decimal(segment.flow_equivalents),
        number::decimal(segment.effective_flows),
        number::count(segment.flows.len() as u64),
        number::percent(segment.volume),
        number::decimal(segment.in_flight),
        number::percent(segment.new),
        format!("{}{mark}{entry}", path(&segment.nodes)),
    ]
}

fn path(nodes: &[PathNodeDocument]) -> String {
    nodes.iter().map(|node| visible(&node.label)).collect::<Vec<_>>().join(" > ")
}

/// The flows with their shares: `login 80 %, checkout 14 % and 3 more`.
pub(super) fn flows(flows: &[FlowShareDocument], shown: impl Fn(&str) -> String) -> String {
    let named: Vec<String> = flows
        .iter()
        .take(MAX_NAMED)
        .map(|flow| format!("{} {}", shown(&flow.name), number::percent(flow.share)))
        .collect();
    named.join(", ") + &rest(flows.len())
}

/// What is folded under a segment: `+2 variants: seat > config, seat`.
pub(super) fn variants(
    segment: &SegmentDocument,
    path: &dyn Fn(&[PathNodeDocument]) -> String,
) -> Option<String> {
    let count = segment.variant_count;
    let named: Vec<String> = segment.variants.iter().take(2).map(|variant| path(&variant.nodes)).collect();
    let more = if count > named.len() { ", …" } else { "" };
    (count > 0).then(|| format!("+{}: {}{more}", plural(count, "variant"), named.join(", ")))
}
