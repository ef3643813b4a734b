//! Spans that are lost, late, repeated or sampled.

use super::Case;
use super::scene::Scene;
use crate::model::SpanId;
use crate::model::SpanKind::{Client, Internal, Server};

pub(super) const CASES: &[Case] = &[
    lost_server,
    lost_server_old_name,
    lost_server_with_children,
    lost_client,
    lost_client_that_is_named,
    headless,
    lost_middle,
    duplicates,
    late_client,
    late_server,
    sampled,
    sampled_higher_below,
    not_sampled,
];

/// The server's span never comes; the client's names it. The callee reports at other times.
fn lost_server(scene: &mut Scene<'_>) {
    let attributes = &[("service.peer.name", "lost-bank"), ("server.address", "10.1.2.3")];
    let client = scene.span_with("lost-web", Client, ("ask", attributes), None, (0, 30));
    let is_lost = scene.random.happens(5_000);
    if !is_lost {
        scene.span("lost-bank", Server, "answer", Some(client), (2, 28));
    }
    scene.call("lost-web", "lost-bank", (false, false));
    scene.new_trace();
    scene.span("lost-bank", Server, "answer", None, (40, 50));
}

fn lost_server_old_name(scene: &mut Scene<'_>) {
    let attributes = &[("peer.service", "lost-old-bank"), ("net.peer.name", "10.1.2.3")];
    let client = scene.span_with("lost-old-web", Client, ("ask", attributes), None, (0, 30));
    let is_error = scene.random.happens(5_000);
    scene.edit(client).is_error = is_error;
    scene.call("lost-old-web", "lost-old-bank", (is_error, false));
    scene.new_trace();
    scene.span("lost-old-bank", Server, "answer", None, (40, 50));
}

/// The server's span is lost, its children are not: they still belong to its service.
fn lost_server_with_children(scene: &mut Scene<'_>) {
    let attributes = &[("service.peer.name", "orphaned-bank")];
    let client = scene.span_with("orphaned-web", Client, ("ask", attributes), None, (0, 40));
    let server = scene.span("orphaned-bank", Server, "answer", Some(client), (2, 38));
    scene.lose_last();
    scene.pair(("orphaned-bank", "orphaned-vault"), Some(server), (5, 30));
    scene.call("orphaned-web", "orphaned-bank", (false, false));
    scene.call("orphaned-bank", "orphaned-vault", (false, false));
}

/// The client's span never comes and nothing names it: no edge can be known.
fn lost_client(scene: &mut Scene<'_>) {
    let server = scene.span("unseen-bank", Server, "answer", None, (1, 29));
    scene.edit(server).parent = SpanId(77);
}

/// The client's span never comes, but the server's names its caller.
fn lost_client_that_is_named(scene: &mut Scene<'_>) {
    let attributes = &[("peer.service", "named-web")];
    let server = scene.span_with("named-bank", Server, ("answer", attributes), None, (1, 29));
    scene.edit(server).parent = SpanId(78);
    let has_failed = scene.random.happens(5_000);
    scene.edit(server).is_error = has_failed;
    scene.call("named-web", "named-bank", (false, has_failed));
    scene.new_trace();
    scene.span("named-web", Server, "GET /named", None, (40, 50));
}

/// The root never comes; what hangs under it does.
fn headless(scene: &mut Scene<'_>) {
    let root = scene.span("headless-web", Server, "GET /headless", None, (0, 60));
    scene.lose_last();
    scene.pair(("headless-web", "headless-bank"), Some(root), (5, 25));
    scene.pair(("headless-web", "headless-vault"), Some(root), (30, 50));
    scene.call("headless-web", "headless-bank", (false, false));
    scene.call("headless-web", "headless-vault", (false, false));
}

/// An INTERNAL span between root and client is lost.
fn lost_middle(scene: &mut Scene<'_>) {
    let root = scene.span("middle-web", Server, "GET /middle", None, (0, 60));
    let middle = scene.span("middle-web", Internal, "prepare", Some(root), (2, 58));
    scene.lose_last();
    scene.pair(("middle-web", "middle-bank"), Some(middle), (5, 50));
    scene.call("middle-web", "middle-bank", (false, false));
}

/// Spans that are delivered twice, at once and 5 s later, count once.
fn duplicates(scene: &mut Scene<'_>) {
    let root = scene.span("twice-web", Server, "GET /twice", None, (0, 40));
    let (client, server) = scene.pair(("twice-web", "twice-bank"), Some(root), (5, 35));
    let is_error = scene.random.happens(5_000);
    scene.edit(client).is_error = is_error;
    for (span, after) in [(root, 0), (client, 5_000), (client, 0), (server, 5_000)] {
        scene.repeat(span, after);
    }
    scene.call("twice-web", "twice-bank", (is_error, false));
}

/// The caller's half comes 12 s after the callee's.
fn late_client(scene: &mut Scene<'_>) {
    let (client, _) = scene.pair(("late-web", "late-bank"), None, (0, 30));
    scene.edit(client).delay = 12_000_000_000;
    scene.call("late-web", "late-bank", (false, false));
}

/// The callee's half comes up to 25 s after the caller's, which names a host.
fn late_server(scene: &mut Scene<'_>) {
    let attributes = &[("server.address", "late-vault.internal.example")];
    let client = scene.span_with("late-door", Client, ("ask", attributes), None, (0, 30));
    let server = scene.span("late-vault", Server, "answer", Some(client), (2, 28));
    scene.edit(server).delay = 1_000_000_000 + scene.random.below(24_000_000_000);
    scene.call("late-door", "late-vault", (false, false));
}

/// All spans say that they stand for four.
fn sampled(scene: &mut Scene<'_>) {
    scene.new_sampled_trace();
    let root = scene.span("sampled-web", Server, "GET /sampled", None, (0, 40));
    scene.pair(("sampled-web", "sampled-bank"), Some(root), (5, 35));
    scene.edit_from(root).iter_mut().for_each(|span| span.trace_state = "ot=th:c");
    scene.call("sampled-web", "sampled-bank", (false, false));
}

/// The callee samples more strictly than the caller: the call stands for four, not for two.
fn sampled_higher_below(scene: &mut Scene<'_>) {
    scene.new_sampled_trace();
    let (client, server) = scene.pair(("strict-web", "strict-bank"), None, (0, 40));
    scene.edit(client).trace_state = "ot=th:8;rv:e0000000000000,vendor=x";
    scene.edit(server).trace_state = "vendor=x,ot=rv:e0000000000000;th:c";
    scene.call("strict-web", "strict-bank", (false, false));
}

/// All spans say that nothing was left out.
fn not_sampled(scene: &mut Scene<'_>) {
    let (client, server) = scene.pair(("whole-web", "whole-bank"), None, (0, 40));
    for span in [client, server] {
        scene.edit(span).trace_state = "ot=th:0";
    }
    scene.call("whole-web", "whole-bank", (false, false));
}
