//! The collapsed view: producer → consumer instead of producer → destination → consumer.
//!
//! Joined pairs have exact counts. Where both sides only share a destination the edge is there with no count:
//! how many of whose messages went where is not known, and a product of the two would be a lie.

use std::collections::BTreeSet;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use super::rollup::{Edges, Key, Names};
use crate::analyze::Evidence;
use crate::graph::{EdgeStats, JoinedKey};
use crate::model::{FastMap, Node, NodeKind, Protocol};

/// Replaces the edges at destinations by `pairs`, and by edges without a count where `is_guessing`.
pub(super) fn collapse(
    pairs: &FastMap<JoinedKey, EdgeStats>,
    is_guessing: bool,
    edges: &mut Edges,
    names: &mut Names,
) {
    let mut joined: FastMap<Key, EdgeStats> = FastMap::default();
    for (key, stats) in pairs.iter().filter(|(_, stats)| stats.calls > 0) {
        let (caller, callee) = (names.rolled_up(key.caller), names.rolled_up(key.callee));
        let edge = (caller, callee, Protocol::Messaging, true);
        joined.entry(edge).or_default().merge(stats);
        for destination in [key.sent_to, key.taken_from] {
            let name = names.rolled_up(destination).name;
            edges.via.entry(edge).or_default().insert(names.text(name));
        }
    }
    for (edge, via) in is_guessing.then(|| sharing(edges, names)).into_iter().flatten() {
        if let Entry::Vacant(free) = joined.entry(edge) {
            free.insert(EdgeStats::default());
            edges.unjoined.insert(edge);
            edges.via.entry(edge).or_default().extend(via);
        }
    }
    edges.known.retain(|(caller, callee, ..), _| !is_destination(caller) && !is_destination(callee));
    for (edge, stats) in joined {
        edges.known.entry(edge).or_default().merge(&stats);
    }
}

fn is_destination(node: &Node) -> bool {
    node.kind == NodeKind::Messaging
}

/// Pairs of a producer with deliveries that nobody joined and a consumer with such messages, at one destination,
/// or at a queue that the producer's exchange feeds.
fn sharing(edges: &Edges, names: &Names) -> FastMap<Key, BTreeSet<Arc<str>>> {
    let mut producers: FastMap<Node, Vec<Node>> = FastMap::default();
    let mut consumers: FastMap<Node, Vec<Node>> = FastMap::default();
    let mut routes: FastMap<Node, Vec<Node>> = FastMap::default();
    for ((caller, callee, ..), stats) in &edges.known {
        let is_unjoined = stats.seen_as(Evidence::Inferred) > 0;
        match (is_destination(caller), is_destination(callee)) {
            (true, true) => routes.entry(*caller).or_default().push(*callee),
            (false, true) if is_unjoined => producers.entry(*callee).or_default().push(*caller),
            (true, false) if is_unjoined => consumers.entry(*caller).or_default().push(*callee),
            _ => {}
        }
    }
    let mut pairs: FastMap<Key, BTreeSet<Arc<str>>> = FastMap::default();
    for (destination, senders) in &producers {
        let queues = routes.get(destination).into_iter().flatten().chain([destination]);
        for queue in queues {
            for consumer in consumers.get(queue).into_iter().flatten() {
                for sender in senders.iter().filter(|sender| *sender != consumer) {
                    let via = pairs.entry((*sender, *consumer, Protocol::Messaging, true)).or_default();
                    via.insert(names.text(destination.name));
                    via.insert(names.text(queue.name));
                }
            }
        }
    }
    pairs
}
