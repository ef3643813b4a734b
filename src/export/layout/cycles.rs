//! Which edges go backwards, so that the others make no cycle.
//!
//! Greedy feedback arc set (Eades, Lin, Smyth 1993), with weights, in each strongly connected component by itself:
//! an edge that lies on no cycle is never turned.

use std::collections::BTreeSet;

use petgraph::algo::kosaraju_scc;
use petgraph::graph::{DiGraph, NodeIndex};

/// For each edge (from, to, weight), whether it is turned; nodes are 0 to `nodes`.
/// Edges of a node to itself are never turned.
pub(in crate::export) fn reversed(nodes: usize, edges: &[(usize, usize, u64)]) -> Vec<bool> {
    let (component, sizes) = components(nodes, edges);
    let mut out = vec![Vec::new(); nodes];
    let mut into = vec![Vec::new(); nodes];
    for (from, to, weight) in edges.iter().filter(|(from, to, _)| from != to) {
        if component[*from] == component[*to] {
            out[*from].push((*to, i128::from(*weight).max(1)));
            into[*to].push((*from, i128::from(*weight).max(1)));
        }
    }
    let mut members = vec![Vec::new(); sizes.len()];
    for node in 0..nodes {
        members[component[node]].push(node);
    }
    let mut place = vec![0; nodes];
    for members in members.iter().filter(|members| members.len() > 1) {
        for (index, node) in sequence(members, &out, &into).into_iter().enumerate() {
            place[node] = index;
        }
    }
    let is_turned = |&(from, to, _): &(usize, usize, u64)| {
        component[from] == component[to] && from != to && place[from] > place[to]
    };
    edges.iter().map(is_turned).collect()
}

/// The component of each node, and their sizes.
fn components(nodes: usize, edges: &[(usize, usize, u64)]) -> (Vec<usize>, Vec<usize>) {
    let mut graph = DiGraph::<(), ()>::with_capacity(nodes, edges.len());
    for _ in 0..nodes {
        graph.add_node(());
    }
    for (from, to, _) in edges {
        graph.add_edge(NodeIndex::new(*from), NodeIndex::new(*to), ());
    }
    // Not Tarjan's, which petgraph does by recursion.
    let found = kosaraju_scc(&graph);
    let mut component = vec![0; nodes];
    for (index, members) in found.iter().enumerate() {
        members.iter().for_each(|member| component[member.index()] = index);
    }
    (component, found.iter().map(Vec::len).collect())
}

/// The nodes of a component in an order that few heavy edges go against: sinks last, sources first, of the
/// others the one that gives most more than it takes.
fn sequence(members: &[usize], out: &[Vec<(usize, i128)>], into: &[Vec<(usize, i128)>]) -> Vec<usize> {
    let sum = |edges: &[(usize, i128)]| edges.iter().map(|(_, weight)| weight).sum::<i128>();
    let nodes = out.len();
    let (mut gives, mut takes) = (vec![0; nodes], vec![0; nodes]);
    let mut left = BTreeSet::new();
    for node in members {
        (gives[*node], takes[*node]) = (sum(&out[*node]), sum(&into[*node]));
    }
    // Sorted by what comes next: a sink, a source, then the largest surplus; ties by number.
    let rank = |gives: i128, takes: i128| match (gives, takes) {
        (0, _) => (0, 0),
        (_, 0) => (1, 0),
        _ => (2, takes - gives),
    };
    for node in members {
        left.insert((rank(gives[*node], takes[*node]), *node));
    }
    let (mut first, mut last) = (Vec::new(), Vec::new());
    let mut is_left = vec![false; nodes];
    members.iter().for_each(|node| is_left[*node] = true);
    while let Some(((kind, _), node)) = left.pop_first() {
        is_left[node] = false;
        if kind == 0 {
            last.push(node)
        } else {
            first.push(node)
        }
        let neighbours =
            out[node].iter().map(|edge| (edge, true)).chain(into[node].iter().map(|edge| (edge, false)));
        for ((other, weight), is_out) in neighbours.filter(|((other, _), _)| is_left[*other]) {
            left.remove(&(rank(gives[*other], takes[*other]), *other));
            if is_out {
                takes[*other] -= weight
            } else {
                gives[*other] -= weight
            }
            left.insert((rank(gives[*other], takes[*other]), *other));
        }
    }
    last.reverse();
    first.append(&mut last);
    first
}
