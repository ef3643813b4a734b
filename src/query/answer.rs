//! From a question to its answer on the live graph; `now` is an argument, so an answer is a function of both.

use super::flows::{FlowsSnapshot, select_flows};
use super::request::{FlowQuery, GraphQuery, QueryError, TimeRange};
use super::select::select;
use super::snapshot::GraphSnapshot;
use crate::graph::LiveGraph;
use crate::model::time::{NANOS_PER_MINUTE, rfc3339};
use crate::model::{Minute, UnixNanos};

/// The graph of a range.
///
/// # Errors
/// [`QueryError::EmptyRange`], [`QueryError::UnknownFocus`].
pub fn graph(live: &LiveGraph, query: &GraphQuery, now: UnixNanos) -> Result<GraphSnapshot, QueryError> {
    let (from, to) = minutes(query.range, live, now)?;
    select(&live.read(from, to), live.symbols(), query)
}

/// The flows of a range.
///
/// # Errors
/// [`QueryError::EmptyRange`].
pub fn flows(live: &LiveGraph, query: &FlowQuery, now: UnixNanos) -> Result<FlowsSnapshot, QueryError> {
    let (from, to) = minutes(query.range, live, now)?;
    Ok(select_flows(&live.read(from, to), live.symbols(), query))
}

/// The whole minutes that hold a range.
fn minutes(range: TimeRange, live: &LiveGraph, now: UnixNanos) -> Result<(Minute, Minute), QueryError> {
    let after = |at: UnixNanos| Minute(u32::try_from(at.div_ceil(NANOS_PER_MINUTE)).unwrap_or(u32::MAX));
    match range {
        TimeRange::Window(length) => {
            let length = u64::try_from(length.as_nanos()).unwrap_or(u64::MAX);
            // The current minute is part of the window, and traces that began just now are in it.
            Ok((Minute::of(now.saturating_sub(length)), Minute(Minute::of(now).0 + 1)))
        }
        TimeRange::Between { from, to } if from < to => Ok((Minute::of(from), after(to))),
        TimeRange::Between { from, to } => {
            Err(QueryError::EmptyRange { from: rfc3339(from), to: rfc3339(to) })
        }
        TimeRange::All => {
            let now = Minute::of(now);
            let (first, last) = live.ends().unwrap_or((now, now));
            Ok((first, Minute(last.0.saturating_add(1))))
        }
    }
}
