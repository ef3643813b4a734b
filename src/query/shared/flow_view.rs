//! One flow from its root down: where its requests wait, and what of it other flows wait for as well.

use std::sync::Arc;

use super::measure::ratio;
use super::options::SharedOptions;
use super::profile::{NodeName, Profiles};
use super::ranking::unknown;
use super::segments::Miner;
use super::tree::{Context, Flow, Forest, NONE};
use crate::graph::Histogram;
use crate::model::NodeId;

/// One flow's critical time as a tree.
#[derive(Clone, Debug, PartialEq)]
pub struct FlowView {
    /// The flow's id.
    pub id: String,
    /// What was asked for.
    pub name: Arc<str>,
    /// Service of the root.
    pub service: Arc<str>,
    /// All requests of the flow.
    pub seen: u64,
    /// Requests with a whole path; the tree is theirs.
    pub requests: u64,
    /// Requests per second, corrected for sampling.
    pub per_second: f64,
    /// Mean duration of these requests, nanoseconds.
    pub mean_ns: f64,
    /// Critical time of all these requests, corrected for sampling, nanoseconds.
    pub total_ns: f64,
    /// Durations of all requests of the flow.
    pub latency: Histogram,
    /// A context that is not shown may have been on the path of this share of the requests, 0 to 1.
    pub hidden_presence: f64,
    /// Share of the time that is in no context, 0 to 1.
    pub other: f64,
    /// In pre-order; siblings by inclusive time, the longest first.
    pub contexts: Vec<ContextView>,
}

/// A calling context of a flow. Shares are of the flow's critical time, 0 to 1.
#[derive(Clone, Debug, PartialEq)]
pub struct ContextView {
    /// Where it is.
    pub node: NodeName,
    /// Index of the context it was called from.
    pub parent: Option<usize>,
    /// Contexts above it.
    pub depth: usize,
    /// Share of the requests with it on their path.
    pub presence: f64,
    /// The way into it, its own time and everything below.
    pub inclusive: f64,
    /// Its own time.
    pub exclusive: f64,
    /// The way into it: network and queues.
    pub gap: f64,
    /// Of `inclusive`, repeated attempts and the waits between.
    pub retry: f64,
    /// Of `inclusive`, what lies in contexts below it that are not kept.
    pub other: f64,
    /// Other flows with enough requests on whose critical path the node lies.
    pub other_flows: usize,
    /// Effective number of the flows that share the node's own time.
    pub effective_flows: f64,
}

/// One flow of these, under the level that `name` chooses; nothing where no flow has the id.
pub fn flow_view(
    profiles: &Profiles,
    id: &str,
    options: &SharedOptions,
    name: &mut dyn FnMut(NodeId) -> NodeName,
) -> Option<FlowView> {
    let forest = Forest::new(profiles, name);
    let place = forest.flows.iter().position(|flow| flow.profile.id == id)?;
    let flow = &forest.flows[place];
    let profile = flow.profile;
    let duration_ns = |time: u128| time as f64 / crate::model::WEIGHT_ONE as f64;
    let requests = duration_ns(profile.weight);
    Some(FlowView {
        id: profile.id.clone(),
        name: Arc::clone(&profile.name),
        service: Arc::clone(&profile.service),
        seen: profile.seen,
        requests: profile.requests,
        per_second: if forest.seconds > 0.0 { requests / forest.seconds } else { 0.0 },
        mean_ns: ratio(profile.duration, profile.weight),
        total_ns: duration_ns(profile.duration),
        latency: profile.latency.clone(),
        hidden_presence: ratio(profile.cut_weight, profile.weight).min(1.0),
        other: ratio(unknown(flow), profile.duration),
        contexts: contexts(&forest, place, options),
    })
}

/// How a node is shared, as one flow sees it.
#[derive(Clone, Copy, Default)]
struct Sharing {
    other_flows: usize,
    effective_flows: f64,
}

fn sharing(forest: &Forest, place: usize, options: &SharedOptions) -> Vec<Sharing> {
    let miner = Miner::new(forest, options, 0);
    let level = miner.single_nodes(false);
    let mut sharing = vec![Sharing::default(); forest.names.len()];
    for (segment, (node, numbers)) in level.segments.iter().zip(super::on_path::of_nodes(&miner, &level)) {
        let is_own = miner.parts(&level, segment).any(|part| part.flow == place && part.is_sharing);
        sharing[node as usize] = Sharing {
            other_flows: numbers.flows - usize::from(is_own),
            effective_flows: numbers.effective_flows,
        };
    }
    sharing
}

fn contexts(forest: &Forest, place: usize, options: &SharedOptions) -> Vec<ContextView> {
    let flow = &forest.flows[place];
    let sharing = sharing(forest, place, options);
    let order = longest_first(&flow.contexts);
    let mut shown_at = vec![0; flow.contexts.len()];
    let mut views: Vec<ContextView> = Vec::with_capacity(order.len());
    for at in order {
        let context = &flow.contexts[at as usize];
        shown_at[at as usize] = views.len();
        let parent = (context.parent != NONE).then(|| shown_at[context.parent as usize]);
        let depth = parent.map_or(0, |parent: usize| views[parent].depth + 1);
        let sharing = sharing[context.node as usize];
        views.push(view(forest, flow, at, sharing, (parent, depth)));
    }
    views
}

fn view(
    forest: &Forest,
    flow: &Flow,
    at: u32,
    sharing: Sharing,
    (parent, depth): (Option<usize>, usize),
) -> ContextView {
    let context = &flow.contexts[at as usize];
    let share = |time| ratio(time, flow.profile.duration);
    let below: u128 = children(&flow.contexts, at).map(|child| flow.contexts[child as usize].inclusive).sum();
    ContextView {
        node: forest.names[context.node as usize].clone(),
        parent,
        depth,
        presence: ratio(context.weight, flow.profile.weight),
        inclusive: share(context.inclusive),
        exclusive: share(context.exclusive),
        gap: share(context.gap),
        retry: share(context.retry),
        other: share(context.inclusive.saturating_sub(context.gap + context.exclusive + below)),
        other_flows: sharing.other_flows,
        effective_flows: sharing.effective_flows,
    }
}

/// The contexts right below one.
fn children(contexts: &[Context], at: u32) -> impl Iterator<Item = u32> {
    let end = contexts[at as usize].end;
    siblings(contexts, at + 1, end)
}

/// A context and its later siblings, up to where their parent's subtree ends.
fn siblings(contexts: &[Context], first: u32, end: u32) -> impl Iterator<Item = u32> {
    let next = move |at: &u32| Some(contexts[*at as usize].end).filter(|next| *next < end);
    std::iter::successors(Some(first).filter(|first| *first < end), next)
}

/// Pre-order with siblings by inclusive time, the longest first, equal ones by node.
fn longest_first(contexts: &[Context]) -> Vec<u32> {
    let ascending = |mut places: Vec<u32>| {
        places.sort_by_key(|at| (contexts[*at as usize].inclusive, std::cmp::Reverse(*at)));
        places
    };
    let mut stack = ascending(siblings(contexts, 0, contexts.len() as u32).collect());
    let mut order = Vec::with_capacity(contexts.len());
    while let Some(at) = stack.pop() {
        order.push(at);
        stack.append(&mut ascending(children(contexts, at).collect()));
    }
    order
}
