//! Why an answer is not whole, in words.

use std::collections::BTreeSet;

use crate::graph::sealed::Marks;
use crate::lane::{Gap, GapCause};
use crate::model::LogMillis;
use crate::model::time::{NANOS_PER_MILLI, rfc3339};
use crate::store::Reading;

/// Gaps that are told one by one.
const MOST_GAPS: usize = 5;

/// The reasons for which the range of a reading is not whole, a sentence each.
pub(super) fn notes(reading: &Reading) -> Vec<String> {
    let mut notes = Vec::new();
    if reading.is_cut_by_retention {
        notes
            .push("the range begins before what is kept; see store.retention and store.max_size".to_string());
    }
    notes.extend(gaps(&reading.bucket.gaps));
    for (key, problem) in &reading.damaged {
        notes.push(format!("the sealed bucket {key} is missing: {problem}"));
    }
    if reading.marks.has(Marks::PARTIAL) {
        notes.push("a roll-up of the range lacks minutes that were damaged when it was made".to_string());
    }
    if reading.marks.has(Marks::IRREPRODUCIBLE) {
        notes.push(
            "a local clock decided about records of the range: another reading of the log may count them otherwise"
                .to_string(),
        );
    }
    let totals = &reading.bucket.totals;
    if totals.other_calls > 0 {
        notes.push(format!(
            "{} calls of edges beyond graph.max_edges are counted but not shown",
            totals.other_calls
        ));
    }
    if totals.cut_traces > 0 {
        notes.push(format!(
            "{} traces have more spans than sessions.max_spans: the rest of them is not counted",
            totals.cut_traces
        ));
    }
    notes
}

/// Gaps of one cause are told together where a start makes one of every input; lost records are told one by one.
fn gaps(gaps: &BTreeSet<Gap>) -> Vec<String> {
    let of = |cause: GapCause| gaps.iter().filter(move |gap| gap.cause == cause).collect::<Vec<_>>();
    let mut notes = Vec::new();
    for cause in [GapCause::Start, GapCause::Configuration, GapCause::Recreated] {
        let gaps = of(cause);
        notes.extend(gaps.iter().map(|gap| gap.until).max().map(|until| of_start(cause, &gaps, until)));
    }
    let lost = of(GapCause::Lost);
    notes.extend(lost.iter().take(MOST_GAPS).map(|gap| of_loss(gap)));
    if lost.len() > MOST_GAPS {
        notes.push(format!("and {} more gaps in the log", lost.len() - MOST_GAPS));
    }
    notes
}

fn of_start(cause: GapCause, gaps: &[&Gap], until: LogMillis) -> String {
    let inputs: BTreeSet<&str> = gaps.iter().map(|gap| &*gap.input).collect();
    let first = inputs.first().copied().unwrap_or_default();
    let inputs = match inputs.len() {
        1 => first.to_string(),
        n => format!("{first} and {} more", n - 1),
    };
    let until = time(until);
    match cause {
        GapCause::Start => {
            format!("{inputs}: reading began in the middle of the log, nothing before {until} is known")
        }
        GapCause::Configuration => {
            let since = gaps.iter().filter_map(|gap| gap.since).min().map_or_else(String::new, time);
            format!(
                "{inputs}: sessions may be longer since the configuration changed, the minutes from {since} to \
                 {until} could not be told"
            )
        }
        _ => format!(
            "{inputs}: the log was cut or made anew before {until}: what was in it and not read is missing"
        ),
    }
}

fn of_loss(gap: &Gap) -> String {
    let since = gap.since.map_or_else(|| "its beginning".to_string(), time);
    let lost = match gap.offsets {
        0 => "records that were counted already".to_string(),
        n => format!("{n} offsets"),
    };
    let (input, until) = (&gap.input, time(gap.until));
    format!("{input}: {lost} between {since} and {until} were gone before they were read (retention)")
}

fn time(at: LogMillis) -> String {
    rfc3339(u64::try_from(at).unwrap_or(0).saturating_mul(NANOS_PER_MILLI))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_start_misses_is_one_note_and_every_loss_is_one() {
        let of = |cause, input: &str, since, until, offsets| Gap {
            input: input.into(),
            cause,
            since,
            until,
            offsets,
        };
        let mut all = BTreeSet::new();
        for input in ["t/0", "t/1", "t/2"] {
            all.insert(of(GapCause::Start, input, None, 120_000, 0));
            all.insert(of(GapCause::Configuration, input, Some(60_000), 180_000, 0));
        }
        all.insert(of(GapCause::Recreated, "u/0", Some(0), 1_000, 0));
        all.extend((0..7).map(|n| of(GapCause::Lost, "t/0", Some(n), n + 1_000, 7)));
        let notes = gaps(&all);
        assert_eq!(
            notes[..4],
            [
                "t/0 and 2 more: reading began in the middle of the log, nothing before 1970-01-01T00:02:00.000Z is \
                 known",
                "t/0 and 2 more: sessions may be longer since the configuration changed, the minutes from \
                 1970-01-01T00:01:00.000Z to 1970-01-01T00:03:00.000Z could not be told",
                "u/0: the log was cut or made anew before 1970-01-01T00:00:01.000Z: what was in it and not read is \
                 missing",
                "t/0: 7 offsets between 1970-01-01T00:00:00.000Z and 1970-01-01T00:00:01.000Z were gone before they \
                 were read (retention)",
            ]
        );
        assert_eq!((notes.len(), &*notes[8]), (9, "and 2 more gaps in the log"));
    }
}
