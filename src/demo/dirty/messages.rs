//! Messages: parents, links, batches, exchanges, and spans around them that are no messages.

use super::Case;
use super::scene::{Pairs, Scene, Written};
use crate::model::SpanKind::{Client, Consumer, Producer, Server};

pub(super) const CASES: &[Case] = &[
    parent,
    parent_with_errors,
    fan_out,
    exchange,
    old_names,
    link_same_trace,
    batch_same_trace,
    link_other_trace,
    batch_other_traces,
    receive_then_process,
    create_then_send,
    settle,
    nobody_listens,
    nobody_sent,
];

fn parent(scene: &mut Scene<'_>) {
    const SEND: Pairs = &[
        ("messaging.system", "kafka"),
        ("messaging.destination.name", "parent-topic"),
        ("messaging.operation.type", "send"),
    ];
    const PROCESS: Pairs = &[
        ("messaging.system", "kafka"),
        ("messaging.destination.name", "parent-topic"),
        ("messaging.operation.type", "process"),
        ("messaging.consumer.group.name", "workers"),
    ];
    let root = scene.span("parent-web", Server, "POST /parent", None, (0, 20));
    let sent = scene.span_with("parent-web", Producer, ("send parent-topic", SEND), Some(root), (5, 8));
    scene.span_with("parent-worker", Consumer, ("process parent-topic", PROCESS), Some(sent), (30, 60));
    scene.message("parent-web", "kafka/parent-topic", (false, false));
    scene.message("kafka/parent-topic", "parent-worker", (false, false));
}

/// Failures of either side, the other one fine. A message that was not sent reaches nobody.
fn parent_with_errors(scene: &mut Scene<'_>) {
    const TOPIC: Pairs = &[("messaging.system", "kafka"), ("messaging.destination.name", "error-topic")];
    let sent = scene.span_with("error-web", Producer, ("send error-topic", TOPIC), None, (0, 5));
    let is_unsent = scene.random.happens(3_000);
    scene.edit(sent).is_error = is_unsent;
    scene.message("error-web", "kafka/error-topic", (is_unsent, false));
    if is_unsent {
        return;
    }
    let taken =
        scene.span_with("error-worker", Consumer, ("process error-topic", TOPIC), Some(sent), (9, 30));
    let has_failed = scene.random.happens(3_000);
    scene.edit(taken).is_error = has_failed;
    scene.message("kafka/error-topic", "error-worker", (false, has_failed));
}

/// One message, three consumer groups.
fn fan_out(scene: &mut Scene<'_>) {
    const TOPIC: Pairs = &[("messaging.system", "kafka"), ("messaging.destination.name", "fan-topic")];
    let sent = scene.span_with("fan-web", Producer, ("send fan-topic", TOPIC), None, (0, 5));
    scene.message("fan-web", "kafka/fan-topic", (false, false));
    for worker in ["fan-worker-1", "fan-worker-2", "fan-worker-3"] {
        scene.span_with(worker, Consumer, ("process fan-topic", TOPIC), Some(sent), (9, 30));
        scene.message("kafka/fan-topic", worker, (false, false));
    }
}

/// The producer names the exchange, the consumers the queue; a parent joins them. Two consumers share the queue.
fn exchange(scene: &mut Scene<'_>) {
    const SEND: Pairs =
        &[("messaging.system", "rabbitmq"), ("messaging.destination.name", "exchange-events")];
    const PROCESS: Pairs =
        &[("messaging.system", "rabbitmq"), ("messaging.destination.name", "exchange-queue")];
    let sent = scene.span_with("exchange-web", Producer, ("publish", SEND), None, (0, 5));
    scene.message("exchange-web", "rabbitmq/exchange-events", (false, false));
    scene.message("rabbitmq/exchange-events", "rabbitmq/exchange-queue", (false, false));
    for worker in ["exchange-worker", "exchange-audit"] {
        scene.span_with(worker, Consumer, ("process", PROCESS), Some(sent), (9, 30));
        scene.message("rabbitmq/exchange-queue", worker, (false, false));
    }
}

fn old_names(scene: &mut Scene<'_>) {
    const SEND: Pairs = &[
        ("messaging.system", "kafka"),
        ("messaging.destination", "old-topic"),
        ("messaging.operation", "publish"),
    ];
    const PROCESS: Pairs = &[
        ("messaging.system", "kafka"),
        ("messaging.destination", "old-topic"),
        ("messaging.operation", "process"),
    ];
    let sent = scene.span_with("old-msg-web", Producer, ("old-topic send", SEND), None, (0, 5));
    scene.span_with("old-msg-worker", Consumer, ("old-topic process", PROCESS), Some(sent), (9, 30));
    scene.message("old-msg-web", "kafka/old-topic", (false, false));
    scene.message("kafka/old-topic", "old-msg-worker", (false, false));
}

/// The consumer hangs under the producer and links to it as well: one message.
fn link_same_trace(scene: &mut Scene<'_>) {
    const TOPIC: Pairs = &[("messaging.system", "kafka"), ("messaging.destination.name", "link-topic")];
    let sent = scene.span_with("link-web", Producer, ("send link-topic", TOPIC), None, (0, 5));
    let taken = scene.span_with("link-worker", Consumer, ("process link-topic", TOPIC), Some(sent), (9, 30));
    scene.edit(taken).links.push(sent.link);
    scene.message("link-web", "kafka/link-topic", (false, false));
    scene.message("kafka/link-topic", "link-worker", (false, false));
}

/// Three messages of one trace in one batch: three links, one of them the parent too.
fn batch_same_trace(scene: &mut Scene<'_>) {
    const TOPIC: Pairs = &[("messaging.system", "kafka"), ("messaging.destination.name", "batch-topic")];
    let root = scene.span("batch-web", Server, "POST /batch", None, (0, 20));
    let sent: Vec<Written> = (0..3)
        .map(|number| {
            let times = (2 + number * 5, 5 + number * 5);
            scene.span_with("batch-web", Producer, ("send batch-topic", TOPIC), Some(root), times)
        })
        .collect();
    let taken =
        scene.span_with("batch-worker", Consumer, ("process batch-topic", TOPIC), Some(sent[0]), (30, 60));
    scene.edit(taken).links.extend(sent.iter().map(|sent| sent.link));
    for _ in sent {
        scene.message("batch-web", "kafka/batch-topic", (false, false));
        scene.message("kafka/batch-topic", "batch-worker", (false, false));
    }
}

/// The consumer starts a trace of its own and links to the producer's.
fn link_other_trace(scene: &mut Scene<'_>) {
    consume_in_own_trace(
        scene,
        1,
        ("apart-web", "apart-worker"),
        "kafka/apart-topic",
        &[("messaging.system", "kafka"), ("messaging.destination.name", "apart-topic")],
    );
}

/// A batch of five messages of five traces.
fn batch_other_traces(scene: &mut Scene<'_>) {
    consume_in_own_trace(
        scene,
        5,
        ("gather-web", "gather-worker"),
        "kafka/gather-topic",
        &[
            ("messaging.system", "kafka"),
            ("messaging.destination.name", "gather-topic"),
            ("messaging.operation.type", "process"),
            ("messaging.batch.message_count", "5"),
        ],
    );
}

fn consume_in_own_trace(
    scene: &mut Scene<'_>,
    messages: u64,
    (producer, consumer): (&'static str, &'static str),
    topic: &'static str,
    attributes: Pairs,
) {
    const SEND: &str = "send";
    let mut links = Vec::new();
    for number in 0..messages {
        // Only a consumer says how many messages it works on.
        let own = &attributes[..2];
        let sent = scene.span_with(producer, Producer, (SEND, own), None, (number * 4, number * 4 + 3));
        links.push(sent.link);
        scene.message(producer, topic, (false, false));
        scene.new_trace();
    }
    let taken = scene.span_with(consumer, Consumer, ("process", attributes), None, (40, 80));
    scene.edit(taken).links = links;
    for _ in 0..messages {
        scene.message(topic, consumer, (false, false));
    }
}

/// A receiving CLIENT span fetches, a CONSUMER span under it processes: one message, and no call to the broker.
fn receive_then_process(scene: &mut Scene<'_>) {
    const SEND: Pairs = &[("messaging.system", "kafka"), ("messaging.destination.name", "fetch-topic")];
    const RECEIVE: Pairs = &[
        ("messaging.system", "kafka"),
        ("messaging.destination.name", "fetch-topic"),
        ("messaging.operation.type", "receive"),
        ("server.address", "broker.example"),
    ];
    const PROCESS: Pairs = &[
        ("messaging.system", "kafka"),
        ("messaging.destination.name", "fetch-topic"),
        ("messaging.operation.type", "process"),
    ];
    let sent = scene.span_with("fetch-web", Producer, ("send fetch-topic", SEND), None, (0, 5));
    scene.message("fetch-web", "kafka/fetch-topic", (false, false));
    scene.new_trace();
    let fetched = scene.span_with("fetch-worker", Client, ("receive fetch-topic", RECEIVE), None, (9, 12));
    let taken =
        scene.span_with("fetch-worker", Consumer, ("process fetch-topic", PROCESS), Some(fetched), (13, 40));
    scene.edit(taken).links.push(sent.link);
    scene.message("kafka/fetch-topic", "fetch-worker", (false, false));
}

/// Two messages are created by spans of their own and sent by one CLIENT span that links to both.
fn create_then_send(scene: &mut Scene<'_>) {
    const CREATE: Pairs = &[
        ("messaging.system", "servicebus"),
        ("messaging.destination.name", "create-topic"),
        ("messaging.operation.type", "create"),
    ];
    const SEND: Pairs = &[
        ("messaging.system", "servicebus"),
        ("messaging.destination.name", "create-topic"),
        ("messaging.operation.type", "send"),
    ];
    let root = scene.span("create-web", Server, "POST /create", None, (0, 20));
    let created = [1, 3]
        .map(|at| scene.span_with("create-web", Producer, ("create", CREATE), Some(root), (at, at + 1)));
    let sent = scene.span_with("create-web", Client, ("send", SEND), Some(root), (6, 12));
    scene.edit(sent).links.extend(created.map(|created| created.link));
    for created in created {
        scene.span_with("create-worker", Consumer, ("process", &SEND[..2]), Some(created), (20, 30));
        scene.message("create-web", "servicebus/create-topic", (false, false));
        scene.message("servicebus/create-topic", "create-worker", (false, false));
    }
}

/// Acknowledging a message is no call.
fn settle(scene: &mut Scene<'_>) {
    const TOPIC: Pairs =
        &[("messaging.system", "servicebus"), ("messaging.destination.name", "settle-queue")];
    const SETTLE: Pairs = &[
        ("messaging.system", "servicebus"),
        ("messaging.destination.name", "settle-queue"),
        ("messaging.operation.type", "settle"),
        ("server.address", "bus.example"),
    ];
    let sent = scene.span_with("settle-web", Producer, ("send", TOPIC), None, (0, 5));
    let taken = scene.span_with("settle-worker", Consumer, ("process", TOPIC), Some(sent), (9, 30));
    scene.span_with("settle-worker", Client, ("ack", SETTLE), Some(taken), (28, 29));
    scene.message("settle-web", "servicebus/settle-queue", (false, false));
    scene.message("servicebus/settle-queue", "settle-worker", (false, false));
}

fn nobody_listens(scene: &mut Scene<'_>) {
    const TOPIC: Pairs = &[("messaging.system", "kafka"), ("messaging.destination.name", "silent-topic")];
    scene.span_with("silent-web", Producer, ("send silent-topic", TOPIC), None, (0, 5));
    scene.message("silent-web", "kafka/silent-topic", (false, false));
}

/// A consumer at the root, its producer not traced: fed by the topic, never by a made-up user.
fn nobody_sent(scene: &mut Scene<'_>) {
    const TOPIC: Pairs = &[("messaging.system", "kafka"), ("messaging.destination.name", "untraced-topic")];
    scene.span_with("untraced-worker", Consumer, ("process untraced-topic", TOPIC), None, (0, 30));
    scene.message("kafka/untraced-topic", "untraced-worker", (false, false));
}
