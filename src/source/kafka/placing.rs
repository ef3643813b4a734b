//! Which partitions are read and where: rebalances, the scout's answers, and holes in the log.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use rdkafka::consumer::{Consumer, RebalanceProtocol};
use rdkafka::error::KafkaResult;
use rdkafka::{Offset, TopicPartitionList};

use super::context::Rebalance;
use super::partition::{Partition, Stage, Taking};
use super::place::Place;
use super::reader::Required;
use super::scout::{Answer, Question};
use super::session::Session;
use super::survey::Survey;
use crate::config::Encoding;
use crate::model::{Beginning, Format, InputId, SourceEvent};

/// Surveys in a row that must miss a partition before it counts as gone.
const GONE_AFTER: u32 = 3;
/// A partition is placed at most this often: a log that stays broken must not be hammered.
const PLACE_EVERY: Duration = Duration::from_secs(1);

impl Session<'_> {
    pub(super) fn serve_rebalances(&mut self) {
        while let Some(rebalance) = self.reader.signals.next_rebalance() {
            self.reader.refusal = None;
            // What was taken back is handed out anew, to this member or to others; until then the group has not said.
            self.has_joined = matches!(rebalance, Rebalance::Assigned(_));
            match rebalance {
                Rebalance::Assigned(places) => self.assign(&places),
                Rebalance::Revoked { places, is_lost } => self.revoke(&places, is_lost),
            }
        }
    }

    fn assign(&mut self, places: &[Place]) {
        let now = Instant::now();
        let mut added = Vec::with_capacity(places.len());
        self.require(places);
        let mut all: BTreeSet<InputId> = self.partitions.keys().copied().collect();
        all.extend(places.iter().map(|place| self.reader.inputs.of(place)));
        let expected = all.len();
        for place in places {
            let input = self.reader.inputs.of(place);
            let position = self.reader.positions.get(place).copied();
            let mut partition =
                Partition::new(input, place.clone(), self.taking(&place.topic), position, now);
            partition.past = self.reader.lost.remove(&input).unwrap_or_default();
            partition.split(&self.consumer, &self.thread);
            let question = match position {
                // While nobody read it, its topic may have been made anew.
                Some(_) => partition.doubt(),
                None => Some(Question::Start),
            };
            question.into_iter().for_each(|question| self.reader.scout.ask(place, question));
            let (name, position) = (place.to_string(), position.map(|position| position.offset));
            tracing::info!(partition = name, position, "assigned");
            self.reader.outboxes.push(input, SourceEvent::Assigned { input, name: name.into(), expected });
            if let Some(offset) = position {
                let beginning = Beginning::Resumed;
                self.reader.outboxes.push(input, SourceEvent::Started { input, offset, beginning });
            }
            self.partitions.insert(input, partition);
            added.push(input);
        }
        for input in std::mem::take(&mut self.reader.lost).into_keys() {
            self.reader.telemetry.partitions.remove(input);
        }
        self.assign_known(&added, now);
    }

    /// Answers the group with the partitions whose position is known; the others follow when it is.
    ///
    /// Never with a logical offset: librdkafka looks those up, and where the partition was placed anew meanwhile, its
    /// retry of the outdated look-up moves the partition to the old goal and skips what lies between (2.12.1).
    fn assign_known(&mut self, added: &[InputId], now: Instant) {
        let list = self.offsets(added);
        let outcome = match self.consumer.rebalance_protocol() {
            RebalanceProtocol::Cooperative => self.consumer.incremental_assign(&list),
            _ => self.consumer.assign(&list),
        };
        let is_assigned = outcome.is_ok();
        if let Err(error) = outcome {
            tracing::warn!(%error, "partitions could not be assigned, tried again soon");
        }
        let added = self.partitions.values_mut().filter(|partition| added.contains(&partition.input));
        for partition in added.filter(|partition| partition.stage == Stage::ToBePlaced) {
            partition.placed(now, is_assigned);
        }
    }

    /// Lets go of partitions; those that were lost stay in the status until it is known whose they are.
    pub(super) fn revoke(&mut self, places: &[Place], is_lost: bool) {
        for place in places {
            let input = self.reader.inputs.of(place);
            let Some(partition) = self.partitions.remove(&input) else { continue };
            // Only a start that is not known yet has no position: it is looked up again.
            if let Some(read_to) = partition.read_to() {
                self.reader.positions.insert(place.clone(), read_to);
            }
            tracing::info!(partition = %place, position = partition.position, "revoked");
            self.reader.outboxes.push(input, SourceEvent::Revoked { input });
            if !is_lost {
                self.reader.telemetry.partitions.remove(input);
                continue;
            }
            self.reader.lost.insert(input, partition.past);
            self.reader.telemetry.partitions.update(input, |status| {
                status.is_standing = false;
                status.problem = Some("not read until the group hands it out again".into());
            });
        }
    }

    pub(super) fn serve_answers(&mut self) {
        while let Some(answer) = self.reader.scout.next_answer() {
            match answer {
                Answer::Survey(survey) => {
                    self.doubt_missed(&survey);
                    self.forget_gone(&survey);
                    self.reader.survey = Some(survey);
                }
                Answer::Start { place, offset, end, since } => {
                    if let Some(partition) = self.awaiting(&place, Stage::AwaitsStart) {
                        (partition.position, partition.end) = (offset, end);
                        partition.stage = Stage::ToBePlaced;
                        let input = partition.input;
                        let beginning = match since {
                            // Kafka counts from 0, so nothing was ever before it.
                            _ if offset == 0 => Beginning::OfLog,
                            Some(since) => Beginning::At(since),
                            None => Beginning::OfWhatIsLeft,
                        };
                        self.reader.outboxes.push(input, SourceEvent::Started { input, offset, beginning });
                    }
                }
                Answer::Bounds { place, first, end } => {
                    let input = self.reader.inputs.of(&place);
                    let asked =
                        |it: &&mut Partition| matches!(it.stage, Stage::AwaitsBounds | Stage::AwaitsIdentity);
                    let Some(partition) = self.partitions.get_mut(&input).filter(asked) else { continue };
                    match partition.mend(first, end) {
                        Some(gap) => self.tell_hole(&place, &gap),
                        // It fell out of its log, and now it is in it: a log that grew, but which one?
                        None => self.doubt(input),
                    }
                }
                Answer::Identity { place, another } => {
                    let Some(partition) = self.awaiting(&place, Stage::AwaitsIdentity) else { continue };
                    partition.stage = Stage::ToBePlaced;
                    let gap = another.map(|first| partition.replace(first));
                    gap.into_iter().for_each(|gap| self.tell_hole(&place, &gap));
                }
                Answer::Beginning { place, first } => {
                    let Some(partition) = self.awaiting(&place, Stage::AwaitsBeginning) else { continue };
                    partition.stage = Stage::ToBePlaced;
                    // It may stand there already, where its records told.
                    let gap = (partition.position != first).then(|| partition.replace(first));
                    gap.into_iter().for_each(|gap| self.tell_hole(&place, &gap));
                }
                Answer::End { place, end } => {
                    if let Some(partition) = self.awaiting(&place, Stage::Read) {
                        partition.end = partition.end.max(end);
                    }
                }
            }
        }
    }

    /// Tells of a partition that was moved because its log lacks what was to be read next.
    fn tell_hole(&mut self, place: &Place, gap: &str) {
        let input = self.reader.inputs.of(place);
        let Some(first) = self.partitions.get(&input).map(|partition| partition.position) else { return };
        self.reader.telemetry.counters.log_gaps.add(1);
        tracing::warn!(partition = %place, gap, "hole in the log");
        self.reader.outboxes.push(input, SourceEvent::Hole { input, first });
    }

    /// Merged lanes need all partitions: those that the group hands out first, and all that there are then.
    fn require(&mut self, places: &[Place]) {
        if self.reader.required.is_empty() {
            let known = self.reader.survey.iter().flat_map(|survey| survey.partitions.keys());
            let known: Vec<Place> = known.cloned().collect();
            self.reader.required.extend(known.into_iter().map(|place| (place, Required::default())));
        }
        self.reader.required.extend(places.iter().map(|place| (place.clone(), Required::default())));
    }

    /// True while a partition that merged lanes wait for is not assigned: read on, the others would pile up.
    pub(super) fn lacks_partitions(&self) -> bool {
        self.reader.required.len() > self.partitions.len()
    }

    /// Nobody waits for a partition that several surveys did not find: its topic was deleted.
    fn forget_gone(&mut self, survey: &Survey) {
        let mut gone = Vec::new();
        for (place, required) in &mut self.reader.required {
            required.missed = if survey.partitions.contains_key(place) { 0 } else { required.missed + 1 };
            if required.missed >= GONE_AFTER {
                gone.push(place.clone());
            }
        }
        for place in gone.into_iter().filter(|place| !self.partitions.values().any(|p| p.place == *place)) {
            tracing::warn!(partition = %place, "is gone: nobody waits for it any more");
            self.reader.required.remove(&place);
            let input = self.reader.inputs.of(&place);
            self.reader.outboxes.push(input, SourceEvent::Gone { input });
        }
    }

    /// Puts partitions where they are to be read.
    ///
    /// A seek would not do: after `auto.offset.reset=error` librdkafka has stopped the partition, and takes it up again
    /// only as a new assignment.
    pub(super) fn place(&mut self) {
        let now = Instant::now();
        let due = |partition: &Partition| {
            let is_early = partition.placed_at.is_some_and(|at| now.duration_since(at) < PLACE_EVERY);
            partition.stage == Stage::ToBePlaced && !is_early
        };
        let moved: Vec<InputId> = self.partitions.values().filter(|p| due(p)).map(|p| p.input).collect();
        if moved.is_empty() {
            return;
        }
        let outcome = match self.consumer.rebalance_protocol() {
            RebalanceProtocol::Cooperative => self.place_some(&moved),
            _ => self.place_all(),
        };
        let is_placed =
            outcome.inspect_err(|error| tracing::warn!(%error, "partitions could not be placed")).is_ok();
        for partition in self.partitions.values_mut().filter(|partition| moved.contains(&partition.input)) {
            partition.placed(now, is_placed);
        }
    }

    fn place_some(&mut self, moved: &[InputId]) -> KafkaResult<()> {
        let assigned = moved.iter().filter(|input| self.partitions.get(input).is_some_and(|p| p.is_assigned));
        let assigned: Vec<InputId> = assigned.copied().collect();
        if !assigned.is_empty() {
            self.consumer.incremental_unassign(&self.offsets(&assigned))?;
        }
        for input in moved {
            self.split_anew(*input);
        }
        self.consumer.incremental_assign(&self.offsets(moved))
    }

    /// The eager protocol knows whole assignments only; the others go on where they are.
    fn place_all(&mut self) -> KafkaResult<()> {
        let all: Vec<InputId> = self.partitions.keys().copied().collect();
        for input in &all {
            self.split_anew(*input);
        }
        self.consumer.assign(&self.offsets(&all))
    }

    /// Asks for the partition's records again from its position on.
    pub(super) fn replace(&mut self, place: &Place) {
        if let Some(partition) = self.awaiting(place, Stage::Read) {
            partition.stage = Stage::ToBePlaced;
        }
    }

    fn split_anew(&mut self, input: InputId) {
        if let Some(partition) = self.partitions.get_mut(&input) {
            partition.drain();
            partition.split(&self.consumer, &self.thread);
        }
    }

    /// Positions as librdkafka takes them, of those that have one.
    fn offsets(&self, inputs: &[InputId]) -> TopicPartitionList {
        let mut list = TopicPartitionList::with_capacity(inputs.len());
        let known = inputs
            .iter()
            .filter_map(|input| self.partitions.get(input))
            .filter(|partition| matches!(partition.stage, Stage::Read | Stage::ToBePlaced));
        for partition in known {
            let offset = Offset::Offset(partition.position);
            list.add_partition_offset(&partition.place.topic, partition.place.partition, offset)
                .expect("an offset that was read or answered is not negative");
        }
        list
    }

    fn awaiting(&mut self, place: &Place, stage: Stage) -> Option<&mut Partition> {
        let input = self.reader.inputs.of(place);
        self.partitions.get_mut(&input).filter(|partition| partition.stage == stage)
    }

    fn taking(&self, topic: &str) -> Taking {
        let config = &self.reader.config;
        let encoding = config.topic_encodings.get(topic).unwrap_or(&config.encoding);
        Taking {
            format: match encoding {
                Encoding::Auto => None,
                Encoding::OtlpProto => Some(Format::OtlpProto),
                Encoding::OtlpJson => Some(Format::OtlpJson),
            },
            max_record_size: usize::try_from(config.max_record_size).unwrap_or(usize::MAX),
        }
    }
}
