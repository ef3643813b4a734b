//! The river: nothing appears, nothing is lost, and overlapping segments flow into each other.

use proptest::prelude::*;

use super::super::*;
use super::fixture::*;
use crate::model::{NodeId, NodeKind};

/// Bands as `from -> to requests in flight, in thousandths`.
fn bands(river: &River) -> Vec<String> {
    let name = |place: Place| match place {
        Place::Flow(at) => river.flows[at].id.clone(),
        Place::Segment(at) => format!("[{}]", path(&river.segments[at])),
        Place::Leaf(at) => river.leaves[at].label.clone(),
        Place::Elsewhere => "elsewhere".to_owned(),
    };
    let line =
        |band: &Band| format!("{} -> {} {:.0}", name(band.from), name(band.to), band.in_flight * 1_000.0);
    river.bands.iter().map(line).collect()
}

#[test]
fn overlapping_segments_flow_into_each_other_and_unshared_time_goes_elsewhere() {
    let mut nodes = Nodes::default();
    let order: &[Line] = &[(0, "gate", 100, 100, 0), (1, "order", 100, 900, 100), (2, "db", 100, 2_000, 0)];
    let other: &[Line] = &[(0, "gate", 100, 100, 0), (1, "pay", 100, 800, 0), (2, "db", 100, 1_000, 0)];
    let flows = vec![
        flow(&mut nodes, "a", 100, 0, order),
        flow(&mut nodes, "b", 100, 0, order),
        flow(&mut nodes, "c", 100, 0, other),
    ];
    let profiles = Profiles { seconds: 1.0, flows };
    let mut name = |node: NodeId| {
        let name = nodes.name(node);
        let kind = if name.label == "db" { NodeKind::Database } else { NodeKind::Service };
        NodeName { kind, ..name }
    };
    let shared = shared_paths(&profiles, &SharedOptions::default(), &mut name);
    let river = river(&profiles, &shared, &mut name);
    assert_eq!(
        bands(&river),
        [
            "flow:a -> [gate > order] 3100",
            "flow:b -> [gate > order] 3100",
            "flow:c -> [db] 1000",
            "flow:c -> elsewhere 900",
            "[gate > order] -> [db] 4000",
        ],
        "{:?}",
        shared.segments.iter().map(|segment| path(&segment.nodes)).collect::<Vec<_>>()
    );
    let into_db = river.bands.last().unwrap();
    assert!((into_db.effective_flows - 2.0).abs() < 1e-9, "{into_db:?}");
}

proptest! {
    #[test]
    fn all_time_of_a_flow_leaves_it_and_no_place_gives_more_than_it_gets(profiles in any_profiles()) {
        let options = SharedOptions { min_requests: 1, ..SharedOptions::default() };
        let shared = shared_paths(&profiles, &options, &mut letter);
        let river = river(&profiles, &shared, &mut letter);
        let sum = |of: &dyn Fn(&Band) -> bool| -> f64 {
            river.bands.iter().filter(|band| of(band)).map(|band| band.in_flight).sum()
        };
        for (at, flow) in river.flows.iter().enumerate() {
            let profile = profiles.flows.iter().find(|profile| profile.id == flow.id).unwrap();
            let expected = profile.duration as f64 / (MILLI as f64 * 1e3 * profiles.seconds);
            let found = sum(&|band| band.from == Place::Flow(at));
            prop_assert!((found - expected).abs() < 1e-6, "{}: {found} of {expected}", flow.id);
        }
        for at in 0..shared.segments.len() {
            let place = Place::Segment(at);
            let (gets, gives) = (sum(&|band| band.to == place), sum(&|band| band.from == place));
            prop_assert!(gives <= gets + 1e-6, "segment {at} gets {gets}, gives {gives}");
            prop_assert_eq!(gets > 0.0, river.bands.iter().any(|band| band.to == place));
        }
    }
}
