//! Decoding speed: this crate's walker, names and rules included, beside prost that only builds its structs.
//!
//! Two shapes of spans, about 580 and about 150 bytes each; one record has 8 resources of 25 spans.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use linchpin::config::Config;
use linchpin::decode::{DecodeSettings, Decoder};
use linchpin::model::{Format, Symbols};
use linchpin::telemetry::Telemetry;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use prost::Message;

const RESOURCES: u64 = 8;
const SPANS_PER_RESOURCE: u64 = 25;
const SPANS: u64 = RESOURCES * SPANS_PER_RESOURCE;

fn text(key: &str, value: impl Into<String>) -> KeyValue {
    let value = Some(AnyValue { value: Some(Value::StringValue(value.into())) });
    KeyValue { key: key.into(), value, ..Default::default() }
}

fn int(key: &str, value: i64) -> KeyValue {
    KeyValue {
        key: key.into(),
        value: Some(AnyValue { value: Some(Value::IntValue(value)) }),
        ..Default::default()
    }
}

/// What agents of the common languages attach to the three kinds of calls.
fn attributes(number: u64) -> Vec<KeyValue> {
    let mut list = match number % 3 {
        0 => vec![
            text("http.request.method", "GET"),
            text("http.route", format!("/api/v1/items{}/{{id}}", number % 40)),
            text("url.path", format!("/api/v1/items{}/{number}", number % 40)),
            text("url.scheme", "https"),
            text("user_agent.original", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36"),
            int("http.response.status_code", 200),
            text("server.address", "shop.example"),
        ],
        1 => vec![
            text("db.system.name", "postgresql"),
            text("db.namespace", format!("orders{}", number % 10)),
            text("db.operation.name", "SELECT"),
            text("db.query.text", "SELECT id, state, total FROM orders WHERE customer = $1 AND state = $2"),
            text("server.address", "db.example"),
            int("server.port", 5432),
        ],
        _ => vec![
            text("rpc.system", "grpc"),
            text("rpc.service", "shop.v1.CartService"),
            text("rpc.method", format!("Get{}", number % 20)),
            int("rpc.grpc.status_code", 0),
            text("server.address", "cart.example"),
            text("network.transport", "tcp"),
        ],
    };
    list.extend([
        int("thread.id", 40 + number as i64 % 16),
        text("thread.name", "http-nio-8080-exec-7"),
        text("container.id", format!("{:064x}", number % 8)),
        text("code.function.name", "com.example.shop.Handler.handle"),
        text("session.id", format!("{:032x}", number * 0x9e37_79b9)),
    ]);
    list
}

fn span(number: u64, is_rich: bool) -> Span {
    let start = 1_700_000_000_000_000_000 + number * 1_000_003;
    Span {
        trace_id: u128::from(number / 10 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c).to_be_bytes().to_vec(),
        span_id: (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes().to_vec(),
        parent_span_id: number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes().to_vec(),
        name: format!("GET /api/v1/items{}/{{id}}", number % 40),
        kind: 2 + (number % 2) as i32,
        start_time_unix_nano: start,
        end_time_unix_nano: start + 12_345_678,
        attributes: if is_rich {
            attributes(number)
        } else {
            vec![text("http.route", format!("/items{}", number % 40)), text("http.request.method", "GET")]
        },
        status: Some(Status { code: i32::from(number.is_multiple_of(50)) * 2, ..Default::default() }),
        flags: 0x101,
        ..Default::default()
    }
}

fn record(is_rich: bool) -> Vec<u8> {
    let resource_spans = (0..RESOURCES).map(|resource| ResourceSpans {
        resource: Some(Resource {
            attributes: vec![
                text("service.name", format!("service-{resource}")),
                text("service.namespace", "shop"),
                text("service.version", "1.4.2"),
                text("deployment.environment.name", "production"),
                text("host.name", format!("node-{resource}")),
                text("telemetry.sdk.language", "java"),
            ],
            ..Default::default()
        }),
        scope_spans: vec![ScopeSpans {
            spans: (0..SPANS_PER_RESOURCE)
                .map(|span_number| span(resource * SPANS_PER_RESOURCE + span_number, is_rich))
                .collect(),
            ..Default::default()
        }],
        ..Default::default()
    });
    ExportTraceServiceRequest { resource_spans: resource_spans.collect() }.encode_to_vec()
}

fn decoder() -> Decoder {
    Decoder::new(Symbols::new(100_000), Telemetry::new(), DecodeSettings::from_config(&Config::default()))
}

fn decode(criterion: &mut Criterion) {
    for is_rich in [true, false] {
        let proto = record(is_rich);
        let request = ExportTraceServiceRequest::decode(&proto[..]).expect("the record is our own");
        let json = serde_json::to_vec(&request).expect("the record is our own");
        let mut group = criterion.benchmark_group(format!("decode/{}B", proto.len() as u64 / SPANS));
        group.throughput(Throughput::Elements(SPANS));
        let mut spans = Vec::new();
        for (name, format, bytes) in
            [("walker", Format::OtlpProto, &proto), ("json", Format::OtlpJson, &json)]
        {
            let mut decoder = decoder();
            group.bench_function(name, |bencher| {
                bencher.iter(|| {
                    spans.clear();
                    assert_eq!(decoder.decode(bytes, Some(format), &mut spans).rejected, None);
                    spans.len()
                });
            });
            assert_eq!(spans.len() as u64, SPANS);
        }
        group.bench_function("prost", |bencher| {
            bencher.iter(|| ExportTraceServiceRequest::decode(&proto[..]));
        });
        group.finish();
    }
}

criterion_group!(benches, decode);
criterion_main!(benches);
