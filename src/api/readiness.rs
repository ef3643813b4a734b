//! Whether the graph is current, why not, and when it will be.
//!
//! Enters: [`Observation`]s of the counters and partitions, in the order of their time. Leaves: a
//! [`ReadinessDocument`] each. Pure: the time is part of the observation.
//!
//! The lag is time, not records: now less the log time of the furthest partition that has records left and does not
//! stand at its end. Ready begins below [`READY_BELOW_MS`] and ends above [`READY_UNTIL_MS`], so that a load
//! balancer does not flap on a pause of a few seconds; a lost connection or an incomplete assignment ends it at once.

mod rates;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use self::rates::{Rates, Recent};
use super::words::{duration, grouped};
use crate::config::LaneMode;
use crate::model::LogMillis;
use crate::telemetry::{Connection, PartitionStatus, Telemetry};

/// Catching up ends below this lag.
pub(super) const READY_BELOW_MS: u64 = 30_000;
/// A current graph stays ready up to this lag.
pub(super) const READY_UNTIL_MS: u64 = 60_000;
/// What is known at one instant.
#[derive(Clone, Debug, Default)]
pub struct Observation {
    /// Local clock, Unix milliseconds.
    pub now_ms: LogMillis,
    /// State of the source.
    pub connection: Connection,
    /// State of the assigned partitions.
    pub partitions: Vec<PartitionStatus>,
    /// Records read since the start.
    pub records: u64,
    /// Bytes read since the start.
    pub bytes: u64,
    /// Spans decoded since the start.
    pub spans: u64,
}

impl Observation {
    /// What the counters say.
    pub fn take(telemetry: &Telemetry, now_ms: LogMillis) -> Observation {
        Observation {
            now_ms,
            connection: telemetry.partitions.connection(),
            partitions: telemetry.partitions.all().into_values().collect(),
            records: telemetry.counters.records.get(),
            bytes: telemetry.counters.bytes.get(),
            spans: telemetry.counters.spans.get(),
        }
    }
}

/// How far the graph is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The broker does not answer, or not with what was asked for.
    Disconnected,
    /// Some of the partitions are missing.
    Incomplete,
    /// The log is being read up to its end.
    CatchingUp,
    /// The graph is current.
    Ready,
}

/// Whether the graph is current, why not, and when it will be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ReadinessDocument {
    /// True where the graph is current.
    pub ready: bool,
    /// How far it is.
    pub state: Verdict,
    /// The same in words, with the cure where there is one.
    pub reason: String,
    /// Now less the log time of the furthest partition, milliseconds; absent until every partition was heard of.
    pub lag_ms: Option<u64>,
    /// Records in the log that are not read yet, over all assigned partitions.
    pub records_left: u64,
    /// Records read per second, over the last 15 s.
    pub records_per_second: Option<f64>,
    /// Bytes read per second, over the last 15 s.
    pub bytes_per_second: Option<f64>,
    /// Spans decoded per second, over the last 15 s.
    pub spans_per_second: Option<f64>,
    /// Seconds until nothing is left at the present rate, new records included; absent where that is not in sight.
    pub estimate_seconds: Option<u64>,
}

/// Follows the observations: hysteresis and rates.
#[derive(Debug)]
pub struct Readiness {
    lanes: LaneMode,
    is_ready: bool,
    recent: Recent,
}

/// The furthest partition, and those of which nothing is known yet.
struct Lag<'a> {
    worst_ms: u64,
    worst: Option<&'a str>,
    unheard: Vec<&'a str>,
}

impl Readiness {
    /// Not ready, nothing observed.
    pub fn new(lanes: LaneMode) -> Readiness {
        Readiness { lanes, is_ready: false, recent: Recent::default() }
    }

    /// Takes what is known now and says whether the graph is current.
    pub fn observe(&mut self, seen: &Observation) -> ReadinessDocument {
        let left = seen.partitions.iter().map(PartitionStatus::lag).sum();
        let rates = self.recent.rates(seen, left);
        let lag = lag(seen);
        let (state, mut reason) = self.verdict(seen, &lag);
        self.is_ready = state == Verdict::Ready;
        let estimate = rates.gain.filter(|gain| *gain >= 1.0 && left > 0).map(|gain| left as f64 / gain);
        if state == Verdict::CatchingUp {
            reason.push_str(&outlook(left, rates, estimate));
        }
        ReadinessDocument {
            ready: self.is_ready,
            state,
            reason,
            lag_ms: (lag.unheard.is_empty() && seen.connection.is_connected).then_some(lag.worst_ms),
            records_left: left,
            records_per_second: rates.records,
            bytes_per_second: rates.bytes,
            spans_per_second: rates.spans,
            estimate_seconds: estimate.map(|seconds| seconds.ceil() as u64),
        }
    }

    fn verdict(&self, seen: &Observation, lag: &Lag) -> (Verdict, String) {
        let connection = &seen.connection;
        if !connection.is_connected {
            let problem = connection.problem.clone();
            let reason = problem.unwrap_or_else(|| "connecting to kafka, nothing is assigned yet".into());
            return (Verdict::Disconnected, reason);
        }
        if let Some(problem) = &connection.problem {
            return (Verdict::Incomplete, problem.clone());
        }
        if let Some(violation) = missing_partitions(self.lanes, connection) {
            return (Verdict::Incomplete, violation);
        }
        if !lag.unheard.is_empty() && !self.is_ready {
            return (Verdict::CatchingUp, unheard(lag, seen.partitions.len()));
        }
        let limit = if self.is_ready { READY_UNTIL_MS + 1 } else { READY_BELOW_MS };
        let name = lag.worst.unwrap_or_default();
        if lag.worst_ms >= limit {
            return (
                Verdict::CatchingUp,
                format!("catching up: {name} is {} behind", duration(lag.worst_ms)),
            );
        }
        (Verdict::Ready, ready_words(seen, lag))
    }
}

/// How far one partition is behind; `None` until its first record was read or its end was found.
pub(super) fn behind_ms(partition: &PartitionStatus, now_ms: LogMillis) -> Option<u64> {
    match partition.log_time {
        _ if partition.is_standing => Some(0),
        Some(_) if partition.lag() == 0 => Some(0),
        Some(at) => Some(u64::try_from(now_ms.saturating_sub(at)).unwrap_or(0)),
        None => None,
    }
}

/// What a merged instance lacks, and the cure.
pub(super) fn missing_partitions(lanes: LaneMode, connection: &Connection) -> Option<String> {
    let (known, assigned) = (connection.partitions_known, connection.partitions_assigned);
    (lanes == LaneMode::Merged && assigned < known).then(|| {
        format!(
            "only {assigned} of {known} partitions are assigned to this instance, and lanes.mode `merged` needs all: \
             run one instance in its group, give it a kafka.group of its own, or key the topic by trace id and set \
             lanes.mode to `partition`"
        )
    })
}

fn lag(seen: &Observation) -> Lag<'_> {
    let mut lag = Lag { worst_ms: 0, worst: None, unheard: Vec::new() };
    for partition in &seen.partitions {
        match behind_ms(partition, seen.now_ms) {
            None => lag.unheard.push(&partition.name),
            Some(behind) if behind > lag.worst_ms => {
                lag.worst_ms = behind;
                lag.worst = Some(&partition.name);
            }
            Some(_) => {}
        }
    }
    lag
}

fn unheard(lag: &Lag, assigned: usize) -> String {
    let first = lag.unheard.first().copied().unwrap_or_default();
    format!(
        "catching up: nothing heard yet of {} of {assigned} partitions ({first} first)",
        lag.unheard.len()
    )
}

fn ready_words(seen: &Observation, lag: &Lag) -> String {
    if seen.partitions.is_empty() {
        return "ready: no partition is assigned to this instance, the others of its group read them".into();
    }
    let mut words = match lag.worst {
        Some(name) => format!("up to date: {name} is {} behind", duration(lag.worst_ms)),
        None => "up to date: all partitions are read to their end".into(),
    };
    let problem =
        seen.partitions.iter().find_map(|it| it.problem.as_ref().map(|problem| (&it.name, problem)));
    if let Some((name, problem)) = problem {
        words.push_str(&format!("; {name}: {problem}"));
    }
    words
}

fn outlook(left: u64, rates: Rates, estimate: Option<f64>) -> String {
    let mut words = format!(", {} records are left", grouped(left));
    if let Some(rate) = rates.records {
        words.push_str(&format!(", {} a second are read", grouped(rate.max(0.0) as u64)));
    }
    match estimate {
        Some(seconds) => words.push_str(&format!(", about {} to go", duration((seconds * 1000.0) as u64))),
        None if rates.gain.is_some_and(|gain| gain < 1.0) && left > 0 => {
            words.push_str(", and as many are written meanwhile");
        }
        None => {}
    }
    words
}

#[cfg(test)]
mod tests;
