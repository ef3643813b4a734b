//! Log lines about bad input, sampled: the first of a reason, then one each time its count doubles.

use super::Counter;

/// Decides which of many equal events is worth a line.
#[derive(Default)]
pub struct Sampler(Counter);

impl Sampler {
    /// Counts an event; `Some(count so far)` where it should be logged.
    pub fn tick(&self) -> Option<u64> {
        self.0.add(1);
        let count = self.0.get();
        count.is_power_of_two().then_some(count)
    }
}
