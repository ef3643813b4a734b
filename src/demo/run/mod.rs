//! Runs the program of a [`System`]: one request in, its spans out, its calls counted in the truth.
//!
//! Deterministic: trace `n` of a seed is the same in every run, whatever the times are.

mod act;
mod messages;

#[cfg(test)]
mod tests;

use super::random::Random;
use super::span::SimSpan;
use super::system::{OperationId, ServiceId, System};
use super::truth::Truth;
use crate::model::{SpanId, UnixNanos};
use act::Act;
use messages::Backlog;

/// Strain on one service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Strain {
    /// Whose.
    pub service: ServiceId,
    /// Own work takes so many percent of the usual time.
    pub slowness: u64,
    /// Failures it adds, of 10,000.
    pub errors: u32,
}

/// What a scenario changes over time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conditions {
    /// Calls before which the caller must ask the name server, of 10,000; the others find the answer in their cache.
    pub lookups: u32,
    /// Look-ups for which the name server itself must ask for the record, of 10,000.
    pub missing_records: u32,
    /// Services under strain.
    pub strains: Vec<Strain>,
}

/// Runs requests, one trace after the other.
pub struct Runner {
    seed: u64,
    traces: u64,
    total_weight: u64,
    backlogs: Vec<Backlog>,
}

impl Runner {
    /// A runner for `system`.
    pub fn new(system: &System, seed: u64) -> Runner {
        let total_weight = system.entries.iter().map(|entry| u64::from(entry.weight)).sum();
        Runner { seed, traces: 0, total_weight, backlogs: Vec::new() }
    }

    /// Random numbers of the next trace, for choices outside of the system.
    pub fn next_random(&mut self) -> Random {
        self.traces += 1;
        Random::for_item(self.seed, self.traces)
    }

    /// One of the system's entries, by weight.
    pub fn choose_entry(&self, system: &System, random: &mut Random) -> OperationId {
        let weights = system.entries.iter().map(|entry| entry.weight);
        system.entries[random.weighted(weights, self.total_weight)].operation
    }

    /// Runs a request to `entry` at `at`, on one of the first `instances` instances;
    /// appends its spans, and those of the batch consumers whose batches it filled.
    pub fn request(
        &mut self,
        world: World<'_>,
        (entry, instances): (OperationId, usize),
        at: UnixNanos,
        random: Random,
        spans: &mut Vec<SimSpan>,
    ) {
        let mut act = Act::new(world, random, spans, &mut self.backlogs);
        act.first_instances = Some(instances);
        act.enter(entry, SpanId::NONE, Vec::new(), at);
        act.run_full_batches();
    }
}

/// What a request runs in.
pub struct World<'a> {
    /// The system.
    pub system: &'a System,
    /// Its state.
    pub conditions: &'a Conditions,
    /// Where calls are counted.
    pub truth: &'a mut Truth,
}
