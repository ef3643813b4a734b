//! What the record times of each input were like, for the status and the metrics.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use crate::model::LogMillis;

/// The clocks of one input's records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClockStatus {
    /// Log time that was reached: nothing comes before it.
    pub log_time: Option<LogMillis>,
    /// Records whose time was not believed, since the start.
    pub refuted: u64,
    /// How far the furthest of them was ahead of log time, milliseconds.
    pub refuted_by: LogMillis,
}

impl ClockStatus {
    /// How far log time is ahead of a local clock that says `now`, milliseconds; 0 where it is not.
    pub fn ahead(&self, now: LogMillis) -> LogMillis {
        self.log_time.map_or(0, |at| at.saturating_sub(now).max(0))
    }
}

/// By the inputs' names; shared between the decode workers (writers) and the answers (readers).
#[derive(Default)]
pub struct Clocks(Mutex<BTreeMap<Arc<str>, ClockStatus>>);

impl Clocks {
    /// Changes what is known of one input; gives what `change` gives.
    pub fn update<T>(&self, input: &Arc<str>, change: impl FnOnce(&mut ClockStatus) -> T) -> T {
        let mut clocks = self.lock();
        match clocks.get_mut(input) {
            Some(status) => change(status),
            None => change(clocks.entry(input.clone()).or_default()),
        }
    }

    /// An input is read no further, for now or for good: what was refuted stays true, its log time is another's matter.
    pub fn stop(&self, input: &str) {
        self.lock().get_mut(input).into_iter().for_each(|status| status.log_time = None);
    }

    /// Forgets an input that is gone.
    pub fn remove(&self, input: &str) {
        self.lock().remove(input);
    }

    /// All inputs, by name.
    pub fn all(&self) -> BTreeMap<Arc<str>, ClockStatus> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, ClockStatus>> {
        self.0.lock().expect("no panic happens while it is locked")
    }
}
