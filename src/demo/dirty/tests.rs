use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::demo::{EdgeCounts, EdgeKind};

const START: UnixNanos = 1_767_225_600_000_000_000;

fn rounds(count: usize) -> (Known, Truth, Vec<Vec<SimSpan>>) {
    let mut known = Known::new(1);
    let mut truth = Truth::default();
    let traces = (0..known.cases() * count)
        .map(|number| {
            let mut spans = Vec::new();
            known.trace(START + number as u64 * 1_000_000_000, &mut truth, &mut spans);
            spans
        })
        .collect();
    (known, truth, traces)
}

/// The first resource attribute is the service's name.
fn service(known: &Known, span: &SimSpan) -> String {
    let (_, value) = &known.catalog().instances[span.instance.0 as usize].essential[0];
    match value {
        crate::demo::Value::Text(name) => name.to_string(),
        other => panic!("{other:?} is no name"),
    }
}

#[test]
fn cases_have_services_of_their_own() {
    let (known, _, traces) = rounds(2);
    let cases = known.cases();
    let mut owners = BTreeMap::new();
    for (number, spans) in traces.iter().enumerate() {
        for span in spans {
            let owner = *owners.entry(service(&known, span)).or_insert(number % cases);
            assert_eq!(owner, number % cases, "{}", service(&known, span));
        }
    }
    let with_spans: BTreeSet<usize> = owners.into_values().collect();
    assert_eq!(with_spans.len(), cases, "every case writes spans");
}

#[test]
fn expected_edges_are_those_written_by_hand() {
    let (_, truth, _) = rounds(10);
    let counts = |kind, caller: &str, callee: &str| {
        let row = truth.rows().into_iter().find(|row| (row.0, row.1, row.2) == (kind, caller, callee));
        row.map(|(.., EdgeCounts { calls, errors_caller, errors_callee })| {
            (calls, errors_caller, errors_callee)
        })
    };
    use EdgeKind::{Database, External, Messaging, Service};
    let table = [
        (Service, "retry-web", "retry-bank", Some((30, 20, 20))),
        (Service, "mirror-web", "mirror-old", Some((20, 0, 0))),
        (Service, "proxy-edge", "proxy-bank", Some((10, 0, 0))),
        (Service, "proxy-web", "proxy-bank", None),
        (Service, "self-web", "self-web", None),
        (Service, "inside-web", "inside-web", None),
        (Service, "lost-web", "lost-bank", Some((10, 0, 0))),
        (Service, "shared-bank", "shared-vault", Some((10, 0, 0))),
        (Service, "chain-8", "chain-1", Some((10, 0, 0))),
        (Database, "db-number-web", "redis/3", Some((10, 0, 0))),
        (Database, "db-wrapped-web", "postgresql/wrapped", Some((10, 0, 0))),
        (External, "ext-old-web", "rates.bank.example", Some((10, 0, 0))),
        (Messaging, "rabbitmq/exchange-events", "rabbitmq/exchange-queue", Some((10, 0, 0))),
        (Messaging, "rabbitmq/exchange-queue", "exchange-audit", Some((10, 0, 0))),
        (Messaging, "kafka/gather-topic", "gather-worker", Some((50, 0, 0))),
        (Messaging, "servicebus/create-topic", "create-worker", Some((20, 0, 0))),
    ];
    for (kind, caller, callee, expected) in table {
        assert_eq!(counts(kind, caller, callee), expected, "{caller} to {callee}");
    }
    assert!(truth.rows().iter().all(|row| !row.2.starts_with("unseen") && !row.2.starts_with("health")));
}

#[test]
fn errors_come_on_none_one_and_both_sides() {
    let (known, _, traces) = rounds(60);
    let first_of_round = traces.chunks(known.cases()).map(|round| &round[0]);
    let sides: BTreeSet<(bool, bool)> =
        first_of_round.map(|spans| (spans[1].is_error, spans[2].is_error)).collect();
    assert_eq!(sides.len(), 4, "{sides:?}");
}

#[test]
fn lost_parents_late_spans_and_duplicates_are_really_there() {
    let (_, _, traces) = rounds(1);
    let all: Vec<&SimSpan> = traces.iter().flatten().collect();
    let ids: BTreeSet<(u128, u64)> = all.iter().map(|span| (span.trace.0, span.id.0)).collect();
    let orphans = all
        .iter()
        .filter(|span| !span.parent.is_none() && !ids.contains(&(span.trace.0, span.parent.0)))
        .count();
    assert_eq!(
        orphans, 6,
        "a lost server's child, two lost clients, two under a lost root, one under a lost step"
    );
    // Four repeated spans and one id that client and server share.
    assert_eq!(all.len() - ids.len(), 5);
    let late = all.iter().filter(|span| span.delay >= 1_000_000_000).count();
    assert_eq!(late, 4);
    assert!(all.iter().all(|span| span.delay < 30_000_000_000), "later spans would be another session's");
    let linked: usize = all.iter().map(|span| span.links.len()).sum();
    assert_eq!(linked, 1 + 3 + 1 + 5 + 1 + 2);
}
