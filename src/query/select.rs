//! A reading of the live graph to a snapshot: roll up, resolve aliases, collapse, filter, focus, sort.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use petgraph::graph::{DiGraph, NodeIndex};

use super::alias::Aliases;
use super::collapse;
use super::coverage::Coverage;
use super::flow_graph::FlowGraph;
use super::request::{Direction, GraphQuery, Level, QueryError};
use super::rollup::{Edges, Key, Names, SetOf, roll_up};
use super::snapshot::{EdgeEntry, GraphSnapshot, NodeEntry, node_id};
use crate::graph::{Bucket, EdgeStats, NodeStats};
use crate::model::{FastMap, Node, NodeKind, Symbol, Symbols};
use crate::store::Reading;

/// Answers a graph question from what was read.
///
/// # Errors
/// [`QueryError::UnknownFocus`] where no node of the range has the focus's name or id.
pub fn select(reading: &Reading, symbols: &Symbols, query: &GraphQuery) -> Result<GraphSnapshot, QueryError> {
    let bucket = &reading.bucket;
    let aliases = Aliases::learn(bucket, symbols);
    let mut names = Names::new(symbols, aliases, query.level);
    let flow = query.flow.as_deref().map(|flow| FlowGraph::find(bucket, flow, symbols)).transpose()?;
    let counted = |all| flow.as_ref().map_or(Cow::Borrowed(all), |flow| Cow::Owned(flow.edges()));
    let mut edges = roll_up(&counted(&bucket.edges), &mut names);
    if query.collapse_messaging {
        let pairs = |all| flow.as_ref().map_or(Cow::Borrowed(all), |flow| Cow::Owned(flow.joined()));
        // What else takes from a destination of the flow is not known to have worked for it.
        collapse::collapse(&pairs(&bucket.joined), flow.is_none(), &mut edges, &mut names);
    }
    let sums = match &flow {
        None => node_sums(bucket, &mut names),
        Some(flow) => flow.nodes(&mut names),
    };
    if let Some(flow) = &flow {
        flow.count_requests(&mut edges, &mut names);
    }
    let mut nodes = node_entries(bucket, sums, &edges, &mut names, query);
    let mut kept: Vec<(Key, EdgeStats)> = edges
        .known
        .drain()
        .filter(|(key, stats)| is_wanted(key, stats, &edges.unjoined, &names, query))
        .collect();
    let connected: BTreeSet<String> = match &query.focus {
        Some(focus) => around(focus, query, &nodes, &mut kept)?,
        None => ends(&kept, &nodes),
    };
    // LINK-ISOLATED: services without edges are part of the map; after a filter on edges they would only be noise.
    let shows_isolated = query.focus.is_none() && query.min_calls == 0 && !query.errors_only;
    nodes.retain(|node, entry| {
        let is_service = node.kind == NodeKind::Service && matches(node, &names, query);
        connected.contains(&entry.id) || (shows_isolated && is_service)
    });
    let mut coverage = Coverage::of(reading);
    coverage.notes.extend(flow.iter().flat_map(FlowGraph::notes));
    Ok(GraphSnapshot { query: query.clone(), coverage, graph: build(nodes, kept, edges) })
}

fn node_sums(bucket: &Bucket, names: &mut Names) -> FastMap<Node, NodeStats> {
    let mut sums: FastMap<Node, NodeStats> = FastMap::default();
    for (id, stats) in bucket.nodes.iter().filter(|(_, stats)| stats.requests > 0) {
        sums.entry(names.rolled_up(*id)).or_default().merge(stats);
    }
    sums
}

fn node_entries(
    bucket: &Bucket,
    mut sums: FastMap<Node, NodeStats>,
    edges: &Edges,
    names: &mut Names,
    query: &GraphQuery,
) -> FastMap<Node, NodeEntry> {
    // Inferred nodes report nothing themselves: the calls they got stand for their requests.
    for ((caller, callee, ..), stats) in &edges.known {
        sums.entry(*caller).or_default();
        let callee_sums = sums.entry(*callee).or_default();
        if callee.kind != NodeKind::Service {
            callee_sums.requests += stats.calls;
            callee_sums.errors += stats.either_errors;
        }
    }
    let mut versions: FastMap<Node, BTreeSet<Arc<str>>> = FastMap::default();
    for (service, stats) in &bucket.services {
        let node = names.rolled_up(*service);
        let seen = stats.versions.iter().filter(|(_, count)| **count > 0);
        versions.entry(node).or_default().extend(seen.map(|(version, _)| names.symbols.text(*version)));
    }
    let entry = |(node, stats): (Node, NodeStats)| {
        let versions = versions.get(&Node { operation: Symbol::EMPTY, ..node });
        let versions = versions.map(|versions| versions.iter().cloned().collect()).unwrap_or_default();
        (node, node_entry(&node, &stats, versions, names, query.level))
    };
    sums.into_iter().map(entry).collect()
}

fn node_entry(
    node: &Node,
    stats: &NodeStats,
    versions: Vec<Arc<str>>,
    names: &Names,
    level: Level,
) -> NodeEntry {
    let operation = names.text(node.operation);
    NodeEntry {
        id: identity(node, names, level),
        kind: node.kind,
        is_namespace: is_namespace(node, level),
        operation: (level == Level::Operation && !operation.is_empty()).then_some(operation),
        name: names.text(node.name),
        namespace: names.text(node.namespace),
        environment: names.text(node.environment),
        versions,
        requests: stats.requests,
        errors: stats.errors,
        on_path: None,
        is_marked: false,
    }
}

/// The id of a node of the answer's level.
pub(super) fn identity(node: &Node, names: &Names, level: Level) -> String {
    let text = |symbol| names.text(symbol);
    let (kind, namespace) = match is_namespace(node, level) {
        true => ("namespace", Symbol::EMPTY),
        false => (node.kind.name(), node.namespace),
    };
    node_id(kind, &text(node.name), &text(namespace), &text(node.environment), &text(node.operation))
}

fn is_namespace(node: &Node, level: Level) -> bool {
    level == Level::Namespace && node.kind == NodeKind::Service
}

fn matches(node: &Node, names: &Names, query: &GraphQuery) -> bool {
    let is = |wanted: &Option<String>, symbol| {
        wanted.as_ref().is_none_or(|wanted| *names.symbols.text(symbol) == **wanted)
    };
    is(&query.environment, node.environment) && is(&query.namespace, node.namespace)
}

/// An edge is in where its environment is, where one end is in the namespace, and where it has the calls asked for.
fn is_wanted(key: &Key, stats: &EdgeStats, unjoined: &SetOf<Key>, names: &Names, query: &GraphQuery) -> bool {
    let (caller, callee, ..) = key;
    let is = |wanted: &Option<String>, symbol| {
        wanted.as_ref().is_none_or(|wanted| *names.symbols.text(symbol) == **wanted)
    };
    let in_environment =
        is(&query.environment, caller.environment) || is(&query.environment, callee.environment);
    let in_namespace = is(&query.namespace, caller.namespace) || is(&query.namespace, callee.namespace);
    // At namespace level calls inside a namespace are no edges of the picture.
    let is_inner = query.level == Level::Namespace && caller == callee;
    let has_calls = stats.calls >= query.min_calls.max(1) || (query.min_calls == 0 && unjoined.contains(key));
    in_environment
        && in_namespace
        && !is_inner
        && has_calls
        && (!query.errors_only || stats.either_errors > 0)
}

fn ends(kept: &[(Key, EdgeStats)], nodes: &FastMap<Node, NodeEntry>) -> BTreeSet<String> {
    let both = kept.iter().flat_map(|((caller, callee, ..), _)| [caller, callee]);
    both.filter_map(|node| nodes.get(node)).map(|entry| entry.id.clone()).collect()
}

/// Keeps the edges within `hops` of the focus; the ids of the nodes that stay.
fn around(
    focus: &str,
    query: &GraphQuery,
    nodes: &FastMap<Node, NodeEntry>,
    kept: &mut Vec<(Key, EdgeStats)>,
) -> Result<BTreeSet<String>, QueryError> {
    let mut starts: Vec<Node> = Vec::new();
    for (node, entry) in nodes {
        if entry.id == focus || *entry.name == *focus {
            starts.push(*node);
        }
    }
    if starts.is_empty() {
        let of_flow = if query.flow.is_some() { " among what the flow calls" } else { "" };
        let hint = format!("{of_flow}{}", nearest(focus, nodes));
        return Err(QueryError::UnknownFocus { focus: focus.to_string(), hint });
    }
    let mut reached: FastMap<Node, ()> = starts.iter().map(|node| (*node, ())).collect();
    for (goes_down, direction) in [(true, Direction::Callers), (false, Direction::Callees)] {
        if query.direction != direction {
            walk(&starts, kept, goes_down, query.hops, &mut reached);
        }
    }
    kept.retain(|((caller, callee, ..), _)| reached.contains_key(caller) && reached.contains_key(callee));
    Ok(reached.keys().filter_map(|node| nodes.get(node)).map(|entry| entry.id.clone()).collect())
}

fn walk(
    starts: &[Node],
    kept: &[(Key, EdgeStats)],
    goes_down: bool,
    hops: u32,
    reached: &mut FastMap<Node, ()>,
) {
    let mut next: FastMap<Node, Vec<Node>> = FastMap::default();
    for ((caller, callee, ..), _) in kept {
        let (from, to) = if goes_down { (*caller, *callee) } else { (*callee, *caller) };
        next.entry(from).or_default().push(to);
    }
    let mut seen: FastMap<Node, ()> = starts.iter().map(|node| (*node, ())).collect();
    let mut queue: VecDeque<(Node, u32)> = starts.iter().map(|node| (*node, 0)).collect();
    while let Some((node, distance)) = queue.pop_front() {
        reached.insert(node, ());
        if distance == hops {
            continue;
        }
        for neighbour in next.get(&node).into_iter().flatten() {
            if seen.insert(*neighbour, ()).is_none() {
                queue.push_back((*neighbour, distance + 1));
            }
        }
    }
}

fn nearest(focus: &str, nodes: &FastMap<Node, NodeEntry>) -> String {
    let distance = |entry: &NodeEntry| (strsim::damerau_levenshtein(focus, &entry.name), entry.name.clone());
    match nodes.values().map(distance).min() {
        Some((distance, name)) if distance <= 1 + focus.len() / 3 => format!("; did you mean `{name}`?"),
        _ => String::new(),
    }
}

fn build(
    nodes: FastMap<Node, NodeEntry>,
    kept: Vec<(Key, EdgeStats)>,
    edges: Edges,
) -> DiGraph<NodeEntry, EdgeEntry> {
    let mut graph = DiGraph::with_capacity(nodes.len(), kept.len());
    let by_id: BTreeMap<String, (Node, NodeEntry)> =
        nodes.into_iter().map(|(node, entry)| (entry.id.clone(), (node, entry))).collect();
    let mut index: FastMap<Node, NodeIndex> = FastMap::default();
    for (_, (node, entry)) in by_id {
        index.insert(node, graph.add_node(entry));
    }
    let mut sorted: Vec<_> = kept
        .into_iter()
        .filter_map(|(key, stats)| {
            Some(((*index.get(&key.0)?, *index.get(&key.1)?, key.2, key.3), key, stats))
        })
        .collect();
    sorted.sort_unstable_by_key(|(order, ..)| *order);
    for ((caller, callee, protocol, is_async), key, stats) in sorted {
        let via = edges.via.get(&key).map(|via| via.iter().cloned().collect()).unwrap_or_default();
        let is_joined = !edges.unjoined.contains(&key);
        let requests = edges.requests.get(&key).copied();
        graph.add_edge(
            caller,
            callee,
            EdgeEntry {
                protocol,
                is_async,
                stats,
                requests,
                via,
                is_joined,
                on_path: None,
                is_marked: false,
            },
        );
    }
    graph
}
