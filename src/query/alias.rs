//! LINK-ALIAS: a peer that callers name and that reports spans itself is one node, not two.
//!
//! An external peer takes the identity of the service of its environment that bears the same name;
//! a Kubernetes host `name.namespace.svc…` that of the service of that name and namespace.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::graph::Bucket;
use crate::model::{FastMap, Node, NodeKind, Symbol, Symbols};

/// Identities learned from the services of a range.
pub(super) struct Aliases {
    of: FastMap<Node, Node>,
}

impl Aliases {
    /// Compares the external peers of a range with its services.
    pub fn learn(bucket: &Bucket, symbols: &Symbols) -> Aliases {
        let mut services: BTreeMap<(Symbol, String), Vec<Node>> = BTreeMap::new();
        for id in bucket.services.keys() {
            let node = symbols.nodes.get(id.0);
            let name = symbols.text(node.name).to_lowercase();
            services.entry((node.environment, name)).or_default().push(node);
        }
        let mut of = FastMap::default();
        let ends = bucket.edges.keys().flat_map(|key| [key.caller, key.callee]);
        for id in ends {
            let peer = symbols.nodes.get(id.0);
            if peer.kind != NodeKind::External || of.contains_key(&peer) {
                continue;
            }
            if let Some(service) = service_of(&peer, &services, symbols) {
                of.insert(peer, service);
            }
        }
        Aliases { of }
    }

    /// The service behind an external peer, or the node itself.
    pub fn resolve(&self, node: Node) -> Node {
        match node.kind {
            NodeKind::External => self.of.get(&node).copied().unwrap_or(node),
            _ => node,
        }
    }
}

fn service_of(
    peer: &Node,
    services: &BTreeMap<(Symbol, String), Vec<Node>>,
    symbols: &Symbols,
) -> Option<Node> {
    let name: Arc<str> = symbols.text(peer.name);
    let mut namespace = symbols.text(peer.namespace).to_string();
    let mut wanted = name.to_lowercase();
    if !services.contains_key(&(peer.environment, wanted.clone())) {
        let (service, of) = kubernetes_host(&wanted)?;
        (wanted, namespace) = (service.to_string(), of.to_string());
    }
    let found = services.get(&(peer.environment, wanted))?;
    let in_namespace = |node: &&Node| *symbols.text(node.namespace) == *namespace;
    match found.as_slice() {
        // Two services of one name in two namespaces: only the namespace can tell.
        [only] => Some(*only),
        several => several.iter().find(in_namespace).copied(),
    }
}

/// `cart.shop.svc`, `cart.shop.svc.cluster.local` → `cart`, `shop`.
fn kubernetes_host(host: &str) -> Option<(&str, &str)> {
    let mut labels = host.split('.');
    let (service, namespace, svc) = (labels.next()?, labels.next()?, labels.next()?);
    (svc == "svc").then_some((service, namespace))
}
