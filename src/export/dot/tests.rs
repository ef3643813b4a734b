//! The real `dot` is the judge: what it draws must be what the document says.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::process::{Command, Stdio};

use percent_encoding::percent_decode_str;
use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::export::fixture::{any_graph, any_name, assert_golden, collapsed, edge, graph, node, shop};
use crate::export::name::{shorten, visible};
use crate::export::words::LABEL_COLUMNS;

/// Lays the graph out and gives it back as Graphviz understood it.
fn draw(dot: &str) -> Value {
    let mut child = Command::new("dot")
        .arg("-Tjson")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("this test needs Graphviz: apt-get install graphviz");
    // dot reads all of its input before it writes.
    child.stdin.take().unwrap().write_all(dot.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && complaints.is_empty(), "dot: {complaints}\n{dot}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn objects(drawn: &Value) -> &[Value] {
    drawn["objects"].as_array().map_or(&[], Vec::as_slice)
}

fn decoded(name: &Value) -> String {
    percent_decode_str(name.as_str().unwrap()).decode_utf8().unwrap().into_owned()
}

/// The lines of text that are drawn for an object.
fn drawn_text(object: &Value) -> Vec<String> {
    let operations = object["_ldraw_"].as_array().map_or(&[][..], Vec::as_slice);
    operations.iter().filter(|op| op["op"] == "T").map(|op| op["text"].as_str().unwrap().to_owned()).collect()
}

fn shown(name: &str) -> String {
    shorten(&visible(name), LABEL_COLUMNS).into_owned()
}

fn check_round_trip(document: &GraphDocument) {
    let drawn = draw(&to_dot(document, &DotOptions { labels: EdgeLabels::On }));
    let nodes: BTreeMap<String, &Value> = objects(&drawn)
        .iter()
        .filter(|object| object.get("nodes").is_none() && object.get("subgraphs").is_none())
        .map(|object| (decoded(&object["name"]), object))
        .collect();
    assert_eq!(nodes.len(), document.nodes.len());
    for node in &document.nodes {
        let mut expected = vec![shown(&node.name)];
        expected.extend(node.operation.as_deref().map(shown));
        assert_eq!(drawn_text(nodes[&node.id]), expected, "{}", node.id);
    }
    let name = |gvid: &Value| decoded(&objects(&drawn)[gvid.as_u64().unwrap() as usize]["name"]);
    let edges = drawn["edges"].as_array().map_or(&[][..], Vec::as_slice);
    let mut drawn_edges: Vec<_> =
        edges.iter().map(|edge| (name(&edge["tail"]), name(&edge["head"]))).collect();
    let mut expected: Vec<_> = document.edges.iter().map(|e| (e.caller.clone(), e.callee.clone())).collect();
    drawn_edges.sort();
    expected.sort();
    assert_eq!(drawn_edges, expected);
}

proptest! {
    // Each case starts a process; each has many names.
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn any_document_comes_back_from_dot(graph in any_graph()) {
        check_round_trip(&graph);
    }

    #[test]
    fn any_name_comes_back_from_dot(names in proptest::collection::btree_set(any_name(), 40..60)) {
        let names: Vec<String> = names.into_iter().collect();
        let nodes: Vec<_> = names.iter().map(|name| node("service", name, name)).collect();
        let edges: Vec<_> = nodes.windows(2).map(|pair| {
            let mut edge = edge(&pair[0], &pair[1], "messaging", [1, 0], 1.0);
            edge.via = vec![pair[0].name.clone()];
            edge
        }).collect();
        let document = graph(nodes, edges);
        check_round_trip(&document);
        let drawn = draw(&to_dot(&document, &DotOptions::default()));
        let clusters: BTreeSet<(String, Vec<String>)> = objects(&drawn).iter()
            .filter(|object| object.get("nodes").is_some())
            .map(|object| (decoded(&object["name"]), drawn_text(object)))
            .collect();
        let expected = names.iter().map(|name| (format!("cluster_{name}#"), vec![shown(name)])).collect();
        prop_assert_eq!(clusters, expected);
        let vias: BTreeSet<String> = drawn["edges"].as_array().unwrap().iter().map(|e| drawn_text(e)[0].clone()).collect();
        let expected = names[..names.len() - 1].iter().map(|name| format!("via {}", shown(name))).collect();
        prop_assert_eq!(vias, expected);
    }
}

#[test]
fn small_graphs_are_drawn_as_agreed() {
    for (path, document) in
        [("tests/golden/graph-shop.dot", shop()), ("tests/golden/graph-collapsed.dot", collapsed())]
    {
        let dot = to_dot(&document, &DotOptions::default());
        assert_golden(path, &dot);
        draw(&dot);
    }
}

#[test]
fn an_empty_graph_is_still_a_graph() {
    let drawn = draw(&to_dot(&graph(Vec::new(), Vec::new()), &DotOptions::default()));
    assert_eq!(drawn_text(&drawn), ["2024-12-11 10:00 to 10:15 UTC · 0 nodes, 0 edges"]);
}

#[test]
fn labels_end_where_they_would_be_too_many() {
    let [a, b] = ["a", "b"].map(|name| node("service", name, ""));
    let labelled = |edges: usize, labels: EdgeLabels| {
        let edges = (0..edges).map(|n| edge(&a, &b, &format!("p{n}"), [1, 0], 1.0)).collect();
        let dot = to_dot(&graph(vec![a.clone(), b.clone()], edges), &DotOptions { labels });
        dot.contains("label=\"4/h")
    };
    let cases = [
        (60, EdgeLabels::Auto, true),
        (61, EdgeLabels::Auto, false),
        (61, EdgeLabels::On, true),
        (1, EdgeLabels::Off, false),
    ];
    for (edges, labels, expected) in cases {
        assert_eq!(labelled(edges, labels), expected, "{edges} {labels:?}");
    }
}

#[test]
fn environments_have_their_own_clusters_only_where_there_are_several() {
    let mut nodes = vec![node("service", "cart", "shop"), node("service", "mail", "")];
    let one = to_dot(&graph(nodes.clone(), Vec::new()), &DotOptions::default());
    assert_eq!(one.matches("subgraph").count(), 1);
    assert!(one.contains("subgraph \"cluster_shop#\" {"), "{one}");
    nodes[1].environment = "test".into();
    let two = to_dot(&graph(nodes, Vec::new()), &DotOptions::default());
    assert!(two.contains("subgraph \"cluster_shop#prod\" {") && two.contains("\"shop · prod\""), "{two}");
    assert!(two.contains("subgraph \"cluster_#test\" {"), "{two}");
}
