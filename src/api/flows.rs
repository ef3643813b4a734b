//! `/api/v1/flows`: what users asked for.

use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;

use super::conditional::{self, Keep};
use super::error::{ApiError, ErrorDocument};
use super::graph::{JSON, now, to_json};
use super::openapi::example;
use super::params::{ScopeParams, flow_query};
use super::state::AppState;
use crate::export::document::FlowsDocument;

/// The flows of a time range: requests, errors, latency and what they touch.
#[utoipa::path(
    get, path = "/api/v1/flows", tag = "graph",
    params(ScopeParams),
    responses(
        (status = 200, description = "The flows", body = FlowsDocument, example = json!(example("flows"))),
        (status = 304, description = "Unchanged since the tag in `If-None-Match`"),
        (status = 400, description = "A parameter is unknown or has a bad value", body = ErrorDocument),
        (status = 409, description = "The range is not sealed up to `as_of`", body = ErrorDocument),
        (status = 410, description = "The range of `as_of` begins before what is kept, is rolled up (the message has the nearest one that exists), or is damaged", body = ErrorDocument),
        (status = 503, description = "Too many answers at a time, or it took too long", body = ErrorDocument),
    )
)]
pub(super) async fn flows(
    State(state): State<AppState>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, ApiError> {
    let query = flow_query(&uri, now())?;
    let keep = Keep::of(query.as_of, query.range);
    let body = state
        .ask(move |answers| {
            let document = answers.flows(&query)?;
            to_json(&document)
        })
        .await?;
    Ok(conditional::answer(&headers, keep, JSON, body))
}
