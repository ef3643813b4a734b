//! Flow identity (ALGORITHMS 0): what a user asked for, refined by what it calls where the root's name says nothing.

use std::collections::BTreeSet;

use super::critical_path::CallPaths;
use super::facts::FlowRequest;
use super::link::{Seen, SeenJoined, duration_ns};
use super::names::Names;
use super::share::shares;
use super::tree::{Parent, SpanIdx, TraceTree};
use crate::config::Refine;
use crate::model::{NodeId, Symbol};

/// Further callees looked at while the name stays generic.
const MAX_HOPS: usize = 4;
/// Callees named one by one; above it five, the number of the rest and a hash.
const MAX_NAMED: usize = 6;

/// How flows are named.
#[derive(Clone, Debug)]
pub struct FlowRules {
    /// When to refine.
    pub refine: Refine,
    /// Further globs of generic names.
    pub generic: Vec<String>,
}

/// The requests that a trace's true roots stand for; with their critical call paths where there are `paths`.
pub(super) fn requests(
    tree: &TraceTree,
    seen: &[Seen],
    joined: &[SeenJoined],
    mut paths: Option<CallPaths<'_>>,
    rules: &FlowRules,
    names: &mut Names,
) -> Vec<FlowRequest> {
    let roots: Vec<SpanIdx> =
        (0..tree.spans.len()).filter(|idx| tree.parents[*idx] == Parent::Root).collect();
    let root_of = match roots.len() {
        0 => return Vec::new(),
        1 => Vec::new(),
        _ => tree.tops(),
    };
    let mut shares = shares(tree, &root_of, seen, joined, names);
    let belongs = |idx: SpanIdx, root: SpanIdx| root_of.is_empty() || root_of[idx] == root;
    let mut requests = Vec::with_capacity(roots.len());
    for root in roots {
        let span = &tree.spans[root];
        if names.service_of(span.resource).is_none() {
            continue;
        }
        let name = name_of(tree, seen, root, rules, names);
        let mut touches: Vec<NodeId> = Vec::new();
        for idx in (0..tree.spans.len()).filter(|idx| tree.is_local_root(*idx) && belongs(*idx, root)) {
            if names.service_of(tree.spans[idx].resource).is_some() {
                touches.push(names.service_node(tree.spans[idx].resource));
            }
        }
        for Seen { call, caller_unit, callee_unit, .. } in seen {
            if callee_unit.is_none() && caller_unit.is_some_and(|unit| belongs(unit, root)) {
                touches.push(call.callee);
            }
        }
        touches.sort_unstable();
        touches.dedup();
        requests.push(FlowRequest {
            root: names.operation_node(span),
            name,
            base: span.request,
            is_error: span.is_error,
            duration_ns: duration_ns(span),
            sampling: span.sampling,
            touches,
            path: paths.as_mut().map(|paths| paths.of_root(root, names)),
            share: (!root_of.is_empty()).then(|| Box::new(shares.remove(&root).unwrap_or_default())),
        });
    }
    requests
}

fn name_of(tree: &TraceTree, seen: &[Seen], root: SpanIdx, rules: &FlowRules, names: &mut Names) -> Symbol {
    let own = tree.spans[root].request;
    let refine = match rules.refine {
        Refine::Never => false,
        Refine::Always => true,
        Refine::Auto => {
            !tree.spans[root].is_request_certain
                && names.is_generic(own, |text| is_generic(text, &rules.generic))
        }
    };
    if !refine {
        return own;
    }
    let mut text = names.text(own).to_string();
    let mut units = vec![tree.units[root]];
    for _ in 0..MAX_HOPS {
        let callees = sync_callees(seen, &units);
        let Some(next) = refine_by(&callees, &mut text, names) else { break };
        let operation = names.text(next.operation);
        units = callees.into_iter().filter_map(|(_, unit)| unit).collect();
        if operation.is_empty() || !is_generic(&operation, &rules.generic) {
            break;
        }
    }
    names.symbols().intern(&text)
}

/// Distinct callees of these units, and the units they entered, in no order.
fn sync_callees(seen: &[Seen], units: &[SpanIdx]) -> Vec<(NodeId, Option<SpanIdx>)> {
    seen.iter()
        .filter(|seen| !seen.call.is_async && seen.caller_unit.is_some_and(|unit| units.contains(&unit)))
        .map(|seen| (seen.call.callee, seen.callee_unit))
        .collect()
}

/// Adds to a generic name what its callees say; the callee to go on from, if it is one only.
fn refine_by(
    callees: &[(NodeId, Option<SpanIdx>)],
    text: &mut String,
    names: &mut Names,
) -> Option<crate::model::Node> {
    let distinct: BTreeSet<NodeId> = callees.iter().map(|(node, _)| *node).collect();
    let nodes: Vec<_> = distinct.iter().map(|node| names.symbols().nodes.get(node.0)).collect();
    match nodes.as_slice() {
        [] => None,
        [node] => {
            text.push_str(" > ");
            text.push_str(&names.text(node.name));
            if !node.operation.is_empty() {
                text.push(' ');
                text.push_str(&names.text(node.operation));
            }
            Some(*node)
        }
        several => {
            let services: BTreeSet<_> = several.iter().map(|node| names.text(node.name)).collect();
            text.push_str(" > [");
            text.push_str(&list(services.into_iter().collect()));
            text.push(']');
            None
        }
    }
}

fn list(services: Vec<std::sync::Arc<str>>) -> String {
    if services.len() <= MAX_NAMED {
        return services.join(", ");
    }
    let (named, rest) = services.split_at(MAX_NAMED - 1);
    let digest = crate::model::stable_hash(rest.join(",").as_bytes());
    format!("{}, +{} #{:08x}", named.join(", "), rest.len(), digest as u32)
}

/// True for names that say little of what was asked for: a wildcard in place of a part of the path, `/` only, a bare
/// method, framework words.
pub fn is_generic(name: &str, further: &[String]) -> bool {
    const METHODS: [&str; 9] =
        ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "CONNECT"];
    let name = name.trim();
    let name = name.strip_prefix("HTTP ").unwrap_or(name);
    let (method, path) = match name.split_once(' ') {
        Some((method, path)) if METHODS.contains(&method) => (Some(method), path),
        _ => (None, name),
    };
    let is_bare_method = method.is_none() && METHODS.contains(&path);
    let is_root = path.chars().all(|character| matches!(character, '/' | '.' | ' '));
    // A route that takes whatever comes: that of a gateway.
    let is_wildcard =
        path.split('/').any(|part| matches!(part.trim(), "*" | "**" | ".*") || part.starts_with("{*"));
    let word = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    let is_framework =
        matches!(word.as_str(), "recv." | "sent." | "request" | "dispatch" | "http" | "http request")
            || (word.starts_with("handle") && !path.contains('/'));
    is_bare_method
        || is_root
        || is_wildcard
        || is_framework
        || further.iter().any(|glob| crate::model::matches_glob(glob, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_say_nothing_are_generic() {
        for generic in [
            "/*",
            "/",
            "GET",
            "HTTP GET",
            "GET /",
            "POST /**",
            "GET /api/*",
            "GET /*/{id}",
            "/files/{*path}",
            "Recv.",
            "hipstershop.Frontend/Recv.",
            "request",
            "handleRequest",
            "dispatch",
            "",
        ] {
            assert!(is_generic(generic, &[]), "{generic}");
        }
        for telling in [
            "GET /cart",
            "/api/v1/orders/{id}",
            "Checkout",
            "hipstershop.CartService/GetCart",
            "GET /handle/{id}",
            "GET /v*/status",
            "requests list",
        ] {
            assert!(!is_generic(telling, &[]), "{telling}");
        }
        assert!(is_generic("MyFramework.run", &["MyFramework.*".into()]));
    }
}
