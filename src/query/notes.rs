//! Why an answer is not whole, in words.

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
    notes.extend(reading.bucket.gaps.iter().take(MOST_GAPS).map(gap));
    if reading.bucket.gaps.len() > MOST_GAPS {
        notes.push(format!("and {} more gaps in the log", reading.bucket.gaps.len() - MOST_GAPS));
    }
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
    notes
}

fn gap(gap: &Gap) -> String {
    let time = |at: LogMillis| rfc3339(u64::try_from(at).unwrap_or(0).saturating_mul(NANOS_PER_MILLI));
    let (input, until) = (&gap.input, time(gap.until));
    match gap.cause {
        GapCause::Start => {
            format!("{input}: reading began in the middle of the log, nothing before {until} is known")
        }
        GapCause::Configuration => {
            format!("{input}: the configuration changed, minutes before {until} could not be told")
        }
        GapCause::Recreated => format!(
            "{input}: the log was cut or made anew before {until}: what was in it and not read is missing"
        ),
        GapCause::Lost => {
            let since = gap.since.map_or_else(|| "its beginning".to_string(), time);
            let lost = match gap.offsets {
                0 => "records that were counted already".to_string(),
                n => format!("{n} offsets"),
            };
            format!("{input}: {lost} between {since} and {until} were gone before they were read (retention)")
        }
    }
}
