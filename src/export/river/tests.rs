//! A river as agreed, what is folded, and that boxes keep off each other.

use super::*;
use crate::export::fixture::{assert_golden, assert_well_formed};

fn flow(id: &str, label: &str, rate: f64, n: u64) -> RiverFlow {
    RiverFlow { id: id.into(), label: label.into(), rate, n }
}

fn trunk(id: &str, nodes: &str, flows: u64, neff: f64, score: f64) -> RiverTrunk {
    RiverTrunk { id: id.into(), nodes: nodes.split(" > ").map(str::to_owned).collect(), flows, neff, score }
}

fn leaf(id: &str, kind: &str) -> RiverLeaf {
    RiverLeaf { id: id.into(), label: id.into(), kind: kind.into() }
}

fn band(from: &str, to: &str, width: f64, neff: f64) -> RiverBand {
    let id = |id: &str| Some(id.to_owned()).filter(|id| !id.is_empty());
    RiverBand { from: id(from), to: id(to), width, neff }
}

/// Three flows that share two segments, and a cycle.
fn shop() -> RiverDocument {
    RiverDocument {
        range: "2024-12-11 10:00 to 10:15 UTC".into(),
        flows: vec![
            flow("f/checkout", "POST /checkout", 200.0, 180_000),
            flow("f/search", "GET /search", 900.0, 810_000),
            flow("f/login", "POST /login", 50.0, 45_000),
        ],
        trunks: vec![
            trunk("t/auth", "auth > users-db", 3, 1.59, 0.382),
            trunk("t/price", "price > fx-db", 2, 1.98, 0.273),
            trunk("t/pay", "pay > bank", 1, 1.0, 0.0),
        ],
        leaves: vec![leaf("users-db", "database"), leaf("fx-db", "database"), leaf("bank", "external")],
        bands: vec![
            band("f/checkout", "t/auth", 2.8, 1.59),
            band("f/search", "t/auth", 3.24, 1.59),
            band("f/login", "t/auth", 2.4, 1.59),
            band("f/checkout", "t/price", 6.0, 1.98),
            band("f/search", "t/price", 9.0, 1.98),
            band("f/checkout", "t/pay", 5.0, 1.0),
            band("f/search", "", 12.0, 1.0),
            band("t/price", "t/auth", 0.6, 1.59),
            band("t/auth", "t/price", 0.05, 1.2),
            band("t/auth", "users-db", 6.0, 1.59),
            band("t/price", "fx-db", 11.0, 1.98),
            band("t/pay", "bank", 4.9, 1.0),
        ],
        notes: vec!["2 flows with fewer than 10 requests are left out".into()],
    }
}

#[test]
fn a_small_river_is_drawn_as_agreed() {
    let svg = to_river(&shop());
    assert_well_formed(&svg);
    assert_golden("tests/golden/river-shop.svg", &svg);
    // The lighter band of the cycle, and its sample in the legend.
    assert_eq!(svg.matches("class=\"b turned").count(), 2);
}

#[test]
fn boxes_keep_off_each_other_and_inside() {
    let folded = fold(&shop());
    let arranged = arrange(&folded, &folded.items.iter().map(least_size).collect::<Vec<_>>());
    for (index, a) in arranged.boxes.iter().enumerate() {
        assert!(a.x >= 0.0 && a.y >= -1e-6 && a.x + a.width <= arranged.width + 1e-6);
        assert!(a.y + a.height <= arranged.height + 1e-6);
        for b in &arranged.boxes[index + 1..] {
            let is_apart = a.x + a.width <= b.x
                || b.x + b.width <= a.x
                || a.y + a.height <= b.y + 1e-6
                || b.y + b.height <= a.y + 1e-6;
            assert!(is_apart, "{a:?} {b:?}");
        }
    }
    // Bands side by side fit the box that they enter.
    for (item, rect) in arranged.boxes.iter().enumerate() {
        let into = folded
            .bands
            .iter()
            .zip(&arranged.courses)
            .filter(|(band, course)| band.to == item && !course.is_turned);
        let sum: f64 = into.map(|(_, course)| course.width).sum();
        assert!(sum <= rect.height + 1e-6, "{sum} into {rect:?}");
    }
}

#[test]
fn what_is_beyond_forty_trunks_is_one_grey_box() {
    let mut document = shop();
    document.trunks = (0..45).map(|at| trunk(&format!("t{at}"), "seat > config", 2, 1.5, 0.1)).collect();
    document.bands = (0..45).map(|at| band("f/checkout", &format!("t{at}"), 1.0, 1.5)).collect();
    let folded = fold(&document);
    let trunks = folded.items.iter().filter(|item| item.kind == Kind::Trunk).count();
    let rests: Vec<&Item> = folded.items.iter().filter(|item| item.kind == Kind::Rest).collect();
    assert_eq!((trunks, rests.len()), (40, 1));
    assert_eq!(rests[0].numbers, "5 more segments, and what is not shared · 5.00 waiting");
    let total: f64 = folded.bands.iter().map(|band| band.width).sum();
    let rest: f64 = folded.bands.iter().filter(|band| band.is_rest).map(|band| band.width).sum();
    assert_eq!((total, rest), (45.0, 5.0));
    assert_well_formed(&to_river(&document));
}

#[test]
fn of_long_chains_the_ends_are_shown_a_line_each() {
    let item = |nodes: &str| {
        let document = RiverDocument {
            trunks: vec![trunk("t", nodes, 2, 1.5, 0.1)],
            flows: vec![flow("f", "GET /", 1.0, 10)],
            bands: vec![band("f", "t", 1.0, 1.5)],
            ..RiverDocument::default()
        };
        fold(&document).items.remove(1)
    };
    assert_eq!(lines(&item("a > b > c > d")), ["a", "› b", "› c", "› d"]);
    assert_eq!(lines(&item("a > b > c > d > e > f")), ["a", "› b", "› … 3 more", "› f"]);
    let long = format!("order-service GET /api/v1/{}/order > mysql/ts", "orderservice".repeat(9));
    let long = lines(&item(&long));
    assert!(long[0].starts_with("order-service") && long[0].ends_with("/order"), "{long:?}");
    assert!(long.iter().all(|line| text_width(line, LABEL) <= WIDEST_LABEL));
}

#[test]
fn long_lists_are_broken_at_their_commas() {
    let services: Vec<String> = ('a'..='j').map(|letter| format!("{letter}-catalogue-service")).collect();
    let document = RiverDocument {
        flows: vec![flow("f", &format!("web.Frontend/Recv. > [{}]", services.join(", ")), 1.0, 10)],
        bands: vec![band("f", "", 1.0, 1.0)],
        ..RiverDocument::default()
    };
    let of = |document: &RiverDocument| lines(&fold(document).items[0]);
    let broken = of(&document);
    let expected = [
        "web.Frontend/Recv.",
        "› [a-catalogue-service, b-catalogue-service,",
        "  …",
        "  i-catalogue-service, j-catalogue-service]",
    ];
    assert_eq!(broken, expected);
    assert!(broken.iter().all(|line| text_width(line, LABEL) <= WIDEST_LABEL), "{broken:?}");
}

#[test]
fn among_many_bands_the_thin_ones_are_left_out_but_no_item_is() {
    let mut document = shop();
    document.flows = (0..16).map(|at| flow(&format!("f{at}"), "GET /", 1.0, 10)).collect();
    document.trunks = (0..20).map(|at| trunk(&format!("t{at}"), "a", 2, 1.5, 0.1)).collect();
    let pairs = (0..16).flat_map(|from| (0..20).map(move |to| (from, to)));
    document.bands = pairs
        .map(|(from, to)| band(&format!("f{from}"), &format!("t{to}"), 1.0 + f64::from(from * to), 1.5))
        .collect();
    let folded = fold(&document);
    assert_eq!(folded.items.len(), 36);
    assert_eq!((folded.bands.len(), folded.bands.len() + folded.thin.0), (111, 320));
    let total: f64 = folded.bands.iter().map(|band| band.width).sum::<f64>() + folded.thin.1;
    assert_eq!(total, 320.0 + 120.0 * 190.0);
    assert!(to_river(&document).contains(">209 thinner bands, "));
}

#[test]
fn few_that_wait_are_told_with_two_digits() {
    let cases = [
        (0.0, "0"),
        (0.000_02, "<0.0001"),
        (0.000_66, "0.0007"),
        (0.006_54, "0.0065"),
        (0.03, "0.03"),
        (0.064_6, "0.065"),
        (0.638, "0.64"),
        (5.0, "5.00"),
        (144.2, "144"),
    ];
    for (requests, expected) in cases {
        assert_eq!(waiting(requests), expected, "{requests}");
    }
}

#[test]
fn a_single_flow_is_no_flood_and_nothing_is_said() {
    let one = RiverDocument {
        flows: vec![flow("f", "GET /", 1.0, 10)],
        bands: vec![band("f", "", 1.0, 1.0)],
        ..RiverDocument::default()
    };
    let arranged = arrange(&fold(&one), &[(80.0, 40.0), (80.0, 40.0)]);
    assert_eq!(arranged.height, 80.0);
    let svg = to_river(&one);
    assert!(svg.contains(">1 flow with 10 requests · nothing is shared<") && !svg.contains("Neff"), "{svg}");
    let none = to_river(&RiverDocument::default());
    assert!(
        none.contains(">no flow has enough requests with a whole path<") && !none.contains("Neff"),
        "{none}"
    );
}

#[test]
fn all_rates_of_a_picture_have_one_unit() {
    let mut document = shop();
    for (flow, rate) in document.flows.iter_mut().zip([0.2, 0.002, 0.015]) {
        flow.rate = rate;
    }
    let folded = fold(&document);
    let numbers: Vec<&str> = folded.items.iter().map(|item| item.numbers.as_str()).collect();
    assert_eq!(numbers[..3], ["12/min · n 180,000", "0.12/min · n 810,000", "0.9/min · n 45,000"]);
}

#[test]
fn bands_that_say_nothing_are_left_out() {
    let mut document = shop();
    document.bands = vec![
        band("f/checkout", "t/auth", 1.0, 2.0),
        band("f/checkout", "nobody", 1.0, 2.0),
        band("f/checkout", "t/price", f64::NAN, 2.0),
        band("f/search", "t/price", 0.0, 2.0),
        band("", "", 3.0, 2.0),
    ];
    let folded = fold(&document);
    let labels: Vec<String> = folded.items.iter().map(Item::label).collect();
    assert_eq!(labels, ["POST /checkout", "auth › users-db"]);
    assert_eq!(folded.bands.len(), 1);
    for empty in [RiverDocument::default(), RiverDocument { bands: Vec::new(), ..shop() }] {
        assert_well_formed(&to_river(&empty));
    }
}

#[test]
fn hostile_names_stay_text() {
    let mut document = shop();
    let evil = "</title><script>alert(1)</script>";
    document.flows[0].label = evil.into();
    document.leaves[0].kind = evil.into();
    document.notes = vec![evil.into()];
    document.range = evil.into();
    let svg = to_river(&document);
    assert_well_formed(&svg);
    assert!(!svg.contains("<script"));
}
