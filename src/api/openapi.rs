//! `/openapi.json`: the description of the endpoints, generated from their handlers and documents.

use axum::http::HeaderMap;
use axum::response::Response;
use serde_json::Value;
use utoipa::OpenApi;

use super::conditional::{self, Keep};
use super::error::ApiError;
use super::graph::{JSON, to_json};
use super::{critical_paths, flows, graph, health, metrics, page, status, traces};

/// All endpoints; a test compares them with the router.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Linchpin",
        description = "A live service dependency graph from trace spans in Kafka. All endpoints only read. Errors are `{\"error\":{\"code\",\"message\"}}`; fields may be added to a document within its schema version, none is renamed or removed."
    ),
    paths(
        page::page,
        graph::graph,
        graph::graph_json,
        graph::graph_dot,
        graph::graph_svg,
        flows::flows,
        critical_paths::of_flow,
        critical_paths::shared,
        critical_paths::river,
        traces::trace,
        status::status,
        openapi,
        health::healthz,
        health::readyz,
        metrics::metrics
    ),
    tags(
        (name = "graph", description = "What depends on what"),
        (name = "operation", description = "How linchpin itself does")
    )
)]
pub(super) struct Description;

/// This description.
#[utoipa::path(
    get, path = "/openapi.json", tag = "operation",
    responses((status = 200, description = "OpenAPI 3.1", body = Object, content_type = "application/json"))
)]
pub(super) async fn openapi(headers: HeaderMap) -> Result<Response, ApiError> {
    Ok(conditional::answer(&headers, Keep::AskAgain, JSON, to_json(&Description::openapi())?))
}

/// An answer as an example; the files are compiled in and a test checks each against its schema.
pub(super) fn example(name: &str) -> Value {
    let text = match name {
        "graph" => include_str!("examples/graph.json"),
        "shared_paths" => include_str!("examples/shared_paths.json"),
        "flow_profile" => include_str!("examples/flow_profile.json"),
        "critical_path" => include_str!("examples/critical_path.json"),
        "flows" => include_str!("examples/flows.json"),
        "status" => include_str!("examples/status.json"),
        "ready" => include_str!("examples/ready.json"),
        "catching_up" => include_str!("examples/catching_up.json"),
        _ => include_str!("examples/error.json"),
    };
    serde_json::from_str(text).unwrap_or_default()
}
