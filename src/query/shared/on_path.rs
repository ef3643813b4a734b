//! What critical paths say of each node and edge of a graph.

use std::collections::BTreeMap;

use super::options::SharedOptions;
use super::profile::{NodeName, Profiles};
use super::ranking::Numbers;
use super::segments::{Level, Miner, Segment};
use super::tree::Forest;
use crate::model::NodeId;

/// What critical paths say of a node, or of an edge between two that follow each other on a path.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct OnPath {
    /// Flows with enough requests on whose critical path it surely lies.
    pub flows: usize,
    /// Its own time, as a share of the critical time of all flows (V); of an edge, with that of its two ends.
    pub share: f64,
    /// How widely it is shared, as for a segment of one or two nodes.
    pub score: f64,
    /// Effective number of these flows.
    pub effective_flows: f64,
    /// Time at and below it (of an edge: its callee), as a share of the critical time of all flows.
    pub through: f64,
    /// Requests that wait there, on average at any moment.
    pub in_flight: f64,
}

/// By node and edge at the level asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PathNumbers {
    /// By node id.
    pub nodes: BTreeMap<String, OnPath>,
    /// By the ids of caller and callee.
    pub edges: BTreeMap<(String, String), OnPath>,
}

/// The numbers of every node and edge on a critical path, shared or not, under the level that `name` chooses.
pub fn on_path(
    profiles: &Profiles,
    options: &SharedOptions,
    name: &mut dyn FnMut(NodeId) -> NodeName,
) -> PathNumbers {
    let forest = Forest::new(profiles, name);
    let miner = Miner::new(&forest, options, 0);
    let mut nodes = miner.single_nodes(true);
    let edges = miner.longer(&mut nodes);
    let id = |node: &u32| forest.names[*node as usize].id.clone();
    PathNumbers {
        nodes: of_nodes(&miner, &nodes).map(|(node, numbers)| (id(&node), numbers)).collect(),
        edges: edges
            .segments
            .iter()
            .map(|segment| {
                let ends = edges.nodes(&forest, segment);
                ((id(&ends[0]), id(&ends[1])), numbers(&forest, segment))
            })
            .collect(),
    }
}

/// The numbers of each node of a level of single nodes.
pub(super) fn of_nodes<'a>(miner: &'a Miner, nodes: &'a Level) -> impl Iterator<Item = (u32, OnPath)> {
    let numbered = |segment| (nodes.nodes(miner.forest, segment)[0], numbers(miner.forest, segment));
    nodes.segments.iter().map(numbered)
}

fn numbers(forest: &Forest, segment: &Segment) -> OnPath {
    let numbers = Numbers::of(forest, &segment.sums);
    OnPath {
        flows: segment.sums.sharing,
        share: numbers.volume,
        score: numbers.score,
        effective_flows: numbers.effective_flows,
        through: numbers.through,
        in_flight: numbers.in_flight,
    }
}
