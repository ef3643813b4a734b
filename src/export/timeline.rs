//! A critical path as a timeline for a terminal: a line per section, indented by calls.
//!
//! The columns fit 80 characters; names are cut to the terminal's width.

use super::critical_path::{CriticalPathDocument, SectionDocument};
use super::name::visible;
use super::number;
use super::table::{Cell, Column, render};
use super::text::{TextOptions, wrapped};

/// Columns of the bars.
const BAR: u64 = 16;
/// Calls that are indented; deeper ones stand below each other.
const DEEPEST: u32 = 8;
const NANOS_PER_MILLI: f64 = 1e6;

/// What each kind of time is called, in the order of the sums.
const WORDS: [&str; 7] = ["own", "request", "response", "network", "remote", "send", "queue"];

/// Writes the response path, and below it the completion path, if any.
pub fn to_timeline(path: &CriticalPathDocument, options: &TextOptions) -> String {
    let mut lines = vec![format!("critical path of trace {}", path.trace_id)];
    lines.extend(path.flags.iter().map(|flag| format!("! {}", meaning(flag))));
    let root = format!("{} {}", visible(&path.root.service), visible(&path.root.operation));
    lines.extend([String::new(), format!("{root}, to its response")]);
    let mut text = wrapped(&lines, options.width);
    text += &table(&path.sections, options);
    if !path.completion.is_empty() {
        let title = format!("{root}, to the end of the work that nobody waited for");
        text += &wrapped(&[String::new(), title], options.width);
        text += &table(&path.completion, options);
    }
    text
}

fn meaning(flag: &str) -> &str {
    match flag {
        "skew_corrected" => "clocks disagree: times were moved; `network` is both ways of a call",
        "drift" => "clocks disagree by more than one offset: calls were moved one by one",
        "skew_sensitive" => "calls without client spans: their order depends on the clocks",
        "abandoned" => "a caller gave up while its callee still ran",
        "incomplete" => "spans are missing: more than 5 % hang under no root",
        "several_roots" => "the trace has further roots; this is the path of the first",
        other => other,
    }
}

fn table(sections: &[SectionDocument], options: &TextOptions) -> String {
    let scale = Scale::of(sections);
    let columns = [
        Column::number("ms"),
        Column::number("share"),
        Column::bars(""),
        Column::name("in"),
        Column::name("span"),
    ];
    let mut rows: Vec<Vec<Cell>> = sections.iter().map(|section| row(section, &scale)).collect();
    rows.push(
        [scale.millis(scale.total()), number::percent(1.0), String::new(), "sum".to_owned()]
            .map(Cell::from)
            .into(),
    );
    render(&columns, &rows, options.width, options.colour) + &wrapped(&sums(sections, &scale), options.width)
}

fn row(section: &SectionDocument, scale: &Scale) -> Vec<Cell> {
    let indent = "  ".repeat(section.depth.min(DEEPEST) as usize);
    let length = section.duration_ns();
    [
        scale.millis(length),
        number::percent(scale.share(length)),
        scale.bar(section),
        format!("{}{}", word(section), if section.retry { "*" } else { "" }),
        format!("{indent}{} {}", visible(&section.service), visible(&section.operation)),
    ]
    .map(Cell::from)
    .into()
}

fn word(section: &SectionDocument) -> &'static str {
    match section.kind {
        "exclusive" => "own",
        "gap" => section.leg.unwrap_or("network"),
        kind => kind,
    }
}

/// What the whole time went into, and what retries cost.
fn sums(sections: &[SectionDocument], scale: &Scale) -> Vec<String> {
    let sum = |is_counted: &dyn Fn(&SectionDocument) -> bool| {
        sections.iter().filter(|section| is_counted(section)).map(SectionDocument::duration_ns).sum::<u64>()
    };
    let by_word = WORDS.iter().map(|name| (name, sum(&|section| word(section) == *name)));
    let parts: Vec<String> = by_word
        .filter(|(_, length)| *length > 0)
        .map(|(name, length)| format!("{name} {}", scale.millis(length)))
        .collect();
    let mut lines = vec![format!("= {}", parts.join(" + "))];
    let retries = sum(&|section| section.retry);
    if retries > 0 {
        let share = number::percent(scale.share(retries));
        lines.push(format!(
            "* repeated attempts and the waits between: {} ms, {share}",
            scale.millis(retries)
        ));
    }
    lines
}

/// From where to where the timeline goes.
struct Scale {
    start: u64,
    end: u64,
}

impl Scale {
    fn of(sections: &[SectionDocument]) -> Scale {
        let start = sections.first().map_or(0, |first| first.start_unix_nanos);
        Scale { start, end: sections.last().map_or(start, |last| last.end_unix_nanos) }
    }

    fn total(&self) -> u64 {
        self.end - self.start
    }

    fn share(&self, nanos: u64) -> f64 {
        if self.total() == 0 { 0.0 } else { nanos as f64 / self.total() as f64 }
    }

    /// Milliseconds, with as many decimals for each line as the total deserves.
    fn millis(&self, nanos: u64) -> String {
        let decimals = match self.total() as f64 / NANOS_PER_MILLI {
            total if total < 10.0 => 3,
            total if total < 100.0 => 2,
            total if total < 10_000.0 => 1,
            _ => 0,
        };
        format!("{:.decimals$}", nanos as f64 / NANOS_PER_MILLI)
    }

    /// Blocks where the section lies; a thin one where it is shorter than half a column.
    fn bar(&self, section: &SectionDocument) -> String {
        let place = |at: u64| (at - self.start) as f64 * BAR as f64 / self.total().max(1) as f64;
        let (from, to) = (place(section.start_unix_nanos), place(section.end_unix_nanos));
        let first = (from.round() as usize).min(BAR as usize - 1);
        let blocks = (to.round() as usize).saturating_sub(first);
        let drawn = if to - from < 0.5 || blocks == 0 { "▏".to_owned() } else { "█".repeat(blocks) };
        " ".repeat(first) + &drawn
    }
}

#[cfg(test)]
mod tests {
    use super::super::critical_path::tests::price;
    use super::*;
    use crate::export::fixture::assert_golden;
    use crate::export::name::width;

    #[test]
    fn a_path_reads_well_in_80_columns() {
        let text = to_timeline(&price(), &TextOptions { width: Some(80), ..TextOptions::default() });
        assert!(text.lines().all(|line| width(line) <= 80 && line.trim_end() == line));
        assert_golden("tests/golden/critical-path-80-columns.txt", &text);
    }

    #[test]
    fn a_path_without_length_has_no_sections() {
        let path = CriticalPathDocument { sections: Vec::new(), completion: Vec::new(), ..price() };
        assert!(to_timeline(&path, &TextOptions::default()).contains("0.000  100 %"));
    }
}
