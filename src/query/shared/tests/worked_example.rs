//! The worked example of ALGORITHMS 2: three flows, three segments.

use super::super::*;
use super::fixture::*;

/// Requests per second and mean of the three flows: 200 of 100 ms, 900 of 40 ms, 50 of 60 ms; one second.
fn example(nodes: &mut Nodes) -> Profiles {
    let per = |requests: u64, tenths: u64| requests * tenths / 10;
    let checkout: Vec<Line> = vec![
        (0, "checkout", 200, per(200, 310), 0),
        (1, "auth", 200, per(200, 20), 0),
        (2, "users-db", 200, per(200, 110), per(200, 10)),
        (1, "price", 200, per(200, 40), 0),
        (2, "fx-db", 200, per(200, 250), per(200, 10)),
        (1, "pay", 200, per(200, 20), 0),
        (2, "bank", 200, per(200, 230), 0),
    ];
    let search: Vec<Line> = vec![
        (0, "search", 900, per(900, 264), 0),
        (1, "auth", 900, per(900, 2), 0),
        (2, "users-db", 900, per(900, 34), 0),
        (1, "price", 900, per(900, 10), 0),
        (2, "fx-db", 900, per(900, 90), 0),
    ];
    let login: Vec<Line> = vec![
        (0, "login", 50, per(50, 120), 0),
        (1, "auth", 50, per(50, 40), 0),
        (2, "users-db", 50, per(50, 440), 0),
    ];
    let flows = vec![
        flow(nodes, "checkout", 200, 0, &checkout),
        flow(nodes, "search", 900, 0, &search),
        flow(nodes, "login", 50, 0, &login),
    ];
    Profiles { seconds: 1.0, flows }
}

/// FE, Neff, SCORE and V of the rows, with the digits of the example.
fn table(paths: &SharedPaths) -> Vec<(String, [String; 4])> {
    let digits = |segment: &SharedSegment| {
        [
            format!("{:.2}", segment.flow_equivalents),
            format!("{:.2}", segment.effective_flows),
            format!("{:.3}", segment.score),
            format!("{:.3}", segment.volume),
        ]
    };
    paths.segments.iter().map(|segment| (path(&segment.nodes), digits(segment))).collect()
}

fn row(path: &str, numbers: [&str; 4]) -> (String, [String; 4]) {
    (path.to_owned(), numbers.map(str::to_owned))
}

#[test]
fn the_broadest_path_is_not_the_one_with_the_most_time() {
    let mut nodes = Nodes::default();
    let profiles = example(&mut nodes);
    let means: Vec<f64> =
        profiles.flows.iter().map(|flow| flow.duration as f64 / flow.weight as f64 / 1e6).collect();
    assert_eq!(means, [100.0, 40.0, 60.0]);
    let auth = row("auth > users-db", ["1.03", "1.59", "0.382", "0.143"]);
    let price = row("price > fx-db", ["0.55", "1.98", "0.273", "0.254"]);
    let of = |options: SharedOptions| shared_paths(&profiles, &options, &mut |node| nodes.name(node));
    let by_score = of(SharedOptions::default());
    assert_eq!(table(&by_score), [auth.clone(), price.clone()]);
    let by_volume = of(SharedOptions { sort: Sort::Volume, ..SharedOptions::default() });
    assert_eq!(table(&by_volume), [price, auth]);
    // The rest: the roots' own time and what only checkout waits for.
    let listed = 0.143_05 + 0.254_24;
    assert!((by_score.other - (1.0 - listed)).abs() < 1e-4, "{}", by_score.other);
    assert_eq!((by_score.flows, by_score.requests, by_score.unknown), (3, 1_150, 0.0));
}

#[test]
fn the_flows_of_a_row_have_the_shares_of_the_example() {
    let mut nodes = Nodes::default();
    let profiles = example(&mut nodes);
    let paths = shared_paths(&profiles, &SharedOptions::default(), &mut |node| nodes.name(node));
    let flows: Vec<(&str, String, String)> = paths.segments[0]
        .flows
        .iter()
        .map(|flow| (&*flow.name, format!("{:.2}", flow.share), format!("{:.1}", flow.own_ns / 1e6)))
        .collect();
    let expected = [("login", "0.80", "48.0"), ("checkout", "0.14", "14.0"), ("search", "0.09", "3.6")];
    assert_eq!(flows, expected.map(|(name, share, own)| (name, share.to_owned(), own.to_owned())));
    assert!(paths.segments[0].flows.iter().all(|flow| flow.presence == 1.0 && flow.presence_low > 0.9));
}

#[test]
fn what_one_flow_waits_for_is_critical_but_not_shared() {
    let mut nodes = Nodes::default();
    let profiles = example(&mut nodes);
    let options = SharedOptions { min_flows: 1, ..everything() };
    let paths = shared_paths(&profiles, &options, &mut |node| nodes.name(node));
    // With the entry before it, as no other flow has it: its own time is that of all three.
    let alone = table(&paths).into_iter().find(|(path, _)| path.ends_with("pay > bank")).unwrap();
    assert_eq!(alone.0, "checkout > pay > bank");
    assert_eq!((alone.1[1].as_str(), alone.1[2].as_str()), ("1.00", "0.000"));
    let numbers = on_path(&profiles, &SharedOptions::default(), &mut |node| nodes.name(node));
    let edge = numbers.edges[&("service:pay".to_owned(), "service:bank".to_owned())];
    assert_eq!((edge.flows, edge.effective_flows, edge.score), (1, 1.0, 0.0));
    assert_eq!(format!("{:.3}", edge.share), "0.085");
    // 200 requests a second are in the bank for 23 ms each.
    assert_eq!(format!("{:.2}", edge.in_flight), "4.60");
}

#[test]
fn the_tier_of_a_flow_moves_breadth_and_not_volume() {
    let mut nodes = Nodes::default();
    let mut profiles = example(&mut nodes);
    let of = |profiles: &Profiles| {
        let paths = shared_paths(profiles, &SharedOptions::default(), &mut |node| nodes.name(node));
        paths.segments.iter().map(|row| (path(&row.nodes), row.volume)).collect::<Vec<_>>()
    };
    let usual = of(&profiles);
    profiles.flows[2].tier_permille = 100;
    let others = of(&profiles);
    assert_eq!(others[0], usual[1]);
    assert_eq!(others[1], usual[0]);
}
