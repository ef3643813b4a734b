//! Where the requests of one flow wait.

use super::super::source::{encoded, fetch_document, refused};
use super::super::{Outcome, output};
use super::{Args, Format, text_options};
use crate::api::parse_path_query;
use crate::export::flow_profile::{
    FlowProfileDocument, flow_profile_document, to_folded, to_json, to_markdown, to_speedscope, to_text,
};
use crate::export::path_scope;
use crate::query;

const OFFERED: [Format; 7] = [
    Format::Text,
    Format::Json,
    Format::Markdown,
    Format::Folded,
    Format::Speedscope,
    Format::Dot,
    Format::Svg,
];

pub(super) fn run(flow: &str, args: &Args) -> Outcome {
    let format = args.format(&OFFERED)?;
    if let Some(picture) = args.drawn(format, Some(flow))? {
        return output::print(&picture);
    }
    let query = args.query_string();
    if let Some(url) = args.source.server() {
        let url = format!("{url}/api/v1/flows/{}/critical-path?{query}", encoded(flow));
        return print(&fetch_document(&url)?, format);
    }
    let (local, query) = args.source.ask(&query, parse_path_query)?;
    let mut answer =
        query::flow_path(&local.timeline, flow, &query, &local.config, local.now).map_err(refused)?;
    local.settle(&mut answer.coverage);
    let (view, exemplars) = &answer.paths;
    print(&flow_profile_document(view, exemplars, path_scope(&answer, &local.freshness)), format)?;
    local.report(answer.coverage.from, answer.coverage.to)
}

fn print(document: &FlowProfileDocument, format: Format) -> Outcome {
    output::print(&match format {
        Format::Markdown => to_markdown(document, None),
        Format::Text => to_text(document, &text_options()),
        Format::Folded => to_folded(document),
        Format::Speedscope => to_speedscope(document) + "\n",
        _ => to_json(document, true) + "\n",
    })
}
