//! A flow's critical time as an indented tree for a terminal.

use super::super::name::{clip, visible};
use super::super::table::{Cell, Column, render};
use super::super::text::TextOptions;
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
    Column::number("others"),
    Column::spare("Neff"),
    Column::name("in"),
];

/// Writes the tree, at most `options.limit` contexts of it, those with the most time.
pub fn to_text(profile: &FlowProfileDocument, options: &TextOptions) -> String {
    let lines = |lines: &[String]| -> String {
        let width = options.width.unwrap_or(usize::MAX);
        lines.iter().map(|line| format!("{}\n", clip(line.trim_end(), width))).collect()
    };
    let rows: Vec<Vec<Cell>> = rows(profile, options.limit)
        .iter()
        .map(|row| {
            let (depth, label) = name(row);
            let indented = format!("{}{}", "  ".repeat(depth.min(DEEPEST)), visible(label));
            cells(row, profile.mean_ms).into_iter().chain([indented]).map(Cell::from).collect()
        })
        .collect();
    let mut text = lines(&headings(profile));
    text.push('\n');
    if !rows.is_empty() {
        text += &render(&COLUMNS, &rows, options.width, options.colour);
        text.push('\n');
    }
    text += &lines(&footers(profile));
    let exemplars = exemplars(profile);
    if !exemplars.is_empty() {
        text.push('\n');
        let opened = exemplars.iter().map(|(words, id)| format!("--trace {id}  {words}"));
        text += &lines(&opened.collect::<Vec<_>>());
    }
    text
}
