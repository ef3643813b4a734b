//! A flow's critical time as Markdown, for a wiki.

use super::super::markdown::{Column, plain, table};
use super::FlowProfileDocument;
use super::rows::{cells, exemplars, footers, headings, name, rows};

const COLUMNS: [Column; 9] = [
    ("in", false),
    ("time", true),
    ("share", true),
    ("own", true),
    ("network", true),
    ("retry", true),
    ("on path", true),
    ("others", true),
    ("Neff", true),
];

/// Writes the tree, at most `limit` contexts of it, those with the most time.
pub fn to_markdown(profile: &FlowProfileDocument, limit: Option<usize>) -> String {
    let rows: Vec<Vec<String>> = rows(profile, limit)
        .iter()
        .map(|row| {
            let (depth, label) = name(row);
            // Spaces at the start of a cell are not shown, these are.
            let indented = format!("{}{}", "&emsp;".repeat(depth), plain(label));
            [indented].into_iter().chain(cells(row, profile.mean_ms)).collect()
        })
        .collect();
    let mut text = format!("## {} ({})\n\n", plain(&profile.name), plain(&profile.service));
    text += &headings(profile).iter().map(|line| plain(line) + "  \n").collect::<String>();
    if !rows.is_empty() {
        text += &table(&COLUMNS, &rows);
    }
    text.push('\n');
    text += &footers(profile).iter().map(|line| plain(line) + "\n").collect::<String>();
    let exemplars = exemplars(profile);
    if !exemplars.is_empty() {
        text.push('\n');
        text += &exemplars
            .iter()
            .map(|(words, id)| format!("- trace {}, {}\n", plain(id), plain(words)))
            .collect::<String>();
    }
    text
}
