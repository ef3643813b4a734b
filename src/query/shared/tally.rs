//! What the segments of a level sum up to, counted flow by flow.
//!
//! A segment's occurrences lie in many flows, and all flows together are larger than any cache; one flow is not.

use super::measure::{measure, portion, ratio};
use super::segments::{Level, Miner};
use super::tree::{Flow, Forest, NONE};

/// Thousandths of a flow's weight.
pub(super) const PERMILLE: f64 = 1_000.0;

/// Sums over the flows of a segment, in their order.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sums {
    /// Flows that share it.
    pub sharing: usize,
    /// Their time at and below its end.
    pub shared_through: u128,
    /// Their shares, times the weights of their tiers, and the squares of these.
    pub shares: f64,
    pub squares: f64,
    /// Time inside of it, of all flows.
    pub own: u128,
    /// Time at and below its end, of all flows.
    pub through: u128,
}

/// By place of a context: the time inside of the run of nodes that ends there, as long as the segments of a level.
#[derive(Default)]
pub(super) struct Runs {
    own: Vec<u128>,
    /// The run's first context, an index into its flow's; none where fewer nodes are above.
    firsts: Vec<u32>,
}

impl Runs {
    /// Runs of one node.
    pub fn of_nodes(forest: &Forest) -> Runs {
        let contexts = || forest.flows.iter().flat_map(|flow| &flow.contexts);
        let own = contexts().map(|context| portion(context.exclusive, context.weight, context.weight));
        let firsts = forest.flows.iter().flat_map(|flow| 0..flow.contexts.len() as u32).collect();
        Runs { own: own.collect(), firsts }
    }

    /// Each run with the node above it.
    pub fn extend(&mut self, forest: &Forest) {
        let mut runs = self.own.iter_mut().zip(&mut self.firsts);
        for flow in &forest.flows {
            for (context, (own, first)) in flow.contexts.iter().zip(&mut runs) {
                let Some(behind) = flow.contexts.get(*first as usize) else { continue };
                *first = behind.parent;
                if let Some(added) = flow.contexts.get(behind.parent as usize) {
                    *own += portion(behind.gap, context.weight, behind.weight)
                        + portion(added.exclusive, context.weight, added.weight);
                }
            }
        }
    }
}

/// One flow's part in a segment, while its contexts are counted.
struct Part {
    segment: u32,
    occurrences: u32,
    /// Behind the last context below those that count for `through`.
    behind: u32,
    weight: u128,
    through: u128,
    own: u128,
}

/// Fills in the sums of all segments of a level.
pub(super) fn tally(miner: &Miner, level: &mut Level) {
    let mut parts: Vec<Part> = Vec::new();
    // By segment the last flow with a part in it, and where that part is.
    let mut known: Vec<(u32, u32)> = vec![(NONE, 0); level.segments.len()];
    for (flow, number) in miner.forest.flows.iter().zip(0..) {
        let places = miner.places(number);
        count(
            flow,
            number,
            &level.of_context[places.clone()],
            &level.runs.own[places],
            &mut known,
            &mut parts,
        );
        for part in parts.drain(..) {
            add(miner, level, number, &part);
        }
    }
}

/// Collects the parts of a flow.
fn count(
    flow: &Flow,
    number: u32,
    segments: &[u32],
    own: &[u128],
    known: &mut [(u32, u32)],
    parts: &mut Vec<Part>,
) {
    for (((context, segment), own), at) in flow.contexts.iter().zip(segments).zip(own).zip(0..) {
        if *segment == NONE {
            continue;
        }
        let known = &mut known[*segment as usize];
        if known.0 != number {
            *known = (number, parts.len() as u32);
            parts.push(Part { segment: *segment, occurrences: 0, behind: 0, weight: 0, through: 0, own: 0 });
        }
        let part = &mut parts[known.1 as usize];
        part.occurrences += 1;
        part.weight += context.weight;
        part.own += own;
        // An occurrence below another one is part of its time.
        if at >= part.behind {
            part.through += context.inclusive;
            part.behind = context.end;
        }
    }
}

/// Adds a flow's part to the sums of its segment.
fn add(miner: &Miner, level: &mut Level, flow: u32, part: &Part) {
    let Flow { profile, contexts } = &miner.forest.flows[flow as usize];
    // Runs overlap only where a node is in them twice, and no node follows itself.
    let own = match part.occurrences > 1 && level.length > 2 {
        true => measure(contexts, level.ends_in(part.segment, flow), level.length, profile).own,
        false => part.own,
    };
    let sums = &mut level.segments[part.segment as usize].sums;
    sums.own += own;
    sums.through += part.through;
    if miner.is_sharing(flow as usize, part.weight) {
        let share = ratio(own, profile.duration) * f64::from(profile.tier_permille) / PERMILLE;
        sums.sharing += 1;
        sums.shared_through += part.through;
        sums.shares += share;
        sums.squares += share * share;
    }
}
