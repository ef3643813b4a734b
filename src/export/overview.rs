//! The part of a large graph that a picture can show: the nodes that matter most, and what leads to them.
//!
//! Which nodes these are depends on their numbers and ids alone, not on the order of the document.
//! What is not shown is counted: in all, and at each node that has neighbours among it.

use std::cmp::Ordering;
use std::collections::{BTreeSet, HashSet};
use std::str::FromStr;

use hashbrown::HashMap;

use super::document::{EdgeDocument, GraphDocument, NodeDocument};
use super::number;

/// Up to so many nodes all are shown, unless less is asked for.
const READABLE: usize = 100;
/// Above, so many.
const FEW: usize = 60;
/// The same of edges: some forty namespaces can have more than a thousand.
const READABLE_EDGES: usize = 200;
const FEW_EDGES: usize = 120;

/// How many nodes a picture shows at most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MaxNodes {
    /// All up to 100, 60 of more; of more than 200 edges the strongest.
    #[default]
    Auto,
    /// All.
    All,
    /// So many, at least 1.
    Most(usize),
}

impl FromStr for MaxNodes {
    type Err = String;

    fn from_str(text: &str) -> Result<MaxNodes, String> {
        match (text, text.parse()) {
            ("auto", _) => Ok(MaxNodes::Auto),
            ("all", _) => Ok(MaxNodes::All),
            (digits, Ok(most)) if most > 0 && !digits.starts_with('+') => Ok(MaxNodes::Most(most)),
            _ => Err("give a number from 1, `auto` or `all`".to_owned()),
        }
    }
}

impl MaxNodes {
    /// The limit for a graph, where that does not show all of it.
    fn of(self, graph: &GraphDocument) -> Option<usize> {
        let nodes = graph.nodes.len();
        match self {
            MaxNodes::Auto if nodes > READABLE => Some(FEW),
            MaxNodes::Auto if graph.edges.len() > READABLE_EDGES => Some(nodes),
            MaxNodes::Auto | MaxNodes::All => None,
            MaxNodes::Most(most) => Some(most).filter(|most| *most < nodes),
        }
    }
}

/// Callers and callees of a node whose calls are not shown.
pub(super) type Hidden = [usize; 2];

/// Edges for each node that are shown, if that is more than `FEW_EDGES`: all of them can be a hairball again.
const EDGES_BY_NODE: usize = 2;

/// A part of a graph.
pub(super) struct Overview {
    /// The nodes that are shown, and the strongest edges between them.
    pub graph: GraphDocument,
    /// By id, of the nodes that have any.
    pub hidden: HashMap<String, Hidden>,
    /// How much it is: `60 of 1,238 nodes, 207 of 4,577 edges`.
    pub size: String,
    /// Which part it is, and how to get another: lines of text.
    pub words: [String; 2],
}

/// The part of the graph to show, where it is not all of it.
pub(super) fn overview(graph: &GraphDocument, max_nodes: MaxNodes) -> Option<Overview> {
    let most = max_nodes.of(graph)?;
    let is_chosen = Choice::new(graph).of(most);
    let of = |chosen: bool| {
        let nodes = graph.nodes.iter().zip(&is_chosen).filter(move |(_, is)| **is == chosen);
        nodes.map(|(node, _)| node)
    };
    let ids: HashSet<&str> = of(true).map(|node| node.id.as_str()).collect();
    let part = GraphDocument {
        nodes: of(true).cloned().collect(),
        edges: strongest(graph, &ids).cloned().collect(),
        schema: graph.schema.clone(),
        range: graph.range.clone(),
        level: graph.level.clone(),
        filter: graph.filter.clone(),
        completeness: graph.completeness.clone(),
    };
    let words = words(graph, &of(false).collect::<Vec<_>>());
    Some(Overview { size: size(graph, &part), words, hidden: hidden(graph, &part), graph: part })
}

/// What a choice of nodes depends on, by their places in the document.
struct Choice {
    /// The most important first.
    ranked: Vec<usize>,
    /// What the question names stays, whatever its numbers are.
    is_asked_for: Vec<bool>,
    /// Of each node, the one first through which it gets most critical time, then most calls.
    callers: Vec<Vec<usize>>,
    callees: Vec<Vec<usize>>,
}

impl Choice {
    fn new(graph: &GraphDocument) -> Choice {
        let nodes = &graph.nodes;
        let is_asked_for: Vec<bool> = nodes.iter().map(|node| is_asked_for(graph, node)).collect();
        let mut ranked: Vec<usize> = (0..nodes.len()).collect();
        ranked.sort_by(|a, b| {
            let asked = is_asked_for[*b].cmp(&is_asked_for[*a]);
            let [a, b] = [a, b].map(|at| &nodes[*at]);
            asked
                .then(own_share(b).total_cmp(&own_share(a)))
                .then(b.requests.cmp(&a.requests))
                .then(a.id.cmp(&b.id))
        });
        let places: HashMap<&str, usize> =
            nodes.iter().enumerate().map(|(at, node)| (node.id.as_str(), at)).collect();
        let place = |id: &str| places.get(id).copied();
        let ends = |edge| -> Option<(&EdgeDocument, usize, usize)> {
            let edge: &EdgeDocument = edge;
            Some((edge, place(&edge.caller)?, place(&edge.callee)?))
        };
        let mut edges: Vec<_> = graph.edges.iter().filter_map(ends).filter(|(_, a, b)| a != b).collect();
        edges.sort_by(|(a, ..), (b, ..)| strength(a, b));
        let mut callers = vec![Vec::new(); nodes.len()];
        let mut callees = vec![Vec::new(); nodes.len()];
        for (_, caller, callee) in edges {
            callers[callee].push(caller);
            callees[caller].push(callee);
        }
        Choice { ranked, is_asked_for, callers, callees }
    }

    /// At most so many nodes: one after the other by rank, each with what leads to it where that fits.
    fn of(&self, most: usize) -> Vec<bool> {
        let mut is_chosen = vec![false; self.ranked.len()];
        // Called by one that is chosen.
        let mut is_reached = vec![false; self.ranked.len()];
        let mut room = most;
        for node in &self.ranked {
            let way = if is_chosen[*node] { Vec::new() } else { self.way_to(*node, &is_reached, room) };
            let way = if way.len() > room { self.alone(*node, room) } else { way };
            room -= way.len();
            for node in way {
                is_chosen[node] = true;
                self.callees[node].iter().for_each(|callee| is_reached[*callee] = true);
            }
        }
        // All are in cycles of more than there is room for.
        if let Some(first) = self.ranked.first().filter(|_| room == most) {
            is_chosen[*first] = true;
        }
        is_chosen
    }

    /// What is asked for needs nothing that leads to it.
    fn alone(&self, node: usize, room: usize) -> Vec<usize> {
        if self.is_asked_for[node] && room > 0 { vec![node] } else { Vec::new() }
    }

    /// The node itself, then its strongest caller and so on, up to one that is reached already or that nobody calls;
    /// no more than one beyond the room for it.
    fn way_to(&self, node: usize, is_reached: &[bool], room: usize) -> Vec<usize> {
        let mut way = vec![node];
        let mut last = node;
        while !is_reached[last] && way.len() <= room {
            match self.callers[last].iter().find(|caller| !way.contains(caller)) {
                Some(caller) => last = *caller,
                None => break,
            }
            way.push(last);
        }
        way
    }
}

fn is_asked_for(graph: &GraphDocument, node: &NodeDocument) -> bool {
    let is_focus = graph.filter.get("focus").is_some_and(|focus| *focus == node.id || *focus == node.name);
    is_focus || node.critical.is_some_and(|on_path| on_path.marked)
}

fn own_share(node: &NodeDocument) -> f64 {
    node.critical.map_or(0.0, |on_path| on_path.share)
}

/// First the most critical time through it, then the most calls; ties by what it is.
fn strength(a: &EdgeDocument, b: &EdgeDocument) -> Ordering {
    let through = |edge: &EdgeDocument| edge.critical.map_or(0.0, |on_path| on_path.through);
    let ends = (&a.caller, &a.callee, &a.protocol, a.is_async);
    let other = (&b.caller, &b.callee, &b.protocol, b.is_async);
    through(b).total_cmp(&through(a)).then(b.calls.cmp(&a.calls)).then_with(|| ends.cmp(&other))
}

/// The edges between these nodes that are shown, in the document's order: of each node the strongest into it, or out
/// of it where there is none, and then the strongest of all.
fn strongest<'a>(
    graph: &'a GraphDocument,
    shown: &HashSet<&str>,
) -> impl Iterator<Item = &'a EdgeDocument> + use<'a> {
    let is_inside =
        |edge: &EdgeDocument| shown.contains(edge.caller.as_str()) && shown.contains(edge.callee.as_str());
    let mut inside: Vec<usize> = (0..graph.edges.len()).filter(|at| is_inside(&graph.edges[*at])).collect();
    inside.sort_by(|a, b| strength(&graph.edges[*a], &graph.edges[*b]));
    let mut is_called: HashSet<&str> = HashSet::new();
    let (into, others): (Vec<usize>, Vec<usize>) = inside.into_iter().partition(|at| {
        let edge = &graph.edges[*at];
        edge.caller != edge.callee && is_called.insert(&edge.callee)
    });
    let callers = into.iter().map(|at| graph.edges[*at].caller.as_str());
    let mut is_joined: HashSet<&str> = is_called.iter().copied().chain(callers).collect();
    let (out_of, others): (Vec<usize>, Vec<usize>) =
        others.into_iter().partition(|at| is_joined.insert(&graph.edges[*at].caller));
    let most = FEW_EDGES.max(EDGES_BY_NODE * shown.len());
    let more = most.saturating_sub(into.len() + out_of.len());
    let first = into.into_iter().chain(out_of);
    let mut kept: Vec<usize> = first.chain(others.into_iter().take(more)).collect();
    kept.sort_unstable();
    kept.into_iter().map(|at| &graph.edges[at])
}

fn pairs(graph: &GraphDocument) -> BTreeSet<[&str; 2]> {
    graph.edges.iter().map(|edge| [edge.caller.as_str(), edge.callee.as_str()]).collect()
}

fn hidden(graph: &GraphDocument, part: &GraphDocument) -> HashMap<String, Hidden> {
    let shown = pairs(part);
    let ids: HashSet<&str> = part.nodes.iter().map(|node| node.id.as_str()).collect();
    let mut hidden: HashMap<String, Hidden> = HashMap::new();
    for pair in pairs(graph).difference(&shown) {
        for (end, other) in [(0, 1), (1, 0)] {
            if ids.contains(pair[end]) {
                hidden.entry(pair[end].to_owned()).or_default()[other] += 1;
            }
        }
    }
    hidden
}

fn size(graph: &GraphDocument, part: &GraphDocument) -> String {
    let of = |part: usize, all: usize| [part, all].map(|size| number::count(size as u64)).join(" of ");
    let (nodes, edges) = (of(part.nodes.len(), graph.nodes.len()), of(part.edges.len(), graph.edges.len()));
    format!("{nodes} nodes, {edges} edges")
}

fn words(graph: &GraphDocument, others: &[&NodeDocument]) -> [String; 2] {
    let has_paths = graph.nodes.iter().any(|node| own_share(node) > 0.0);
    let (most, rest) = if has_paths {
        let share = others.iter().map(|node| own_share(node)).sum();
        ("the most critical time", format!("{} of it", number::percent(share)))
    } else {
        let requests = |nodes: &mut dyn Iterator<Item = &NodeDocument>| {
            nodes.map(|node| node.requests as f64).sum::<f64>()
        };
        let share = requests(&mut others.iter().copied()) / requests(&mut graph.nodes.iter()).max(1.0);
        ("the most requests", format!("{} of them", number::percent(share)))
    };
    let shown = match others.len() {
        0 => format!("shown: all nodes, and the calls with {most}"),
        _ => {
            let others = number::count(others.len() as u64);
            format!("shown: what has {most}, and what leads to it; the other {others} nodes have {rest}")
        }
    };
    let less = if graph.level == "namespace" { "a focus" } else { "level namespace, a focus, a flow" };
    [shown, format!("more: max_nodes, a number or all · less: {less} · everything: JSON, DOT")]
}

#[cfg(test)]
mod tests;
