//! Documents for the tests of this folder, and the comparison with golden files.

use std::path::Path;

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;

use super::document::*;

/// Compares with the file of this path in the repository; `UPDATE_GOLDEN=1` writes it instead.
pub(super) fn assert_golden(path: &str, actual: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&file, actual).unwrap();
    }
    let expected = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(actual == expected, "{path} differs (UPDATE_GOLDEN=1 rewrites it); now it is:\n{actual}");
}

/// Fails unless the text is XML as our pictures need it: balanced tags, quoted attributes, only the five entities
/// of XML, no character that XML lacks.
pub(super) fn assert_well_formed(xml: &str) {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = xml;
    while let Some(at) = rest.find('<') {
        check_text(&rest[..at]);
        let end = at + rest[at..].find('>').expect("a tag ends");
        let tag = &rest[at + 1..end];
        rest = &rest[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "closes another: {xml}");
            continue;
        }
        let is_closed = tag.ends_with('/');
        let tag = tag.trim_end_matches('/');
        let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
        assert!(name.chars().all(|c| c.is_ascii_lowercase()), "tag {name}");
        let parts: Vec<&str> = attributes.split('"').collect();
        assert!(parts.len() % 2 == 1, "quotes of {tag}");
        for pair in parts[..parts.len() - 1].chunks(2) {
            let key = pair[0].trim().strip_suffix('=').expect("an attribute has a value");
            assert!(key.chars().all(|c| c.is_ascii_alphabetic() || "-:".contains(c)), "attribute {key}");
            check_text(pair[1]);
        }
        if !is_closed {
            open.push(name);
        }
    }
    check_text(rest);
    assert!(open.is_empty(), "left open: {open:?}");
}

fn check_text(text: &str) {
    for (at, _) in text.match_indices('&') {
        let known = ["&amp;", "&lt;", "&gt;", "&quot;", "&apos;"];
        assert!(known.iter().any(|entity| text[at..].starts_with(entity)), "entity: {text}");
    }
    let is_bad = |c: char| c.is_control() && c != '\n' || matches!(c, '\u{fffe}' | '\u{ffff}' | '<');
    assert!(!text.contains(is_bad), "character: {text:?}");
}

/// A quarter of an hour, answered at its end.
pub(super) fn range() -> RangeDocument {
    RangeDocument {
        from: "2024-12-11T10:00:00.000Z".into(),
        to: "2024-12-11T10:15:00.000Z".into(),
        as_of: "2024-12-11T10:15:02.500Z".into(),
    }
}

/// A node `kind:name@namespace#prod`; only services report spans.
pub(super) fn node(kind: &str, name: &str, namespace: &str) -> NodeDocument {
    NodeDocument {
        id: format!("{kind}:{name}@{namespace}#prod"),
        kind: kind.into(),
        name: name.into(),
        namespace: namespace.into(),
        environment: "prod".into(),
        versions: Vec::new(),
        team: None,
        instrumented: kind == "service",
        operation: None,
        requests: 0,
        errors: 0,
        critical: None,
    }
}

/// An edge with so many calls and failed calls, median latency `p50` ms.
pub(super) fn edge(
    caller: &NodeDocument,
    callee: &NodeDocument,
    protocol: &str,
    calls: [u64; 2],
    p50: f64,
) -> EdgeDocument {
    let [calls, errors] = calls;
    let latency = LatencyDocument {
        count: calls,
        mean: Some(p50 * 1.25),
        p50: Some(p50),
        p95: Some(p50 * 2.5),
        p99: Some(p50 * 6.0),
        max: Some(p50 * 8.0),
    };
    EdgeDocument {
        caller: caller.id.clone(),
        callee: callee.id.clone(),
        protocol: protocol.into(),
        is_async: false,
        calls,
        calls_adjusted: calls as f64,
        requests: None,
        errors: ErrorsDocument { caller: errors, callee: errors / 2, either: errors },
        latency_ms: latency,
        callee_latency_ms: LatencyDocument::default(),
        gap_ms: LatencyDocument::default(),
        attempts_per_call: 1.0,
        evidence: EvidenceDocument { paired: calls, ..Default::default() },
        tail_calls: 0,
        unknown_sampling_calls: 0,
        first_seen: Some("2024-12-11T10:00:00.120Z".into()),
        last_seen: Some("2024-12-11T10:14:59.870Z".into()),
        exemplars: vec!["0af7651916cd43dd8448eb211c80319c".into()],
        via: Vec::new(),
        joined: true,
        critical: None,
    }
}

/// A service graph of these nodes and edges, sorted as documents are.
pub(super) fn graph(mut nodes: Vec<NodeDocument>, mut edges: Vec<EdgeDocument>) -> GraphDocument {
    nodes.sort_by(|a, b| a.id.cmp(&b.id));
    edges.sort_by(|a, b| (&a.caller, &a.callee, &a.protocol).cmp(&(&b.caller, &b.callee, &b.protocol)));
    GraphDocument {
        schema: GRAPH_SCHEMA.into(),
        range: range(),
        level: "service".into(),
        filter: Default::default(),
        completeness: CompletenessDocument { spans: 123_456, lag_ms: Some(800), ..Default::default() },
        nodes,
        edges,
    }
}

/// A small shop with all kinds of nodes and edges, one service without edges, and something missing.
pub(super) fn shop() -> GraphDocument {
    let mut web = node("service", "web", "shop");
    web.versions = vec!["1.4.0".into(), "1.5.0-rc1".into()];
    web.team = Some("storefront".into());
    (web.requests, web.errors) = (90_000, 120);
    let mut cart = node("service", "cart", "shop");
    (cart.requests, cart.errors) = (45_000, 2_700);
    let payment = node("service", "payment", "money");
    let shipping = node("service", "shipping", "");
    let mut report = node("service", "report", "money");
    report.requests = 4;
    let orders = node("database", "postgresql/orders", "");
    let queue = node("messaging", "kafka/orders", "");
    let bank = node("external", "api.bank.example:443", "");
    let mut produce = edge(&cart, &queue, "messaging", [12_000, 0], 1.5);
    produce.is_async = true;
    let mut consume = edge(&queue, &shipping, "messaging", [12_000, 30], 40.0);
    consume.is_async = true;
    let mut sampled = edge(&payment, &bank, "http", [900, 12], 180.0);
    sampled.calls_adjusted = 9_000.0;
    let mut unseen_by_caller = edge(&web, &payment, "grpc", [30, 0], 0.4);
    unseen_by_caller.callee_latency_ms = std::mem::take(&mut unseen_by_caller.latency_ms);
    let edges = vec![
        edge(&web, &cart, "http", [45_000, 2_700], 12.0),
        edge(&web, &cart, "grpc", [450, 0], 8.0),
        edge(&cart, &payment, "grpc", [1_350, 54], 22.0),
        edge(&cart, &orders, "database", [90_000, 9], 0.6),
        produce,
        consume,
        sampled,
        unseen_by_caller,
    ];
    let mut graph = graph(vec![web, cart, payment, shipping, report, orders, queue, bank], edges);
    graph.filter.insert("env".into(), "prod".into());
    graph.completeness.late = 17;
    graph.completeness.provisional_from = Some("2024-12-11T10:14:00.000Z".into());
    graph
}

/// Messaging collapsed: one joined pair, one that only shares a destination.
pub(super) fn collapsed() -> GraphDocument {
    let [cart, shipping, audit] = ["cart", "shipping", "audit"].map(|name| node("service", name, "shop"));
    let mut joined = edge(&cart, &shipping, "messaging", [12_000, 30], 40.0);
    joined.via = vec!["kafka/orders".into(), "kafka/returns".into()];
    joined.is_async = true;
    let mut unjoined = edge(&cart, &audit, "messaging", [0, 0], 0.0);
    unjoined.latency_ms = LatencyDocument::default();
    unjoined.via = vec!["kafka/orders".into()];
    unjoined.is_async = true;
    unjoined.joined = false;
    graph(vec![cart, shipping, audit], vec![joined, unjoined])
}

/// Names as an attacker or an accident makes them.
pub(super) fn any_name() -> impl Strategy<Value = String> {
    let traps = prop::sample::select(vec![
        "\"",
        "\\",
        "\\N",
        "\\G",
        "\\n",
        "\\l",
        "\n",
        "\r",
        "\t",
        "\0",
        "\u{1b}[31m",
        "\u{85}",
        "\u{2028}",
        "\u{202e}",
        "<b>",
        "</b>",
        "<br/>",
        "&",
        "&amp;",
        "&lt;",
        "&#65;",
        "%",
        "%22",
        "{",
        "}",
        "|",
        ":",
        ";",
        "]",
        "->",
        "--",
        "#",
        "/*",
        "//",
        "é",
        "東京",
        "👩‍💻",
        "\u{301}",
        "\u{fffe}",
        "a",
        "cart",
        " ",
    ])
    .prop_map(str::to_owned);
    let piece = prop_oneof![4 => traps, 1 => any::<char>().prop_map(String::from)];
    vec(piece, 1..8).prop_map(|pieces| pieces.concat())
}

fn any_quantity() -> impl Strategy<Value = f64> {
    // Eighths are exact in binary and in decimal.
    any::<u32>().prop_map(|eighths| f64::from(eighths) / 8.0)
}

fn any_latency() -> impl Strategy<Value = LatencyDocument> {
    let value = || option::of(any_quantity());
    (any::<u64>(), value(), value(), value(), value(), value())
        .prop_map(|(count, mean, p50, p95, p99, max)| LatencyDocument { count, mean, p50, p95, p99, max })
}

fn any_node() -> impl Strategy<Value = NodeDocument> {
    let kind = prop::sample::select(vec!["service", "database", "messaging", "external", "namespace"]);
    let names = (any_name(), any_name(), any_name());
    let rest = (vec(any_name(), 0..3), option::of(any_name()), option::of(any_name()));
    (kind, names, rest, any::<bool>(), any::<u64>(), any::<u64>()).prop_map(
        |(
            kind,
            (name, namespace, environment),
            (versions, team, operation),
            instrumented,
            requests,
            errors,
        )| {
            let named = node(kind, &name, &namespace);
            NodeDocument { environment, versions, team, operation, instrumented, requests, errors, ..named }
        },
    )
}

fn any_edge(nodes: Vec<NodeDocument>) -> impl Strategy<Value = EdgeDocument> {
    let end = prop::sample::select(nodes);
    let latencies = (any_latency(), any_latency(), any_latency());
    let rest = (any_quantity(), any::<bool>(), any::<bool>(), any::<bool>(), vec(any_name(), 0..3));
    (end.clone(), end, any_name(), any::<[u64; 10]>(), latencies, rest).prop_map(
        |(caller, callee, protocol, counts, (latency_ms, callee_latency_ms, gap_ms), rest)| {
            let [calls, by_caller, by_callee, either, paired, parent_child, link, inferred, tail, unknown] =
                counts;
            let (quantity, is_async, joined, is_of_flow, via) = rest;
            EdgeDocument {
                is_async,
                calls_adjusted: quantity,
                requests: is_of_flow.then_some(by_caller),
                first_seen: (!is_of_flow).then_some("2024-12-11T10:00:00.120Z".into()),
                errors: ErrorsDocument { caller: by_caller, callee: by_callee, either },
                latency_ms,
                callee_latency_ms,
                gap_ms,
                attempts_per_call: quantity / 2.0,
                evidence: EvidenceDocument { paired, parent_child, link, inferred },
                tail_calls: tail,
                unknown_sampling_calls: unknown,
                joined,
                via,
                ..edge(&caller, &callee, &protocol, [calls, 0], 1.0)
            }
        },
    )
}

fn any_completeness() -> impl Strategy<Value = CompletenessDocument> {
    let counts =
        (any::<u64>(), any::<u64>(), btree_map(any_name(), any::<u64>(), 0..3), option::of(any::<u64>()));
    let shares = (0u8..=8, 0u8..=8).prop_map(|(a, b)| (f64::from(a) / 8.0, f64::from(b) / 8.0));
    (counts, shares, option::of(any_name()), vec(any_name(), 0..2)).prop_map(
        |((spans, late, dropped, lag_ms), (incomplete, unknown), provisional_from, notes)| {
            CompletenessDocument {
                spans,
                late,
                dropped,
                lag_ms,
                incomplete_trace_share: incomplete,
                unknown_sampling_share: unknown,
                provisional_from,
                notes,
            }
        },
    )
}

/// Any document of some nodes with different ids.
pub(super) fn any_graph() -> impl Strategy<Value = GraphDocument> {
    let nodes = vec(any_node(), 1..12).prop_map(|mut nodes| {
        nodes.sort_by(|a, b| a.id.cmp(&b.id));
        nodes.dedup_by(|a, b| a.id == b.id);
        nodes
    });
    let parts = nodes.prop_flat_map(|nodes| (Just(nodes.clone()), vec(any_edge(nodes), 0..16)));
    (parts, any_completeness(), btree_map(any_name(), any_name(), 0..3)).prop_map(
        |((nodes, edges), completeness, filter)| GraphDocument {
            completeness,
            filter,
            ..graph(nodes, edges)
        },
    )
}
