//! The list as it is read: golden files, and names that hold anything.

use proptest::prelude::*;

use super::*;
use crate::export::fixture::{any_name, assert_golden, range};
use crate::export::name::{is_hidden, width};
use crate::export::text::TextOptions;

/// The answer that the golden files show.
pub(in crate::export) fn scope() -> PathScopeDocument {
    PathScopeDocument {
        range: range(),
        level: "operation".into(),
        filter: BTreeMap::from([("env".to_owned(), "prod".to_owned())]),
        completeness: CompletenessDocument { spans: 123_456, lag_ms: Some(800), ..Default::default() },
    }
}

fn node(kind: &str, label: &str) -> PathNodeDocument {
    PathNodeDocument { id: format!("{kind}:{label}"), label: label.to_owned(), kind: kind.to_owned() }
}

fn share(name: &str, requests: u64, share: f64) -> FlowShareDocument {
    FlowShareDocument {
        id: format!("flow:web|{name}"),
        name: name.to_owned(),
        service: "web".to_owned(),
        requests,
        presence: 1.0,
        presence_low: 0.98,
        share,
        through: share / 2.0,
        own_ms: share * 100.0,
        tier: 1.0,
    }
}

fn shop() -> SharedPathsDocument {
    let auth = [node("service", "auth POST /token"), node("database", "postgresql/users")];
    let segment = |nodes: &[PathNodeDocument], numbers: [f64; 6], flows: Vec<FlowShareDocument>| {
        let [score, flow_equivalents, effective_flows, volume, in_flight, new] = numbers;
        SegmentDocument {
            nodes: nodes.to_vec(),
            score,
            flow_equivalents,
            effective_flows,
            volume,
            in_flight,
            new,
            allocated: false,
            entry: false,
            flows,
            variants: Vec::new(),
            variant_count: 0,
        }
    };
    let mut first = segment(
        &auth,
        [0.382, 1.03, 1.588_8, 0.143, 7.2, 1.0],
        vec![
            share("POST /login", 45_000, 0.8),
            share("POST /checkout", 180_000, 0.14),
            share("GET /search", 810_000, 0.09),
        ],
    );
    first.variants =
        vec![VariantDocument { nodes: auth[..1].to_vec(), flows: 3, score: 0.11, volume: 0.021, new: 0.0 }];
    first.variant_count = 3;
    let price = [node("service", "price GET /quote"), node("external", "fx.bank.example:443")];
    let mut second = segment(
        &price,
        [0.273, 0.55, 1.983_6, 0.254, 12.9, 0.994],
        vec![share("POST /checkout", 180_000, 0.3), share("GET /search", 810_000, 0.25)],
    );
    second.allocated = true;
    let many = ["/a", "/b", "/c", "/d", "/e", "/f"].map(|name| share(name, 90, 0.004)).to_vec();
    let mut third = segment(&[node("service", "gateway /*")], [0.02, 0.024, 6.0, 0.000_4, 0.003, 0.62], many);
    third.entry = true;
    SharedPathsDocument {
        schema: SHARED_PATHS_SCHEMA.into(),
        scope: scope(),
        criteria: CriteriaDocument {
            sort: "score".into(),
            min_flows: 2,
            min_requests: 10,
            min_presence: 0.05,
            min_new: 0.3,
        },
        flows: 9,
        requests: 1_035_540,
        segments: vec![first, second, third],
        more: 4,
        other: 0.573,
        unknown: 0.012,
        left_out: vec![LeftOutDocument {
            id: "flow:web|DELETE /account".into(),
            name: "DELETE /account".into(),
            service: "web".into(),
            requests: 7,
        }],
    }
}

#[test]
fn the_list_is_written_as_agreed() {
    assert_golden("tests/golden/shared-paths.txt", &to_text(&shop(), &TextOptions::default()));
    assert_golden("tests/golden/shared-paths.json", &format!("{}\n", to_json(&shop(), true)));
    assert_golden("tests/golden/shared-paths.md", &to_markdown(&shop()));
}

#[test]
fn the_list_reads_well_in_80_columns() {
    let options = TextOptions { width: Some(80), ..TextOptions::default() };
    assert_golden("tests/golden/shared-paths-80-columns.txt", &to_text(&shop(), &options));
}

#[test]
fn nothing_shared_is_said_with_what_was_left_out() {
    let empty = SharedPathsDocument { segments: Vec::new(), more: 0, other: 1.0, ..shop() };
    let text = to_text(&empty, &TextOptions::default());
    let expected = "nothing is shared by 2 flows with 10 requests or more each\n\
        the filter chooses flows, by the services where they begin\n\
        other: 100 % of all critical time is in none of these (1.2 % in paths that were not kept)\n\
        left out, with fewer than 10 requests: 1 flow: DELETE /account (7)\n";
    assert!(text.ends_with(expected), "{text}");

    let mut whole = empty;
    whole.scope.filter.clear();
    assert!(!to_text(&whole, &TextOptions::default()).contains("the filter"));
}

#[test]
fn both_forms_of_json_read_back_equal() {
    for pretty in [false, true] {
        let read: SharedPathsDocument = serde_json::from_str(&to_json(&shop(), pretty)).unwrap();
        assert_eq!(read, shop());
    }
}

proptest! {
    #[test]
    fn any_name_stays_in_its_line(name in any_name(), limit in 0usize..90) {
        let mut paths = shop();
        paths.segments[0].nodes[0].label = name.clone();
        paths.segments[0].flows[0].name = name.clone();
        paths.left_out[0].name = name;
        let lines = |text: &str| text.lines().count();
        let options = TextOptions { width: Some(limit), ..TextOptions::default() };
        let text = to_text(&paths, &options);
        // Where there is little room a link may need a line of its own, and no name adds another.
        let without_names = lines(&to_text(&shop(), &options));
        prop_assert!((without_names - 1..=without_names + 1).contains(&lines(&text)), "{}", text);
        let wide = TextOptions::default();
        prop_assert_eq!(lines(&to_text(&paths, &wide)), lines(&to_text(&shop(), &wide)));
        prop_assert!(text.lines().all(|line| width(line) <= limit && !line.chars().any(is_hidden)));
        prop_assert_eq!(lines(&to_markdown(&paths)), lines(&to_markdown(&shop())));
        let cells = |text: &str| text.replace("\\\\", "").replace("\\|", "").matches('|').count();
        prop_assert_eq!(cells(&to_markdown(&paths)), cells(&to_markdown(&shop())));
    }
}
