//! Shedding under overload, as sampling of whole traces (ALGORITHMS 7, *Memory*).
//!
//! It depends on the input's log alone, so a replay sheds the same traces.
//! Deviation from ALGORITHMS 7: the weights multiply instead of taking the larger threshold. The hash here is
//! independent of the sampler's randomness, so a trace is in with the product of both probabilities.

use crate::model::{LogMillis, SpanRecord};
use crate::telemetry::Reason;

const SEED: u64 = 0x6c69_6e63_6870_696e;

/// What shedding knows of the log so far; a replay goes on from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShedState {
    /// The log second at hand.
    pub second: i64,
    /// Its spans so far.
    pub spans: u64,
    /// Kept share in 1/2^32; `None` while all are let in.
    pub kept: Option<u32>,
}

impl Default for ShedState {
    fn default() -> Self {
        ShedState { second: i64::MIN, spans: 0, kept: None }
    }
}

/// The share of one input's traces that is let in.
#[derive(Clone, Debug)]
pub struct Shed {
    /// Spans per log second.
    budget: u64,
    state: ShedState,
}

impl Shed {
    /// Lets in about `budget` spans a log second, from `state` on.
    pub fn new(budget: u64, state: ShedState) -> Shed {
        Shed { budget, state }
    }

    /// What is known so far.
    pub fn state(&self) -> ShedState {
        self.state
    }

    /// Lets a span in, with its weight corrected, or says why not.
    pub fn admit(&mut self, at: LogMillis, record: &mut SpanRecord) -> Result<(), Reason> {
        self.enter(at.div_euclid(1000));
        self.state.spans += 1;
        if self.state.spans > self.budget.saturating_mul(2) {
            return Err(Reason::Overload);
        }
        let Some(kept) = self.state.kept else { return Ok(()) };
        if (record.trace.mixed(SEED) >> 32) as u32 >= kept {
            return Err(Reason::Shed);
        }
        record.span.sampling = record.span.sampling.thinned(kept);
        Ok(())
    }

    fn enter(&mut self, second: i64) {
        if second == self.state.second {
            return;
        }
        let before = if second == self.state.second.saturating_add(1) { self.state.spans } else { 0 };
        self.state.kept =
            (before > self.budget).then(|| ((u128::from(self.budget) << 32) / u128::from(before)) as u32);
        self.state.second = second;
        self.state.spans = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Span, TraceId};

    fn offer(shed: &mut Shed, second: i64, traces: std::ops::Range<u128>) -> (u64, u64, f64) {
        let (mut kept, mut overload, mut weight) = (0, 0, 0.0);
        for trace in traces {
            let mut record = SpanRecord { trace: TraceId(trace), span: Span::default() };
            match shed.admit(second * 1000, &mut record) {
                Ok(()) => {
                    kept += 1;
                    weight += record.span.sampling.weight() as f64 / crate::model::WEIGHT_ONE as f64;
                }
                Err(Reason::Overload) => overload += 1,
                Err(_) => {}
            }
        }
        (kept, overload, weight)
    }

    #[test]
    fn within_the_budget_all_are_let_in() {
        let mut shed = Shed::new(1000, ShedState::default());
        assert_eq!(offer(&mut shed, 1, 0..1000).0, 1000);
        assert_eq!(offer(&mut shed, 2, 0..1000), (1000, 0, 1000.0));
    }

    #[test]
    fn above_it_whole_traces_are_shed_and_weights_make_up_for_them() {
        let mut shed = Shed::new(10_000, ShedState::default());
        offer(&mut shed, 1, 0..15_000);
        let (kept, overload, weight) = offer(&mut shed, 2, 0..15_000);
        assert!((9_500..10_500).contains(&kept), "{kept}");
        assert_eq!(overload, 0);
        assert!((weight - 15_000.0).abs() < 500.0, "{weight}");
        let again = offer(&mut shed, 3, 0..15_000);
        assert_eq!(again.0, kept, "the same traces");
    }

    #[test]
    fn above_twice_the_budget_the_rest_of_the_second_is_dropped() {
        let mut shed = Shed::new(100, ShedState::default());
        assert_eq!(offer(&mut shed, 1, 0..1000), (200, 800, 200.0));
        offer(&mut shed, 3, 0..1);
        assert_eq!(offer(&mut shed, 4, 0..100).0, 100, "a calm second ends it");
    }
}
