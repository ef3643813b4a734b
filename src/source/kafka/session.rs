//! One membership of the group: the reading loop.
//!
//! A turn serves the group's queue, rebalances and answers, hands on what fits, and reads the partition that is
//! slowest in log time first. Nothing in it blocks: back-pressure shows as a batch that is kept, and the group's queue
//! is polled all the same, at least every 50 ms, so that `max.poll.interval.ms` passes only where the loop itself hangs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread::{Thread, current, park_timeout};
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::context::Context;
use super::outbox::Abandoned;
use super::partition::{Met, Partition, Stage};
use super::place::Place;
use super::properties;
use super::reader::{LONGEST_WAIT, Reader};
use super::scout::{Question, now_millis};
use crate::config::LaneMode;
use crate::model::{InputId, LogMillis, SourceEvent};

/// Events of the group served in a turn.
const POLLS_PER_TURN: usize = 4;
/// Batches read before the group's queue is looked at again.
const BATCHES_PER_TURN: usize = 16;
/// First wait of a series while the workers are behind; it doubles up to [`LONGEST_WAIT`].
const SHORTEST_WAIT: Duration = Duration::from_millis(1);
/// How often a partition at its end tells that it stands.
const STANDING_EVERY: Duration = Duration::from_millis(250);
/// How often the status is written.
const STATUS_EVERY: Duration = Duration::from_millis(500);
/// How often positions are committed, and ends of logs asked for.
const POSITIONS_EVERY: Duration = Duration::from_secs(5);
/// How long the stages may take to work off what was sent.
const DRAIN_WITHIN: Duration = Duration::from_secs(5);
/// How long the group may take to let us go; it is asked for in the first moment.
const LEAVE_WITHIN: Duration = Duration::from_millis(400);

/// Why a session ended.
pub(super) enum Ending {
    /// The token was triggered.
    Shutdown,
    /// No worker is left.
    Abandoned,
    /// librdkafka gave the membership up for good, in words.
    Fatal(String),
}

/// One membership.
pub(super) struct Session<'a> {
    pub(super) reader: &'a mut Reader,
    pub(super) consumer: Arc<BaseConsumer<Context>>,
    pub(super) thread: Thread,
    pub(super) partitions: BTreeMap<InputId, Partition>,
    pub(super) any_broker: bool,
    pub(super) has_joined: bool,
    /// Positions as last committed.
    pub(super) committed: BTreeMap<Place, i64>,
    /// A leader that was silent for longer is not heard.
    pub(super) heard_within: Duration,
    standing: Timer,
    status: Timer,
    positions: Timer,
}

/// Comes due at most once per period.
struct Timer {
    every: Duration,
    due: Instant,
}

impl Timer {
    fn new(every: Duration) -> Timer {
        Timer { every, due: Instant::now() }
    }

    fn is_due(&mut self, now: Instant) -> bool {
        let is_due = now >= self.due;
        if is_due {
            self.due = now + self.every;
        }
        is_due
    }
}

impl<'a> Session<'a> {
    /// Joins the group.
    pub(super) fn open(reader: &'a mut Reader) -> Result<Session<'a>, String> {
        let known = reader.survey.as_ref().map_or(1, |survey| survey.partitions.len());
        let config = properties::member(&reader.config, known);
        reader.signals.forget_rebalances();
        let consumer: BaseConsumer<Context> = config
            .create_with_context(Context::new(reader.signals.clone()))
            .map_err(|error| properties::refusal(&error))?;
        let topics: Vec<&str> = reader.config.topics.iter().map(String::as_str).collect();
        consumer.subscribe(&topics).map_err(|error| error.to_string())?;
        Ok(Session {
            consumer: Arc::new(consumer),
            thread: current(),
            partitions: BTreeMap::new(),
            any_broker: true,
            has_joined: false,
            committed: BTreeMap::new(),
            heard_within: properties::heard_within(&config),
            standing: Timer::new(STANDING_EVERY),
            status: Timer::new(STATUS_EVERY),
            positions: Timer::new(POSITIONS_EVERY),
            reader,
        })
    }

    /// Reads until something ends it.
    pub(super) fn run(mut self) -> Ending {
        let ending = self.turns();
        if matches!(ending, Ending::Shutdown) {
            self.drain();
        }
        // A worker that is left learns that nothing more comes of these inputs, should another session follow.
        let all: Vec<Place> = self.partitions.values().map(|partition| partition.place.clone()).collect();
        self.revoke(&all, matches!(ending, Ending::Fatal(_)));
        self.consumer.context().close();
        leave(self.consumer);
        ending
    }

    fn turns(&mut self) -> Ending {
        let mut wait = SHORTEST_WAIT;
        while !self.reader.shutdown.is_triggered() {
            if let Some(problem) = self.serve_group() {
                return Ending::Fatal(problem);
            }
            self.serve_rebalances();
            self.serve_made_anew();
            self.serve_answers();
            self.place();
            let Ok(has_moved) = self.move_on() else { return Ending::Abandoned };
            self.keep_time();
            if has_moved {
                wait = SHORTEST_WAIT;
                continue;
            }
            // The workers cannot wake us; new records and answers can.
            if self.reader.outboxes.is_empty() {
                wait = LONGEST_WAIT;
            }
            park_timeout(wait);
            wait = (wait * 2).min(LONGEST_WAIT);
        }
        Ending::Shutdown
    }

    /// Nothing is read any more: waits until all that was sent is worked off, then commits where that is.
    fn drain(&mut self) {
        for (input, first) in self.reader.outboxes.close() {
            let partition = self.partitions.get_mut(&input);
            partition.into_iter().for_each(|partition| partition.position = first);
        }
        let until = Instant::now() + DRAIN_WITHIN;
        while !self.reader.shutdown.is_drained() && Instant::now() < until {
            if self.serve_group().is_some() {
                return;
            }
            park_timeout(LONGEST_WAIT);
        }
        self.commit_positions();
    }

    /// Serves callbacks and errors of the group; a text where the membership is over.
    fn serve_group(&mut self) -> Option<String> {
        self.reader.scout.serve();
        for _ in 0..POLLS_PER_TURN {
            match self.consumer.poll(Duration::ZERO) {
                // Nothing, or a callback was served and there may be more.
                None => {}
                // Its queue was not split in time: it is placed again and delivers the record there.
                Some(Ok(message)) => {
                    let place = super::record::place_of(&message);
                    self.replace(&place);
                }
                Some(Err(KafkaError::MessageConsumptionFatal(code))) => return Some(fatal(code)),
                Some(Err(error)) => self.note(&error),
            }
        }
        None
    }

    fn note(&mut self, error: &KafkaError) {
        use RDKafkaErrorCode as Code;
        let group = &self.reader.config.group;
        match error.rdkafka_error_code() {
            Some(Code::GroupAuthorizationFailed) => {
                self.reader.refusal = Some(format!(
                    "no permission to use consumer group `{group}`: allow this user Read on it, or set kafka.group"
                ));
            }
            Some(Code::TopicAuthorizationFailed) => {
                self.reader.refusal = Some(
                    "no permission to read a topic: allow this user Describe and Read on kafka.topics".into(),
                );
            }
            _ => tracing::debug!(%error, "group"),
        }
    }

    /// Sends what waits and reads on; true if anything moved.
    fn move_on(&mut self) -> Result<bool, Abandoned> {
        let mut has_moved = self.reader.outboxes.flush()?;
        for _ in 0..BATCHES_PER_TURN {
            let Some((input, limit)) = self.slowest() else { break };
            has_moved |= self.read(input, limit);
            self.reader.outboxes.flush()?;
        }
        Ok(has_moved)
    }

    /// The partition to read next, and how far in log time.
    fn slowest(&mut self) -> Option<(InputId, LogMillis)> {
        if self.reader.lanes == LaneMode::Merged && self.lacks_partitions() {
            return None;
        }
        let (now, clock) = (Instant::now(), now_millis());
        let leaderless_after = self.reader.config.leaderless_after;
        let mut floor: Option<LogMillis> = None;
        // Twice: a partition without record takes the others' time, then counts as one of them.
        for _ in 0..2 {
            let others = floor;
            for partition in self.partitions.values_mut() {
                if !partition.is_standing(now, leaderless_after) {
                    partition.assume(others);
                    let pace = partition.pace().map(|pace| pace.min(clock));
                    floor = [floor, pace].into_iter().flatten().min();
                }
            }
        }
        let limit = self.limit(floor);
        let is_held = |partition: &Partition| partition.pace().is_some_and(|pace| pace.min(clock) > limit);
        let readable = self.partitions.values().filter(|partition| {
            partition.is_ready() && self.reader.outboxes.takes_records(partition.input) && !is_held(partition)
        });
        readable.min_by_key(|partition| partition.pace()).map(|partition| (partition.input, limit))
    }

    /// How far in log time a partition may be read, where the slowest is at `floor`.
    fn limit(&self, floor: Option<LogMillis>) -> LogMillis {
        let max_ahead = i64::try_from(self.reader.config.max_ahead.as_millis()).unwrap_or(i64::MAX);
        match (self.reader.lanes, floor) {
            // Lanes that are partitions wait for nobody.
            (LaneMode::Partition, _) => LogMillis::MAX,
            (LaneMode::Merged, Some(floor)) => floor.saturating_add(max_ahead),
            // The first record of all says where the others are taken to be; more would run ahead of them unseen.
            (LaneMode::Merged, None) => LogMillis::MIN,
        }
    }

    /// Reads a batch; true if there was one.
    fn read(&mut self, input: InputId, limit: LogMillis) -> bool {
        let Some(partition) = self.partitions.get_mut(&input) else { return false };
        let before = (partition.position, partition.newest);
        let (batch, met) = partition.read(limit, now_millis());
        self.serve_made_anew();
        let Some(partition) = self.partitions.get_mut(&input) else { return false };
        if partition.stage == Stage::AwaitsBeginning {
            // Some of these records may be the other log's.
            (partition.position, partition.newest) = before;
            return false;
        }
        match met {
            Met::Nothing => {}
            Met::Hole => {
                partition.stage = Stage::AwaitsBounds;
                self.reader.scout.ask(&partition.place, Question::Bounds);
            }
            Met::Missing => self.doubt(input),
        }
        if batch.records.is_empty() {
            return false;
        }
        self.reader.outboxes.push(input, SourceEvent::Records(batch));
        true
    }

    fn keep_time(&mut self) {
        let now = Instant::now();
        if self.standing.is_due(now) {
            self.tell_standing(now);
        }
        if self.status.is_due(now) {
            self.write_status(now);
        }
        if self.positions.is_due(now) {
            self.commit_positions();
            self.ask_ends(now);
        }
    }
}

/// Closes the consumer, so that the others of the group need not wait for its session to time out.
///
/// That waits for an answer, which does not come where the broker is away; then it goes on behind our back.
fn leave(consumer: Arc<BaseConsumer<Context>>) {
    let (left, has_left) = channel();
    let closing = std::thread::Builder::new().name("kafka-leave".into()).spawn(move || {
        drop(consumer);
        // Nobody may be waiting any more.
        let _ = left.send(());
    });
    if closing.is_ok() && has_left.recv_timeout(LEAVE_WITHIN).is_err() {
        tracing::warn!("the group did not confirm that we left; it notices after session.timeout.ms");
    }
}

fn fatal(code: RDKafkaErrorCode) -> String {
    match code {
        RDKafkaErrorCode::FencedInstanceId => {
            "another instance uses the same group.instance.id: give each its own in [kafka.properties]".into()
        }
        code => format!("the membership of the group ended: {code}"),
    }
}
