//! Span templates as OpenTelemetry's instrumentations make them: about a dozen attributes each,
//! by the stable semantic conventions or, for services with old agents, by those before them.

use super::span::{Attribute, Template, Text, Value, int, text};
use crate::model::SpanKind;

/// Which semantic conventions an instrumentation follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conventions {
    /// The stable ones.
    Stable,
    /// Those before: `http.method`, `db.system`, `net.peer.name` and their like.
    Old,
}

/// What an operation answers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// An HTTP route.
    Http {
        /// Method.
        method: &'static str,
        /// Route with placeholders.
        route: Text,
        /// What is asked for behind a route that takes whatever comes; otherwise the route says it.
        path: Option<Text>,
    },
    /// A gRPC method.
    Grpc {
        /// Fully qualified service.
        service: Text,
        /// Method.
        method: Text,
    },
    /// A name look-up: client and server spans without a protocol of their own.
    Dns,
    /// Work that starts by itself, as a timer's.
    Local {
        /// Span name.
        name: &'static str,
    },
}

/// `Endpoint::Http`.
pub fn http(method: &'static str, route: impl Into<Text>) -> Endpoint {
    Endpoint::Http { method, route: route.into(), path: None }
}

/// `Endpoint::Http` of a gateway: its route takes whatever comes, and only the path tells what that is.
pub fn behind_gateway(method: &'static str, route: impl Into<Text>, path: impl Into<Text>) -> Endpoint {
    Endpoint::Http { method, route: route.into(), path: Some(path.into()) }
}

/// `Endpoint::Grpc`.
pub fn grpc(service: impl Into<Text>, method: impl Into<Text>) -> Endpoint {
    Endpoint::Grpc { service: service.into(), method: method.into() }
}

const GRPC_STATUS: &str = "rpc.grpc.status_code";

/// The answering side of an endpoint of `service`.
pub fn server(endpoint: &Endpoint, service: &str, conventions: Conventions) -> Template {
    let mut template = match endpoint {
        Endpoint::Http { method, route, path } => {
            http_span(SpanKind::Server, method, route, path.as_ref(), conventions)
        }
        Endpoint::Grpc { service, method } => grpc_span(SpanKind::Server, service, method),
        Endpoint::Dns => dns_span(SpanKind::Server),
        Endpoint::Local { name } => Template::new(*name, SpanKind::Internal),
    };
    if template.kind == SpanKind::Server {
        let address = if conventions == Conventions::Old { "net.host.name" } else { "server.address" };
        template.further.push(text(address, format!("{service}.svc.cluster.local")));
        template.further.push(text("network.peer.address", "10.42.7.18"));
        template.further.push(int("network.peer.port", 48_112));
    }
    add_surroundings(&mut template);
    template
}

/// The asking side of an endpoint of `callee`.
pub fn client(endpoint: &Endpoint, callee: &str, conventions: Conventions) -> Template {
    let mut template = match endpoint {
        Endpoint::Http { method, route, path } => {
            http_span(SpanKind::Client, method, route, path.as_ref(), conventions)
        }
        Endpoint::Grpc { service, method } => grpc_span(SpanKind::Client, service, method),
        Endpoint::Dns => dns_span(SpanKind::Client),
        Endpoint::Local { name } => Template::new(*name, SpanKind::Client),
    };
    add_address(&mut template, format!("{callee}.svc.cluster.local"), 8080, conventions);
    add_surroundings(&mut template);
    template
}

fn http_span(
    kind: SpanKind,
    method: &'static str,
    route: &Text,
    path: Option<&Text>,
    conventions: Conventions,
) -> Template {
    let name = if kind == SpanKind::Client { Text::from(method) } else { format!("{method} {route}").into() };
    let mut template = Template::new(name, kind);
    let is_old = conventions == Conventions::Old;
    let [method_key, scheme_key, path_key, status_key] = if is_old {
        ["http.method", "http.scheme", "http.target", "http.status_code"]
    } else {
        ["http.request.method", "url.scheme", "url.path", "http.response.status_code"]
    };
    template.essential.push(text(method_key, method));
    if kind == SpanKind::Server {
        template.essential.push(text("http.route", route.clone()));
    }
    template.further.push(text(scheme_key, "http"));
    template.further.push(text("network.protocol.version", "1.1"));
    template.further.push(text("user_agent.original", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36"));
    template.status_key = Some(status_key);
    let asked = path.unwrap_or(route);
    match asked.split_once('{') {
        // Servers report what they were asked for, with a number at its end.
        Some((before, _)) => template.varying = Some((path_key, before.to_owned().into())),
        None if path.is_some() => template.essential.push(text(path_key, asked.clone())),
        None => template.varying = Some((path_key, format!("{}/", asked.trim_end_matches('/')).into())),
    }
    template
}

fn grpc_span(kind: SpanKind, service: &Text, method: &Text) -> Template {
    let mut template = Template::new(format!("{service}/{method}"), kind);
    template.essential.push(text("rpc.system", "grpc"));
    template.essential.push(text("rpc.service", service.clone()));
    template.essential.push(text("rpc.method", method.clone()));
    template.further.push(text("network.type", "ipv4"));
    template.further.push(text("network.transport", "tcp"));
    template.further.push(text("user_agent.original", "grpc-java-netty/1.68.1"));
    template.status_key = Some(GRPC_STATUS);
    template
}

fn dns_span(kind: SpanKind) -> Template {
    let mut template = Template::new("dns lookup", kind);
    template.further.push(text("dns.question.name", "service.cluster.local"));
    template.further.push(text("network.transport", "udp"));
    template
}

/// A query of `target` in a database; its node is `system/namespace`, or `system` without one.
pub fn query(
    system: &'static str,
    namespace: &'static str,
    verb: &'static str,
    target: &'static str,
    conventions: Conventions,
) -> Template {
    let [system_key, namespace_key, verb_key, target_key, text_key] = match conventions {
        Conventions::Old => ["db.system", "db.name", "db.operation", "db.sql.table", "db.statement"],
        Conventions::Stable => {
            ["db.system.name", "db.namespace", "db.operation.name", "db.collection.name", "db.query.text"]
        }
    };
    let mut template = Template::new(format!("{verb} {target}"), SpanKind::Client);
    template.essential.push(text(system_key, system));
    if !namespace.is_empty() {
        template.essential.push(text(namespace_key, namespace));
    }
    template.further.push(text(verb_key, verb));
    template.further.push(text(target_key, target));
    let statement = format!("{verb} id, state, created_at, updated_at, payload {target} WHERE id = ?");
    template.further.push(text(text_key, statement));
    let suffix = if namespace.is_empty() { String::new() } else { format!("-{namespace}") };
    add_address(&mut template, format!("{system}{suffix}.db.internal"), 5432, conventions);
    add_surroundings(&mut template);
    template
}

/// A call to a peer that reports no spans; its node is `host`.
pub fn external(
    method: &'static str,
    host: &'static str,
    path: &'static str,
    conventions: Conventions,
) -> Template {
    let mut template = http_span(SpanKind::Client, method, &Text::from(path), None, conventions);
    if conventions == Conventions::Stable {
        template.further.push(text("url.full", format!("https://{host}{path}")));
    }
    let (address, _) = address_keys(conventions);
    template.essential.push(text(address, host));
    add_surroundings(&mut template);
    template
}

/// The sending side of a destination; its node is `system/destination`.
pub fn producer(system: &'static str, destination: &'static str) -> Template {
    let mut template = Template::new(format!("send {destination}"), SpanKind::Producer);
    template.essential = message_attributes(system, destination, "send");
    add_message_details(&mut template, system);
    template
}

/// The taking side of a destination or queue.
pub fn consumer(system: &'static str, destination: &'static str, group: &str) -> Template {
    let mut template = Template::new(format!("process {destination}"), SpanKind::Consumer);
    template.essential = message_attributes(system, destination, "process");
    template.further.push(text("messaging.consumer.group.name", group.to_owned()));
    add_message_details(&mut template, system);
    template
}

fn message_attributes(
    system: &'static str,
    destination: &'static str,
    operation: &'static str,
) -> Vec<Attribute> {
    vec![
        text("messaging.system", system),
        text("messaging.destination.name", destination),
        text("messaging.operation.type", operation),
    ]
}

fn add_message_details(template: &mut Template, system: &'static str) {
    template.further.push(text("messaging.client.id", format!("{system}-client-1")));
    template.further.push(int("messaging.message.body.size", 412));
    template.varying = Some(("messaging.message.id", Text::from("message-")));
    add_address(template, format!("{system}.messaging.internal"), 9092, Conventions::Stable);
    add_surroundings(template);
}

/// A step inside a service.
pub fn internal(name: impl Into<Text>) -> Template {
    let mut template = Template::new(name, SpanKind::Internal);
    add_surroundings(&mut template);
    template
}

fn address_keys(conventions: Conventions) -> (&'static str, &'static str) {
    match conventions {
        Conventions::Stable => ("server.address", "server.port"),
        Conventions::Old => ("net.peer.name", "net.peer.port"),
    }
}

fn add_address(template: &mut Template, address: String, port: i64, conventions: Conventions) {
    let (address_key, port_key) = address_keys(conventions);
    template.further.push(text(address_key, address));
    template.further.push(int(port_key, port));
}

/// What agents add to every span.
fn add_surroundings(template: &mut Template) {
    template.further.push(text("thread.name", "worker-pool-1"));
    template.further.push(text("code.function.name", "com.example.shop.Handler.handle"));
    template.further.push(text("session.id", "session-8f14e45fceea467f9b5be2c1a7d0e6b3"));
    template.further.push((Text::from("app.cached"), Value::Bool(false)));
}
