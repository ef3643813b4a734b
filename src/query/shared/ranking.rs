//! Shared segments with their numbers, the most shared first.

use std::sync::Arc;

use super::answer::{FlowShare, LeftOut, SharedPaths, SharedSegment, Variant};
use super::measure::{ratio, wilson_lower};
use super::options::{SharedOptions, Sort};
use super::profile::{NodeName, Profiles};
use super::reading::{Reader, Verdict};
use super::segments::{End, Level, Miner, Part, Segment, maximal};
use super::tally::{PERMILLE, Sums};
use super::tree::{Flow, Forest, NONE};
use crate::model::NodeId;

/// Segments of their own that are looked at once the list is full, for variants between them: nobody looks for one that
/// ranks further down, systems where everything is shared have hundreds of thousands, and each takes a look at all flows.
const EXAMINED: usize = 200;
/// Rows that are read whatever the limit, so that what is a row and what a variant does not depend on it.
const READ: usize = 100;
/// Names of folded variants that a row keeps; the rest is a number.
const MAX_VARIANTS: usize = 5;

/// Finds what the flows share, under the level that `name` chooses.
pub fn shared_paths(
    profiles: &Profiles,
    options: &SharedOptions,
    name: &mut dyn FnMut(NodeId) -> NodeName,
) -> SharedPaths {
    let forest = Forest::new(profiles, name);
    let miner = Miner::new(&forest, options, options.min_flows.max(1));
    let levels = maximal(&miner);
    let (rows, more, other) = read(&miner, options, &ranked(&miner, &levels, options.sort));
    let (enough, too_few): (Vec<&Flow>, Vec<&Flow>) =
        forest.flows.iter().partition(|flow| flow.profile.requests >= options.min_requests);
    SharedPaths {
        options: *options,
        segments: rows,
        more,
        flows: enough.len(),
        requests: enough.iter().map(|flow| flow.profile.requests).sum(),
        left_out: too_few.iter().map(|flow| left_out(flow)).collect(),
        other,
        unknown: ratio(forest.flows.iter().map(unknown).sum(), forest.duration),
    }
}

fn left_out(flow: &Flow) -> LeftOut {
    let profile = flow.profile;
    LeftOut {
        id: profile.id.clone(),
        name: Arc::clone(&profile.name),
        service: Arc::clone(&profile.service),
        requests: profile.requests,
    }
}

/// Critical time of a flow that is in none of its contexts.
pub(super) fn unknown(flow: &Flow) -> u128 {
    let known: u128 = flow.contexts.iter().map(|context| context.exclusive + context.gap).sum();
    flow.profile.duration.saturating_sub(known)
}

/// A segment with what it is ranked by.
pub(super) struct Ranked<'a> {
    pub level: &'a Level,
    pub segment: &'a Segment,
    pub numbers: Numbers,
}

impl Ranked<'_> {
    /// Its nodes, in the order of calls.
    pub fn nodes(&self, forest: &Forest) -> Vec<u32> {
        self.level.nodes(forest, self.segment)
    }
}

/// The numbers of ALGORITHMS 2 for one segment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Numbers {
    pub flow_equivalents: f64,
    pub effective_flows: f64,
    pub score: f64,
    pub volume: f64,
    /// Time at and below its end of all flows, as a share of the time of all flows.
    pub through: f64,
    pub in_flight: f64,
}

impl Numbers {
    /// FE, Neff and SCORE of the flows that share it, the rest of all.
    pub fn of(forest: &Forest, sums: &Sums) -> Numbers {
        let Sums { shares: sum, squares, own, through, .. } = *sums;
        let effective_flows = if squares > 0.0 { sum * sum / squares } else { 0.0 };
        let score = if squares > 0.0 { sum * (1.0 - 1.0 / effective_flows).max(0.0) } else { 0.0 };
        Numbers {
            flow_equivalents: sum,
            effective_flows,
            score,
            volume: ratio(own, forest.duration),
            through: ratio(through, forest.duration),
            in_flight: if forest.seconds > 0.0 { seconds(through) / forest.seconds } else { 0.0 },
        }
    }

    fn rank(&self, sort: Sort) -> [f64; 2] {
        match sort {
            Sort::Score => [self.score, self.volume],
            Sort::Volume => [self.volume, self.score],
        }
    }
}

/// Weighted nanoseconds in 1/65536 to seconds.
fn seconds(time: u128) -> f64 {
    time as f64 / (crate::model::WEIGHT_ONE as f64 * 1e9)
}

/// Segments with time of their own, the most shared first; ties by names.
fn ranked<'a>(miner: &Miner, levels: &'a [Level], sort: Sort) -> Vec<Ranked<'a>> {
    let mut ranked: Vec<Ranked> = levels
        .iter()
        .flat_map(|level| level.segments.iter().map(move |segment| (level, segment)))
        .map(|(level, segment)| Ranked { level, segment, numbers: Numbers::of(miner.forest, &segment.sums) })
        .filter(|ranked| ranked.numbers.flow_equivalents > 0.0)
        .collect();
    ranked.sort_by(|a, b| {
        let [(a_first, a_then), (b_first, b_then)] =
            [a, b].map(|ranked| ranked.numbers.rank(sort)).map(|[first, then]| (first, then));
        let by_number = b_first.total_cmp(&a_first).then(b_then.total_cmp(&a_then));
        by_number.then_with(|| a.nodes(miner.forest).cmp(&b.nodes(miner.forest)))
    });
    ranked
}

/// The list as it reads: rows, how many segments are beyond the limit, and the share of time in none of the rows.
fn read(miner: &Miner, options: &SharedOptions, ranked: &[Ranked]) -> (Vec<SharedSegment>, usize, f64) {
    let forest = miner.forest;
    let ample = SharedOptions { limit: options.limit.max(READ), ..*options };
    let mut reader = Reader::new(miner, &ample);
    let mut rows: Vec<SharedSegment> = Vec::new();
    let (mut more, mut beyond, mut covered) = (0, 0, None);
    for item in ranked {
        if beyond >= EXAMINED {
            more += 1;
            continue;
        }
        match reader.read(item) {
            Verdict::Row { new } if rows.len() < options.limit => {
                rows.push(row(miner, item, new));
                if rows.len() == options.limit {
                    covered = Some(reader.covered());
                }
            }
            Verdict::Variant { of, new } => {
                // Of a row beyond the limit it is not shown, as that row is not.
                if let Some(row) = rows.get_mut(of) {
                    row.variant_count += 1;
                    if row.variants.len() < MAX_VARIANTS {
                        row.variants.push(variant(forest, item, new));
                    }
                }
            }
            Verdict::Row { .. } => more += 1,
            Verdict::Beyond => (more, beyond) = (more + 1, beyond + 1),
        }
    }
    let covered = covered.unwrap_or_else(|| reader.covered());
    let other = if forest.duration == 0 { 0.0 } else { 1.0 - ratio(covered, forest.duration) };
    (rows, more, other.max(0.0))
}

fn row(miner: &Miner, ranked: &Ranked, new: f64) -> SharedSegment {
    let Ranked { level, segment, numbers } = ranked;
    let forest = miner.forest;
    let parts: Vec<Part> = miner.parts(level, segment).collect();
    let is_root = |end: &End| forest.flows[end.flow as usize].contexts[end.context as usize].parent == NONE;
    let is_entry = level.length == 1 && parts.iter().all(|part| part.ends.iter().all(is_root));
    let sharing = || parts.iter().filter(|part| part.is_sharing);
    let mut flows: Vec<FlowShare> = sharing().map(|part| flow_share(forest, part)).collect();
    flows.sort_by(|a, b| (b.share * b.tier).total_cmp(&(a.share * a.tier)).then_with(|| a.id.cmp(&b.id)));
    SharedSegment {
        nodes: names(forest, ranked),
        flows,
        flow_equivalents: numbers.flow_equivalents,
        effective_flows: numbers.effective_flows,
        score: numbers.score,
        volume: numbers.volume,
        in_flight: numbers.in_flight,
        new,
        is_allocated: sharing().any(|part| part.measure(forest).is_allocated),
        is_entry,
        variants: Vec::new(),
        variant_count: 0,
    }
}

fn flow_share(forest: &Forest, part: &Part) -> FlowShare {
    let (profile, measure) = (forest.flows[part.flow].profile, part.measure(forest));
    FlowShare {
        id: profile.id.clone(),
        name: Arc::clone(&profile.name),
        service: Arc::clone(&profile.service),
        requests: profile.requests,
        presence: ratio(measure.weight, profile.weight),
        presence_low: wilson_lower(ratio(measure.least_weight, profile.weight), profile.requests),
        share: ratio(measure.own, profile.duration),
        through: ratio(measure.through, profile.duration),
        own_ns: ratio(measure.own, profile.weight),
        tier: f64::from(profile.tier_permille) / PERMILLE,
    }
}

fn variant(forest: &Forest, ranked: &Ranked, new: f64) -> Variant {
    Variant {
        nodes: names(forest, ranked),
        flows: ranked.segment.sums.sharing,
        score: ranked.numbers.score,
        volume: ranked.numbers.volume,
        new,
    }
}

fn names(forest: &Forest, ranked: &Ranked) -> Vec<NodeName> {
    ranked.nodes(forest).iter().map(|node| forest.names[*node as usize].clone()).collect()
}
