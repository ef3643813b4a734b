//! Who is on the other side of a span, and what the two speak, by the span's own attributes (PEERS b and c).
//!
//! Attributes of the resource do not count here: a `db.system` there would turn every client call into a database.
//!
//! | a span is | when it has | its peer is |
//! | --- | --- | --- |
//! | messaging | `messaging.*`, and is PRODUCER or CONSUMER or no database | `system/destination` |
//! | database | `db.*`, and is neither SERVER nor CONSUMER | `system/namespace`, with `@address` where configured |
//! | rpc, http, other | `rpc.*`, `http.*` | the service that is named, else the host |
//!
//! On SERVER and CONSUMER spans the addresses are their own or a proxy's, so only a named service counts there.

use super::raw::{Slots, Value};
use super::semconv::{self as keys, Key};
use crate::config::DatabaseIdentity;
use crate::model::{MessagingOperation, NodeKind, Protocol, SpanKind};

/// Stands for all destinations that live as long as one connection: their names never come back.
const TEMPORARY: &[u8] = b"(temporary)";

/// What the span speaks.
#[inline]
pub(super) fn protocol(kind: SpanKind, attributes: &Slots<'_>) -> Protocol {
    let is_messaging = attributes.has(&keys::MESSAGING);
    let is_message_end = matches!(kind, SpanKind::Producer | SpanKind::Consumer);
    let is_called = matches!(kind, SpanKind::Server | SpanKind::Consumer);
    if is_messaging && is_message_end {
        Protocol::Messaging
    } else if attributes.has(&keys::DATABASE) && !is_called {
        Protocol::Database
    } else if is_messaging {
        Protocol::Messaging
    } else if attributes.has(&keys::RPC) {
        let is_grpc = attributes.text(&keys::RPC_SYSTEM).is_some_and(|system| system == b"grpc");
        if is_grpc { Protocol::Grpc } else { Protocol::Rpc }
    } else if attributes.has(&keys::HTTP) {
        Protocol::Http
    } else {
        Protocol::Unknown
    }
}

/// The messaging operation.
#[inline]
pub(super) fn messaging_operation(attributes: &Slots<'_>) -> MessagingOperation {
    match attributes.text(&keys::MESSAGING_OPERATION) {
        Some(b"create") => MessagingOperation::Create,
        Some(b"send" | b"publish") => MessagingOperation::Send,
        Some(b"receive") => MessagingOperation::Receive,
        Some(b"process" | b"deliver") => MessagingOperation::Process,
        Some(b"settle") => MessagingOperation::Settle,
        _ => MessagingOperation::None,
    }
}

/// The other side, but for its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PeerShape<'a> {
    /// Database, messaging or external.
    pub kind: NodeKind,
    /// The name was given as a service's.
    pub is_service_name: bool,
    /// Namespace of a service that was named with one.
    pub namespace: &'a [u8],
}

impl<'a> PeerShape<'a> {
    fn of(kind: NodeKind) -> PeerShape<'a> {
        PeerShape { kind, is_service_name: false, namespace: b"" }
    }
}

/// Appends the other side's name to `name`; `None`, and nothing appended, where no attribute names it.
#[inline]
pub(super) fn peer<'a>(
    kind: SpanKind,
    protocol: Protocol,
    attributes: &Slots<'a>,
    identity: DatabaseIdentity,
    name: &mut Vec<u8>,
) -> Option<PeerShape<'a>> {
    let start = name.len();
    match protocol {
        Protocol::Database => {
            append_database(attributes, identity, name);
            (name.len() > start).then_some(PeerShape::of(NodeKind::Database))
        }
        Protocol::Messaging => {
            append_destination(attributes, name);
            (name.len() > start).then_some(PeerShape::of(NodeKind::Messaging))
        }
        _ => append_external(kind, attributes, name),
    }
}

fn append_database(attributes: &Slots<'_>, identity: DatabaseIdentity, name: &mut Vec<u8>) {
    let start = name.len();
    name.extend_from_slice(attributes.text(&keys::DB_SYSTEM).unwrap_or_default());
    let namespace = attributes.first(&keys::DB_NAMESPACE);
    if namespace != Value::Absent {
        append_separator(start, b'/', name);
        namespace.write_to(name);
    }
    if identity == DatabaseIdentity::NamespaceAndAddress
        && let Some((key, host)) = address(attributes)
    {
        append_separator(start, b'@', name);
        name.extend_from_slice(host);
        let port = port_of(key).map_or(Value::Absent, |port| attributes.get(port));
        if port != Value::Absent {
            name.push(b':');
            port.write_to(name);
        }
    }
}

fn append_separator(start: usize, separator: u8, name: &mut Vec<u8>) {
    if name.len() > start {
        name.push(separator);
    }
}

fn append_destination(attributes: &Slots<'_>, name: &mut Vec<u8>) {
    let start = name.len();
    name.extend_from_slice(attributes.text(&keys::MESSAGING_SYSTEM).unwrap_or_default());
    if let Some(destination) = destination(attributes) {
        append_separator(start, b'/', name);
        name.extend_from_slice(destination);
    }
}

/// Topic, queue or exchange; RabbitMQ's default exchange has no name of its own and is reported as `<default>`.
pub(super) fn destination<'a>(attributes: &Slots<'a>) -> Option<&'a [u8]> {
    let has_template = attributes.get(Key::MessagingDestinationTemplate) != Value::Absent;
    let is_set = |key| attributes.get(key) == Value::Bool(true);
    let is_temporary =
        is_set(Key::MessagingDestinationTemporary) || is_set(Key::MessagingDestinationAnonymous);
    if is_temporary && !has_template { Some(TEMPORARY) } else { attributes.text(&keys::DESTINATION) }
}

fn append_external<'a>(kind: SpanKind, attributes: &Slots<'a>, name: &mut Vec<u8>) -> Option<PeerShape<'a>> {
    if let Some(service) = attributes.text(&keys::PEER_SERVICE) {
        name.extend_from_slice(service);
        let is_new = attributes.get(Key::ServicePeerName) == Value::Text(service);
        let namespace = attributes.text(&keys::PEER_NAMESPACE).filter(|_| is_new).unwrap_or_default();
        return Some(PeerShape { kind: NodeKind::External, is_service_name: true, namespace });
    }
    if matches!(kind, SpanKind::Server | SpanKind::Consumer) {
        return None;
    }
    let (_, host) = address(attributes)?;
    name.extend_from_slice(host);
    Some(PeerShape::of(NodeKind::External))
}

/// The first usable address, and which attribute it comes from.
fn address<'a>(attributes: &Slots<'a>) -> Option<(Key, &'a [u8])> {
    if !attributes.has(&keys::ADDRESS) {
        return None;
    }
    keys::ADDRESS.iter().find_map(|key| {
        let Value::Text(text) = attributes.get(key) else { return None };
        let host = match key {
            Key::HttpHost => without_port(text),
            Key::HttpUrl | Key::UrlFull => host_of_url(text),
            _ => text,
        };
        (!host.is_empty()).then_some((key, host))
    })
}

fn port_of(address: Key) -> Option<Key> {
    match address {
        Key::ServerAddress => Some(Key::ServerPort),
        Key::NetPeerName | Key::NetPeerIp => Some(Key::NetPeerPort),
        Key::NetworkPeerAddress => Some(Key::NetworkPeerPort),
        Key::NetSockPeerName | Key::NetSockPeerAddr => Some(Key::NetSockPeerPort),
        _ => None,
    }
}

/// The host of an absolute URL, without user and port; empty for anything else.
fn host_of_url(url: &[u8]) -> &[u8] {
    let Some(authority) = behind_scheme(url) else { return b"" };
    let end = authority.iter().position(|byte| matches!(byte, b'/' | b'?' | b'#')).unwrap_or(authority.len());
    let authority = &authority[..end];
    let host = authority.iter().rposition(|byte| *byte == b'@').map_or(0, |at| at + 1);
    without_port(&authority[host..])
}

/// What follows `scheme://`.
pub(super) fn behind_scheme(url: &[u8]) -> Option<&[u8]> {
    let at = url.windows(3).position(|part| part == b"://")?;
    Some(&url[at + 3..])
}

/// `host:port` or `[v6]:port` without the port; a bare IPv6 address has more than one colon and stays.
fn without_port(host: &[u8]) -> &[u8] {
    if let Some(v6) = host.strip_prefix(b"[") {
        let end = v6.iter().position(|byte| *byte == b']').unwrap_or(v6.len());
        return &v6[..end];
    }
    let mut colons = host.iter().enumerate().filter(|(_, byte)| **byte == b':').map(|(at, _)| at);
    match (colons.next(), colons.next()) {
        (Some(at), None) => &host[..at],
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::fixture::slots;

    /// `kind name`, with `!` behind a name that was given as a service's, `~namespace`.
    fn check(kind: SpanKind, attributes: &str, identity: DatabaseIdentity, expected: &str) {
        let slots = slots(attributes);
        let mut name = Vec::new();
        let protocol = protocol(kind, &slots);
        let found = match peer(kind, protocol, &slots, identity, &mut name) {
            None => String::new(),
            Some(shape) => format!(
                "{} {}{}{}",
                shape.kind.name(),
                String::from_utf8_lossy(&name),
                if shape.is_service_name { "!" } else { "" },
                if shape.namespace.is_empty() {
                    String::new()
                } else {
                    format!("~{}", String::from_utf8_lossy(shape.namespace))
                }
            ),
        };
        assert_eq!(format!("{} {found}", protocol.name()).trim_end(), expected, "{kind:?} {attributes}");
    }

    #[test]
    fn every_convention_names_the_peer_of_a_client() {
        let table = [
            ("", "unknown"),
            // databases, new and old
            ("db.system.name=postgresql db.namespace=shop", "database database postgresql/shop"),
            ("db.system=mysql db.name=ts", "database database mysql/ts"),
            ("db.system=mysql", "database database mysql"),
            (
                "db.system.name=postgresql db.system=old db.namespace=new db.name=old",
                "database database postgresql/new",
            ),
            ("db.system=redis db.redis.database_index=#3", "database database redis/3"),
            ("db.system=redis db.namespace=1 db.redis.database_index=#3", "database database redis/1"),
            ("db.type=sql db.instance=orders", "database database sql/orders"),
            ("db.name=orders", "database database orders"),
            ("db.system=mysql db.name=", "database database mysql"),
            ("db.system=mysql peer.service=stock server.address=h", "database database mysql"),
            ("db.system=dynamodb rpc.system=aws-api", "database database dynamodb"),
            // messaging
            ("messaging.system=kafka messaging.destination.name=orders", "messaging messaging kafka/orders"),
            ("messaging.system=kafka messaging.destination=orders", "messaging messaging kafka/orders"),
            (
                "messaging.system=nats messaging.destination.template=o.{id} messaging.destination.name=o.7",
                "messaging messaging nats/o.{id}",
            ),
            (
                "messaging.system=rabbitmq messaging.destination.name=<default>",
                "messaging messaging rabbitmq/<default>",
            ),
            ("messaging.system=kafka", "messaging messaging kafka"),
            ("messaging.destination.name=orders", "messaging messaging orders"),
            (
                "messaging.system=jms messaging.destination.name=t-1 messaging.destination.temporary=?true",
                "messaging messaging jms/(temporary)",
            ),
            (
                "messaging.system=jms messaging.destination.name=q messaging.destination.anonymous=?false",
                "messaging messaging jms/q",
            ),
            // external, in the order of precedence
            ("service.peer.name=pay service.peer.namespace=eu peer.service=old", "unknown external pay!~eu"),
            ("peer.service=pay service.peer.namespace=eu server.address=h", "unknown external pay!"),
            ("server.address=a net.peer.name=b", "unknown external a"),
            ("net.peer.name=b http.host=c http.method=GET", "http external b"),
            ("http.host=c:8080 url.full=http://d/", "http external c"),
            ("url.full=https://u:p@d.example:443/x?y http.url=http://e/", "http external d.example"),
            ("http.url=http://e network.peer.address=f", "http external e"),
            ("http.url=/relative network.peer.address=f net.sock.peer.name=g", "http external f"),
            ("net.sock.peer.name=g net.sock.peer.addr=10.0.0.1", "unknown external g"),
            ("net.sock.peer.addr=10.0.0.1 net.peer.ip=10.0.0.2", "unknown external 10.0.0.1"),
            ("net.peer.ip=10.0.0.2", "unknown external 10.0.0.2"),
            ("http.host=[::1]:80", "http external ::1"),
            ("http.url=http://[::1]:80/x", "http external ::1"),
            // what it speaks
            ("rpc.system=grpc server.address=h", "grpc external h"),
            ("rpc.system.name=grpc http.method=POST", "grpc"),
            ("rpc.system=dubbo", "rpc"),
            ("rpc.service=Cart", "rpc"),
            ("http.request.method=GET", "http"),
        ];
        for (attributes, expected) in table {
            check(SpanKind::Client, attributes, DatabaseIdentity::Namespace, expected);
        }
    }

    #[test]
    fn the_kind_decides_where_a_span_speaks_several() {
        let both = "db.system=redis db.namespace=0 messaging.system=redis messaging.destination.name=jobs";
        let table = [
            (SpanKind::Client, both, "database database redis/0"),
            (SpanKind::Producer, both, "messaging messaging redis/jobs"),
            (SpanKind::Consumer, both, "messaging messaging redis/jobs"),
            (SpanKind::Internal, "db.system=h2", "database database h2"),
            (SpanKind::Server, "db.system=mysql server.address=own", "unknown"),
            (SpanKind::Server, "http.method=GET net.peer.name=proxy", "http"),
            (SpanKind::Server, "http.method=GET peer.service=web", "http external web!"),
            (SpanKind::Consumer, "net.peer.name=broker", "unknown"),
            (SpanKind::Producer, "net.peer.name=broker", "unknown external broker"),
        ];
        for (kind, attributes, expected) in table {
            check(kind, attributes, DatabaseIdentity::Namespace, expected);
        }
    }

    #[test]
    fn an_address_tells_databases_apart_where_asked_for() {
        let table = [
            ("db.system=mysql db.name=a server.address=h server.port=#3306", "mysql/a@h:3306"),
            ("db.system=mysql server.address=h net.peer.port=#1", "mysql@h"),
            ("db.system=mysql net.peer.name=h net.peer.port=3307", "mysql@h:3307"),
            ("db.system=mysql db.name=a", "mysql/a"),
            ("db.system=mysql network.peer.address=10.0.0.1 network.peer.port=#1", "mysql@10.0.0.1:1"),
        ];
        for (attributes, expected) in table {
            let expected = format!("database database {expected}");
            check(SpanKind::Client, attributes, DatabaseIdentity::NamespaceAndAddress, &expected);
        }
    }

    #[test]
    fn messaging_operations_of_both_conventions() {
        let table = [
            ("messaging.operation.type=create", MessagingOperation::Create),
            ("messaging.operation.type=send", MessagingOperation::Send),
            ("messaging.operation=publish", MessagingOperation::Send),
            ("messaging.operation.type=receive messaging.operation=publish", MessagingOperation::Receive),
            ("messaging.operation=process", MessagingOperation::Process),
            ("messaging.operation=deliver", MessagingOperation::Process),
            ("messaging.operation.type=settle", MessagingOperation::Settle),
            ("messaging.operation=dance", MessagingOperation::None),
            ("", MessagingOperation::None),
        ];
        for (attributes, expected) in table {
            assert_eq!(messaging_operation(&slots(attributes)), expected, "{attributes}");
        }
    }
}
