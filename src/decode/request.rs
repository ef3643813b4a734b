//! What was asked for: rule 1 of a flow's identity (ALGORITHMS 0), before templating.
//!
//! First of: an attribute that the configuration names, method and route, RPC service and method, destination and
//! operation of a consumer, method and URL template, method and path, the span's name.
//! A route that takes whatever comes (`/*`, or `/` as catch-alls are often reported) says less than a path that was recorded.

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

/// Whether a name is sure to say what was asked for, however generic it reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Certainty {
    /// It says what the configuration asks for, or what path was asked for: `GET /` is the home page.
    Certain,
    /// It may stand for many: `GET /` of a catch-all route.
    Open,
}

/// Writes the request's name to `out`; `None`, and nothing written, where the span's name is the best there is.
#[inline]
pub(super) fn write_request(kind: SpanKind, attributes: &Slots<'_>, out: &mut Vec<u8>) -> Option<Certainty> {
    if let Some(name) = attributes.flow_name() {
        name.write_to(out);
        return Some(Certainty::Certain);
    }
    let route = attributes.text(&keys::ROUTE);
    if let Some(route) = route.filter(|route| !is_catch_all(route)) {
        write_http(attributes, route, out);
        return Some(Certainty::Open);
    }
    if attributes.has(&keys::RPC) && write_rpc(attributes, out) {
        return Some(Certainty::Open);
    }
    if kind == SpanKind::Consumer && write_consumed(attributes, out) {
        return Some(Certainty::Open);
    }
    let (path, certainty) = if let Some(template) = attributes.text(&keys::URL_TEMPLATE) {
        (template, Certainty::Open)
    } else if let Some(url) = attributes.text(&keys::PATH) {
        (path_of(url), Certainty::Certain)
    } else {
        // Without a path a bare `/` is still a place; a wildcard is none.
        (route.filter(|route| !is_wildcard(route))?, Certainty::Open)
    };
    write_http(attributes, path, out);
    Some(certainty)
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

/// True for routes that take whatever comes; a bare `/` is one in Go, and where middleware reports its own mount point.
fn is_catch_all(route: &[u8]) -> bool {
    route == b"/" || is_wildcard(route)
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
    use std::sync::Arc;

    use super::*;
    use crate::decode::fixture::slots;
    use crate::decode::keys::Keys;
    use crate::decode::raw::Value;
    use crate::decode::template::template;

    fn request(kind: SpanKind, attributes: &str) -> Option<String> {
        named(kind, attributes).map(|(name, _)| name)
    }

    fn named(kind: SpanKind, attributes: &str) -> Option<(String, Certainty)> {
        let mut out = Vec::new();
        let certainty = write_request(kind, &slots(attributes), &mut out);
        assert_eq!(certainty.is_some(), !out.is_empty());
        certainty.map(|certainty| (template(std::str::from_utf8(&out).unwrap()).into_owned(), certainty))
    }

    #[test]
    fn the_first_that_says_something_names_the_request() {
        let table = [
            ("http.request.method=GET http.route=/orders/{id} url.path=/orders/7", Some("GET /orders/{id}")),
            ("http.method=GET http.route=/orders/{id}", Some("GET /orders/{id}")),
            ("http.route=/orders", Some("/orders")),
            ("http.method=GET http.route=/ http.target=/x", Some("GET /x")),
            ("http.method=GET http.route=/ http.target=/?page=2", Some("GET /")),
            ("http.method=GET http.route=/", Some("GET /")),
            ("http.method=GET http.route=/ rpc.service=S rpc.method=M", Some("S/M")),
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
    fn a_recorded_path_is_certain_and_a_route_is_not() {
        let table = [
            ("http.method=GET http.route=/* url.path=/", Some(("GET /", Certainty::Certain))),
            ("http.method=GET url.path=/cart", Some(("GET /cart", Certainty::Certain))),
            ("http.method=GET http.route=/", Some(("GET /", Certainty::Open))),
            ("http.method=GET http.route=/api/* url.path=/api/cart", Some(("GET /api/*", Certainty::Open))),
            ("http.method=GET url.template=/*", Some(("GET /*", Certainty::Open))),
            ("rpc.method=shop.Cart/Get", Some(("shop.Cart/Get", Certainty::Open))),
        ];
        for (attributes, expected) in table {
            let expected = expected.map(|(name, certainty)| (name.to_owned(), certainty));
            assert_eq!(named(SpanKind::Server, attributes), expected, "{attributes}");
        }
    }

    #[test]
    fn what_the_configuration_names_goes_first() {
        let named = |line: &str| {
            let keys = Keys::new(&["app.feature".into(), "url.path".into()]);
            let mut slots = Slots::new(Arc::new(keys));
            for (key, value) in line.split_whitespace().filter_map(|pair| pair.split_once('=')) {
                let slot = slots.find(key.as_bytes()).unwrap();
                slots.set(slot, Value::Text(value.as_bytes()));
            }
            let mut out = Vec::new();
            let certainty = write_request(SpanKind::Server, &slots, &mut out);
            (String::from_utf8(out).unwrap(), certainty)
        };
        let certain = |name: &str| (name.to_owned(), Some(Certainty::Certain));
        assert_eq!(named("http.route=/orders app.feature=reorder"), certain("reorder"));
        assert_eq!(named("http.route=/orders url.path=/orders app.feature=*"), certain("*"));
        assert_eq!(named("http.route=/orders url.path=/orders/7"), certain("/orders/7"));
        assert_eq!(named("http.route=/orders"), ("/orders".to_owned(), Some(Certainty::Open)));
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
