//! The calls that a flow's own requests made, added up: what another flow calls between the same nodes is not in them.
//!
//! Guaranteed: the sums depend on no order and no grouping, also under a cap (see [`super::cap`]).

use std::hash::Hash;

use self::keys::CallKey;
use super::cap::{BottomK, Offer};
use super::hashes::Hashes;
use super::stats::{EdgeKey, EdgeStats, JoinedKey, Sign};
use crate::analyze::{Call, Evidence, Facts, FlowRequest, Visit};
use crate::model::{FastMap, NodeId, Sampling, WEIGHT_ONE};

mod keys;
#[cfg(test)]
mod tests;

/// What the requests of a flow called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FlowCalls {
    /// Requests whose calls are known.
    pub requests: u64,
    /// By edge at operation level.
    pub calls: CallSums<EdgeKey>,
    /// By joined producer and consumer.
    pub joined: CallSums<JoinedKey>,
    /// What no call of the trace led to, by node at operation level: the roots, above all.
    pub arrivals: CallSums<NodeId>,
}

/// Sums by what was called, under a cap.
#[derive(Clone, Debug)]
pub struct CallSums<K: Ord> {
    /// The sums of what is kept.
    pub sums: FastMap<K, FlowCall>,
    /// Calls beyond the cap.
    pub other: u64,
    /// All keys, once there are as many as the cap allows; before that nothing.
    kept: BottomK<K>,
}

/// What is known of a flow's calls of one kind.
///
/// What is usual comes first, and of the rest only what is not: counting most calls takes one line of memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FlowCall {
    /// Requests that made it. Where several kinds were folded into one, a request that made two of them counts twice.
    pub requests: u64,
    /// Calls by [`Evidence`].
    pub evidence: [u64; 4],
    /// Calls whose spans say how they were sampled.
    pub known_sampling: u64,
    /// Sum of what their weights are above one each, in 1/65536.
    pub left_out: u128,
    /// Calls with an error on the caller's span.
    pub caller_errors: u64,
    /// Calls with an error on the callee's span.
    pub callee_errors: u64,
    /// Calls with an error on either.
    pub either_errors: u64,
    /// Calls that were no first attempts.
    pub retries: u64,
}

impl FlowCalls {
    /// Adds what a request called, or takes it back; at most `max` of each list are kept. With 0 nothing is known.
    pub(super) fn apply(
        &mut self,
        sign: Sign,
        request: &FlowRequest,
        facts: &Facts,
        max: usize,
        hashes: &mut Hashes,
    ) {
        if max == 0 {
            return;
        }
        sign.apply(&mut self.requests, 1);
        let calls = facts.calls_of(request).map(|call| (EdgeKey::of(call), Made::from(call)));
        self.calls.apply(sign, calls, max, hashes);
        let joined = facts.joined_of(request).map(|it| (JoinedKey::of(it), Made::from(&it.call)));
        self.joined.apply(sign, joined, max, hashes);
        for visit in facts.visits_of(request).filter(|visit| !visit.is_called) {
            self.arrivals.apply_equal(sign, &[(visit.node, Made::from(visit))], max, hashes);
        }
    }

    /// Adds the calls of another lane, minute or flow; of both together at most `max` of each list are kept.
    pub(super) fn merge(&mut self, other: &FlowCalls, max: usize, hashes: &mut Hashes) {
        self.requests = self.requests.saturating_add(other.requests);
        self.calls.merge(&other.calls, max, hashes);
        self.joined.merge(&other.joined, max, hashes);
        self.arrivals.merge(&other.arrivals, max, hashes);
    }

    /// The same without a cap, through the places of their nodes.
    pub(super) fn add_placed(&mut self, other: &FlowCalls, place: &impl Fn(NodeId) -> NodeId) {
        self.requests = self.requests.saturating_add(other.requests);
        self.calls.add_placed(&other.calls, place);
        self.joined.add_placed(&other.joined, place);
        self.arrivals.add_placed(&other.arrivals, place);
    }

    /// The nodes of all calls, some of them several times.
    pub(super) fn nodes(&self) -> impl Iterator<Item = NodeId> {
        self.calls.nodes().chain(self.joined.nodes()).chain(self.arrivals.nodes())
    }
}

impl<K: CallKey> CallSums<K> {
    /// Adds what a request made, or takes it back: one look-up for each distinct call.
    fn apply(&mut self, sign: Sign, made: impl Iterator<Item = (K, Made)>, max: usize, hashes: &mut Hashes) {
        let mut made: Vec<(K, Made)> = made.collect();
        made.sort_unstable_by_key(|(key, _)| *key);
        made.chunk_by(|(a, _), (b, _)| a == b).for_each(|equal| self.apply_equal(sign, equal, max, hashes));
    }

    /// The same of calls of one kind, at least one.
    fn apply_equal(&mut self, sign: Sign, equal: &[(K, Made)], max: usize, hashes: &mut Hashes) {
        let sums = match sign {
            Sign::Plus => self.kept(equal[0].0, max, hashes),
            Sign::Minus => self.sums.get_mut(&equal[0].0),
        };
        match sums {
            Some(sums) => {
                sign.apply(&mut sums.requests, 1);
                equal.iter().for_each(|(_, made)| sums.apply(sign, made));
            }
            None => {
                let count = equal.iter().map(|(_, made)| u64::from(made.count)).sum();
                sign.apply(&mut self.other, count);
            }
        }
    }

    fn merge(&mut self, other: &CallSums<K>, max: usize, hashes: &mut Hashes) {
        for (key, call) in other.known() {
            match self.kept(*key, max, hashes) {
                Some(sums) => sums.add(call),
                None => self.other = self.other.saturating_add(call.calls()),
            }
        }
        self.other = self.other.saturating_add(other.other);
    }

    fn add_placed(&mut self, other: &CallSums<K>, place: &impl Fn(NodeId) -> NodeId) {
        for (key, call) in other.known() {
            self.sums.entry(key.placed(place)).or_default().add(call);
        }
        self.other = self.other.saturating_add(other.other);
    }

    /// The sums of a key under the cap; `None` beyond it.
    fn kept(&mut self, key: K, max: usize, hashes: &mut Hashes) -> Option<&mut FlowCall> {
        if self.sums.len() >= max && !self.sums.contains_key(&key) {
            if self.kept.is_empty() {
                for known in self.sums.keys() {
                    self.kept.offer(max, known.rank(hashes), *known);
                }
            }
            match self.kept.offer(max, key.rank(hashes), key) {
                Offer::Kept => {}
                Offer::Replaced(out) => {
                    let out = self.sums.remove(&out).unwrap_or_default();
                    self.other = self.other.saturating_add(out.calls());
                }
                Offer::Refused => return None,
            }
        }
        Some(self.sums.entry(key).or_default())
    }

    fn nodes(&self) -> impl Iterator<Item = NodeId> {
        self.known().flat_map(|(key, _)| key.nodes())
    }
}

impl<K: Ord> CallSums<K> {
    /// What was called, in no order.
    pub fn known(&self) -> impl Iterator<Item = (&K, &FlowCall)> {
        self.sums.iter().filter(|(_, call)| call.requests > 0)
    }
}

impl FlowCall {
    /// Calls seen.
    pub fn calls(&self) -> u64 {
        self.evidence.iter().fold(0, |sum, n| sum.saturating_add(*n))
    }

    /// Sum of their weights, in 1/65536.
    pub fn adjusted(&self) -> u128 {
        u128::from(self.calls()).saturating_mul(u128::from(WEIGHT_ONE)).saturating_add(self.left_out)
    }

    /// The sums of an edge, of which latencies, times and traces are not known.
    pub fn stats(&self) -> EdgeStats {
        let calls = self.calls();
        EdgeStats {
            calls,
            adjusted: self.adjusted(),
            unknown_sampling: calls.saturating_sub(self.known_sampling),
            caller_errors: self.caller_errors,
            callee_errors: self.callee_errors,
            either_errors: self.either_errors,
            first_attempts: calls.saturating_sub(self.retries),
            evidence: self.evidence,
            ..EdgeStats::default()
        }
    }

    fn apply(&mut self, sign: Sign, made: &Made) {
        let count = u64::from(made.count);
        sign.apply(&mut self.evidence[made.evidence as usize], count);
        if made.sampling.is_known() {
            sign.apply(&mut self.known_sampling, count);
        }
        let left_out = made.sampling.weight().saturating_sub(WEIGHT_ONE);
        if left_out > 0 {
            sign.apply_wide(&mut self.left_out, u128::from(left_out) * u128::from(count));
        }
        if made.caller_error || made.callee_error {
            sign.apply(&mut self.either_errors, count);
            sign.apply(&mut self.caller_errors, if made.caller_error { count } else { 0 });
            sign.apply(&mut self.callee_errors, if made.callee_error { count } else { 0 });
        }
        if !made.is_first_attempt {
            sign.apply(&mut self.retries, count);
        }
    }

    /// Adds calls of another kind, or of other requests.
    pub(super) fn add(&mut self, other: &FlowCall) {
        for (sum, n) in self.evidence.iter_mut().zip(other.evidence) {
            *sum = sum.saturating_add(n);
        }
        self.left_out = self.left_out.saturating_add(other.left_out);
        for (sum, n) in [
            (&mut self.requests, other.requests),
            (&mut self.known_sampling, other.known_sampling),
            (&mut self.caller_errors, other.caller_errors),
            (&mut self.callee_errors, other.callee_errors),
            (&mut self.either_errors, other.either_errors),
            (&mut self.retries, other.retries),
        ] {
            *sum = sum.saturating_add(n);
        }
    }
}

/// What counts of a call.
#[derive(Clone, Copy)]
struct Made {
    count: u32,
    evidence: Evidence,
    sampling: Sampling,
    caller_error: bool,
    callee_error: bool,
    is_first_attempt: bool,
}

impl From<&Call> for Made {
    fn from(call: &Call) -> Made {
        let Call { count, evidence, sampling, caller_error, callee_error, is_first_attempt, .. } = *call;
        Made { count, evidence, sampling, caller_error, callee_error, is_first_attempt }
    }
}

impl From<&Visit> for Made {
    fn from(visit: &Visit) -> Made {
        Made {
            count: 1,
            evidence: Evidence::Inferred,
            sampling: Sampling::UNKNOWN,
            caller_error: false,
            callee_error: visit.is_error,
            is_first_attempt: true,
        }
    }
}

impl<K: Ord> Default for CallSums<K> {
    fn default() -> Self {
        CallSums { sums: FastMap::default(), other: 0, kept: BottomK::default() }
    }
}

/// What is remembered of ranks follows from the sums.
impl<K: Ord + Hash> PartialEq for CallSums<K> {
    fn eq(&self, other: &CallSums<K>) -> bool {
        self.other == other.other && self.sums == other.sums
    }
}

impl<K: Ord + Hash> Eq for CallSums<K> {}
