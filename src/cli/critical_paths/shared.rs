//! What the flows share.

use super::super::source::{fetch, fetch_document, refused};
use super::super::{Failure, Outcome, output};
use super::{Args, Format, text_options};
use crate::api::parse_path_query;
use crate::export::river::to_river;
use crate::export::shared_documents;
use crate::export::shared_paths::{SharedPathsDocument, to_json, to_markdown, to_text};
use crate::query;

const OFFERED: [Format; 6] =
    [Format::Text, Format::Json, Format::Markdown, Format::River, Format::Dot, Format::Svg];

pub(super) fn run(args: &Args) -> Outcome {
    let format = args.format(&OFFERED)?;
    if let Some(picture) = args.drawn(format, None)? {
        return output::print(&picture);
    }
    let query = args.query_string();
    if let Some(url) = args.source.server() {
        let url = format!("{url}/api/v1/critical-paths");
        if format == Format::River {
            return output::print(&fetch(&format!("{url}/river.svg?{query}"))?);
        }
        let document = fetch_document(&format!("{url}/shared?{query}"))?;
        print(&document, format)?;
        return matched(&document, "");
    }
    let (local, query) = args.source.ask(&query, parse_path_query)?;
    let mut answer =
        query::shared_paths(&local.timeline, &query, &local.config.shared, local.now).map_err(refused)?;
    local.settle(&mut answer.coverage);
    let (document, river) = shared_documents(&answer, &local.freshness);
    match format {
        Format::River => output::print(&to_river(&river))?,
        format => print(&document, format)?,
    }
    local.report(answer.coverage.from, answer.coverage.to)?;
    matched(&document, &local.hint())
}

fn print(document: &SharedPathsDocument, format: Format) -> Outcome {
    output::print(&match format {
        Format::Markdown => to_markdown(document),
        Format::Text => to_text(document, &text_options()),
        _ => to_json(document, true) + "\n",
    })
}

fn matched(document: &SharedPathsDocument, hint: &str) -> Outcome {
    match document.flows + document.left_out.len() {
        0 => Err(Failure::Unmet(format!(
            "nothing matched: no flow is left by the range and the filters{hint}"
        ))),
        _ => Ok(()),
    }
}
