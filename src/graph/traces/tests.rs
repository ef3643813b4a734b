//! Samples of traces: the same whatever the order and the grouping, weighted without bias, and never without a bound.

use proptest::prelude::*;

use super::*;
use crate::model::{SpanId, WEIGHT_ONE};

/// A sighting of a trace; of two of one trace the weights or the spans may differ.
type Sighting = (u128, u64, u64);

fn sightings() -> impl Strategy<Value = Vec<Sighting>> {
    proptest::collection::vec((0..40u128, 1..4u64, 0..3u64), 0..60)
}

fn spans(symbols: &Symbols, (trace, _, variant): Sighting) -> Vec<Span> {
    // Variants that only differ in a name are told apart by it, not by the number of the name.
    let operation = symbols.intern(["a", "b", "b"][variant as usize]);
    let span =
        |id| Span { id: SpanId(id), operation, request: operation, end: trace as u64, ..Span::default() };
    (1..=1 + variant / 2).map(span).collect()
}

fn sample(hashes: &mut Hashes, max: usize, sightings: &[Sighting]) -> FlowTraces {
    let mut traces = FlowTraces::default();
    for sighting in sightings {
        let spans = spans(hashes.symbols(), *sighting);
        traces.offer(TraceId(sighting.0), sighting.1 * WEIGHT_ONE, &spans, max, hashes);
    }
    traces
}

/// The definition: the best sighting of each trace, by H/w.
fn naive(max: usize, sightings: &[Sighting]) -> Vec<(u128, u64, Option<u64>)> {
    let mut best: std::collections::BTreeMap<u128, (u64, u64)> = Default::default();
    for (trace, weight, variant) in sightings {
        // More spans, then the smaller name.
        let rank = |(weight, variant): (u64, u64)| (weight, [1, 0, 2][variant as usize]);
        let entry = best.entry(*trace).or_insert((*weight, *variant));
        if rank((*weight, *variant)) > rank(*entry) {
            *entry = (*weight, *variant);
        }
    }
    let ratio = |trace: u128, weight: u64| TraceId(trace).mixed(Exemplars::SEED) as f64 / weight as f64;
    let mut all: Vec<(u128, u64, u64)> = best.into_iter().map(|(trace, (w, v))| (trace, w, v)).collect();
    all.sort_by(|a, b| ratio(a.0, a.1).total_cmp(&ratio(b.0, b.1)));
    all.truncate(max + 1);
    all.into_iter().enumerate().map(|(at, (trace, w, v))| (trace, w, (at < max).then_some(v))).collect()
}

fn variant(kept: &KeptTrace, symbols: &Symbols) -> Option<u64> {
    let spans = kept.spans.as_ref()?;
    Some(match (spans.len(), &*symbols.text(spans[0].operation)) {
        (1, "a") => 0,
        (1, _) => 1,
        _ => 2,
    })
}

proptest! {
    #[test]
    fn it_is_the_sample_of_the_definition(sightings in sightings(), max in 1..6usize, reversed in any::<bool>()) {
        let symbols = Symbols::new(100);
        // Another process has seen the names in another order.
        for name in ["b", "a"].into_iter().filter(|_| reversed) {
            symbols.intern(name);
        }
        let mut hashes = Hashes::new(symbols);
        let traces = sample(&mut hashes, max, &sightings);
        let found: Vec<_> = traces
            .kept
            .iter()
            .map(|kept| (kept.trace.0, kept.weight / WEIGHT_ONE, variant(kept, hashes.symbols())))
            .collect();
        prop_assert_eq!(found, naive(max, &sightings));
        prop_assert!(traces.sample().iter().all(|kept| kept.spans.is_some()));
    }

    #[test]
    fn neither_order_nor_grouping_changes_it(
        (sightings, shuffled) in sightings().prop_flat_map(|all| (Just(all.clone()), Just(all).prop_shuffle())),
        max in 1..6usize,
        cuts in (any::<prop::sample::Index>(), any::<prop::sample::Index>()),
    ) {
        let mut hashes = Hashes::new(Symbols::new(100));
        let whole = sample(&mut hashes, max, &sightings);
        let mut ends = [cuts.0.index(shuffled.len() + 1), cuts.1.index(shuffled.len() + 1)];
        ends.sort_unstable();
        let parts = [&shuffled[..ends[0]], &shuffled[ends[0]..ends[1]], &shuffled[ends[1]..]];
        let [a, b, c] = parts.map(|part| sample(&mut hashes, max, part));
        let merged = |mut left: FlowTraces, right: &FlowTraces| {
            left.merge(right, &hashes);
            left
        };
        let left = merged(merged(a.clone(), &b), &c);
        let right = merged(a.clone(), &merged(b.clone(), &c));
        let swapped = merged(merged(c, &b), &a);
        if !sightings.is_empty() {
            prop_assert_eq!(&left, &whole);
        }
        prop_assert_eq!(&left, &right);
        prop_assert_eq!(&left, &swapped);
    }

    #[test]
    fn an_answer_has_all_that_its_parts_kept_in_any_order(
        (parts, shuffled) in proptest::collection::vec(sightings(), 0..6)
            .prop_flat_map(|all| (Just(all.clone()), Just(all).prop_shuffle())),
        max in 1..6usize,
    ) {
        let mut hashes = Hashes::new(Symbols::new(100));
        let mut gathered = |parts: &[Vec<Sighting>]| {
            let mut answer = FlowTraces::default();
            for part in parts {
                answer.gather(&sample(&mut hashes, max, part), &hashes);
            }
            answer
        };
        let answer = gathered(&parts);
        prop_assert_eq!(&answer, &gathered(&shuffled));
        let in_parts: std::collections::BTreeSet<TraceId> = parts
            .iter()
            .flat_map(|part| sample(&mut hashes, max, part).sample().to_vec())
            .map(|kept| kept.trace)
            .collect();
        prop_assert_eq!(answer.sample().iter().map(|kept| kept.trace).collect::<std::collections::BTreeSet<_>>(), in_parts);
        prop_assert!(answer.sample().iter().all(|kept| answer.sample_weight(kept) >= kept.weight));
    }

    #[test]
    fn what_would_not_be_kept_changes_nothing(sightings in sightings(), new in (0..80u128, 1..4u64), max in 0..6usize) {
        let mut hashes = Hashes::new(Symbols::new(100));
        let mut traces = sample(&mut hashes, max, &sightings);
        let would_keep = traces.would_keep(TraceId(new.0), new.1 * WEIGHT_ONE, max);
        let before = traces.clone();
        let all = spans(hashes.symbols(), (new.0, new.1, 2));
        traces.offer(TraceId(new.0), new.1 * WEIGHT_ONE, &all, max, &mut hashes);
        prop_assert!(would_keep || traces == before);
        prop_assert!(traces.sample().len() <= max && traces.kept.len() <= max + 1);
    }
}

#[test]
fn weights_add_up_to_those_of_all_in_the_mean() {
    let mut hashes = Hashes::new(Symbols::new(100));
    let (mut heavy, mut all) = (0, 0);
    for run in 0..10_000u128 {
        // Every tenth of 50 requests stands for nine: 5 * 9 + 45.
        let weight = |n: u128| if n.is_multiple_of(10) { 9 } else { 1 };
        let sightings: Vec<Sighting> = (0..50).map(|n| (run << 64 | n, weight(n), 0)).collect();
        let traces = sample(&mut hashes, 8, &sightings);
        for kept in traces.sample() {
            let weight = u128::from(traces.sample_weight(kept));
            all += weight;
            heavy += if kept.weight > WEIGHT_ONE { weight } else { 0 };
        }
    }
    let mean = |sum: u128| sum as f64 / f64::from(10_000) / WEIGHT_ONE as f64;
    assert!((mean(all) - 90.0).abs() < 1.5, "{}", mean(all));
    assert!((mean(heavy) - 45.0).abs() < 1.5, "{}", mean(heavy));
}

#[test]
fn in_an_answer_weights_add_up_to_those_of_all_its_minutes_in_the_mean() {
    let mut hashes = Hashes::new(Symbols::new(100));
    // A quiet minute whose traces all stay, usual ones, and so many that the answer has to cut.
    for minutes in [&[3, 20, 60][..], &[40; 40]] {
        let mut all = 0;
        const RUNS: u32 = 1_000;
        for run in 0..u128::from(RUNS) {
            let mut answer = FlowTraces::default();
            for (minute, requests) in minutes.iter().enumerate() {
                let id = |n: u128| (run << 64) | ((minute as u128) << 32) | n;
                let sightings: Vec<Sighting> = (0..*requests).map(|n| (id(n), 1 + n as u64 % 3, 0)).collect();
                answer.gather(&sample(&mut hashes, 8, &sightings), &hashes);
            }
            assert_eq!(
                answer.sample().len(),
                minutes.iter().map(|n| (*n).min(8)).sum::<u128>().min(128) as usize
            );
            all += answer.sample().iter().map(|kept| u128::from(answer.sample_weight(kept))).sum::<u128>();
        }
        let mean = all as f64 / f64::from(RUNS) / WEIGHT_ONE as f64;
        let truth: u128 =
            minutes.iter().map(|requests| (0..*requests).map(|n| 1 + n % 3).sum::<u128>()).sum();
        assert!((mean / truth as f64 - 1.0).abs() < 0.03, "{mean} of {truth}");
    }
}

#[test]
fn few_traces_weigh_what_they_are() {
    let mut hashes = Hashes::new(Symbols::new(100));
    let traces = sample(&mut hashes, 4, &[(1, 3, 0), (2, 1, 0)]);
    let mut weights: Vec<u64> =
        traces.sample().iter().map(|kept| traces.sample_weight(kept) / WEIGHT_ONE).collect();
    weights.sort_unstable();
    assert_eq!(weights, [1, 3]);
}

#[test]
fn a_trace_that_is_taken_back_is_gone() {
    let mut hashes = Hashes::new(Symbols::new(100));
    let mut traces = sample(&mut hashes, 4, &[(1, 1, 0), (2, 1, 0)]);
    traces.take_back(TraceId(1));
    assert_eq!(traces.sample().iter().map(|kept| kept.trace.0).collect::<Vec<_>>(), [2]);
}
