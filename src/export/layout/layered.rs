//! A layered drawing: columns by longest paths, order by barycentres, smooth lines.
//!
//! Edges that pass columns get a bend in each, and labels a column of their own, so that no line runs through a
//! node and no label lies on one.
//! Iterative, and close to linear: it is what large graphs are drawn by.

use super::{Graph, Layout, Point, Rect, Route, order, place, ranks, reversed};

/// Between the nodes of a column.
const NODE_GAP: f64 = 14.0;
/// Between a line that passes a column and whatever is next to it; the second where there are very many.
const LINE_GAPS: [f64; 2] = [5.0, 2.0];
/// Bends of all edges above which they lie closer.
const MANY_BENDS: usize = 5_000;
/// Where nothing stands and no line passes, this is left.
const EMPTY_STRIP: f64 = 28.0;
/// Between columns, where lines are level; more where they climb. The second where labels have columns of their own.
const COLUMN_GAPS: [f64; 2] = [44.0, 26.0];
/// Gap between columns by how far the lines between them climb in the mean.
const GAP_BY_CLIMB: f64 = 0.12;
/// Most of that.
const MOST_CLIMB_GAP: f64 = 200.0;
/// Above so many bends in all, edges get none: they run straight across the columns.
const MOST_BENDS: usize = 200_000;
/// How far a loop of a node to itself stands out.
const LOOP: f64 = 16.0;

/// What stands in a column: a node, or the bend of an edge, which is as large as its label.
struct Items {
    rank: Vec<usize>,
    size: Vec<Extent>,
    /// Of each edge, the items it passes from its left to its right end; empty for loops.
    chains: Vec<Vec<usize>>,
    /// Of each edge, the item that holds its label.
    labels: Vec<Option<usize>>,
}

/// How far an item reaches; lines pass its middle.
#[derive(Clone, Copy)]
struct Extent {
    width: f64,
    above: f64,
    below: f64,
}

impl Extent {
    fn around(width: f64, height: f64) -> Extent {
        Extent { width, above: height / 2.0, below: height / 2.0 }
    }
}

/// Lays the graph out.
pub(super) fn lay_out(graph: &Graph) -> Layout {
    let ends: Vec<(usize, usize, u64)> =
        graph.edges.iter().map(|edge| (edge.from, edge.to, edge.weight)).collect();
    let turned = reversed(graph.nodes.len(), &ends);
    let items = Items::new(graph, &turned);
    let segments: Vec<(usize, usize)> =
        items.chains.iter().flat_map(|chain| chain.windows(2).map(|pair| (pair[0], pair[1]))).collect();
    // Without bends some join columns that are no neighbours.
    let short = segments.iter().copied().filter(|(from, to)| items.rank[*from] + 1 == items.rank[*to]);
    let columns = order(&items.rank, &short.collect::<Vec<_>>());
    let nodes = graph.nodes.len();
    let line_gap = LINE_GAPS[usize::from(items.rank.len() - nodes > MANY_BENDS)];
    let distance = |above: usize, below: usize| {
        let gap = if above < nodes && below < nodes { NODE_GAP } else { line_gap };
        items.size[above].below + items.size[below].above + gap
    };
    // Long lines shall be straight before short ones are.
    let pull = |item: usize| if item < nodes { 1.0 } else { 3.0 };
    let pulls: Vec<(usize, usize, f64)> =
        segments.iter().map(|(from, to)| (*from, *to, pull(*from) * pull(*to))).collect();
    let mut middles = place(&columns, items.rank.len(), distance, &pulls);
    close_strips(&mut middles, &items, &segments);
    draw(graph, &turned, &items, &columns, &middles)
}

/// Takes out most of the height of each level strip that holds neither nodes nor lines.
fn close_strips(middles: &mut [f64], items: &Items, segments: &[(usize, usize)]) {
    let boxes = (0..middles.len())
        .map(|item| (middles[item] - items.size[item].above, middles[item] + items.size[item].below));
    let lines = segments
        .iter()
        .map(|(from, to)| (middles[*from].min(middles[*to]), middles[*from].max(middles[*to])));
    let mut spans: Vec<(f64, f64)> = boxes.chain(lines).collect();
    spans.sort_by(|a, b| a.0.total_cmp(&b.0));
    // From which height on how much is taken out.
    let mut cuts: Vec<(f64, f64)> = vec![(f64::MIN, 0.0)];
    let mut low = spans.first().map_or(0.0, |span| span.0);
    for (top, bottom) in spans {
        if top - low > EMPTY_STRIP {
            let before = cuts[cuts.len() - 1].1;
            cuts.push((top, before + top - low - EMPTY_STRIP));
        }
        low = low.max(bottom);
    }
    for middle in middles {
        let cut = cuts.partition_point(|(from, _)| *from <= *middle) - 1;
        *middle -= cuts[cut].1;
    }
}

impl Items {
    fn new(graph: &Graph, turned: &[bool]) -> Items {
        let edges = graph.edges.iter().zip(turned);
        let ends: Vec<(usize, usize, usize)> = edges
            .map(|(edge, is_turned)| {
                let [left, right] = if *is_turned { [edge.to, edge.from] } else { [edge.from, edge.to] };
                (left, right, if edge.label.is_some() { 2 } else { 1 })
            })
            .collect();
        let joined: Vec<_> = ends.iter().copied().filter(|(left, right, _)| left != right).collect();
        let mut items = Items {
            rank: ranks(graph.nodes.len(), &joined),
            size: graph.nodes.iter().map(|node| Extent::around(node.width, node.height)).collect(),
            chains: Vec::with_capacity(graph.edges.len()),
            labels: Vec::with_capacity(graph.edges.len()),
        };
        let spans = joined.iter().map(|(left, right, _)| items.rank[*right] - items.rank[*left] - 1);
        let has_bends = spans.sum::<usize>() <= MOST_BENDS;
        for (edge, (left, right, _)) in graph.edges.iter().zip(&ends) {
            if left == right {
                items.chains.push(Vec::new());
                items.labels.push(None);
                continue;
            }
            let end = if has_bends { items.rank[*right] } else { items.rank[*left] + 1 };
            let passed = items.rank[*left] + 1..end;
            let middle = passed.start + passed.len() / 2;
            let mut chain = vec![*left];
            let mut label = None;
            for rank in passed {
                let item = items.rank.len();
                items.rank.push(rank);
                let line = Extent::around(0.0, edge.thickness);
                let text = edge.label.filter(|_| rank == middle);
                label = label.or(text.map(|_| item));
                // The label lies on the line.
                let labelled = |(width, height)| Extent { width, above: line.above + height, ..line };
                items.size.push(text.map_or(line, labelled));
                chain.push(item);
            }
            chain.push(*right);
            items.chains.push(chain);
            items.labels.push(label);
        }
        items
    }
}

fn draw(graph: &Graph, turned: &[bool], items: &Items, columns: &[Vec<usize>], middles: &[f64]) -> Layout {
    let top =
        (0..items.rank.len()).map(|item| middles[item] - items.size[item].above).fold(f64::MAX, f64::min);
    let has_loops = graph.edges.iter().any(|edge| edge.from == edge.to);
    let top = top - if has_loops { LOOP } else { 0.0 };
    // Left edge and width of each column.
    let mut bands = Vec::with_capacity(columns.len());
    let mut x = 0.0;
    for (column, gap) in columns.iter().zip(gaps(items, columns.len(), middles)) {
        let width = column.iter().map(|item| items.size[*item].width).fold(0.0, f64::max);
        bands.push((x, width));
        x += width + gap;
    }
    let level = |item: usize| middles[item] - top;
    let rect = |item: usize, height: f64| {
        let Extent { width, above, .. } = items.size[item];
        let (x, room) = bands[items.rank[item]];
        Rect { x: x + (room - width) / 2.0, y: level(item) - above, width, height }
    };
    let node = |item: usize| rect(item, items.size[item].above + items.size[item].below);
    // The line below the label is no part of it.
    let label = |item: usize| rect(item, items.size[item].above - items.size[item].below);
    let ports = Ports::new(items, middles, graph.nodes.len());
    let edges = graph.edges.iter().enumerate().map(|(index, edge)| {
        let chain = &items.chains[index];
        if chain.is_empty() {
            return round_trip(node(edge.from));
        }
        let mut points = curve(index, chain, (&node, &level), &bands, items, &ports);
        if turned[index] {
            points.reverse();
        }
        Route { points, label: items.labels[index].map(label) }
    });
    let edges: Vec<Route> = edges.collect();
    let nodes: Vec<Rect> = (0..graph.nodes.len()).map(node).collect();
    let height = (0..items.rank.len()).map(|item| level(item) + items.size[item].below).fold(0.0, f64::max);
    let labels = edges.iter().filter_map(|route| route.label);
    let width = nodes.iter().copied().chain(labels).map(|rect| rect.x + rect.width).fold(0.0, f64::max);
    Layout { width, height, nodes, edges }
}

/// The room to the right of each column.
fn gaps(items: &Items, columns: usize, middles: &[f64]) -> Vec<f64> {
    let mut climbs = vec![(0.0, 0.0); columns];
    for pair in items.chains.iter().flat_map(|chain| chain.windows(2)) {
        let (sum, lines) = &mut climbs[items.rank[pair[0]]];
        *sum += (middles[pair[1]] - middles[pair[0]]).abs();
        *lines += 1.0;
    }
    let least = COLUMN_GAPS[usize::from(items.labels.iter().any(Option::is_some))];
    let gap =
        |(sum, lines): (f64, f64)| least + (GAP_BY_CLIMB * sum / f64::max(lines, 1.0)).min(MOST_CLIMB_GAP);
    climbs.into_iter().map(gap).collect()
}

/// Where on a node's side each of its edges meets it, as an offset from the node's middle.
struct Ports {
    left: Vec<f64>,
    right: Vec<f64>,
}

impl Ports {
    /// In the order of what lies next on the way, so that lines do not cross at the node.
    fn new(items: &Items, middles: &[f64], nodes: usize) -> Ports {
        let edges = items.chains.len();
        let mut ports = Ports { left: vec![0.0; edges], right: vec![0.0; edges] };
        let mut sides = vec![[Vec::new(), Vec::new()]; nodes];
        for (edge, chain) in items.chains.iter().enumerate() {
            if let ([first, second, ..], [.., before, last]) = (&chain[..], &chain[..]) {
                sides[*first][1].push((middles[*second], edge));
                sides[*last][0].push((middles[*before], edge));
            }
        }
        for (node, [left, right]) in sides.iter_mut().enumerate() {
            for (side, offsets) in [(left, &mut ports.left), (right, &mut ports.right)] {
                side.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
                let step = items.size[node].above * 1.4 / side.len() as f64;
                for (index, (_, edge)) in side.iter().enumerate() {
                    offsets[*edge] = (index as f64 + 0.5 - side.len() as f64 / 2.0) * step;
                }
            }
        }
        ports
    }
}

/// From the right side of the first item through the columns to the left side of the last.
fn curve(
    edge: usize,
    chain: &[usize],
    (rect, level): (&impl Fn(usize) -> Rect, &impl Fn(usize) -> f64),
    bands: &[(f64, f64)],
    items: &Items,
    ports: &Ports,
) -> Vec<Point> {
    let first = rect(chain[0]);
    let mut points = vec![Point::new(first.x + first.width, level(chain[0]) + ports.right[edge])];
    for (place, item) in chain.iter().enumerate() {
        let (left, width) = bands[items.rank[*item]];
        if place > 0 {
            let is_last = place + 1 == chain.len();
            let start = points[points.len() - 1];
            let y = level(*item) + if is_last { ports.left[edge] } else { 0.0 };
            let half = (left - start.x) / 2.0;
            // Level at both ends.
            points.extend([
                Point::new(start.x + half, start.y),
                Point::new(left - half, y),
                Point::new(left, y),
            ]);
            push_level(&mut points, if is_last { rect(*item).x } else { left + width });
        } else {
            // Straight on to the end of the column: wider nodes may stand above and below.
            push_level(&mut points, left + width);
        }
    }
    points
}

/// A straight, level line to `x`, where that is further on.
fn push_level(points: &mut Vec<Point>, x: f64) {
    let start = points[points.len() - 1];
    if x > start.x {
        let end = Point::new(x, start.y);
        points.extend([start, end, end]);
    }
}

/// A loop above the node's upper right corner; it has no label.
fn round_trip(node: Rect) -> Route {
    let [left, right] = [node.x + node.width * 0.55, node.x + node.width * 0.85];
    let points = vec![
        Point::new(right, node.y),
        Point::new(right, node.y - LOOP),
        Point::new(left, node.y - LOOP),
        Point::new(left, node.y),
    ];
    Route { points, label: None }
}
