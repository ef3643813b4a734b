//! The reading order: what is new in a row, what is folded, what is marked.

use super::super::*;
use super::fixture::*;

/// Three flows with different entries; two of them reach mysql through seat and config, one directly.
fn booking(nodes: &mut Nodes) -> Profiles {
    let lines = |entry: &'static str| -> Vec<Line> {
        vec![
            (0, entry, 100, 1_000, 0),
            (1, "seat", 100, 2_000, 500),
            (2, "config", 100, 3_000, 500),
            (3, "mysql", 100, 2_000, 0),
        ]
    };
    let direct: Vec<Line> = vec![(0, "admin", 100, 1_000, 0), (1, "mysql", 100, 6_000, 0)];
    let flows = vec![
        flow(nodes, "book", 100, 0, &lines("book")),
        flow(nodes, "rebook", 100, 0, &lines("rebook")),
        flow(nodes, "admin", 100, 0, &direct),
    ];
    Profiles { seconds: 60.0, flows }
}

#[test]
fn a_row_with_little_new_is_folded_under_the_row_that_covers_it() {
    let mut nodes = Nodes::default();
    let profiles = booking(&mut nodes);
    let of = |options| shared_paths(&profiles, &options, &mut |node| nodes.name(node));
    let unfolded: Vec<String> = of(everything()).segments.iter().map(|row| path(&row.nodes)).collect();
    // `seat` alone and `config` alone are said by longer ones only where hardly less time goes through.
    assert_eq!(unfolded, ["seat > config > mysql", "mysql", "seat > config", "seat"]);
    let paths = of(SharedOptions::default());
    let rows: Vec<(String, usize)> =
        paths.segments.iter().map(|row| (path(&row.nodes), row.variant_count)).collect();
    assert_eq!(rows, [("seat > config > mysql".to_owned(), 2), ("mysql".to_owned(), 0)]);
    // Of mysql's shares (2 of 9 s twice, 6 of 7 s) the first two are said already.
    let new = (6.0 / 7.0) / (2.0 * 2.0 / 9.0 + 6.0 / 7.0);
    assert_eq!(format!("{:.6}", paths.segments[1].new), format!("{new:.6}"));
    assert_eq!(paths.segments[0].new, 1.0);
    let variants: Vec<String> =
        paths.segments[0].variants.iter().map(|variant| path(&variant.nodes)).collect();
    assert_eq!(variants, ["seat > config", "seat"]);
}

#[test]
fn a_limit_hides_rows_and_says_how_many() {
    let mut nodes = Nodes::default();
    let profiles = booking(&mut nodes);
    let options = SharedOptions { limit: 1, ..SharedOptions::default() };
    let paths = shared_paths(&profiles, &options, &mut |node| nodes.name(node));
    assert_eq!((paths.segments.len(), paths.more), (1, 1));
    // Of 9 + 9 + 7 s, the row has 7.5 twice.
    assert_eq!(format!("{:.6}", paths.other), format!("{:.6}", 1.0 - 15.0 / 25.0));
}

#[test]
fn a_branch_is_allocated_by_weight_and_says_so() {
    let mut nodes = Nodes::default();
    let lines = |entry: &'static str| -> Vec<Line> {
        vec![
            (0, entry, 100, 0, 0),
            (1, "cart", 100, 4_000, 0),
            (2, "db", 50, 1_000, 0),
            (2, "cache", 50, 3_000, 0),
        ]
    };
    let flows =
        ["f", "g"].map(|name| flow(&mut nodes, name, 100, 0, &lines(if name == "f" { "x" } else { "y" })));
    let profiles = Profiles { seconds: 60.0, flows: flows.to_vec() };
    let paths = shared_paths(&profiles, &everything(), &mut |node| nodes.name(node));
    let row = |name: &str| paths.segments.iter().find(|row| path(&row.nodes) == name).unwrap();
    // Half of cart's 4 s and all of the db's 1 s, of 8 s.
    assert_eq!(row("cart > db").flows[0].share, 3.0 / 8.0);
    assert!(row("cart > db").is_allocated && !row("cart").is_allocated);
    assert_eq!(row("cart > db").flows[0].presence, 0.5);
    // `cart > cache` covers half of cart's 4 s, `cart` all of them.
    let read = shared_paths(&profiles, &SharedOptions::default(), &mut |node| nodes.name(node));
    let rows: Vec<(String, String)> =
        read.segments.iter().map(|row| (path(&row.nodes), format!("{:.3}", row.new))).collect();
    let expected = [("cart > cache", "1.000"), ("cart", "0.500"), ("cart > db", "0.333")];
    assert_eq!(rows, expected.map(|(path, new)| (path.to_owned(), new.to_owned())));
}

#[test]
fn nested_occurrences_count_no_time_twice() {
    let mut nodes = Nodes::default();
    let lines: Vec<Line> = vec![
        (0, "a", 100, 1_000, 0),
        (1, "b", 100, 1_000, 0),
        (2, "a", 100, 1_000, 0),
        (3, "b", 100, 1_000, 0),
        (4, "a", 100, 1_000, 0),
    ];
    let flows = ["f", "g"].map(|name| flow(&mut nodes, name, 100, 0, &lines)).to_vec();
    let profiles = Profiles { seconds: 1.0, flows };
    let paths = shared_paths(&profiles, &everything(), &mut |node| nodes.name(node));
    assert!(paths.segments.iter().all(|row| row.flows.iter().all(|flow| flow.share <= 1.0)));
    let numbers = on_path(&profiles, &everything(), &mut |node| nodes.name(node));
    assert_eq!((numbers.nodes["service:a"].share, numbers.nodes["service:a"].through), (0.6, 1.0));
    assert_eq!(numbers.edges[&("service:a".to_owned(), "service:b".to_owned())].share, 0.8);
    let view = flow_view(&profiles, "flow:f", &everything(), &mut |node| nodes.name(node)).unwrap();
    let presence: Vec<f64> = view.contexts.iter().map(|context| context.presence).collect();
    assert_eq!(presence, [1.0; 5]);
}
