//! The lines of a flow's tree, and the words around it, for every format that people read.

use std::borrow::Cow;

use super::super::completeness::scope_lines;
use super::super::name::visible;
use super::super::number;
use super::super::text::plural;
use super::{ContextDocument, ExemplarDocument, FlowProfileDocument};

/// A line of the tree.
pub(super) enum Row<'a> {
    Context(&'a ContextDocument),
    /// What lies below a context and is not shown.
    Other {
        depth: usize,
        share: f64,
    },
}

/// The contexts with the most time, at most so many, each below its parent; what they hide is in `Other`.
pub(super) fn rows(profile: &FlowProfileDocument, limit: Option<usize>) -> Vec<Row<'_>> {
    let contexts = &profile.contexts;
    let is_shown = largest(contexts, limit);
    let mut other: Vec<f64> = contexts.iter().map(|context| context.other).collect();
    for (place, context) in contexts.iter().enumerate().filter(|(place, _)| !is_shown[*place]) {
        if let Some(parent) = context.parent.filter(|parent| is_shown[*parent]) {
            other[parent] += contexts[place].inclusive;
        }
    }
    let mut rows = Vec::new();
    let mut open: Vec<usize> = Vec::new();
    let shown = (0..contexts.len()).filter(|place| is_shown[*place]).map(Some);
    for next in shown.chain([None]) {
        // Contexts that end here get their rest below their last child.
        let depth = next.map_or(0, |next| contexts[next].depth);
        while open.len() > depth {
            let share = open.pop().map_or(0.0, |ended| other[ended]);
            if share > 0.0 {
                rows.push(Row::Other { depth: open.len() + 1, share });
            }
        }
        if let Some(next) = next {
            rows.push(Row::Context(&contexts[next]));
            open.push(next);
        }
    }
    rows
}

/// Marks the contexts with the most inclusive time. A parent has no less than its children and stands before them,
/// so what is marked is a tree.
fn largest(contexts: &[ContextDocument], limit: Option<usize>) -> Vec<bool> {
    let mut order: Vec<usize> = (0..contexts.len()).collect();
    order.sort_by(|a, b| contexts[*b].inclusive.total_cmp(&contexts[*a].inclusive).then(a.cmp(b)));
    let mut is_shown = vec![false; contexts.len()];
    order.iter().take(limit.unwrap_or(usize::MAX)).for_each(|place| is_shown[*place] = true);
    is_shown
}

/// What the profile is of: the flow in a line, then range, requests, and how long they take.
pub(super) fn headings(profile: &FlowProfileDocument) -> Vec<String> {
    let title = format!("critical path of {} ({})", visible(&profile.name), visible(&profile.service));
    let counts = plural(profile.contexts.len(), "context");
    let scope = &profile.scope;
    let mut lines = vec![title];
    lines.extend(scope_lines(&counts, &scope.range, &scope.completeness));
    let latency = &profile.latency_ms;
    let quantiles = [("p50", latency.p50), ("p95", latency.p95), ("p99", latency.p99)];
    let requests = match profile.requests == profile.seen {
        true => plural(size(profile.requests), "request"),
        false => {
            format!("{} of {}", number::count(profile.requests), plural(size(profile.seen), "request"))
        }
    };
    let mean = format!("mean {}", number::millis(profile.mean_ms));
    let mut parts = vec![requests, number::rate(profile.per_second), mean];
    parts.extend(
        quantiles.iter().filter_map(|(name, value)| Some(format!("{name} {}", number::millis((*value)?)))),
    );
    lines.push(parts.join(", "));
    lines
}

fn size(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

/// What the tree does not show.
pub(super) fn footers(profile: &FlowProfileDocument) -> Vec<String> {
    let presence = match profile.hidden_presence {
        0.0 => String::new(),
        share => format!("; each on at most {} of the requests", number::percent(share)),
    };
    let other = number::percent(profile.other);
    vec![format!("other: {other} of the time, in contexts that were not kept{presence}")]
}

/// The traces that tell most, the usual one first: what to say of each, and its id. `visible`, as a document may be of
/// another's making.
pub(super) fn exemplars(profile: &FlowProfileDocument) -> Vec<(String, Cow<'_, str>)> {
    let off = |exemplar: &ExemplarDocument, wanted: f64| (exemplar.duration_ms - wanted).abs();
    let all = &profile.exemplars;
    let usual = profile.latency_ms.p50.and_then(|p50| {
        let nearest = |a: &&ExemplarDocument, b: &&ExemplarDocument| off(a, p50).total_cmp(&off(b, p50));
        all.iter().min_by(nearest).map(|exemplar| ("nearest to p50", exemplar))
    });
    let slowest = all.first().map(|exemplar| ("slowest", exemplar));
    let slowest = slowest.filter(|(_, slowest)| usual.is_none_or(|(_, usual)| usual != *slowest));
    let told = usual.into_iter().chain(slowest).map(|(which, exemplar)| {
        let duration = number::millis(exemplar.duration_ms);
        (format!("{which} of {} kept: {duration}", all.len()), visible(&exemplar.trace_id))
    });
    told.collect()
}

/// The cells of a line before its name: ms, share, own, network, retry, on path, other flows, Neff.
pub(super) fn cells(row: &Row, mean_ms: f64) -> [String; 8] {
    match row {
        Row::Context(context) => [
            number::millis(context.inclusive * mean_ms),
            number::percent(context.inclusive),
            some_percent(context.exclusive),
            some_percent(context.gap),
            some_percent(context.retry),
            number::percent(context.presence),
            number::count(context.other_flows as u64),
            number::decimal(context.effective_flows),
        ],
        Row::Other { share, .. } => {
            let mut cells = [const { String::new() }; 8];
            cells[0] = number::millis(share * mean_ms);
            cells[1] = number::percent(*share);
            cells
        }
    }
}

/// A share, or nothing: most contexts have no retries and many no time of their own.
fn some_percent(share: f64) -> String {
    if share == 0.0 { String::new() } else { number::percent(share) }
}

/// The name of a line, and how far it is indented.
pub(super) fn name<'a>(row: &'a Row) -> (usize, &'a str) {
    match row {
        Row::Context(context) => (context.depth, &context.node.label),
        Row::Other { depth, .. } => (*depth, "(other)"),
    }
}
