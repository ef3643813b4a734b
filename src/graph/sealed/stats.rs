//! Sums as bytes and back: edges, histograms, flows, services.

use super::Damage;
use super::names::{Names, Ranks};
use super::wire::{Reader, Writer};
use crate::analyze::Tally;
use crate::graph::histogram::Histogram;
use crate::graph::stats::{EdgeStats, Exemplars, FlowStats, ServiceStats};
use crate::model::TraceId;

impl Writer {
    pub fn edge(&mut self, stats: &EdgeStats) {
        self.number(stats.calls);
        self.wide(stats.adjusted);
        let sums = [
            stats.unknown_sampling,
            stats.caller_errors,
            stats.callee_errors,
            stats.either_errors,
            stats.first_attempts,
            stats.tail,
            stats.first_seen,
            stats.last_seen.saturating_sub(stats.first_seen),
        ];
        sums.into_iter().chain(stats.evidence).for_each(|n| self.number(n));
        for histogram in [&stats.caller_latency, &stats.callee_latency, &stats.gap] {
            self.histogram(histogram);
        }
        self.exemplars(&stats.exemplars);
    }

    pub fn histogram(&mut self, histogram: &Histogram) {
        self.number(histogram.count);
        if histogram.count == 0 {
            return;
        }
        self.wide(histogram.sum);
        self.number(histogram.min);
        self.number(histogram.max - histogram.min);
        self.number(histogram.filled().count() as u64);
        for (index, count) in histogram.filled() {
            self.0.push(index);
            self.number(count);
        }
    }

    pub fn exemplars(&mut self, exemplars: &Exemplars) {
        self.number(exemplars.by_rank().len() as u64);
        for trace in exemplars.by_rank() {
            self.0.extend_from_slice(&trace.0.to_be_bytes());
        }
    }

    pub fn flow(&mut self, stats: &FlowStats, ranks: &Ranks) {
        self.number(stats.requests);
        self.wide(stats.adjusted);
        self.number(stats.errors);
        self.histogram(&stats.latency);
        let touched = stats.touches.iter().filter(|(_, count)| **count > 0);
        self.counts(touched.map(|(node, count)| (ranks.node(*node), *count)));
        self.exemplars(&stats.exemplars);
    }

    pub fn service(&mut self, stats: &ServiceStats, ranks: &Ranks) {
        tally_fields(&mut stats.tally.clone()).into_iter().for_each(|n| self.number(*n));
        let seen = stats.versions.iter().filter(|(_, count)| **count > 0);
        self.counts(seen.map(|(version, count)| (ranks.symbol(*version), *count)));
    }

    fn counts(&mut self, counts: impl Iterator<Item = (u32, u64)>) {
        let mut sorted: Vec<(u32, u64)> = counts.collect();
        sorted.sort_unstable();
        self.number(sorted.len() as u64);
        for (rank, count) in sorted {
            self.number(u64::from(rank));
            self.number(count);
        }
    }
}

impl Reader<'_> {
    pub fn edge(&mut self) -> Result<EdgeStats, Damage> {
        let mut stats = EdgeStats { calls: self.number()?, adjusted: self.wide()?, ..EdgeStats::default() };
        for sum in [
            &mut stats.unknown_sampling,
            &mut stats.caller_errors,
            &mut stats.callee_errors,
            &mut stats.either_errors,
            &mut stats.first_attempts,
            &mut stats.tail,
            &mut stats.first_seen,
        ] {
            *sum = self.number()?;
        }
        stats.last_seen = stats.first_seen.saturating_add(self.number()?);
        for sum in &mut stats.evidence {
            *sum = self.number()?;
        }
        stats.caller_latency = self.histogram()?;
        stats.callee_latency = self.histogram()?;
        stats.gap = self.histogram()?;
        stats.exemplars = self.exemplars()?;
        Ok(stats)
    }

    pub fn histogram(&mut self) -> Result<Histogram, Damage> {
        let count = self.number()?;
        if count == 0 {
            return Ok(Histogram::default());
        }
        let (sum, min) = (self.wide()?, self.number()?);
        let max = min.saturating_add(self.number()?);
        let filled = self.count()?;
        let filled: Vec<(u8, u64)> =
            (0..filled).map(|_| Ok((self.byte()?, self.number()?))).collect::<Result<_, Damage>>()?;
        Ok(Histogram::of_filled((count, sum, min, max), filled))
    }

    pub fn exemplars(&mut self) -> Result<Exemplars, Damage> {
        let mut exemplars = Exemplars::default();
        for _ in 0..self.count()? {
            exemplars.offer(TraceId(u128::from_be_bytes(self.array()?)));
        }
        Ok(exemplars)
    }

    pub fn flow(&mut self, names: &Names) -> Result<FlowStats, Damage> {
        let mut stats = FlowStats {
            requests: self.number()?,
            adjusted: self.wide()?,
            errors: self.number()?,
            latency: self.histogram()?,
            ..FlowStats::default()
        };
        for _ in 0..self.count()? {
            let node = names.node(self)?;
            stats.touches.insert(node, self.number()?);
        }
        stats.exemplars = self.exemplars()?;
        Ok(stats)
    }

    pub fn service(&mut self, names: &Names) -> Result<ServiceStats, Damage> {
        let mut stats = ServiceStats::default();
        for sum in tally_fields(&mut stats.tally) {
            *sum = self.number()?;
        }
        for _ in 0..self.count()? {
            let version = names.symbol(self)?;
            stats.versions.insert(version, self.number()?);
        }
        Ok(stats)
    }
}

fn tally_fields(tally: &mut Tally) -> [&mut u64; 7] {
    [
        &mut tally.spans,
        &mut tally.orphans,
        &mut tally.tail_spans,
        &mut tally.clients_without_peer,
        &mut tally.links_to_other_traces,
        &mut tally.self_calls,
        &mut tally.unknown_sampling,
    ]
}
