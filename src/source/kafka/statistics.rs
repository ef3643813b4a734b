//! What librdkafka's statistics say of each partition: whether its leader answers, and where its log ends.

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;

use super::place::Place;

/// One look at all brokers and partitions.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Heard {
    /// True while at least one broker is connected.
    pub(super) any_broker: bool,
    /// Per partition of the subscription.
    pub(super) partitions: BTreeMap<Place, Leader>,
}

/// State of a partition's leader.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Leader {
    /// Its number; `None`: there is none.
    pub(super) broker: Option<i32>,
    /// Time since something came from it, microseconds; `None`: it is not connected.
    pub(super) silent_us: Option<i64>,
    /// Offset behind the last record, as of the last answer; negative before the first.
    pub(super) end: i64,
    /// Offset that is fetched next.
    pub(super) next: i64,
}

#[derive(Deserialize)]
struct Statistics {
    #[serde(default)]
    brokers: HashMap<String, Broker>,
    #[serde(default)]
    topics: HashMap<String, Topic>,
}

#[derive(Deserialize)]
struct Broker {
    nodeid: i32,
    state: String,
    rxidle: i64,
    #[serde(default)]
    source: String,
}

#[derive(Deserialize)]
struct Topic {
    partitions: HashMap<String, Partition>,
}

#[derive(Deserialize)]
struct Partition {
    partition: i32,
    broker: i32,
    hi_offset: i64,
    next_offset: i64,
}

impl Heard {
    pub(super) fn parse(json: &[u8]) -> serde_json::Result<Heard> {
        let statistics: Statistics = serde_json::from_slice(json)?;
        let connected: HashMap<i32, i64> = statistics
            .brokers
            .values()
            // The coordinator is a second connection to a broker that is listed too, under the same number.
            .filter(|broker| broker.state == "UP" && broker.source != "logical")
            .map(|broker| (broker.nodeid, broker.rxidle))
            .collect();
        let partitions = statistics
            .topics
            .iter()
            .flat_map(|(topic, of)| of.partitions.values().map(move |partition| (topic, partition)))
            .filter(|(_, partition)| partition.partition >= 0)
            .map(|(topic, partition)| {
                // A negative number means "none" here, but "not yet known" among the brokers.
                let broker = (partition.broker >= 0).then_some(partition.broker);
                let leader = Leader {
                    broker,
                    silent_us: broker.and_then(|number| connected.get(&number)).copied(),
                    end: partition.hi_offset,
                    next: partition.next_offset,
                };
                (Place::new(topic, partition.partition), leader)
            })
            .collect();
        Ok(Heard { any_broker: !connected.is_empty(), partitions })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaders_are_found_by_number() {
        let json = br#"{"brokers":{
            "a:9092/1":{"nodeid":1,"state":"UP","rxidle":1200,"source":"learned"},
            "b:9092/2":{"nodeid":2,"state":"TRY_CONNECT","rxidle":-1,"source":"learned"},
            "a:9092/bootstrap":{"nodeid":-1,"state":"UP","rxidle":9,"source":"configured"},
            "GroupCoordinator":{"nodeid":2,"state":"UP","rxidle":5,"source":"logical"}},
          "topics":{"spans":{"topic":"spans","partitions":{
            "0":{"partition":0,"broker":1,"leader":1,"hi_offset":40,"next_offset":12},
            "1":{"partition":1,"broker":2,"leader":2,"hi_offset":-1001,"next_offset":0},
            "2":{"partition":2,"broker":-1,"leader":-1,"hi_offset":7,"next_offset":7},
            "-1":{"partition":-1,"broker":-1,"leader":-1,"hi_offset":-1001,"next_offset":-1001}}}}}"#;
        let heard = Heard::parse(json).unwrap();
        assert!(heard.any_broker);
        assert_eq!(heard.partitions.len(), 3);
        let of = |partition| heard.partitions[&Place::new("spans", partition)];
        assert_eq!(of(0), Leader { broker: Some(1), silent_us: Some(1200), end: 40, next: 12 });
        assert_eq!(of(1).silent_us, None, "the coordinator's connection must not stand for the leader's");
        assert_eq!((of(2).broker, of(2).silent_us), (None, None));
    }
}
