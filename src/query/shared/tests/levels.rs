//! Operations rolled up to services, what caps folded together, and flows with too few requests.

use super::super::tree::Forest;
use super::super::*;
use super::fixture::*;

#[test]
fn repeats_of_a_service_collapse_and_its_operations_become_one() {
    let mut nodes = Nodes::default();
    let lines: Vec<Line> = vec![
        (0, "web/GET", 10, 10, 0),
        (1, "cart/read", 10, 20, 1),
        (2, "cart/load", 10, 30, 2),
        (3, "db", 6, 40, 3),
        (2, "db", 6, 50, 4),
        (1, "cart/write", 4, 60, 5),
    ];
    let profiles = Profiles { seconds: 60.0, flows: vec![flow(&mut nodes, "f", 10, 7, &lines)] };
    let forest = Forest::new(&profiles, &mut |node| nodes.service(node));
    let shown: Vec<(&str, u128, u128, u128, u128, u128)> = forest.flows[0]
        .contexts
        .iter()
        .map(|c| {
            let name = forest.names[c.node as usize].label.as_str();
            let requests = |weight: u128| weight / u128::from(crate::model::WEIGHT_ONE);
            let [own, gap, all] = [c.exclusive, c.gap, c.inclusive].map(|time| time / MILLI);
            (name, requests(c.weight), requests(c.least_weight), own, gap, all)
        })
        .collect();
    // cart: load's time and the way into it are its own now; 10 + 4 requests cannot be more than the caller's 10.
    assert_eq!(shown, [("web", 10, 10, 10, 0, 225), ("cart", 10, 10, 112, 6, 215), ("db", 10, 6, 90, 7, 97)]);
}

#[test]
fn what_caps_folded_together_is_no_shared_thing() {
    let mut nodes = Nodes::default();
    let lines: Vec<Line> = vec![(0, "web", 20, 10, 0), (1, "other", 20, 500, 0), (2, "db", 20, 30, 0)];
    let flows = ["f", "g"].map(|name| flow(&mut nodes, name, 20, 0, &lines)).to_vec();
    let profiles = Profiles { seconds: 60.0, flows };
    let paths = shared_paths(&profiles, &everything(), &mut |node| nodes.name(node));
    let found: Vec<String> = paths.segments.iter().map(|row| path(&row.nodes)).collect();
    assert_eq!(found, ["db", "web"]);
    assert!(paths.segments[1].is_entry && !paths.segments[0].is_entry);
    let numbers = on_path(&profiles, &everything(), &mut |node| nodes.name(node));
    assert!(numbers.nodes.contains_key("service:other"));
}

#[test]
fn flows_with_few_requests_are_named_and_share_nothing() {
    let mut nodes = Nodes::default();
    let lines: Vec<Line> = vec![(0, "web", 9, 10, 0), (1, "db", 9, 30, 0)];
    let many: Vec<Line> = vec![(0, "web", 10, 10, 0), (1, "db", 10, 30, 0)];
    let flows = vec![flow(&mut nodes, "few", 9, 0, &lines), flow(&mut nodes, "many", 10, 0, &many)];
    let profiles = Profiles { seconds: 60.0, flows };
    let of = |min_requests| {
        let options = SharedOptions { min_requests, ..SharedOptions::default() };
        shared_paths(&profiles, &options, &mut |node| nodes.name(node))
    };
    let paths = of(10);
    assert_eq!((paths.segments.len(), paths.flows, paths.requests), (0, 1, 10));
    assert_eq!(
        paths.left_out.iter().map(|flow| (&*flow.name, flow.requests)).collect::<Vec<_>>(),
        [("few", 9)]
    );
    assert_eq!((of(9).segments.len(), of(9).left_out.len()), (1, 0));
}

#[test]
fn a_rare_path_is_shared_only_where_it_is_surely_not_rare() {
    let mut nodes = Nodes::default();
    // 8 % of 50 requests may well be 3 %; 8 % of 1,000 are more than 6 %.
    for (requests, with_db, is_shared) in [(50, 4, false), (1_000, 80, true)] {
        let lines: Vec<Line> = vec![(0, "web", requests, 10, 0), (1, "db", with_db, 30, 0)];
        let flows = ["f", "g"].map(|name| flow(&mut nodes, name, requests, 0, &lines)).to_vec();
        let profiles = Profiles { seconds: 60.0, flows };
        let numbers = on_path(&profiles, &everything(), &mut |node| nodes.name(node));
        assert_eq!(numbers.nodes["service:db"].flows == 2, is_shared, "{requests}");
    }
}
