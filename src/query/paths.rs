//! Answers about critical paths: what flows share, where the requests of one of them wait, and what lies on the paths.

use std::collections::BTreeSet;

use super::answer::read;
use super::coverage::Coverage;
use super::flows::{FlowName, find_flow, flow_id, unknown_flow};
use super::profiles::{NodeNames, flow_name, profiles, tell_apart};
use super::request::{FlowQuery, PathQuery, QueryError};
use super::shared::{self, ContextView, FlowView, Profiles, River, SharedOptions, SharedPaths};
use super::snapshot::GraphSnapshot;
use super::traces::{Exemplar, exemplars};
use crate::config::{Config, SharedConfig};
use crate::graph::{FlowKey, FlowTraces};
use crate::model::{Symbols, UnixNanos};
use crate::store::{Reading, Timeline};

const NANOS_PER_SECOND: UnixNanos = 1_000_000_000;

/// An answer about critical paths, and the time it stands for.
pub struct PathAnswer<T> {
    /// The question.
    pub query: PathQuery,
    /// What was read.
    pub coverage: Coverage,
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
    let mut question = Question::read(timeline, query, config, now)?;
    tell_apart(&mut question.profiles.flows);
    let mut names = question.names();
    let mut name = |node| names.name(node);
    let paths = shared::shared_paths(&question.profiles, &query.options(config), &mut name);
    let river = shared::river(&question.profiles, &paths, &mut name);
    drop(names);
    Ok(question.answer((paths, river)))
}

/// Where the requests of one flow wait, and the traces of it that can be opened, the slowest first; `flow` is its id, or
/// a name that only one flow has.
///
/// # Errors
/// [`QueryError`]; [`QueryError::UnknownFlow`] where there is no such flow in the range.
pub fn flow_path(
    timeline: &Timeline,
    flow: &str,
    query: &PathQuery,
    config: &Config,
    now: UnixNanos,
) -> Result<PathAnswer<(FlowView, Vec<Exemplar>)>, QueryError> {
    let mut question = Question::read(timeline, query, &config.shared, now)?;
    let id = find_flow(names_of(&question.profiles), flow)?;
    let kept = question.traces(&id);
    let exemplars = exemplars(timeline, &question.reading, &query.flows, &kept, config)?;
    tell_apart(&mut question.profiles.flows);
    let mut names = question.names();
    let options = query.options(&config.shared);
    let view = shared::flow_view(&question.profiles, &id, &options, &mut |node| names.name(node));
    drop(names);
    let view = view.ok_or_else(|| unknown_flow(names_of(&question.profiles), flow))?;
    Ok(question.answer((view, exemplars)))
}

/// Tells the nodes and edges of a graph what critical paths say of them, and marks those of the flow asked for.
pub(super) fn mark(
    snapshot: &mut GraphSnapshot,
    reading: &Reading,
    symbols: &Symbols,
    config: &SharedConfig,
) -> Result<(), QueryError> {
    let query = &snapshot.query;
    // Edges have an end in a namespace, whatever namespace the flows come from.
    let flows = FlowQuery {
        range: query.range,
        as_of: query.as_of,
        environment: query.environment.clone(),
        namespace: None,
    };
    // Numbers on a graph are shares: no rate, so no length of the range.
    let profiles = profiles(reading, symbols, &flows, config, 1.0);
    let mut names = NodeNames::new(reading, symbols, query.level);
    let options = SharedOptions::from_config(config);
    let numbers = shared::on_path(&profiles, &options, &mut |node| names.name(node));
    let marked = match &query.flow {
        None => None,
        Some(flow) => {
            let id = find_flow(names_of(&profiles), flow)?;
            shared::flow_view(&profiles, &id, &options, &mut |node| names.name(node))
        }
    };
    // The odd slow request takes another way: that is not the path of the flow.
    let is_usual = |context: &&ContextView| context.presence >= options.min_presence;
    let contexts = marked.iter().flat_map(|view| &view.contexts).filter(is_usual);
    let nodes: BTreeSet<&str> = contexts.map(|context| context.node.id.as_str()).collect();
    let edges: BTreeSet<(&str, &str)> =
        marked.iter().flat_map(|view| calls_of(view, options.min_presence)).collect();
    let graph = &mut snapshot.graph;
    for edge in graph.edge_indices() {
        let Some((caller, callee)) = graph.edge_endpoints(edge) else { continue };
        let ends = (graph[caller].id.clone(), graph[callee].id.clone());
        let is_marked = edges.contains(&(ends.0.as_str(), ends.1.as_str()));
        let entry = &mut graph[edge];
        // Nobody waits for what runs beside.
        entry.on_path = numbers.edges.get(&ends).copied().filter(|_| !entry.is_async);
        entry.is_marked = is_marked && !entry.is_async;
    }
    for entry in graph.node_weights_mut() {
        entry.on_path = numbers.nodes.get(&entry.id).copied();
        entry.is_marked = nodes.contains(entry.id.as_str());
    }
    Ok(())
}

/// Ids of caller and callee of the calls on a flow's critical path, in at least this share of its requests.
fn calls_of(view: &FlowView, min_presence: f64) -> impl Iterator<Item = (&str, &str)> {
    view.contexts.iter().filter(move |context| context.presence >= min_presence).filter_map(|context| {
        let caller = &view.contexts[context.parent?];
        Some((caller.node.id.as_str(), context.node.id.as_str()))
    })
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
        let seconds = seconds(timeline, &reading, query.flows.as_of, now);
        let profiles = profiles(&reading, timeline.live.symbols(), &query.flows, config, seconds);
        Ok(Question { timeline, query, reading, profiles })
    }

    fn names(&self) -> NodeNames<'_> {
        NodeNames::new(&self.reading, self.timeline.live.symbols(), self.query.level)
    }

    /// The traces that a flow keeps.
    fn traces(&self, id: &str) -> FlowTraces {
        let symbols = self.timeline.live.symbols();
        let is_meant = |key: &FlowKey| {
            flow_id(&symbols.nodes.get(key.service.0), &symbols.text(key.name), symbols) == id
        };
        let found = self.reading.bucket.flows.iter().find(|(key, _)| is_meant(key));
        found.map(|(_, stats)| stats.traces.clone()).unwrap_or_default()
    }

    fn answer<T>(&self, paths: T) -> PathAnswer<T> {
        PathAnswer { query: self.query.clone(), coverage: Coverage::of(&self.reading), paths }
    }
}

/// Length of the time in which requests could be counted: a range may begin before the first of all, and end after now.
fn seconds(timeline: &Timeline, reading: &Reading, as_of: Option<UnixNanos>, now: UnixNanos) -> f64 {
    let (mut from, mut to) = (reading.from.start_nanos(), reading.to.start_nanos());
    if as_of.is_none() {
        from = from.max(timeline.ends().map_or(0, |(first, _)| first.start_nanos()));
        to = to.min(now);
    }
    to.saturating_sub(from).max(NANOS_PER_SECOND) as f64 / NANOS_PER_SECOND as f64
}

fn names_of(profiles: &Profiles) -> impl Iterator<Item = FlowName<'_>> + Clone {
    profiles.flows.iter().map(flow_name)
}
