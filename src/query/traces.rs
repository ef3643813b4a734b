//! The traces that flows keep: which one has, and one of them opened: what its request waited for.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::answer::read;
use super::request::{FlowQuery, QueryError};
use crate::analyze::{Analyzer, CriticalPath};
use crate::config::Config;
use crate::graph::{FlowKey, FlowTraces, KeptTrace};
use crate::model::{Minute, Span, Symbols, TraceId, UnixNanos};
use crate::store::{Reading, Timeline};

/// A trace that was found.
pub struct TraceAnswer {
    /// Its whole id.
    pub trace: TraceId,
    /// Its critical path.
    pub path: CriticalPath,
    /// First minute searched.
    pub from: Minute,
    /// First minute after the search.
    pub to: Minute,
}

/// A trace that a flow keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exemplar {
    /// Its whole id: [`trace`] opens it.
    pub trace: TraceId,
    /// Length of its critical path, nanoseconds.
    pub duration_ns: u64,
    /// What it stands for, in 1/65536 of a request.
    pub weight: u64,
}

/// The critical path of a trace that a flow of the range keeps; where only one side has 128 bits, of the only trace
/// with the same lower 64.
///
/// # Errors
/// [`QueryError`]; [`QueryError::UnknownTrace`] where none is kept.
pub fn trace(
    timeline: &Timeline,
    wanted: TraceId,
    query: &FlowQuery,
    config: &Config,
    now: UnixNanos,
) -> Result<TraceAnswer, QueryError> {
    let reading = read(timeline, query.range, query.as_of, now)?;
    let symbols = timeline.live.symbols();
    let is_wanted = |flow: &FlowKey, trace: TraceId| trace.may_be(wanted) && is_about(query, flow, symbols);
    let (from, to) = (reading.from, reading.to);
    let found = timeline.kept_traces(from, to, query.as_of.is_some(), &is_wanted);
    let found = found.map_err(QueryError::store)?;
    let chosen = choose(&found, wanted);
    let path = chosen.and_then(|(trace, spans)| {
        let path = Analyzer::new(symbols.clone(), config).critical_path(spans.to_vec())?;
        Some(TraceAnswer { trace, path, from, to })
    });
    path.ok_or_else(|| unknown(wanted, &found, &reading, query, symbols))
}

/// The traces of this sample that can be opened in what was read, the slowest first.
pub(super) fn exemplars(
    timeline: &Timeline,
    reading: &Reading,
    query: &FlowQuery,
    traces: &FlowTraces,
    config: &Config,
) -> Result<Vec<Exemplar>, QueryError> {
    let symbols = timeline.live.symbols();
    let ids: BTreeSet<TraceId> = traces.sample().iter().map(|kept| kept.trace).collect();
    let is_wanted = |flow: &FlowKey, trace: TraceId| ids.contains(&trace) && is_about(query, flow, symbols);
    let found = timeline.kept_traces(reading.from, reading.to, query.as_of.is_some(), &is_wanted);
    let found = found.map_err(QueryError::store)?;
    let mut analyzer = Analyzer::new(symbols.clone(), config);
    let opened = traces.sample().iter().filter_map(|kept| {
        let path = analyzer.critical_path(spans_of(&found, kept.trace)?.to_vec())?;
        let duration_ns = path.response.last()?.end.saturating_sub(path.response.first()?.start);
        Some(Exemplar { trace: kept.trace, duration_ns, weight: traces.sample_weight(kept) })
    });
    let mut exemplars: Vec<Exemplar> = opened.collect();
    exemplars.sort_by_key(|exemplar| (Reverse(exemplar.duration_ns), exemplar.trace));
    Ok(exemplars)
}

fn is_about(query: &FlowQuery, flow: &FlowKey, symbols: &Symbols) -> bool {
    let root = symbols.nodes.get(flow.service.0);
    query.is_about(&symbols.text(root.environment), &symbols.text(root.namespace))
}

/// The trace with this id, else the only one that may be meant.
fn choose(found: &[KeptTrace], wanted: TraceId) -> Option<(TraceId, &[Span])> {
    let ids: BTreeSet<TraceId> = found.iter().map(|kept| kept.trace).collect();
    let is_exact = ids.contains(&wanted);
    let id = if is_exact { wanted } else { ids.first().copied().filter(|_| ids.len() == 1)? };
    spans_of(found, id).map(|spans| (id, spans))
}

/// The spans of a trace; of several sightings those of the one with most.
fn spans_of(found: &[KeptTrace], id: TraceId) -> Option<&[Span]> {
    let sightings = found.iter().filter(|kept| kept.trace == id).filter_map(|kept| kept.spans.as_deref());
    sightings.max_by_key(|spans| spans.len())
}

fn unknown(
    wanted: TraceId,
    found: &[KeptTrace],
    reading: &Reading,
    query: &FlowQuery,
    symbols: &Symbols,
) -> QueryError {
    let flows = reading.bucket.flows.iter().filter(|(flow, _)| is_about(query, flow, symbols));
    let kept = flows.flat_map(|(_, stats)| stats.traces.sample()).map(|kept| kept.trace).min();
    let hint = match (found.is_empty(), kept) {
        (false, _) => "several traces end in these 16 digits: give all 32".to_string(),
        (true, Some(example)) => format!(
            "a flow keeps a few traces of each minute (flows.max_traces), the `exemplars` in \
             /api/v1/flows/{{id}}/critical-path, as {example}"
        ),
        (true, None) => "no flow of it keeps any trace: ask for another range".to_string(),
    };
    QueryError::UnknownTrace { trace: wanted, hint }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::analyze::Scope;
    use crate::analyze::fixture::{CHECKOUT, spans_after};
    use crate::graph::LiveGraph;
    use crate::query::{FlowsSnapshot, PathQuery, TimeRange, flow_path, flows};
    use crate::store::{History, MERGED, Policy, Sealer};

    const NOW: UnixNanos = 3_600_000_000_000;

    fn all() -> FlowQuery {
        FlowQuery { range: TimeRange::All, ..FlowQuery::default() }
    }

    /// A minute of these checkouts; sealed where `is_sealed`.
    fn timeline(traces: impl Iterator<Item = u128>, is_sealed: bool) -> Arc<Timeline> {
        let (symbols, config) = (Symbols::new(1_000), Config::default());
        let live = LiveGraph::new(symbols.clone(), &config);
        live.add_lane(0, 0);
        let (mut writer, mut analyzer) = (live.writer(), Analyzer::new(symbols.clone(), &config));
        for trace in traces {
            let spans = spans_after(&symbols, 1_000, CHECKOUT);
            writer.record(0, &analyzer.analyze(TraceId(trace), spans, Scope::WHOLE));
        }
        let timeline = Timeline::new(live, History::new(None, Policy::from_config(&config)), Arc::default());
        if is_sealed {
            writer.finish(0, 0, Minute(0));
            let mut sealer = Sealer::new(timeline.clone(), &config, Arc::default());
            sealer.seal(0, &Arc::from(MERGED), Minute(0), Minute(60));
        }
        timeline
    }

    fn listed(answer: &FlowsSnapshot) -> BTreeSet<u128> {
        answer.flows.iter().flat_map(|flow| flow.stats.traces.sample()).map(|kept| kept.trace.0).collect()
    }

    #[test]
    fn what_is_listed_opens_with_the_path_of_the_whole_trace() {
        for is_sealed in [false, true] {
            let timeline = timeline(1..=20, is_sealed);
            let symbols = timeline.live.symbols();
            let mut analyzer = Analyzer::new(symbols.clone(), &Config::default());
            let expected = analyzer.critical_path(spans_after(symbols, 1_000, CHECKOUT)).unwrap();
            let listed = listed(&flows(&timeline, &all(), NOW).unwrap());
            assert_eq!(listed.len(), Config::default().flows.max_traces);
            let open = |id: u128| trace(&timeline, TraceId(id), &all(), &Config::default(), NOW);
            for id in 1..=20 {
                match open(id) {
                    Ok(answer) => {
                        assert_eq!((answer.trace, &answer.path), (TraceId(id), &expected));
                        assert!(listed.contains(&id), "{id} opens and is not listed");
                    }
                    Err(error) => {
                        assert!(!listed.contains(&id), "{id} is listed: {error}");
                        let example = TraceId(*listed.first().unwrap()).to_string();
                        assert!(error.to_string().contains(&example), "{error}");
                    }
                }
            }
        }
    }

    #[test]
    fn the_exemplars_of_a_profile_are_all_that_is_kept_and_open_with_the_length_that_they_say() {
        for is_sealed in [false, true] {
            let (timeline, config) = (timeline(1..=20, is_sealed), Config::default());
            let answer = flows(&timeline, &all(), NOW).unwrap();
            let [flow] = &answer.flows[..] else { panic!("{} flows", answer.flows.len()) };
            let query = PathQuery { flows: all(), ..PathQuery::default() };
            let exemplars = flow_path(&timeline, &flow.id, &query, &config, NOW).unwrap().paths.1;
            let ids: BTreeSet<u128> = exemplars.iter().map(|exemplar| exemplar.trace.0).collect();
            assert_eq!(ids, listed(&answer));
            for exemplar in &exemplars {
                let path = trace(&timeline, exemplar.trace, &all(), &config, NOW).unwrap().path;
                let sections: u64 = path.response.iter().map(|section| section.end - section.start).sum();
                assert_eq!(exemplar.duration_ns, sections);
            }
            // Eight of twenty equal requests: together they stand for all of them, in the mean.
            let requests = exemplars.iter().map(|it| it.weight as f64 / 65_536.0).sum::<f64>();
            assert!((10.0..40.0).contains(&requests), "{requests}");
        }
    }

    #[test]
    fn half_an_id_opens_the_only_trace_that_it_can_be() {
        let long = (7 << 64) | 5;
        let open = |traces: &[u128], id: u128, query: &FlowQuery| {
            let timeline = timeline(traces.iter().copied(), true);
            let answer = trace(&timeline, TraceId(id), query, &Config::default(), NOW);
            answer.map(|answer| answer.trace.0).map_err(|error| error.to_string())
        };
        assert_eq!(open(&[long, 6], 5, &all()), Ok(long));
        assert_eq!(open(&[long, 5], 5, &all()), Ok(5));
        assert_eq!(open(&[5, 6], long, &all()), Ok(5));
        assert!(open(&[long, (8 << 64) | 5], 5, &all()).unwrap_err().contains("give all 32"));
        let elsewhere = FlowQuery { environment: Some("elsewhere".into()), ..all() };
        assert!(open(&[5], 5, &elsewhere).unwrap_err().contains("ask for another range"));
    }
}
