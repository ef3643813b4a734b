//! The graph of one flow: its own calls with its own numbers, at every level, whatever other flows call.

use super::*;
use crate::analyze::fixture::spans;
use crate::analyze::{Analyzer, Scope};
use crate::graph::sealed::{Frame, Marks};
use crate::graph::{Bucket, Hashes};
use crate::store::Reading;

const SECOND: u64 = 1_000_000_000;

/// A calls B and C; B calls C only for its own flow. B has a database that only A's flow asks.
const BUY: &str = "
    A server /buy 0..100
      A client b 10..60
        B server /b 20..50
          B client q 22..30 db=mysql/x
      A client c 60..90
        C server /c 65..85";
const SYNC: &str = "
    B server /sync 0..100
      B client c 10..60 !err
        C server /c 20..50
      B client c 60..90
        C server /c 65..85";
const NOTIFY: &str = "
    A server /notify 0..100
      A producer p 60..61 msg=kafka/t
        D consumer take 200..300 msg=kafka/t";
const OTHER_CONSUMER: &str = "
    E consumer poll 0..100 msg=kafka/t";

fn live(traces: &[&str], config: &Config) -> Arc<Timeline> {
    let symbols = Symbols::new(10_000);
    let live = LiveGraph::new(symbols.clone(), config);
    let (mut writer, mut analyzer) = (live.writer(), Analyzer::new(symbols.clone(), config));
    for (id, trace) in (1..).zip(traces) {
        writer.record(0, &analyzer.analyze(TraceId(id), spans(&symbols, trace), Scope::WHOLE));
    }
    Timeline::in_memory(live, config)
}

fn of_flow(flow: &str) -> GraphQuery {
    GraphQuery { flow: Some(flow.to_string()), ..all() }
}

fn answer(timeline: &Timeline, query: &GraphQuery) -> GraphSnapshot {
    graph(timeline, query, &SharedConfig::default(), SECOND).unwrap()
}

fn check_flow(traces: &[&str], query: GraphQuery, expected: &[&str]) {
    assert_eq!(edges(&answer(&live(traces, &Config::default()), &query)), expected, "for {query:?}");
}

#[test]
fn a_flow_has_no_call_that_only_another_one_makes() {
    let traces = [BUY, BUY, SYNC];
    let service = ["service:A -> service:B 2", "service:A -> service:C 2", "service:B -> database:mysql/x 2"];
    check_flow(&traces, of_flow("/buy"), &service);
    check_flow(&traces, of_flow("/sync"), &["service:B -> service:C 2"]);
    check_flow(&traces, of_flow("flow:B|/sync"), &["service:B -> service:C 2"]);
    check_flow(&traces, of_flow("B /sync"), &["service:B -> service:C 2"]);
    check_flow(
        &traces,
        GraphQuery { level: Level::Operation, ..of_flow("/buy") },
        &[
            "service:A|/buy -> service:B|/b 2",
            "service:A|/buy -> service:C|/c 2",
            "service:B|/b -> database:mysql/x 2",
        ],
    );
    let in_namespaces = |trace: &str| {
        let lines =
            trace.lines().filter_map(|line| Some((line, line.split_whitespace().next()?.to_lowercase())));
        lines.map(|(line, namespace)| format!("{line} ns={namespace}\n")).collect::<String>()
    };
    let namespaces = [BUY, SYNC].map(in_namespaces);
    check_flow(
        &namespaces.each_ref().map(String::as_str),
        GraphQuery { level: Level::Namespace, ..of_flow("/buy") },
        &[
            "namespace:a -> namespace:b 1",
            "namespace:a -> namespace:c 1",
            "namespace:b -> database:mysql/x 1",
        ],
    );
}

#[test]
fn all_filters_work_on_the_flows_own_calls() {
    let traces = [BUY, SYNC, SYNC];
    check_flow(&traces, GraphQuery { min_calls: 2, ..of_flow("/buy") }, &[]);
    check_flow(&traces, GraphQuery { errors_only: true, ..of_flow("/buy") }, &[]);
    let failed = GraphQuery { errors_only: true, ..of_flow("/sync") };
    check_flow(&traces, failed, &["service:B -> service:C 4"]);
    let around = GraphQuery { focus: Some("C".into()), ..of_flow("/buy") };
    check_flow(&traces, around, &["service:A -> service:C 1"]);
    let timeline = live(&traces, &Config::default());
    let far = GraphQuery { focus: Some("A".into()), ..of_flow("/sync") };
    let error = graph(&timeline, &far, &SharedConfig::default(), SECOND).err().unwrap().to_string();
    assert!(error.starts_with("no node is called `A` in this range among what the flow calls"), "{error}");
}

#[test]
fn nodes_and_edges_have_the_flows_numbers() {
    let timeline = live(&[BUY, SYNC, SYNC], &Config::default());
    let numbers = |query: &GraphQuery| -> Vec<String> {
        let snapshot = answer(&timeline, query);
        let nodes = snapshot.graph.node_weights();
        nodes.map(|node| format!("{} {} {}", node.name, node.requests, node.errors)).collect()
    };
    assert_eq!(numbers(&of_flow("/buy")), ["mysql/x 1 0", "A 1 0", "B 1 0", "C 1 0"]);
    assert_eq!(numbers(&of_flow("/sync")), ["B 2 0", "C 4 0"], "not B's request of the other flow");
    assert_eq!(numbers(&all()), ["mysql/x 1 0", "A 1 0", "B 3 0", "C 5 0"]);
    let snapshot = answer(&timeline, &of_flow("/sync"));
    let edge = snapshot.graph.edge_weights().next().unwrap();
    assert_eq!((edge.stats.calls, edge.requests, edge.stats.caller_errors), (4, Some(2), 2));
    assert_eq!((edge.stats.caller_latency.count, edge.stats.last_seen), (0, 0), "not known by flow");
    assert!(edge.is_marked, "its critical path is marked as ever");
    let everybody = answer(&timeline, &all());
    assert!(everybody.graph.edge_weights().all(|edge| edge.requests.is_none()));
}

/// At service level one edge may stand for several calls of one request.
#[test]
fn no_more_requests_make_a_call_than_there_are() {
    let twice = "
        A server /x 0..100
          A client b 10..30
            B server /one 15..25
          A client b 30..60
            B server /two 35..55";
    let snapshot = answer(&live(&[twice, twice, twice], &Config::default()), &of_flow("/x"));
    let edge = snapshot.graph.edge_weights().next().unwrap();
    assert_eq!((edge.stats.calls, edge.requests), (6, Some(3)));
}

#[test]
fn messages_of_a_flow_are_joined_by_its_own_pairs_alone() {
    let traces = [NOTIFY, OTHER_CONSUMER];
    check_flow(
        &traces,
        of_flow("/notify"),
        &["messaging:kafka/t -> service:D 1", "service:A -> messaging:kafka/t 1"],
    );
    let collapsed = GraphQuery { collapse_messaging: true, ..of_flow("/notify") };
    check_flow(&traces, collapsed, &["service:A -> service:D 1 via kafka/t"]);
    check_flow(&traces, of_flow("poll"), &["messaging:kafka/t -> service:E 1"]);
    let unjoined = "
        A server /fire 0..100
          A producer p 60..61 msg=kafka/t";
    let collapsed = GraphQuery { collapse_messaging: true, ..of_flow("/fire") };
    check_flow(&[unjoined, OTHER_CONSUMER], collapsed, &[]);
}

#[test]
fn what_is_beyond_the_cap_is_told() {
    let mut config = Config::default();
    config.flows.max_calls = 1;
    let snapshot = answer(&live(&[BUY, BUY], &config), &of_flow("/buy"));
    assert_eq!(snapshot.graph.edge_count(), 1);
    let expected = "4 calls of the flow beyond flows.max_calls are counted but not shown";
    assert!(snapshot.coverage.notes.contains(&expected.to_string()), "{:?}", snapshot.coverage.notes);
}

/// Buckets of before calls were kept by flow: no call is made up for them.
#[test]
fn of_earlier_minutes_the_calls_of_a_flow_are_not_known_and_that_is_told() {
    for (name, notes) in [("bucket-v1-traces", 1), ("bucket-v1-calls", 0)] {
        let path = format!("{}/tests/golden/{name}.bucket", env!("CARGO_MANIFEST_DIR"));
        let bytes = std::fs::read(path).unwrap();
        let (symbols, mut bucket) = (Symbols::new(1_000), Bucket::default());
        let mut hashes = Hashes::new(symbols.clone());
        Frame::open(&bytes).unwrap().add_to_answer(&mut bucket, &mut hashes, &|_| true).unwrap();
        bucket.gaps.clear();
        let reading = Reading {
            bucket,
            from: Minute(0),
            to: Minute(1),
            provisional_from: None,
            is_cut_by_retention: false,
            marks: Marks::default(),
            damaged: Vec::new(),
        };
        let snapshot = select(&reading, &symbols, &of_flow("flow:s1|f0")).unwrap();
        assert_eq!(snapshot.graph.edge_count() > 0, notes == 0, "{name}");
        assert_eq!(snapshot.coverage.notes.len(), notes, "{:?}", snapshot.coverage.notes);
        if let Some(note) = snapshot.coverage.notes.first() {
            assert!(note.contains("the calls are not known by flow"), "{note}");
        }
        assert!(select(&reading, &symbols, &all()).unwrap().graph.edge_count() > 0);
    }
}
