//! Laws of the layout on random graphs, and sizes that recursion or squares would not survive.

use petgraph::algo::is_cyclic_directed;
use petgraph::graph::DiGraph;
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

fn node(index: usize, width: f64, height: f64) -> Node {
    Node { key: format!("n{index:05}"), width, height }
}

fn edge(key: usize, from: usize, to: usize) -> Edge {
    Edge { key: format!("{key:05}"), from, to, weight: 1, thickness: 1.0, label: None }
}

fn plain_graph(nodes: usize, ends: impl Iterator<Item = (usize, usize)>) -> Graph {
    Graph {
        nodes: (0..nodes).map(|index| node(index, 80.0, 26.0)).collect(),
        edges: ends.enumerate().map(|(key, (from, to))| edge(key, from, to)).collect(),
    }
}

/// Small graphs with cycles, loops, parallel edges and labels.
fn any_graph() -> impl Strategy<Value = Graph> {
    let sizes = vec((20.0..120.0f64, 20.0..50.0f64), 1..14);
    let edges = vec(
        (any::<(prop::sample::Index, prop::sample::Index)>(), 0..9u64, 0.5..6.0f64, any::<bool>()),
        0..24,
    );
    (sizes, edges).prop_map(|(sizes, edges)| {
        let nodes = sizes.iter().enumerate().map(|(at, (width, height))| node(at, *width, *height)).collect();
        let edges =
            edges.into_iter().enumerate().map(|(key, ((from, to), weight, thickness, has_label))| Edge {
                weight,
                thickness,
                label: has_label.then_some((60.0, 16.0)),
                ..edge(key, from.index(sizes.len()), to.index(sizes.len()))
            });
        Graph { nodes, edges: edges.collect() }
    })
}

fn overlap(a: Rect, b: Rect) -> bool {
    let apart = |a: (f64, f64), b: (f64, f64)| a.0 + a.1 <= b.0 + 1e-6 || b.0 + b.1 <= a.0 + 1e-6;
    !apart((a.x, a.width), (b.x, b.width)) && !apart((a.y, a.height), (b.y, b.height))
}

/// Points on the curves of a route.
fn samples(route: &Route) -> Vec<Point> {
    let mut samples = vec![route.points[0]];
    for curve in 0..route.points.len() / 3 {
        let p = &route.points[curve * 3..curve * 3 + 4];
        samples.extend((1..=12).map(|step| {
            let t = f64::from(step) / 12.0;
            let u = 1.0 - t;
            let mix = |a: f64, b: f64, c: f64, d: f64| {
                u * u * u * a + 3.0 * u * u * t * b + 3.0 * u * t * t * c + t * t * t * d
            };
            Point::new(mix(p[0].x, p[1].x, p[2].x, p[3].x), mix(p[0].y, p[1].y, p[2].y, p[3].y))
        }));
    }
    samples
}

fn near(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-6
}

fn check(graph: &Graph, layout: &Layout) -> Result<(), TestCaseError> {
    let labels: Vec<Rect> = layout.edges.iter().filter_map(|route| route.label).collect();
    let boxes: Vec<Rect> = layout.nodes.iter().chain(&labels).copied().collect();
    for (index, a) in boxes.iter().enumerate() {
        prop_assert!(boxes[index + 1..].iter().all(|b| !overlap(*a, *b)), "{a:?} lies on another");
    }
    let is_inside = |x: f64, y: f64| {
        (-1e-6..=layout.width + 1e-6).contains(&x) && (-1e-6..=layout.height + 1e-6).contains(&y)
    };
    for rect in &boxes {
        prop_assert!(
            is_inside(rect.x, rect.y) && is_inside(rect.x + rect.width, rect.y + rect.height),
            "{rect:?}"
        );
    }
    for (edge, route) in graph.edges.iter().zip(&layout.edges) {
        prop_assert_eq!(route.points.len() % 3, 1);
        let [from, to] = [edge.from, edge.to].map(|node| layout.nodes[node]);
        let [start, end] = [route.points[0], route.points[route.points.len() - 1]];
        prop_assert!(route.points.iter().all(|point| is_inside(point.x, point.y)), "{route:?}");
        if edge.from == edge.to {
            prop_assert!(near(start.y, from.y) && near(end.y, from.y) && route.label.is_none());
            continue;
        }
        prop_assert_eq!(route.label.is_some(), edge.label.is_some());
        let goes_right = near(start.x, from.x + from.width) && near(end.x, to.x) && start.x < end.x;
        let goes_left = near(start.x, from.x) && near(end.x, to.x + to.width) && end.x < start.x;
        prop_assert!(goes_right || goes_left, "{edge:?} from {start:?} to {end:?}");
        for (other, rect) in
            layout.nodes.iter().enumerate().filter(|(at, _)| ![edge.from, edge.to].contains(at))
        {
            let is_in = |point: &Point| {
                point.x > rect.x
                    && point.x < rect.x + rect.width
                    && point.y > rect.y
                    && point.y < rect.y + rect.height
            };
            prop_assert!(!samples(route).iter().any(is_in), "{edge:?} runs through {other}");
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn nothing_lies_on_anything_and_all_is_inside(graph in any_graph()) {
        check(&graph, &lay_out(&graph))?;
    }

    #[test]
    fn the_order_of_the_input_changes_nothing(
        graph in any_graph(),
        seed in vec(any::<u32>(), 40),
    ) {
        let mut nodes: Vec<usize> = (0..graph.nodes.len()).collect();
        let mut edges: Vec<usize> = (0..graph.edges.len()).collect();
        nodes.sort_by_key(|at| seed[*at]);
        edges.sort_by_key(|at| seed[*at]);
        let places = inverse(&nodes);
        let shuffled = Graph {
            nodes: nodes.iter().map(|at| graph.nodes[*at].clone()).collect(),
            edges: edges.iter().map(|at| {
                let edge = &graph.edges[*at];
                Edge { from: places[edge.from], to: places[edge.to], ..edge.clone() }
            }).collect(),
        };
        let (layout, other) = (lay_out(&graph), lay_out(&shuffled));
        prop_assert_eq!((layout.width, layout.height), (other.width, other.height));
        for (at, place) in nodes.iter().zip(&other.nodes) {
            prop_assert_eq!(&layout.nodes[*at], place);
        }
        for (at, route) in edges.iter().zip(&other.edges) {
            prop_assert_eq!(&layout.edges[*at], route);
        }
    }

    #[test]
    fn without_cycles_every_edge_goes_right(ends in vec((0usize..12, 0usize..12), 0..30)) {
        let forward = ends.iter().filter(|(a, b)| a != b).map(|(a, b)| (*a.min(b), *a.max(b)));
        let graph = plain_graph(12, forward);
        let layout = lay_out(&graph);
        for route in &layout.edges {
            prop_assert!(route.points[0].x < route.points[route.points.len() - 1].x);
        }
    }

    #[test]
    fn turned_edges_break_all_cycles_and_lie_on_one(edges in vec((0usize..9, 0usize..9, 0u64..50), 0..30)) {
        let turned = reversed(9, &edges);
        let mut graph = DiGraph::<(), ()>::new();
        let nodes: Vec<_> = (0..9).map(|_| graph.add_node(())).collect();
        for ((from, to, _), is_turned) in edges.iter().zip(&turned).filter(|((from, to, _), _)| from != to) {
            let (from, to) = if *is_turned { (to, from) } else { (from, to) };
            graph.add_edge(nodes[*from], nodes[*to], ());
        }
        prop_assert!(!is_cyclic_directed(&graph));
        let mut whole = DiGraph::<(), ()>::new();
        let nodes: Vec<_> = (0..9).map(|_| whole.add_node(())).collect();
        edges.iter().for_each(|(from, to, _)| { whole.add_edge(nodes[*from], nodes[*to], ()); });
        for ((from, to, _), _) in edges.iter().zip(&turned).filter(|(_, is_turned)| **is_turned) {
            prop_assert!(petgraph::algo::has_path_connecting(&whole, nodes[*to], nodes[*from], None));
        }
    }
}

#[test]
fn the_lighter_edge_of_a_cycle_is_turned() {
    for (weights, expected) in [([10, 1], [false, true]), ([1, 10], [true, false])] {
        assert_eq!(reversed(2, &[(0, 1, weights[0]), (1, 0, weights[1])]), expected);
    }
    // b has more callers than callees, but a -> b is on no cycle.
    assert_eq!(reversed(3, &[(0, 1, 1), (1, 2, 5), (2, 1, 9)]), [false, true, false]);
}

#[test]
fn callers_stand_right_before_what_they_call() {
    // 0 -> 1 -> 2 -> 3, and 4 that only calls 3.
    assert_eq!(ranks(5, &[(0, 1, 1), (1, 2, 1), (2, 3, 1), (4, 3, 1)]), [0, 1, 2, 3, 2]);
    assert_eq!(ranks(2, &[(0, 1, 2)]), [0, 2]);
}

#[test]
fn an_empty_graph_has_no_size() {
    let layout = lay_out(&Graph::default());
    assert_eq!((layout.width, layout.height, layout.nodes.len()), (0.0, 0.0, 0));
}

#[test]
fn long_chains_wide_stars_and_lone_nodes_are_laid_out() {
    let chain = plain_graph(20_000, (1..20_000).map(|at| (at - 1, at)));
    assert!(lay_out(&chain).nodes.windows(2).all(|pair| pair[0].x < pair[1].x));
    let star = plain_graph(20_000, (1..20_000).map(|at| (0, at)));
    check(
        &plain_graph(300, (1..300).map(|at| (0, at))),
        &lay_out(&plain_graph(300, (1..300).map(|at| (0, at)))),
    )
    .unwrap();
    assert_eq!(lay_out(&star).nodes.len(), 20_000);
    assert_eq!(lay_out(&plain_graph(20_000, std::iter::empty())).nodes.len(), 20_000);
}

#[test]
fn where_bends_would_be_too_many_edges_run_straight() {
    // A chain, and its first node calls them all: a quarter of a million bends.
    let graph = plain_graph(700, (1..700).flat_map(|at| [(at - 1, at), (0, at)]));
    let layout = lay_out(&graph);
    let longest = layout.edges.iter().map(|route| route.points.len()).max();
    assert!(longest <= Some(10), "{longest:?}");
    assert!(layout.nodes.windows(2).all(|pair| pair[0].x < pair[1].x));
}

#[test]
fn empty_strips_are_closed() {
    // Many pairs that have nothing to do with each other, and one high tree.
    let pairs = (0..40).map(|at| (2 * at, 2 * at + 1));
    let tree = (81..200).map(|at| (80, at));
    let layout = lay_out(&plain_graph(200, pairs.chain(tree)));
    let mut edges: Vec<(f64, f64)> = layout.nodes.iter().map(|rect| (rect.y, rect.y + rect.height)).collect();
    edges.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut low = 0.0;
    for (top, bottom) in edges {
        assert!(top - low <= 40.0, "nothing between {low} and {top}");
        low = f64::max(low, bottom);
    }
}
