//! Spans made by the tests themselves, encoded by OpenTelemetry's own types, with edges known beforehand.

use std::time::{SystemTime, UNIX_EPOCH};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;

use super::edges::{Edges, edge};

/// Unix nanoseconds of one millisecond.
pub const MILLI: u64 = 1_000_000;

/// A span and the service that reports it.
#[derive(Clone, Debug)]
pub struct Reported {
    /// Service.
    pub service: String,
    /// Span.
    pub span: Span,
}

/// Now in Unix nanoseconds.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64
}

/// A span of 10 ms with the given ids; a parent of 0 is none.
pub fn span(service: &str, trace: u128, id: u64, parent: u64, kind: SpanKind, start: u64) -> Reported {
    let parent_span_id = if parent == 0 { Vec::new() } else { parent.to_be_bytes().to_vec() };
    let span = Span {
        trace_id: trace.to_be_bytes().to_vec(),
        span_id: id.to_be_bytes().to_vec(),
        parent_span_id,
        name: "GET /orders".into(),
        kind: kind as i32,
        start_time_unix_nano: start,
        end_time_unix_nano: start + 10 * MILLI,
        ..Span::default()
    };
    Reported { service: service.into(), span }
}

/// A string attribute.
pub fn attribute(key: &str, value: &str) -> KeyValue {
    let value = AnyValue { value: Some(any_value::Value::StringValue(value.into())) };
    KeyValue { key: key.into(), value: Some(value), ..KeyValue::default() }
}

/// An order: `{prefix}-gateway` calls `{prefix}-orders`, which asks the database `postgresql/orders`.
pub fn order(prefix: &str, trace: u128, start: u64) -> Vec<Reported> {
    let gateway = format!("{prefix}-gateway");
    let orders = format!("{prefix}-orders");
    // Span ids differ between traces, as everywhere outside of a test.
    let id = (trace as u64) << 3;
    let mut query = span(&orders, trace, id | 4, id | 3, SpanKind::Client, start + 3 * MILLI);
    query.span.attributes = vec![attribute("db.system", "postgresql"), attribute("db.name", "orders")];
    vec![
        query,
        span(&orders, trace, id | 3, id | 2, SpanKind::Server, start + 2 * MILLI),
        span(&gateway, trace, id | 2, id | 1, SpanKind::Client, start + MILLI),
        span(&gateway, trace, id | 1, 0, SpanKind::Server, start),
    ]
}

/// The edges of so many orders.
pub fn order_edges(prefix: &str, orders: u64) -> Edges {
    let (gateway, service) = (format!("{prefix}-gateway"), format!("{prefix}-orders"));
    Edges::from([edge("svc", &gateway, &service, orders), edge("db", &service, "postgresql/orders", orders)])
}

/// Spans as one `ExportTraceServiceRequest` in protobuf, in their order.
pub fn encode(spans: &[Reported]) -> Vec<u8> {
    let resource_spans = spans.chunk_by(|a, b| a.service == b.service).map(|spans| {
        let resource = Resource {
            attributes: vec![attribute("service.name", &spans[0].service)],
            ..Resource::default()
        };
        let spans = spans.iter().map(|reported| reported.span.clone()).collect();
        let scope_spans = vec![ScopeSpans { spans, ..ScopeSpans::default() }];
        ResourceSpans { resource: Some(resource), scope_spans, ..ResourceSpans::default() }
    });
    ExportTraceServiceRequest { resource_spans: resource_spans.collect() }.encode_to_vec()
}
