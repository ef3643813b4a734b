//! A graph document as JSON.
//!
//! Field order is that of the document's types, maps are sorted, floats have their shortest exact form:
//! equal documents give equal bytes.

use super::document::GraphDocument;

/// Typical size of an edge in compact JSON; the buffer then rarely grows.
const EDGE_BYTES: usize = 1_024;
/// Typical size of a node in compact JSON.
const NODE_BYTES: usize = 256;

/// Writes a graph as JSON: one line, or indented by two spaces.
/// Without a line break at the end.
pub fn to_json(graph: &GraphDocument, pretty: bool) -> String {
    let expected = graph.edges.len() * EDGE_BYTES + graph.nodes.len() * NODE_BYTES + 1_024;
    let mut bytes = Vec::with_capacity(expected);
    if pretty {
        serde_json::to_writer_pretty(&mut bytes, graph)
    } else {
        serde_json::to_writer(&mut bytes, graph)
    }
    .expect("a document has only string keys and a Vec takes every byte");
    String::from_utf8(bytes).expect("serde_json writes UTF-8")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::export::fixture::{any_graph, assert_golden, shop};

    #[test]
    fn a_small_graph_is_written_as_agreed() {
        assert_golden("tests/golden/graph-shop.json", &format!("{}\n", to_json(&shop(), true)));
    }

    proptest! {
        #[test]
        fn both_forms_read_back_equal(graph in any_graph()) {
            for pretty in [false, true] {
                let read: GraphDocument = serde_json::from_str(&to_json(&graph, pretty)).unwrap();
                prop_assert_eq!(&read, &graph);
            }
        }
    }
}
