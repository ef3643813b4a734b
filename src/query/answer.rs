//! From a question to its answer on the live graph; `now` is an argument, so an answer is a function of both.

use super::flow_graph::is_called;
use super::flows::{FlowsSnapshot, select_flows};
use super::paths::mark;
use super::request::{FlowQuery, GraphQuery, QueryError, TimeRange};
use super::select::select;
use super::snapshot::GraphSnapshot;
use crate::config::SharedConfig;
use crate::graph::FlowKey;
use crate::model::time::{NANOS_PER_MINUTE, rfc3339};
use crate::model::{Minute, UnixNanos};
use crate::store::{Reading, SealedRangeError, Timeline};

/// The graph of a range.
///
/// # Errors
/// [`QueryError`].
pub fn graph(
    timeline: &Timeline,
    query: &GraphQuery,
    config: &SharedConfig,
    now: UnixNanos,
) -> Result<GraphSnapshot, QueryError> {
    let symbols = timeline.live.symbols();
    let is_wanted = |key: &FlowKey| query.flow.as_ref().is_some_and(|flow| is_called(key, flow, symbols));
    let reading = read_with_calls(timeline, query.range, query.as_of, now, &is_wanted)?;
    let mut snapshot = select(&reading, symbols, query)?;
    mark(&mut snapshot, &reading, symbols, config)?;
    Ok(snapshot)
}

/// The flows of a range.
///
/// # Errors
/// [`QueryError`].
pub fn flows(timeline: &Timeline, query: &FlowQuery, now: UnixNanos) -> Result<FlowsSnapshot, QueryError> {
    let reading = read(timeline, query.range, query.as_of, now)?;
    Ok(select_flows(&reading, timeline.live.symbols(), query))
}

/// Everything in a range but for the calls of flows: of sealed minutes alone where `as_of` is given.
pub(super) fn read(
    timeline: &Timeline,
    range: TimeRange,
    as_of: Option<UnixNanos>,
    now: UnixNanos,
) -> Result<Reading, QueryError> {
    read_with_calls(timeline, range, as_of, now, &|_| false)
}

/// The same with the calls of those flows that are wanted.
fn read_with_calls(
    timeline: &Timeline,
    range: TimeRange,
    as_of: Option<UnixNanos>,
    now: UnixNanos,
    is_wanted: &dyn Fn(&FlowKey) -> bool,
) -> Result<Reading, QueryError> {
    let Some(as_of) = as_of else {
        let (from, to) = minutes(range, timeline, now)?;
        return timeline.read_with_calls(from, to, is_wanted).map_err(QueryError::store);
    };
    let (from, to) = sealed_minutes(range, timeline, as_of)?;
    timeline.read_sealed_with_calls(from, to, is_wanted).map_err(|error| match error {
        SealedRangeError::NotSealed { sealed_to } => QueryError::NotSealed {
            to: rfc3339(to.start_nanos()),
            hint: match sealed_to {
                Some(sealed_to) => format!("minutes are sealed up to {}", rfc3339(sealed_to.start_nanos())),
                None => "no minute is sealed yet".to_string(),
            },
        },
        SealedRangeError::TooFine { from: nearest_from, to: nearest_to } => QueryError::RolledUp {
            from: rfc3339(from.start_nanos()),
            to: rfc3339(to.start_nanos()),
            nearest_from: rfc3339(nearest_from.start_nanos()),
            nearest_to: rfc3339(nearest_to.start_nanos()),
        },
        SealedRangeError::NotKept { from: oldest } => {
            QueryError::NotKept { from: rfc3339(from.start_nanos()), oldest: rfc3339(oldest.start_nanos()) }
        }
        SealedRangeError::Damaged { key, problem } => {
            QueryError::Damaged { bucket: key.to_string(), problem }
        }
        SealedRangeError::Store(error) => QueryError::store(error),
    })
}

fn after(at: UnixNanos) -> Minute {
    Minute(u32::try_from(at.div_ceil(NANOS_PER_MINUTE)).unwrap_or(u32::MAX))
}

/// The whole minutes that hold a range.
fn minutes(range: TimeRange, timeline: &Timeline, now: UnixNanos) -> Result<(Minute, Minute), QueryError> {
    match range {
        TimeRange::Window(length) => {
            let length = u64::try_from(length.as_nanos()).unwrap_or(u64::MAX);
            // The current minute is part of the window, and traces that began just now are in it.
            Ok((Minute::of(now.saturating_sub(length)), after(now)))
        }
        TimeRange::Between { from, to } => between(from, to),
        TimeRange::All => {
            let now = Minute::of(now);
            let (first, last) = timeline.ends().unwrap_or((now, now));
            Ok((first, Minute(last.0.saturating_add(1))))
        }
    }
}

/// The whole minutes that hold a range which ends by `as_of` at the latest.
fn sealed_minutes(
    range: TimeRange,
    timeline: &Timeline,
    as_of: UnixNanos,
) -> Result<(Minute, Minute), QueryError> {
    let end = Minute::of(as_of);
    match range {
        TimeRange::Window(length) => {
            let length = u64::try_from(length.as_nanos()).unwrap_or(u64::MAX);
            Ok((Minute::of(end.start_nanos().saturating_sub(length)), end))
        }
        TimeRange::Between { to, .. } if after(to) > end => {
            Err(QueryError::BeyondAsOf { to: rfc3339(to), as_of: rfc3339(as_of) })
        }
        TimeRange::Between { from, to } => between(from, to),
        TimeRange::All => {
            let first = timeline.ends().map_or(end, |(first, _)| first);
            Ok((first.min(end), end))
        }
    }
}

fn between(from: UnixNanos, to: UnixNanos) -> Result<(Minute, Minute), QueryError> {
    match from < to {
        true => Ok((Minute::of(from), after(to))),
        false => Err(QueryError::EmptyRange { from: rfc3339(from), to: rfc3339(to) }),
    }
}
