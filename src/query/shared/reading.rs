//! The reading order: what a row says that no row above has said.
//!
//! Neighbouring segments say nearly the same (`seat > config`, `seat > config > mysql`).
//! Each row covers cells of the flows' contexts; a segment of which little is new is folded under the row that covers
//! most of it, and covers nothing itself.

use std::collections::BTreeSet;

use super::measure::{Cell, for_each_cell, portion, ratio};
use super::options::{SharedOptions, Sort};
use super::ranking::Ranked;
use super::segments::Part;
use super::tree::{Context, Forest};

/// What becomes of a segment. `new` is the part of its own time that no row above covers, 0 to 1.
pub(super) enum Verdict {
    /// A row of its own.
    Row { new: f64 },
    /// Folded under the row of this number, counted from 0.
    Variant { of: usize, new: f64 },
    /// It would be a row, but the list is full.
    Beyond,
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
    /// By flow and context; a flow of which nothing is covered has no contexts here.
    covers: Vec<Vec<Vec<Cover>>>,
    /// The nodes of the rows.
    nodes: BTreeSet<u32>,
}

impl<'a> Reader<'a> {
    pub fn new(forest: &'a Forest<'a>, options: &'a SharedOptions) -> Reader<'a> {
        let covers = forest.flows.iter().map(|_| Vec::new()).collect();
        Reader { forest, options, rows: 0, covers, nodes: BTreeSet::new() }
    }

    /// Takes the next segment of the ranking.
    pub fn read(&mut self, ranked: &Ranked) -> Verdict {
        let (new, best) = self.compare(ranked);
        match best {
            Some(row) if new < self.options.min_new => Verdict::Variant { of: row, new },
            _ if self.rows as usize >= self.options.limit => Verdict::Beyond,
            _ => {
                self.cover(ranked);
                Verdict::Row { new }
            }
        }
    }

    /// The part of a segment's own time that is new, and the row that covers most of it.
    fn compare(&self, ranked: &Ranked) -> (f64, Option<usize>) {
        // The usual case of a long list: it has nothing to do with any row.
        if !ranked.nodes.iter().any(|node| self.nodes.contains(node)) {
            return (1.0, None);
        }
        let (mut own, mut covered) = (0.0, 0.0);
        let mut covered_by = vec![0.0; self.rows as usize];
        for part in &ranked.segment.parts {
            let unit = self.unit(part);
            own += unit * part.measure.own as f64;
            let of_flow = &self.covers[part.flow];
            if unit == 0.0 || of_flow.is_empty() {
                continue;
            }
            let contexts = &self.forest.flows[part.flow].contexts;
            for_each_cell(contexts, ranked.level.ends(part), ranked.level.length, |cell| {
                let covers = &of_flow[cell.context as usize];
                if covers.is_empty() {
                    return;
                }
                let common = |cover: &Cover| common(&contexts[cell.context as usize], &cell, cover) as f64;
                covered += unit * common(&together(covers));
                for cover in covers {
                    covered_by[cover.row as usize] += unit * common(cover);
                }
            });
        }
        let new = if own > 0.0 { (1.0 - covered / own).clamp(0.0, 1.0) } else { 1.0 };
        let best = covered_by.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1).then(b.0.cmp(&a.0)));
        (new, best.map(|(row, _)| row))
    }

    /// Critical time that the rows cover, over all flows.
    pub fn covered(&self) -> u128 {
        let mut sum = 0;
        for (flow, covers) in self.forest.flows.iter().zip(&self.covers) {
            for (context, covers) in flow.contexts.iter().zip(covers) {
                let Cover { exclusive, gap, .. } = together(covers);
                sum += portion(context.exclusive, exclusive, context.weight)
                    + portion(context.gap, gap, context.weight);
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

    fn cover(&mut self, ranked: &Ranked) {
        for part in &ranked.segment.parts {
            let contexts = &self.forest.flows[part.flow].contexts;
            let of_flow = &mut self.covers[part.flow];
            of_flow.resize_with(contexts.len(), Vec::new);
            for_each_cell(contexts, ranked.level.ends(part), ranked.level.length, |cell| {
                let Cell { context, exclusive, gap } = cell;
                of_flow[context as usize].push(Cover { row: self.rows, exclusive, gap });
            });
        }
        self.nodes.extend(&ranked.nodes);
        self.rows += 1;
    }
}

/// What these cover of one context.
fn together(covers: &[Cover]) -> Cover {
    let largest = |weight: fn(&Cover) -> u128| covers.iter().map(weight).max().unwrap_or(0);
    Cover { row: 0, exclusive: largest(|cover| cover.exclusive), gap: largest(|cover| cover.gap) }
}

/// The time of a cell that this one covers.
fn common(context: &Context, cell: &Cell, cover: &Cover) -> u128 {
    portion(context.exclusive, cell.exclusive.min(cover.exclusive), context.weight)
        + portion(context.gap, cell.gap.min(cover.gap), context.weight)
}
