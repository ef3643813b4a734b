//! A graph as rows that can be compared: kind, caller, callee → calls and errors, summed over protocols.

use std::collections::BTreeMap;
use std::path::Path;

use linchpin::export::document::GraphDocument;

/// `svc`, `db`, `msg` or `ext`, caller and callee by display name.
pub type Edge = (String, String, String);

/// Calls, of them failed as the caller sees it, and as the callee does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Calls {
    /// Calls.
    pub calls: u64,
    /// Failed for the caller.
    pub errors_caller: u64,
    /// Failed for the callee.
    pub errors_callee: u64,
}

/// Rows of a graph.
pub type Edges = BTreeMap<Edge, Calls>;

/// The rows of a graph.
pub fn edges(graph: &GraphDocument) -> Edges {
    let nodes: BTreeMap<&str, (&str, &str)> =
        graph.nodes.iter().map(|node| (node.id.as_str(), (node.kind.as_str(), node.name.as_str()))).collect();
    let mut rows = Edges::new();
    for edge in &graph.edges {
        let (caller_kind, caller) = nodes[edge.caller.as_str()];
        let (callee_kind, callee) = nodes[edge.callee.as_str()];
        let kind = match (caller_kind, callee_kind) {
            ("messaging", _) | (_, "messaging") => "msg",
            (_, "database") => "db",
            (_, "external") => "ext",
            _ => "svc",
        };
        let row = rows.entry((kind.to_string(), caller.to_string(), callee.to_string())).or_default();
        row.calls += edge.calls;
        row.errors_caller += edge.errors.caller;
        row.errors_callee += edge.errors.callee;
    }
    rows
}

/// Reads rows of tab-separated kind, caller, callee, calls and one or two columns of errors.
pub fn read(path: &Path) -> Edges {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(row).collect()
}

fn row(line: &str) -> (Edge, Calls) {
    let columns: Vec<&str> = line.split('\t').collect();
    let number = |at: usize| columns[at].parse().unwrap_or_else(|error| panic!("`{line}`: {error}"));
    // One column of errors is what the data sets have; it is 0 for both sides there.
    let last = columns.len() - 1;
    let calls = Calls { calls: number(3), errors_caller: number(4), errors_callee: number(last) };
    ((columns[0].into(), columns[1].into(), columns[2].into()), calls)
}

/// One row.
pub fn edge(kind: &str, caller: &str, callee: &str, calls: u64) -> (Edge, Calls) {
    ((kind.into(), caller.into(), callee.into()), Calls { calls, ..Calls::default() })
}

/// The rows of these kinds.
pub fn of_kinds(edges: &Edges, kinds: &[&str]) -> Edges {
    edges
        .iter()
        .filter(|((kind, ..), _)| kinds.contains(&kind.as_str()))
        .map(|(k, v)| (k.clone(), *v))
        .collect()
}

/// `Ok` where both have the same rows; else the rows that differ.
pub fn equal(actual: &Edges, expected: &Edges) -> Result<(), String> {
    let wrong: Vec<String> = actual
        .keys()
        .chain(expected.keys().filter(|edge| !actual.contains_key(*edge)))
        .filter(|edge| actual.get(*edge) != expected.get(*edge))
        .map(|edge| format!("{edge:?}: {:?} instead of {:?}", actual.get(edge), expected.get(edge)))
        .collect();
    if wrong.is_empty() { Ok(()) } else { Err(format!("{} rows differ:\n{}", wrong.len(), wrong.join("\n"))) }
}
