//! Tables as they are read.

use proptest::prelude::*;

use super::*;
use crate::export::document::{EdgeDocument, FLOWS_SCHEMA, LatencyDocument, TouchDocument};
use crate::export::fixture::{any_graph, assert_golden, collapsed, edge, graph, node, range, shop};
use crate::export::name::width;

fn flows() -> FlowsDocument {
    let flow = |name: &str, requests: u64, errors: u64| FlowDocument {
        id: format!("web@shop#prod|{name}"),
        name: name.into(),
        service: "web".into(),
        namespace: "shop".into(),
        environment: "prod".into(),
        requests,
        requests_adjusted: requests as f64,
        errors,
        latency_ms: LatencyDocument {
            count: requests,
            p50: Some(35.0),
            p95: Some(180.0),
            ..Default::default()
        },
        touches: vec![TouchDocument { node: "service:cart@shop#prod".into(), requests }],
        exemplars: Vec::new(),
    };
    let flows = vec![
        flow("GET /cart/{id}", 45_000, 90),
        flow("GET /health\n", 15, 0),
        flow("POST /checkout", 1_800, 126),
    ];
    FlowsDocument { schema: FLOWS_SCHEMA.into(), range: range(), completeness: Default::default(), flows }
}

#[test]
fn small_graphs_are_written_as_agreed() {
    let wide = TextOptions::default();
    assert_golden("tests/golden/graph-shop.txt", &to_text(&shop(), &wide));
    assert_golden("tests/golden/graph-collapsed.txt", &to_text(&collapsed(), &wide));
    let narrow = TextOptions { width: Some(80), limit: Some(4), colour: false };
    assert_golden("tests/golden/graph-shop-80-columns.txt", &to_text(&shop(), &narrow));
    assert_golden("tests/golden/graph-flows.txt", &flows_to_text(&flows(), &wide));
}

#[test]
fn the_graph_of_one_flow_says_so_in_every_format() {
    let mut graph = shop();
    graph.filter.insert("flow".into(), "GET /cart".into());
    graph.edges.iter_mut().for_each(|edge| edge.requests = Some(4_321));
    let text = to_text(&graph, &TextOptions::default());
    assert!(text.starts_with("service graph of the calls of GET /cart, "), "{text}");
    assert!(text.contains("requests") && text.contains("4,321") && !text.contains("p95"), "{text}");
    let svg = crate::export::svg::to_svg(&graph, &Default::default());
    assert!(svg.contains(">Services: the calls of GET /cart<"), "{svg}");
    let dot = crate::export::dot::to_dot(&graph, &Default::default());
    assert!(dot.contains("\"the calls of GET /cart\\l"), "{dot}");
}

#[test]
fn graphs_are_written_for_a_wiki_as_agreed() {
    assert_golden("tests/golden/graph-shop.md", &to_markdown(&shop(), None));
    assert_golden("tests/golden/graph-collapsed.md", &to_markdown(&collapsed(), Some(1)));
    assert!(
        to_markdown(&graph(Vec::new(), Vec::new()), None).ends_with("nothing was seen in this range  \n")
    );
}

#[test]
fn words_go_on_in_the_next_line() {
    let lines = ["other: 57 % of the time".to_owned(), "a".to_owned()];
    let cases = [
        (None, "other: 57 % of the time\na\n"),
        (Some(23), "other: 57 % of the time\na\n"),
        (Some(22), "other: 57 % of the\n  time\na\n"),
        (Some(8), "other:\n  57 %\n  of the\n  time\na\n"),
        (Some(4), "oth…\n  57\n  %\n  of\n  t…\n  t…\na\n"),
    ];
    for (limit, expected) in cases {
        assert_eq!(wrapped(&lines, limit), expected, "{limit:?}");
    }
}

#[test]
fn nothing_is_said_as_nothing() {
    let text = to_text(&graph(Vec::new(), Vec::new()), &TextOptions::default());
    assert!(text.ends_with("nothing was seen in this range\n"), "{text}");
    let empty = FlowsDocument { flows: Vec::new(), ..flows() };
    assert!(
        flows_to_text(&empty, &TextOptions::default()).ends_with("nothing was asked for in this range\n")
    );
}

#[test]
fn nodes_of_one_name_are_told_apart_by_id() {
    let twins = graph(vec![node("service", "cart", "a"), node("service", "cart", "b")], Vec::new());
    let text = to_text(&twins, &TextOptions::default());
    assert!(text.contains("service:cart@a#prod") && text.contains("service:cart@b#prod"), "{text}");
}

#[test]
fn an_operation_stands_beside_its_service() {
    let mut cart = node("service", "cart", "shop");
    cart.operation = Some("GET /cart".into());
    let text = to_text(&graph(vec![cart], Vec::new()), &TextOptions::default());
    assert!(text.contains("cart GET /cart"), "{text}");
}

#[test]
fn operations_that_end_alike_stay_apart_in_80_columns() {
    let at = |service: &str, operation: &str| {
        let mut node = node("service", service, "shop");
        node.id = format!("{service}|{operation}");
        node.operation = Some(operation.into());
        node
    };
    let nodes = vec![
        at("ts-seat-service", "/api/v1/seatservice/seats/left_tickets"),
        at("ts-order-service", "/api/v1/orderservice/order/tickets"),
        at("ts-order-other-service", "/api/v1/orderOtherService/orderOther/tickets"),
    ];
    let edges = [1, 2].map(|callee| edge(&nodes[0], &nodes[callee], "http", [1_386, 0], 5.0)).into();
    let text = to_text(&graph(nodes, edges), &TextOptions { width: Some(80), ..TextOptions::default() });
    let rows: HashSet<&str> = text.lines().filter(|line| line.starts_with("ts-seat-")).collect();
    assert_eq!(rows.len(), 2, "{text}");
    assert!(rows.iter().all(|row| row.contains("_tickets  ts-order-")), "{text}");
}

#[test]
fn colour_changes_nothing_but_colour() {
    let plain = to_text(&shop(), &TextOptions::default());
    let coloured = to_text(&shop(), &TextOptions { colour: true, ..TextOptions::default() });
    assert!(coloured.contains("\x1b[31m6 %\x1b[0m"), "{coloured}");
    let bare =
        ["1", "33", "31", "0"].iter().fold(coloured, |text, code| text.replace(&format!("\x1b[{code}m"), ""));
    assert_eq!(bare, plain);
}

proptest! {
    #[test]
    fn no_name_breaks_a_row_of_markdown(graph in any_graph()) {
        let rows = |text: &str| {
            let cells = |line: &str| line.replace("\\\\", "").replace("\\|", "").matches('|').count();
            text.lines().filter(|line| line.starts_with('|')).map(cells).collect::<Vec<_>>()
        };
        let plain = GraphDocument {
            nodes: graph.nodes.iter().enumerate().map(|(at, named)| NodeDocument {
                name: format!("n{at}"), operation: None, kind: "service".into(), ..named.clone()
            }).collect(),
            edges: graph.edges.iter().map(|edge| EdgeDocument {
                protocol: "http".into(), via: edge.via.iter().map(|_| "x".into()).collect(), ..edge.clone()
            }).collect(),
            ..graph.clone()
        };
        prop_assert_eq!(rows(&to_markdown(&graph, None)), rows(&to_markdown(&plain, None)));
    }

    #[test]
    fn no_name_breaks_a_line_or_the_terminal(graph in any_graph(), limit in 20usize..200) {
        let text = to_text(&graph, &TextOptions { width: Some(limit), ..TextOptions::default() });
        prop_assert!(!text.chars().any(|c| c.is_control() && c != '\n'));
        for line in text.lines() {
            prop_assert!(width(line) <= limit && !line.ends_with(' '), "{limit}: {line:?}");
        }
    }
}
