//! Answers about critical paths: how flows are called, over which time rates are, and what of a graph is marked.

use super::*;
use crate::analyze::{CallPath, FlowRequest, PathPlace};
use crate::query::flows::{FlowName, find_flow};

const SECOND: u64 = 1_000_000_000;

/// A request of a service's flow `GET /x`, whose critical path leads through these nodes, a millisecond in each.
fn request(symbols: &Symbols, trace: u128, path: &[&str]) -> Facts {
    let nodes: Vec<NodeId> = path.iter().map(|text| node(symbols, text)).collect();
    let place = |(at, node): (usize, &NodeId)| PathPlace {
        parent: (at as u32).checked_sub(1),
        node: *node,
        exclusive_ns: 1_000_000,
        gap_ns: 0,
        retry_ns: 0,
    };
    let places = nodes.iter().enumerate().map(place).collect();
    let service = |id: &NodeId| {
        NodeId(symbols.nodes.intern(Node { operation: Symbol::EMPTY, ..symbols.nodes.get(id.0) }))
    };
    let flow = FlowRequest {
        root: nodes[0],
        name: symbols.intern("GET /x"),
        base: symbols.intern("GET /x"),
        is_error: false,
        duration_ns: nodes.len() as u64 * 1_000_000,
        sampling: Sampling::UNKNOWN,
        touches: nodes.iter().map(service).collect(),
        path: Some(CallPath { sampling: Sampling::UNKNOWN, places }),
        share: None,
    };
    let pair = |ends: &[&str]| call(symbols, &format!("{} -> {}", ends[0], ends[1]));
    let calls = path.windows(2).map(pair).collect();
    Facts { trace: TraceId(trace), calls, flows: vec![flow], ..Facts::default() }
}

/// Two services with a flow of the same name, both over `b` to its database; one request in forty goes another way.
fn two_flows() -> Arc<Timeline> {
    let symbols = Symbols::new(10_000);
    let live = LiveGraph::new(symbols.clone(), &Config::default());
    let mut writer = live.writer();
    for trace in 0..80 {
        let path: &[&str] = match trace {
            0 => &["a|/x", "odd|/slow"],
            1..40 => &["a|/x", "b|/get", "database:db"],
            _ => &["d|/x", "b|/get", "database:db"],
        };
        writer.record(0, &request(&symbols, trace, path));
    }
    Timeline::in_memory(live, &Config::default())
}

fn question() -> PathQuery {
    let flows = FlowQuery { range: TimeRange::All, ..FlowQuery::default() };
    PathQuery { flows, ..PathQuery::default() }
}

#[test]
fn flows_of_one_name_are_told_apart_by_their_services_wherever_they_are_named() {
    let (timeline, config) = (two_flows(), Config::default());
    let find = |flow: &str| {
        let found = flow_path(&timeline, flow, &question(), &config, SECOND);
        found
            .map(|answer| (answer.paths.0.id, answer.paths.0.name.to_string()))
            .map_err(|error| error.to_string())
    };
    let of_a = Ok(("flow:a|GET /x".to_string(), "a GET /x".to_string()));
    assert_eq!((find("flow:a|GET /x"), find("a GET /x")), (of_a.clone(), of_a));
    let several = find("GET /x").unwrap_err();
    assert!(
        several.contains("several have this name: give one of `flow:a|GET /x`, `flow:d|GET /x`"),
        "{several}"
    );
    for (wanted, hint) in [
        ("GEET /y", "did you mean `GET /x`?"),
        ("get", "did you mean `flow:a|GET /x` or `flow:d|GET /x`?"),
        ("d ge", "did you mean `flow:d|GET /x`?"),
        ("checkout", "; it has 2 flows, as `"),
        ("", "; it has 2 flows, as `"),
    ] {
        let error = find(wanted).unwrap_err();
        assert!(error.contains(hint), "{error}");
    }

    let answer = shared_paths(&timeline, &question(), &config.shared, SECOND).unwrap();
    let first = &answer.paths.0.segments[0];
    let names: Vec<&str> = first.flows.iter().map(|flow| &*flow.name).collect();
    assert_eq!(names, ["d GET /x", "a GET /x"], "a has one request that goes elsewhere");
}

#[test]
fn a_flow_is_called_by_the_name_of_its_root_where_only_one_has_it() {
    let flow = |id, service, name| FlowName { id, service, name };
    let flows = [
        flow("1", "gate", "/* > cart /get"),
        flow("2", "admin", "/* > users > db"),
        flow("3", "web", "Recv. > cart"),
        flow("4", "web", "GET /* > cart"),
        flow("5", "web", "GET /*"),
    ];
    let find = |wanted| find_flow(flows.iter().copied(), wanted).map_err(|error| error.to_string());
    assert_eq!(find("Recv."), Ok("3".to_string()));
    assert_eq!((find("gate /*"), find("admin /*")), (Ok("1".to_string()), Ok("2".to_string())));
    assert_eq!(find("GET /*"), Ok("5".to_string()), "its whole name, before what is only a part of one");
    let several = find("/*").unwrap_err();
    assert!(several.contains("several have this name: give one of `1`, `2`"), "{several}");
    assert!(find("cart").is_err() && find("/* > users").is_err(), "only the root's own name counts");
}

#[test]
fn rates_are_over_the_time_in_which_something_could_be_counted() {
    let (timeline, config) = (two_flows(), Config::default());
    for (range, now) in [
        (TimeRange::All, 20 * SECOND),
        (TimeRange::Window(std::time::Duration::from_secs(900)), 20 * SECOND),
        (TimeRange::Between { from: 0, to: 3_600 * SECOND }, 20 * SECOND),
    ] {
        let flows = FlowQuery { range, ..FlowQuery::default() };
        let query = PathQuery { flows, ..question() };
        let view = flow_path(&timeline, "d GET /x", &query, &config, now).unwrap().paths.0;
        assert_eq!(view.per_second, 2.0, "40 requests in 20 s of {range:?}");
    }
}

#[test]
fn a_graph_says_what_lies_on_critical_paths_and_marks_the_usual_one_of_a_flow() {
    let (timeline, config) = (two_flows(), SharedConfig::default());
    let marked = |flow: Option<&str>| {
        let query = GraphQuery { flow: flow.map(str::to_string), ..all() };
        let snapshot = graph(&timeline, &query, &config, SECOND).unwrap();
        let graph = &snapshot.graph;
        let line = |edge| {
            let (caller, callee) = graph.edge_endpoints(edge).unwrap();
            let entry = &graph[edge];
            let flows = entry.on_path.map_or(0, |on_path| on_path.flows);
            let mark = if entry.is_marked { " marked" } else { "" };
            format!("{} > {} {flows}{mark}", graph[caller].name, graph[callee].name)
        };
        graph.edge_indices().map(line).collect::<Vec<_>>()
    };
    assert_eq!(marked(None), ["a > b 1", "a > odd 0", "b > db 2", "d > b 1"]);
    let of_a = ["a > b 1 marked", "a > odd 0", "b > db 2 marked"];
    assert_eq!(marked(Some("a GET /x")), of_a, "what it touches; the odd way is not its path");
    assert_eq!(marked(Some("flow:a|GET /x")), of_a);
}
