//! LINK-RETRY: attempts of one logical call (ALGORITHMS 4, *Unit*).
//!
//! Same calling unit, same callee; the next attempt starts after one that failed, or is marked as a resend.
//! The group ends with the first success.

use super::link::Seen;
use super::tree::TraceTree;

/// Marks the second and later attempts.
pub(super) fn mark_attempts(seen: &mut [Seen], repetitions: &[(usize, usize)]) {
    for (_, after) in repetitions {
        seen[*after].call.is_first_attempt = false;
    }
}

/// Positions in `seen` of each attempt that was not the last of its group, with the one that followed it.
pub(super) fn repetitions(tree: &TraceTree, seen: &[Seen]) -> Vec<(usize, usize)> {
    // The usual case: nothing failed, so nothing was repeated.
    if !seen.iter().any(has_failed) && !tree.spans.iter().any(|span| span.is_resend) {
        return Vec::new();
    }
    let mut attempts: Vec<usize> = (0..seen.len()).filter(|at| is_attempt(&seen[*at])).collect();
    attempts.sort_unstable_by_key(|at| {
        let Seen { call, caller_unit, calling_span, .. } = &seen[*at];
        (*caller_unit, call.callee, call.start, *calling_span)
    });
    let is_repetition = |before: &Seen, after: &Seen| {
        let is_same = (before.caller_unit, before.call.callee) == (after.caller_unit, after.call.callee);
        is_same && follows_failure(tree, before, after)
    };
    let pairs = attempts.windows(2).map(|pair| (pair[0], pair[1]));
    pairs.filter(|(before, after)| is_repetition(&seen[*before], &seen[*after])).collect()
}

fn is_attempt(seen: &Seen) -> bool {
    seen.calling_span.is_some() && seen.caller_unit.is_some() && !seen.call.is_async
}

fn follows_failure(tree: &TraceTree, before: &Seen, after: &Seen) -> bool {
    let (Some(first), Some(second)) = (before.calling_span, after.calling_span) else { return false };
    let starts_after = tree.spans[second].start >= tree.spans[first].end;
    first != second && (tree.spans[second].is_resend || (has_failed(before) && starts_after))
}

fn has_failed(seen: &Seen) -> bool {
    seen.call.caller_error || seen.call.callee_error
}
