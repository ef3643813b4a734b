//! How much of one flow lies in one segment.
//!
//! A segment occurs wherever its nodes stand in a row on a critical call path; an occurrence is named by its last
//! context. Occurrences of one segment may nest or overlap where its nodes repeat (`a > b > a`); no time counts twice.

use super::profile::FlowProfile;
use super::segments::End;
use super::tree::Context;

/// z of the 95 % interval.
const Z: f64 = 1.96;

/// One flow's part in one segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Measure {
    /// Requests with the segment on their path, at most all of the flow's.
    pub weight: u128,
    /// A lower bound of `weight`; equal where it occurs once per path.
    pub least_weight: u128,
    /// Time at and below its last node.
    pub through: u128,
    /// Time inside of it.
    pub own: u128,
    /// True where `own` is a part of some context's time, by weight: the rest went elsewhere.
    pub is_allocated: bool,
}

/// A part of a context's time that lies in a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cell {
    pub context: u32,
    /// Weight for which the context's exclusive time counts.
    pub exclusive: u128,
    /// Weight for which the gap into it counts; 0 at the segment's first node.
    pub gap: u128,
}

impl Cell {
    /// The time in the cell.
    pub fn time(&self, contexts: &[Context]) -> u128 {
        let context = &contexts[self.context as usize];
        portion(context.exclusive, self.exclusive, context.weight)
            + portion(context.gap, self.gap, context.weight)
    }
}

/// The part `weight / whole` of an amount; all of it from 1 on.
pub(super) fn portion(amount: u128, weight: u128, whole: u128) -> u128 {
    match weight {
        0 => 0,
        weight if weight >= whole => amount,
        // Rounded down for each amount alone, so that sums do not depend on their order.
        weight => whole_part(float(amount) * (float(weight) / float(whole))),
    }
}

/// The number as a float: where 64 bits hold it, as nearly always, that is an instruction instead of a function.
pub(super) fn float(number: u128) -> f64 {
    match u64::try_from(number) {
        Ok(number) => number as f64,
        Err(_) => number as f64,
    }
}

/// The other way, rounded down.
fn whole_part(number: f64) -> u128 {
    if number < u64::MAX as f64 { (number as u64).into() } else { number as u128 }
}

/// `part / whole` as a number; 0 of nothing.
pub(super) fn ratio(part: u128, whole: u128) -> f64 {
    if whole == 0 { 0.0 } else { float(part) / float(whole) }
}

/// Measures the segment of `length` nodes that ends in these contexts of a flow, ascending.
pub(super) fn measure(contexts: &[Context], ends: &[End], length: usize, flow: &FlowProfile) -> Measure {
    let mut measure = Measure { through: through(contexts, ends), ..Measure::default() };
    for end in ends {
        let context = &contexts[end.context as usize];
        measure.weight += context.weight;
        measure.least_weight = measure.least_weight.max(context.least_weight);
    }
    measure.weight = measure.weight.min(flow.weight);
    measure.least_weight = measure.least_weight.min(measure.weight);
    for_each_cell(contexts, ends, length, |cell| {
        measure.is_allocated |= cell.exclusive < contexts[cell.context as usize].weight;
        measure.own += cell.time(contexts);
    });
    measure
}

/// Time at and below these contexts of a flow, ascending.
pub(super) fn through(contexts: &[Context], ends: &[End]) -> u128 {
    let (mut through, mut behind) = (0, 0);
    for end in ends {
        // An occurrence below another one is part of its time.
        if end.context >= behind {
            let context = &contexts[end.context as usize];
            through += context.inclusive;
            behind = context.end;
        }
    }
    through
}

/// Calls `add` for each cell of a segment in one flow, each once.
pub(super) fn for_each_cell(contexts: &[Context], ends: &[End], length: usize, mut add: impl FnMut(Cell)) {
    if let [end] = ends {
        return window(contexts, end.context, length).for_each(add);
    }
    let mut cells: Vec<Cell> = ends.iter().flat_map(|end| window(contexts, end.context, length)).collect();
    cells.sort_unstable_by_key(|cell| cell.context);
    for same in cells.chunk_by(|a, b| a.context == b.context) {
        add(same.iter().fold(same[0], |cell, next| Cell {
            context: cell.context,
            exclusive: cell.exclusive.max(next.exclusive),
            gap: cell.gap.max(next.gap),
        }));
    }
}

/// The cells of one occurrence, from its last context up.
fn window(contexts: &[Context], end: u32, length: usize) -> impl Iterator<Item = Cell> {
    let weight = contexts[end as usize].weight;
    let mut at = end;
    (0..length).map(move |place| {
        let context = at;
        at = contexts[context as usize].parent;
        Cell { context, exclusive: weight, gap: if place + 1 < length { weight } else { 0 } }
    })
}

/// The least weight that is surely (95 %) at least this share of a flow: by the lower bound of Wilson's interval, which
/// rises with the share. None where all of its requests are too few to be sure.
pub(super) fn sure_weight(flow: &FlowProfile, share: f64) -> Option<u128> {
    let is_sure = |weight| wilson_lower(ratio(weight, flow.weight), flow.requests) >= share;
    let (mut unsure, mut sure) = match (is_sure(0), is_sure(flow.weight)) {
        (true, _) => return Some(0),
        (_, false) => return None,
        _ => (0, flow.weight),
    };
    while sure - unsure > 1 {
        let middle = unsure + (sure - unsure) / 2;
        *if is_sure(middle) { &mut sure } else { &mut unsure } = middle;
    }
    Some(sure)
}

/// Lower bound of Wilson's 95 % interval for a share seen among so many.
pub(super) fn wilson_lower(share: f64, n: u64) -> f64 {
    if n == 0 {
        return 0.0;
    }
    let (n, z2) = (n as f64, Z * Z);
    let middle = share + z2 / (2.0 * n);
    let spread = Z * (share * (1.0 - share) / n + z2 / (4.0 * n * n)).sqrt();
    ((middle - spread) / (1.0 + z2 / n)).max(0.0)
}
