//! Tells of wrong clocks of one input: in the log, sampled, and to the status.

use std::sync::Arc;

use crate::lane::Stamp;
use crate::model::{CLOCK_TOLERANCE_MS, LogMillis};
use crate::telemetry::Telemetry;
use crate::telemetry::log::Sampler;

/// What was noticed of one input's clocks.
#[derive(Default)]
pub(super) struct ClockWatch {
    /// Refuted since the last report.
    refuted: u64,
    /// How far the furthest of these was ahead, milliseconds.
    refuted_by: LogMillis,
    refuted_sampler: Sampler,
    /// True while log time is further ahead of the local clock than clocks differ.
    is_ahead: bool,
}

impl ClockWatch {
    /// A record has its place in the log.
    pub fn see(&mut self, input: &str, offset: i64, stamp: Stamp) {
        if !stamp.is_refuted {
            return;
        }
        self.refuted += 1;
        self.refuted_by = self.refuted_by.max(stamp.ahead);
        if let Some(count) = self.refuted_sampler.tick() {
            tracing::warn!(
                input,
                offset,
                ahead_seconds = stamp.ahead / 1000,
                count,
                "a producer's time is ahead and is not believed: set message.timestamp.type=LogAppendTime on the topic, \
                 or set the producer's clock right"
            );
        }
    }

    /// Brings the status up to date: log time has reached `log_time` where the local clock says `now`.
    pub fn report(
        &mut self,
        telemetry: &Telemetry,
        input: &Arc<str>,
        log_time: Option<LogMillis>,
        now: LogMillis,
    ) {
        let (refuted, refuted_by) = (std::mem::take(&mut self.refuted), std::mem::take(&mut self.refuted_by));
        let ahead = telemetry.clocks.update(input, |status| {
            status.log_time = log_time;
            status.refuted += refuted;
            status.refuted_by = status.refuted_by.max(refuted_by);
            status.ahead(now)
        });
        let was_ahead = std::mem::replace(&mut self.is_ahead, ahead > CLOCK_TOLERANCE_MS);
        if self.is_ahead && !was_ahead {
            tracing::warn!(
                input = &**input,
                ahead_seconds = ahead / 1000,
                "log time is ahead of this machine's clock, and what comes counts in minutes ahead: set the clocks of \
                 the brokers and of this machine right"
            );
        }
    }
}
