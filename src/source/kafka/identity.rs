//! Whether a log is still the one that was read: a topic that was deleted and made anew must not hide records.
//!
//! An offset says nothing of what lies before it. Times do: of the records before a position only those are later than
//! the newest time known there whose producer's clock was ahead, as the log's guard refuted them (ALGORITHMS 7). A log
//! whose first records are later, or most of those from the first later one up to the position, is another one.
//! A few clocks that are ahead must not make a start read everything again.
//!
//! A log that is taken for the old one hides nothing that could count: it has no later records before the position, and
//! what is as old as that lies in minutes that were told already.

use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use super::context::Context;
use super::place::Place;
use super::scout::PATIENCE;
use crate::model::{CLOCK_TOLERANCE_MS, LogMillis};

/// Records in a row that are believed where they agree.
const AGREEING: usize = 3;
/// Records looked at, at most: in another log, records later than all that was read follow each other soon.
const SAMPLE: usize = 1_000;
/// How long to wait for the next record of a sample before its deadline is looked at.
const POLL: Duration = Duration::from_millis(100);

/// Offset and time of one record.
type Sampled = (i64, Option<LogMillis>);

/// What is to be told: is the log before `position`, where nothing was later than `newest`, still the same?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Suspicion {
    pub(super) position: i64,
    pub(super) newest: LogMillis,
    /// First offset of the log.
    pub(super) first: i64,
    /// Offset of the first record that is later than `newest`; before `position`.
    pub(super) later: i64,
}

impl Suspicion {
    /// Decides it by the records from `later` on.
    fn is_founded(&self, records: &[Sampled]) -> bool {
        let is_later = |time: Option<LogMillis>| time > Some(self.newest);
        let is_run = |records: &[Sampled]| {
            // As the clock's guard sees it: time goes on, so a later one agrees with an earlier one.
            let agrees =
                |pair: &[Sampled]| pair[1].1 >= pair[0].1.map(|time| time.saturating_sub(CLOCK_TOLERANCE_MS));
            records.iter().all(|(_, time)| is_later(*time)) && records.windows(2).all(agrees)
        };
        // The whole log is later, as one that was made after the other was read. It may end sooner than a run.
        let begins = &records[..records.len().min(AGREEING)];
        if self.later == self.first && !begins.is_empty() && is_run(begins) {
            return true;
        }
        // Older records come first, copied from elsewhere. Behind the position later ones are what is expected.
        let before = &records[..records.partition_point(|(offset, _)| *offset < self.position)];
        let later = before.iter().filter(|(_, time)| is_later(*time)).count();
        later > before.len() / 2 && before.windows(AGREEING).any(is_run)
    }

    /// Reads the records from `later` on and decides.
    ///
    /// # Errors
    /// Where the broker does not answer in time, or the log has changed meanwhile; then it is to be asked anew.
    pub(super) fn decide(&self, properties: &ClientConfig, place: &Place) -> KafkaResult<bool> {
        Ok(match self.sample(properties, place)? {
            Some(records) => self.is_founded(&records),
            // Reading will say why it cannot be read; the offsets alone tell most logs apart.
            None => self.later == self.first,
        })
    }

    /// `None` where this process cannot read its records at all.
    fn sample(&self, properties: &ClientConfig, place: &Place) -> KafkaResult<Option<Vec<Sampled>>> {
        let client: BaseConsumer<Context> = properties.create_with_context(Context::default())?;
        let mut list = TopicPartitionList::with_capacity(1);
        list.add_partition_offset(&place.topic, place.partition, Offset::Offset(self.later))?;
        client.assign(&list)?;
        let deadline = Instant::now() + PATIENCE;
        let mut records = Vec::new();
        loop {
            match client.poll(POLL) {
                Some(Ok(message)) => {
                    let time = message.timestamp().to_millis().filter(|time| *time >= 0);
                    records.push((message.offset(), time));
                    let is_behind = message.offset() >= self.position && records.len() >= AGREEING;
                    if is_behind || records.len() >= SAMPLE {
                        return Ok(Some(records));
                    }
                }
                Some(Err(KafkaError::PartitionEOF(_))) => return Ok(Some(records)),
                Some(Err(error)) => match error.rdkafka_error_code() {
                    Some(RDKafkaErrorCode::NotImplemented | RDKafkaErrorCode::TopicAuthorizationFailed) => {
                        return Ok(None);
                    }
                    Some(RDKafkaErrorCode::AutoOffsetReset) => return Err(error),
                    // One address of several may be dead.
                    _ => tracing::debug!(partition = %place, %error, "sample"),
                },
                None => {}
            }
            if Instant::now() >= deadline {
                return Err(KafkaError::MessageConsumption(RDKafkaErrorCode::OperationTimedOut));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::lane::InputClock;
    use crate::model::RecordTime;

    /// Decides on a log that begins at offset 0, as the scout does.
    fn is_another(times: &[i64], position: i64, newest: i64) -> bool {
        let log: Vec<Sampled> = (0..).zip(times.iter().map(|time| Some(*time))).collect();
        let Some(later) = log.iter().position(|(_, time)| *time > Some(newest)) else { return false };
        let suspicion = Suspicion { position, newest, first: 0, later: later as i64 };
        suspicion.later < position && suspicion.is_founded(&log[later..])
    }

    #[test]
    fn logs_are_told_apart_by_their_times() {
        let far = 100 + 2 * CLOCK_TOLERANCE_MS;
        for (times, position, expected, what) in [
            (&[90, 95, 100, 101, 102, 103][..], 3, false, "the same, grown"),
            (&[90, 100, 100], 3, false, "the same"),
            (&[101, 102, 103, 104, 105], 4, true, "another, wholly later"),
            (&[101, 102, 103, 104, 105], 1, true, "one record before the position is enough"),
            (&[101], 1, true, "it ends soon"),
            (&[101, 101 - CLOCK_TOLERANCE_MS], 2, false, "and does not agree with itself"),
            (&[90, 95, 101, 102, 103, 104, 105], 6, true, "older records come first"),
            (&[90, 95, 96, 97], 4, false, "nothing in it is later"),
            (&[90, far, 100, 101, 102], 3, false, "a single clock that is ahead"),
            (&[90, far, far, 100, 101, 102], 4, false, "two records of it"),
            (&[90, 100, far, 101, 102, 103], 3, false, "it is the last one before the position"),
            (&[far, 90, 100, 101, 102], 3, false, "it is the first that retention left"),
            (&[90, far, 99, 95, far, 96, 101, 102, 103], 8, false, "two of three later ones lie before"),
            (&[90, far, 99, 95, far, 96, 101, 102, 103], 9, true, "all three do"),
            (&[90, far, far, far, 97, 98, 99, 100], 8, false, "one of several producers is ahead"),
            (&[90, far, far, far, 97, 98, 101, 102, 103], 9, true, "most are later"),
        ] {
            assert_eq!(is_another(times, position, 100), expected, "{what}: {times:?}");
        }
    }

    #[test]
    fn records_without_time_are_no_later_ones() {
        let suspicion = Suspicion { position: 5, newest: 100, first: 0, later: 1 };
        assert!(!suspicion.is_founded(&[(1, Some(101)), (2, None), (3, Some(101)), (4, Some(102))]));
        assert!(!suspicion.is_founded(&[]));
    }

    proptest! {
        /// While less than three records in a row are ahead, no log is taken for another one, at any position.
        #[test]
        fn a_log_is_like_itself(
            steps in prop::collection::vec((-2 * CLOCK_TOLERANCE_MS..3 * CLOCK_TOLERANCE_MS, 0..4_u8), 1..60),
        ) {
            let mut now = 100 * CLOCK_TOLERANCE_MS;
            let mut times = vec![now];
            let mut in_a_row = 0;
            for (step, kind) in steps {
                now += 1_000;
                in_a_row = if kind == 0 && in_a_row < 2 { in_a_row + 1 } else { 0 };
                times.push(if in_a_row > 0 { now + step } else { now });
            }
            let (mut clock, mut counted) = (InputClock::default(), 0);
            for (read, time) in times.iter().enumerate() {
                let observed = clock.observe(RecordTime::Create(*time), times[0] + read as i64 * 1_000);
                for newest in observed.released.iter().chain(&observed.own).map(|stamp| stamp.newest) {
                    counted += 1;
                    let newest = newest.unwrap_or(times[0]);
                    prop_assert!(!is_another(&times, counted, newest), "{counted}, {newest}");
                }
            }
        }
    }
}
