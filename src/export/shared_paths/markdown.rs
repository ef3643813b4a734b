//! Shared critical paths as Markdown, for a wiki.

use super::super::markdown::{Column, paragraph, plain, table};
use super::super::number;
use super::text::{flows, footers, headings, left_out, variants};
use super::{PathNodeDocument, SharedPathsDocument};

const COLUMNS: [Column; 8] = [
    ("segment", false),
    ("score", true),
    ("FE", true),
    ("Neff", true),
    ("flows", true),
    ("V", true),
    ("new", true),
    ("shares of flows", false),
];

/// Writes the list with all its segments.
pub fn to_markdown(paths: &SharedPathsDocument) -> String {
    let mut text = String::from("## Shared critical paths\n\n");
    text += &paragraph(&headings(paths));
    if !paths.segments.is_empty() {
        let rows: Vec<Vec<String>> = paths
            .segments
            .iter()
            .map(|segment| {
                let mark = if segment.allocated { "\\*" } else { "" };
                let entry = if segment.entry { " (entry)" } else { "" };
                let folded = variants(segment, &path).map(|text| format!("<br>{text}")).unwrap_or_default();
                vec![
                    format!("**{}**{mark}{entry}{folded}", path(&segment.nodes)),
                    number::decimal(segment.score),
                    number::decimal(segment.flow_equivalents),
                    number::decimal(segment.effective_flows),
                    number::count(segment.flows.len() as u64),
                    number::percent(segment.volume),
                    number::percent(segment.new),
                    flows(&segment.flows, plain),
                ]
            })
            .collect();
        text += &table(&COLUMNS, &rows);
    }
    text += "\n";
    text += &paragraph(&footers(paths, &paths.segments));
    text + &paragraph(&left_out(paths).into_iter().collect::<Vec<_>>())
}

fn path(nodes: &[PathNodeDocument]) -> String {
    nodes.iter().map(|node| plain(&node.label)).collect::<Vec<_>>().join(" > ")
}
