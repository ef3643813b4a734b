//! Pictures as agreed, and as XML whatever the names are.

use proptest::prelude::*;

use super::*;
use crate::export::document::OnPathDocument;
use crate::export::fixture::{
    any_graph, assert_golden, assert_well_formed, collapsed, edge, graph, node, shop,
};

/// The same with critical paths on two edges and a node.
fn critical(document: &GraphDocument) -> GraphDocument {
    let mut document = document.clone();
    let on_path = OnPathDocument {
        flows: 4,
        share: 0.12,
        score: 0.69,
        effective_flows: 4.3,
        through: 0.9,
        marked: true,
    };
    let own =
        OnPathDocument { flows: 1, effective_flows: 1.0, score: 0.0, through: 0.1, marked: false, ..on_path };
    document.edges[0].critical = Some(on_path);
    document.edges[1].critical = Some(own);
    let callee = document.edges[0].callee.clone();
    let node = document.nodes.iter_mut().find(|node| node.id == callee).unwrap();
    node.critical = Some(on_path);
    document
}

#[test]
fn small_graphs_are_drawn_as_agreed() {
    let shop = shop();
    let with_paths = critical(&shop);
    let with_links = SvgOptions {
        node_href: Some("/api/v1/graph.svg?level=service&focus=".into()),
        ..SvgOptions::default()
    };
    for (path, document, options) in [
        ("tests/golden/graph-shop.svg", &shop, &SvgOptions::default()),
        ("tests/golden/graph-critical.svg", &with_paths, &with_links),
        ("tests/golden/graph-collapsed.svg", &collapsed(), &SvgOptions::default()),
    ] {
        let svg = to_svg(document, options);
        assert_well_formed(&svg);
        assert_golden(path, &svg);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_document_is_drawn_as_xml_with_all_its_names(document in any_graph()) {
        let svg = to_svg(&document, &SvgOptions { labels: EdgeLabels::On, ..SvgOptions::default() });
        assert_well_formed(&svg);
        for node in &document.nodes {
            prop_assert!(svg.contains(&format!("<title>{}", paper::escaped(&node.id))), "{}", node.id);
        }
        prop_assert_eq!(svg.matches("<g class=\"n").count() >= document.nodes.len(), true);
        prop_assert_eq!(svg.matches(" · Neff ").count(), 0);
    }

    #[test]
    fn the_order_of_the_document_changes_nothing(document in any_graph(), seed in any::<u64>()) {
        // Equal edges are told apart by nothing: one of each.
        let mut document = document;
        document.edges.sort_by(|a, b| (&a.caller, &a.callee, &a.protocol, a.is_async).cmp(&(&b.caller, &b.callee, &b.protocol, b.is_async)));
        document.edges.dedup_by(|a, b| (&a.caller, &a.callee, &a.protocol, a.is_async) == (&b.caller, &b.callee, &b.protocol, b.is_async));
        let mut other = document.clone();
        let nodes = other.nodes.len().max(1);
        other.nodes.rotate_left(seed as usize % nodes);
        other.edges.reverse();
        prop_assert_eq!(to_svg(&document, &SvgOptions::default()), to_svg(&other, &SvgOptions::default()));
    }
}

#[test]
fn hostile_names_stay_text() {
    let evil = "</title><script>alert(1)</script>\"'&\u{202e}";
    let [a, b] = [node("service", evil, evil), node("database", "b", "")];
    let mut call = edge(&a, &b, evil, [10, 1], 1.0);
    call.via = vec![evil.to_owned()];
    let mut document = graph(vec![a, b], vec![call]);
    document.filter.insert("env".into(), evil.into());
    document.completeness.notes.push(evil.into());
    let options = SvgOptions { node_href: Some("javascript:\"><script>".into()), ..SvgOptions::default() };
    let svg = to_svg(&document, &options);
    assert_well_formed(&svg);
    assert!(!svg.contains("<script") && !svg.contains('\u{202e}'), "{svg}");
}

#[test]
fn labels_end_where_they_would_be_too_many() {
    let [a, b] = ["a", "b"].map(|name| node("service", name, ""));
    let labelled = |edges: usize, labels: EdgeLabels| {
        let edges = (0..edges).map(|n| edge(&a, &b, &format!("p{n:03}"), [1, 0], 1.0)).collect();
        let document = graph(vec![a.clone(), b.clone()], edges);
        to_svg(&document, &SvgOptions { labels, ..SvgOptions::default() }).contains("class=\"t halo")
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
fn namespaces_are_shown_where_there_are_several() {
    let nodes = vec![node("service", "cart", "shop"), node("service", "pay", "shop")];
    let shown = |nodes: &Vec<NodeDocument>| to_svg(&graph(nodes.clone(), Vec::new()), &SvgOptions::default());
    assert!(!shown(&nodes).contains(">shop</text>"));
    let mut nodes = nodes;
    nodes[1].namespace = "money".into();
    assert!(shown(&nodes).contains(">shop</text>") && shown(&nodes).contains(">money</text>"));
}

#[test]
fn labels_are_cut_where_there_are_many_nodes() {
    let name = "a-service-with-a-name-that-goes-on-and-on";
    let nodes =
        |count: usize| (0..count).map(|at| node("service", &format!("{name}-{at}"), "")).collect::<Vec<_>>();
    let drawn = |count: usize| {
        let options = SvgOptions { max_nodes: MaxNodes::All, ..SvgOptions::default() };
        to_svg(&graph(nodes(count), Vec::new()), &options)
    };
    assert!(drawn(150).contains(&format!(">{name}-0</text>")));
    let many = drawn(151);
    assert!(
        !many.contains(&format!(">{name}-0</text>")) && many.contains(&format!("<title>service:{name}-0@"))
    );
}

#[test]
fn of_many_nodes_the_part_that_matters_is_drawn_and_the_rest_is_counted() {
    let hub = NodeDocument { requests: 500, ..node("service", "hub", "") };
    let leaves: Vec<NodeDocument> = (0..200)
        .map(|at| NodeDocument { requests: 1_000 - at, ..node("service", &format!("leaf-{at:03}"), "") })
        .collect();
    let edges = leaves.iter().map(|leaf| edge(&hub, leaf, "http", [10, 0], 1.0)).collect();
    let document = graph([vec![hub], leaves].concat(), edges);
    let drawn = |max_nodes| to_svg(&document, &SvgOptions { max_nodes, ..SvgOptions::default() });
    let overview = drawn(MaxNodes::Auto);
    assert_well_formed(&overview);
    assert_eq!(overview.matches("<g class=\"n\">").count(), 60);
    for words in [
        " · 60 of 201 nodes, 59 of 200 edges<",
        ">shown: what has the most requests, and what leads to it; the other 141 nodes have ",
        ">more: max_nodes, a number or all · ",
        ">+141 out</text>",
        "not drawn: calls to 141 others</title>",
        ">+1 in · +2 out: further callers and callees</text>",
        ">leaf-058</text>",
    ] {
        assert!(overview.contains(words), "{words}: {overview}");
    }
    assert!(!overview.contains("leaf-059"));
    let whole = drawn(MaxNodes::All);
    assert!(
        whole.contains(" · 201 nodes, 200 edges") && !whole.contains("max_nodes") && !whole.contains(" out<")
    );
    assert_eq!(drawn(MaxNodes::Most(300)), whole);
}

#[test]
fn all_rates_of_a_picture_have_one_unit() {
    let [a, b] = ["a", "b"].map(|name| node("service", name, ""));
    let edges = vec![edge(&a, &b, "grpc", [90_000, 0], 1.0), edge(&a, &b, "http", [45, 0], 1.0)];
    let svg = to_svg(&graph(vec![a, b], edges), &SvgOptions::default());
    assert!(svg.contains(">100/s · p95 2.5 ms<") && svg.contains(">0.05/s · p95 2.5 ms<"), "{svg}");
}
