//! Everything that has to be asked and waited for, in a thread and a client of its own: which partitions there are,
//! where to start, where logs begin and end.
//!
//! The reading loop puts questions and takes answers; it never waits for a broker itself.
//! What is not answered is asked again, with growing pauses, for as long as it takes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::Thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaResult;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use super::context::{Context, Signals};
use super::identity::Suspicion;
use super::place::Place;
use super::properties;
use super::shutdown::Shutdown;
use super::survey::{Survey, Topics};
use crate::config::{KafkaConfig, Start};
use crate::model::LogMillis;

/// How often the topics' partitions are looked at.
const SURVEY_EVERY: Duration = Duration::from_secs(10);
/// First and longest pause after a failure.
const RETRY_AFTER: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(10));
/// How long a broker may take to answer.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// Asks for the offset of the first record that is there, and of the one to come, instead of a time (ListOffsets).
const FIRST: i64 = -2;
const END: i64 = -1;

/// What the loop wants to know of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Question {
    /// Where `kafka.start` is.
    Start,
    /// Whether the log is still the one that was read up to `position`, where nothing was later than `newest`.
    Identity { position: i64, newest: LogMillis },
    /// Where the log begins that took the place of the one that was read.
    Beginning,
    /// Where the log begins and ends.
    Bounds,
    /// Where the log ends; not asked again when it is not answered.
    End,
}

/// What the scout found.
#[derive(Debug)]
pub(super) enum Answer {
    /// The topics as they are now.
    Survey(Survey),
    /// Where to start, and the end. From `since` on every record is read; `None` where only what is left is known.
    Start { place: Place, offset: i64, end: i64, since: Option<LogMillis> },
    /// Where the log begins that took the place of the one that was read; `None` where it is the same.
    Identity { place: Place, another: Option<i64> },
    /// Where that other log begins.
    Beginning { place: Place, first: i64 },
    /// The first offset that is there, and the end.
    Bounds { place: Place, first: i64, end: i64 },
    /// The end alone.
    End { place: Place, end: i64 },
}

/// The loop's end of the line.
pub(super) struct ScoutLine {
    questions: Sender<(Place, Question)>,
    answers: Receiver<Answer>,
    client: Arc<BaseConsumer<Context>>,
}

impl ScoutLine {
    /// Serves the error callback; the scout itself sits in a request just when a broker is away.
    pub(super) fn serve(&self) {
        self.client.poll(Duration::ZERO);
    }

    pub(super) fn ask(&self, place: &Place, question: Question) {
        // It fails only after the scout has ended, and then the loop ends too.
        let _ = self.questions.send((place.clone(), question));
    }

    pub(super) fn next_answer(&self) -> Option<Answer> {
        self.answers.try_recv().ok()
    }
}

/// Starts the scout; it ends by itself once the line is dropped or the token is triggered.
///
/// Its thread is not waited for: it may sit in a request when the process ends, and it holds nothing.
pub(super) fn start(
    config: &KafkaConfig,
    signals: Arc<Signals>,
    reader: Thread,
    shutdown: Shutdown,
) -> anyhow::Result<ScoutLine> {
    let client: BaseConsumer<Context> = properties::scout(config)
        .create_with_context(Context::new(signals))
        .map_err(|error| anyhow::anyhow!(properties::refusal(&error)))?;
    let client = Arc::new(client);
    let (questions, asked) = channel();
    let (answers, answered) = channel();
    let scout = Scout {
        topics: Topics::new(&config.topics)?,
        start: config.start.clone(),
        client: client.clone(),
        sampler: properties::sampler(config),
        answers,
        reader,
        survey: Survey::default(),
        open: BTreeMap::new(),
    };
    std::thread::Builder::new().name("kafka-scout".into()).spawn(move || scout.run(&asked, &shutdown))?;
    Ok(ScoutLine { questions, answers: answered, client })
}

struct Scout {
    client: Arc<BaseConsumer<Context>>,
    /// Properties of clients that read single records.
    sampler: ClientConfig,
    topics: Topics,
    start: Start,
    answers: Sender<Answer>,
    reader: Thread,
    survey: Survey,
    /// Questions without answer; a later one about the same partition takes the place of an earlier one.
    open: BTreeMap<Place, Question>,
}

impl Scout {
    fn run(mut self, questions: &Receiver<(Place, Question)>, shutdown: &Shutdown) {
        let mut pause = RETRY_AFTER.0;
        let mut survey_at = Instant::now();
        while !shutdown.is_triggered() {
            if Instant::now() >= survey_at {
                let is_complete = self.take_survey() && !self.survey.partitions.is_empty();
                survey_at = Instant::now() + if is_complete { SURVEY_EVERY } else { pause };
                if is_complete {
                    pause = RETRY_AFTER.0;
                } else {
                    pause = (pause * 2).min(RETRY_AFTER.1);
                }
            }
            self.answer_identities();
            self.answer_open();
            if !self.open.is_empty() {
                // Mostly the leader moved, or is away: look again soon.
                survey_at = survey_at.min(Instant::now() + pause);
                pause = (pause * 2).min(RETRY_AFTER.1);
            }
            match questions.recv_timeout(survey_at.saturating_duration_since(Instant::now()).min(pause)) {
                Ok((place, question)) => self.open.insert(place, question),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return,
            };
            self.open.extend(questions.try_iter());
        }
    }

    /// False where the brokers did not answer.
    fn take_survey(&mut self) -> bool {
        match self.topics.look_up(&self.client) {
            Ok(survey) => {
                self.survey = survey.clone();
                self.tell(Answer::Survey(survey));
                true
            }
            Err(error) => {
                tracing::debug!(%error, "topics could not be looked at");
                false
            }
        }
    }

    fn answer_open(&mut self) {
        let at = |time: i64, wanted: &[Question]| -> Vec<(Place, i64)> {
            let open = self.open.iter().filter(|(_, question)| wanted.contains(question));
            open.map(|(place, _)| (place.clone(), time)).collect()
        };
        // Ends come before times: a record that is written in between is then behind the end, or found by its time.
        let ends = self.offsets(&at(END, &[Question::Start, Question::Bounds, Question::End]));
        let first = self.offsets(&at(FIRST, &[Question::Bounds, Question::Beginning]));
        let since = match self.start {
            Start::Latest => Some(now_millis()),
            Start::Earliest => None,
            Start::At(time) => Some(time.max(0)),
            Start::Ago(ago) => Some(before_now(ago)),
        };
        let from = match self.start {
            Start::Latest => ends.clone(),
            _ => self.offsets(&at(since.unwrap_or(FIRST), &[Question::Start])),
        };
        let first_of = |place: &Place| first.get(place).copied().flatten();
        for (place, question) in std::mem::take(&mut self.open) {
            let end = ends.get(&place).copied().flatten();
            let answer = match (question, end) {
                (Question::Start, Some(end)) => from.get(&place).map(|offset| {
                    // No record is as young as the time asked for: what comes next is.
                    Answer::Start { place: place.clone(), offset: offset.unwrap_or(end), end, since }
                }),
                (Question::Beginning, _) => {
                    first_of(&place).map(|first| Answer::Beginning { place: place.clone(), first })
                }
                (Question::Bounds, Some(end)) => {
                    first_of(&place).map(|first| Answer::Bounds { place: place.clone(), first, end })
                }
                (Question::End, Some(end)) => Some(Answer::End { place: place.clone(), end }),
                (Question::Identity { .. }, _) | (_, None) => None,
            };
            match answer {
                Some(answer) => self.tell(answer),
                None if question == Question::End => {}
                None => drop(self.open.insert(place, question)),
            }
        }
    }

    /// Answers which logs are still those that were read; what cannot be told yet stays open.
    fn answer_identities(&mut self) {
        let identities = self.open.iter().filter_map(|(place, question)| match question {
            Question::Identity { position, newest } => Some((place.clone(), (*position, *newest))),
            _ => None,
        });
        let identities: BTreeMap<Place, (i64, LogMillis)> = identities.collect();
        let places = |time: i64| identities.keys().map(|place| (place.clone(), time)).collect::<Vec<_>>();
        // Before the times: a log that grows past the position in between is told by its end, or by its records.
        let ends = self.offsets(&places(END));
        let times = identities.iter().map(|(place, (_, newest))| (place.clone(), newest.saturating_add(1)));
        let later = self.offsets(&times.collect::<Vec<_>>());
        let first = self.offsets(&places(FIRST));
        for (place, (position, newest)) in identities {
            let (Some(later), Some(Some(first))) = (later.get(&place), first.get(&place)) else { continue };
            let Some(Some(end)) = ends.get(&place) else { continue };
            if *end < position {
                self.open.remove(&place);
                self.tell(Answer::Bounds { place, first: *first, end: *end });
                continue;
            }
            let another = match later.filter(|later| *later < position) {
                None => Ok(false),
                Some(later) => {
                    Suspicion { position, newest, first: *first, later }.decide(&self.sampler, &place)
                }
            };
            match another {
                Ok(is_another) => {
                    self.open.remove(&place);
                    self.tell(Answer::Identity { place, another: is_another.then_some(*first) });
                }
                Err(error) => tracing::debug!(partition = %place, %error, "not known yet which log it is"),
            }
        }
    }

    /// Offsets of times, or of [`FIRST`] or [`END`]; `None`: no record is that young. What failed is left out.
    ///
    /// One request per leader, so that a broker that is away costs only its own partitions.
    fn offsets(&self, times: &[(Place, i64)]) -> BTreeMap<Place, Option<i64>> {
        let mut by_leader: BTreeMap<i32, Vec<&(Place, i64)>> = BTreeMap::new();
        for time in times {
            if let Some(Some(leader)) = self.survey.partitions.get(&time.0) {
                by_leader.entry(*leader).or_default().push(time);
            }
        }
        let mut offsets = BTreeMap::new();
        for times in by_leader.into_values() {
            match self.offsets_of_one_leader(&times) {
                Ok(found) => offsets.extend(found),
                Err(error) => tracing::debug!(%error, "offsets not known yet"),
            }
        }
        offsets
    }

    fn offsets_of_one_leader(&self, times: &[&(Place, i64)]) -> KafkaResult<Vec<(Place, Option<i64>)>> {
        let mut list = TopicPartitionList::with_capacity(times.len());
        for (place, time) in times {
            // The time goes where the offset comes back.
            list.add_partition_offset(&place.topic, place.partition, Offset::from_raw(*time))?;
        }
        let list = self.client.offsets_for_times(list, PATIENCE)?;
        let elements = list.elements();
        let answered = elements.iter().filter(|element| element.error().is_ok());
        Ok(answered
            .filter_map(|element| {
                let place = Place::new(element.topic(), element.partition());
                match element.offset() {
                    Offset::Offset(offset) => Some((place, Some(offset))),
                    Offset::End => Some((place, None)),
                    _ => None,
                }
            })
            .collect())
    }

    fn tell(&self, answer: Answer) {
        // It fails only when the loop has ended; the next question then ends the scout.
        let _ = self.answers.send(answer);
        self.reader.unpark();
    }
}

fn before_now(ago: Duration) -> LogMillis {
    now_millis().saturating_sub(i64::try_from(ago.as_millis()).unwrap_or(i64::MAX)).max(0)
}

/// The local clock; allowed in a source alone.
pub(super) fn now_millis() -> LogMillis {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    LogMillis::try_from(since_1970.as_millis()).unwrap_or(LogMillis::MAX)
}
