//! A graph document as JSON.
//!
//! Field order is that of the document's types, maps are sorted, floats have their shortest exact form:
//! equal documents give equal bytes.
//!
//! The compact form writes edges by hand, because they are nearly all of a document and serde escapes the same
//! fifty field names for each: it takes half the time, and a test holds it equal to serde's, byte for byte.

use serde::Serialize;

use super::document::{EdgeDocument, ErrorsDocument, EvidenceDocument, GraphDocument, LatencyDocument};

/// Typical size of an edge in compact JSON; the buffer then rarely grows.
const EDGE_BYTES: usize = 1_024;
/// Typical size of a node in compact JSON.
const NODE_BYTES: usize = 256;

/// Writes a graph as JSON: one line, or indented by two spaces.
/// Without a line break at the end.
pub fn to_json(graph: &GraphDocument, pretty: bool) -> String {
    if pretty {
        return serde_json::to_string_pretty(graph).expect("a document has only string keys");
    }
    let expected = graph.edges.len() * EDGE_BYTES + graph.nodes.len() * NODE_BYTES + 1_024;
    let mut json = Vec::with_capacity(expected);
    push_graph(&mut json, graph);
    String::from_utf8(json).expect("all parts are UTF-8")
}

fn push_graph(json: &mut Vec<u8>, graph: &GraphDocument) {
    let GraphDocument { schema, range, level, filter, completeness, nodes, edges } = graph;
    push(json, r#"{"schema":"#, schema);
    push(json, r#","range":"#, range);
    push(json, r#","level":"#, level);
    push(json, r#","filter":"#, filter);
    push(json, r#","completeness":"#, completeness);
    push(json, r#","nodes":"#, nodes);
    json.extend_from_slice(br#","edges":["#);
    for (place, edge) in edges.iter().enumerate() {
        if place > 0 {
            json.push(b',');
        }
        push_edge(json, edge);
    }
    json.extend_from_slice(b"]}");
}

/// Appends `before` (the punctuation and the name of a field) and the value.
fn push(json: &mut Vec<u8>, before: &str, value: &impl Serialize) {
    json.extend_from_slice(before.as_bytes());
    serde_json::to_writer(json, value).expect("a document has only string keys and a Vec takes every byte");
}

fn push_edge(json: &mut Vec<u8>, edge: &EdgeDocument) {
    push(json, r#"{"caller":"#, &edge.caller);
    push(json, r#","callee":"#, &edge.callee);
    push(json, r#","protocol":"#, &edge.protocol);
    push(json, r#","async":"#, &edge.is_async);
    push(json, r#","calls":"#, &edge.calls);
    push(json, r#","calls_adjusted":"#, &edge.calls_adjusted);
    if let Some(requests) = &edge.requests {
        push(json, r#","requests":"#, requests);
    }
    push_errors(json, &edge.errors);
    push_latency(json, r#","latency_ms":"#, &edge.latency_ms);
    push_latency(json, r#","callee_latency_ms":"#, &edge.callee_latency_ms);
    push_latency(json, r#","gap_ms":"#, &edge.gap_ms);
    push(json, r#","attempts_per_call":"#, &edge.attempts_per_call);
    push_evidence(json, &edge.evidence);
    push(json, r#","tail_calls":"#, &edge.tail_calls);
    push(json, r#","unknown_sampling_calls":"#, &edge.unknown_sampling_calls);
    for (field, instant) in [(r#","first_seen":"#, &edge.first_seen), (r#","last_seen":"#, &edge.last_seen)] {
        if let Some(instant) = instant {
            push(json, field, instant);
        }
    }
    push(json, r#","exemplars":"#, &edge.exemplars);
    if !edge.via.is_empty() {
        push(json, r#","via":"#, &edge.via);
    }
    if !edge.joined {
        push(json, r#","joined":"#, &edge.joined);
    }
    if let Some(critical) = &edge.critical {
        push(json, r#","critical":"#, critical);
    }
    json.push(b'}');
}

fn push_errors(json: &mut Vec<u8>, errors: &ErrorsDocument) {
    let ErrorsDocument { caller, callee, either } = errors;
    push(json, r#","errors":{"caller":"#, caller);
    push(json, r#","callee":"#, callee);
    push(json, r#","either":"#, either);
    json.push(b'}');
}

fn push_latency(json: &mut Vec<u8>, before: &str, latency: &LatencyDocument) {
    let LatencyDocument { count, mean, p50, p95, p99, max } = latency;
    json.extend_from_slice(before.as_bytes());
    push(json, r#"{"count":"#, count);
    push(json, r#","mean":"#, mean);
    push(json, r#","p50":"#, p50);
    push(json, r#","p95":"#, p95);
    push(json, r#","p99":"#, p99);
    push(json, r#","max":"#, max);
    json.push(b'}');
}

fn push_evidence(json: &mut Vec<u8>, evidence: &EvidenceDocument) {
    let EvidenceDocument { paired, parent_child, link, inferred } = evidence;
    push(json, r#","evidence":{"paired":"#, paired);
    push(json, r#","parent_child":"#, parent_child);
    push(json, r#","link":"#, link);
    push(json, r#","inferred":"#, inferred);
    json.push(b'}');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::export::fixture::{any_graph, assert_golden, collapsed, shop};

    #[test]
    fn a_small_graph_is_written_as_agreed() {
        assert_golden("tests/golden/graph-shop.json", &format!("{}\n", to_json(&shop(), true)));
    }

    #[test]
    fn numbers_that_json_lacks_are_null() {
        let mut graph = collapsed();
        graph.edges[0].calls_adjusted = f64::NAN;
        graph.edges[0].latency_ms.max = Some(f64::INFINITY);
        assert_eq!(to_json(&graph, false), serde_json::to_string(&graph).unwrap());
    }

    proptest! {
        #[test]
        fn the_compact_form_is_that_of_serde(graph in any_graph()) {
            prop_assert_eq!(to_json(&graph, false), serde_json::to_string(&graph).unwrap());
        }

        #[test]
        fn both_forms_read_back_equal(graph in any_graph()) {
            for pretty in [false, true] {
                let read: GraphDocument = serde_json::from_str(&to_json(&graph, pretty)).unwrap();
                prop_assert_eq!(&read, &graph);
            }
        }
    }
}
