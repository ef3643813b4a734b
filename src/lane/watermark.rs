//! What all inputs of a lane have delivered: everything before it is decided.

use std::collections::BTreeMap;

use crate::model::{InputId, LogMillis};

/// The inputs that lanes wait for.
#[derive(Clone, Debug, Default)]
pub struct Watermark {
    inputs: BTreeMap<InputId, Option<LogMillis>>,
}

impl Watermark {
    /// Waits for an input from now on.
    pub fn add(&mut self, input: InputId) {
        self.inputs.entry(input).or_default();
    }

    /// Waits for it no longer.
    pub fn remove(&mut self, input: InputId) {
        self.inputs.remove(&input);
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

    /// The smallest over all inputs; `None` while one has said nothing.
    pub fn get(&self) -> Option<LogMillis> {
        self.inputs.values().copied().min().flatten()
    }
}
