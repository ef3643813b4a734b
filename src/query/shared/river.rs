//! Critical time as a river (ALGORITHMS 2, *Drawing*): from flows through the segments they share to what lies at the end.
//!
//! Each context is in at most one place: the best ranked segment that it belongs to, or, where nothing is called from
//! it, the database or external service that it is. What lies between places is passed through. Where segments overlap,
//! the later one keeps the nodes that the better one has not, and its time flows on into that.

use std::collections::{BTreeMap, BTreeSet};

use super::answer::SharedPaths;
use super::profile::{NodeName, Profiles};
use super::tree::{Context, Flow, Forest, NONE};
use crate::model::{NodeId, NodeKind, WEIGHT_ONE};

/// Critical time between flows, shared segments and where paths end.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct River {
    /// Flows with enough requests, the one with the most critical time first.
    pub flows: Vec<RiverFlow>,
    /// The nodes that each segment of [`SharedPaths::segments`] keeps; none where others have them all.
    pub segments: Vec<Vec<NodeName>>,
    /// Databases, destinations and external services that are in no segment, by id.
    pub leaves: Vec<NodeName>,
    /// By their ends.
    pub bands: Vec<Band>,
}

/// A flow of the river.
#[derive(Clone, Debug, PartialEq)]
pub struct RiverFlow {
    /// Its id.
    pub id: String,
    /// What was asked for.
    pub name: String,
    /// Service of the root.
    pub service: String,
    /// Requests with a whole path.
    pub requests: u64,
    /// These per second, corrected for sampling.
    pub per_second: f64,
}

/// One end of a band.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// Position in [`River::flows`].
    Flow(usize),
    /// Position in [`SharedPaths::segments`].
    Segment(usize),
    /// Position in [`River::leaves`].
    Leaf(usize),
    /// None of these.
    Elsewhere,
}

/// Critical time that passes from one place to the next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Band {
    /// Where it comes from.
    pub from: Place,
    /// Where it goes.
    pub to: Place,
    /// Requests that wait beyond it, on average at any moment.
    pub in_flight: f64,
    /// Effective number of flows in it.
    pub effective_flows: f64,
}

/// The river of these profiles, through the segments of `shared` that are more than an entry.
pub fn river(profiles: &Profiles, shared: &SharedPaths, name: &mut dyn FnMut(NodeId) -> NodeName) -> River {
    let forest = Forest::new(profiles, name);
    let segments = segments(&forest, shared);
    let enough = |flow: &&Flow| flow.profile.requests >= shared.options.min_requests;
    let mut flows: Vec<&Flow> = forest.flows.iter().filter(enough).collect();
    flows.sort_by_key(|flow| std::cmp::Reverse(flow.profile.duration));
    let leaves = leaves(&forest, &flows);
    let mut kept: BTreeSet<(usize, u32)> = BTreeSet::new();
    let mut widths: BTreeMap<(Place, Place), Vec<(usize, u128)>> = BTreeMap::new();
    for (number, flow) in flows.iter().enumerate() {
        let places = places(&forest, flow, &segments, &leaves);
        for (context, place) in flow.contexts.iter().zip(&places) {
            if let Some(Place::Segment(at)) = place {
                kept.insert((*at, context.node));
            }
        }
        for (ends, time) in bands_of(flow, &places, Place::Flow(number)) {
            widths.entry(ends).or_default().push((number, time));
        }
    }
    let bands = widths.into_iter().map(|((from, to), times)| {
        let shares =
            times.iter().map(|(flow, time)| *time as f64 / flows[*flow].profile.duration.max(1) as f64);
        let (sum, squares) = shares.fold((0.0, 0.0), |(sum, squares), s| (sum + s, squares + s * s));
        let time: u128 = times.iter().map(|(_, time)| time).sum();
        Band {
            from,
            to,
            in_flight: time as f64 / (WEIGHT_ONE as f64 * 1e9 * forest.seconds),
            effective_flows: if squares > 0.0 { sum * sum / squares } else { 0.0 },
        }
    });
    let mut names = vec![Vec::new(); shared.segments.len()];
    for (at, nodes) in &segments {
        let own = nodes.iter().filter(|node| kept.contains(&(*at, **node)));
        names[*at] = own.map(|node| forest.names[*node as usize].clone()).collect();
    }
    River {
        segments: names,
        bands: bands.filter(|band| band.in_flight > 0.0).collect(),
        leaves: leaves.iter().map(|node| forest.names[*node as usize].clone()).collect(),
        flows: flows.iter().map(|flow| river_flow(flow, forest.seconds)).collect(),
    }
}

fn river_flow(flow: &Flow, seconds: f64) -> RiverFlow {
    let profile = flow.profile;
    RiverFlow {
        id: profile.id.clone(),
        name: profile.name.to_string(),
        service: profile.service.to_string(),
        requests: profile.requests,
        per_second: profile.weight as f64 / (WEIGHT_ONE as f64 * seconds),
    }
}

/// The nodes of each segment, and its position.
fn segments(forest: &Forest, shared: &SharedPaths) -> Vec<(usize, Vec<u32>)> {
    let rank = |name: &NodeName| forest.names.binary_search_by(|other| other.id.cmp(&name.id)).ok();
    let nodes = |names: &[NodeName]| -> Option<Vec<u32>> {
        names.iter().map(|name| rank(name).map(|rank| rank as u32)).collect()
    };
    let segments = shared.segments.iter().enumerate().filter(|(_, segment)| !segment.is_entry);
    segments.filter_map(|(at, segment)| Some((at, nodes(&segment.nodes)?))).collect()
}

/// Nodes at the ends of paths that are no services, ascending.
fn leaves(forest: &Forest, flows: &[&Flow]) -> Vec<u32> {
    let contexts = flows.iter().flat_map(|flow| flow.contexts.iter().enumerate());
    let ends =
        contexts.filter(|(at, context)| context.end as usize == at + 1).map(|(_, context)| context.node);
    let mut leaves: Vec<u32> =
        ends.filter(|node| forest.names[*node as usize].kind != NodeKind::Service).collect();
    leaves.sort_unstable();
    leaves.dedup();
    leaves
}

/// The place of each context of a flow, where it has one.
fn places(
    forest: &Forest,
    flow: &Flow,
    segments: &[(usize, Vec<u32>)],
    leaves: &[u32],
) -> Vec<Option<Place>> {
    let contexts = &flow.contexts;
    let mut places: Vec<Option<Place>> = vec![None; contexts.len()];
    for (number, nodes) in segments {
        for end in 0..contexts.len() {
            for at in run_to(contexts, end, nodes).into_iter().flatten() {
                places[at].get_or_insert(Place::Segment(*number));
            }
        }
    }
    for (at, context) in contexts.iter().enumerate() {
        let is_end = context.end as usize == at + 1;
        if is_end && places[at].is_none() && forest.names[context.node as usize].kind != NodeKind::Service {
            places[at] = leaves.binary_search(&context.node).ok().map(Place::Leaf);
        }
    }
    places
}

/// The contexts of a run of nodes that ends at `end`, from there up.
fn run_to(contexts: &[Context], end: usize, nodes: &[u32]) -> Option<Vec<usize>> {
    let mut run = Vec::with_capacity(nodes.len());
    let mut at = end as u32;
    for node in nodes.iter().rev() {
        let context = contexts.get(at as usize).filter(|context| context.node == *node)?;
        run.push(at as usize);
        at = context.parent;
    }
    Some(run)
}

/// Time by the ends of what it passes between; what goes to no place from the flow itself goes elsewhere.
fn bands_of(flow: &Flow, places: &[Option<Place>], source: Place) -> BTreeMap<(Place, Place), u128> {
    let mut bands: BTreeMap<(Place, Place), u128> = BTreeMap::new();
    let mut at_or_above: Vec<Place> = Vec::with_capacity(places.len());
    for (context, place) in flow.contexts.iter().zip(places) {
        let above = if context.parent == NONE { source } else { at_or_above[context.parent as usize] };
        let here = place.unwrap_or(above);
        if here != above {
            *bands.entry((above, here)).or_default() += context.inclusive;
        }
        at_or_above.push(here);
    }
    let placed: u128 = bands.iter().filter(|((from, _), _)| *from == source).map(|(_, time)| time).sum();
    bands.insert((source, Place::Elsewhere), flow.profile.duration.saturating_sub(placed));
    bands
}
