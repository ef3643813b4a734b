//! Which partitions the configured topics and patterns have, and what is wrong with those that have none.

use std::collections::BTreeMap;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaResult;
use rdkafka::types::RDKafkaRespErr;

use super::context::Context;
use super::place::Place;
use super::scout::PATIENCE;

/// The topics of the configuration, as the brokers know them.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Survey {
    /// All partitions, with the number of their leader, if they have one.
    pub(super) partitions: BTreeMap<Place, Option<i32>>,
    /// Topics and patterns that match nothing.
    pub(super) missing: Vec<String>,
    /// Topics that this user must not read.
    pub(super) denied: Vec<String>,
}

/// Topics by name, and patterns.
pub(super) struct Topics {
    names: Vec<String>,
    patterns: Vec<regex::Regex>,
}

impl Topics {
    pub(super) fn new(topics: &[String]) -> anyhow::Result<Topics> {
        let (patterns, names): (Vec<&String>, Vec<&String>) =
            topics.iter().partition(|topic| topic.starts_with('^'));
        let patterns = patterns.into_iter().map(|pattern| regex::Regex::new(pattern));
        Ok(Topics {
            names: names.into_iter().cloned().collect(),
            patterns: patterns.collect::<Result<_, _>>()?,
        })
    }

    /// Asks the brokers for all of them.
    pub(super) fn look_up(&self, client: &BaseConsumer<Context>) -> KafkaResult<Survey> {
        let mut survey = Survey::default();
        for name in &self.names {
            let metadata = client.fetch_metadata(Some(name), PATIENCE)?;
            match metadata.topics().iter().find(|topic| topic.name() == name) {
                Some(topic) => survey.add(topic),
                None => survey.missing.push(name.clone()),
            }
        }
        if !self.patterns.is_empty() {
            let metadata = client.fetch_metadata(None, PATIENCE)?;
            for pattern in &self.patterns {
                let matching = metadata.topics().iter().filter(|topic| pattern.is_match(topic.name()));
                let before = survey.partitions.len();
                matching.for_each(|topic| survey.add(topic));
                if survey.partitions.len() == before {
                    survey.missing.push(pattern.to_string());
                }
            }
        }
        Ok(survey)
    }
}

impl Survey {
    fn add(&mut self, topic: &rdkafka::metadata::MetadataTopic) {
        match topic.error() {
            Some(RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED) => {
                self.denied.push(topic.name().to_owned());
            }
            Some(_) if topic.partitions().is_empty() => self.missing.push(topic.name().to_owned()),
            _ => self.partitions.extend(topic.partitions().iter().map(|partition| {
                let leader = (partition.leader() >= 0).then_some(partition.leader());
                (Place::new(topic.name(), partition.id()), leader)
            })),
        }
    }
}
