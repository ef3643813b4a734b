//! What the status says of wrong clocks: those of producers, of brokers, and of this machine.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::document::ViolationDocument;
use crate::api::words::{duration, grouped};
use crate::model::{CLOCK_TOLERANCE_MS, LogMillis};
use crate::telemetry::ClockStatus;

/// Partitions that a sentence names.
const MAX_NAMED: usize = 3;

type Clocks = BTreeMap<Arc<str>, ClockStatus>;

/// Producers' times that were not believed: where, how far off, and the cure.
pub(super) fn refuted_hint(clocks: &Clocks, refuted: u64) -> Option<String> {
    let mut rows: Vec<_> = clocks.iter().filter(|(_, clock)| clock.refuted > 0).collect();
    rows.sort_by_key(|(_, clock)| Reverse(clock.refuted));
    let named = |(name, clock): &(&Arc<str>, &ClockStatus)| {
        format!("{name}: {}, up to {} ahead", grouped(clock.refuted), span(clock.refuted_by))
    };
    let places = listed(rows.iter().map(named).collect());
    (refuted > 0).then(|| {
        format!(
            "{} producer times jumped ahead and were not believed{places}: set message.timestamp.type=LogAppendTime on \
             the topic, or set the producers' clocks right; where all partitions are named, this machine's may be behind",
            grouped(refuted)
        )
    })
}

/// Log time that is believed and yet further ahead of the local clock than clocks differ.
pub(super) fn ahead_violation(clocks: &Clocks, now_ms: LogMillis) -> Option<ViolationDocument> {
    let ahead = clocks.iter().map(|(name, clock)| (name, clock.ahead(now_ms)));
    let mut rows: Vec<_> = ahead.filter(|(_, ahead)| *ahead > CLOCK_TOLERANCE_MS).collect();
    rows.sort_by_key(|(_, ahead)| Reverse(*ahead));
    let places = listed(rows.iter().map(|(name, ahead)| format!("{name}: {}", span(*ahead))).collect());
    (!rows.is_empty()).then(|| ViolationDocument {
        what: format!(
            "log time is ahead of this machine's clock, so spans count in minutes that are still to come{places}"
        ),
        count: rows.len() as u64,
        cure: "set the clocks of the brokers and of this machine right (NTP); where a producer's clock was believed \
               earlier, it passes once the time has come"
            .into(),
    })
}

/// In brackets, the first few; empty where there is none.
fn listed(mut places: Vec<String>) -> String {
    let more = places.len().saturating_sub(MAX_NAMED);
    places.truncate(MAX_NAMED);
    if more > 0 {
        places.push(format!("and {more} more partitions"));
    }
    if places.is_empty() { String::new() } else { format!(" ({})", places.join("; ")) }
}

fn span(ms: LogMillis) -> String {
    duration(u64::try_from(ms).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: LogMillis = 1_000_000_000;

    fn clocks(rows: &[(&str, u64, LogMillis, LogMillis)]) -> Clocks {
        let status = |(name, refuted, refuted_by, ahead): &(&str, u64, LogMillis, LogMillis)| {
            let status =
                ClockStatus { log_time: Some(NOW + ahead), refuted: *refuted, refuted_by: *refuted_by };
            (Arc::from(*name), status)
        };
        rows.iter().map(status).collect()
    }

    #[test]
    fn wrong_producers_are_named_by_partition_the_most_frequent_first() {
        const DAY: LogMillis = 86_400_000;
        let four = [("a/0", 1, 600_000, 0), ("a/1", 9, DAY, 0), ("a/2", 0, 0, 0), ("a/3", 2, 2 * DAY, 0)];
        let hint = refuted_hint(&clocks(&four), 12).unwrap();
        let start = "12 producer times jumped ahead and were not believed (a/1: 9, up to 1 d ahead; a/3: 2, up to 2 d \
                     ahead; a/0: 1, up to 10 min ahead): set message.timestamp.type=LogAppendTime on the topic";
        assert!(hint.starts_with(start), "{hint}");
        let many: Vec<_> = ["a/0", "a/1", "a/2", "a/3", "a/4"].map(|name| (name, 1, 600_000, 0)).into();
        assert!(refuted_hint(&clocks(&many), 5).unwrap().contains("; and 2 more partitions)"));
        assert_eq!(refuted_hint(&clocks(&[("a/2", 0, 0, 0)]), 0), None);
        assert!(refuted_hint(&Clocks::new(), 1).unwrap().contains("believed: set"), "all of them are gone");
    }

    #[test]
    fn log_time_that_is_ahead_violates_beyond_what_clocks_differ() {
        assert_eq!(
            ahead_violation(&clocks(&[("a/0", 3, 9, CLOCK_TOLERANCE_MS), ("a/1", 0, 0, -9)]), NOW),
            None
        );
        let ahead = [("a/0", 0, 0, CLOCK_TOLERANCE_MS + 1), ("a/1", 0, 0, 10_800_000)];
        let violation = ahead_violation(&clocks(&ahead), NOW).unwrap();
        assert_eq!(violation.count, 2);
        assert!(violation.what.ends_with("(a/1: 3 h; a/0: 5 min)"), "{}", violation.what);
    }
}
