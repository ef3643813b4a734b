//! Events on their way to the decode workers: one bounded channel each, and what did not fit yet.
//!
//! Sending never blocks, because the reading loop has to keep the group membership alive;
//! what does not fit is kept here, and nothing more is read for that worker until it is gone.
//! All events of an input go to one worker, in their order.

use std::collections::{BTreeMap, VecDeque};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use crate::model::{InputId, SourceEvent};

/// Events in the channel to one worker. With one more kept here this bounds what is on the way:
/// 9 batches of 1 MiB and one record each, per worker.
pub(super) const CHANNEL_EVENTS: usize = 8;

/// Events kept for one worker above which nothing more is told of partitions that stand.
const MOST_KEPT: usize = 4_096;

/// The workers are gone: nobody reads what we send.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Abandoned;

pub(super) struct Outboxes(Vec<Outbox>);

struct Outbox {
    channel: SyncSender<SourceEvent>,
    kept: VecDeque<SourceEvent>,
    kept_batches: usize,
}

impl Outboxes {
    /// Channels to `workers` workers, at least one.
    pub(super) fn new(workers: usize) -> (Outboxes, Vec<Receiver<SourceEvent>>) {
        let (outboxes, receivers) = (0..workers.max(1))
            .map(|_| {
                let (channel, receiver) = sync_channel(CHANNEL_EVENTS);
                (Outbox { channel, kept: VecDeque::new(), kept_batches: 0 }, receiver)
            })
            .unzip();
        (Outboxes(outboxes), receivers)
    }

    /// Puts an event behind those before it; once the channels are closed it goes nowhere.
    pub(super) fn push(&mut self, input: InputId, event: SourceEvent) {
        let Some(outbox) = self.of(input) else { return };
        outbox.kept_batches += usize::from(matches!(event, SourceEvent::Records(_)));
        outbox.kept.push_back(event);
    }

    /// True where another batch may be read for this input: none waits.
    pub(super) fn takes_records(&self, input: InputId) -> bool {
        self.0[input as usize % self.0.len()].kept_batches == 0
    }

    /// True where it is worth to tell that this input stands: the worker has taken all but the last few events.
    pub(super) fn takes_standing(&self, input: InputId) -> bool {
        let outbox = &self.0[input as usize % self.0.len()];
        outbox.kept_batches == 0 && outbox.kept.len() < MOST_KEPT
    }

    /// True where nothing waits at all.
    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().all(|outbox| outbox.kept.is_empty())
    }

    /// Closes the channels; gives the first offset of each input that was read and not sent.
    pub(super) fn close(&mut self) -> BTreeMap<InputId, i64> {
        let mut unsent = BTreeMap::new();
        for event in self.0.drain(..).flat_map(|outbox| outbox.kept) {
            if let SourceEvent::Records(batch) = event
                && let Some(first) = batch.records.first()
            {
                unsent.entry(batch.input).or_insert(first.offset);
            }
        }
        unsent
    }

    /// Sends what fits; true if anything did.
    pub(super) fn flush(&mut self) -> Result<bool, Abandoned> {
        let mut any = false;
        for outbox in &mut self.0 {
            any |= outbox.flush()?;
        }
        Ok(any)
    }

    fn of(&mut self, input: InputId) -> Option<&mut Outbox> {
        let worker = (input as usize).checked_rem(self.0.len())?;
        self.0.get_mut(worker)
    }
}

impl Outbox {
    fn flush(&mut self) -> Result<bool, Abandoned> {
        let before = self.kept.len();
        while let Some(event) = self.kept.pop_front() {
            let is_batch = matches!(event, SourceEvent::Records(_));
            match self.channel.try_send(event) {
                Ok(()) => self.kept_batches -= usize::from(is_batch),
                Err(TrySendError::Full(event)) => {
                    self.kept.push_front(event);
                    break;
                }
                Err(TrySendError::Disconnected(_)) => return Err(Abandoned),
            }
        }
        Ok(self.kept.len() < before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::RecordBatch;

    fn batch(input: InputId) -> SourceEvent {
        SourceEvent::Records(RecordBatch { input, bytes: Vec::new(), records: Vec::new() })
    }

    #[test]
    fn a_full_channel_keeps_order_and_stops_only_its_own_inputs() {
        let (mut outboxes, receivers) = Outboxes::new(2);
        for at in 0..=CHANNEL_EVENTS as i64 {
            outboxes.push(1, SourceEvent::Standing { input: 1, at });
        }
        outboxes.push(1, batch(1));
        outboxes.push(1, SourceEvent::Revoked { input: 1 });
        assert_eq!(outboxes.flush(), Ok(true));
        assert!(!outboxes.takes_records(1) && !outboxes.takes_records(3));
        assert!(outboxes.takes_records(0) && outboxes.takes_standing(0));
        assert_eq!(outboxes.flush(), Ok(false), "nothing fits");

        let mut names = Vec::new();
        while !outboxes.is_empty() || !names.ends_with(&['r']) {
            names.extend(receivers[1].try_iter().map(|event| match event {
                SourceEvent::Standing { .. } => 's',
                SourceEvent::Records(_) => 'b',
                _ => 'r',
            }));
            outboxes.flush().unwrap();
        }
        assert_eq!(names.iter().collect::<String>(), format!("{}br", "s".repeat(CHANNEL_EVENTS + 1)));
        assert!(outboxes.takes_records(1));
    }

    #[test]
    fn a_worker_that_is_gone_is_told() {
        let (mut outboxes, receivers) = Outboxes::new(1);
        drop(receivers);
        outboxes.push(0, batch(0));
        assert_eq!(outboxes.flush(), Err(Abandoned));
    }
}
