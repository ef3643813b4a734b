//! Kafka as a source: records of all assigned partitions leave in batches, one ordered stream per partition.
//!
//! ```text
//!            questions ►                    events, 8 per channel
//!   scout ◄───────────────► reader ──────────────────────────────────► decode workers
//!            ◄ answers         │        (input modulo workers; full: nothing is read for it)
//!   blocking requests          └ librdkafka: one queue per partition, kafka.queue_size in all
//! ```
//!
//! Guaranteed: every record from the start position on is sent once per assignment, in order per partition;
//! what retention took before is counted, never skipped in silence, and a log that was made anew is read from its beginning.
//! A broker that is away, a topic that does not exist, a refused login are told and waited for; nothing exits.

mod anew;
mod context;
mod health;
mod identity;
mod outbox;
mod partition;
mod place;
mod placing;
mod properties;
mod reader;
mod record;
mod scout;
mod session;
mod shutdown;
mod statistics;
mod status;
mod survey;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;

pub use place::{Place, Positions, ReadTo};
pub use properties::problems;
pub use shutdown::Shutdown;

use crate::config::{KafkaConfig, LaneMode};
use crate::model::SourceEvent;
use crate::telemetry::Telemetry;
use outbox::Outboxes;
use reader::Reader;

/// How the records are to be handed on.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Merged lanes need all partitions, and read them at one pace.
    pub lanes: LaneMode,
    /// Number of decode workers, each with a channel of its own.
    pub workers: usize,
    /// Where to start partitions that were read before; the others start at `kafka.start`.
    pub positions: Positions,
}

/// A running source.
pub struct KafkaSource {
    /// One channel per worker; all events of an input come through number `input % workers`.
    /// They close when the source has ended.
    pub events: Vec<Receiver<SourceEvent>>,
    /// The reading thread; it ends soon after the token was triggered, or once no worker is left.
    pub handle: JoinHandle<()>,
}

/// Starts to read; connecting goes on in the background for as long as it takes.
///
/// # Errors
/// Where librdkafka refuses the configuration ([`problems`] says all of it), or no thread can be started.
pub fn spawn(
    config: &KafkaConfig,
    plan: Plan,
    telemetry: Arc<Telemetry>,
    shutdown: Shutdown,
) -> anyhow::Result<KafkaSource> {
    let problems = problems(config);
    anyhow::ensure!(problems.is_empty(), problems.join("\n"));
    let (outboxes, events) = Outboxes::new(plan.workers);
    let config = config.clone();
    let (opened, is_open) = channel();
    let handle = std::thread::Builder::new().name("kafka".into()).spawn(move || {
        // The scout wakes the thread it works for, so it is started there.
        match Reader::open(config, plan, telemetry, shutdown, outboxes) {
            Ok(mut reader) => {
                let _ = opened.send(Ok(()));
                reader.run();
            }
            Err(error) => drop(opened.send(Err(error))),
        }
    })?;
    is_open.recv()??;
    Ok(KafkaSource { events, handle })
}
