//! Client spans that nobody answers: databases, external peers, and attributes that mislead.

use super::Case;
use super::scene::Scene;
use crate::model::SpanKind::{Client, Internal, Server, Unspecified};

pub(super) const CASES: &[Case] = &[
    database,
    database_old_names,
    database_without_namespace,
    database_by_number,
    database_wrapped,
    database_kindless,
    external,
    external_old_names,
    external_wrapped,
    resource_with_database,
    health_checks,
    negative_duration,
    skewed_clock,
];

fn database(scene: &mut Scene<'_>) {
    let root = scene.span("db-web", Server, "GET /db", None, (0, 40));
    let attributes = &[
        ("db.system.name", "postgresql"),
        ("db.namespace", "orders"),
        ("server.address", "postgres.example"),
        ("server.port", "5432"),
    ];
    let query = scene.span_with("db-web", Client, ("SELECT orders", attributes), Some(root), (5, 15));
    let is_error = scene.random.happens(2_000);
    scene.edit(query).is_error = is_error;
    scene.query("db-web", "postgresql/orders", is_error);
}

fn database_old_names(scene: &mut Scene<'_>) {
    let attributes = &[
        ("db.system", "mysql"),
        ("db.name", "users"),
        ("db.statement", "SELECT 1"),
        ("net.peer.name", "mysql.example"),
    ];
    scene.span_with("db-old-web", Client, ("SELECT users", attributes), None, (0, 10));
    scene.query("db-old-web", "mysql/users", false);
}

fn database_without_namespace(scene: &mut Scene<'_>) {
    let attributes = &[("db.system", "memcached"), ("server.address", "cache.example")];
    scene.span_with("db-bare-web", Client, ("get", attributes), None, (0, 4));
    scene.query("db-bare-web", "memcached", false);
}

fn database_by_number(scene: &mut Scene<'_>) {
    let attributes = &[("db.system", "redis"), ("db.redis.database_index", "3")];
    scene.span_with("db-number-web", Client, ("GET", attributes), None, (0, 4));
    scene.query("db-number-web", "redis/3", false);
}

/// The span of an object mapper around that of the driver: one query.
fn database_wrapped(scene: &mut Scene<'_>) {
    let attributes = &[("db.system.name", "postgresql"), ("db.namespace", "wrapped")];
    let outer = scene.span_with("db-wrapped-web", Client, ("Orders.find", attributes), None, (0, 20));
    let inner = scene.span("db-wrapped-web", Internal, "prepare", Some(outer), (1, 19));
    scene.span_with("db-wrapped-web", Client, ("SELECT orders", attributes), Some(inner), (2, 18));
    scene.query("db-wrapped-web", "postgresql/wrapped", false);
}

/// Without a kind, database attributes still say that the span asks.
fn database_kindless(scene: &mut Scene<'_>) {
    let root = scene.span("db-kindless-web", Unspecified, "root", None, (0, 30));
    let attributes = &[("db.system", "mongodb"), ("db.name", "items")];
    scene.span_with("db-kindless-web", Unspecified, ("find items", attributes), Some(root), (5, 20));
    scene.query("db-kindless-web", "mongodb/items", false);
}

fn external(scene: &mut Scene<'_>) {
    let attributes = &[
        ("http.request.method", "POST"),
        ("server.address", "api.bank.example"),
        ("server.port", "443"),
        ("url.full", "https://api.bank.example/v2/payments?id=17"),
    ];
    let client = scene.span_with("ext-web", Client, ("POST", attributes), None, (0, 80));
    let is_error = scene.random.happens(2_000);
    scene.edit(client).is_error = is_error;
    scene.external("ext-web", "api.bank.example", is_error);
}

fn external_old_names(scene: &mut Scene<'_>) {
    let attributes = &[("http.method", "GET"), ("http.url", "http://rates.bank.example:8080/today?c=EUR")];
    scene.span_with("ext-old-web", Client, ("HTTP GET", attributes), None, (0, 80));
    scene.external("ext-old-web", "rates.bank.example", false);
}

/// The client span of an SDK around that of its HTTP library, both unanswered: one call.
fn external_wrapped(scene: &mut Scene<'_>) {
    let outer = scene.span("ext-wrapped-web", Client, "Mailer.send", None, (0, 90));
    let attributes = &[("http.request.method", "POST"), ("server.address", "smtp.mail.example")];
    scene.span_with("ext-wrapped-web", Client, ("POST", attributes), Some(outer), (2, 88));
    scene.external("ext-wrapped-web", "smtp.mail.example", false);
}

/// Database attributes on the resource do not make its calls queries.
fn resource_with_database(scene: &mut Scene<'_>) {
    scene.pair(("resource-db-web", "resource-db-bank"), None, (0, 30));
    scene.call("resource-db-web", "resource-db-bank", (false, false));
}

/// Probes are ignored by the default rules, here a root and one under a client.
fn health_checks(scene: &mut Scene<'_>) {
    scene.span("health-web", Server, "GET /healthz", None, (0, 1));
    scene.new_trace();
    scene.span("health-web", Server, "grpc.health.v1.Health/Check", None, (2, 3));
}

/// A clock that was set back while the span ran.
fn negative_duration(scene: &mut Scene<'_>) {
    let (client, server) = scene.pair(("negative-web", "negative-bank"), None, (0, 30));
    for span in [client, server] {
        let start = scene.edit(span).start;
        scene.edit(span).end = start - 3_000_000;
    }
    scene.call("negative-web", "negative-bank", (false, false));
}

/// The callee's clock is 4 s ahead: its span begins after its caller's has ended.
fn skewed_clock(scene: &mut Scene<'_>) {
    let (_, server) = scene.pair(("skew-web", "skew-bank"), None, (0, 30));
    let span = scene.edit(server);
    span.start += 4_000_000_000;
    span.end += 4_000_000_000;
    scene.call("skew-web", "skew-bank", (false, false));
}
