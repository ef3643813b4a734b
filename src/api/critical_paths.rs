//! What flows share on their critical paths, and where the requests of one flow wait.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Uri};
use axum::response::Response;

use super::accept;
use super::conditional::{self, Keep};
use super::error::{ApiError, ErrorDocument, excerpt};
use super::graph::{JSON, SVG, now};
use super::openapi::example;
use super::params::{
    FlowFormatParams, PathFormat, PathParams, ScopeParams, SharedFormatParams, SharedParams, flow_path_query,
    shared_query,
};
use super::state::AppState;
use crate::export::flow_profile::{self, FlowProfileDocument};
use crate::export::river::to_river;
use crate::export::shared_paths::{self, SharedPathsDocument};
use crate::export::text::TextOptions;

const MARKDOWN: &str = "text/markdown; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";

impl PathFormat {
    /// The type of an answer in this format.
    pub(super) fn media_type(self) -> &'static str {
        match self {
            PathFormat::Json | PathFormat::Speedscope => JSON,
            PathFormat::Markdown => MARKDOWN,
            PathFormat::Text | PathFormat::Folded => TEXT,
            PathFormat::River => SVG,
        }
    }

    /// What was asked for by name, else the one of these that `Accept` prefers.
    pub(super) fn choose(
        named: Option<PathFormat>,
        headers: &HeaderMap,
        offered: &[PathFormat],
    ) -> Result<PathFormat, ApiError> {
        if let Some(named) = named {
            return Ok(named);
        }
        let types: Vec<&str> = offered.iter().map(|format| format.media_type()).collect();
        Ok(offered[accept::choose(headers, &types)?])
    }
}

/// What the flows share on their critical paths, the most shared first.
#[utoipa::path(
    get, path = "/api/v1/critical-paths/shared", tag = "graph",
    params(ScopeParams, PathParams, SharedParams, SharedFormatParams),
    responses(
        (status = 200, description = "Shared segments", content(
            (SharedPathsDocument = "application/json", example = json!(example("shared_paths"))),
            (String = "text/markdown"), (String = "text/plain"), (String = "image/svg+xml"),
        )),
        (status = 304, description = "Unchanged since the tag in `If-None-Match`"),
        (status = 400, description = "A parameter is unknown or has a bad value", body = ErrorDocument),
        (status = 406, description = "`Accept` excludes all that is offered", body = ErrorDocument),
        (status = 409, description = "The range is not sealed up to `as_of`", body = ErrorDocument),
        (status = 410, description = "The range of `as_of` begins before what is kept, is rolled up (the message has the nearest one that exists), or is damaged", body = ErrorDocument),
        (status = 503, description = "Too many answers at a time, or it took too long", body = ErrorDocument),
    )
)]
pub(super) async fn shared(
    State(state): State<AppState>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, ApiError> {
    let (query, named) = shared_query(&uri, now(), true)?;
    let offered = [PathFormat::Json, PathFormat::Markdown, PathFormat::Text, PathFormat::River];
    let format = PathFormat::choose(named, &headers, &offered)?;
    let keep = Keep::of(query.flows.as_of, query.flows.range);
    let ask = move |answers: &dyn super::state::Answers| {
        let (document, river) = answers.shared_paths(&query)?;
        Ok(match format {
            PathFormat::Markdown => shared_paths::to_markdown(&document),
            PathFormat::Text => shared_paths::to_text(&document, &TextOptions::default()),
            PathFormat::River => to_river(&river),
            _ => shared_paths::to_json(&document, false),
        })
    };
    let body = state.ask(ask).await?;
    Ok(accept::varied(conditional::answer(&headers, keep, format.media_type(), body)))
}

/// The same as a picture: flows left, shared segments in the middle, where paths end right.
#[utoipa::path(
    get, path = "/api/v1/critical-paths/river.svg", tag = "graph",
    params(ScopeParams, PathParams, SharedParams),
    responses(
        (status = 200, description = "The river", body = String, content_type = "image/svg+xml"),
        (status = 304, description = "Unchanged since the tag in `If-None-Match`"),
        (status = 400, description = "A parameter is unknown or has a bad value", body = ErrorDocument),
        (status = 409, description = "The range is not sealed up to `as_of`", body = ErrorDocument),
        (status = 410, description = "The range of `as_of` begins before what is kept, is rolled up (the message has the nearest one that exists), or is damaged", body = ErrorDocument),
        (status = 503, description = "Too many answers at a time, or it took too long", body = ErrorDocument),
    )
)]
pub(super) async fn river(
    State(state): State<AppState>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, ApiError> {
    let (query, _) = shared_query(&uri, now(), false)?;
    let keep = Keep::of(query.flows.as_of, query.flows.range);
    let body = state.ask(move |answers| Ok(to_river(&answers.shared_paths(&query)?.1))).await?;
    Ok(conditional::answer(&headers, keep, SVG, body))
}

/// Where the requests of one flow wait: its critical call paths as a tree.
#[utoipa::path(
    get, path = "/api/v1/flows/{id}/critical-path", tag = "graph",
    params(
        ("id" = String, Path, description = "Id of the flow as in `/api/v1/flows`, percent-encoded; or its name, where only one flow has it", example = "flow:gateway|GET /checkout"),
        ScopeParams, PathParams, FlowFormatParams,
    ),
    responses(
        (status = 200, description = "The tree", content(
            (FlowProfileDocument = "application/json", example = json!(example("flow_profile"))),
            (String = "text/markdown"), (String = "text/plain"),
        )),
        (status = 304, description = "Unchanged since the tag in `If-None-Match`"),
        (status = 400, description = "A parameter is unknown or has a bad value", body = ErrorDocument),
        (status = 404, description = "No flow of the range has the id or name", body = ErrorDocument),
        (status = 406, description = "`Accept` excludes all that is offered", body = ErrorDocument),
        (status = 409, description = "The range is not sealed up to `as_of`", body = ErrorDocument),
        (status = 410, description = "The range of `as_of` begins before what is kept, is rolled up (the message has the nearest one that exists), or is damaged", body = ErrorDocument),
        (status = 503, description = "Too many answers at a time, or it took too long", body = ErrorDocument),
    )
)]
pub(super) async fn of_flow(
    State(state): State<AppState>,
    flow: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, ApiError> {
    let Path(flow) = flow.map_err(|problem| ApiError::invalid(excerpt(&problem.body_text())))?;
    let (query, named) = flow_path_query(&uri, now())?;
    let offered = [PathFormat::Json, PathFormat::Markdown, PathFormat::Text];
    let format = PathFormat::choose(named, &headers, &offered)?;
    let keep = Keep::of(query.flows.as_of, query.flows.range);
    let ask = move |answers: &dyn super::state::Answers| {
        let document = answers.flow_path(&flow, &query)?;
        Ok(match format {
            PathFormat::Speedscope => flow_profile::to_speedscope(&document),
            PathFormat::Markdown => flow_profile::to_markdown(&document, None),
            PathFormat::Text => flow_profile::to_text(&document, &TextOptions::default()),
            PathFormat::Folded => flow_profile::to_folded(&document),
            _ => flow_profile::to_json(&document, false),
        })
    };
    let body = state.ask(ask).await?;
    Ok(accept::varied(conditional::answer(&headers, keep, format.media_type(), body)))
}
