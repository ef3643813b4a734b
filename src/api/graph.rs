//! `/api/v1/graph`: a question to the live graph, answered as JSON or DOT.

use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;

use super::accept;
use super::conditional::{self, Keep};
use super::error::{ApiError, ErrorDocument};
use super::openapi::example;
use super::params::{
    DotParams, Drawing, Drawn, GraphParams, ScopeParams, SvgParams, graph_query, refuse_labels,
};
use super::state::{AppState, now_ms};
use crate::export::document::GraphDocument;
use crate::export::dot::to_dot;
use crate::export::json;
use crate::export::svg::to_svg;
use crate::model::UnixNanos;
use crate::model::time::NANOS_PER_MILLI;

pub(super) const JSON: &str = "application/json";
const DOT: &str = "text/vnd.graphviz";
pub(super) const SVG: &str = "image/svg+xml";

/// The dependency graph of a time range, as JSON or DOT by `Accept`.
#[utoipa::path(
    get, path = "/api/v1/graph", tag = "graph",
    params(ScopeParams, GraphParams, DotParams),
    responses(
        (status = 200, description = "The graph", content(
            (GraphDocument = "application/json", example = json!(example("graph"))),
            (String = "text/vnd.graphviz"),
        )),
        (status = 304, description = "Unchanged since the tag in `If-None-Match`"),
        (status = 400, description = "A parameter is unknown or has a bad value", body = ErrorDocument, example = json!(example("error"))),
        (status = 404, description = "No node has the name of the focus", body = ErrorDocument),
        (status = 406, description = "`Accept` excludes JSON and DOT", body = ErrorDocument),
        (status = 409, description = "The range is not sealed up to `as_of`", body = ErrorDocument),
        (status = 410, description = "The range of `as_of` begins before what is kept, is rolled up (the message has the nearest one that exists), or is damaged", body = ErrorDocument),
        (status = 503, description = "Too many answers at a time, or it took too long", body = ErrorDocument),
    )
)]
pub(super) async fn graph(
    State(state): State<AppState>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, ApiError> {
    let offered = [JSON, DOT];
    let chosen = offered[accept::choose(&headers, &offered)?];
    Ok(accept::varied(answer(state, &headers, &uri, chosen, Drawn::Dot).await?))
}

/// The dependency graph of a time range as JSON.
#[utoipa::path(
    get, path = "/api/v1/graph.json", tag = "graph",
    params(ScopeParams, GraphParams),
    responses(
        (status = 200, description = "The graph", body = GraphDocument, example = json!(example("graph"))),
        (status = 304, description = "Unchanged since the tag in `If-None-Match`"),
        (status = 400, description = "A parameter is unknown or has a bad value", body = ErrorDocument),
        (status = 404, description = "No node has the name of the focus", body = ErrorDocument),
        (status = 409, description = "The range is not sealed up to `as_of`", body = ErrorDocument),
        (status = 410, description = "The range of `as_of` begins before what is kept, is rolled up (the message has the nearest one that exists), or is damaged", body = ErrorDocument),
        (status = 503, description = "Too many answers at a time, or it took too long", body = ErrorDocument),
    )
)]
pub(super) async fn graph_json(
    State(state): State<AppState>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, ApiError> {
    answer(state, &headers, &uri, JSON, Drawn::Nothing).await
}

/// The dependency graph of a time range in Graphviz's language.
#[utoipa::path(
    get, path = "/api/v1/graph.dot", tag = "graph",
    params(ScopeParams, GraphParams, DotParams),
    responses(
        (status = 200, description = "The graph", body = String, content_type = "text/vnd.graphviz"),
        (status = 304, description = "Unchanged since the tag in `If-None-Match`"),
        (status = 400, description = "A parameter is unknown or has a bad value", body = ErrorDocument),
        (status = 404, description = "No node has the name of the focus", body = ErrorDocument),
        (status = 409, description = "The range is not sealed up to `as_of`", body = ErrorDocument),
        (status = 410, description = "The range of `as_of` begins before what is kept, is rolled up (the message has the nearest one that exists), or is damaged", body = ErrorDocument),
        (status = 503, description = "Too many answers at a time, or it took too long", body = ErrorDocument),
    )
)]
pub(super) async fn graph_dot(
    State(state): State<AppState>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, ApiError> {
    answer(state, &headers, &uri, DOT, Drawn::Dot).await
}

/// The dependency graph of a time range as a picture.
#[utoipa::path(
    get, path = "/api/v1/graph.svg", tag = "graph",
    params(ScopeParams, GraphParams, DotParams, SvgParams),
    responses(
        (status = 200, description = "The picture", body = String, content_type = "image/svg+xml"),
        (status = 304, description = "Unchanged since the tag in `If-None-Match`"),
        (status = 400, description = "A parameter is unknown or has a bad value", body = ErrorDocument),
        (status = 404, description = "No node has the name of the focus", body = ErrorDocument),
        (status = 409, description = "The range is not sealed up to `as_of`", body = ErrorDocument),
        (status = 410, description = "The range of `as_of` begins before what is kept, is rolled up (the message has the nearest one that exists), or is damaged", body = ErrorDocument),
        (status = 503, description = "Too many answers at a time, or it took too long", body = ErrorDocument),
    )
)]
pub(super) async fn graph_svg(
    State(state): State<AppState>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, ApiError> {
    answer(state, &headers, &uri, SVG, Drawn::Svg).await
}

async fn answer(
    state: AppState,
    headers: &HeaderMap,
    uri: &Uri,
    media_type: &'static str,
    drawn: Drawn,
) -> Result<Response, ApiError> {
    let (query, drawing) = graph_query(uri, now(), drawn)?;
    if media_type == JSON {
        refuse_labels(uri)?;
    }
    let keep = Keep::of(query.as_of, query.range);
    let body = state
        .ask(move |answers| {
            let document = answers.graph(&query)?;
            Ok(render(&document, media_type, drawing))
        })
        .await?;
    Ok(conditional::answer(headers, keep, media_type, body))
}

fn render(document: &GraphDocument, media_type: &str, drawing: Drawing) -> String {
    match media_type {
        DOT => to_dot(document, &drawing.dot()),
        SVG => to_svg(document, &drawing.svg()),
        _ => json::to_json(document, false),
    }
}

/// Any document as JSON.
pub(super) fn to_json(document: &impl serde::Serialize) -> Result<String, ApiError> {
    serde_json::to_string(document).map_err(|failure| ApiError::Internal(failure.to_string()))
}

/// Now in event time, for ranges that reach up to it.
pub(super) fn now() -> UnixNanos {
    u64::try_from(now_ms()).unwrap_or_default() * NANOS_PER_MILLI
}
