//! What all inputs of a lane have delivered: everything before it is decided.

use std::collections::BTreeMap;

use crate::model::{InputId, LogMillis};

/// The inputs that lanes wait for.
#[derive(Clone, Debug, Default)]
pub struct Watermark {
    inputs: BTreeMap<InputId, Option<LogMillis>>,
    /// Inputs that there are: before all of them are known nothing is decided.
    expected: usize,
}

impl Watermark {
    /// Waits for an input from now on, and for so many in all.
    pub fn add(&mut self, input: InputId, expected: usize) {
        self.inputs.entry(input).or_default();
        self.expected = self.expected.max(expected);
    }

    /// Waits for it no longer.
    pub fn remove(&mut self, input: InputId) {
        if self.inputs.remove(&input).is_some() {
            self.expected = self.expected.saturating_sub(1);
        }
    }

    /// The input has delivered everything before `at`.
    pub fn advance(&mut self, input: InputId, at: LogMillis) {
        if let Some(known) = self.inputs.get_mut(&input) {
            *known = (*known).max(Some(at));
        }
    }

    /// How far the fastest input is; `None` while none has said anything.
    pub fn newest(&self) -> Option<LogMillis> {
        self.inputs.values().copied().max().flatten()
    }

    /// The smallest over all inputs; `None` while one has said nothing, or is not known yet.
    pub fn get(&self) -> Option<LogMillis> {
        if self.inputs.len() < self.expected {
            return None;
        }
        self.inputs.values().copied().min().flatten()
    }
}
