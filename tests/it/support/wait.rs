//! Waiting for something to become true: polls until it is, or fails with what was seen last.
//!
//! Deadlines are generous: they end a hung test, they do not measure anything.

use std::thread::sleep;
use std::time::{Duration, Instant};

/// Long enough for whatever the slowest machine does in one step.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// Polls `probe` until it gives a value; panics with `what` and the last refusal after [`PATIENCE`].
#[track_caller]
pub fn eventually<T>(what: &str, mut probe: impl FnMut() -> Result<T, String>) -> T {
    let started = Instant::now();
    loop {
        match probe() {
            Ok(value) => return value,
            Err(last) if started.elapsed() > PATIENCE => {
                panic!("{what}: not after {PATIENCE:?}; last seen: {last}")
            }
            Err(_) => sleep(Duration::from_millis(50)),
        }
    }
}
