//! Readiness by table: one observation, then sequences of them.

use super::*;

const NOW: LogMillis = 1_800_000_000_000;

fn partition(number: usize, left: i64, behind_s: Option<i64>) -> PartitionStatus {
    PartitionStatus {
        name: format!("traces/{number}"),
        position: 1000,
        end: 1000 + left,
        log_time: behind_s.map(|seconds| NOW - seconds * 1000),
        ..PartitionStatus::default()
    }
}

fn standing(number: usize) -> PartitionStatus {
    PartitionStatus { is_standing: true, ..partition(number, 0, None) }
}

fn seen(partitions: Vec<PartitionStatus>) -> Observation {
    let count = partitions.len();
    let connection =
        Connection { is_connected: true, problem: None, partitions_known: count, partitions_assigned: count };
    Observation { now_ms: NOW, connection, partitions, ..Observation::default() }
}

fn check(observation: &Observation, state: Verdict, words: &str) {
    let document = Readiness::new(LaneMode::Merged).observe(observation);
    assert_eq!(document.state, state, "{document:?}");
    assert_eq!(document.ready, state == Verdict::Ready);
    assert!(document.reason.contains(words), "{:?} lacks {words:?}", document.reason);
}

#[test]
fn a_first_look_says_ready_or_why_not() {
    use Verdict::{CatchingUp, Ready};
    let leaderless = PartitionStatus { problem: Some("no leader".into()), ..standing(1) };
    let cases = [
        (vec![partition(0, 5, Some(2)), standing(1)], Ready, "traces/0 is 2.0 s behind"),
        (vec![standing(0), standing(1)], Ready, "read to their end"),
        (vec![partition(0, 5, Some(29))], Ready, "29 s behind"),
        (vec![partition(0, 5, Some(30))], CatchingUp, "traces/0 is 30 s behind, 5 records are left"),
        // An old last record is no lag where nothing follows it.
        (vec![partition(0, 0, Some(3600))], Ready, "up to date"),
        // A producer's clock ahead of ours is no lag either.
        (vec![partition(0, 9, Some(-3600))], Ready, "up to date"),
        (
            vec![partition(0, 0, Some(1)), partition(1, 0, None)],
            CatchingUp,
            "1 of 2 partitions (traces/1 first)",
        ),
        (vec![partition(0, 1, Some(60)), partition(1, 1, Some(7200))], CatchingUp, "traces/1 is 2 h behind"),
        (vec![standing(0), leaderless], Ready, "traces/1: no leader"),
    ];
    for (partitions, state, words) in cases {
        check(&seen(partitions), state, words);
    }
}

#[test]
fn a_broken_connection_answers_with_its_problem() {
    let mut observation = seen(vec![standing(0)]);
    observation.connection.problem = Some("topic `x` does not exist: create it".into());
    check(&observation, Verdict::Incomplete, "topic `x` does not exist");
    observation.connection.is_connected = false;
    check(&observation, Verdict::Disconnected, "topic `x` does not exist");
    observation.connection.problem = None;
    check(&observation, Verdict::Disconnected, "connecting");
}

#[test]
fn a_merged_instance_needs_all_partitions_and_a_partitioned_one_does_not() {
    let mut observation = seen(vec![standing(0), standing(1), standing(2)]);
    observation.connection.partitions_known = 6;
    check(&observation, Verdict::Incomplete, "only 3 of 6 partitions");
    check(&observation, Verdict::Incomplete, "set lanes.mode to `partition`");
    assert!(Readiness::new(LaneMode::Partition).observe(&observation).ready);

    let mut spare = seen(Vec::new());
    spare.connection.partitions_known = 6;
    let document = Readiness::new(LaneMode::Partition).observe(&spare);
    assert!(document.ready && document.reason.contains("no partition is assigned"), "{document:?}");
}

#[test]
fn ready_lasts_to_a_minute_and_comes_back_below_thirty_seconds() {
    let mut readiness = Readiness::new(LaneMode::Merged);
    let steps = [(40, false), (29, true), (45, true), (60, true), (61, false), (45, false), (29, true)];
    for (step, (behind, ready)) in steps.into_iter().enumerate() {
        let observation = seen(vec![partition(0, 5, Some(behind))]);
        assert_eq!(readiness.observe(&observation).ready, ready, "step {step}: {behind} s behind");
    }
}

#[test]
fn a_partition_that_a_rebalance_brings_does_not_end_ready_before_it_is_heard_of() {
    let mut readiness = Readiness::new(LaneMode::Partition);
    assert!(readiness.observe(&seen(vec![standing(0)])).ready);
    let document = readiness.observe(&seen(vec![standing(0), partition(1, 500, None)]));
    assert!(document.ready);
    assert_eq!(document.lag_ms, None, "an unheard partition has no known lag");
    assert!(!readiness.observe(&seen(vec![standing(0), partition(1, 400, Some(90))])).ready);
}

fn at(second: i64, read: u64, left: i64) -> Observation {
    let mut observation = seen(vec![partition(0, left, Some(3600))]);
    observation.now_ms = NOW + second * 1000;
    (observation.records, observation.bytes, observation.spans) = (read, read * 100, read * 7);
    observation
}

#[test]
fn the_estimate_counts_what_is_written_meanwhile() {
    let mut readiness = Readiness::new(LaneMode::Merged);
    let first = readiness.observe(&at(0, 0, 100_000));
    assert_eq!((first.records_per_second, first.estimate_seconds), (None, None));
    // 5,000 a second are read, 1,000 a second are written.
    let second = readiness.observe(&at(5, 25_000, 80_000));
    assert_eq!(second.records_per_second, Some(5000.0));
    assert_eq!(second.bytes_per_second, Some(500_000.0));
    assert_eq!(second.spans_per_second, Some(35_000.0));
    assert_eq!(second.estimate_seconds, Some(20));
    assert!(second.reason.ends_with("80,000 records are left, 5,000 a second are read, about 20 s to go"));
}

#[test]
fn without_gain_there_is_no_estimate_but_a_reason() {
    let mut readiness = Readiness::new(LaneMode::Merged);
    readiness.observe(&at(0, 0, 1000));
    let document = readiness.observe(&at(5, 500, 2000));
    assert_eq!(document.estimate_seconds, None);
    assert!(document.reason.ends_with("and as many are written meanwhile"), "{}", document.reason);
}

#[test]
fn rates_are_those_of_the_last_seconds_and_forget_another_assignment() {
    let mut readiness = Readiness::new(LaneMode::Merged);
    for second in 0..60 {
        readiness.observe(&at(second, second as u64 * 10, 10_000));
    }
    for second in 60..80 {
        readiness.observe(&at(second, 600 + (second as u64 - 60) * 1000, 10_000));
    }
    let fast = readiness.observe(&at(80, 20_600, 10_000));
    assert_eq!(fast.records_per_second, Some(1000.0));
    assert!(readiness.recent.samples.len() <= 20, "{} samples are kept", readiness.recent.samples.len());

    let mut other = at(81, 21_600, 10_000);
    other.partitions.push(standing(1));
    assert_eq!(readiness.observe(&other).records_per_second, None);
}
