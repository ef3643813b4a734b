//! What nodes and edges say of themselves in pictures, the same in every format.

use super::document::{EdgeDocument, GraphDocument, NodeDocument, OnPathDocument};
use super::name::{shorten, visible};
use super::number::{self, RateUnit};
use super::severity::share;

/// Names are cut to this many columns in a label; the tooltip has them whole.
pub(super) const LABEL_COLUMNS: usize = 44;

/// Which cluster a node stands in: services in that of their namespace, and of their environment where the graph has
/// several; what many namespaces may share stands outside.
pub(super) struct Clusters {
    has_many_environments: bool,
}

impl Clusters {
    /// The clusters of a graph.
    pub(super) fn of(graph: &GraphDocument) -> Clusters {
        let services = || graph.nodes.iter().filter(|node| node.kind == "service");
        let first = services().next().map(|node| &node.environment);
        Clusters { has_many_environments: services().any(|node| Some(&node.environment) != first) }
    }

    /// Namespace and environment, the latter empty where it says nothing.
    pub(super) fn cluster<'a>(&self, node: &'a NodeDocument) -> Option<[&'a str; 2]> {
        let environment = if self.has_many_environments { node.environment.as_str() } else { "" };
        let cluster = [node.namespace.as_str(), environment];
        Some(cluster).filter(|cluster| node.kind == "service" && *cluster != ["", ""])
    }
}

/// `shop · prod`: what stands at the top of a cluster.
pub(super) fn cluster_words(cluster: [&str; 2]) -> String {
    let words: Vec<&str> = cluster.into_iter().filter(|part| !part.is_empty()).collect();
    shorten(&visible(&words.join(" · ")), LABEL_COLUMNS).into_owned()
}

/// Name and, at operation level, operation: a line each.
pub(super) fn node_label(node: &NodeDocument) -> Vec<String> {
    let lines = std::iter::once(node.name.as_str()).chain(node.operation.as_deref());
    lines.map(|line| shorten(&visible(line), LABEL_COLUMNS).into_owned()).collect()
}

/// `8 nodes, 7 edges`.
pub(super) fn size_words(graph: &GraphDocument) -> String {
    let [nodes, edges] = [graph.nodes.len(), graph.edges.len()].map(|count| number::count(count as u64));
    format!("{nodes} nodes, {edges} edges")
}

/// `the calls of GET /cart`, where one flow was asked for.
pub(super) fn flow_words(graph: &GraphDocument) -> Option<String> {
    graph.filter.get("flow").map(|flow| format!("the calls of {}", visible(flow)))
}

/// Id, versions, team and requests, a line each; what is not known is left out.
pub(super) fn node_facts(node: &NodeDocument) -> Vec<String> {
    let mut lines = vec![node.id.clone()];
    if !node.versions.is_empty() {
        lines.push(format!("versions: {}", node.versions.join(", ")));
    }
    lines.extend(node.team.as_ref().map(|team| format!("team: {team}")));
    if node.requests > 0 {
        let errors = number::percent(share(node.errors, node.requests));
        lines.push(format!("{} requests · {errors} err", number::count(node.requests)));
    }
    lines
}

/// `via kafka/orders +1`, in a collapsed view.
pub(super) fn via_words(edge: &EdgeDocument) -> Option<String> {
    let (first, rest) = edge.via.split_first()?;
    let more = if rest.is_empty() { String::new() } else { format!(" +{}", rest.len()) };
    Some(format!("via {}{more}", shorten(&visible(first), LABEL_COLUMNS)))
}

/// `on the critical path of 4 flows · 12 % of critical time · score 0.69 · Neff 4.3`.
pub(super) fn on_path_words(on_path: &OnPathDocument) -> String {
    let share = number::percent(on_path.share);
    let flows = match on_path.flows {
        0 if on_path.marked => return format!("on the flow's critical path · {share} of critical time"),
        // Too seldom to be sure of any flow.
        0 => return format!("rarely on a critical path · {share} of critical time"),
        1 => "1 flow".to_owned(),
        flows => format!("{} flows", number::count(flows as u64)),
    };
    format!(
        "on the critical path of {flows} · {share} of critical time · score {:.2} · Neff {:.1}",
        on_path.score, on_path.effective_flows
    )
}

/// `12.3/s · 1.2 % err · p95 34 ms`; what is not known or nothing is left out.
/// Rates have their own unit each where no other is given.
pub(super) fn edge_numbers(edge: &EdgeDocument, seconds: Option<f64>, unit: Option<RateUnit>) -> String {
    if !edge.joined {
        return "not joined".to_owned();
    }
    let rate = number::seen_rate(edge.calls, edge.calls_adjusted, seconds, unit);
    let mut text = rate.unwrap_or_else(|| format!("{} calls", number::count(edge.calls)));
    if edge.errors.either > 0 {
        let errors = number::percent(share(edge.errors.either, edge.calls));
        text.extend([" · ", &errors, " err"]);
    }
    if let Some(p95) = edge.seen_latency().p95 {
        text.extend([" · p95 ", &number::millis(p95)]);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_critical_path_of_no_flow_for_sure_is_told_as_such() {
        let on_path = |flows, marked| OnPathDocument { flows, marked, share: 0.02, ..Default::default() };
        for (on_path, expected) in [
            (on_path(0, false), "rarely on a critical path · 2 % of critical time"),
            (on_path(0, true), "on the flow's critical path · 2 % of critical time"),
            (
                on_path(1, true),
                "on the critical path of 1 flow · 2 % of critical time · score 0.00 · Neff 0.0",
            ),
        ] {
            assert_eq!(on_path_words(&on_path), expected);
        }
    }
}
