//! What was asked for: rule 1 of a flow's identity (ALGORITHMS 0), before templating.
//!
//! First of: method and route (unless the route is a wildcard), RPC service and method, destination and operation
//! of a consumer, method and URL template, method and path, the span's name.

use super::peer::{behind_scheme, destination};
use super::raw::Parent;
use super::raw::{RawSpan, Slots};
use super::semconv as keys;
use crate::model::SpanKind;

/// True where the span can be the root of a flow or of a service's part in it.
///
/// The others keep their own name: a client's URL often holds ids, and nobody would ask for its template.
#[inline]
pub(super) fn can_be_root(span: &RawSpan<'_>) -> bool {
    span.parent == Parent::None
        || matches!(span.kind, SpanKind::Server | SpanKind::Consumer | SpanKind::Unspecified)
}

/// Writes the request's name to `out`; false, and nothing written, where the span's name is the best there is.
#[inline]
pub(super) fn write_request(kind: SpanKind, attributes: &Slots<'_>, out: &mut Vec<u8>) -> bool {
    if let Some(route) = attributes.text(&keys::ROUTE).filter(|route| !is_wildcard(route)) {
        write_http(attributes, route, out);
        return true;
    }
    if attributes.has(&keys::RPC) && write_rpc(attributes, out) {
        return true;
    }
    if kind == SpanKind::Consumer && write_consumed(attributes, out) {
        return true;
    }
    let template = attributes.text(&keys::URL_TEMPLATE);
    match template.or_else(|| attributes.text(&keys::PATH).map(path_of)) {
        Some(path) => write_http(attributes, path, out),
        None => return false,
    }
    true
}

fn write_http(attributes: &Slots<'_>, path: &[u8], out: &mut Vec<u8>) {
    if let Some(method) = attributes.text(&keys::HTTP_METHOD) {
        out.extend_from_slice(method);
        out.push(b' ');
    }
    out.extend_from_slice(path);
}

/// Since 2025 the method is fully qualified and there is no service beside it.
fn write_rpc(attributes: &Slots<'_>, out: &mut Vec<u8>) -> bool {
    let Some(method) = attributes.text(&keys::RPC_METHOD) else { return false };
    if !method.contains(&b'/') {
        let Some(service) = attributes.text(&keys::RPC_SERVICE) else { return false };
        out.extend_from_slice(service);
        out.push(b'/');
    }
    out.extend_from_slice(method);
    true
}

fn write_consumed(attributes: &Slots<'_>, out: &mut Vec<u8>) -> bool {
    let Some(destination) = destination(attributes) else { return false };
    out.extend_from_slice(destination);
    if let Some(operation) = attributes.text(&keys::MESSAGING_OPERATION) {
        out.push(b' ');
        out.extend_from_slice(operation);
    }
    true
}

/// True for routes that name no place at all: `/*`, `/**`, `*`, `/{*path}`, `/{proxy+}`, `/(.*)`. A bare `/` is a place.
fn is_wildcard(route: &[u8]) -> bool {
    let is_star = |segment: &[u8]| segment.contains(&b'*') || segment.ends_with(b"+}");
    let mut segments = route.split(|byte| *byte == b'/').filter(|segment| !segment.is_empty()).peekable();
    segments.peek().is_some() && segments.all(is_star)
}

/// The path of a URL; a path is one already.
fn path_of(url: &[u8]) -> &[u8] {
    match behind_scheme(url) {
        Some(rest) if !url.starts_with(b"/") => {
            rest.iter().position(|byte| *byte == b'/').map_or(b"/", |at| &rest[at..])
        }
        _ => url,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::fixture::slots;
    use crate::decode::template::template;

    fn request(kind: SpanKind, attributes: &str) -> Option<String> {
        let mut out = Vec::new();
        let is_written = write_request(kind, &slots(attributes), &mut out);
        assert_eq!(is_written, !out.is_empty());
        is_written.then(|| template(std::str::from_utf8(&out).unwrap()).into_owned())
    }

    #[test]
    fn the_first_that_says_something_names_the_request() {
        let table = [
            ("http.request.method=GET http.route=/orders/{id} url.path=/orders/7", Some("GET /orders/{id}")),
            ("http.method=GET http.route=/orders/{id}", Some("GET /orders/{id}")),
            ("http.route=/orders", Some("/orders")),
            ("http.method=GET http.route=/ http.target=/x", Some("GET /")),
            ("http.method=GET http.route=/* http.target=/orders/7?x=1", Some("GET /orders/{id}")),
            ("http.method=GET http.route=/api/* http.target=/orders/7", Some("GET /api/*")),
            ("http.method=GET http.route=/{*path} url.path=/a", Some("GET /a")),
            ("http.method=GET http.route=/{proxy+} url.path=/a", Some("GET /a")),
            ("http.method=GET http.route=/**", None),
            ("rpc.service=shop.Cart rpc.method=Get http.target=/x", Some("shop.Cart/Get")),
            ("rpc.method=shop.Cart/Get", Some("shop.Cart/Get")),
            ("rpc.method=Get", None),
            ("rpc.service=shop.Cart", None),
            ("http.route=/a rpc.service=S rpc.method=M", Some("/a")),
            ("http.method=GET url.template=/o/{id} url.path=/o/7", Some("GET /o/{id}")),
            ("http.method=GET url.path=/o/7 http.target=/old", Some("GET /o/{id}")),
            ("http.method=GET http.target=/o/7?page=2 http.url=http://h/x", Some("GET /o/{id}")),
            ("http.method=GET http.url=http://h:80/o/7?page=2", Some("GET /o/{id}")),
            ("http.method=GET http.url=http://h", Some("GET /")),
            ("http.method=GET http.target=/go?to=http://x/y", Some("GET /go")),
            ("http.method=GET", None),
            ("messaging.destination.name=orders messaging.operation=process", None),
            ("", None),
        ];
        for (attributes, expected) in table {
            assert_eq!(request(SpanKind::Server, attributes).as_deref(), expected, "{attributes}");
        }
    }

    #[test]
    fn a_consumer_is_named_by_what_it_takes() {
        let table = [
            ("messaging.destination.name=orders messaging.operation.type=process", Some("orders process")),
            ("messaging.destination=orders", Some("orders")),
            ("messaging.system=kafka", None),
        ];
        for (attributes, expected) in table {
            assert_eq!(request(SpanKind::Consumer, attributes).as_deref(), expected, "{attributes}");
        }
    }
}
