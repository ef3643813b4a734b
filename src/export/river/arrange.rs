//! Where the boxes of a river stand and how its bands run: flows in the first column, ends in the last.

use super::fold::{Folded, Kind};
use crate::export::layout::{self, Point, Rect};

/// Pixels that the fullest column's bands take together at most.
const RIVER: f64 = 380.0;
/// The same by flows: a single one needs no flood to be seen.
const RIVER_BY_FLOW: f64 = 80.0;
/// Thinnest band.
const THINNEST: f64 = 1.2;
/// Between boxes, and between bands that pass a column.
const BOX_GAP: f64 = 16.0;
const BAND_GAP: f64 = 6.0;
/// Between columns: at least, by how far the bands climb in the mean, at most.
const COLUMN_GAP: (f64, f64, f64) = (70.0, 0.5, 190.0);

/// A band's way.
pub(super) struct Course {
    /// The middle of the band: a start, then three points a curve.
    pub points: Vec<Point>,
    /// How wide it is drawn.
    pub width: f64,
    /// True where it closes a cycle: it is drawn from right to left.
    pub is_turned: bool,
}

/// Boxes and courses, in the order of items and bands.
pub(super) struct Arrangement {
    pub boxes: Vec<Rect>,
    pub courses: Vec<Course>,
    pub width: f64,
    pub height: f64,
}

/// Stations in columns: the boxes, then a bend for each column that a band passes.
struct Stations {
    rank: Vec<usize>,
    size: Vec<(f64, f64)>,
    /// Of each band, from left to right.
    chains: Vec<Vec<usize>>,
}

/// Arranges a river whose boxes need at least these sizes.
pub(super) fn arrange(folded: &Folded, least: &[(f64, f64)]) -> Arrangement {
    let count = folded.items.len();
    let ends: Vec<(usize, usize, u64)> =
        folded.bands.iter().map(|band| (band.from, band.to, (band.width * 1e6) as u64)).collect();
    let turned = layout::reversed(count, &ends);
    let joints: Vec<(usize, usize, usize)> = ends
        .iter()
        .zip(&turned)
        .map(|((from, to, _), is_turned)| if *is_turned { (*to, *from, 1) } else { (*from, *to, 1) })
        .collect();
    let rank = columns_of(folded, &joints);
    let scale = scale(folded, &rank);
    let widths: Vec<f64> = folded.bands.iter().map(|band| (band.width * scale).max(THINNEST)).collect();
    let stations = stations(rank, least, &joints, &widths);
    let segments: Vec<(usize, usize)> =
        stations.chains.iter().flat_map(|chain| chain.windows(2).map(|pair| (pair[0], pair[1]))).collect();
    let columns = layout::order(&stations.rank, &segments);
    let distance = |above: usize, below: usize| {
        let gap = if above < count && below < count { BOX_GAP } else { BAND_GAP };
        (stations.size[above].1 + stations.size[below].1) / 2.0 + gap
    };
    let pulls: Vec<(usize, usize, f64)> = stations
        .chains
        .iter()
        .zip(&widths)
        .flat_map(|(chain, width)| chain.windows(2).map(move |pair| (pair[0], pair[1], *width)))
        .collect();
    let middles = layout::place(&columns, stations.rank.len(), distance, &pulls);
    let tops = (0..middles.len()).map(|at| middles[at] - stations.size[at].1 / 2.0);
    let top = tops.fold(f64::MAX, f64::min);
    let middles: Vec<f64> = middles.iter().map(|middle| middle - top).collect();
    draw(&stations, &columns, &middles, count, &widths, &turned)
}

/// Flows stand first, ends last, the rest by what flows into it.
fn columns_of(folded: &Folded, joints: &[(usize, usize, usize)]) -> Vec<usize> {
    let mut rank = layout::ranks(folded.items.len(), joints);
    let is_fed = |item: usize| joints.iter().any(|(_, to, _)| *to == item);
    let feeds = |item: usize| joints.iter().any(|(from, ..)| *from == item);
    let last = rank.iter().copied().max().unwrap_or(0).max(1);
    for (item, rank) in rank.iter_mut().enumerate() {
        match folded.items[item].kind {
            Kind::Flow => *rank = 0,
            Kind::Leaf if !feeds(item) => *rank = last,
            Kind::Rest if !is_fed(item) => *rank = 0,
            _ => {}
        }
    }
    rank
}

/// Pixels for each unit of width, so that no column's bands take more than the river's room.
fn scale(folded: &Folded, rank: &[usize]) -> f64 {
    let last = rank.iter().copied().max().unwrap_or(0);
    let mut sums = vec![0.0; last + 1];
    for band in &folded.bands {
        let [left, right] = [rank[band.from].min(rank[band.to]), rank[band.from].max(rank[band.to])];
        sums[left..=right].iter_mut().for_each(|sum| *sum += band.width);
    }
    let most = sums.into_iter().fold(0.0, f64::max);
    let flows = folded.items.iter().filter(|item| item.kind == Kind::Flow).count();
    let river = RIVER.min(RIVER_BY_FLOW * flows.max(1) as f64);
    if most > 0.0 { river / most } else { 1.0 }
}

fn stations(
    mut rank: Vec<usize>,
    least: &[(f64, f64)],
    joints: &[(usize, usize, usize)],
    widths: &[f64],
) -> Stations {
    let mut sides = vec![[0.0, 0.0]; least.len()];
    for ((left, right, _), width) in joints.iter().zip(widths) {
        sides[*left][1] += width;
        sides[*right][0] += width;
    }
    let mut size: Vec<(f64, f64)> = least
        .iter()
        .zip(&sides)
        .map(|((width, height), [left, right])| (*width, height.max(left.max(*right))))
        .collect();
    let mut chains = Vec::with_capacity(joints.len());
    for ((left, right, _), width) in joints.iter().zip(widths) {
        let mut chain = vec![*left];
        for passed in rank[*left] + 1..rank[*right] {
            chain.push(rank.len());
            rank.push(passed);
            size.push((0.0, *width));
        }
        chain.push(*right);
        chains.push(chain);
    }
    Stations { rank, size, chains }
}

fn draw(
    stations: &Stations,
    columns: &[Vec<usize>],
    middles: &[f64],
    count: usize,
    widths: &[f64],
    turned: &[bool],
) -> Arrangement {
    let mut climbs = vec![(0.0, 0.0); columns.len()];
    for (chain, width) in stations.chains.iter().zip(widths) {
        for pair in chain.windows(2) {
            let (sum, total) = &mut climbs[stations.rank[pair[0]]];
            *sum += (middles[pair[1]] - middles[pair[0]]).abs() * width;
            *total += width;
        }
    }
    let mut bands = Vec::with_capacity(columns.len());
    let mut x = 0.0;
    for (column, (sum, total)) in columns.iter().zip(climbs) {
        let width = column.iter().map(|at| stations.size[*at].0).fold(0.0, f64::max);
        bands.push((x, width));
        let climb = if total > 0.0 { sum / total } else { 0.0 };
        x += width + (COLUMN_GAP.0 + COLUMN_GAP.1 * climb).min(COLUMN_GAP.2);
    }
    let boxes: Vec<Rect> = (0..count)
        .map(|item| {
            let (x, width) = bands[stations.rank[item]];
            let height = stations.size[item].1;
            Rect { x, y: middles[item] - height / 2.0, width, height }
        })
        .collect();
    let ports = ports(stations, middles, count, widths);
    let courses = stations.chains.iter().enumerate().map(|(band, chain)| {
        let mut points = course(stations, chain, middles, &bands, ports[band]);
        if turned[band] {
            points.reverse();
        }
        Course { points, width: widths[band], is_turned: turned[band] }
    });
    let courses = courses.collect();
    let bottom = (0..middles.len()).map(|at| middles[at] + stations.size[at].1 / 2.0).fold(0.0, f64::max);
    let right = boxes.iter().map(|rect| rect.x + rect.width).fold(0.0, f64::max);
    Arrangement { boxes, courses, width: right, height: bottom }
}

/// Where each band leaves its left box and enters its right one, from the middle of the box.
/// Bands lie one below the other in the order of what they come from or go to.
fn ports(stations: &Stations, middles: &[f64], count: usize, widths: &[f64]) -> Vec<(f64, f64)> {
    let mut sides = vec![[Vec::new(), Vec::new()]; count];
    for (band, chain) in stations.chains.iter().enumerate() {
        if let ([first, second, ..], [.., before, last]) = (&chain[..], &chain[..]) {
            sides[*first][1].push((middles[*second], band));
            sides[*last][0].push((middles[*before], band));
        }
    }
    let mut ports = vec![(0.0, 0.0); widths.len()];
    for [left, right] in &mut sides {
        for (side, is_left) in [(left, true), (right, false)] {
            side.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            let total: f64 = side.iter().map(|(_, band)| widths[*band]).sum();
            let mut at = -total / 2.0;
            for (_, band) in side {
                let middle = at + widths[*band] / 2.0;
                at += widths[*band];
                if is_left { ports[*band].1 = middle } else { ports[*band].0 = middle }
            }
        }
    }
    ports
}

fn course(
    stations: &Stations,
    chain: &[usize],
    middles: &[f64],
    bands: &[(f64, f64)],
    (leaves, enters): (f64, f64),
) -> Vec<Point> {
    let (x, width) = bands[stations.rank[chain[0]]];
    let mut at = Point::new(x + width, middles[chain[0]] + leaves);
    let mut points = vec![at];
    for (place, station) in chain.iter().enumerate().skip(1) {
        let is_last = place + 1 == chain.len();
        let (x, width) = bands[stations.rank[*station]];
        let to = Point::new(x, middles[*station] + if is_last { enters } else { 0.0 });
        let half = (to.x - at.x) / 2.0;
        points.extend([Point::new(at.x + half, at.y), Point::new(to.x - half, to.y), to]);
        at = to;
        if !is_last && width > 0.0 {
            at = Point::new(x + width, to.y);
            points.extend([to, at, at]);
        }
    }
    points
}
