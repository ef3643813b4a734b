//! A profile as it is read: golden files, sums, limits, and names that hold anything.

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::export::fixture::{any_name, assert_golden};
use crate::export::name::{is_hidden, width};
use crate::export::shared_paths::scope;
use crate::export::text::TextOptions;
use crate::model::TraceId;

/// Depth, label, presence and the shares inclusive, exclusive, gap, retry.
type Line = (usize, &'static str, f64, [f64; 4]);

fn checkout() -> FlowProfileDocument {
    let lines: [Line; 7] = [
        (0, "web POST /checkout", 1.0, [0.98, 0.3, 0.0, 0.12]),
        (1, "price GET /quote", 1.0, [0.34, 0.08, 0.05, 0.0]),
        (2, "fx.bank.example:443", 0.62, [0.2, 0.2, 0.0, 0.0]),
        (1, "pay POST /charge", 0.97, [0.24, 0.13, 0.09, 0.12]),
        (2, "cards; and more", 0.03, [0.02, 0.02, 0.0, 0.0]),
        (1, "auth POST /token", 0.4, [0.1, 0.02, 0.01, 0.0]),
        (2, "postgresql/users", 0.4, [0.07, 0.07, 0.0, 0.0]),
    ];
    let mut path: Vec<usize> = Vec::new();
    let mut contexts: Vec<ContextDocument> = Vec::new();
    for (depth, label, presence, [inclusive, exclusive, gap, retry]) in lines {
        path.truncate(depth);
        let parent = path.last().copied();
        path.push(contexts.len());
        contexts.push(ContextDocument {
            node: PathNodeDocument {
                id: format!("service:{label}"),
                label: label.to_owned(),
                kind: "service".to_owned(),
            },
            parent,
            depth,
            presence,
            inclusive,
            exclusive,
            gap,
            retry,
            other: 0.0,
            other_flows: depth,
            effective_flows: 1.0 + depth as f64 / 4.0,
        });
    }
    // 1 % below price was cut.
    contexts[1].other = 0.01;
    FlowProfileDocument {
        schema: FLOW_PROFILE_SCHEMA.into(),
        scope: scope(),
        id: "flow:web@shop#prod|POST /checkout".into(),
        name: "POST /checkout".into(),
        service: "web".into(),
        seen: 1_302,
        requests: 1_250,
        per_second: 1.39,
        latency_ms: LatencyDocument {
            count: 1_302,
            mean: Some(101.0),
            p50: Some(90.5),
            p95: Some(240.0),
            p99: Some(1_310.0),
            max: Some(4_000.0),
        },
        mean_ms: 100.0,
        total_ms: 125_000.0,
        other: 0.03,
        hidden_presence: 0.004,
        contexts,
        exemplars: [(0xabc, 1_310.0, 40.0), (0x1b17d572f8dca29, 96.0, 400.5), (7, 88.0, 810.0)]
            .map(|(id, duration_ms, requests)| {
                let trace_id = TraceId(id).to_string();
                ExemplarDocument { trace_id, duration_ms, requests }
            })
            .to_vec(),
    }
}

#[test]
fn a_profile_is_written_as_agreed() {
    let profile = checkout();
    assert_golden("tests/golden/flow-profile.txt", &to_text(&profile, &TextOptions::default()));
    assert_golden("tests/golden/flow-profile.json", &format!("{}\n", to_json(&profile, true)));
    assert_golden("tests/golden/flow-profile.md", &to_markdown(&profile, None));
    assert_golden("tests/golden/flow-profile.folded", &to_folded(&profile));
    assert_golden("tests/golden/flow-profile.speedscope.json", &format!("{}\n", to_speedscope(&profile)));
}

#[test]
fn a_profile_reads_well_in_80_columns() {
    let options = TextOptions { width: Some(80), limit: Some(4), ..TextOptions::default() };
    assert_golden("tests/golden/flow-profile-80-columns.txt", &to_text(&checkout(), &options));
}

#[test]
fn a_limit_keeps_the_largest_and_adds_the_rest_to_other() {
    for limit in 1..=7 {
        let profile = checkout();
        let shown = rows::rows(&profile, Some(limit));
        // What is shown of each root: own, network and other are its inclusive time.
        let parts: f64 = shown
            .iter()
            .map(|row| match row {
                rows::Row::Context(context) => context.exclusive + context.gap,
                rows::Row::Other { share, .. } => *share,
            })
            .sum();
        assert!((parts - profile.contexts[0].inclusive).abs() < 1e-9, "{limit}: {parts}");
        let contexts = shown.iter().filter(|row| matches!(row, rows::Row::Context(_))).count();
        assert_eq!(contexts, limit);
    }
}

#[test]
fn stacks_are_all_of_the_time() {
    let profile = checkout();
    let sum: u64 = to_folded(&profile)
        .lines()
        .map(|line| line.rsplit_once(' ').unwrap().1.parse::<u64>().unwrap())
        .sum();
    assert_eq!(sum, 125_000_000);
    let file: Value = serde_json::from_str(&to_speedscope(&profile)).unwrap();
    let sampled = &file["profiles"][0];
    assert_eq!(sampled["endValue"], sum);
    let (samples, weights) = (sampled["samples"].as_array().unwrap(), sampled["weights"].as_array().unwrap());
    assert_eq!(samples.len(), weights.len());
    let frames = file["shared"]["frames"].as_array().unwrap().len() as u64;
    let places = samples.iter().flat_map(|sample| sample.as_array().unwrap());
    assert!(places.map(|place| place.as_u64().unwrap()).all(|place| place < frames));
}

#[test]
fn a_flow_without_paths_has_a_profile() {
    let empty = FlowProfileDocument {
        contexts: Vec::new(),
        requests: 0,
        mean_ms: 0.0,
        total_ms: 0.0,
        other: 0.0,
        latency_ms: LatencyDocument::default(),
        ..checkout()
    };
    assert!(to_text(&empty, &TextOptions::default()).contains("0 of 1,302 requests"));
    assert_eq!(to_folded(&empty), "");
    assert!(!to_markdown(&empty, None).contains('|'));
    let read: FlowProfileDocument = serde_json::from_str(&to_json(&empty, false)).unwrap();
    assert_eq!(read, empty);
}

proptest! {
    #[test]
    fn any_name_stays_in_its_line(name in any_name(), limit in 0usize..90) {
        let mut profile = checkout();
        profile.name = name.clone();
        profile.contexts[2].node.label = name;
        let options = TextOptions { width: Some(limit), ..TextOptions::default() };
        let text = to_text(&profile, &options);
        prop_assert_eq!(text.lines().count(), to_text(&checkout(), &options).lines().count());
        prop_assert!(text.lines().all(|line| width(line) <= limit && !line.chars().any(is_hidden)));
        let folded = to_folded(&profile);
        let separators = |text: &str| (text.lines().count(), text.matches(';').count());
        prop_assert_eq!(separators(&folded), separators(&to_folded(&checkout())));
        let frames: Value = serde_json::from_str(&to_speedscope(&profile)).unwrap();
        prop_assert_eq!(frames["shared"]["frames"].as_array().unwrap().len(), 9);
        prop_assert_eq!(to_markdown(&profile, None).lines().count(), to_markdown(&checkout(), None).lines().count());
    }
}
