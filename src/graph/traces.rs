//! Whole traces of a flow, to open (ALGORITHMS 2, *Exemplars*): a weighted sample without replacement.
//!
//! Priority sampling (Duffield, Lund, Thorup: "Priority sampling for estimation of arbitrary subset sums", 2007) with a
//! hash of the trace's id for the random number: the traces with the smallest H/w stay, w being their weight.
//! A trace that is among the k smallest of all is so in every part, so the choice depends on no order and no grouping.

use std::cmp::Ordering;
use std::sync::Arc;

use super::hashes::Hashes;
use super::stats::Exemplars;
use crate::model::{Resource, Sampling, Span, Symbols, TraceId};

/// A trace that a flow keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptTrace {
    /// Its id.
    pub trace: TraceId,
    /// The weight of its request, in 1/65536, at least 1/65536.
    pub weight: u64,
    /// Its spans, by id: all that its critical path needs of them. Without them only its rank is known.
    pub spans: Option<Arc<[Span]>>,
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
        let new = KeptTrace { trace, weight: weight.max(1), spans: None };
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
        let mut new = KeptTrace { trace, weight: weight.max(1), spans: None };
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

    /// Adds the traces of another lane, minute or flow.
    pub(super) fn merge(&mut self, other: &FlowTraces, hashes: &Hashes) {
        self.max = self.max.max(other.max);
        for kept in &other.kept {
            self.insert(kept.clone(), hashes.symbols());
        }
        self.cut();
    }

    fn insert(&mut self, new: KeptTrace, symbols: &Symbols) {
        let order = |a: &KeptTrace, b: &KeptTrace| a.rank(b).then_with(|| a.content(b, symbols));
        if let Some(at) = self.kept.iter().position(|kept| kept.trace == new.trace) {
            if order(&self.kept[at], &new).is_le() {
                return;
            }
            self.kept.remove(at);
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

    /// What a trace of the sample stands for, in 1/65536: max(w, 1/threshold), rounded down.
    ///
    /// Over all traces of a sample it adds up to the flow's weight, in the mean.
    pub fn sample_weight(&self, kept: &KeptTrace) -> u64 {
        let Some(next) = self.kept.get(self.max) else { return kept.weight };
        let hash = u128::from(next.trace.mixed(Exemplars::SEED)).max(1);
        let inverse = (u128::from(next.weight) << 64) / hash;
        kept.weight.max(u64::try_from(inverse).unwrap_or(u64::MAX))
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
