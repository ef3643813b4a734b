//! Traces as text, one span a line; the indent is the parent.
//!
//! ```text
//! web server /pay 0..100
//!   web client charge 10..60
//!     bank server charge 12..55 !err
//! ```
//! Words after the times: `!err`, `!resend`, `remote`, `local`, `orphan`, `#name` (to be linked or shared),
//! `id=#name` (bear that id), `links=#a,#b`, `foreign=N` (links into other traces), `op=send|create|receive|process|settle`,
//! `db=NAME`, `msg=NAME`, `ext=HOST`, `svc=NAME` (peers), `th=HEX` (sampling; `TH=HEX` of the whole trace), `env=NAME`,
//! `ns=NAME`, `host=NAME` (its clock), `certain` (its name says what was asked for).

use std::collections::HashMap;
use std::sync::Arc;

use crate::model::{
    MessagingOperation, NodeKind, Peer, PeerId, Protocol, RemoteParent, Resource, ResourceId, Sampling, Span,
    SpanId, SpanKind, Symbols,
};

/// ALGORITHMS 1, worked example: a checkout of 100 ms; C's clock is behind, payment failed once.
pub(crate) const CHECKOUT: &str = "
    A server checkout 0..100 host=h1
      A client a1 5..35 host=h1
        B server cart 8..32 host=h1
          B client query 12..28 db=mysql/cart host=h1
      A client a2 36..70 host=h1
        C server price -14..12 host=h2
      A client a3 36..60 host=h1
        D server reco 38..58 host=h1
      A client a4 72..80 host=h1 !err
        E server pay 75..78 host=h1
      A client a5 84..96 host=h1
        E server pay 86..94 host=h1
      A producer p 96..97 host=h1 msg=kafka/orders
        F consumer ship 130..170 host=h1
      A internal audit 90..150 host=h1";

/// The spans of a trace whose times count from 1970.
pub(crate) fn spans(symbols: &Arc<Symbols>, text: &str) -> Vec<Span> {
    spans_after(symbols, 0, text)
}

/// The spans of a trace whose times count from `base_ms`; they may be negative, as where a host's clock is behind.
pub(crate) fn spans_after(symbols: &Arc<Symbols>, base_ms: i64, text: &str) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    let mut stack: Vec<(usize, SpanId)> = Vec::new();
    let mut named: HashMap<String, SpanId> = HashMap::new();
    let mut wanted_links: Vec<(usize, String)> = Vec::new();
    for (number, line) in text.lines().filter(|line| !line.trim().is_empty()).enumerate() {
        let indent = line.len() - line.trim_start().len();
        while stack.last().is_some_and(|(above, _)| *above >= indent) {
            stack.pop();
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        let mut span = base_span(symbols, base_ms, &words, SpanId(number as u64 + 1));
        span.parent = stack.last().map_or(SpanId::NONE, |(_, id)| *id);
        for word in &words[4..] {
            if let Some(names) = word.strip_prefix("links=") {
                wanted_links.push((spans.len(), names.to_string()));
            } else if let Some(name) = word.strip_prefix("id=") {
                span.id = named[name];
            } else if word.starts_with('#') {
                named.insert(word.to_string(), span.id);
            } else {
                apply(symbols, &mut span, word);
            }
        }
        stack.push((indent, span.id));
        spans.push(span);
    }
    for (at, names) in wanted_links {
        let ids = names.split(',').map(|name| named.get(name).copied().unwrap_or(SpanId(0xdead)));
        let links = spans[at].links.get_or_insert_default();
        links.same_trace.extend(ids);
    }
    spans
}

fn base_span(symbols: &Symbols, base_ms: i64, words: &[&str], id: SpanId) -> Span {
    let (start, end) = words[3].split_once("..").unwrap();
    let millis = |text: &str| (base_ms + text.parse::<i64>().unwrap()) as u64 * 1_000_000;
    let service = if words[0] == "-" { "" } else { words[0] };
    let resource = Resource { service: symbols.intern(service), ..Resource::default() };
    Span {
        id,
        start: millis(start),
        end: millis(end),
        resource: ResourceId(symbols.resources.intern(resource)),
        operation: symbols.intern(words[2]),
        request: symbols.intern(words[2]),
        kind: match words[1] {
            "server" => SpanKind::Server,
            "client" => SpanKind::Client,
            "producer" => SpanKind::Producer,
            "consumer" => SpanKind::Consumer,
            "internal" => SpanKind::Internal,
            "unset" => SpanKind::Unspecified,
            other => panic!("no kind `{other}`"),
        },
        ..Span::default()
    }
}

fn apply(symbols: &Symbols, span: &mut Span, word: &str) {
    let (key, value) = word.split_once('=').unwrap_or((word, ""));
    match key {
        "!err" => span.is_error = true,
        "!resend" => span.is_resend = true,
        "certain" => span.is_request_certain = true,
        "remote" => span.remote_parent = RemoteParent::Remote,
        "local" => span.remote_parent = RemoteParent::Local,
        "orphan" => span.parent = SpanId(0xbad),
        "parent" => span.parent = SpanId(value.parse().unwrap()),
        "foreign" => span.links.get_or_insert_default().other_traces = value.parse().unwrap(),
        "th" => span.sampling = threshold(value),
        "TH" => span.sampling = threshold(value).of_whole_trace(),
        "db" => set_peer(symbols, span, NodeKind::Database, value, false),
        "msg" => set_peer(symbols, span, NodeKind::Messaging, value, false),
        "ext" => set_peer(symbols, span, NodeKind::External, value, false),
        "svc" => set_peer(symbols, span, NodeKind::External, value, true),
        "env" => {
            let mut resource = symbols.resources.get(span.resource.0);
            resource.environment = symbols.intern(value);
            span.resource = ResourceId(symbols.resources.intern(resource));
        }
        "ns" => {
            let mut resource = symbols.resources.get(span.resource.0);
            resource.namespace = symbols.intern(value);
            span.resource = ResourceId(symbols.resources.intern(resource));
        }
        "host" => {
            let mut resource = symbols.resources.get(span.resource.0);
            resource.clock = symbols.intern(value);
            span.resource = ResourceId(symbols.resources.intern(resource));
        }
        "op" => {
            span.messaging = match value {
                "create" => MessagingOperation::Create,
                "send" => MessagingOperation::Send,
                "receive" => MessagingOperation::Receive,
                "process" => MessagingOperation::Process,
                "settle" => MessagingOperation::Settle,
                other => panic!("no operation `{other}`"),
            }
        }
        other => panic!("no word `{other}`"),
    }
}

fn set_peer(symbols: &Symbols, span: &mut Span, kind: NodeKind, name: &str, is_service_name: bool) {
    let peer = Peer { kind, name: symbols.intern(name), is_service_name, ..Peer::default() };
    span.peer = PeerId(symbols.peers.intern(peer));
    span.protocol = match kind {
        NodeKind::Database => Protocol::Database,
        NodeKind::Messaging => Protocol::Messaging,
        _ => Protocol::Http,
    };
}

fn threshold(hex: &str) -> Sampling {
    Sampling::from_threshold(u64::from_str_radix(hex, 16).unwrap() << (56 - 4 * hex.len()))
}
