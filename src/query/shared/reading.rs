//! The reading order: what a row says that no row above has said.
//!
//! Neighbouring segments say nearly the same (`seat > config`, `seat > config > mysql`).
//! Each row covers cells of the flows' contexts; a segment of which little is new is folded under the row that covers
//! most of it, and covers nothing itself.

use std::collections::BTreeSet;

use super::measure::{Cell, float, portion, ratio};
use super::options::{SharedOptions, Sort};
use super::ranking::Ranked;
use super::segments::{Miner, Part};
use super::tree::{Context, Flow};

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
#[derive(Clone, Copy)]
struct Cover {
    row: u32,
    /// Weights as in [`Cell`].
    exclusive: u128,
    gap: u128,
}

/// A cell of a segment that is read.
struct Read {
    flow: usize,
    /// What the flow's time counts for.
    unit: f64,
    cell: Cell,
    /// The times of the cell.
    exclusive: u128,
    gap: u128,
}

/// The rows so far, and what they cover.
pub(super) struct Reader<'a> {
    miner: &'a Miner<'a>,
    options: &'a SharedOptions,
    /// What a flow's time counts for: the same as in the number that the list is sorted by.
    units: Vec<f64>,
    rows: u32,
    /// By flow and context; a flow of which nothing is covered has no contexts here.
    covers: Vec<Vec<Vec<Cover>>>,
    /// The nodes of the rows.
    nodes: BTreeSet<u32>,
}

impl<'a> Reader<'a> {
    pub fn new(miner: &'a Miner<'a>, options: &'a SharedOptions) -> Reader<'a> {
        let unit = |flow: &Flow| match options.sort {
            Sort::Volume => 1.0,
            Sort::Score => f64::from(flow.profile.tier_permille) * ratio(1, flow.profile.duration),
        };
        let units = miner.forest.flows.iter().map(unit).collect();
        let covers = miner.forest.flows.iter().map(|_| Vec::new()).collect();
        Reader { miner, options, units, rows: 0, covers, nodes: BTreeSet::new() }
    }

    /// Takes the next segment of the ranking.
    pub fn read(&mut self, ranked: &Ranked) -> Verdict {
        let nodes = ranked.level.nodes(self.miner.forest, ranked.segment);
        let (new, best) = self.compare(ranked, &nodes);
        match best {
            Some(row) if new < self.options.min_new => Verdict::Variant { of: row, new },
            _ if self.rows as usize >= self.options.limit => Verdict::Beyond,
            _ => {
                self.cover(ranked, &nodes);
                Verdict::Row { new }
            }
        }
    }

    /// The part of a segment's own time that is new, and the row that covers most of it.
    fn compare(&self, ranked: &Ranked, nodes: &[u32]) -> (f64, Option<usize>) {
        // The usual case of a long list: it has nothing to do with any row.
        if !nodes.iter().any(|node| self.nodes.contains(node)) {
            return (1.0, None);
        }
        let cells = self.cells(ranked);
        let (mut own, mut covered) = (0.0, 0.0);
        for of_flow in cells.chunk_by(|a, b| a.flow == b.flow) {
            own += of_flow[0].unit * float(of_flow.iter().map(|read| read.exclusive + read.gap).sum());
        }
        let mut covered_by = vec![0.0; self.rows as usize];
        for (read, first, rest) in self.covered_cells(&cells) {
            let context = &self.miner.forest.flows[read.flow].contexts[read.cell.context as usize];
            let (mut exclusive, mut gap) = (0, 0);
            for cover in std::iter::once(&first).chain(rest) {
                let common = read.common(context, cover);
                covered_by[cover.row as usize] += read.unit * float(common.0 + common.1);
                (exclusive, gap) = (common.0.max(exclusive), common.1.max(gap));
            }
            covered += read.unit * float(exclusive + gap);
        }
        let new = if own > 0.0 { (1.0 - covered / own).clamp(0.0, 1.0) } else { 1.0 };
        let best = covered_by.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1).then(b.0.cmp(&a.0)));
        (new, best.map(|(row, _)| row))
    }

    /// The cells that count, with their times. What follows are loops that do little, one after the other: most of what
    /// they read is in no cache, and so it is waited for together.
    fn cells(&self, ranked: &Ranked) -> Vec<Read> {
        let forest = self.miner.forest;
        let mut cells = Vec::new();
        for part in self.miner.parts(ranked.level, ranked.segment) {
            let unit = self.unit(&part);
            if unit > 0.0 {
                let flow = part.flow;
                part.for_each_cell(forest, |cell| {
                    cells.push(Read { flow, unit, cell, exclusive: 0, gap: 0 })
                });
            }
        }
        for read in &mut cells {
            let context = &forest.flows[read.flow].contexts[read.cell.context as usize];
            read.exclusive = portion(context.exclusive, read.cell.exclusive, context.weight);
            read.gap = portion(context.gap, read.cell.gap, context.weight);
        }
        cells
    }

    /// The cells that rows cover, the first of these, and the others.
    fn covered_cells<'c>(&self, cells: &'c [Read]) -> Vec<(&'c Read, Cover, &[Cover])> {
        let covers = |read: &Read| self.covers[read.flow].get(read.cell.context as usize)?.split_first();
        let covered = cells.iter().filter_map(|read| covers(read).map(|(first, rest)| (read, *first, rest)));
        covered.collect()
    }

    /// Critical time that the rows cover, over all flows.
    pub fn covered(&self) -> u128 {
        let mut sum = 0;
        for (flow, covers) in self.miner.forest.flows.iter().zip(&self.covers) {
            for (context, covers) in flow.contexts.iter().zip(covers) {
                let Cover { exclusive, gap, .. } = together(covers);
                sum += portion(context.exclusive, exclusive, context.weight)
                    + portion(context.gap, gap, context.weight);
            }
        }
        sum
    }

    /// What the time of a part counts for.
    fn unit(&self, part: &Part) -> f64 {
        if part.is_sharing || self.options.sort == Sort::Volume { self.units[part.flow] } else { 0.0 }
    }

    fn cover(&mut self, ranked: &Ranked, nodes: &[u32]) {
        for part in self.miner.parts(ranked.level, ranked.segment) {
            let of_flow = &mut self.covers[part.flow];
            of_flow.resize_with(self.miner.forest.flows[part.flow].contexts.len(), Vec::new);
            part.for_each_cell(self.miner.forest, |Cell { context, exclusive, gap }| {
                of_flow[context as usize].push(Cover { row: self.rows, exclusive, gap });
            });
        }
        self.nodes.extend(nodes);
        self.rows += 1;
    }
}

/// What these cover of one context.
fn together(covers: &[Cover]) -> Cover {
    let largest = |weight: fn(&Cover) -> u128| covers.iter().map(weight).max().unwrap_or(0);
    Cover { row: 0, exclusive: largest(|cover| cover.exclusive), gap: largest(|cover| cover.gap) }
}

impl Read {
    /// The times of the cell that a row covers, too.
    fn common(&self, context: &Context, cover: &Cover) -> (u128, u128) {
        let part = |time, weight, amount, covered| match covered >= weight {
            // The usual case: the same part of the context.
            true => time,
            false => portion(amount, covered, context.weight),
        };
        let Read { cell, exclusive, gap, .. } = self;
        (
            part(*exclusive, cell.exclusive, context.exclusive, cover.exclusive),
            part(*gap, cell.gap, context.gap, cover.gap),
        )
    }
}
