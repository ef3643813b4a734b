//! Answers about critical paths: what flows share, where the requests of one of them wait, and what lies on the paths.

use std::collections::BTreeSet;

use super::answer::read;
use super::notes;
use super::profiles::{NodeNames, profiles};
use super::request::{PathQuery, QueryError};
use super::shared::{self, FlowView, Profiles, River, SharedPaths};
use crate::config::SharedConfig;
use crate::graph::Totals;
use crate::lane::Dropped;
use crate::model::{Minute, UnixNanos};
use crate::store::{Reading, Timeline};

/// An answer about critical paths, and the time it stands for.
pub struct PathAnswer<T> {
    /// The question.
    pub query: PathQuery,
    /// First minute answered.
    pub from: Minute,
    /// First minute after the answer.
    pub to: Minute,
    /// First minute whose numbers may still change.
    pub provisional_from: Option<Minute>,
    /// Sums over all of the range.
    pub totals: Totals,
    /// What did not reach a lane in the range, by reason.
    pub dropped: Dropped,
    /// Why the range is not whole, in words.
    pub notes: Vec<String>,
    /// The answer.
    pub paths: T,
}

/// What the flows of a range share on their critical paths, and the river that this makes.
///
/// # Errors
/// [`QueryError`].
pub fn shared_paths(
    timeline: &Timeline,
    query: &PathQuery,
    config: &SharedConfig,
    now: UnixNanos,
) -> Result<PathAnswer<(SharedPaths, River)>, QueryError> {
    let question = Question::read(timeline, query, config, now)?;
    let mut names = question.names();
    let mut name = |node| names.name(node);
    let paths = shared::shared_paths(&question.profiles, &query.options(config), &mut name);
    let river = shared::river(&question.profiles, &paths, &mut name);
    drop(names);
    Ok(question.answer((paths, river)))
}

/// Where the requests of one flow wait; `flow` is its id, or a name that only one flow has.
///
/// # Errors
/// [`QueryError`]; [`QueryError::UnknownFlow`] where there is no such flow in the range.
pub fn flow_path(
    timeline: &Timeline,
    flow: &str,
    query: &PathQuery,
    config: &SharedConfig,
    now: UnixNanos,
) -> Result<PathAnswer<FlowView>, QueryError> {
    let question = Question::read(timeline, query, config, now)?;
    let id = find(&question.profiles, flow)?;
    let mut names = question.names();
    let view = shared::flow_view(&question.profiles, &id, &query.options(config), &mut |node| names.name(node));
    drop(names);
    let view = view.ok_or_else(|| unknown(&question.profiles, flow))?;
    Ok(question.answer(view))
}

/// What was read for a question.
struct Question<'a> {
    timeline: &'a Timeline,
    query: &'a PathQuery,
    reading: Reading,
    profiles: Profiles,
}

impl<'a> Question<'a> {
    fn read(
        timeline: &'a Timeline,
        query: &'a PathQuery,
        config: &SharedConfig,
        now: UnixNanos,
    ) -> Result<Question<'a>, QueryError> {
        let reading = read(timeline, query.flows.range, query.flows.as_of, now)?;
        let profiles = profiles(&reading, timeline.live.symbols(), &query.flows, config);
        Ok(Question { timeline, query, reading, profiles })
    }

    fn names(&self) -> NodeNames<'_> {
        NodeNames::new(&self.reading, self.timeline.live.symbols(), self.query.level)
    }

    fn answer<T>(&self, paths: T) -> PathAnswer<T> {
        let reading = &self.reading;
        PathAnswer {
            query: self.query.clone(),
            from: reading.from,
            to: reading.to,
            provisional_from: reading.provisional_from,
            totals: reading.bucket.totals,
            dropped: reading.bucket.inputs.dropped(),
            notes: notes::notes(reading),
            paths,
        }
    }
}

/// The id of the flow that is meant.
fn find(profiles: &Profiles, flow: &str) -> Result<String, QueryError> {
    let is_id = profiles.flows.iter().any(|profile| profile.id == flow);
    if is_id {
        return Ok(flow.to_string());
    }
    let of_name: BTreeSet<&str> =
        profiles.flows.iter().filter(|profile| *profile.name == *flow).map(|profile| &*profile.id).collect();
    match of_name.len() {
        1 => Ok(of_name.into_iter().collect()),
        0 => Err(unknown(profiles, flow)),
        _ => {
            let ids: Vec<String> = of_name.iter().map(|id| format!("`{id}`")).collect();
            Err(QueryError::UnknownFlow {
                flow: flow.to_string(),
                hint: format!("; several have this name: give one of {}", ids.join(", ")),
            })
        }
    }
}

fn unknown(profiles: &Profiles, flow: &str) -> QueryError {
    let names = profiles.flows.iter().flat_map(|profile| [&*profile.id, &*profile.name]);
    let nearest = names.map(|name| (strsim::damerau_levenshtein(flow, name), name)).min();
    let hint = match nearest {
        Some((distance, name)) if distance <= 1 + flow.len() / 3 => format!("; did you mean `{name}`?"),
        _ => format!("; it has {} flows", profiles.flows.len()),
    };
    QueryError::UnknownFlow { flow: flow.to_string(), hint }
}
