//! Which nodes a picture shows, and laws of the choice on any graph.

use proptest::prelude::*;

use super::*;
use crate::export::document::OnPathDocument;
use crate::export::fixture::{any_graph, edge, graph, node};

/// A service with so many requests.
fn service(name: &str, requests: u64) -> NodeDocument {
    NodeDocument { requests, ..node("service", name, "") }
}

/// web calls cart and search, cart calls db; search calls a to z, which nobody else calls.
fn shop() -> GraphDocument {
    let [web, cart, search] = [service("web", 50), service("cart", 20), service("search", 30)];
    let db = NodeDocument { requests: 90, ..node("database", "db", "") };
    let mut edges = vec![
        edge(&web, &cart, "http", [20, 0], 1.0),
        edge(&web, &search, "http", [30, 0], 1.0),
        edge(&cart, &db, "database", [90, 0], 1.0),
    ];
    let mut nodes = vec![web, cart, search.clone(), db];
    for letter in 'a'..='z' {
        let callee = service(&letter.to_string(), 1);
        edges.push(edge(&search, &callee, "http", [1, 0], 1.0));
        nodes.push(callee);
    }
    graph(nodes, edges)
}

fn on_path(share: f64) -> Option<OnPathDocument> {
    Some(OnPathDocument { flows: 2, share, ..OnPathDocument::default() })
}

fn names(graph: &GraphDocument, most: usize) -> Vec<String> {
    let part = overview(graph, MaxNodes::Most(most)).unwrap();
    let mut names: Vec<String> = part.graph.nodes.iter().map(|node| node.name.clone()).collect();
    names.sort();
    names
}

fn named<'a>(graph: &'a mut GraphDocument, name: &str) -> &'a mut NodeDocument {
    graph.nodes.iter_mut().find(|node| node.name == name).unwrap()
}

#[test]
fn what_is_busiest_is_shown_with_what_leads_to_it() {
    let shop = shop();
    // db has the most requests; web and cart lead to it; search is next.
    assert_eq!(names(&shop, 3), ["cart", "db", "web"]);
    assert_eq!(names(&shop, 4), ["cart", "db", "search", "web"]);
    // What leads to db does not fit: the next ones do.
    assert_eq!(names(&shop, 2), ["search", "web"]);
    assert_eq!(names(&shop, 5), ["a", "cart", "db", "search", "web"]);
}

#[test]
fn critical_time_counts_before_requests() {
    let mut shop = shop();
    named(&mut shop, "m").critical = on_path(0.4);
    named(&mut shop, "cart").critical = on_path(0.1);
    assert_eq!(names(&shop, 4), ["cart", "m", "search", "web"]);
    let part = overview(&shop, MaxNodes::Most(3)).unwrap();
    // cart has 10 % of it.
    let expected =
        "shown: what has the most critical time, and what leads to it; the other 27 nodes have 10 % of it";
    assert_eq!(part.words[0], expected);
}

#[test]
fn what_is_asked_for_is_always_shown() {
    let mut shop = shop();
    shop.filter.insert("focus".into(), "z".into());
    assert_eq!(names(&shop, 3), ["search", "web", "z"]);
    shop.filter.clear();
    named(&mut shop, "y").critical = Some(OnPathDocument { marked: true, ..OnPathDocument::default() });
    assert_eq!(names(&shop, 3), ["search", "web", "y"]);
}

#[test]
fn what_is_not_shown_is_counted() {
    let part = overview(&shop(), MaxNodes::Most(3)).unwrap();
    assert_eq!(part.graph.edges.len(), 2);
    assert_eq!(part.hidden.get("service:web@#prod"), Some(&[0, 1]));
    assert_eq!(part.hidden.len(), 1);
    // Of 216 requests search has 30 and each letter one.
    assert!(part.words[0].ends_with("the other 27 nodes have 26 % of them"), "{:?}", part.words);
    assert_eq!(part.size, "3 of 30 nodes, 2 of 29 edges");
    let part = overview(&shop(), MaxNodes::Most(4)).unwrap();
    assert_eq!(part.hidden.get("service:search@#prod"), Some(&[0, 26]));
}

#[test]
fn the_strongest_edges_are_shown_and_one_into_each_node() {
    // Twenty services that all call each other, the later the more; nobody else calls `b` than the first, once, and
    // nobody calls `a`, which calls the first, once.
    let mut services: Vec<NodeDocument> = (0..20).map(|at| service(&format!("s{at:02}"), 9)).collect();
    services.extend([service("a", 9), service("b", 9)]);
    let pairs = (0..20).flat_map(|from| (0..20).map(move |to| (from, to))).filter(|(from, to)| from != to);
    let mut edges: Vec<EdgeDocument> = pairs
        .map(|(from, to)| edge(&services[from], &services[to], "http", [10 + (from * to) as u64, 0], 1.0))
        .collect();
    edges.push(edge(&services[0], &services[21], "http", [1, 0], 1.0));
    edges.push(edge(&services[20], &services[0], "http", [1, 0], 1.0));
    let document = graph(services, edges);
    let part = overview(&document, MaxNodes::Auto).unwrap();
    assert_eq!(part.size, "22 of 22 nodes, 120 of 382 edges");
    assert_eq!(part.words[0], "shown: all nodes, and the calls with the most requests");
    let of = |caller: &str, callee: &str| {
        let named = |id: &str, name: &str| id == format!("service:{name}@#prod");
        part.graph.edges.iter().any(|edge| named(&edge.caller, caller) && named(&edge.callee, callee))
    };
    assert!(of("s00", "b") && of("a", "s00") && of("s19", "s18") && of("s18", "s19") && !of("s01", "s02"));
    // s10 calls nineteen others and is called by them; what is drawn of it is not counted.
    let drawn = |end: &dyn Fn(&EdgeDocument) -> &String| {
        part.graph.edges.iter().filter(|edge| end(edge).contains("s10")).count()
    };
    let hidden = [19 - drawn(&|edge| &edge.callee), 19 - drawn(&|edge| &edge.caller)];
    assert_eq!(part.hidden["service:s10@#prod"], hidden);
}

#[test]
fn only_large_graphs_are_cut_without_being_asked() {
    let of = |nodes: usize| {
        let nodes = (0..nodes).map(|at| service(&format!("s{at:03}"), 1)).collect();
        overview(&graph(nodes, Vec::new()), MaxNodes::Auto).map(|part| part.graph.nodes.len())
    };
    assert_eq!([of(0), of(100), of(101)], [None, None, Some(60)]);
    assert!(overview(&shop(), MaxNodes::All).is_none() && overview(&shop(), MaxNodes::Most(30)).is_none());
}

#[test]
fn a_limit_is_a_number_auto_or_all() {
    let cases = [
        ("auto", MaxNodes::Auto),
        ("all", MaxNodes::All),
        ("1", MaxNodes::Most(1)),
        ("250", MaxNodes::Most(250)),
    ];
    for (text, expected) in cases {
        assert_eq!(text.parse(), Ok(expected));
    }
    for text in ["", "0", "-1", "+5", "1.5", "many", "ALL", " 7", "99999999999999999999999"] {
        let problem = text.parse::<MaxNodes>().unwrap_err();
        assert_eq!(problem, "give a number from 1, `auto` or `all`", "{text}");
    }
}

#[test]
fn a_long_chain_and_a_wide_star_are_cut_in_time() {
    let services: Vec<NodeDocument> = (0..20_000).map(|at| service(&format!("s{at:05}"), at)).collect();
    let chain = services.windows(2).map(|pair| edge(&pair[0], &pair[1], "http", [1, 0], 1.0));
    let star = services[1..].iter().map(|callee| edge(callee, &services[0], "http", [1, 0], 1.0));
    // The busiest is at the chain's end, too far away; its first nodes fit.
    let part = overview(&graph(services.clone(), chain.collect()), MaxNodes::Most(9)).unwrap();
    assert_eq!(part.graph.nodes.last().unwrap().name, "s00008");
    let part = overview(&graph(services.clone(), star.collect()), MaxNodes::Most(9)).unwrap();
    assert_eq!(part.graph.nodes.first().unwrap().name, "s19991");
}

proptest! {
    #[test]
    fn the_part_is_the_same_in_any_order_and_hangs_together(
        document in any_graph(),
        most in 1usize..12,
        seed in any::<usize>(),
    ) {
        let Some(part) = overview(&document, MaxNodes::Most(most)) else { return Ok(()) };
        let ids: HashSet<&str> = part.graph.nodes.iter().map(|node| node.id.as_str()).collect();
        prop_assert!(ids.len() <= most && !ids.is_empty());
        let inside = |edge: &&EdgeDocument| ids.contains(edge.caller.as_str()) && ids.contains(edge.callee.as_str());
        let all = document.edges.iter().filter(inside).count();
        prop_assert!(part.graph.edges.iter().all(|edge| inside(&edge)));
        prop_assert_eq!(part.graph.edges.len(), all);
        // Whoever is called by anyone at all is called by one that is shown.
        for id in &ids {
            let is_called = |edges: &[EdgeDocument]| edges.iter().any(|edge| edge.callee == *id && edge.caller != *id);
            prop_assert!(ids.len() == 1 || !is_called(&document.edges) || is_called(&part.graph.edges), "{id} hangs in the air");
        }
        let mut other = document.clone();
        let nodes = other.nodes.len();
        other.nodes.rotate_left(seed % nodes);
        other.edges.reverse();
        let other = overview(&other, MaxNodes::Most(most)).unwrap();
        prop_assert_eq!(&ids, &other.graph.nodes.iter().map(|node| node.id.as_str()).collect::<HashSet<_>>());
        prop_assert_eq!((part.hidden, part.size), (other.hidden, other.size));
    }
}
