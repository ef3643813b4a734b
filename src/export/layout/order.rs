//! From top to bottom in each column, so that few lines cross.
//!
//! Barycentres in sweeps to and fro, then swaps of neighbours (Sugiyama, Tagawa, Toda 1981); the best of all
//! rounds is kept.

/// Rounds of two sweeps.
const ROUNDS: usize = 12;
/// Rounds without gain after which it is good enough.
const PATIENCE: usize = 4;
/// Above so many segments neighbours are not swapped: it would take too long, and would not be seen.
const MOST_SWAPPED: usize = 4_000;

/// The items of each column from top to bottom.
/// `rank` is the column of each item; segments (from, to) join neighbouring columns, left to right.
pub(in crate::export) fn order(rank: &[usize], segments: &[(usize, usize)]) -> Vec<Vec<usize>> {
    let neighbours = Neighbours::new(rank.len(), segments);
    let mut columns = first_order(rank, &neighbours);
    let mut best = (crossings(&columns, &neighbours), columns.clone());
    let mut idle = 0;
    for round in 0..ROUNDS {
        if best.0 == 0 || idle == PATIENCE {
            break;
        }
        sweep(&mut columns, &neighbours, round % 2 == 1);
        if segments.len() <= MOST_SWAPPED {
            swap_neighbours(&mut columns, &neighbours);
        }
        let crossings = crossings(&columns, &neighbours);
        idle += 1;
        if crossings < best.0 {
            best = (crossings, columns.clone());
            idle = 0;
        }
    }
    best.1
}

struct Neighbours {
    left: Vec<Vec<usize>>,
    right: Vec<Vec<usize>>,
}

impl Neighbours {
    fn new(items: usize, segments: &[(usize, usize)]) -> Neighbours {
        let mut neighbours = Neighbours { left: vec![Vec::new(); items], right: vec![Vec::new(); items] };
        for (from, to) in segments {
            neighbours.right[*from].push(*to);
            neighbours.left[*to].push(*from);
        }
        neighbours
    }
}

/// As a walk in depth first meets them: what belongs together starts together.
fn first_order(rank: &[usize], neighbours: &Neighbours) -> Vec<Vec<usize>> {
    let mut columns = vec![Vec::new(); rank.iter().max().map_or(0, |last| last + 1)];
    let mut is_met = vec![false; rank.len()];
    let mut starts: Vec<usize> = (0..rank.len()).collect();
    starts.sort_by_key(|item| (!neighbours.left[*item].is_empty(), rank[*item]));
    for start in starts {
        let mut stack = vec![start];
        while let Some(item) = stack.pop() {
            if !std::mem::replace(&mut is_met[item], true) {
                columns[rank[item]].push(item);
                stack.extend(neighbours.right[item].iter().rev());
            }
        }
    }
    columns
}

/// Places in the columns, 0 to 1.
fn heights(columns: &[Vec<usize>], items: usize) -> Vec<f64> {
    let mut heights = vec![0.0; items];
    for column in columns {
        for (index, item) in column.iter().enumerate() {
            heights[*item] = (index as f64 + 0.5) / column.len() as f64;
        }
    }
    heights
}

fn sweep(columns: &mut [Vec<usize>], neighbours: &Neighbours, starts_right: bool) {
    let last = columns.len();
    let mut heights = heights(columns, neighbours.left.len());
    let mut settle = |index: usize, others: &[Vec<usize>]| {
        let column: &mut Vec<usize> = &mut columns[index];
        let wish = |item: &usize| {
            let others = &others[*item];
            let sum: f64 = others.iter().map(|other| heights[*other]).sum();
            if others.is_empty() { heights[*item] } else { sum / others.len() as f64 }
        };
        let mut wishes: Vec<(f64, usize)> = column.iter().map(|item| (wish(item), *item)).collect();
        wishes.sort_by(|a, b| a.0.total_cmp(&b.0));
        *column = wishes.into_iter().map(|(_, item)| item).collect();
        for (place, item) in column.iter().enumerate() {
            heights[*item] = (place as f64 + 0.5) / column.len() as f64;
        }
    };
    for goes_right in [!starts_right, starts_right] {
        if goes_right {
            (1..last).for_each(|index| settle(index, &neighbours.left));
        } else {
            (0..last.saturating_sub(1)).rev().for_each(|index| settle(index, &neighbours.right));
        }
    }
}

/// Swaps what stands one above the other wherever that takes crossings away.
fn swap_neighbours(columns: &mut [Vec<usize>], neighbours: &Neighbours) {
    let mut place = places(columns, neighbours.left.len());
    for column in columns.iter_mut() {
        for lower in 1..column.len() {
            let [a, b] = [column[lower - 1], column[lower]];
            let sides = [&neighbours.left, &neighbours.right];
            let count = |above: usize, below: usize| -> usize {
                sides.iter().map(|side| inversions(&side[above], &side[below], &place)).sum()
            };
            if count(b, a) < count(a, b) {
                column.swap(lower - 1, lower);
                place.swap(a, b);
            }
        }
    }
}

fn places(columns: &[Vec<usize>], items: usize) -> Vec<usize> {
    let mut places = vec![0; items];
    for column in columns {
        column.iter().enumerate().for_each(|(place, item)| places[*item] = place);
    }
    places
}

/// Pairs of neighbours that cross where the item of the first stands above that of the second.
fn inversions(above: &[usize], below: &[usize], place: &[usize]) -> usize {
    above.iter().map(|one| below.iter().filter(|other| place[**other] < place[*one]).count()).sum()
}

/// All crossings, by a tree of counts (Barth, Jünger, Mutzel 2002).
fn crossings(columns: &[Vec<usize>], neighbours: &Neighbours) -> u64 {
    let place = places(columns, neighbours.left.len());
    let mut total = 0;
    for pair in columns.windows(2) {
        let mut counts = vec![0u64; pair[1].len() + 1];
        let mut passed = 0;
        for item in &pair[0] {
            let mut ends: Vec<usize> = neighbours.right[*item].iter().map(|other| place[*other]).collect();
            ends.sort_unstable();
            for end in &ends {
                let mut at = end + 1;
                let mut below_or_equal = 0;
                while at > 0 {
                    below_or_equal += counts[at];
                    at &= at - 1;
                }
                total += passed - below_or_equal;
            }
            for end in &ends {
                let mut at = end + 1;
                while at < counts.len() {
                    counts[at] += 1;
                    at += at & at.wrapping_neg();
                }
            }
            passed += ends.len() as u64;
        }
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crossings_are_counted_by_pairs() {
        // Two columns of three; all nine lines.
        let segments: Vec<_> = (0..3).flat_map(|from| (3..6).map(move |to| (from, to))).collect();
        let neighbours = Neighbours::new(6, &segments);
        assert_eq!(crossings(&[vec![0, 1, 2], vec![3, 4, 5]], &neighbours), 9);
        let neighbours = Neighbours::new(6, &[(0, 5), (1, 4), (2, 3)]);
        assert_eq!(crossings(&[vec![0, 1, 2], vec![3, 4, 5]], &neighbours), 3);
        assert_eq!(crossings(&[vec![0, 1, 2], vec![5, 4, 3]], &neighbours), 0);
    }

    #[test]
    fn a_tree_gets_no_crossing() {
        let segments = [(0, 2), (1, 3), (2, 4), (2, 7), (3, 5), (3, 6)];
        let rank = [0, 0, 1, 1, 2, 2, 2, 2];
        let columns = order(&rank, &segments);
        assert_eq!(crossings(&columns, &Neighbours::new(8, &segments)), 0, "{columns:?}");
    }
}
