//! Answers about critical paths to documents.

use std::collections::BTreeMap;

use super::completeness::{concerns, range_words};
use super::convert::{Freshness, level_name, range_and_completeness};
use super::river::{RiverBand, RiverDocument, RiverFlow, RiverLeaf, RiverTrunk};
use super::shared_paths::{PathScopeDocument, SharedPathsDocument, shared_paths_document};
use super::text::plural;
use crate::query::PathAnswer;
use crate::query::shared::{NodeName, Place, River, SharedPaths, SharedSegment};

/// What an answer was asked for, and how whole it is.
pub fn path_scope<T>(answer: &PathAnswer<T>, freshness: &Freshness) -> PathScopeDocument {
    let flows = &answer.query.flows;
    let (range, completeness) = range_and_completeness(&answer.coverage, flows.as_of, freshness);
    let given = [("env", &flows.environment), ("namespace", &flows.namespace)];
    let filter: BTreeMap<String, String> =
        given.into_iter().filter_map(|(key, value)| Some((key.to_string(), value.clone()?))).collect();
    PathScopeDocument { range, level: level_name(answer.query.level).to_string(), filter, completeness }
}

/// What flows share as a list and as a river.
pub fn shared_documents(
    answer: &PathAnswer<(SharedPaths, River)>,
    freshness: &Freshness,
) -> (SharedPathsDocument, RiverDocument) {
    let (paths, river) = &answer.paths;
    let scope = path_scope(answer, freshness);
    let river = river_document(river, paths, &scope);
    (shared_paths_document(paths, scope), river)
}

fn river_document(river: &River, paths: &SharedPaths, scope: &PathScopeDocument) -> RiverDocument {
    let mut notes = concerns(&scope.completeness);
    if !paths.left_out.is_empty() {
        let few = paths.options.min_requests;
        notes.push(format!(
            "{} with fewer than {few} requests left out",
            plural(paths.left_out.len(), "flow")
        ));
    }
    let id = |place: Place| match place {
        Place::Flow(at) => Some(river.flows[at].id.clone()),
        // No id of a flow or a node begins so.
        Place::Segment(at) => Some(format!("segment:{at}")),
        Place::Leaf(at) => Some(river.leaves[at].id.clone()),
        Place::Elsewhere => None,
    };
    let on_the_way = |at: usize| river.bands.iter().any(|band| band.to == Place::Segment(at));
    let trunks = paths.segments.iter().enumerate().filter(|(at, _)| on_the_way(*at));
    RiverDocument {
        range: range_words(&scope.range),
        flows: river
            .flows
            .iter()
            .map(|flow| RiverFlow {
                id: flow.id.clone(),
                label: flow.name.clone(),
                rate: flow.per_second,
                n: flow.requests,
            })
            .collect(),
        trunks: trunks
            .map(|(at, segment)| RiverTrunk {
                id: format!("segment:{at}"),
                nodes: names(segment, &river.segments[at]),
                flows: segment.flows.len() as u64,
                neff: segment.effective_flows,
                score: segment.score,
            })
            .collect(),
        leaves: river
            .leaves
            .iter()
            .map(|leaf| RiverLeaf {
                id: leaf.id.clone(),
                label: leaf.label.clone(),
                kind: leaf.kind.name().to_string(),
            })
            .collect(),
        bands: river
            .bands
            .iter()
            .map(|band| RiverBand {
                from: id(band.from),
                to: id(band.to),
                width: band.in_flight,
                neff: band.effective_flows,
            })
            .collect(),
        notes,
    }
}

/// The whole segment, as its numbers are of all of it; what better ranked ones have of it stands in brackets.
fn names(segment: &SharedSegment, kept: &[NodeName]) -> Vec<String> {
    let name = |node: &NodeName| match kept.contains(node) {
        true => node.label.clone(),
        false => format!("({})", node.label),
    };
    segment.nodes.iter().map(name).collect()
}
