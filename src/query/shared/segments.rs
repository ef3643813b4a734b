//! Shared segments, length by length: closed contiguous pattern mining over the suffixes of calling contexts.
//!
//! Presence falls when a segment is extended to either side, so only segments whose both shorter parts are shared
//! need to be counted (apriori).

use std::ops::Range;

use super::measure::{Measure, is_present, measure, ratio};
use super::options::SharedOptions;
use super::tree::{Forest, NONE};
use crate::model::FastMap;

/// Nodes of the longest segments.
const LONGEST: usize = 8;

/// One flow's part in a segment.
#[derive(Clone, Debug)]
pub(super) struct Part {
    /// Index into the forest's flows.
    pub flow: usize,
    pub measure: Measure,
    /// True where the flow has enough requests and the segment is surely present.
    pub is_sharing: bool,
    ends: Range<usize>,
}

/// A segment of some level.
pub(super) struct Segment {
    /// Every flow with an occurrence, ascending.
    pub parts: Vec<Part>,
    /// Of its flows those that share it.
    pub sharing: usize,
    /// Time at and below its end, of the flows that share it.
    pub through: u128,
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
    /// Last contexts of the occurrences, for [`Level::ends`].
    ends: Vec<u32>,
    /// By flow and context the segment that ends there, or `NONE`.
    of_context: Vec<Vec<u32>>,
}

impl Level {
    /// All single nodes; without what caps folded together unless it is asked for.
    pub fn of_nodes(forest: &Forest, options: &SharedOptions, has_other: bool) -> Level {
        Level::new(forest, options, 1, |flow, context| {
            let node = forest.flows[flow].contexts[context].node;
            (has_other || !forest.names[node as usize].is_other).then_some([node, NONE])
        })
    }

    /// All segments that are one node longer, and both of whose shorter parts are in this level.
    pub fn longer(&self, forest: &Forest, options: &SharedOptions) -> Level {
        Level::new(forest, options, self.length + 1, |flow, context| {
            let parent = forest.flows[flow].contexts[context].parent;
            let known = &self.of_context[flow];
            let before = if parent == NONE { NONE } else { known[parent as usize] };
            let shorter = [before, known[context]];
            (!shorter.contains(&NONE)).then_some(shorter)
        })
    }

    /// Collects the segments by key: two contexts with one key end the same segment.
    fn new(
        forest: &Forest,
        options: &SharedOptions,
        length: usize,
        key: impl Fn(usize, usize) -> Option<[u32; 2]>,
    ) -> Level {
        let mut level = Level { length, segments: Vec::new(), ends: Vec::new(), of_context: Vec::new() };
        let mut places: FastMap<[u32; 2], u32> = FastMap::default();
        let mut keyed: Vec<([u32; 2], u32)> = Vec::new();
        for (place, flow) in forest.flows.iter().enumerate() {
            let mut of_context = vec![NONE; flow.contexts.len()];
            keyed.clear();
            let contexts = 0..flow.contexts.len();
            keyed.extend(contexts.filter_map(|context| Some((key(place, context)?, context as u32))));
            keyed.sort_unstable();
            for same in keyed.chunk_by(|a, b| a.0 == b.0) {
                let first = level.ends.len();
                level.ends.extend(same.iter().map(|(_, context)| *context));
                let ends = first..level.ends.len();
                let measure = measure(&flow.contexts, &level.ends[ends.clone()], length, flow.profile);
                let presence = ratio(measure.weight, flow.profile.weight);
                let is_sharing = flow.profile.requests >= options.min_requests
                    && is_present(presence, flow.profile.requests, options.min_presence);
                let segment = *places.entry(same[0].0).or_insert_with(|| {
                    level.segments.push(Segment::new(same[0].0));
                    level.segments.len() as u32 - 1
                });
                level.segments[segment as usize].add(Part { flow: place, measure, is_sharing, ends });
                same.iter().for_each(|(_, context)| of_context[*context as usize] = segment);
            }
            level.of_context.push(of_context);
        }
        level
    }

    /// Where a segment occurs in a flow: its last contexts, ascending.
    pub fn ends(&self, part: &Part) -> &[u32] {
        &self.ends[part.ends.clone()]
    }

    /// The nodes of a segment, in the order of calls.
    pub fn nodes(&self, forest: &Forest, segment: &Segment) -> Vec<u32> {
        let part = &segment.parts[0];
        let contexts = &forest.flows[part.flow].contexts;
        let mut nodes = Vec::with_capacity(self.length);
        let mut at = self.ends(part)[0];
        for _ in 0..self.length {
            nodes.push(contexts[at as usize].node);
            at = contexts[at as usize].parent;
        }
        nodes.reverse();
        nodes
    }

    /// Leaves only segments that enough flows share.
    fn keep_shared(&mut self, options: &SharedOptions) {
        let mut new_places: Vec<u32> = Vec::with_capacity(self.segments.len());
        let mut kept = 0;
        for segment in &self.segments {
            let is_shared = segment.sharing >= options.min_flows.max(1);
            new_places.push(if is_shared { kept } else { NONE });
            kept += u32::from(is_shared);
        }
        self.segments.retain(|segment| segment.sharing >= options.min_flows.max(1));
        for place in self.of_context.iter_mut().flatten().filter(|place| **place != NONE) {
            *place = new_places[*place as usize];
        }
    }

    /// Leaves only segments that no segment of the next level says as well: same flows, and hardly less time through.
    fn keep_maximal(&mut self, longer: &Level) {
        for extension in &longer.segments {
            for shorter in extension.shorter {
                let segment = &mut self.segments[shorter as usize];
                // An extension's flows are among the segment's, so equal numbers are equal sets.
                let is_as_shared = segment.sharing == extension.sharing;
                if is_as_shared && extension.through * 10 >= segment.through * 9 {
                    segment.is_maximal = false;
                }
            }
        }
        self.segments.retain(|segment| segment.is_maximal);
        self.of_context = Vec::new();
    }
}

impl Segment {
    fn new(shorter: [u32; 2]) -> Segment {
        Segment { parts: Vec::new(), sharing: 0, through: 0, shorter, is_maximal: true }
    }

    fn add(&mut self, part: Part) {
        if part.is_sharing {
            self.sharing += 1;
            self.through += part.measure.through;
        }
        self.parts.push(part);
    }
}

/// The maximal shared segments of up to eight nodes.
pub(super) fn maximal(forest: &Forest, options: &SharedOptions) -> Vec<Level> {
    let mut levels = Vec::new();
    let mut level = Level::of_nodes(forest, options, false);
    level.keep_shared(options);
    while level.length < LONGEST && !level.segments.is_empty() {
        let mut longer = level.longer(forest, options);
        longer.keep_shared(options);
        level.keep_maximal(&longer);
        levels.push(std::mem::replace(&mut level, longer));
    }
    levels.push(level);
    levels
}
