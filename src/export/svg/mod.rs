//! A graph document as a picture: SVG, laid out and drawn without Graphviz, for browsers and wikis.
//!
//! Shapes, colours and words are those of the DOT export.
//! It follows the reader's light or dark setting; every node and edge has its numbers as a title.
//! Equal documents give equal bytes, in whatever order they list nodes and edges.

mod edges;
mod legend;
mod nodes;
pub(super) mod paper;

pub(super) use self::edges::arrow;

use std::collections::BTreeSet;

use hashbrown::HashMap;

use self::paper::{MARGIN, Rule, fitted, head, push, sheet};
use super::completeness::{concerns, range_words};
use super::document::{EdgeDocument, GraphDocument, NodeDocument};
use super::dot::EdgeLabels;
use super::layout;
use super::number::{self, RateUnit};
use super::overview::{Hidden, MaxNodes, Overview, overview};
use super::words::{Clusters, cluster_words, flow_words, node_label, size_words};

/// How a graph shall be drawn.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SvgOptions {
    /// Which edges carry their numbers as a label; titles have them always.
    pub labels: EdgeLabels,
    /// How many nodes are drawn; of more, those that matter most.
    pub max_nodes: MaxNodes,
    /// Nodes link to this prefix with their percent-encoded id, as `/api/v1/graph.svg?focus=`.
    pub node_href: Option<String>,
}

/// A document in its order, with what it may lack.
struct Scene<'a> {
    graph: &'a GraphDocument,
    options: &'a SvgOptions,
    /// Set where the document is a part of a larger one.
    overview: Option<&'a Overview>,
    /// By id.
    nodes: Vec<&'a NodeDocument>,
    /// By caller, callee, protocol and async; those whose ends the document lacks are left out.
    edges: Vec<(&'a EdgeDocument, usize, usize)>,
    /// Namespaces are shown where there are several.
    grouping: Option<Clusters>,
    has_labels: bool,
    /// True where critical paths are drawn on it: width is time through an edge, colour its effective number of flows.
    has_paths: bool,
    /// Most critical time through any edge.
    most_through: f64,
    /// Of the range.
    seconds: Option<f64>,
    /// All rates are compared, so they have one unit.
    rate_unit: Option<RateUnit>,
}

/// Draws a graph as SVG.
pub fn to_svg(graph: &GraphDocument, options: &SvgOptions) -> String {
    let overview = overview(graph, options.max_nodes);
    let overview = overview.as_ref();
    let scene = Scene::new(overview.map_or(graph, |part| &part.graph), options, overview);
    let layout = layout::lay_out(&scene.layout_graph());
    let mut sub = vec![scene.sub()];
    sub.extend(overview.iter().flat_map(|part| part.words.iter().cloned()));
    let (mut body, top, right) = head(&scene.heading(), &sub, &concerns(&graph.completeness));
    push(&mut body, format_args!("<g transform=\"translate({MARGIN} {top})\">\n"));
    edges::push_edges(&mut body, &scene, &layout);
    nodes::push_nodes(&mut body, &scene, &layout);
    edges::push_labels(&mut body, &scene, &layout);
    body.push_str("</g>\n");
    let width = (layout.width + 2.0 * MARGIN).max(right + MARGIN).max(LEAST_WIDTH);
    let below = top + layout.height + MARGIN;
    let height = legend::push_legend(&mut body, &scene, width, below);
    sheet((width, height), &format!("{}: {}", scene.heading(), scene.sub()), &rules(), &body)
}

/// Pixels; the legend needs some room.
const LEAST_WIDTH: f64 = 560.0;
/// Above so many edges the picture says how to get a smaller one.
const HARD_TO_READ: usize = 600;
/// Above so many nodes labels are cut to `SHORT_LABEL` pixels; titles have them whole.
const MANY_NODES: usize = 150;
const SHORT_LABEL: f64 = 140.0;

fn rules() -> Vec<Rule> {
    let mut rules: Vec<Rule> = nodes::RULES.into_iter().collect();
    rules.extend(edges::RULES);
    rules
}

impl<'a> Scene<'a> {
    fn new(graph: &'a GraphDocument, options: &'a SvgOptions, overview: Option<&'a Overview>) -> Scene<'a> {
        let mut nodes: Vec<&NodeDocument> = graph.nodes.iter().collect();
        nodes.sort_by(|a, b| a.id.cmp(&b.id));
        let places: HashMap<&str, usize> =
            nodes.iter().enumerate().map(|(index, node)| (node.id.as_str(), index)).collect();
        let place = |id: &str| places.get(id).copied();
        let known = |edge: &'a EdgeDocument| Some((edge, place(&edge.caller)?, place(&edge.callee)?));
        let mut edges: Vec<_> = graph.edges.iter().filter_map(known).collect();
        edges.sort_by_key(|(edge, from, to)| (*from, *to, &edge.protocol, edge.is_async));
        let grouping = Clusters::of(graph);
        let groups: BTreeSet<[&str; 2]> = nodes.iter().filter_map(|node| grouping.cluster(node)).collect();
        let seconds = graph.range.seconds();
        let most_calls = graph.edges.iter().map(|edge| edge.calls_adjusted.max(edge.calls as f64));
        let most_calls = most_calls.filter(|calls| calls.is_finite()).fold(0.0, f64::max);
        let on_path = graph.edges.iter().filter_map(|edge| edge.critical.as_ref());
        Scene {
            graph,
            options,
            overview,
            has_labels: options.labels.are_on(edges.len()),
            nodes,
            edges,
            grouping: Some(grouping).filter(|_| groups.len() > 1),
            has_paths: on_path.clone().next().is_some(),
            seconds,
            rate_unit: seconds.map(|seconds| RateUnit::of(most_calls / seconds)),
            most_through: on_path.map(|on_path| on_path.through).fold(0.0, f64::max),
        }
    }

    fn heading(&self) -> String {
        let level = match self.graph.level.as_str() {
            "operation" => "Operations",
            "namespace" => "Namespaces",
            _ => "Services",
        };
        if let Some(calls) = flow_words(self.graph) {
            format!("{level}: {calls}")
        } else if self.has_paths {
            format!("{level}, dependencies and critical paths")
        } else {
            format!("{level} and their dependencies")
        }
    }

    fn sub(&self) -> String {
        let filters = self.graph.filter.iter().map(|(key, value)| format!(" · {key} {value}"));
        let filters: String = filters.collect();
        let range = range_words(&self.graph.range);
        if let Some(part) = self.overview {
            return format!("{range} · {}{filters}", part.size);
        }
        let hint = match self.edges.len() {
            few if few <= HARD_TO_READ => "",
            _ if self.graph.level == "namespace" => " · fewer: a focus",
            _ => " · fewer: level namespace, or a focus",
        };
        format!("{range} · {}{filters}{hint}", size_words(self.graph))
    }

    /// Callers and callees of a node that are not drawn, where there are any.
    fn hidden(&self, node: &NodeDocument) -> Option<Hidden> {
        self.overview?.hidden.get(&node.id).copied()
    }

    /// Name, operation and namespace of a node, and what of it is not drawn, a line each; shorter where there are many
    /// nodes.
    fn label(&self, node: &NodeDocument) -> Vec<String> {
        let mut label = node_label(node);
        label.extend(self.grouping.as_ref().and_then(|grouping| grouping.cluster(node)).map(cluster_words));
        label.extend(self.hidden(node).map(hidden_words));
        if self.nodes.len() > MANY_NODES {
            label = label.iter().map(|line| fitted(line, nodes::FONT_SIZE, SHORT_LABEL)).collect();
        }
        label
    }

    fn layout_graph(&self) -> layout::Graph {
        let node = |node: &&NodeDocument| {
            let (width, height) = nodes::size(&node.kind, &self.label(node));
            layout::Node { key: node.id.clone(), width, height }
        };
        let edge = |(edge, from, to): &(&EdgeDocument, usize, usize)| layout::Edge {
            key: format!("{} {}", edge.protocol, edge.is_async),
            from: *from,
            to: *to,
            weight: edge.calls,
            thickness: edges::thickness(self, edge),
            label: self.has_labels.then(|| edges::label_size(self, edge)),
        };
        layout::Graph {
            nodes: self.nodes.iter().map(node).collect(),
            edges: self.edges.iter().map(edge).collect(),
        }
    }
}

/// `+3 in · +12 out`.
fn hidden_words([callers, callees]: Hidden) -> String {
    let count =
        |nodes: usize, words: &str| (nodes > 0).then(|| format!("+{} {words}", number::count(nodes as u64)));
    let parts: Vec<String> = [count(callers, "in"), count(callees, "out")].into_iter().flatten().collect();
    parts.join(" · ")
}

#[cfg(test)]
mod tests;
