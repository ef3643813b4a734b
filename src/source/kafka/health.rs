//! What is wrong with the connection, in words and with the cure: for the status, `/readyz` and the log.

use rdkafka::error::RDKafkaErrorCode;

use super::context::Trouble;
use super::survey::Survey;
use crate::config::{KafkaConfig, LaneMode};

/// What the words are made from.
pub(super) struct Condition<'a> {
    pub(super) config: &'a KafkaConfig,
    pub(super) lanes: LaneMode,
    /// `None` before the brokers said which topics there are.
    pub(super) survey: Option<&'a Survey>,
    /// Last failure of a connection, if it has not been made good.
    pub(super) trouble: Option<&'a Trouble>,
    /// True while a broker is connected, as far as known.
    pub(super) any_broker: bool,
    /// What the group or a topic refuses.
    pub(super) refusal: Option<&'a str>,
    /// True from when the group has handed out partitions, or none, until it takes some back.
    pub(super) has_joined: bool,
    /// Partitions of this instance.
    pub(super) assigned: usize,
    /// Those whose start is not known yet.
    pub(super) unplaced: usize,
    /// Those whose leader does not answer.
    pub(super) unheard: usize,
}

impl Condition<'_> {
    /// True while partitions are read.
    pub(super) fn is_connected(&self) -> bool {
        self.assigned > 0 && self.any_broker && self.unheard.max(self.unplaced) < self.assigned
    }

    /// True while nothing has failed and a start takes its way: no cause to warn.
    pub(super) fn is_starting(&self) -> bool {
        let is_on_its_way = match self.survey {
            None => true,
            Some(survey) => {
                self.topics(survey).is_none() && (self.assigned == 0 && !self.has_joined || self.unplaced > 0)
            }
        };
        is_on_its_way && self.trouble.is_none() && self.refusal.is_none()
    }

    /// The gravest problem; `None` where all is well.
    pub(super) fn problem(&self) -> Option<String> {
        let Some(survey) = self.survey else {
            return Some(self.unreachable());
        };
        if survey.partitions.is_empty() {
            return Some(self.topics(survey).unwrap_or_else(|| self.unreachable()));
        }
        if let Some(refusal) = self.refusal {
            return Some(refusal.to_owned());
        }
        // Where no broker answers, the group has lost us too: that is no reason of its own.
        if !self.any_broker || self.assigned > 0 && self.unheard == self.assigned {
            return Some(self.unreachable());
        }
        if self.assigned == 0 {
            return Some(self.unassigned());
        }
        if self.unplaced > 0 {
            let (unplaced, assigned) = (self.unplaced, self.assigned);
            return Some(format!(
                "looking up where to start in {unplaced} of {assigned} partitions{}",
                self.because()
            ));
        }
        if self.unheard > 0 {
            let (unheard, assigned) = (self.unheard, self.assigned);
            return Some(format!(
                "no answer from the leader of {unheard} of {assigned} partitions{}",
                self.because()
            ));
        }
        self.topics(survey).or_else(|| self.part_of(survey.partitions.len()))
    }

    fn unreachable(&self) -> String {
        let brokers = &self.config.brokers;
        let Some(trouble) = self.trouble else {
            return format!("connecting to `{brokers}`");
        };
        let reason = brief(&trouble.reason);
        use RDKafkaErrorCode as Code;
        match trouble.code {
            Code::Authentication | Code::SaslAuthenticationFailed | Code::UnsupportedSASLMechanism => {
                format!(
                    "the broker refused the login ({reason}): check sasl.username, sasl.password and sasl.mechanism in [kafka.properties]"
                )
            }
            Code::SSL => format!(
                "no TLS connection to `{brokers}` ({reason}): check security.protocol and ssl.* in [kafka.properties]"
            ),
            _ => format!(
                "no broker answers at `{brokers}` ({reason}): is Kafka running there? set kafka.brokers"
            ),
        }
    }

    fn topics(&self, survey: &Survey) -> Option<String> {
        let brokers = &self.config.brokers;
        if let Some(topic) = survey.denied.first() {
            return Some(format!(
                "no permission to read topic `{topic}`: allow this user Describe and Read on it"
            ));
        }
        let topic = survey.missing.first()?;
        Some(match topic.starts_with('^') {
            true => format!("no topic on `{brokers}` matches `{topic}`: create one or set kafka.topics"),
            false => format!("topic `{topic}` does not exist on `{brokers}`: create it or set kafka.topics"),
        })
    }

    fn unassigned(&self) -> String {
        let group = &self.config.group;
        if !self.has_joined {
            return format!("waiting for group `{group}` to hand out partitions{}", self.because());
        }
        format!("group `{group}` has more members than partitions: nothing is left to read for this one")
    }

    /// A merged instance that reads a part of the partitions sees a part of each trace.
    fn part_of(&self, known: usize) -> Option<String> {
        let (assigned, group) = (self.assigned, &self.config.group);
        (self.lanes == LaneMode::Merged && assigned < known).then(|| {
            format!(
                "has {assigned} of {known} partitions, other members of group `{group}` have the rest, so that traces would \
                 fall apart and it waits for them: set another kafka.group, or lanes.mode = \"partition\" where topics are keyed by trace id"
            )
        })
    }

    /// The broker that a failed connection names is often the advertised one, not the one of the configuration.
    fn because(&self) -> String {
        match self.trouble {
            Some(trouble) => {
                format!(
                    " ({}): the address that the broker advertises must be reachable",
                    brief(&trouble.reason)
                )
            }
            None => String::new(),
        }
    }
}

/// librdkafka's words without the time it spent in which state.
fn brief(reason: &str) -> &str {
    reason.split(" (after ").next().unwrap_or(reason)
}

#[cfg(test)]
mod tests {
    use super::super::place::Place;
    use super::*;

    fn survey(partitions: i32, missing: &[&str]) -> Survey {
        Survey {
            partitions: (0..partitions).map(|number| (Place::new("spans", number), Some(1))).collect(),
            missing: missing.iter().map(|name| (*name).to_owned()).collect(),
            denied: Vec::new(),
        }
    }

    fn trouble(code: RDKafkaErrorCode, reason: &str) -> Trouble {
        Trouble { code, reason: reason.into() }
    }

    #[test]
    fn problems_name_the_value_and_the_cure() {
        use RDKafkaErrorCode as Code;
        let config = KafkaConfig::default();
        let well = survey(6, &[]);
        let base = || Condition {
            config: &config,
            lanes: LaneMode::Merged,
            survey: Some(&well),
            trouble: None,
            any_broker: true,
            refusal: None,
            has_joined: true,
            assigned: 6,
            unplaced: 0,
            unheard: 0,
        };
        let refused = trouble(
            Code::BrokerTransportFailure,
            "localhost:9092/bootstrap: Connect to ipv4#127.0.0.1:9092 failed: Connection refused (after 0ms in state CONNECT)",
        );
        let login = trouble(Code::Authentication, "sasl_plaintext://b:9092/1: Authentication failed");
        let (nothing, other) = (survey(0, &["spans"]), survey(6, &["^logs"]));
        let cases = [
            (base(), None),
            (Condition { survey: None, ..base() }, Some("connecting to `localhost:9092`")),
            (
                Condition { survey: None, trouble: Some(&refused), ..base() },
                Some(
                    "no broker answers at `localhost:9092` (localhost:9092/bootstrap: Connect to ipv4#127.0.0.1:9092 failed: Connection refused): is Kafka running there? set kafka.brokers",
                ),
            ),
            (Condition { survey: None, trouble: Some(&login), ..base() }, Some("check sasl.username")),
            (
                Condition { survey: Some(&nothing), ..base() },
                Some("topic `spans` does not exist on `localhost:9092`: create it or set kafka.topics"),
            ),
            (Condition { survey: Some(&other), ..base() }, Some("matches `^logs`")),
            (Condition { assigned: 0, has_joined: false, ..base() }, Some("waiting for group `linchpin`")),
            (Condition { assigned: 0, ..base() }, Some("more members than partitions")),
            (Condition { assigned: 3, ..base() }, Some("has 3 of 6 partitions")),
            (Condition { assigned: 3, lanes: LaneMode::Partition, ..base() }, None),
            (
                Condition { unheard: 2, trouble: Some(&refused), ..base() },
                Some("leader of 2 of 6 partitions (localhost"),
            ),
            (Condition { any_broker: false, trouble: Some(&refused), ..base() }, Some("no broker answers")),
            (
                Condition { any_broker: false, assigned: 0, trouble: Some(&refused), ..base() },
                Some("no broker answers"),
            ),
            (
                Condition {
                    any_broker: false,
                    assigned: 0,
                    has_joined: false,
                    trouble: Some(&refused),
                    ..base()
                },
                Some("no broker answers"),
            ),
            (
                Condition { any_broker: false, assigned: 0, has_joined: false, ..base() },
                Some("connecting to `localhost:9092`"),
            ),
            (
                Condition { assigned: 0, has_joined: false, trouble: Some(&refused), ..base() },
                Some("to hand out partitions (localhost:9092/bootstrap: Connect to"),
            ),
            (Condition { unplaced: 1, ..base() }, Some("looking up where to start in 1 of 6 partitions")),
        ];
        for (condition, expected) in cases {
            let steps = ["connecting to", "waiting for group", "looking up where to start"];
            let is_step = steps.iter().any(|step| expected.is_some_and(|words| words.starts_with(step)));
            assert_eq!(condition.is_starting(), is_step, "{expected:?}");
            match (condition.problem(), expected) {
                (None, None) => {}
                (Some(problem), Some(expected)) => assert!(problem.contains(expected), "{problem}"),
                (problem, expected) => panic!("{problem:?} instead of {expected:?}"),
            }
        }
    }
}
