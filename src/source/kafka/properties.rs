//! librdkafka's properties: ours first, then the user's, less those that Linchpin's reading depends on.

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::BaseConsumer;
use rdkafka::error::{KafkaError, KafkaResult};

use super::context::Context;

use crate::config::KafkaConfig;

/// What a fetch may bring of one partition at most, bytes; librdkafka's own default.
const LARGEST_FETCH: u64 = 1 << 20;
/// Below this a queue per partition would only hold single batches.
const SMALLEST_QUEUE: u64 = 64 << 10;

/// Time that an answer may be under way.
const SLOWEST_ANSWER: Duration = Duration::from_secs(3);

/// Properties that are ours alone, and why.
const RESERVED: [(&str, &str); 8] = [
    ("bootstrap.servers", "set kafka.brokers"),
    ("metadata.broker.list", "set kafka.brokers"),
    ("group.id", "set kafka.group"),
    ("enable.partition.eof", "it must be true: a partition at its end holds nobody up"),
    ("enable.auto.offset.store", "it must be false: positions are kept by linchpin"),
    ("enable.auto.commit", "it must be false: commits are informational and name the true position"),
    (
        "auto.offset.reset",
        "it must be error: holes in the log are counted; set kafka.start to choose the start",
    ),
    ("statistics.interval.ms", "the status is made from the statistics"),
];

/// Every problem of the properties and topics, in words; nothing is connected for it.
pub fn problems(config: &KafkaConfig) -> Vec<String> {
    let mut problems: Vec<String> = RESERVED
        .iter()
        .filter(|(name, _)| config.properties.plain().contains_key(*name))
        .map(|(name, why)| format!("kafka.properties `{name}` cannot be set here: {why}"))
        .collect();
    if config.topics.is_empty() {
        problems.push("kafka.topics is empty: name at least one topic, or a `^pattern`".into());
    }
    for pattern in config.topics.iter().filter(|topic| topic.starts_with('^')) {
        if let Err(error) = regex::Regex::new(pattern) {
            problems.push(format!("kafka.topics `{pattern}` is no regular expression: {error}"));
        }
    }
    if problems.is_empty()
        && let Err(error) = without_brokers(config)
    {
        problems.push(refusal(&error));
    }
    problems
}

/// Some properties are refused only once a client is made; without brokers that costs threads for a moment, no more.
fn without_brokers(config: &KafkaConfig) -> KafkaResult<()> {
    let mut properties = consumer(config, 1);
    properties.remove("bootstrap.servers");
    properties.create_with_context::<_, BaseConsumer<Context>>(Context::default()).map(drop)
}

/// Properties of the consumer of `partitions` partitions.
pub(super) fn consumer(config: &KafkaConfig, partitions: usize) -> ClientConfig {
    let mut properties = ClientConfig::new();
    // The size limit holds per partition once queues are split.
    let queue = (config.queue_size / partitions.max(1) as u64).max(SMALLEST_QUEUE);
    let ours = [
        ("client.id", "linchpin".to_owned()),
        // A rebalance takes only what moves, and a single partition can be placed anew without stopping the others.
        ("partition.assignment.strategy", "cooperative-sticky".to_owned()),
        // A process that was killed holds its partitions until the group misses it; 45 s would be most of a restart.
        ("session.timeout.ms", "10000".to_owned()),
        ("heartbeat.interval.ms", "2000".to_owned()),
        ("queued.max.messages.kbytes", (queue >> 10).to_string()),
        ("fetch.message.max.bytes", queue.min(LARGEST_FETCH).to_string()),
        // An empty answer is what tells that a partition stands at its end; 500 ms would add to every edge's delay.
        ("fetch.wait.max.ms", "250".to_owned()),
        // A full queue is the usual state while catching up; 1 s of pause each time would be most of it.
        ("fetch.queue.backoff.ms", "20".to_owned()),
        ("reconnect.backoff.ms", "200".to_owned()),
        ("reconnect.backoff.max.ms", "10000".to_owned()),
        ("topic.metadata.refresh.interval.ms", "30000".to_owned()),
        ("log.connection.close", "false".to_owned()),
    ];
    for (name, value) in ours {
        properties.set(name, value);
    }
    for (name, value) in config.properties.plain() {
        properties.set(name, value);
    }
    if properties.get("group.protocol") == Some("consumer") {
        // There the broker assigns, and says how often it wants to be heard of.
        for name in ["partition.assignment.strategy", "session.timeout.ms", "heartbeat.interval.ms"] {
            properties.remove(name);
        }
    }
    fix(&mut properties, config);
    properties
}

/// [`consumer`] that also says when a topic's id changes, which stands in librdkafka's debug log alone.
pub(super) fn member(config: &KafkaConfig, partitions: usize) -> ClientConfig {
    const TELLS_OF_IDS: &str = "metadata";
    let mut properties = consumer(config, partitions);
    let debug = match properties.get("debug") {
        Some(users) => format!("{users},{TELLS_OF_IDS}"),
        None => TELLS_OF_IDS.to_owned(),
    };
    properties.set("debug", debug).set_log_level(RDKafkaLogLevel::Debug);
    properties
}

/// Sets what nobody may change.
fn fix(properties: &mut ClientConfig, config: &KafkaConfig) {
    let fixed = [
        ("bootstrap.servers", config.brokers.as_str()),
        ("group.id", &config.group),
        ("enable.partition.eof", "true"),
        ("enable.auto.offset.store", "false"),
        ("enable.auto.commit", "false"),
        ("auto.offset.reset", "error"),
        ("statistics.interval.ms", "500"),
    ];
    for (name, value) in fixed {
        properties.set(name, value);
    }
}

/// Properties of the client that only asks: the same connection, no group.
pub(super) fn scout(config: &KafkaConfig) -> ClientConfig {
    let mut properties = consumer(config, 1);
    for name in ["group.id", "group.instance.id", "group.protocol", "partition.assignment.strategy"] {
        properties.remove(name);
    }
    properties.set("statistics.interval.ms", "0");
    properties
}

/// Properties of a client that reads some records of one partition beside the group, and commits nothing.
pub(super) fn sampler(config: &KafkaConfig) -> ClientConfig {
    let mut properties = scout(config);
    // librdkafka assigns partitions to none but members; no group is joined by that.
    properties.set("group.id", &config.group);
    // It is over after some records: what is fetched ahead of them is for nothing.
    properties.set("queued.max.messages.kbytes", (LARGEST_FETCH >> 10).to_string());
    properties
}

/// A leader that answers at all answers within this, be it with nothing.
pub(super) fn heard_within(consumer: &ClientConfig) -> Duration {
    let wait = consumer.get("fetch.wait.max.ms").and_then(|wait| wait.parse().ok()).unwrap_or(500);
    Duration::from_millis(wait) + SLOWEST_ANSWER
}

/// What librdkafka refuses, with the property's name.
pub(super) fn refusal(error: &KafkaError) -> String {
    match error {
        KafkaError::ClientConfig(_, description, name, _) => {
            format!("kafka.properties `{name}`: {}", description.to_lowercase())
        }
        KafkaError::ClientCreation(description) => {
            format!("kafka.properties: {description}")
        }
        other => format!("kafka: {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: &str, value: &str) -> KafkaConfig {
        let mut config = KafkaConfig::default();
        config.properties.insert(name.into(), value.into());
        config
    }

    #[test]
    fn defaults_are_accepted() {
        assert_eq!(problems(&KafkaConfig::default()), Vec::<String>::new());
    }

    #[test]
    fn refusals_name_the_property_and_the_cure() {
        for (name, value, expected) in [
            ("auto.offset.reset", "latest", "set kafka.start"),
            ("enable.auto.commit", "true", "informational"),
            ("group.id", "other", "set kafka.group"),
            ("no.such.property", "1", "`no.such.property`: no such configuration property"),
            ("session.timeout.ms", "soon", "`session.timeout.ms`"),
            ("max.poll.interval.ms", "1000", "max.poll.interval.ms"),
        ] {
            let problems = problems(&with(name, value));
            assert_eq!(problems.len(), 1, "{name}: {problems:?}");
            assert!(problems[0].contains(name) && problems[0].contains(expected), "{problems:?}");
        }
    }

    #[test]
    fn a_bad_pattern_and_an_empty_list_are_told() {
        let bad = KafkaConfig { topics: vec!["^spans(".into()], ..KafkaConfig::default() };
        assert!(problems(&bad)[0].contains("`^spans(`"));
        let none = KafkaConfig { topics: Vec::new(), ..KafkaConfig::default() };
        assert!(problems(&none)[0].contains("name at least one topic"));
    }

    #[test]
    fn a_member_tells_of_ids_whatever_else_the_user_wants_to_be_told() {
        for (config, expected) in
            [(KafkaConfig::default(), "metadata"), (with("debug", "cgrp,fetch"), "cgrp,fetch,metadata")]
        {
            let member = member(&config, 1);
            assert_eq!(member.get("debug"), Some(expected));
            assert!(matches!(member.log_level, RDKafkaLogLevel::Debug), "{expected}");
        }
        assert_eq!(scout(&KafkaConfig::default()).get("debug"), None, "it asks every ten seconds");
    }

    #[test]
    fn users_override_ours_and_the_budget_is_shared() {
        let mut config = with("fetch.wait.max.ms", "50");
        assert_eq!(consumer(&config, 1).get("fetch.wait.max.ms"), Some("50"));
        config.queue_size = 64 << 20;
        assert_eq!(consumer(&config, 64).get("queued.max.messages.kbytes"), Some("1024"));
        assert_eq!(consumer(&config, 1_000_000).get("queued.max.messages.kbytes"), Some("64"));
    }
}
