//! The list on a narrow terminal: a chain that does not fit has a line for each of its links, and below it what
//! is said of a segment has the whole width.

use super::super::name::{clip, even, shorten, visible, width};
use super::super::number;
use super::super::table::{Cell, Column, render, room_for_last};
use super::super::text::{TextOptions, plural};
use super::text::numbers;
use super::{PathNodeDocument, SegmentDocument};

const COLUMNS: [Column; 6] = [
    Column::number("score"),
    Column::number("Neff"),
    Column::number("flows"),
    Column::number("V"),
    Column::number("new"),
    Column::name("segment"),
];
/// Before what is said of a segment.
const INDENT: &str = "      ";
/// Columns of a name that tell it from others; where there are less, fewer are named.
const TELLING: usize = 24;
/// Flows and variants that a line names.
const MAX_NAMED: [usize; 2] = [4, 2];

/// Writes the segments, each with its flows and what is folded under it.
pub(super) fn table(segments: &[SegmentDocument], limit: usize, options: &TextOptions) -> String {
    let cells = |segment: &SegmentDocument| {
        let [score, _, neff, flows, volume, _, new, path] = numbers(segment);
        ([score, neff, flows, volume, new], path)
    };
    let without_names: Vec<Vec<Cell>> =
        segments.iter().map(|segment| cells(segment).0.map(Cell::from).into()).collect();
    let room = room_for_last(&COLUMNS, &without_names, limit);
    let (mut rows, mut links) = (Vec::new(), Vec::new());
    for segment in segments {
        let (numbers, path) = cells(segment);
        let lines = if width(&path) <= room { vec![path] } else { one_by_one(segment, &path) };
        links.push(lines.len());
        for (at, line) in lines.into_iter().enumerate() {
            let numbers = if at == 0 { numbers.clone() } else { Default::default() };
            rows.push(numbers.into_iter().chain([line]).map(Cell::from).collect::<Vec<Cell>>());
        }
    }
    let table = render(&COLUMNS, &rows, Some(limit), options.colour);
    let mut lines = table.split_inclusive('\n');
    let mut text: String = lines.by_ref().take(1).collect();
    for (segment, links) in segments.iter().zip(links) {
        text.extend(lines.by_ref().take(links));
        for below in below(segment, limit.saturating_sub(INDENT.len())) {
            text.extend([&*clip(format!("{INDENT}{below}").trim_end(), limit), "\n"]);
        }
    }
    text
}

/// A line for each node of the path.
fn one_by_one(segment: &SegmentDocument, path: &str) -> Vec<String> {
    let labels: Vec<_> = segment.nodes.iter().map(|node| visible(&node.label)).collect();
    let mut lines: Vec<String> = labels.iter().map(|label| format!("> {label}")).collect();
    if let Some(first) = lines.first_mut() {
        first.replace_range(..2, "");
    }
    // What marks the whole path stands behind it.
    let marks = &path[labels.join(" > ").len().min(path.len())..];
    lines.last_mut().into_iter().for_each(|last| last.push_str(marks));
    lines
}

/// Its flows, then what is folded under it.
fn below(segment: &SegmentDocument, room: usize) -> Vec<String> {
    let flow = |flow: &super::FlowShareDocument| {
        (visible(&flow.name).into_owned(), format!(" {}", number::percent(flow.share)))
    };
    let flows: Vec<(String, String)> = segment.flows.iter().take(MAX_NAMED[0]).map(flow).collect();
    let rest = |named: usize| match segment.flows.len() - named {
        0 => String::new(),
        rest => format!(" and {} more", number::count(rest as u64)),
    };
    let mut lines = vec![named(&flows, &rest, room)];
    if segment.variant_count > 0 {
        let path = |nodes: &[PathNodeDocument]| {
            nodes.iter().map(|node| visible(&node.label)).collect::<Vec<_>>().join(" > ")
        };
        let variants = segment.variants.iter().take(MAX_NAMED[1]);
        let variants: Vec<(String, String)> =
            variants.map(|variant| (path(&variant.nodes), String::new())).collect();
        let rest =
            |named: usize| if named < segment.variant_count { ", …".to_owned() } else { String::new() };
        let head = format!("+{}: ", plural(segment.variant_count, "variant"));
        lines.push(format!("{head}{}", named(&variants, &rest, room.saturating_sub(width(&head)))));
    }
    lines
}

/// As many of these names as there is room for, each with what follows it; the rest in words.
fn named(names: &[(String, String)], rest: &dyn Fn(usize) -> String, room: usize) -> String {
    for count in (1..=names.len()).rev() {
        let (names, rest) = (&names[..count], rest(count));
        let widths: Vec<usize> = names.iter().map(|(name, _)| width(name)).collect();
        let after: usize = names.iter().map(|(_, after)| width(after)).sum();
        let cap = even(&widths, room.saturating_sub(after + 2 * (count - 1) + width(&rest)));
        if count == 1 || cap >= TELLING || widths.iter().all(|width| *width <= cap) {
            let parts: Vec<String> =
                names.iter().map(|(name, after)| format!("{}{after}", shorten(name, cap))).collect();
            return parts.join(", ") + &rest;
        }
    }
    rest(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fewer_are_named_where_names_would_not_tell() {
        let flow = |name: &str| (format!("POST /api/v1/{name}/service"), " 12 %".to_owned());
        let flows = ["orders", "order-other", "payment"].map(flow);
        let rest = |named: usize| if named < 9 { format!(" and {} more", 9 - named) } else { String::new() };
        for (room, expected) in [
            (
                130,
                "POST /api/v1/orders/service 12 %, POST /api/v1/order-other/service 12 %, \
                 POST /api/v1/payment/service 12 % and 6 more",
            ),
            (80, "POST /api/v1/orders/service 12 %, POST /api/v1/or…-other/service 12 % and 7 more"),
            (40, "POST /api/v1…ers/service 12 % and 8 more"),
        ] {
            let line = named(&flows, &rest, room);
            assert!(width(&line) <= room, "{room}: {line}");
            assert_eq!(line, expected, "{room}");
        }
    }
}
