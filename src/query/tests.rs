//! Answers on a small live graph: levels, filters, focus, aliases, the collapsed view.

mod flow_graph;
mod paths;

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::analyze::{Call, Evidence, Facts, Joined, Tally, Visit};
use crate::config::{Config, SharedConfig};
use crate::graph::LiveGraph;
use crate::model::{Minute, Node, NodeId, NodeKind, Protocol, Sampling, Symbol, Symbols, TraceId};
use crate::store::Timeline;

/// `kind:name@namespace#environment|operation`, as ids are written; the kind is `service` where none is given.
fn node(symbols: &Symbols, text: &str) -> NodeId {
    let (rest, operation) = text.split_once('|').unwrap_or((text, ""));
    let (rest, environment) = rest.split_once('#').unwrap_or((rest, ""));
    let (rest, namespace) = rest.split_once('@').unwrap_or((rest, ""));
    let (kind, name) = rest.split_once(':').unwrap_or(("service", rest));
    let kind = NodeKind::ALL.into_iter().find(|known| known.name() == kind).unwrap();
    let [environment, namespace, name, operation] =
        [environment, namespace, name, operation].map(|text| symbols.intern(text));
    NodeId(symbols.nodes.intern(Node { kind, environment, namespace, name, operation }))
}

fn call(symbols: &Symbols, line: &str) -> Call {
    let words: Vec<&str> = line.split_whitespace().collect();
    Call {
        caller: node(symbols, words[0]),
        callee: node(symbols, words[2]),
        protocol: if words.contains(&"async") { Protocol::Messaging } else { Protocol::Http },
        is_async: words.contains(&"async"),
        evidence: if words.contains(&"inferred") { Evidence::Inferred } else { Evidence::Paired },
        caller_error: words.contains(&"!err"),
        callee_error: false,
        is_first_attempt: true,
        count: 1,
        start: 0,
        caller_ns: Some(5_000_000),
        callee_ns: Some(4_000_000),
        sampling: Sampling::UNKNOWN,
    }
}

/// A live graph of these calls: `caller -> callee [async] [inferred] [!err]`, or `joined producer -> consumer via A B`.
/// A lone name is a service that only worked.
fn live(lines: &str) -> Arc<Timeline> {
    let symbols = Symbols::new(10_000);
    let live = LiveGraph::new(symbols.clone(), &Config::default());
    let mut facts = Facts { trace: TraceId(1), ..Facts::default() };
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if let Some(rest) = line.strip_prefix("joined ") {
            let words: Vec<&str> = rest.split_whitespace().collect();
            let (sent_to, taken_from) = (node(&symbols, words[4]), node(&symbols, words[5]));
            facts.joined.push(Joined { call: call(&symbols, &format!("{rest} async")), sent_to, taken_from });
        } else if line.contains("->") {
            facts.calls.push(call(&symbols, line));
        } else {
            let node = node(&symbols, line);
            facts.visits.push(Visit {
                node,
                version: symbols.intern("v2"),
                is_error: false,
                duration_ns: 1,
                is_called: false,
            });
        }
    }
    let visited: Vec<NodeId> = facts.visits.iter().map(|visit| visit.node).collect();
    for id in visited {
        let service = Node { operation: Symbol::EMPTY, ..symbols.nodes.get(id.0) };
        facts.tallies.push((NodeId(symbols.nodes.intern(service)), Tally { spans: 1, ..Tally::default() }));
    }
    live.writer().record(0, &facts);
    Timeline::in_memory(live, &Config::default())
}

fn all() -> GraphQuery {
    GraphQuery { range: TimeRange::All, ..GraphQuery::default() }
}

fn edges(snapshot: &GraphSnapshot) -> Vec<String> {
    let graph = &snapshot.graph;
    let line = |edge| {
        let (caller, callee) = graph.edge_endpoints(edge).unwrap();
        let entry = &graph[edge];
        let mut line = format!("{} -> {} {}", graph[caller].id, graph[callee].id, entry.stats.calls);
        line += if entry.is_joined { "" } else { " unjoined" };
        if !entry.via.is_empty() { format!("{line} via {}", entry.via.join(" ")) } else { line }
    };
    graph.edge_indices().map(line).collect()
}

fn nodes(snapshot: &GraphSnapshot) -> Vec<String> {
    snapshot.graph.node_weights().map(|node| node.id.clone()).collect()
}

fn check(lines: &str, query: GraphQuery, expected: &[&str]) {
    let snapshot = graph(&live(lines), &query, &SharedConfig::default(), 0).unwrap();
    assert_eq!(edges(&snapshot), expected, "for\n{lines}");
    assert!(nodes(&snapshot).is_sorted(), "nodes are sorted by id");
}

const SHOP: &str = "
    web@shop|/buy -> cart@shop|get
    web@shop|/buy -> cart@shop|get !err
    web@shop|/buy -> cart@shop|put
    cart@shop|get -> database:redis
    cart@shop|put -> pay@money|charge
    pay@money|charge -> external:bank.example
    idle@shop|tick";

#[test]
fn levels_roll_up() {
    check(
        SHOP,
        all(),
        &[
            "service:cart@shop -> database:redis 1",
            "service:cart@shop -> service:pay@money 1",
            "service:pay@money -> external:bank.example 1",
            "service:web@shop -> service:cart@shop 3",
        ],
    );
    let operation = GraphQuery { level: Level::Operation, min_calls: 2, ..all() };
    check(SHOP, operation, &["service:web@shop|/buy -> service:cart@shop|get 2"]);
    let namespace = GraphQuery { level: Level::Namespace, ..all() };
    check(
        SHOP,
        namespace,
        &[
            "namespace:money -> external:bank.example 1",
            "namespace:shop -> database:redis 1",
            "namespace:shop -> namespace:money 1",
        ],
    );
}

#[test]
fn filters_narrow() {
    let money = GraphQuery { namespace: Some("money".into()), ..all() };
    check(
        SHOP,
        money,
        &["service:cart@shop -> service:pay@money 1", "service:pay@money -> external:bank.example 1"],
    );
    check(SHOP, GraphQuery { errors_only: true, ..all() }, &["service:web@shop -> service:cart@shop 3"]);
    let two = "a#prod|x -> b#prod|y\n a#test|x -> b#test|y";
    check(
        two,
        GraphQuery { environment: Some("test".into()), ..all() },
        &["service:a#test -> service:b#test 1"],
    );
}

/// LINK-ISOLATED
#[test]
fn a_service_without_calls_is_on_the_map_unless_edges_are_filtered() {
    let has_idle = |query| {
        nodes(&graph(&live(SHOP), &query, &SharedConfig::default(), 0).unwrap())
            .contains(&"service:idle@shop".to_string())
    };
    assert!(has_idle(all()));
    assert!(!has_idle(GraphQuery { min_calls: 1, ..all() }));
    assert!(!has_idle(GraphQuery { namespace: Some("money".into()), ..all() }));
}

#[test]
fn a_focus_shows_its_surroundings() {
    let around = |direction, hops| GraphQuery { focus: Some("cart".into()), hops, direction, ..all() };
    check(SHOP, around(Direction::Callers, 1), &["service:web@shop -> service:cart@shop 3"]);
    let down = ["service:cart@shop -> database:redis 1", "service:cart@shop -> service:pay@money 1"];
    check(SHOP, around(Direction::Callees, 1), &down);
    let further = [&down[..], &["service:pay@money -> external:bank.example 1"]].concat();
    check(SHOP, around(Direction::Callees, 2), &further);
    let unknown = GraphQuery { focus: Some("cat".into()), ..all() };
    let error = graph(&live(SHOP), &unknown, &SharedConfig::default(), 0).err().unwrap().to_string();
    assert_eq!(error, "no node is called `cat` in this range; did you mean `cart`?");
}

/// LINK-ALIAS
#[test]
fn a_peer_that_reports_itself_is_one_node() {
    let services = "cart@shop|get\n cart@eu|get\n pay@money|charge\n";
    check(
        &format!("{services} web|/ -> external:pay\n web|/ -> external:pay.money.svc.cluster.local"),
        all(),
        &["service:web -> service:pay@money 2"],
    );
    check(
        &format!("{services} web|/ -> external:cart.eu.svc\n web|/ -> external:cart"),
        all(),
        &["service:web -> external:cart 1", "service:web -> service:cart@eu 1"],
    );
    check("pay|charge\n pay|charge -> external:pay", all(), &[]);
    check(
        "pay#prod|charge\n web#test|/ -> external:pay#test",
        all(),
        &["service:web#test -> external:pay#test 1"],
    );
}

#[test]
fn the_collapsed_view_has_exact_counts_or_none() {
    let collapsed = GraphQuery { collapse_messaging: true, ..all() };
    let joined = "
        food|/buy -> messaging:rabbitmq/x async
        messaging:rabbitmq/x -> messaging:rabbitmq/q async
        messaging:rabbitmq/q -> delivery|take async
        messaging:rabbitmq/q -> delivery|take async
        joined food|/buy -> delivery|take via messaging:rabbitmq/x messaging:rabbitmq/q
        joined food|/buy -> delivery|take via messaging:rabbitmq/x messaging:rabbitmq/q";
    check(joined, collapsed.clone(), &["service:food -> service:delivery 2 via rabbitmq/q rabbitmq/x"]);
    let sharing = "
        a|x -> messaging:kafka/t async inferred
        b|x -> messaging:kafka/t async inferred
        messaging:kafka/t -> c|take async inferred
        messaging:kafka/t -> a|take async inferred";
    check(
        sharing,
        collapsed,
        &[
            "service:a -> service:c 0 unjoined via kafka/t",
            "service:b -> service:a 0 unjoined via kafka/t",
            "service:b -> service:c 0 unjoined via kafka/t",
        ],
    );
}

#[test]
fn an_empty_range_says_so() {
    let query = GraphQuery { range: TimeRange::Between { from: 5, to: 5 }, ..all() };
    assert!(matches!(
        graph(&live(SHOP), &query, &SharedConfig::default(), 0),
        Err(QueryError::EmptyRange { .. })
    ));
    let window = GraphQuery::default();
    let later = Minute(1_000).start_nanos();
    assert_eq!(
        graph(&live(SHOP), &window, &SharedConfig::default(), later).unwrap().graph.node_count(),
        0,
        "the window has passed"
    );
}

proptest! {
    #[test]
    fn an_id_says_one_thing_only(
        a in proptest::array::uniform4("[ab@#|%]{0,3}"),
        b in proptest::array::uniform4("[ab@#|%]{0,3}"),
    ) {
        let id = |parts: &[String; 4]| node_id("service", &parts[0], &parts[1], &parts[2], &parts[3]);
        prop_assert_eq!(id(&a) == id(&b), a == b);
    }
}
