//! Calls between services, from the plain pair to spans without kinds.

use super::Case;
use super::scene::Scene;
use crate::model::{RemoteParent, SpanKind};
use SpanKind::{Client, Internal, Server, Unspecified};

pub(super) const CASES: &[Case] = &[
    pair,
    retry,
    mirrored,
    internal_between,
    wrapped_client,
    server_under_server,
    forwarded_within,
    proxy,
    kindless,
    remote_flags,
    local_flags,
    self_call,
    shared_id,
    server_under_internal,
    long_chain,
];

/// Errors of none, one and both sides.
fn pair(scene: &mut Scene<'_>) {
    let root = scene.span("pair-web", Server, "GET /pair", None, (0, 50));
    let (client, server) = scene.pair(("pair-web", "pair-bank"), Some(root), (5, 45));
    let errors = (scene.random.happens(3_000), scene.random.happens(3_000));
    scene.edit(client).is_error = errors.0;
    scene.edit(server).is_error = errors.1;
    scene.call("pair-web", "pair-bank", errors);
}

/// Three attempts, each with a client span and a server span of its own.
fn retry(scene: &mut Scene<'_>) {
    let root = scene.span("retry-web", Server, "GET /retry", None, (0, 100));
    for attempt in 0..3_u8 {
        let from = 10 + 30 * u64::from(attempt);
        let (client, server) = scene.pair(("retry-web", "retry-bank"), Some(root), (from, from + 20));
        let has_failed = attempt < 2;
        scene.edit(client).is_error = has_failed;
        scene.edit(client).resend_count = attempt;
        scene.edit(server).is_error = has_failed;
        scene.call("retry-web", "retry-bank", (has_failed, has_failed));
    }
}

/// One client span, two servers that answered: a mirrored or hedged request.
fn mirrored(scene: &mut Scene<'_>) {
    let (client, _) = scene.pair(("mirror-web", "mirror-old"), None, (0, 30));
    scene.span("mirror-new", Server, "answer", Some(client), (2, 25));
    scene.span("mirror-old", Server, "answer", Some(client), (3, 28));
    scene.call("mirror-web", "mirror-old", (false, false));
    scene.call("mirror-web", "mirror-old", (false, false));
    scene.call("mirror-web", "mirror-new", (false, false));
}

/// INTERNAL spans between the client and the server, on either side of the hop.
fn internal_between(scene: &mut Scene<'_>) {
    let root = scene.span("between-web", Server, "GET /between", None, (0, 60));
    let work = scene.span("between-web", Internal, "prepare", Some(root), (2, 58));
    let client = scene.span("between-web", Client, "ask", Some(work), (5, 50));
    let balance = scene.span("between-web", Internal, "balance", Some(client), (6, 49));
    let connect = scene.span("between-web", Internal, "connect", Some(balance), (7, 48));
    let server = scene.span("between-bank", Server, "answer", Some(connect), (9, 47));
    let handle = scene.span("between-bank", Internal, "handle", Some(server), (10, 46));
    scene.pair(("between-bank", "between-vault"), Some(handle), (12, 40));
    scene.call("between-web", "between-bank", (false, false));
    scene.call("between-bank", "between-vault", (false, false));
}

/// A client span of an SDK around the client span of its HTTP library: one call.
fn wrapped_client(scene: &mut Scene<'_>) {
    let outer = scene.span("wrapped-web", Client, "Bank.charge", None, (0, 40));
    scene.pair(("wrapped-web", "wrapped-bank"), Some(outer), (2, 38));
    scene.call("wrapped-web", "wrapped-bank", (false, false));
}

/// The caller makes no client spans.
fn server_under_server(scene: &mut Scene<'_>) {
    let root = scene.span("direct-web", Server, "GET /direct", None, (0, 40));
    let server = scene.span("direct-bank", Server, "answer", Some(root), (5, 30));
    let has_failed = scene.random.happens(2_500);
    scene.edit(server).is_error = has_failed;
    scene.call("direct-web", "direct-bank", (false, has_failed));
}

/// A servlet forwards within its own service: no call.
fn forwarded_within(scene: &mut Scene<'_>) {
    let root = scene.span("forward-web", Server, "GET /forward", None, (0, 40));
    let inner = scene.span("forward-web", Server, "GET /inner", Some(root), (5, 35));
    scene.pair(("forward-web", "forward-bank"), Some(inner), (8, 30));
    scene.call("forward-web", "forward-bank", (false, false));
}

/// A proxy that reports one client span only.
fn proxy(scene: &mut Scene<'_>) {
    let client = scene.span("proxy-web", Client, "ask", None, (0, 40));
    let passed_on = scene.span("proxy-edge", Client, "pass on", Some(client), (3, 37));
    scene.span("proxy-bank", Server, "answer", Some(passed_on), (6, 34));
    scene.call("proxy-web", "proxy-edge", (false, false));
    scene.call("proxy-edge", "proxy-bank", (false, false));
}

/// Spans without kinds: the change of service is the call.
fn kindless(scene: &mut Scene<'_>) {
    let root = scene.span("kindless-web", Unspecified, "root", None, (0, 40));
    let step = scene.span("kindless-web", Unspecified, "step", Some(root), (2, 38));
    let other = scene.span("kindless-bank", Unspecified, "work", Some(step), (5, 30));
    scene.span("kindless-bank", Unspecified, "step", Some(other), (6, 20));
    scene.call("kindless-web", "kindless-bank", (false, false));
}

/// OTLP's flags, told by both services: remote parents for entries, local ones for the rest.
fn remote_flags(scene: &mut Scene<'_>) {
    let root = scene.span("flags-web", Server, "GET /flags", None, (0, 40));
    let (client, server) = scene.pair(("flags-web", "flags-bank"), Some(root), (5, 35));
    let inside = scene.span("flags-bank", Unspecified, "work", Some(server), (8, 30));
    scene.edit(root).remote_parent = RemoteParent::Local;
    scene.edit(client).remote_parent = RemoteParent::Local;
    scene.edit(server).remote_parent = RemoteParent::Remote;
    scene.edit(inside).remote_parent = RemoteParent::Local;
    scene.call("flags-web", "flags-bank", (false, false));
}

/// A SERVER span under a client span of its own process (an in-process test server): no call.
fn local_flags(scene: &mut Scene<'_>) {
    let (_, server) = scene.pair(("inside-web", "inside-web"), None, (0, 40));
    scene.edit(server).remote_parent = RemoteParent::Local;
}

/// A service calls another instance of itself: not shown.
fn self_call(scene: &mut Scene<'_>) {
    let (_, server) = scene.pair(("self-web", "self-web"), None, (0, 40));
    scene.pair(("self-web", "self-bank"), Some(server), (5, 30));
    scene.call("self-web", "self-bank", (false, false));
}

/// Client and server share one span id, as Zipkin's do; the next client hangs under the server's half.
fn shared_id(scene: &mut Scene<'_>) {
    let root = scene.span("shared-web", Server, "GET /shared", None, (0, 50));
    let (client, server) = scene.pair(("shared-web", "shared-bank"), Some(root), (5, 45));
    scene.pair(("shared-bank", "shared-vault"), Some(client), (10, 35));
    let (id, parent) = (client.link.span, root.link.span);
    scene.edit(server).id = id;
    scene.edit(server).parent = parent;
    scene.call("shared-web", "shared-bank", (false, false));
    scene.call("shared-bank", "shared-vault", (false, false));
}

/// The caller marks its own work, but has no client library that makes spans.
fn server_under_internal(scene: &mut Scene<'_>) {
    let root = scene.span("inner-web", Server, "GET /inner", None, (0, 40));
    let work = scene.span("inner-web", Internal, "work", Some(root), (2, 38));
    scene.span("inner-bank", Server, "answer", Some(work), (5, 30));
    scene.call("inner-web", "inner-bank", (false, false));
}

const CHAIN: [&str; 9] =
    ["chain-1", "chain-2", "chain-3", "chain-4", "chain-5", "chain-6", "chain-7", "chain-8", "chain-1"];

/// A chain that comes back to where it began.
fn long_chain(scene: &mut Scene<'_>) {
    let mut parent = scene.span(CHAIN[0], Server, "GET /chain", None, (0, 100));
    for (hop, ends) in CHAIN.windows(2).enumerate() {
        let from = 5 * hop as u64 + 2;
        let (_, server) = scene.pair((ends[0], ends[1]), Some(parent), (from, 100 - from));
        scene.call(ends[0], ends[1], (false, false));
        parent = server;
    }
}
