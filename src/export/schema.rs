//! The JSON Schema (2020-12) of `linchpin.graph/1`, from the same types that are serialised.
//!
//! It stands in `docs/graph.schema.json`; a test holds the two together.

use serde_json::{Value, json};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;
use utoipa::{PartialSchema, ToSchema};

use super::document::{GRAPH_SCHEMA, GraphDocument};

/// The schema of a graph document: self-contained, keys sorted, indented, with a line break at the end.
pub fn graph_schema() -> String {
    let mut root = value(&GraphDocument::schema());
    root["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    root["title"] = json!(GRAPH_SCHEMA);
    root["properties"]["schema"]["const"] = json!(GRAPH_SCHEMA);
    let mut parts = Vec::new();
    GraphDocument::schemas(&mut parts);
    root["$defs"] = parts.iter().map(|(name, schema)| (name.clone(), value(schema))).collect();
    refer_to_defs(&mut root);
    root.sort_all_objects();
    format!("{root:#}\n")
}

fn value(schema: &RefOr<Schema>) -> Value {
    serde_json::to_value(schema).expect("a schema has only string keys")
}

/// utoipa's references point into an OpenAPI document; here the parts stand under `$defs`.
fn refer_to_defs(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (key, field) in fields {
                match field {
                    Value::String(target) if key == "$ref" => {
                        *target = target.replacen("#/components/schemas/", "#/$defs/", 1);
                    }
                    _ => refer_to_defs(field),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(refer_to_defs),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::export::fixture::{any_graph, assert_golden, shop};

    fn validator() -> jsonschema::Validator {
        jsonschema::draft202012::new(&serde_json::from_str(&graph_schema()).unwrap()).unwrap()
    }

    #[test]
    fn the_published_schema_is_that_of_the_types() {
        assert_golden("docs/graph.schema.json", &graph_schema());
    }

    #[test]
    fn wrong_documents_are_refused() {
        let validator = validator();
        let good = serde_json::to_value(shop()).unwrap();
        assert!(validator.is_valid(&good));
        let cases = [
            ("/schema", json!("linchpin.graph/2")),
            ("/nodes", json!({})),
            ("/nodes/0/requests", json!(-1)),
            ("/nodes/0/team", json!(7)),
            ("/edges/0/calls", json!("12")),
            ("/edges/0/latency_ms/p95", json!("34 ms")),
            ("/edges/0/errors", json!(null)),
            ("/completeness/dropped", json!({"oversize": "many"})),
        ];
        for (pointer, wrong) in cases {
            let mut bad = good.clone();
            *bad.pointer_mut(pointer).unwrap() = wrong;
            assert!(!validator.is_valid(&bad), "{pointer}");
        }
        let mut without_callee = good;
        without_callee["edges"][0].as_object_mut().unwrap().remove("callee");
        assert!(!validator.is_valid(&without_callee));
    }

    proptest! {
        #[test]
        fn every_document_is_valid(graph in any_graph()) {
            let document = serde_json::to_value(&graph).unwrap();
            let problems: Vec<String> = validator().iter_errors(&document).map(|e| e.to_string()).collect();
            prop_assert!(problems.is_empty(), "{problems:?}");
        }
    }
}
