//! What is told now and then: who stands, what the status says, where the group's lag tools see us.

use std::time::{Duration, Instant};

use rdkafka::consumer::{CommitMode, Consumer};
use rdkafka::{Offset, TopicPartitionList};

use super::partition::{Partition, Stage};
use super::reader::Tally;
use super::scout::{Question, now_millis};
use super::session::Session;
use crate::model::SourceEvent;

/// A leader that was silent for less is not worth a word: moving it takes a moment.
const WORTH_A_WORD: Duration = Duration::from_secs(5);

impl Session<'_> {
    /// Tells of each partition that stands, so that lanes do not wait for it.
    pub(super) fn tell_standing(&mut self, now: Instant) {
        let margin = i64::try_from(self.reader.config.standing_margin.as_millis()).unwrap_or(i64::MAX);
        let at = now_millis().saturating_sub(margin).max(0);
        let leaderless_after = self.reader.config.leaderless_after;
        for partition in self.partitions.values_mut() {
            let input = partition.input;
            // What still waits is said first; a worker that is behind needs no more of these.
            if partition.is_standing(now, leaderless_after) && self.reader.outboxes.takes_standing(input) {
                partition.stand(at);
                self.reader.outboxes.push(input, SourceEvent::Standing { input, at });
            }
        }
    }

    /// Brings telemetry up to date.
    pub(super) fn write_status(&mut self, now: Instant) {
        if let Some(heard) = self.reader.signals.take_heard() {
            self.any_broker = heard.any_broker;
            for partition in self.partitions.values_mut() {
                partition.hear(heard.partitions.get(&partition.place).copied(), self.heard_within, now);
            }
        }
        let leaderless_after = self.reader.config.leaderless_after;
        for partition in self.partitions.values() {
            self.reader.telemetry.partitions.update(partition.input, |status| {
                status.name = partition.place.to_string();
                status.position = partition.shown_position();
                status.end = partition.end.max(status.position);
                status.log_time = partition.log_time;
                status.is_standing = partition.is_standing(now, leaderless_after);
                status.problem = problem(partition, now, leaderless_after);
                status.lost_offsets = partition.past.lost_offsets;
            });
        }
        let tally = self.tally();
        if tally.assigned > 0 && tally.unplaced == 0 && tally.unheard == 0 {
            self.reader.signals.clear_trouble();
        }
        self.reader.report(tally);
    }

    fn tally(&self) -> Tally {
        let count = |is: &dyn Fn(&Partition) -> bool| self.partitions.values().filter(|p| is(p)).count();
        Tally {
            any_broker: self.any_broker,
            has_joined: self.has_joined,
            assigned: self.partitions.len(),
            unplaced: count(&|partition| partition.stage != Stage::Read),
            unheard: count(&|partition| partition.unheard_since.is_some()),
        }
    }

    /// Commits where we are: only for lag tools, no start looks at it.
    pub(super) fn commit_positions(&mut self) {
        let mut list = TopicPartitionList::new();
        for partition in self.partitions.values() {
            let is_news = self.committed.get(&partition.place) != Some(&partition.position);
            if partition.stage != Stage::Read || !is_news {
                continue;
            }
            let (place, offset) = (&partition.place, Offset::Offset(partition.position));
            if list.add_partition_offset(&place.topic, place.partition, offset).is_ok() {
                self.committed.insert(place.clone(), partition.position);
            }
        }
        if list.count() > 0
            && let Err(error) = self.consumer.commit(&list, CommitMode::Async)
        {
            tracing::debug!(%error, "positions not committed");
        }
    }

    /// Where nothing is fetched because enough is, the end is not heard of; it is asked for.
    pub(super) fn ask_ends(&self, now: Instant) {
        let leaderless_after = self.reader.config.leaderless_after;
        for partition in self.partitions.values() {
            if partition.stage == Stage::Read && !partition.is_standing(now, leaderless_after) {
                self.reader.scout.ask(&partition.place, Question::End);
            }
        }
    }
}

/// What is wrong with one partition, in words.
fn problem(partition: &Partition, now: Instant, leaderless_after: Duration) -> Option<String> {
    if let Some(refusal) = &partition.refusal {
        return Some(refusal.clone());
    }
    let silent = partition.unheard_since.map(|since| now.duration_since(since));
    let Some(silent) = silent.filter(|silent| *silent >= WORTH_A_WORD) else {
        return partition.past.scar.clone();
    };
    let who = match partition.leader.and_then(|leader| leader.broker) {
        Some(broker) => format!("its leader, broker {broker}, does not answer"),
        None => "it has no leader".into(),
    };
    let others = match silent >= leaderless_after {
        true => "left behind: what it brings later counts as of then, in minutes marked irreproducible",
        false => "the others wait for it",
    };
    Some(format!("{who} for {} s: {others}", silent.as_secs()))
}
