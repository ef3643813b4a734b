//! Topics that were deleted and made anew under a running instance: what is noticed of it, and when.
//!
//! Three things tell, the surest first:
//! - librdkafka fetches by the topic's id (Kafka 3.1 and later), and before the first record of another log reaches us it
//!   has looked up the new id. It says so in a line of its debug log, and nowhere else (2.12.1), so that line is read.
//!   Then there is nothing to doubt: the partition is read from the new log's beginning.
//! - The partition's queue brings an error: its topic does not exist.
//! - A survey misses the topic.
//!
//! After the latter two the log may be another one, or not; its records tell ([`super::identity`]).

use super::partition::{Partition, Stage};
use super::scout::Question;
use super::session::Session;
use super::survey::Survey;
use crate::model::InputId;

/// librdkafka's way to write that no id is known yet.
const NO_ID: &str = "AAAAAAAAAAAAAAAAAAAAAA";

/// The topic whose id changed, where a line of librdkafka's log says that.
pub(super) fn made_anew(line: &str) -> Option<&str> {
    let (_, said) = line.split_once("Topic ")?;
    let (topic, ids) = said.split_once(" changed id from ")?;
    let (before, _) = ids.split_once(" to ")?;
    (before != NO_ID && !topic.contains(' ')).then_some(topic)
}

impl Session<'_> {
    /// Stops reading what belongs to another log by now, and asks where that begins.
    pub(super) fn serve_made_anew(&mut self) {
        while let Some(topic) = self.reader.signals.next_made_anew() {
            for partition in self.partitions.values_mut().filter(|partition| *partition.place.topic == *topic)
            {
                // Without a start it has read nothing.
                if partition.stage != Stage::AwaitsStart {
                    partition.stage = Stage::AwaitsBeginning;
                    self.reader.scout.ask(&partition.place, Question::Beginning);
                }
            }
        }
    }

    /// A topic that a survey misses may come back as another log: nothing is read before that is known.
    pub(super) fn doubt_missed(&mut self, survey: &Survey) {
        let is_missed = |partition: &&Partition| {
            partition.stage == Stage::Read && !survey.partitions.contains_key(&partition.place)
        };
        let missed: Vec<InputId> = self.partitions.values().filter(is_missed).map(|p| p.input).collect();
        missed.into_iter().for_each(|input| self.doubt(input));
    }

    /// Asks whether the partition's log is still the one that was read.
    ///
    /// Asked at once, while the position is that of the old log; the scout answers when the topic is back.
    pub(super) fn doubt(&mut self, input: InputId) {
        let Some(partition) = self.partitions.get_mut(&input) else { return };
        let question = partition.doubt();
        question.into_iter().for_each(|question| self.reader.scout.ask(&partition.place, question));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_that_tells_of_another_id_is_read() {
        let of =
            |id: &str| format!("[thrd:main]: Topic spans.a-1 changed id from {id} to 4nWj5VbbQoizyONHbJf57Q");
        for (line, expected) in [
            (of("tsLKyVLzTmGzjcpHcbJ-0g"), Some("spans.a-1")),
            (of(NO_ID), None),
            ("[thrd:main]: Topic spans [0] Leader 1 Epoch 0".into(), None),
            ("[thrd:main]: Topic spans does not exist".into(), None),
            (String::new(), None),
        ] {
            assert_eq!(made_anew(&line), expected, "{line}");
        }
    }
}
