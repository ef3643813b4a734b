//! Call paths as tables: a trace, one span a line, and the tree that comes out, times in milliseconds.

use super::*;
use crate::analyze::fixture::spans;
use crate::analyze::{CallPath, Scope};
use crate::model::{NodeKind, Sampling, TraceId};

/// The paths of the trace's roots, by their ids.
fn paths(symbols: &Arc<Symbols>, spans: Vec<Span>, scope: Scope) -> Vec<Option<CallPath>> {
    let facts = Analyzer::new(symbols.clone(), &Config::default()).analyze(TraceId(1), spans, scope);
    facts.flows.into_iter().map(|flow| flow.path).collect()
}

/// A place a line, indented by its depth: node, own time, gap, retry.
fn lines(symbols: &Symbols, path: &CallPath) -> Vec<String> {
    let mut depths: Vec<usize> = Vec::new();
    let mut lines = Vec::new();
    for place in &path.places {
        let depth = place.parent.map_or(0, |parent| depths[parent as usize] + 1);
        depths.push(depth);
        let node = symbols.nodes.get(place.node.0);
        let mut line = format!("{}{}", "  ".repeat(depth), symbols.text(node.name));
        if node.kind == NodeKind::Service {
            line.push_str(&format!(":{}", symbols.text(node.operation)));
        }
        for (name, ns) in [("own", place.exclusive_ns), ("gap", place.gap_ns), ("retry", place.retry_ns)] {
            if ns > 0 {
                line.push_str(&format!(" {name} {}", ns / MS));
            }
        }
        lines.push(line);
    }
    lines
}

fn check_paths(trace: &str, expected: &[&str]) {
    let symbols = Symbols::new(10_000);
    let spans = spans_after(&symbols, BASE_MS, trace);
    let paths = paths(&symbols, spans, Scope::WHOLE);
    let found: Vec<String> = paths.iter().flatten().flat_map(|path| lines(&symbols, path)).collect();
    assert_eq!(found, expected, "for\n{trace}");
}

#[test]
fn worked_example_by_calling_context() {
    check_paths(
        CHECKOUT,
        &[
            "A:checkout own 15 retry 4",
            "  B:cart own 8 gap 6",
            "    mysql/cart own 16",
            "  C:price own 26 gap 8",
            "  E:pay own 11 gap 9 retry 8",
            "  kafka/orders own 1",
        ],
    );
}

#[test]
fn a_node_has_a_place_for_each_chain_of_calls_to_it() {
    check_paths(
        "
        A server a 0..100
          A client x 0..50
            B server b 10..40
              B client y 10..40
                D server d 10..40
          A client z 50..90
            D server d 50..90
          A client z 90..100
            D server d 90..100",
        &["A:a", "  B:b gap 20", "    D:d own 30", "  D:d own 50"],
    );
}

#[test]
fn calls_of_a_node_to_itself_add_nothing_to_the_chain() {
    check_paths(
        "
        A server a 0..100
          A client self 10..90
            A server a 20..80
              A client x 30..70
                B server b 40..60",
        &["A:a own 40 gap 20", "  B:b own 20 gap 20"],
    );
}

#[test]
fn local_spans_belong_to_the_node_they_run_in() {
    check_paths(
        "
        A server a 0..100
          A internal work 10..90
            A client x 20..80
              B server b 30..60
                B internal more 30..60",
        &["A:a own 40", "  B:b own 30 gap 30"],
    );
}

#[test]
fn what_was_called_is_named_by_the_innermost_span_that_knows() {
    // An SDK around an HTTP client that names no peer, and a call that nobody knows anything of.
    check_paths(
        "
        A server a 0..100
          A client sdk 10..50 db=mysql/cart
            A client http 20..40
          A client nobody 60..80",
        &["A:a own 80", "  mysql/cart own 20"],
    );
}

#[test]
fn a_gap_is_the_callees_that_the_path_enters_next_else_of_the_one_it_left() {
    check_paths(
        "
        A server a 0..100
          A client all 0..100
            B server b 10..30
            C server c 50..80",
        &["A:a", "  B:b own 20 gap 10", "  C:c own 30 gap 40"],
    );
}

#[test]
fn a_gap_without_a_unit_beside_it_is_that_of_whoever_answered() {
    // The callee hangs under a span inside of the call.
    check_paths(
        "
        A server a 0..100
          A client x 0..100
            A internal wait 20..80
              B server b 20..80",
        &["A:a", "  B:b own 60 gap 40"],
    );
    // It is not waited for: it outlives the call, and both went well.
    check_paths(
        "
        A server a 0..100
          A client x 0..100
            B internal b 50..160",
        &["A:a", "  B:b gap 100"],
    );
}

#[test]
fn messages_are_handed_over_to_their_destination() {
    // The sending span was preceded by one that creates the message; the consumer is not waited for.
    check_paths(
        "
        A server a 0..100
          A producer create 0..10 msg=kafka/t op=create
          A producer send 10..30 msg=kafka/t op=send
            B consumer take 40..140 msg=kafka/t",
        &["A:a own 70", "  kafka/t own 30"],
    );
    // An exchange feeds the consumer's queue; the producer waits for the exchange.
    check_paths(
        "
        A server a 0..100
          A producer send 10..30 msg=rabbitmq/exchange
            B consumer take 40..140 msg=rabbitmq/queue",
        &["A:a own 80", "  rabbitmq/exchange own 20"],
    );
    // Only the consumer says where the message went.
    check_paths(
        "
        A server a 0..100
          A producer send 10..30
            B consumer take 40..140 msg=kafka/t",
        &["A:a own 80", "  kafka/t own 20"],
    );
}

#[test]
fn every_root_has_a_path_of_its_own() {
    let symbols = Symbols::new(10_000);
    let trace = "
        A server a 0..100
          A client x 0..50
            B server b 0..50
        C server c 10..60
          C client x 10..20
            B server b 10..20";
    let found = paths(&symbols, spans(&symbols, trace), Scope::WHOLE);
    let of = |at: usize| lines(&symbols, found[at].as_ref().unwrap());
    assert_eq!(of(0), ["A:a own 50", "  B:b own 50"]);
    assert_eq!(of(1), ["C:c own 40", "  B:b own 10"]);
}

#[test]
fn what_lies_deeper_than_the_limit_counts_at_the_last_place() {
    let mut trace = String::new();
    for depth in 0..40 {
        let (indent, start, end) = (" ".repeat(depth), depth, 100 - depth);
        trace.push_str(&format!("{indent}S{depth} server work {start}..{end}\n"));
    }
    let symbols = Symbols::new(10_000);
    let found = paths(&symbols, spans(&symbols, &trace), Scope::WHOLE);
    let places = &found[0].as_ref().unwrap().places;
    assert_eq!(places.len(), CallPath::MAX_DEPTH);
    let own: Vec<u64> = places.iter().map(|place| place.exclusive_ns / MS).collect();
    assert_eq!(own[..31], [2; 31]);
    assert_eq!(own[31], 100 - 2 * 31);
}

#[test]
fn a_trace_with_holes_has_no_path() {
    let symbols = Symbols::new(10_000);
    let whole = spans(&symbols, "A server a 0..100\n  A client x 0..50\n    B server b 0..50");
    assert!(paths(&symbols, whole.clone(), Scope::WHOLE)[0].is_some());
    let cut = Scope { is_cut: true, ..Scope::WHOLE };
    assert_eq!(paths(&symbols, whole.clone(), cut), [None]);
    // One orphan in twenty spans is 5 %; in nineteen it is more.
    let orphan = Span { id: SpanId(99), parent: SpanId(98), ..whole[2].clone() };
    for (others, is_profiled) in [(19, true), (18, false)] {
        let mut spans: Vec<Span> =
            (0..others - 3).map(|n| Span { id: SpanId(10 + n), ..whole[2].clone() }).collect();
        spans.extend(whole.iter().cloned());
        spans.push(orphan.clone());
        assert_eq!(paths(&symbols, spans, Scope::WHOLE)[0].is_some(), is_profiled, "{others}");
    }
}

#[test]
fn a_path_weighs_what_all_of_its_spans_stand_for() {
    let symbols = Symbols::new(10_000);
    let trace = "
        A server a 0..100 th=0
          A client x 0..50 th=0
            B server b 10..40 th=8
          A client beside 0..10 th=0
            C server c 0..10 th=c";
    let path = paths(&symbols, spans(&symbols, trace), Scope::WHOLE).remove(0).unwrap();
    assert_eq!(path.sampling, Sampling::from_threshold(1 << 55), "C is off the path");
}
