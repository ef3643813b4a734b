//! Critical paths as tables: a trace, one span a line, and the sections that come out, times in milliseconds.

mod call_paths;
mod laws;
mod oracle;

use std::sync::Arc;

use super::*;
use crate::analyze::Analyzer;
use crate::analyze::fixture::{CHECKOUT, spans_after};
use crate::config::Config;
use crate::model::{Span, SpanId, SpanKind, Symbols};

/// Times of the traces count from here, so that a clock may be behind.
const BASE_MS: i64 = 1_000;
const MS: u64 = 1_000_000;

struct Checked {
    path: CriticalPath,
    symbols: Arc<Symbols>,
}

fn path(trace: &str) -> Checked {
    let symbols = Symbols::new(10_000);
    let spans = spans_after(&symbols, BASE_MS, trace);
    let path = Analyzer::new(symbols.clone(), &Config::default()).critical_path(spans);
    Checked { path: path.expect("there are spans"), symbols }
}

impl Checked {
    fn line(&self, section: &Section) -> String {
        let ms = |at: u64| {
            let since = at as i64 - BASE_MS * MS as i64;
            let (whole, rest) = (since / MS as i64, since % MS as i64);
            if rest == 0 {
                whole.to_string()
            } else {
                format!("{whole}.{rest:06}").trim_end_matches('0').to_string()
            }
        };
        let (service, operation) = (self.symbols.text(section.service), self.symbols.text(section.operation));
        let kind = match section.kind {
            SectionKind::Exclusive => "own",
            SectionKind::Gap(Leg::Request) => "request",
            SectionKind::Gap(Leg::Response) => "response",
            SectionKind::Gap(Leg::Unknown) => "gap",
            SectionKind::Queue => "queue",
            SectionKind::Remote => "remote",
            SectionKind::Send => "send",
        };
        let retry = if section.is_retry { " retry" } else { "" };
        format!("{}..{} {service}:{operation} {kind}{retry}", ms(section.start), ms(section.end))
    }

    fn response(&self) -> Vec<String> {
        self.path.response.iter().map(|section| self.line(section)).collect()
    }

    fn completion(&self) -> Vec<String> {
        self.path.completion.iter().map(|section| self.line(section)).collect()
    }

    fn sum_ms(&self, is_counted: impl Fn(&Self, &Section) -> bool) -> u64 {
        let counted = self.path.response.iter().filter(|section| is_counted(self, section));
        counted.map(Section::duration_ns).sum::<u64>() / MS
    }

    /// Milliseconds of this kind of time in the operation of a node.
    fn of(&self, operation: &str, is_kind: fn(SectionKind) -> bool) -> u64 {
        self.sum_ms(|checked, section| {
            &*checked.symbols.text(section.operation) == operation && is_kind(section.kind)
        })
    }
}

fn check(trace: &str, expected: &[&str]) {
    assert_eq!(path(trace).response(), expected, "for\n{trace}");
}

fn check_flags(trace: &str, expected: &[Flag]) {
    assert_eq!(path(trace).path.flags, expected, "for\n{trace}");
}

#[test]
fn worked_example() {
    let checked = path(CHECKOUT);
    assert_eq!(
        checked.response(),
        [
            "0..5 A:checkout own",
            "5..8 A:a1 request",
            "8..12 B:cart own",
            "12..28 B:query remote",
            "28..32 B:cart own",
            "32..35 A:a1 response",
            "35..36 A:checkout own",
            "36..40 A:a2 gap",
            "40..66 C:price own",
            "66..70 A:a2 gap",
            "70..72 A:checkout own",
            "72..75 A:a4 request retry",
            "75..78 E:pay own retry",
            "78..80 A:a4 response retry",
            "80..84 A:checkout own retry",
            "84..86 A:a5 request",
            "86..94 E:pay own",
            "94..96 A:a5 response",
            "96..97 A:p send",
            "97..100 A:checkout own",
        ]
    );
    let own = |operation| checked.of(operation, |kind| kind == SectionKind::Exclusive);
    assert_eq!(["checkout", "cart", "price", "pay", "reco"].map(own), [15, 8, 26, 11, 0]);
    let gap = |operation| checked.of(operation, |kind| matches!(kind, SectionKind::Gap(_)));
    assert_eq!((gap("a1"), gap("a2"), gap("a3"), gap("a4") + gap("a5")), (6, 8, 0, 9));
    assert_eq!(checked.of("query", |kind| kind == SectionKind::Remote), 16);
    assert_eq!(checked.of("p", |kind| kind == SectionKind::Send), 1);
    assert_eq!(checked.sum_ms(|_, _| true), 100);
    assert_eq!(checked.sum_ms(|_, section| section.is_retry), 12);
    assert_eq!(checked.path.flags, [Flag::SkewCorrected]);
}

#[test]
fn worked_example_goes_on_to_the_consumer_after_the_response() {
    let completion = path(CHECKOUT).completion();
    assert_eq!(
        completion[completion.len() - 4..],
        ["94..96 A:a5 response", "96..97 A:p send", "97..130 F:ship queue", "130..170 F:ship own",]
    );
    assert_eq!(completion[0], "0..5 A:checkout own");
}

#[test]
fn back_to_back_siblings_with_equal_timestamps_are_both_on_the_path() {
    check(
        "A server a 0..20
           A internal b 0..10
           A internal c 10..20",
        &["0..10 A:b own", "10..20 A:c own"],
    );
}

#[test]
fn zero_length_spans_take_no_time_and_cut_nothing() {
    check(
        "A server a 0..20
           A internal b 0..0
           A internal c 10..10
           A internal d 20..20",
        &["0..20 A:a own"],
    );
    check("A server a 5..5", &[]);
}

#[test]
fn of_parallel_children_the_last_to_end_counts_and_of_equal_ones_the_longest() {
    check(
        "A server a 0..20
           A internal short 8..15
           A internal long 2..15
           A internal early 1..14",
        &["0..2 A:a own", "2..15 A:long own", "15..20 A:a own"],
    );
}

#[test]
fn a_small_overlap_is_jitter_and_is_cut() {
    check(
        "A server a 0..1000
           A internal b 0..501
           A internal c 500..1000",
        &["0..500 A:b own", "500..1000 A:c own"],
    );
    check(
        "A server a 0..1000
           A internal b 0..502
           A internal c 500..1000",
        &["0..500 A:a own", "500..1000 A:c own"],
    );
}

#[test]
fn a_cut_of_a_span_cuts_its_children_too() {
    check(
        "A server a 0..1000
           A internal b 451..501
             A internal inner 460..501
           A internal c 500..1000",
        &["0..451 A:a own", "451..460 A:b own", "460..500 A:inner own", "500..1000 A:c own"],
    );
}

#[test]
fn what_outlives_its_caller_is_not_waited_for() {
    let checked = path(
        "A server a 0..100
           A internal audit 90..150
           A client fire 95..160",
    );
    assert_eq!(checked.response(), ["0..100 A:a own"]);
    assert_eq!(checked.completion(), ["0..95 A:a own", "95..160 A:fire remote"]);
}

#[test]
fn a_server_that_outlives_its_client_is_clamped() {
    check(
        "A server a 0..100 host=h
           A client ask 10..50 host=h
             B server b 5..90 host=h",
        &["0..10 A:a own", "10..50 B:b own", "50..100 A:a own"],
    );
}

#[test]
fn a_caller_that_gave_up_had_waited() {
    let trace = "A server a 0..100 !err host=h
           A internal step 10..50 !err host=h
             A internal slow 20..90 host=h";
    check(trace, &["0..10 A:a own", "10..20 A:step own", "20..50 A:slow own", "50..100 A:a own"]);
    check_flags(trace, &[Flag::Abandoned]);
}

#[test]
fn a_consumer_is_never_waited_for_even_within_its_producer() {
    let checked = path(
        "A server a 0..100 host=h
           A producer send 10..90 host=h
             B consumer take 20..80 host=h",
    );
    assert_eq!(checked.response(), ["0..10 A:a own", "10..90 A:send send", "90..100 A:a own"]);
    assert_eq!(checked.completion(), [""; 0], "it ended before the response");
}

#[test]
fn a_pipeline_completes_through_all_its_messages() {
    let checked = path(
        "A server a 0..20 host=h
           A internal beside 5..19 host=h
           A producer one 8..10 host=h
             B consumer b 30..60 host=h
               B internal work 31..40 host=h
               B producer two 45..47 host=h
                 C consumer c 50..90 host=h",
    );
    assert_eq!(
        checked.completion(),
        [
            "0..8 A:a own",
            "8..10 A:one send",
            "10..30 B:b queue",
            "30..31 B:b own",
            "31..40 B:work own",
            "40..45 B:b own",
            "45..47 B:two send",
            "47..50 C:c queue",
            "50..90 C:c own",
        ]
    );
    assert_eq!(checked.response()[1], "5..19 A:beside own", "the response path is another one");
}

#[test]
fn clocks_of_a_pair_are_corrected_by_all_its_calls_together() {
    // The first call allows offsets from 90 to 110, the second from 99 to 101: 100.
    let checked = path(
        "A server a 0..100 host=h1
           A client first 10..40 host=h1
             B server b 120..130 host=h2
           A client second 50..60 host=h1
             B server b 151..159 host=h2",
    );
    assert_eq!(
        checked.response(),
        [
            "0..10 A:a own",
            "10..20 A:first gap",
            "20..30 B:b own",
            "30..40 A:first gap",
            "40..50 A:a own",
            "50..51 A:second gap",
            "51..59 B:b own",
            "59..60 A:second gap",
            "60..100 A:a own",
        ]
    );
    assert_eq!(checked.path.flags, [Flag::SkewCorrected]);
}

#[test]
fn where_calls_contradict_each_other_each_is_corrected_for_itself() {
    let checked = path(
        "A server a 0..100 host=h1
           A client first 10..20 host=h1
             B server b 111..119 host=h2
           A client second 50..60 host=h1
             B server b 51..59 host=h2",
    );
    let response = checked.response();
    assert_eq!(response[1..4], ["10..11 A:first gap", "11..19 B:b own", "19..20 A:first gap"]);
    assert_eq!(
        response[5..8],
        ["50..51 A:second request", "51..59 B:b own", "59..60 A:second response"],
        "a call that contradicts nothing is not touched"
    );
    assert_eq!(checked.path.flags, [Flag::SkewCorrected, Flag::Drift]);
}

#[test]
fn a_timeout_is_no_skew_where_other_calls_say_so() {
    // The second call alone would allow offsets from 22 to 25, the first one from -1 to 1.
    let checked = path(
        "A server a 0..100 host=h1
           A client first 0..10 host=h1
             B server b 1..9 host=h2
           A client second 20..50 host=h1 !err
             B server b 45..72 host=h2",
    );
    assert_eq!(checked.response()[4..6], ["20..45 A:second request", "45..50 B:b own"]);
    assert_eq!(checked.path.flags, [Flag::Abandoned]);
}

#[test]
fn nothing_begins_before_its_cause() {
    let checked = path(
        "A server a 0..10 host=h1
           A producer send 4..5 host=h1
             B consumer take 2..22 host=h2",
    );
    assert_eq!(checked.completion(), ["0..4 A:a own", "4..24 B:take own"]);
    assert_eq!(checked.path.flags, [Flag::SkewCorrected]);
}

#[test]
fn without_client_spans_the_order_depends_on_clocks() {
    let trace = "A server a 0..100 host=h1
           B server b 10..40 host=h2
           C server c 50..90 host=h3";
    check_flags(trace, &[Flag::SkewSensitive]);
    check_flags(&trace.replace("h2", "h1").replace("h3", "h1"), &[]);
}

#[test]
fn of_clients_around_each_other_the_innermost_is_the_call() {
    check(
        "A server a 0..100
           A client S3.PutObject 10..60 svc=s3
             A client PUT 20..50 ext=s3.example.com",
        &[
            "0..10 A:a own",
            "10..20 A:S3.PutObject own",
            "20..50 A:PUT remote",
            "50..60 A:S3.PutObject own",
            "60..100 A:a own",
        ],
    );
}

#[test]
fn the_time_between_attempts_counts_as_retry_through_wrapping_spans() {
    let checked = path(
        "A server a 0..100
           A internal attempt 10..30
             A client get 12..28 db=redis !err
           A internal attempt 40..60
             A client get 44..58 db=redis",
    );
    let lines = checked.response();
    let retries: Vec<&str> = lines.iter().filter_map(|line| line.strip_suffix(" retry")).collect();
    assert_eq!(
        retries,
        ["12..28 A:get remote", "28..30 A:attempt own", "30..40 A:a own", "40..44 A:attempt own"]
    );
}

#[test]
fn loops_and_missing_parents_leave_the_root_its_path() {
    let trace = "A server a 0..10
           A internal b 2..8
         X internal lost 0..50 orphan
         Y internal loop 0..60 parent=5
         Y internal loop 0..60 parent=4";
    check(trace, &["0..2 A:a own", "2..8 A:b own", "8..10 A:a own"]);
    check_flags(trace, &[Flag::Incomplete]);
}

#[test]
fn without_a_root_the_first_orphan_stands_for_it() {
    let trace = "A server a 3..10 orphan\nB server b 1..9 orphan";
    check(trace, &["1..9 B:b own"]);
    check_flags(trace, &[Flag::Incomplete]);
}

#[test]
fn of_several_roots_the_first_has_the_path() {
    let trace = "A server a 3..10\nB server b 1..9";
    check(trace, &["1..9 B:b own"]);
    check_flags(trace, &[Flag::SeveralRoots]);
}

#[test]
fn no_spans_have_no_path() {
    let symbols = Symbols::new(100);
    assert_eq!(Analyzer::new(symbols, &Config::default()).critical_path(Vec::new()), None);
}

fn plain(id: u64, parent: u64, start: u64, end: u64) -> Span {
    let kind = SpanKind::Internal;
    Span { id: SpanId(id), parent: SpanId(parent), start, end, kind, ..Span::default() }
}

fn analyzed(spans: Vec<Span>) -> Vec<Section> {
    let path = Analyzer::new(Symbols::new(100), &Config::default()).critical_path(spans);
    path.expect("there are spans").response
}

#[test]
fn a_star_of_100_000_spans() {
    let count = 100_000;
    let children = (1..=count).map(|n| plain(n + 1, 1, 10 * n, 10 * n + 5));
    let sections = analyzed(std::iter::once(plain(1, 0, 0, 10 * count + 10)).chain(children).collect());
    assert_eq!(sections.len() as u64, 2 * count + 1);
}

#[test]
fn a_chain_of_100_000_spans() {
    let count = 100_000;
    let sections = analyzed((0..count).map(|n| plain(n + 1, n, n, 2 * count - n)).collect());
    assert_eq!(sections.len() as u64, 2 * count - 1);
}
