//! `/healthz` and `/readyz`, for orchestrators and load balancers.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::openapi::example;
use super::readiness::ReadinessDocument;
use super::state::AppState;

/// 200 while the process serves; says nothing of the graph.
#[utoipa::path(
    get, path = "/healthz", tag = "operation",
    responses((status = 200, description = "The process serves", body = String, content_type = "text/plain", example = "ok\n"))
)]
pub(super) async fn healthz() -> &'static str {
    "ok\n"
}

/// Whether the graph is current: read to less than 30 s behind, and then not more than 60 s behind.
#[utoipa::path(
    get, path = "/readyz", tag = "operation",
    responses(
        (status = 200, description = "The graph is current", body = ReadinessDocument, example = json!(example("ready"))),
        (status = 503, description = "Why not, how far it is and how long it takes; the other endpoints answer meanwhile", body = ReadinessDocument, example = json!(example("catching_up"))),
    )
)]
pub(super) async fn readyz(State(state): State<AppState>) -> Response {
    let readiness = state.observe();
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(readiness)).into_response()
}
