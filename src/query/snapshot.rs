//! An answer as a graph: immutable, sorted, with names instead of numbers.

use std::sync::Arc;

use petgraph::graph::DiGraph;

use super::coverage::Coverage;
use super::request::{GraphQuery, Level};
use super::shared::OnPath;
use crate::graph::EdgeStats;
use crate::model::{NodeKind, Protocol};

/// A dependency graph of a time range. Nodes are sorted by id, edges by caller, callee, protocol and async.
pub struct GraphSnapshot {
    /// The question.
    pub query: GraphQuery,
    /// What was read.
    pub coverage: Coverage,
    /// The graph.
    pub graph: DiGraph<NodeEntry, EdgeEntry>,
}

/// What an answer knows of a node.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeEntry {
    /// Unique and stable.
    pub id: String,
    /// What it is.
    pub kind: NodeKind,
    /// True at namespace level for a namespace.
    pub is_namespace: bool,
    /// Display name.
    pub name: Arc<str>,
    /// Namespace, or empty.
    pub namespace: Arc<str>,
    /// Environment, or empty.
    pub environment: Arc<str>,
    /// Operation, at operation level.
    pub operation: Option<Arc<str>>,
    /// Versions seen, sorted.
    pub versions: Vec<Arc<str>>,
    /// Requests worked on; of inferred nodes the calls they got.
    pub requests: u64,
    /// Of these, failed ones.
    pub errors: u64,
    /// What critical paths say of it, where it lies on any.
    pub on_path: Option<OnPath>,
    /// True where it lies on the critical path of the flow that was asked for.
    pub is_marked: bool,
}

/// What an answer knows of an edge.
#[derive(Clone, Debug, PartialEq)]
pub struct EdgeEntry {
    /// What it speaks.
    pub protocol: Protocol,
    /// True where the caller does not wait.
    pub is_async: bool,
    /// Its numbers.
    pub stats: EdgeStats,
    /// Of a flow's own calls: requests that made them; where several calls are one edge, at most so many.
    pub requests: Option<u64>,
    /// In a collapsed view, the destinations between, sorted.
    pub via: Vec<Arc<str>>,
    /// False in a collapsed view where both sides only share a destination.
    pub is_joined: bool,
    /// What critical paths say of it, where it lies on any.
    pub on_path: Option<OnPath>,
    /// True where it lies on the critical path of the flow that was asked for.
    pub is_marked: bool,
}

impl GraphSnapshot {
    /// The level of the nodes.
    pub fn level(&self) -> Level {
        self.query.level
    }
}

/// The id of a node: `kind:name@namespace#environment|operation`, parts that are empty left out.
///
/// The characters that separate the parts are percent-encoded in names, so an id says one thing only.
pub fn node_id(kind: &str, name: &str, namespace: &str, environment: &str, operation: &str) -> String {
    let mut id = format!("{kind}:{}", escaped(name));
    for (mark, part) in [('@', namespace), ('#', environment), ('|', operation)] {
        if !part.is_empty() {
            id.push(mark);
            id.push_str(&escaped(part));
        }
    }
    id
}

fn escaped(text: &str) -> std::borrow::Cow<'_, str> {
    if !text.contains(['%', '@', '#', '|']) {
        return text.into();
    }
    let encode = |character| match character {
        '%' => "%25".to_string(),
        '@' => "%40".to_string(),
        '#' => "%23".to_string(),
        '|' => "%7C".to_string(),
        other => other.to_string(),
    };
    text.chars().map(encode).collect::<String>().into()
}
