//! The pace: asks a simulation for traces, lets its agents send, and hands the messages to a sink.
//!
//! *Replay*: event time begins at a given instant and runs as fast as the sink takes it; all is reproducible.
//! *Live*: event time is the wall clock, traces begin at the given rate.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::batch::{BatchSettings, Batcher, Message};
use super::random::Random;
use super::simulation::Simulation;
use crate::model::UnixNanos;

/// Takes messages.
pub trait Sink {
    /// Takes one message; may wait. An error ends the run.
    fn send(&mut self, message: &Message<'_>) -> anyhow::Result<()>;

    /// Hands over what is still held, before the program ends.
    fn finish(&mut self) -> anyhow::Result<()>;
}

/// When traces begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// From this instant on, in event time; the wall clock plays no part.
    Replay {
        /// First event time.
        start: UnixNanos,
    },
    /// Now.
    Live,
}

/// How much is made, how fast.
#[derive(Clone, Copy, Debug)]
pub struct DriveSettings {
    /// When traces begin.
    pub pace: Pace,
    /// Spans per second of event time; 0 where live and as fast as the sink takes them.
    pub rate: u64,
    /// Ends after so much event time.
    pub duration: Option<Duration>,
    /// Ends after the trace that reaches so many spans.
    pub spans: Option<u64>,
    /// Seed of the moments at which traces begin.
    pub seed: u64,
}

/// What was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Traces.
    pub traces: u64,
    /// Spans sent.
    pub spans: u64,
    /// Messages sent.
    pub messages: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Spans per second of event time in a replay without a rate.
pub const REPLAY_RATE: u64 = 10_000;
/// Longest sleep, so that a stop is noticed.
const NAP: Duration = Duration::from_millis(20);

/// Runs until the settings' end or until `stop`; then all spans made are sent.
///
/// Also after an error of the sink the summary says what was sent until then.
pub fn drive(
    simulation: &mut Simulation,
    batch: BatchSettings,
    settings: &DriveSettings,
    sink: &mut dyn Sink,
    stop: &AtomicBool,
) -> (Summary, anyhow::Result<()>) {
    let mut summary = Summary::default();
    let outcome = run(simulation, batch, settings, sink, stop, &mut summary);
    (summary, outcome)
}

fn run(
    simulation: &mut Simulation,
    batch: BatchSettings,
    settings: &DriveSettings,
    sink: &mut dyn Sink,
    stop: &AtomicBool,
    summary: &mut Summary,
) -> anyhow::Result<()> {
    let mut batcher = Batcher::new(batch);
    let mut clock = Clock::new(settings);
    let mut spans = Vec::new();
    let mut made = 0;
    let mut send = |message: Message<'_>| {
        sink.send(&message)?;
        summary.spans += u64::from(message.spans);
        summary.messages += 1;
        summary.bytes += message.bytes.len() as u64;
        anyhow::Ok(())
    };
    while !stop.load(Ordering::Relaxed) && settings.spans.is_none_or(|limit| made < limit) {
        let Some(now) = clock.now(settings) else { break };
        batcher.advance(simulation.catalog(), now, &mut send)?;
        if let Some(at) = clock.next_trace(settings, now) {
            simulation.append_trace(at, &mut spans);
            made += spans.len() as u64;
            summary.traces += 1;
            clock.count(settings, spans.len() as u64);
            batcher.push(&mut spans);
        } else {
            std::thread::sleep(clock.pause(now));
        }
    }
    batcher.finish(simulation.catalog(), &mut send)?;
    sink.finish()
}

/// When the next trace begins.
struct Clock {
    start: UnixNanos,
    next: UnixNanos,
    random: Random,
}

impl Clock {
    fn new(settings: &DriveSettings) -> Clock {
        let start = match settings.pace {
            Pace::Replay { start } => start,
            Pace::Live => wall_clock(),
        };
        Clock { start, next: start, random: Random::for_item(settings.seed, u64::MAX - 1) }
    }

    /// Event time; `None` once the duration is over.
    fn now(&self, settings: &DriveSettings) -> Option<UnixNanos> {
        let now = match settings.pace {
            Pace::Replay { .. } => self.next,
            Pace::Live => wall_clock(),
        };
        let end = settings.duration.map_or(UnixNanos::MAX, |duration| {
            self.start.saturating_add(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX))
        });
        (now < end).then_some(now)
    }

    /// The start of a trace that is due.
    fn next_trace(&self, settings: &DriveSettings, now: UnixNanos) -> Option<UnixNanos> {
        match settings.pace {
            Pace::Live if settings.rate == 0 => Some(now),
            _ => (self.next <= now).then_some(now),
        }
    }

    /// After a trace of so many spans the next one comes later; gaps vary as those of arrivals do.
    fn count(&mut self, settings: &DriveSettings, spans: u64) {
        let rate = match (settings.rate, settings.pace) {
            (0, Pace::Live) => return,
            (0, Pace::Replay { .. }) => REPLAY_RATE,
            (rate, _) => rate,
        };
        let gap = (u128::from(spans) * 1_000_000_000 / u128::from(rate)) as u64;
        self.next += gap / 2 + self.random.below(gap + 1);
        if settings.pace == Pace::Live {
            // What a slow sink held up is not made up for in one burst.
            self.next = self.next.max(wall_clock().saturating_sub(1_000_000_000));
        }
    }

    fn pause(&self, now: UnixNanos) -> Duration {
        Duration::from_nanos(self.next.saturating_sub(now)).min(NAP)
    }
}

/// Nanoseconds since 1970 by the wall clock.
pub fn wall_clock() -> UnixNanos {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::Scenario;

    #[derive(Default)]
    struct Kept(Vec<u8>);

    impl Sink for Kept {
        fn send(&mut self, message: &Message<'_>) -> anyhow::Result<()> {
            self.0.extend_from_slice(message.bytes);
            Ok(())
        }

        fn finish(&mut self) -> anyhow::Result<()> {
            Ok(())
        }
    }

    fn replay(seed: u64, spans: Option<u64>, duration: Option<Duration>) -> (Summary, Vec<u8>) {
        let pace = Pace::Replay { start: 1_767_225_600_000_000_000 };
        let settings = DriveSettings { pace, rate: 1_000, duration, spans, seed };
        let mut kept = Kept::default();
        let mut simulation = Simulation::new(Scenario::Shop, seed);
        let stop = AtomicBool::new(false);
        let (summary, outcome) =
            drive(&mut simulation, BatchSettings::default(), &settings, &mut kept, &stop);
        outcome.unwrap();
        (summary, kept.0)
    }

    #[test]
    fn a_replay_is_the_same_to_the_byte_and_another_seed_is_not() {
        let (summary, bytes) = replay(1, Some(3_000), None);
        assert!((3_000..3_300).contains(&summary.spans), "{summary:?}");
        assert_eq!(summary.bytes, bytes.len() as u64);
        assert_eq!(replay(1, Some(3_000), None), (summary, bytes.clone()));
        assert_ne!(replay(2, Some(3_000), None).1, bytes);
    }

    #[test]
    fn rate_and_duration_give_the_number_of_spans() {
        let (summary, _) = replay(1, None, Some(Duration::from_secs(10)));
        assert!((9_000..11_000).contains(&summary.spans), "{summary:?}");
    }

    #[test]
    fn a_stop_ends_a_live_run_with_all_spans_sent() {
        let settings = DriveSettings { pace: Pace::Live, rate: 0, duration: None, spans: None, seed: 1 };
        let mut simulation = Simulation::new(Scenario::Shop, 1);
        let stop = AtomicBool::new(false);

        struct StopAfter<'a>(u32, &'a AtomicBool);
        impl Sink for StopAfter<'_> {
            fn send(&mut self, _: &Message<'_>) -> anyhow::Result<()> {
                self.0 -= 1;
                if self.0 == 0 {
                    self.1.store(true, Ordering::Relaxed);
                }
                self.0 = self.0.max(1);
                Ok(())
            }

            fn finish(&mut self) -> anyhow::Result<()> {
                Ok(())
            }
        }
        let mut sink = StopAfter(20, &stop);
        let (summary, outcome) =
            drive(&mut simulation, BatchSettings::default(), &settings, &mut sink, &stop);
        outcome.unwrap();
        let expected: u64 = simulation.truth().rows().iter().map(|row| row.3.calls).sum();
        assert!(summary.messages >= 20 && expected > 0);
    }
}
