//! Rates over the last seconds of observations.

use std::collections::VecDeque;

use super::Observation;
use crate::model::LogMillis;

/// Rates are taken over so much time.
const RATE_WINDOW_MS: i64 = 15_000;
/// Observations closer together say nothing of a rate.
const MIN_STEP_MS: i64 = 500;

/// The observations of the last seconds.
#[derive(Debug, Default)]
pub(super) struct Recent {
    pub(super) samples: VecDeque<Sample>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    at: LogMillis,
    partitions: usize,
    left: u64,
    records: u64,
    bytes: u64,
    spans: u64,
}

/// What a second brings; `None` until two samples compare.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rates {
    pub(super) records: Option<f64>,
    pub(super) bytes: Option<f64>,
    pub(super) spans: Option<f64>,
    /// Records fewer left per second; negative where more come than are read.
    pub(super) gain: Option<f64>,
}

impl Recent {
    /// Rates since the oldest sample of the window; `None` until there are two samples of the same partitions.
    pub(super) fn rates(&mut self, seen: &Observation, left: u64) -> Rates {
        let now = Sample {
            at: seen.now_ms,
            partitions: seen.partitions.len(),
            left,
            records: seen.records,
            bytes: seen.bytes,
            spans: seen.spans,
        };
        // Another set of partitions, or a clock that was set back: what was left before does not compare.
        if self.samples.back().is_some_and(|last| last.at > now.at || last.partitions != now.partitions) {
            self.samples.clear();
        }
        if self.samples.back().is_none_or(|last| now.at - last.at >= MIN_STEP_MS) {
            self.samples.push_back(now);
        }
        while self.samples.len() > 2 && self.samples[1].at <= now.at - RATE_WINDOW_MS {
            self.samples.pop_front();
        }
        match self.samples.front() {
            Some(first) if now.at - first.at >= MIN_STEP_MS => Rates::between(first, &now),
            _ => Rates::default(),
        }
    }
}

impl Rates {
    fn between(first: &Sample, last: &Sample) -> Rates {
        let seconds = (last.at - first.at) as f64 / 1000.0;
        // A tenth is more than these rates know; rounding keeps the answers short.
        let rate = |from: u64, to: u64| ((to as f64 - from as f64) / seconds * 10.0).round() / 10.0;
        Rates {
            records: Some(rate(first.records, last.records)),
            bytes: Some(rate(first.bytes, last.bytes)),
            spans: Some(rate(first.spans, last.spans)),
            gain: Some(rate(last.left, first.left)),
        }
    }
}
