//! HTTP: routes to answers. Reads snapshots and counters, never writes.
//!
//! Enters: an [`AppState`] whose [`Answers`] know the live graph. Leaves: one [`router()`] for a listener.
//! Guaranteed: every route is in `/openapi.json`, every error is `{"error":{"code","message"}}`,
//! at most [`MAX_QUERIES`] answers are computed at a time and none is waited for longer than [`REQUEST_TIMEOUT`].

mod accept;
mod conditional;
mod critical_paths;
mod error;
mod flows;
mod graph;
mod health;
mod instant;
mod metrics;
mod openapi;
mod page;
mod params;
mod readiness;
mod router;
mod state;
mod status;
mod traces;
mod words;

#[cfg(test)]
mod tests;

pub use instant::parse_instant;
pub use params::{parse_graph_query, parse_path_query};
pub use readiness::{Observation, Readiness, ReadinessDocument, Verdict};
pub use router::{REQUEST_TIMEOUT, router, serve};
pub use state::{Answers, AppState, MAX_QUERIES, Settings};
pub use status::{GraphStatus, LimitedBy, MissingRow, StoreStatus};
