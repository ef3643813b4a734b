//! Which sealed buckets answer for a range: the widest that fit, finer ones at its ends, each minute once.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::OnceLock;

use crate::graph::sealed::Width;

/// What is known of a bucket without reading it.
#[derive(Debug, Default)]
pub(super) struct Shape {
    /// Of a roll-up: how many finer buckets it was made of; unset until somebody had to look.
    pub members: OnceLock<u32>,
}

/// The buckets of one lane by width, by first minute.
pub(super) type Grid<T> = [BTreeMap<u32, T>; Width::ALL.len()];

/// The buckets that cover a range.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Cover {
    /// Width and first minute, in order of time.
    pub buckets: Vec<(Width, u32)>,
    /// The range that they cover: that asked for, or more where its ends lie inside a roll-up.
    pub range: Range<u32>,
}

/// A roll-up lies across an end of the range, and what it was made of is not known.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unknown(pub Width, pub u32);

/// Covers `range` (minutes).
///
/// A roll-up across an end of the range is split while all that it was made of is there; otherwise it is taken whole.
pub(super) fn cover<T: AsRef<Shape>>(grid: &Grid<T>, range: Range<u32>) -> Result<Cover, Unknown> {
    let mut found = Cover { buckets: Vec::new(), range: range.clone() };
    cover_with(grid, Width::ALL.len() - 1, range, &mut found)?;
    Ok(found)
}

fn cover_with<T: AsRef<Shape>>(
    grid: &Grid<T>,
    level: usize,
    range: Range<u32>,
    found: &mut Cover,
) -> Result<(), Unknown> {
    if range.is_empty() {
        return Ok(());
    }
    let width = Width::ALL[level];
    if level == 0 {
        found.buckets.extend(grid[0].range(range).map(|(start, _)| (width, *start)));
        return Ok(());
    }
    let minutes = width.minutes();
    let mut done = range.start;
    for (start, bucket) in grid[level].range(range.start - range.start % minutes..range.end) {
        let span = *start..start + minutes;
        cover_with(grid, level - 1, done..span.start.max(done), found)?;
        if range.start <= span.start && span.end <= range.end {
            found.buckets.push((width, *start));
        } else if is_whole_in(&grid[level - 1], &span, bucket.as_ref()).ok_or(Unknown(width, *start))? {
            cover_with(grid, level - 1, span.start.max(range.start)..span.end.min(range.end), found)?;
        } else {
            found.buckets.push((width, *start));
            found.range = found.range.start.min(span.start)..found.range.end.max(span.end);
        }
        done = span.end;
    }
    cover_with(grid, level - 1, done.min(range.end)..range.end, found)
}

/// True where all that a roll-up was made of is there; `None` where that is not known.
pub(super) fn is_whole_in<T>(finer: &BTreeMap<u32, T>, span: &Range<u32>, shape: &Shape) -> Option<bool> {
    let there = finer.range(span.clone()).count();
    match (there, shape.members.get()) {
        (0, _) => Some(false),
        (_, None) => None,
        (there, Some(members)) => Some(there >= *members as usize),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    impl AsRef<Shape> for Shape {
        fn as_ref(&self) -> &Shape {
            self
        }
    }

    fn shape(members: usize) -> Shape {
        let shape = Shape::default();
        shape.members.set(members as u32).unwrap();
        shape
    }

    /// Rolls `minutes` up, and forgets the finer buckets of every roll-up that ends by `forgotten`.
    fn grid(minutes: &BTreeSet<u32>, forgotten: [u32; 3]) -> Grid<Shape> {
        let mut grid: Grid<Shape> = Default::default();
        minutes.iter().for_each(|minute| drop(grid[0].insert(*minute, shape(0))));
        for level in 1..Width::ALL.len() {
            let width = Width::ALL[level].minutes();
            let starts: BTreeSet<u32> = grid[level - 1].keys().map(|start| start - start % width).collect();
            for start in starts {
                let members = grid[level - 1].range(start..start + width).count();
                grid[level].insert(start, shape(members));
            }
        }
        for level in 0..3 {
            let width = Width::ALL[level + 1].minutes();
            grid[level].retain(|start, _| start - start % width + width > forgotten[level]);
        }
        grid
    }

    /// The minutes that stand behind a bucket.
    fn behind<'a>(minutes: &'a BTreeSet<u32>, width: Width, start: u32) -> impl Iterator<Item = u32> + 'a {
        minutes.range(start..start + width.minutes()).copied()
    }

    proptest! {
        #[test]
        fn every_minute_of_the_range_is_covered_once(
            minutes in proptest::collection::btree_set(0..4000u32, 0..300),
            mut forgotten in [0..4500u32, 0..4500u32, 0..4500u32],
            from in 0..4000u32,
            length in 0..3000u32,
        ) {
            forgotten.sort_unstable_by(|a, b| b.cmp(a));
            let grid = grid(&minutes, forgotten);
            let found = cover(&grid, from..from + length).unwrap();
            prop_assert!(found.range.start <= from && found.range.end >= from + length);
            let covered: Vec<u32> =
                found.buckets.iter().flat_map(|(width, start)| behind(&minutes, *width, *start)).collect();
            let expected: Vec<u32> = minutes.range(found.range.clone()).copied().collect();
            prop_assert_eq!(covered, expected);
            if forgotten[0] <= from {
                prop_assert_eq!(found.range, from..from + length, "all minutes are there");
            }
        }
    }

    #[test]
    fn a_day_is_one_bucket_and_its_ends_are_finer() {
        let minutes: BTreeSet<u32> = (0..3 * 1440).collect();
        let grid = grid(&minutes, [0; 3]);
        assert_eq!(cover(&grid, 1440..2880).unwrap().buckets, [(Width::Day, 1440)]);
        let around = cover(&grid, 1439..2881).unwrap().buckets;
        assert_eq!(around, [(Width::Minute, 1439), (Width::Day, 1440), (Width::Minute, 2880)]);
    }

    #[test]
    fn a_roll_up_that_cannot_be_split_widens_the_range() {
        let minutes: BTreeSet<u32> = (0..120).collect();
        let grid = grid(&minutes, [60, 0, 0]);
        let found = cover(&grid, 5..25).unwrap();
        assert_eq!(
            found,
            Cover {
                buckets: vec![(Width::TenMinutes, 0), (Width::TenMinutes, 10), (Width::TenMinutes, 20)],
                range: 0..30
            }
        );
    }

    #[test]
    fn what_is_not_known_is_asked_for() {
        let mut grid = grid(&(0..20).collect(), [0; 3]);
        grid[1].insert(0, Shape::default());
        assert_eq!(cover(&grid, 5..25), Err(Unknown(Width::TenMinutes, 0)));
    }
}
