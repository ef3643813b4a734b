//! The table of routes, and what every answer has in common.
//!
//! Limits: a request is answered within [`REQUEST_TIMEOUT`]; bodies are never read (all is GET);
//! the size of a request's head is hyper's default (100 headers, about 400 KiB).

use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use tokio::net::TcpListener;

use super::error::{ApiError, excerpt};
use super::state::AppState;
use super::{critical_paths, flows, graph, health, metrics, openapi, page, status, traces};

/// An answer that takes longer is not waited for.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// All routes, over a state that is shared with them.
pub fn router(state: AppState) -> Router {
    let routes = endpoints().into_iter();
    routes
        .fold(Router::new(), |router, (path, handler)| router.route(path, handler))
        .fallback(unknown_endpoint)
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn(frame))
        .with_state(state)
}

/// Serves all routes until `ended`, then lets the answers under way end.
///
/// # Errors
/// Where the listener fails.
pub async fn serve(
    listener: TcpListener,
    state: AppState,
    ended: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    axum::serve(listener, router(state)).with_graceful_shutdown(ended).await
}

/// Every path with its handler; `/openapi.json` describes the same ones.
pub(super) fn endpoints() -> [(&'static str, MethodRouter<AppState>); 15] {
    [
        ("/", get(page::page)),
        ("/api/v1/graph", get(graph::graph)),
        ("/api/v1/graph.json", get(graph::graph_json)),
        ("/api/v1/graph.dot", get(graph::graph_dot)),
        ("/api/v1/graph.svg", get(graph::graph_svg)),
        ("/api/v1/flows", get(flows::flows)),
        ("/api/v1/flows/{id}/critical-path", get(critical_paths::of_flow)),
        ("/api/v1/critical-paths/shared", get(critical_paths::shared)),
        ("/api/v1/critical-paths/river.svg", get(critical_paths::river)),
        ("/api/v1/traces/{id}", get(traces::trace)),
        ("/api/v1/status", get(status::status)),
        ("/openapi.json", get(openapi::openapi)),
        ("/healthz", get(health::healthz)),
        ("/readyz", get(health::readyz)),
        ("/metrics", get(metrics::metrics)),
    ]
}

async fn unknown_endpoint(uri: Uri) -> ApiError {
    let endpoints = endpoints().map(|(path, _)| path).join(", ");
    ApiError::UnknownEndpoint { path: excerpt(uri.path()), endpoints }
}

async fn wrong_method(method: Method) -> ApiError {
    ApiError::Method { method: excerpt(method.as_str()) }
}

/// Around every answer: the time limit, and headers that do not depend on the route.
async fn frame(request: Request, next: Next) -> Response {
    let is_api = request.uri().path().starts_with("/api/") || request.uri().path() == "/openapi.json";
    let mut response = if is_api && request.method() == Method::OPTIONS {
        preflight()
    } else {
        match tokio::time::timeout(REQUEST_TIMEOUT, next.run(request)).await {
            Ok(response) => response,
            Err(_) => ApiError::TimedOut { seconds: REQUEST_TIMEOUT.as_secs() }.into_response(),
        }
    };
    let mut set = |name: HeaderName, value| {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    };
    set(header::CACHE_CONTROL, "no-store");
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    if is_api {
        // Reading is all that is possible, and no request carries credentials: any page may do it.
        set(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*");
        set(header::ACCESS_CONTROL_EXPOSE_HEADERS, "etag, retry-after");
    }
    response
}

fn preflight() -> Response {
    let headers = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "accept, if-none-match"),
        (header::ACCESS_CONTROL_MAX_AGE, "86400"),
    ];
    (StatusCode::NO_CONTENT, headers).into_response()
}
