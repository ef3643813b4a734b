//! Scenario `known`: every dirty case that real traces have, each between services of its own,
//! so that a difference in counts names the case.
//!
//! A case writes its spans and says which edges they mean; nothing is derived from the spans.
//! The edges are those of `docs/LINKING.md`.

mod calls;
mod leaves;
mod losses;
mod messages;
mod scene;

#[cfg(test)]
mod tests;

use super::random::Random;
use super::span::{Catalog, SimSpan};
use super::truth::Truth;
use crate::model::UnixNanos;
use scene::{Cast, Scene};

type Case = fn(&mut Scene<'_>);

const CASES: [&[Case]; 4] = [calls::CASES, leaves::CASES, losses::CASES, messages::CASES];

/// Makes the traces of all cases in turn.
pub struct Known {
    cast: Cast,
    cases: Vec<Case>,
    seed: u64,
    traces: u64,
}

impl Known {
    /// A scenario with the first case to come.
    pub fn new(seed: u64) -> Known {
        Known { cast: Cast::default(), cases: CASES.concat(), seed, traces: 0 }
    }

    /// Number of cases; after as many traces each was there once.
    pub fn cases(&self) -> usize {
        self.cases.len()
    }

    /// Appends the spans of the next case, which begins at `at`.
    pub fn trace(&mut self, at: UnixNanos, truth: &mut Truth, spans: &mut Vec<SimSpan>) {
        let case = self.cases[(self.traces % self.cases.len() as u64) as usize];
        self.traces += 1;
        let random = Random::for_item(self.seed, self.traces);
        case(&mut Scene::new(&mut self.cast, random, at, truth, spans));
    }

    /// Resources and templates so far.
    pub fn catalog(&self) -> &Catalog {
        &self.cast.catalog
    }
}
