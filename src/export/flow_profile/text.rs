//! A flow's critical time as an indented tree for a terminal.

use super::super::name::{shorten, visible};
use super::super::table::{Cell, Column, render};
use super::super::text::{TextOptions, wrapped};
use super::FlowProfileDocument;
use super::rows::{cells, exemplars, footers, headings, name, rows};

/// Calls that are indented; deeper ones stand below each other.
const DEEPEST: usize = 12;

const COLUMNS: [Column; 9] = [
    Column::number("time"),
    Column::number("share"),
    Column::number("own"),
    Column::spare("network"),
    Column::number("retry"),
    Column::number("on path"),
    Column::spare("others"),
    Column::spare("Neff"),
    Column::name("in").at_least(36),
];

/// Writes the tree, at most `options.limit` contexts of it, those with the most time.
pub fn to_text(profile: &FlowProfileDocument, options: &TextOptions) -> String {
    let rows: Vec<Vec<Cell>> = rows(profile, options.limit)
        .iter()
        .map(|row| {
            let (depth, label) = name(row);
            let indented = format!("{}{}", "  ".repeat(depth.min(DEEPEST)), visible(label));
            cells(row, profile.mean_ms).into_iter().chain([indented]).map(Cell::from).collect()
        })
        .collect();
    let headings = headings(profile);
    let (title, scope) = headings.split_at(1);
    let title = title.iter().map(|title| shorten(title, options.width.unwrap_or(usize::MAX)));
    let mut text: String = title.map(|title| format!("{title}\n")).collect();
    text += &wrapped(scope, options.width);
    text.push('\n');
    if !rows.is_empty() {
        text += &render(&COLUMNS, &rows, options.width, options.colour);
        text.push('\n');
    }
    text += &wrapped(&footers(profile), options.width);
    let exemplars = exemplars(profile);
    if !exemplars.is_empty() {
        text.push('\n');
        let opened = exemplars.iter().map(|(words, id)| format!("--trace {id}  {words}"));
        text += &wrapped(&opened.collect::<Vec<_>>(), options.width);
    }
    text
}
