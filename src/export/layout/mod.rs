//! Places nodes and routes edges: a layered drawing from left to right, of sizes alone.
//!
//! A graph of rectangles goes in, positions and curves come out.
//! The order of nodes and edges in the input changes nothing: both are sorted by their keys first.
//!
//! Our own, without a crate and without Graphviz: see docs/decisions/0011.
//! Its work is bounded by rounds, not by time, so equal graphs give equal layouts on every machine.

mod cycles;
mod layered;
mod order;
mod place;
mod ranks;

pub(in crate::export) use cycles::reversed;
pub(in crate::export) use order::order;
pub(in crate::export) use place::place;
pub(in crate::export) use ranks::ranks;

/// What is to be drawn. Lengths are pixels.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Graph {
    /// Rectangles.
    pub nodes: Vec<Node>,
    /// Arrows; those of a node to itself are allowed, and several between the same nodes.
    pub edges: Vec<Edge>,
}

/// A rectangle to place.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Unique; decides ties.
    pub key: String,
    /// From left to right, above 0.
    pub width: f64,
    /// From top to bottom, above 0.
    pub height: f64,
}

/// An arrow to route.
#[derive(Clone, Debug, PartialEq)]
pub struct Edge {
    /// Unique among the edges of the same two nodes; decides ties.
    pub key: String,
    /// Index of the node it leaves.
    pub from: usize,
    /// Index of the node it reaches.
    pub to: usize,
    /// The lighter edge of a cycle is drawn backwards.
    pub weight: u64,
    /// How thick its line is: other lines keep off.
    pub thickness: f64,
    /// Width and height of its label, which gets a place of its own.
    pub label: Option<(f64, f64)>,
}

/// A point; x grows to the right, y downwards.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Point {
    /// From the left edge.
    pub x: f64,
    /// From the top edge.
    pub y: f64,
}

impl Point {
    /// A point.
    pub fn new(x: f64, y: f64) -> Point {
        Point { x, y }
    }
}

/// A placed rectangle.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rect {
    /// Left edge.
    pub x: f64,
    /// Top edge.
    pub y: f64,
    /// From left to right.
    pub width: f64,
    /// From top to bottom.
    pub height: f64,
}

/// A routed edge: a chain of cubic Bézier curves.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Route {
    /// The start, then three points a curve: two to steer by, one to end at.
    pub points: Vec<Point>,
    /// Where the label stands, for edges that have one.
    pub label: Option<Rect>,
}

/// Where everything stands, in the order of the input; all of it lies within 0 to `width` and 0 to `height`.
#[derive(Clone, Debug, PartialEq)]
pub struct Layout {
    /// From left to right.
    pub width: f64,
    /// From top to bottom.
    pub height: f64,
    /// The nodes.
    pub nodes: Vec<Rect>,
    /// The edges.
    pub edges: Vec<Route>,
}

/// Lays a graph out.
pub fn lay_out(graph: &Graph) -> Layout {
    let (sorted, nodes, edges) = sorted(graph);
    let layout = layered::lay_out(&sorted);
    Layout {
        nodes: nodes.iter().map(|at| layout.nodes[*at]).collect(),
        edges: edges.iter().map(|at| layout.edges[*at].clone()).collect(),
        ..layout
    }
}

/// The graph in the order of its keys, and the place in it of each node and each edge of the input.
fn sorted(graph: &Graph) -> (Graph, Vec<usize>, Vec<usize>) {
    let nodes = by(graph.nodes.len(), |index| &graph.nodes[index].key);
    let places = inverse(&nodes);
    let edges = by(graph.edges.len(), |index| {
        let edge = &graph.edges[index];
        (places[edge.from], places[edge.to], &edge.key)
    });
    let moved = |edge: &Edge| Edge { from: places[edge.from], to: places[edge.to], ..edge.clone() };
    let sorted = Graph {
        nodes: nodes.iter().map(|index| graph.nodes[*index].clone()).collect(),
        edges: edges.iter().map(|index| moved(&graph.edges[*index])).collect(),
    };
    (sorted, places, inverse(&edges))
}

fn by<K: Ord>(len: usize, key: impl Fn(usize) -> K) -> Vec<usize> {
    let mut order: Vec<usize> = (0..len).collect();
    order.sort_by_key(|index| key(*index));
    order
}

fn inverse(order: &[usize]) -> Vec<usize> {
    let mut places = vec![0; order.len()];
    for (place, index) in order.iter().enumerate() {
        places[*index] = place;
    }
    places
}

#[cfg(test)]
mod tests;
