//! Shared segments, length by length: closed contiguous pattern mining over the suffixes of calling contexts.
//!
//! Presence falls when a segment is extended to either side, so only segments whose both shorter parts are shared
//! need to be counted (apriori).
//! The occurrences of a segment stand in a row, and those of its extensions to the left are groups of that row, so no
//! segment is ever looked up.

use std::ops::Range;

use super::measure::{Cell, Measure, for_each_cell, measure, sure_weight};
use super::options::SharedOptions;
use super::tally::{Runs, Sums, tally};
use super::tree::{Flow, Forest, NONE};

/// Nodes of the longest segments.
const LONGEST: usize = 8;

/// An occurrence of a segment: the context of its last node.
#[derive(Clone, Copy, Debug)]
pub(super) struct End {
    /// Index into the forest's flows.
    pub flow: u32,
    /// Index into the flow's contexts.
    pub context: u32,
}

/// One flow's part in a segment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part<'a> {
    /// Index into the forest's flows.
    pub flow: usize,
    /// Where it occurs, ascending.
    pub ends: &'a [End],
    length: usize,
    /// True where the flow has enough requests and the segment is surely present.
    pub is_sharing: bool,
}

/// A segment of some level.
pub(super) struct Segment {
    pub sums: Sums,
    ends: Range<usize>,
    /// The segments of the level before without its last node, and without its first.
    shorter: [u32; 2],
    is_maximal: bool,
}

/// The segments of one length.
pub(super) struct Level {
    /// Nodes of a segment.
    pub length: usize,
    /// In an order that depends on names alone.
    pub segments: Vec<Segment>,
    /// By segment, flow and context.
    ends: Vec<End>,
    /// By place of a context the segment that ends there, or `NONE`.
    pub of_context: Vec<u32>,
    pub runs: Runs,
}

/// Flows, and what makes one of them share a segment.
pub(super) struct Miner<'a> {
    pub forest: &'a Forest<'a>,
    /// Segments that fewer flows share are left out.
    min_flows: usize,
    /// By flow the least weight of a segment that it shares; none where it has too few requests.
    sure_weights: Vec<Option<u128>>,
    /// By flow the place of its first context, and the number of all.
    firsts: Vec<usize>,
    /// By place of a context that of its parent, or `NONE`.
    parents: Vec<u32>,
}

impl<'a> Miner<'a> {
    /// Leaves out what fewer than `min_flows` flows share.
    pub fn new(forest: &'a Forest<'a>, options: &SharedOptions, min_flows: usize) -> Miner<'a> {
        let sure_weights = forest.flows.iter().map(|flow| {
            let has_enough = flow.profile.requests >= options.min_requests;
            has_enough.then(|| sure_weight(flow.profile, options.min_presence)).flatten()
        });
        let mut firsts = vec![0];
        forest.flows.iter().for_each(|flow| firsts.push(firsts[firsts.len() - 1] + flow.contexts.len()));
        let parents = forest.flows.iter().zip(&firsts).flat_map(|(flow, first)| {
            let place = |parent: u32| if parent == NONE { NONE } else { *first as u32 + parent };
            flow.contexts.iter().map(move |context| place(context.parent))
        });
        let parents = parents.collect();
        Miner { forest, min_flows, sure_weights: sure_weights.collect(), firsts, parents }
    }

    /// All single nodes; without what caps folded together unless it is asked for.
    pub fn single_nodes(&self, has_other: bool) -> Level {
        let all = self.forest.flows.iter().zip(0..).flat_map(|(flow, number)| {
            (0..flow.contexts.len() as u32).map(move |context| End { flow: number, context })
        });
        let all: Vec<End> = all.collect();
        let mut level = Level::new(1, Runs::of_nodes(self.forest), all.len());
        self.add_groups(&mut level, NONE, &all, |end| {
            let node = self.forest.flows[end.flow as usize].contexts[end.context as usize].node;
            (has_other || !self.forest.names[node as usize].is_other).then_some(node)
        });
        self.finish(level)
    }

    /// All segments that are one node longer, and both of whose shorter parts are in this level.
    pub fn longer(&self, level: &mut Level) -> Level {
        let mut runs = std::mem::take(&mut level.runs);
        runs.extend(self.forest);
        let mut longer = Level::new(level.length + 1, runs, level.of_context.len());
        for (segment, number) in level.segments.iter().zip(0..) {
            self.add_groups(&mut longer, number, &level.ends[segment.ends.clone()], |end| {
                let parent = self.parents[self.place(end.flow, end.context)];
                let before = *level.of_context.get(parent as usize)?;
                (before != NONE).then_some(before)
            });
        }
        self.finish(longer)
    }

    /// Sums up the segments, and leaves only those that enough flows share.
    fn finish(&self, mut level: Level) -> Level {
        tally(self, &mut level);
        level.keep_shared(self.min_flows);
        level
    }

    /// Adds a segment for each key of these occurrences, which share what follows the key.
    fn add_groups(&self, level: &mut Level, suffix: u32, ends: &[End], key: impl Fn(End) -> Option<u32>) {
        let keyed = ends.iter().zip(0u32..).filter_map(|(end, place)| Some((key(*end)?, place)));
        let mut keyed: Vec<(u32, u32)> = keyed.collect();
        keyed.sort_unstable();
        // Each flow that shares a segment has an occurrence of it.
        for same in keyed.chunk_by(|a, b| a.0 == b.0).filter(|same| same.len() >= self.min_flows) {
            let (first, number) = (level.ends.len(), level.segments.len() as u32);
            for (_, place) in same {
                let end = ends[*place as usize];
                level.ends.push(end);
                level.of_context[self.place(end.flow, end.context)] = number;
            }
            let (ends, shorter) = (first..level.ends.len(), [same[0].0, suffix]);
            level.segments.push(Segment { sums: Sums::default(), ends, shorter, is_maximal: true });
        }
    }

    /// True where a flow shares a segment of this weight.
    pub fn is_sharing(&self, flow: usize, weight: u128) -> bool {
        self.sure_weights[flow].is_some_and(|least| weight >= least)
    }

    /// Where a flow's contexts are among those of all flows.
    pub fn places(&self, flow: u32) -> Range<usize> {
        self.firsts[flow as usize]..self.firsts[flow as usize + 1]
    }

    fn place(&self, flow: u32, context: u32) -> usize {
        self.firsts[flow as usize] + context as usize
    }

    /// Every flow with an occurrence of the segment, ascending.
    pub fn parts<'l>(&self, level: &'l Level, segment: &Segment) -> impl Iterator<Item = Part<'l>> {
        let length = level.length;
        level.ends[segment.ends.clone()].chunk_by(|a, b| a.flow == b.flow).map(move |ends| {
            let flow = ends[0].flow as usize;
            let contexts = &self.forest.flows[flow].contexts;
            let weight = ends.iter().map(|end| contexts[end.context as usize].weight).sum();
            Part { flow, ends, length, is_sharing: self.is_sharing(flow, weight) }
        })
    }
}

impl Part<'_> {
    /// How much of the flow lies in the segment.
    pub fn measure(&self, forest: &Forest) -> Measure {
        let Flow { profile, contexts } = &forest.flows[self.flow];
        measure(contexts, self.ends, self.length, profile)
    }

    /// Calls `add` for each cell of the segment in the flow, each once.
    pub fn for_each_cell(&self, forest: &Forest, add: impl FnMut(Cell)) {
        for_each_cell(&forest.flows[self.flow].contexts, self.ends, self.length, add);
    }
}

impl Level {
    fn new(length: usize, runs: Runs, contexts: usize) -> Level {
        Level { length, segments: Vec::new(), ends: Vec::new(), of_context: vec![NONE; contexts], runs }
    }

    /// Where a segment occurs in a flow, ascending.
    pub fn ends_in(&self, segment: u32, flow: u32) -> &[End] {
        let ends = &self.ends[self.segments[segment as usize].ends.clone()];
        let first = ends.partition_point(|end| end.flow < flow);
        let count = ends[first..].partition_point(|end| end.flow == flow);
        &ends[first..first + count]
    }

    /// Leaves only segments that enough flows share.
    fn keep_shared(&mut self, min_flows: usize) {
        let is_shared = |segment: &Segment| segment.sums.sharing >= min_flows;
        let mut kept = 0;
        let new_number = |segment| {
            kept += u32::from(is_shared(segment));
            if is_shared(segment) { kept - 1 } else { NONE }
        };
        let new_numbers: Vec<u32> = self.segments.iter().map(new_number).collect();
        self.segments.retain(is_shared);
        for number in self.of_context.iter_mut().filter(|number| **number != NONE) {
            *number = new_numbers[*number as usize];
        }
    }

    /// The nodes of a segment, in the order of calls.
    pub fn nodes(&self, forest: &Forest, segment: &Segment) -> Vec<u32> {
        let End { flow, mut context } = self.ends[segment.ends.start];
        let contexts = &forest.flows[flow as usize].contexts;
        let mut nodes = Vec::with_capacity(self.length);
        for _ in 0..self.length {
            nodes.push(contexts[context as usize].node);
            context = contexts[context as usize].parent;
        }
        nodes.reverse();
        nodes
    }

    /// Leaves only segments that no segment of the next level says as well: same flows, and hardly less time through.
    fn keep_maximal(&mut self, longer: &Level) {
        for extension in &longer.segments {
            for shorter in extension.shorter {
                let segment = &mut self.segments[shorter as usize];
                // An extension's flows are among the segment's, so equal numbers are equal sets.
                let is_as_shared = segment.sums.sharing == extension.sums.sharing;
                if is_as_shared && extension.sums.shared_through * 10 >= segment.sums.shared_through * 9 {
                    segment.is_maximal = false;
                }
            }
        }
        self.segments.retain(|segment| segment.is_maximal);
        self.of_context = Vec::new();
    }
}

/// The maximal shared segments of up to eight nodes.
pub(super) fn maximal(miner: &Miner) -> Vec<Level> {
    let mut levels = Vec::new();
    let mut level = miner.single_nodes(false);
    while level.length < LONGEST && !level.segments.is_empty() {
        let longer = miner.longer(&mut level);
        level.keep_maximal(&longer);
        levels.push(std::mem::replace(&mut level, longer));
    }
    levels.push(level);
    levels
}
