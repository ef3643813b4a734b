//! `/api/v1/status`: what is read, what is kept, what is missing and what to do about it.
//!
//! Enters: the counters, the readiness, and [`GraphStatus`] from the live graph. Leaves: one document.
//! Guaranteed: no configuration but the three [`Settings`](super::Settings) is in it, so no secret can be.

mod clocks;
mod document;
mod fill;
mod hints;

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::error::{ApiError, ErrorDocument};
use super::openapi::example;
use super::params::{StatusParams, status_params};
use super::state::{AppState, now_ms};
use crate::model::Minute;
use document::StatusDocument;
use fill::status_document;

/// What bounds the minutes that are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LimitedBy {
    /// `store.retention`: older minutes were dropped, or none is that old yet.
    #[default]
    Age,
    /// `store.max_size`, or without a store `graph.memory`: minutes were dropped before their age.
    Size,
}

/// What the live graph knows of itself; the counters know the rest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GraphStatus {
    /// Traces whose session is open.
    pub pending_traces: u64,
    /// Their spans.
    pub pending_spans: u64,
    /// Memory of open sessions, bytes.
    pub pending_bytes: u64,
    /// Minutes that may still change.
    pub open_minutes: u64,
    /// Minutes that are sealed and not rolled up.
    pub sealed_minutes: u64,
    /// Memory of sealed minutes and roll-ups, bytes.
    pub bytes: u64,
    /// Oldest minute kept.
    pub oldest_minute: Option<Minute>,
    /// Newest minute with something in it.
    pub newest_minute: Option<Minute>,
    /// What bounds the minutes that are kept.
    pub limited_by: LimitedBy,
    /// The sealed minutes.
    pub store: StoreStatus,
    /// Services, databases, destinations and peers of the newest 15 minutes with spans.
    pub nodes: u64,
    /// Edges between them, at service level.
    pub edges: u64,
    /// What passed a limit and was counted as `other`, by the limit's name in the configuration, as `graph.max_edges`.
    pub capped: Vec<(String, u64)>,
    /// What could not be drawn, by service, over the newest 15 minutes with spans; any order, rows without a gap may be there.
    pub missing: Vec<MissingRow>,
}

/// The sealed minutes, and what is wrong with them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StoreStatus {
    /// The store's folder; none where everything is in memory.
    pub path: Option<String>,
    /// Everything before this instant is sealed (RFC 3339): `as_of` reaches up to it.
    pub sealed_to: Option<String>,
    /// Buckets by width.
    pub buckets: BTreeMap<String, u64>,
    /// Their bytes.
    pub bytes: u64,
    /// Buckets that wait in memory, as the store does not take them.
    pub waiting: u64,
    /// Why it does not take them.
    pub problem: Option<String>,
    /// Minutes sealed since the start of the process.
    pub sealed_minutes: u64,
    /// Their bytes.
    pub sealed_bytes: u64,
    /// Minutes whose content contradicts what an earlier run sealed.
    pub nondeterminism: u64,
    /// Times that the store did not take a bucket.
    pub refused: u64,
    /// Buckets that are damaged, and what is wrong.
    pub damaged: Vec<String>,
    /// Where this start went on, and what changed since.
    pub notes: Vec<String>,
}

/// What could not be drawn of one service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MissingRow {
    /// The service; empty for spans that name none.
    pub service: String,
    /// Its namespace, empty where none is known.
    pub namespace: String,
    /// Its environment, empty where none is known.
    pub environment: String,
    /// Spans seen.
    pub spans: u64,
    /// Spans whose parent is not in the trace.
    pub orphans: u64,
    /// Spans that came after their trace's session.
    pub tail_spans: u64,
    /// Calling spans without an answering span and without a peer attribute.
    pub clients_without_peer: u64,
    /// Links to spans of other traces, of which the other side was not found.
    pub cross_trace_links: u64,
    /// Calls of the service to itself that are left out.
    pub self_calls: u64,
}

/// The state of everything, and why an edge may be missing.
#[utoipa::path(
    get, path = "/api/v1/status", tag = "operation",
    params(StatusParams),
    responses(
        (status = 200, description = "The state", body = StatusDocument, example = json!(example("status"))),
        (status = 400, description = "A parameter is unknown", body = ErrorDocument),
    )
)]
pub(super) async fn status(
    State(state): State<AppState>,
    uri: Uri,
) -> Result<Json<StatusDocument>, ApiError> {
    let params = status_params(&uri)?;
    let graph = state.graph_status().await?;
    Ok(Json(status_document(&state, &graph, params.service.as_deref(), now_ms())))
}
