//! The reading order: what a row says that no row above has said.
//!
//! Neighbouring segments say nearly the same (`seat > config`, `seat > config > mysql`).
//! Each row covers cells of the flows' contexts; a segment of which little is new is folded under the row that covers
//! most of it, and covers nothing itself.

use super::measure::{Cell, cells, portion, ratio};
use super::options::{SharedOptions, Sort};
use super::ranking::Ranked;
use super::segments::Part;
use super::tree::{Context, Forest};
use crate::model::FastMap;

/// What becomes of a segment. `new` is the part of its own time that no row above covers, 0 to 1.
pub(super) enum Verdict {
    /// A row of its own.
    Row { new: f64 },
    /// Folded under the row of this number, counted from 0.
    Variant { of: usize, new: f64 },
}

/// A row's part in a context.
struct Cover {
    row: u32,
    /// Weights as in [`Cell`].
    exclusive: u128,
    gap: u128,
}

/// The rows so far, and what they cover.
pub(super) struct Reader<'a> {
    forest: &'a Forest<'a>,
    options: &'a SharedOptions,
    rows: u32,
    /// By flow and context.
    covers: Vec<Vec<Vec<Cover>>>,
}

impl<'a> Reader<'a> {
    pub fn new(forest: &'a Forest<'a>, options: &'a SharedOptions) -> Reader<'a> {
        let empty = |contexts: &[Context]| contexts.iter().map(|_| Vec::new()).collect();
        let covers = forest.flows.iter().map(|flow| empty(&flow.contexts)).collect();
        Reader { forest, options, rows: 0, covers }
    }

    /// Takes the next segment of the ranking.
    pub fn read(&mut self, ranked: &Ranked) -> Verdict {
        let (mut own, mut new) = (0.0, 0.0);
        let mut covered_by: FastMap<u32, f64> = FastMap::default();
        for part in &ranked.segment.parts {
            let unit = self.unit(part);
            for cell in self.cells(ranked, part) {
                let context = &self.forest.flows[part.flow].contexts[cell.context as usize];
                let covers = &self.covers[part.flow][cell.context as usize];
                own += unit * cell.time(&self.forest.flows[part.flow].contexts) as f64;
                new += unit * uncovered(context, &cell, covers) as f64;
                for cover in covers {
                    *covered_by.entry(cover.row).or_default() += unit * common(context, &cell, cover) as f64;
                }
            }
        }
        let new = if own > 0.0 { (new / own).min(1.0) } else { 1.0 };
        let best = covered_by.into_iter().max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)));
        match best {
            Some((row, _)) if new < self.options.min_new => Verdict::Variant { of: row as usize, new },
            _ => {
                self.cover(ranked);
                Verdict::Row { new }
            }
        }
    }

    /// Critical time that the first so many rows cover, over all flows.
    pub fn covered(&self, rows: usize) -> u128 {
        let mut sum = 0;
        for (flow, covers) in self.forest.flows.iter().zip(&self.covers) {
            for (context, covers) in flow.contexts.iter().zip(covers) {
                let shown = || covers.iter().filter(|cover| (cover.row as usize) < rows);
                let exclusive = shown().map(|cover| cover.exclusive).max().unwrap_or(0);
                let gap = shown().map(|cover| cover.gap).max().unwrap_or(0);
                sum += portion(context.exclusive, exclusive, context.weight);
                sum += portion(context.gap, gap, context.weight);
            }
        }
        sum
    }

    /// What a flow's time counts for: the same as in the number that the list is sorted by.
    fn unit(&self, part: &Part) -> f64 {
        let profile = self.forest.flows[part.flow].profile;
        match self.options.sort {
            Sort::Volume => 1.0,
            Sort::Score if part.is_sharing => f64::from(profile.tier_permille) * ratio(1, profile.duration),
            Sort::Score => 0.0,
        }
    }

    fn cells(&self, ranked: &Ranked, part: &Part) -> Vec<Cell> {
        cells(&self.forest.flows[part.flow].contexts, ranked.level.ends(part), ranked.level.length)
    }

    fn cover(&mut self, ranked: &Ranked) {
        for part in &ranked.segment.parts {
            for Cell { context, exclusive, gap } in self.cells(ranked, part) {
                self.covers[part.flow][context as usize].push(Cover { row: self.rows, exclusive, gap });
            }
        }
        self.rows += 1;
    }
}

/// The time of a cell that none of these covers.
fn uncovered(context: &Context, cell: &Cell, covers: &[Cover]) -> u128 {
    let exclusive = covers.iter().map(|cover| cover.exclusive).max();
    let gap = covers.iter().map(|cover| cover.gap).max();
    let left = |amount, weight, covered: Option<u128>| {
        let covered = covered.map_or(0, |covered| portion(amount, covered, context.weight));
        portion(amount, weight, context.weight).saturating_sub(covered)
    };
    left(context.exclusive, cell.exclusive, exclusive) + left(context.gap, cell.gap, gap)
}

/// The time of a cell that this one covers.
fn common(context: &Context, cell: &Cell, cover: &Cover) -> u128 {
    portion(context.exclusive, cell.exclusive.min(cover.exclusive), context.weight)
        + portion(context.gap, cell.gap.min(cover.gap), context.weight)
}
