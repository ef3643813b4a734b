//! Whole traces of a flow, to open (ALGORITHMS 2, *Exemplars*): a weighted sample without replacement.
//!
//! Priority sampling (Duffield, Lund, Thorup: "Priority sampling for estimation of arbitrary subset sums", 2007) with a
//! hash of the trace's id for the random number: the traces with the smallest H/w stay, w being their weight.
//! A trace that is among the k smallest of all is so in every part, so the choice depends on no order and no grouping.
//! An answer has room for more than any of its minutes: there each trace has the smaller one of two thresholds, that of
//! its minute and that of the answer (Ting: "Adaptive threshold sampling", 2022).

use std::cmp::Ordering;
use std::sync::Arc;

use super::hashes::Hashes;
use super::stats::Exemplars;
use crate::model::{Resource, Sampling, Span, Symbols, TraceId};

/// Most traces of a flow in an answer.
const MOST_GATHERED: usize = 128;

/// A trace that a flow keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptTrace {
    /// Its id.
    pub trace: TraceId,
    /// The weight of its request, in 1/65536, at least 1/65536.
    pub weight: u64,
    /// Its spans, by id: all that its critical path needs of them. Without them only its rank is known.
    pub spans: Option<Arc<[Span]>>,
    /// What it stands for in the part that it was gathered from, in 1/65536: at least its weight.
    stands_for: u64,
}

/// The traces that a flow keeps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FlowTraces {
    /// How many it may keep, the most that any part of it could.
    pub(super) max: usize,
    /// By rank; one more than `max`, without spans, where there were more: it is the threshold of the sample.
    pub(super) kept: Vec<KeptTrace>,
}

impl KeptTrace {
    /// A trace, and the weight of its request in 1/65536.
    pub(super) fn new(trace: TraceId, weight: u64, spans: Option<Arc<[Span]>>) -> KeptTrace {
        let weight = weight.max(1);
        KeptTrace { trace, weight, spans, stands_for: weight }
    }

    /// Smaller is kept first.
    fn rank(&self, other: &KeptTrace) -> Ordering {
        // Ha/wa < Hb/wb as integers: both products have at most 128 bits.
        let scaled = |trace: TraceId, weight: u64| {
            u128::from(trace.mixed(Exemplars::SEED)).saturating_mul(u128::from(weight))
        };
        scaled(self.trace, other.weight)
            .cmp(&scaled(other.trace, self.weight))
            .then_with(|| self.trace.cmp(&other.trace))
    }

    /// Of two sightings of one trace with one weight the same is preferred everywhere: that with more spans.
    fn content(&self, other: &KeptTrace, symbols: &Symbols) -> Ordering {
        let (Some(own), Some(others)) = (&self.spans, &other.spans) else {
            return self.spans.is_none().cmp(&other.spans.is_none());
        };
        if Arc::ptr_eq(own, others) {
            return Ordering::Equal;
        }
        let numbers = |span: &Span| {
            let Span { id, parent, start, end, .. } = *span;
            let flags = (span.is_error, span.is_resend, span.remote_parent);
            (id, parent, start, end, span.kind, span.protocol, span.messaging, flags)
        };
        others.len().cmp(&own.len()).then_with(|| {
            let pairs = || own.iter().zip(others.iter());
            let by_numbers =
                pairs().map(|(a, b)| numbers(a).cmp(&numbers(b)).then_with(|| a.links.cmp(&b.links)));
            let by_texts = pairs().map(|(a, b)| texts(a, symbols).cmp(&texts(b, symbols)));
            by_numbers.chain(by_texts).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
        })
    }
}

fn texts(span: &Span, symbols: &Symbols) -> (u8, bool, [Arc<str>; 7]) {
    let Resource { service, namespace, environment, clock, .. } = symbols.resources.get(span.resource.0);
    let peer = symbols.peers.get(span.peer.0);
    let names = [span.operation, service, namespace, environment, clock, peer.name, peer.namespace];
    (peer.kind as u8, peer.is_service_name, names.map(|symbol| symbols.text(symbol)))
}

impl FlowTraces {
    /// True where a trace of this weight would be kept, be it as the threshold.
    pub(super) fn would_keep(&self, trace: TraceId, weight: u64, max: usize) -> bool {
        let new = KeptTrace::new(trace, weight, None);
        max > 0 && self.kept.get(max).is_none_or(|last| new.rank(last).is_le())
    }

    /// Offers a trace, of at most `max` to be kept.
    pub(super) fn offer(
        &mut self,
        trace: TraceId,
        weight: u64,
        spans: &[Span],
        max: usize,
        hashes: &mut Hashes,
    ) {
        self.max = self.max.max(max);
        // The usual case once some traces were seen: it ranks behind all of them.
        if !self.would_keep(trace, weight, self.max) {
            return;
        }
        let mut new = KeptTrace::new(trace, weight, None);
        if self.kept.get(self.max - 1).is_none_or(|last| new.rank(last).is_le()) {
            new.spans = Some(spans.iter().map(|span| compact(span, hashes)).collect());
        }
        self.insert(new, hashes.symbols());
        self.cut();
    }

    /// Takes a trace back. What it pushed out before does not return.
    pub(super) fn take_back(&mut self, trace: TraceId) {
        self.kept.retain(|kept| kept.trace != trace);
    }

    /// Adds the traces of another lane, minute or flow: of both together as many stay as of one.
    pub(super) fn merge(&mut self, other: &FlowTraces, hashes: &Hashes) {
        self.max = self.max.max(other.max);
        for kept in &other.kept {
            self.insert(kept.clone(), hashes.symbols());
        }
        self.cut();
    }

    /// Adds the traces of a part to an answer. Each part was cut for itself, so more may stay than of any one.
    pub(super) fn gather(&mut self, part: &FlowTraces, hashes: &Hashes) {
        self.max = MOST_GATHERED;
        for kept in part.sample() {
            // The usual case of a long range: it ranks behind all that the answer has room for, and so do the others.
            if self.kept.get(self.max).is_some_and(|last| kept.rank(last).is_gt()) {
                break;
            }
            let stands_for = part.sample_weight(kept);
            self.insert(KeptTrace { stands_for, ..kept.clone() }, hashes.symbols());
            self.cut();
        }
    }

    fn insert(&mut self, new: KeptTrace, symbols: &Symbols) {
        let order = |a: &KeptTrace, b: &KeptTrace| a.rank(b).then_with(|| a.content(b, symbols));
        if let Some(at) = self.kept.iter().position(|kept| kept.trace == new.trace) {
            let kept = &mut self.kept[at];
            match order(kept, &new) {
                Ordering::Less => return,
                Ordering::Equal => {
                    kept.stands_for = kept.stands_for.max(new.stands_for);
                    return;
                }
                Ordering::Greater => _ = self.kept.remove(at),
            }
        }
        let at = self.kept.partition_point(|kept| kept.rank(&new).is_lt());
        self.kept.insert(at, new);
    }

    fn cut(&mut self) {
        self.kept.truncate(self.max.saturating_add(1));
        if let Some(threshold) = self.kept.get_mut(self.max) {
            threshold.spans = None;
        }
    }

    /// The traces of the sample, by rank.
    pub fn sample(&self) -> &[KeptTrace] {
        &self.kept[..self.kept.len().min(self.max)]
    }

    /// What a trace of the sample stands for, in 1/65536: max(w, 1/threshold), rounded down, of the smaller threshold.
    ///
    /// Over all traces of a sample it adds up to the flow's weight, in the mean.
    pub fn sample_weight(&self, kept: &KeptTrace) -> u64 {
        let Some(next) = self.kept.get(self.max) else { return kept.stands_for };
        let hash = u128::from(next.trace.mixed(Exemplars::SEED)).max(1);
        let inverse = (u128::from(next.weight) << 64) / hash;
        kept.stands_for.max(u64::try_from(inverse).unwrap_or(u64::MAX))
    }
}

/// A span as it is kept: without what no path needs, so that it is the same once it was sealed and read.
fn compact(span: &Span, hashes: &mut Hashes) -> Span {
    Span {
        sampling: Sampling::UNKNOWN,
        request: span.operation,
        is_request_certain: false,
        resource: hashes.unversioned(span.resource),
        ..span.clone()
    }
}

#[cfg(test)]
mod tests;
