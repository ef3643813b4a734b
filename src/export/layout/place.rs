//! How high each item of a column stands: near its neighbours, never nearer to the next than allowed.
//!
//! Each column by itself is a least-squares problem with distances, solved exactly by pooling adjacent violators;
//! sweeps over the columns bring them together.

/// Sweeps over all columns.
const SWEEPS: usize = 16;

/// A column: its items from top to bottom.
pub(in crate::export) type Column = Vec<usize>;

/// The middle of each item.
/// `distance` is the least one between the middles of an item and the one below it;
/// segments (from, to, weight) join items of neighbouring columns and pull with their weight.
pub(in crate::export) fn place(
    columns: &[Column],
    items: usize,
    distance: impl Fn(usize, usize) -> f64,
    segments: &[(usize, usize, f64)],
) -> Vec<f64> {
    let mut left = vec![Vec::new(); items];
    let mut right = vec![Vec::new(); items];
    for (from, to, weight) in segments {
        right[*from].push((*to, *weight));
        left[*to].push((*from, *weight));
    }
    let mut middle = vec![0.0; items];
    for column in columns {
        for pair in column.windows(2) {
            middle[pair[1]] = middle[pair[0]] + distance(pair[0], pair[1]);
        }
        let half = column.last().map_or(0.0, |last| middle[*last] / 2.0);
        column.iter().for_each(|item| middle[*item] -= half);
    }
    for sweep in 0..SWEEPS {
        let goes_right = sweep % 2 == 0;
        // The last two look both ways.
        let sides: &[&Vec<Vec<(usize, f64)>>] = match (sweep + 2 >= SWEEPS, goes_right) {
            (true, _) => &[&left, &right],
            (false, true) => &[&left],
            (false, false) => &[&right],
        };
        let mut settle = |column: &Column| {
            let wishes: Vec<(f64, f64)> = column.iter().map(|item| wish(*item, sides, &middle)).collect();
            for (item, at) in column.iter().zip(pooled(column, &wishes, &distance)) {
                middle[*item] = at;
            }
        };
        if goes_right {
            columns.iter().for_each(&mut settle)
        } else {
            columns.iter().rev().for_each(&mut settle)
        }
    }
    middle
}

/// Where an item would like to be and how much; an item that nothing pulls likes, a little, where it is.
fn wish(item: usize, sides: &[&Vec<Vec<(usize, f64)>>], middle: &[f64]) -> (f64, f64) {
    let (mut sum, mut total) = (0.0, 0.0);
    for (other, weight) in sides.iter().flat_map(|side| &side[item]) {
        sum += middle[*other] * weight;
        total += weight;
    }
    if total > 0.0 { (sum / total, total) } else { (middle[item], 0.01) }
}

/// Places as near to the wishes (place, weight) as the distances allow, least squares.
fn pooled(column: &Column, wishes: &[(f64, f64)], distance: &impl Fn(usize, usize) -> f64) -> Vec<f64> {
    // Less the distances above it, each wish must only not be above the one before.
    let mut offsets = vec![0.0; column.len()];
    for index in 1..column.len() {
        offsets[index] = offsets[index - 1] + distance(column[index - 1], column[index]);
    }
    let mut blocks: Vec<(f64, f64, usize)> = Vec::with_capacity(column.len());
    for ((at, weight), offset) in wishes.iter().zip(&offsets) {
        let mut block = (at - offset, *weight, 1);
        while let Some((mean, total, len)) = blocks.pop_if(|above| above.0 > block.0) {
            let weight = total + block.1;
            block = ((mean * total + block.0 * block.1) / weight, weight, len + block.2);
        }
        blocks.push(block);
    }
    let means = blocks.into_iter().flat_map(|(mean, _, len)| std::iter::repeat_n(mean, len));
    means.zip(&offsets).map(|(mean, offset)| mean + offset).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_stand_at_their_neighbours_but_apart() {
        // One on the left pulls the upper two on the right, nothing pulls the third.
        let middle = place(&[vec![0], vec![1, 2, 3]], 4, |_, _| 10.0, &[(0, 1, 1.0), (0, 2, 1.0)]);
        assert!((middle[1] + middle[2] - 2.0 * middle[0]).abs() < 0.1, "{middle:?}");
        assert!(middle[2] - middle[1] >= 10.0 - 1e-9 && middle[3] - middle[2] >= 10.0 - 1e-9, "{middle:?}");
    }

    #[test]
    fn a_chain_is_straight() {
        let segments = [(0, 1, 1.0), (1, 2, 1.0), (2, 3, 1.0)];
        let middle = place(&[vec![0], vec![1], vec![2], vec![3]], 4, |_, _| 10.0, &segments);
        assert!(middle.iter().all(|at| (at - middle[0]).abs() < 1e-9), "{middle:?}");
    }
}
