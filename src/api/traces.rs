//! `/api/v1/traces/{id}`: a trace that a flow keeps, as what its request waited for.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Uri};
use axum::response::Response;

use super::accept;
use super::conditional::{self, Keep};
use super::error::{ApiError, ErrorDocument, excerpt};
use super::graph::now;
use super::openapi::example;
use super::params::{PathFormat, ScopeParams, TraceFormatParams, trace_query};
use super::state::AppState;
use crate::export::critical_path::{CriticalPathDocument, to_json};
use crate::export::text::TextOptions;
use crate::export::timeline::to_timeline;
use crate::model::TraceId;

/// What one request waited for, instant by instant; of the traces that flows keep.
#[utoipa::path(
    get, path = "/api/v1/traces/{id}", tag = "graph",
    params(
        ("id" = String, Path, description = "A trace of the `exemplars` in `/api/v1/flows`: hex digits of any case, 64 or 128 bits, a UUID or a traceparent", example = "0af7651916cd43dd8448eb211c80319c"),
        ScopeParams, TraceFormatParams,
    ),
    responses(
        (status = 200, description = "The critical path", content(
            (CriticalPathDocument = "application/json", example = json!(example("critical_path"))),
            (String = "text/plain"),
        )),
        (status = 304, description = "Unchanged since the tag in `If-None-Match`"),
        (status = 400, description = "The id is none, or a parameter is unknown or has a bad value", body = ErrorDocument),
        (status = 404, description = "No flow of the range keeps the trace; the message names one that is kept", body = ErrorDocument),
        (status = 406, description = "`Accept` excludes all that is offered", body = ErrorDocument),
        (status = 409, description = "The range is not sealed up to `as_of`", body = ErrorDocument),
        (status = 410, description = "The range of `as_of` begins before what is kept, is rolled up (the message has the nearest one that exists), or is damaged", body = ErrorDocument),
        (status = 503, description = "Too many answers at a time, or it took too long", body = ErrorDocument),
    )
)]
pub(super) async fn trace(
    State(state): State<AppState>,
    trace: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, ApiError> {
    let Path(trace) = trace.map_err(|problem| ApiError::invalid(excerpt(&problem.body_text())))?;
    let trace: TraceId = trace.parse().map_err(|problem| ApiError::invalid(format!("`id`: {problem}")))?;
    let (query, named) = trace_query(&uri, now())?;
    let format = PathFormat::choose(named, &headers, &[PathFormat::Json, PathFormat::Text])?;
    let keep = Keep::of(query.as_of, query.range);
    let ask = move |answers: &dyn super::state::Answers| {
        let document = answers.trace(trace, &query)?;
        Ok(match format {
            PathFormat::Text => to_timeline(&document, &TextOptions::default()),
            _ => to_json(&document),
        })
    };
    let body = state.ask(ask).await?;
    Ok(accept::varied(conditional::answer(&headers, keep, format.media_type(), body)))
}
