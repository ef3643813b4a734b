//! Laws of critical paths, on random traces.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;

use super::super::*;
use crate::analyze::{Analyzer, CallPath, Scope};
use crate::config::Config;
use crate::model::{NodeId, Resource, ResourceId, Span, SpanId, SpanKind, Symbols, TraceId};

const MS: u64 = 1_000_000;
const HOSTS: usize = 3;
/// Clocks are up to a second off, either way.
const MOST_OFF_NS: i64 = 1_000_000_000;

fn analyze(symbols: &Arc<Symbols>, spans: Vec<Span>) -> CriticalPath {
    Analyzer::new(symbols.clone(), &Config::default()).critical_path(spans).unwrap()
}

fn resource(symbols: &Symbols, service: &str, host: usize) -> ResourceId {
    let clock = symbols.intern(&format!("host-{host}"));
    let resource = Resource { service: symbols.intern(service), clock, ..Resource::default() };
    ResourceId(symbols.resources.intern(resource))
}

/// What is drawn of a span: parent, start and length in a way, kind, host, error.
type Draw = (usize, u16, u16, u8, usize, bool);

fn any_draws(most: usize) -> impl Strategy<Value = Vec<Draw>> {
    let error = prop::bool::weighted(0.2);
    let draw = (any::<usize>(), any::<u16>(), any::<u16>(), 0..6_u8, 0..HOSTS, error);
    prop::collection::vec(draw, 1..most)
}

/// Any mess: all kinds and hosts, children that leave their parents, orphans, loops.
fn messy(symbols: &Symbols, draws: &[Draw]) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    for (number, (parent, start, length, kind, host, is_error)) in draws.iter().copied().enumerate() {
        // Two numbers more than there are spans: they are missing; later ones make loops.
        let parent = if number == 0 { 0 } else { parent as u64 % (draws.len() as u64 + 2) + 1 };
        let start = 5_000 * MS + u64::from(start) % 300 * MS / 4;
        spans.push(Span {
            id: SpanId(number as u64 + 1),
            parent: SpanId(parent),
            start,
            end: start + u64::from(length) % 200 * MS / 4,
            kind: SpanKind::from_otlp(kind.into()),
            resource: resource(symbols, ["a", "b", "c", "d"][number % 4], host),
            operation: symbols.intern("work"),
            is_error,
            ..Span::default()
        });
    }
    spans
}

/// Servers that call each other through CLIENT spans, all on one clock, times in whole milliseconds.
fn calls(symbols: &Symbols, draws: &[Draw]) -> Vec<Span> {
    let server = |id: u64, parent: u64, (start, end): (u64, u64), host: usize| Span {
        id: SpanId(id),
        parent: SpanId(parent),
        start: start * MS,
        end: end * MS,
        kind: SpanKind::Server,
        resource: resource(symbols, &format!("service-{host}"), host),
        operation: symbols.intern(&format!("operation-{id}")),
        ..Span::default()
    };
    // Below 100 ms, so that no overlap of whole milliseconds is jitter.
    let mut spans = vec![server(1, 0, (5_000, 5_099), 0)];
    for (parent, start, length, inset, host, is_error) in draws.iter().copied() {
        let caller = spans[parent % spans.len().div_ceil(2) * 2].clone();
        let (above, end) = (caller.start / MS, caller.end / MS);
        let start = above + u64::from(start) % (end - above + 1);
        let end = start + u64::from(length) % (end - start + 1);
        let id = spans.len() as u64 + 1;
        let called = server(id, caller.id.0, (start, end), host);
        spans.push(Span { kind: SpanKind::Client, resource: caller.resource, is_error, ..called });
        let inset = u64::from(inset).min((end - start) / 2);
        spans.push(server(id + 1, id, (start + inset, end - inset / 2), host));
    }
    spans
}

/// Nanoseconds by span and kind, the legs of a gap together.
fn times(path: &CriticalPath) -> BTreeMap<(SpanId, SectionKind), u64> {
    let mut times = BTreeMap::new();
    for section in &path.response {
        let kind = match section.kind {
            SectionKind::Gap(_) => SectionKind::Gap(Leg::Unknown),
            kind => kind,
        };
        *times.entry((section.span, kind)).or_default() += section.duration_ns();
    }
    times
}

/// Nanoseconds by node: own ones of services, those of gaps all together; and those of retries.
type Sums = (BTreeMap<NodeId, u64>, u64, u64);

fn sums_of_sections(path: &CriticalPath) -> Sums {
    let (mut own, mut gaps, mut retries) = Sums::default();
    for section in &path.response {
        match section.kind {
            SectionKind::Gap(_) => gaps += section.duration_ns(),
            _ => *own.entry(section.node).or_default() += section.duration_ns(),
        }
        retries += if section.is_retry { section.duration_ns() } else { 0 };
    }
    (own, gaps, retries)
}

fn sums_of_places(path: &CallPath) -> Sums {
    let (mut own, mut gaps, mut retries) = Sums::default();
    for place in &path.places {
        if place.exclusive_ns > 0 {
            *own.entry(place.node).or_default() += place.exclusive_ns;
        }
        gaps += place.gap_ns;
        retries += place.retry_ns;
    }
    (own, gaps, retries)
}

/// The path of the first span, which is the only root; `None` where too much hangs under no root.
fn call_path(symbols: &Arc<Symbols>, spans: Vec<Span>) -> Option<CallPath> {
    let mut analyzer = Analyzer::new(symbols.clone(), &Config::default());
    let facts = analyzer.analyze(TraceId(1), spans, Scope::WHOLE);
    assert_eq!(facts.flows.len(), 1);
    facts.flows.into_iter().next().unwrap().path
}

fn assert_tiled(sections: &[Section]) {
    assert!(sections.iter().all(|section| section.start < section.end));
    assert!(sections.windows(2).all(|pair| pair[0].end == pair[1].start));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]
    #[test]
    fn sections_tile_the_root(draws in any_draws(40)) {
        let symbols = Symbols::new(10_000);
        let spans = messy(&symbols, &draws);
        // The first span is the only root.
        let (start, end) = (spans[0].start, spans[0].end);
        let of_calls = call_path(&symbols, spans.clone());
        let path = analyze(&symbols, spans);
        prop_assert_eq!(of_calls.is_none(), path.flags.contains(&Flag::Incomplete));
        if let Some(of_calls) = of_calls {
            let total: u64 = of_calls.places.iter().map(|place| place.exclusive_ns + place.gap_ns).sum();
            prop_assert_eq!(total, end - start);
            prop_assert_eq!(sums_of_places(&of_calls), sums_of_sections(&path));
        }
        assert_tiled(&path.response);
        prop_assert_eq!(path.response.first().map_or(start, |first| first.start), start);
        prop_assert_eq!(path.response.last().map_or(start, |last| last.end), end);
        assert_tiled(&path.completion);
        if let [first, .., last] = &path.completion[..] {
            prop_assert_eq!(first.start, start);
            prop_assert!(last.end > end);
        }
    }

    #[test]
    fn order_and_duplicates_change_nothing(
        (draws, order) in any_draws(30).prop_flat_map(|draws| {
            let twice: Vec<usize> = (0..draws.len()).chain(0..draws.len()).collect();
            (Just(draws), Just(twice).prop_shuffle())
        }),
        cut in 0..60_usize,
    ) {
        let symbols = Symbols::new(10_000);
        let spans = messy(&symbols, &draws);
        let expected = (analyze(&symbols, spans.clone()), call_path(&symbols, spans.clone()));
        // All once, in any order, and some twice.
        let mut seen = vec![false; spans.len()];
        let mut shuffled = Vec::new();
        for (place, idx) in order.into_iter().enumerate() {
            if !std::mem::replace(&mut seen[idx], true) || place > cut {
                shuffled.push(spans[idx].clone());
            }
        }
        prop_assert_eq!((analyze(&symbols, shuffled.clone()), call_path(&symbols, shuffled)), expected);
    }

    #[test]
    fn clocks_that_are_off_change_no_attribution(
        draws in any_draws(30),
        offsets in prop::array::uniform3(-MOST_OFF_NS..=MOST_OFF_NS),
    ) {
        let symbols = Symbols::new(10_000);
        let spans = calls(&symbols, &draws);
        let expected = analyze(&symbols, spans.clone());
        let of_calls = call_path(&symbols, spans.clone());
        prop_assert_eq!(&expected.flags, &[]);
        let hosts: Vec<ResourceId> =
            (0..HOSTS).map(|host| resource(&symbols, &format!("service-{host}"), host)).collect();
        let mut moved = spans;
        for span in &mut moved {
            let host = hosts.iter().position(|host| *host == span.resource).unwrap();
            span.start = span.start.strict_add_signed(offsets[host]);
            span.end = span.end.strict_add_signed(offsets[host]);
        }
        prop_assert_eq!(call_path(&symbols, moved.clone()), of_calls);
        prop_assert_eq!(times(&analyze(&symbols, moved)), times(&expected));
    }
}
