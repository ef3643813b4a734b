//! What a reader must know beside the numbers: the range, and whatever makes an answer less than whole.
//!
//! Every format for people shows these lines, so that nobody reads half a graph as a whole one.

use super::document::{CompletenessDocument, RangeDocument};
use super::name::visible;
use super::number;
use crate::telemetry::Reason;

/// A log read so much behind its end is stale; below, it is the normal pace.
const NOTEWORTHY_LAG_MS: u64 = 10_000;
/// Incomplete traces up to this share are normal at the rim of a range.
const NOTEWORTHY_INCOMPLETE_SHARE: f64 = 0.01;

/// The range in words: `2024-12-11 10:00 to 10:15 UTC`.
pub(super) fn range_words(range: &RangeDocument) -> String {
    match (split(&range.from), split(&range.to)) {
        (Some((day, from)), Some((last_day, to))) if day == last_day => format!("{day} {from} to {to} UTC"),
        (Some((day, from)), Some((last_day, to))) => format!("{day} {from} to {last_day} {to} UTC"),
        _ => format!("{} to {}", visible(&range.from), visible(&range.to)),
    }
}

/// The first lines of every text: what it is and of when, and what is noteworthy about it.
pub(super) fn heading(
    title: &str,
    counts: &str,
    range: &RangeDocument,
    completeness: &CompletenessDocument,
) -> Vec<String> {
    let mut lines = scope_lines(counts, range, completeness);
    lines[0] = format!("{title}, {}", lines[0]);
    lines
}

/// The same without a title: `2024-12-11 10:00 to 10:15 UTC: 8 nodes, 123,456 spans`, then what is noteworthy.
pub(super) fn scope_lines(
    counts: &str,
    range: &RangeDocument,
    completeness: &CompletenessDocument,
) -> Vec<String> {
    let spans = number::count(completeness.spans);
    let mut lines = vec![format!("{}: {counts}, {spans} spans", range_words(range))];
    lines.extend(concerns(completeness).iter().map(|concern| format!("! {concern}")));
    lines
}

/// Day and time of day of an RFC 3339 instant in UTC, seconds only where they are not 0.
fn split(instant: &str) -> Option<(&str, &str)> {
    humantime::parse_rfc3339(instant).ok()?;
    let (day, time) = instant.strip_suffix('Z')?.split_once('T')?;
    let time = time.strip_suffix(".000").unwrap_or(time);
    Some((day, time.strip_suffix(":00").unwrap_or(time)))
}

/// What is noteworthy about freshness and completeness, a line each; nothing where all is well.
pub(super) fn concerns(completeness: &CompletenessDocument) -> Vec<String> {
    let mut lines: Vec<String> = completeness.notes.iter().map(|note| visible(note).into_owned()).collect();
    if let Some(lag) = completeness.lag_ms.filter(|lag| *lag >= NOTEWORTHY_LAG_MS) {
        lines.push(format!("{} behind the end of the log", number::millis(lag as f64)));
    }
    if let Some(from) = &completeness.provisional_from {
        let from =
            split(from).map_or_else(|| visible(from).into_owned(), |(day, time)| format!("{day} {time} UTC"));
        lines.push(format!("counts from {from} on may still change"));
    }
    let dropped: Vec<String> = completeness
        .dropped
        .iter()
        .filter(|(reason, spans)| **spans > 0 && is_loss(reason))
        .map(|(reason, spans)| format!("{} {}", visible(reason), number::count(*spans)))
        .collect();
    if !dropped.is_empty() {
        lines.push(format!("spans dropped: {}", dropped.join(", ")));
    }
    if completeness.late > 0 {
        lines.push(format!("{} spans came late", number::count(completeness.late)));
    }
    if completeness.incomplete_trace_share > NOTEWORTHY_INCOMPLETE_SHARE {
        lines.push(format!(
            "{} of the traces are incomplete",
            number::percent(completeness.incomplete_trace_share)
        ));
    }
    if completeness.unknown_sampling_share > 0.0 {
        let share = number::percent(completeness.unknown_sampling_share);
        lines.push(format!("{share} of the spans do not say how they were sampled"));
    }
    lines
}

/// True of reasons that are faults, and of those that a newer server may have.
fn is_loss(reason: &str) -> bool {
    Reason::ALL.into_iter().find(|known| known.name() == reason).is_none_or(Reason::is_loss)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_as_short_as_they_can_be() {
        let cases = [
            ("2024-12-11T10:00:00.000Z", "2024-12-11T10:15:00.000Z", "2024-12-11 10:00 to 10:15 UTC"),
            ("2024-12-11T10:00:00Z", "2024-12-11T10:00:30Z", "2024-12-11 10:00 to 10:00:30 UTC"),
            (
                "2024-12-11T23:00:00.250Z",
                "2024-12-12T00:00:00.000Z",
                "2024-12-11 23:00:00.250 to 2024-12-12 00:00 UTC",
            ),
            ("yesterday\n", "now", "yesterday\\n to now"),
        ];
        for (from, to, expected) in cases {
            let range = RangeDocument { from: from.into(), to: to.into(), as_of: String::new() };
            assert_eq!(range_words(&range), expected);
        }
    }

    #[test]
    fn a_whole_and_fresh_answer_has_no_concerns() {
        let fine = CompletenessDocument {
            spans: 10,
            lag_ms: Some(1_200),
            incomplete_trace_share: 0.004,
            dropped: [("no_trace_id".to_owned(), 0), ("ignored".to_owned(), 3), ("duplicate".to_owned(), 2)]
                .into(),
            ..Default::default()
        };
        assert_eq!(concerns(&fine), Vec::<String>::new());
    }

    #[test]
    fn every_gap_is_named() {
        let poor = CompletenessDocument {
            spans: 10,
            late: 1_234,
            dropped: [
                ("a_newer_reason".to_owned(), 3),
                ("duplicate".to_owned(), 4),
                ("too_large".to_owned(), 2),
            ]
            .into(),
            lag_ms: Some(90_000),
            incomplete_trace_share: 0.12,
            unknown_sampling_share: 1.0,
            provisional_from: Some("2024-12-11T10:14:00.000Z".into()),
            notes: vec!["retention cut the range".into()],
        };
        assert_eq!(
            concerns(&poor),
            [
                "retention cut the range",
                "1.5 min behind the end of the log",
                "counts from 2024-12-11 10:14 UTC on may still change",
                "spans dropped: a_newer_reason 3, too_large 2",
                "1,234 spans came late",
                "12 % of the traces are incomplete",
                "100 % of the spans do not say how they were sampled",
            ]
        );
    }
}
