//! What each of several roots of a trace did: a request's own calls, pairs and visits.

use super::facts::Share;
use super::link::{Seen, SeenJoined};
use super::names::Names;
use super::tree::{SpanIdx, TraceTree};
use crate::model::FastMap;

/// The shares of the roots and orphans of a trace, by `tops`: the one above each span; none where `tops` is empty.
///
/// A call belongs to the root above its caller; one of which only the callee was seen to that above the callee, as a
/// message that was taken.
pub(super) fn shares(
    tree: &TraceTree,
    tops: &[SpanIdx],
    seen: &[Seen],
    joined: &[SeenJoined],
    names: &mut Names,
) -> FastMap<SpanIdx, Share> {
    let mut shares: FastMap<SpanIdx, Share> = FastMap::default();
    if tops.is_empty() {
        return shares;
    }
    let visited =
        |idx: &SpanIdx| tree.is_local_root(*idx) && names.service_of(tree.spans[*idx].resource).is_some();
    for (at, idx) in (0u32..).zip((0..tree.spans.len()).filter(visited)) {
        shares.entry(tops[idx]).or_default().visits.push(at);
    }
    for (at, Seen { caller_unit, callee_unit, .. }) in (0u32..).zip(seen) {
        if let Some(unit) = caller_unit.or(*callee_unit) {
            shares.entry(tops[unit]).or_default().calls.push(at);
        }
    }
    for (at, SeenJoined { caller_unit, .. }) in (0u32..).zip(joined) {
        shares.entry(tops[*caller_unit]).or_default().joined.push(at);
    }
    shares
}
