//! The sealer's thread: final minutes to the store, and the store again while it takes nothing.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use super::timing::{Stage, Timings, timed};
use super::{Final, Shared};
use crate::cli::now_nanos;
use crate::model::Minute;
use crate::store::Sealer;

/// How often a store that took nothing is tried again.
const RETRY: Duration = Duration::from_secs(2);

pub(super) struct SealWorker {
    sealer: Sealer,
    timings: Option<Arc<Timings>>,
}

impl SealWorker {
    pub fn new(shared: &Shared) -> SealWorker {
        let sealer = Sealer::new(shared.timeline.clone(), &shared.config, shared.sealing.clone());
        SealWorker { sealer, timings: shared.timings.clone() }
    }

    /// Works until all lane workers are gone.
    pub fn run(mut self, finals: Receiver<Final>) {
        self.sealer.catch_up(now());
        loop {
            match finals.recv_timeout(RETRY) {
                Ok(Final { group, lane, through }) => {
                    let sealer = &mut self.sealer;
                    timed(self.timings.as_deref(), Stage::Seal, || sealer.seal(group, &lane, through, now()));
                }
                Err(RecvTimeoutError::Timeout) if self.sealer.is_waiting() => self.sealer.write(),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        if self.sealer.is_waiting() {
            self.sealer.write();
        }
    }
}

fn now() -> Minute {
    Minute::of(now_nanos())
}
