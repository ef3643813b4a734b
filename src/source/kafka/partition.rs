//! One assigned partition: its queue, its position, how far it is in log time, and whether it stands.
//!
//! Hot: a record costs one copy of its value; nothing is locked or looked up per record.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::Thread;
use std::time::{Duration, Instant};

use rdkafka::consumer::BaseConsumer;
use rdkafka::consumer::base_consumer::PartitionQueue;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message;

use super::context::Context;
use super::place::{Place, ReadTo};
use super::record;
use super::scout::Question;
use super::statistics::Leader;
use crate::model::{Format, InputId, LogMillis, RecordBatch, RecordTime};

/// A batch ends after the record that reaches this many bytes.
pub(super) const BATCH_BYTES: usize = 1 << 20;
/// Records of a batch at most.
pub(super) const BATCH_RECORDS: usize = 4_096;

/// What a partition is waiting for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// The scout to say where to start.
    AwaitsStart,
    /// The scout to say whether its log is still the one that was read up to its position.
    AwaitsIdentity,
    /// The scout to say where the log begins that took the place of the one that was read.
    AwaitsBeginning,
    /// The scout to say what is left of the log, after its position fell out of it.
    AwaitsBounds,
    /// To be placed at its position by the loop.
    ToBePlaced,
    /// Nothing: it is read.
    Read,
}

/// How records of one partition are taken.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taking {
    /// The topic's format, where the configuration names it.
    pub(super) format: Option<Format>,
    /// Largest value, bytes.
    pub(super) max_record_size: usize,
}

/// What happened to a partition's log, for as long as no other member has it.
#[derive(Debug, Default)]
pub(super) struct Past {
    /// Offsets that were gone before they were read.
    pub(super) lost_offsets: u64,
    /// The last thing that happened, in words.
    pub(super) scar: Option<String>,
}

/// One assigned partition.
pub(super) struct Partition {
    pub(super) input: InputId,
    pub(super) place: Place,
    pub(super) stage: Stage,
    /// Offset that is read next.
    pub(super) position: i64,
    /// Offset behind the last record, as last heard.
    pub(super) end: i64,
    /// Time of the last record; of one with a producer's time in the future, that of before.
    pub(super) log_time: Option<LogMillis>,
    /// True from the end of the log until the next record.
    pub(super) is_at_end: bool,
    /// Since when its leader has not answered, or since it was assigned.
    pub(super) unheard_since: Option<Instant>,
    /// The leader, as last heard.
    pub(super) leader: Option<Leader>,
    /// What happened to its log so far.
    pub(super) past: Past,
    /// Why it cannot be read at the moment, in words.
    pub(super) refusal: Option<String>,
    /// True while librdkafka reads it for us.
    pub(super) is_assigned: bool,
    /// When it was last placed.
    pub(super) placed_at: Option<Instant>,
    /// No record before its position is later, but for single clocks that are ahead.
    pub(super) newest: Option<LogMillis>,
    taking: Taking,
    queue: Option<PartitionQueue<Context>>,
    is_ready: Arc<AtomicBool>,
    /// Times of the last three records: a single clock that is wrong moves nobody.
    recent: [Option<LogMillis>; 3],
    /// Where it stood, while it stands or stood.
    stood_at: Option<LogMillis>,
    /// What stands for its time until its first record: how far the others were.
    assumed: Option<LogMillis>,
}

/// What [`Partition::read`] met besides records.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Met {
    /// Nothing.
    Nothing,
    /// Its position is no longer in the log.
    Hole,
    /// Its topic does not exist; what comes under that name may be another log.
    Missing,
}

impl Partition {
    pub(super) fn new(
        input: InputId,
        place: Place,
        taking: Taking,
        read_to: Option<ReadTo>,
        now: Instant,
    ) -> Self {
        Partition {
            input,
            place,
            stage: if read_to.is_some() { Stage::ToBePlaced } else { Stage::AwaitsStart },
            position: read_to.map_or(0, |read_to| read_to.offset),
            end: 0,
            log_time: None,
            is_at_end: false,
            unheard_since: Some(now),
            leader: None,
            past: Past::default(),
            refusal: None,
            is_assigned: false,
            placed_at: None,
            newest: read_to.and_then(|read_to| read_to.newest),
            taking,
            queue: None,
            is_ready: Arc::default(),
            recent: [None; 3],
            stood_at: None,
            assumed: None,
        }
    }

    /// Takes its queue out of the common one. To be called before it is assigned: what is forwarded is decided then.
    pub(super) fn split(&mut self, consumer: &Arc<BaseConsumer<Context>>, reader: &Thread) {
        // The old handle takes the callback off the queue that both may share, so it goes first.
        self.queue = None;
        let Some(mut queue) = consumer.split_partition_queue(&self.place.topic, self.place.partition) else {
            return;
        };
        let (is_ready, reader) = (self.is_ready.clone(), reader.clone());
        queue.set_nonempty_callback(move || {
            is_ready.store(true, Ordering::Release);
            reader.unpark();
        });
        self.is_ready.store(true, Ordering::Release);
        self.queue = Some(queue);
    }

    /// Throws away what was fetched, before it is placed anew.
    pub(super) fn drain(&self) {
        if let Some(queue) = &self.queue {
            while queue.poll(Duration::ZERO).is_some() {}
        }
    }

    /// It is read at `position` from now on, or placed again a little later where that failed.
    pub(super) fn placed(&mut self, now: Instant, is_assigned: bool) {
        self.stage = if is_assigned { Stage::Read } else { Stage::ToBePlaced };
        self.is_assigned = is_assigned;
        self.is_at_end = false;
        self.placed_at = Some(now);
        self.is_ready.store(true, Ordering::Release);
    }

    /// Its position is out of the log, which has `first` up to `end`: moves it to where reading can go on.
    ///
    /// Gives what is missing in words; `None` where the position is in the log after all.
    pub(super) fn mend(&mut self, first: i64, end: i64) -> Option<String> {
        self.stage = Stage::ToBePlaced;
        self.end = end;
        let position = self.position;
        if position < first {
            self.position = first;
            self.past.lost_offsets += u64::try_from(first - position).unwrap_or(0);
            self.past.scar = Some(format!(
                "offsets {position} to {} were gone before they were read (retention): the graph lacks them; \
                 read faster, or keep the log longer",
                first - 1
            ));
        } else if position > end {
            // Cut or made anew, one cannot tell. All that is there is read: of a log that was made anew nothing may be
            // missed. What one that was cut still has counts twice, but for a start, where it lies in sealed minutes.
            self.begin_anew(first);
            self.past.scar = Some(format!(
                "its log ends at {end}, before position {position}: it was cut or made anew; read from its beginning"
            ));
        } else {
            return None;
        }
        self.past.scar.clone()
    }

    /// Its log is another one, which begins at `first`: it is read from there. Gives what happened in words.
    pub(super) fn replace(&mut self, first: i64) -> String {
        let scar = format!(
            "its log was made anew: the records before position {} are not those that were read; read from its beginning",
            self.position
        );
        self.begin_anew(first);
        self.past.scar = Some(scar.clone());
        scar
    }

    fn begin_anew(&mut self, first: i64) {
        self.stage = Stage::ToBePlaced;
        self.position = first;
    }

    /// How far it was read; `None` where not even its start is known.
    pub(super) fn read_to(&self) -> Option<ReadTo> {
        let read_to = ReadTo { offset: self.position, newest: self.newest };
        (self.stage != Stage::AwaitsStart).then_some(read_to)
    }

    /// What to ask the scout, where the log may be another one than what was read; `None` where that cannot be told.
    pub(super) fn doubt(&mut self) -> Option<Question> {
        let newest = self.newest.filter(|_| self.position > 0)?;
        self.stage = Stage::AwaitsIdentity;
        Some(Question::Identity { position: self.position, newest })
    }

    /// Takes what the statistics say of its leader.
    pub(super) fn hear(&mut self, leader: Option<Leader>, within: Duration, now: Instant) {
        self.leader = leader;
        let silent = leader.and_then(|leader| leader.silent_us);
        let is_heard = silent.is_some_and(|silent| {
            // Where enough was fetched, nothing is asked for and nothing comes.
            self.is_ready() || Duration::from_micros(silent.max(0).unsigned_abs()) < within
        });
        match is_heard {
            true => self.unheard_since = None,
            false => self.unheard_since = self.unheard_since.or(Some(now)),
        }
        if let Some(leader) = leader
            && self.stage == Stage::Read
        {
            self.end = self.end.max(leader.end);
        }
    }

    /// The position as people count it: at the end, what is no record (a transaction's marker) has been passed too.
    pub(super) fn shown_position(&self) -> i64 {
        match self.leader {
            Some(leader) if self.is_at_end && !self.is_ready() => self.position.max(leader.next),
            _ => self.position,
        }
    }

    /// True while records may be waiting.
    pub(super) fn is_ready(&self) -> bool {
        self.stage == Stage::Read && self.is_ready.load(Ordering::Acquire)
    }

    /// Reads what is there, up to a full batch, and not past `limit` in log time; a clock ahead of `now` counts as `now`.
    pub(super) fn read(&mut self, limit: LogMillis, now: LogMillis) -> (RecordBatch, Met) {
        let mut batch = record::new_batch(self.input);
        let Some(queue) = self.queue.take() else { return (batch, Met::Nothing) };
        self.is_ready.store(false, Ordering::Release);
        let met = loop {
            match queue.poll(Duration::ZERO) {
                None => break Met::Nothing,
                Some(Ok(message)) => {
                    // Seen before: an answer from before it was placed anew.
                    if message.offset() < self.position {
                        continue;
                    }
                    record::append(&mut batch, &message, self.taking.format, self.taking.max_record_size);
                    self.position = message.offset() + 1;
                    self.is_at_end = false;
                    self.refusal = None;
                    batch.records.last().into_iter().for_each(|record| self.advance(record.time, now));
                    let is_full = batch.bytes.len() >= BATCH_BYTES || batch.records.len() >= BATCH_RECORDS;
                    if is_full || self.own_pace().is_some_and(|pace| pace.min(now) > limit) {
                        self.is_ready.store(true, Ordering::Release);
                        break Met::Nothing;
                    }
                }
                Some(Err(error)) => match self.meet(&error) {
                    Met::Nothing => {}
                    met => break met,
                },
            }
        };
        self.queue = Some(queue);
        (batch, met)
    }

    /// How far it is in log time; `None` before its first record.
    pub(super) fn pace(&self) -> Option<LogMillis> {
        self.own_pace().or(self.assumed)
    }

    /// Without a record its time is taken as `others`, and stays there.
    pub(super) fn assume(&mut self, others: Option<LogMillis>) {
        if self.assumed.is_none() {
            self.assumed = others;
        }
    }

    /// True where nobody waits for it: it is at the end of a log whose leader answers,
    /// or its leader has been away too long.
    pub(super) fn is_standing(&self, now: Instant, leaderless_after: Duration) -> bool {
        if self.is_ready() {
            return false;
        }
        match self.unheard_since {
            None => self.stage == Stage::Read && self.is_at_end,
            Some(since) => now.duration_since(since) >= leaderless_after,
        }
    }

    /// Others need not wait for it before `at`.
    pub(super) fn stand(&mut self, at: LogMillis) {
        self.stood_at = self.stood_at.max(Some(at));
    }

    fn own_pace(&self) -> Option<LogMillis> {
        self.recent.iter().flatten().min().copied().max(self.stood_at)
    }

    fn advance(&mut self, time: RecordTime, now: LogMillis) {
        if time.is_in_future(now) {
            // A clock that is ahead says nothing of how far the log is read; that it stood says more.
            self.log_time = self.log_time.max(self.stood_at);
            return;
        }
        let Some(time) = record::millis(time) else { return };
        self.log_time = Some(time);
        self.recent.rotate_left(1);
        self.recent[2] = Some(time);
        // Three in a row are believed, so no three in a row are later than this.
        if self.newest.is_none() || self.recent.iter().all(Option::is_some) {
            self.newest = self.newest.max(self.recent.iter().flatten().min().copied());
        }
    }

    fn meet(&mut self, error: &KafkaError) -> Met {
        use RDKafkaErrorCode as Code;
        if let KafkaError::PartitionEOF(_) = error {
            self.is_at_end = true;
            self.refusal = None;
            return Met::Nothing;
        }
        match error.rdkafka_error_code() {
            Some(Code::AutoOffsetReset | Code::OffsetOutOfRange) => return Met::Hole,
            Some(Code::NotImplemented) => {
                self.refusal = Some(
                    "its records are compressed in a way that this build cannot read (zstd needs the feature \
                     `zstd`): use a release build, or another compression.type"
                        .into(),
                );
            }
            Some(Code::TopicAuthorizationFailed) => {
                self.refusal = Some(format!("no permission to read topic `{}`", self.place.topic));
            }
            _ => self.refusal = Some(format!("cannot be read: {error}")),
        }
        tracing::debug!(partition = %self.place, %error, "partition");
        match error.rdkafka_error_code() {
            Some(
                Code::UnknownTopicOrPartition
                | Code::UnknownTopicId
                | Code::UnknownTopic
                | Code::UnknownPartition,
            ) => Met::Missing,
            _ => Met::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_say_what_to_ask() {
        use RDKafkaErrorCode as Code;
        for (code, expected) in [
            (Code::OffsetOutOfRange, Met::Hole),
            (Code::AutoOffsetReset, Met::Hole),
            (Code::UnknownTopicOrPartition, Met::Missing),
            (Code::UnknownTopicId, Met::Missing),
            (Code::UnknownTopic, Met::Missing),
            (Code::UnknownPartition, Met::Missing),
            (Code::TopicAuthorizationFailed, Met::Nothing),
            (Code::NotImplemented, Met::Nothing),
            (Code::BadMessage, Met::Nothing),
        ] {
            let taking = Taking { format: None, max_record_size: 1 };
            let mut partition = Partition::new(0, Place::new("spans", 0), taking, None, Instant::now());
            assert_eq!(partition.meet(&KafkaError::MessageConsumption(code)), expected, "{code:?}");
            assert_eq!(partition.refusal.is_some(), expected != Met::Hole, "{code:?}");
        }
    }
}
