//! One record each: what its spans become, and what is counted.

use std::sync::Arc;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use serde_json::{Value, json};

use super::oracle;
use crate::config::{Config, DatabaseIdentity};
use crate::decode::{DecodeSettings, Decoder, Outcome, Rejected};
use crate::model::{
    Format, Links, MessagingOperation, NodeKind, Protocol, RemoteParent, Resource, Sampling, SpanId,
    SpanKind, SpanRecord, Symbols, TraceId,
};
use crate::telemetry::{Reason, Telemetry};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

struct Bench {
    decoder: Decoder,
    symbols: Arc<Symbols>,
    telemetry: Arc<Telemetry>,
    spans: Vec<SpanRecord>,
}

impl Bench {
    fn new(settings: DecodeSettings) -> Bench {
        let (symbols, telemetry) = (Symbols::new(10_000), Telemetry::new());
        let decoder = Decoder::new(symbols.clone(), telemetry.clone(), settings);
        Bench { decoder, symbols, telemetry, spans: Vec::new() }
    }

    fn decode(&mut self, record: &[u8]) -> Outcome {
        self.decoder.decode(record, None, &mut self.spans)
    }

    fn text(&self, symbol: crate::model::Symbol) -> String {
        self.symbols.text(symbol).to_string()
    }
}

fn attributes(of: &Value) -> Value {
    let pairs = of.as_object().unwrap().iter();
    pairs.map(|(key, value)| json!({"key": key, "value": value})).collect()
}

/// A record of one span; `span` overrides what a good span has.
fn record(resource: Value, span: Value) -> Vec<u8> {
    let mut whole = json!({
        "traceId": TRACE, "spanId": "00000000000000a1", "name": "op",
        "startTimeUnixNano": "1000", "endTimeUnixNano": "2000",
    });
    for (key, value) in span.as_object().unwrap() {
        whole[key] = if key == "attributes" { attributes(value) } else { value.clone() };
    }
    let resource = json!({"attributes": attributes(&resource)});
    serde_json::to_vec(
        &json!({"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": [whole]}]}]}),
    )
    .unwrap()
}

fn cart() -> Value {
    json!({"service.name": {"stringValue": "cart"}})
}

/// The one span of `record`.
fn only(record: &[u8]) -> (Bench, SpanRecord) {
    let mut bench = Bench::new(oracle::settings());
    let outcome = bench.decode(record);
    assert_eq!((outcome.spans, outcome.rejected), (1, None));
    let span = bench.spans[0].clone();
    assert_eq!(bench.spans.len(), 1);
    (bench, span)
}

#[test]
fn a_whole_span() {
    let (bench, SpanRecord { trace, span }) = only(&record(
        json!({
            "service.name": {"stringValue": "cart"}, "service.namespace": {"stringValue": "shop"},
            "service.version": {"intValue": "2"}, "deployment.environment": {"stringValue": "old"},
            "deployment.environment.name": {"stringValue": "prod"}, "host.name": {"stringValue": "h"},
            "k8s.node.name": {"stringValue": "n"}, "db.system": {"stringValue": "mysql"},
        }),
        json!({
            "parentSpanId": "00000000000000A0", "name": "GET", "kind": "SPAN_KIND_CLIENT", "flags": 0x300,
            "status": {"code": "STATUS_CODE_ERROR"}, "traceState": "ot=th:c",
            "attributes": {
                "http.request.method": {"stringValue": "GET"}, "url.full": {"stringValue": "http://pay:80/charge/7"},
                "http.request.resend_count": {"intValue": 1},
            },
        }),
    ));
    assert_eq!(trace, TraceId(0x0af7651916cd43dd8448eb211c80319c));
    assert_eq!((span.id, span.parent), (SpanId(0xa1), SpanId(0xa0)));
    assert_eq!((span.start, span.end), (1000, 2000));
    assert_eq!((span.kind, span.protocol), (SpanKind::Client, Protocol::Http));
    assert_eq!(span.remote_parent, RemoteParent::Remote);
    assert_eq!(span.sampling, Sampling::from_threshold(0xc << 52));
    assert!(span.is_error && span.is_resend);
    assert_eq!(bench.text(span.operation), "GET");
    assert_eq!(span.request, span.operation, "a client below a parent asks for nothing itself");
    let peer = bench.symbols.peers.get(span.peer.0);
    assert_eq!((peer.kind, bench.text(peer.name).as_str()), (NodeKind::External, "pay"));
    let resource = bench.symbols.resources.get(span.resource.0);
    let Resource { service, namespace, environment, version, clock } = resource;
    assert_eq!(
        [service, namespace, environment, version, clock].map(|part| bench.text(part)),
        ["cart", "shop", "prod", "2", "n"]
    );
    assert_eq!(bench.telemetry.counters.spans.get(), 1);
}

#[test]
fn the_clock_is_the_coarsest_machine_that_is_named() {
    let keys = ["host.id", "k8s.node.name", "host.name", "hostname", "k8s.pod.name", "service.instance.id"];
    for first in 0..keys.len() {
        let named = keys[first..].iter().map(|key| (key.to_string(), json!({"stringValue": key})));
        let (bench, record) = only(&record(named.collect(), json!({})));
        let resource = bench.symbols.resources.get(record.span.resource.0);
        assert_eq!(bench.text(resource.clock), keys[first]);
    }
}

#[test]
fn a_root_has_a_request_and_a_child_client_keeps_its_name() {
    let http =
        json!({"http.method": {"stringValue": "GET"}, "http.target": {"stringValue": "/orders/7?x=1"}});
    let parent = "00000000000000a0";
    let table = [
        (json!({"kind": 2, "parentSpanId": parent}), "GET /orders/{id}"),
        (json!({"kind": 5, "parentSpanId": parent}), "GET /orders/{id}"),
        (json!({"kind": 0, "parentSpanId": parent}), "GET /orders/{id}"),
        (json!({"kind": 3}), "GET /orders/{id}"),
        (json!({"kind": 3, "parentSpanId": parent}), "op"),
        (json!({"kind": 1, "parentSpanId": parent}), "op"),
        (json!({"kind": 1, "parentSpanId": "0000000000000000"}), "GET /orders/{id}"),
    ];
    for (mut span, expected) in table {
        span["attributes"] = http.clone();
        let (bench, record) = only(&record(cart(), span.clone()));
        assert_eq!(bench.text(record.span.request), expected, "{span}");
    }
}

#[test]
fn remote_parents_resends_and_messaging() {
    for (flags, expected) in [
        (0, RemoteParent::Unknown),
        (0x200, RemoteParent::Unknown),
        (0x100, RemoteParent::Local),
        (0x301, RemoteParent::Remote),
    ] {
        assert_eq!(
            only(&record(cart(), json!({"flags": flags}))).1.span.remote_parent,
            expected,
            "{flags:x}"
        );
    }
    for (key, value, expected) in [
        ("http.request.resend_count", json!({"intValue": "2"}), true),
        ("http.resend_count", json!({"intValue": 1}), true),
        ("http.request.resend_count", json!({"intValue": 0}), false),
        ("http.request.resend_count", json!({"stringValue": "x"}), false),
    ] {
        assert_eq!(only(&record(cart(), json!({"attributes": {key: value}}))).1.span.is_resend, expected);
    }
    let (_, consumer) = only(&record(
        cart(),
        json!({"kind": 5, "attributes": {"messaging.system": {"stringValue": "kafka"}, "messaging.operation": {"stringValue": "process"}}}),
    ));
    assert_eq!(consumer.span.messaging, MessagingOperation::Process);
}

#[test]
fn links_are_kept_within_the_trace_and_counted_beyond() {
    let own = json!({"traceId": TRACE.to_uppercase(), "spanId": "00000000000000b1"});
    let other = json!({"traceId": "1", "spanId": "00000000000000b1"});
    let foreign = json!({"traceId": "00000000000000000000000000000009", "spanId": "00000000000000b1"});
    let (_, record_of) = only(&record(cart(), json!({"links": [own, foreign, other]})));
    let links = Links { same_trace: vec![SpanId(0xb1)], other_traces: 1, dropped: 0 };
    assert_eq!(record_of.span.links.as_deref(), Some(&links));
    let (_, record_of) = only(&record(cart(), json!({"links": vec![own; Links::MAX + 3]})));
    let links = record_of.span.links.unwrap();
    assert_eq!((links.same_trace.len(), links.dropped), (Links::MAX, 3));
    assert_eq!(only(&record(cart(), json!({"links": [other]}))).1.span.links, None);
}

#[test]
fn times_that_make_no_sense_are_mended() {
    for (start, end, expected, negative) in [
        ("5", "9", (5, 9), 0),
        ("9", "5", (9, 9), 1),
        ("9", "0", (9, 9), 1),
        ("0", "9", (9, 9), 0),
        ("0", "0", (0, 0), 0),
    ] {
        let (bench, record) =
            only(&record(cart(), json!({"startTimeUnixNano": start, "endTimeUnixNano": end})));
        assert_eq!((record.span.start, record.span.end), expected);
        assert_eq!(bench.telemetry.counters.negative_durations.get(), negative);
    }
}

#[test]
fn every_span_that_is_dropped_has_a_reason() {
    let table = [
        (json!({"traceId": ""}), Some(Reason::NoTraceId)),
        (json!({"traceId": "0".repeat(32)}), Some(Reason::NoTraceId)),
        (json!({"traceId": "CvdlGRbNQ92ESOshHIAxnA=="}), Some(Reason::NoTraceId)),
        (json!({"traceId": null}), Some(Reason::NoTraceId)),
        (json!({"spanId": "0000000000000000"}), Some(Reason::NoSpanId)),
        (json!({"spanId": "abc"}), Some(Reason::NoSpanId)),
        (json!({"parentSpanId": "abc"}), Some(Reason::NoSpanId)),
        (json!({"name": "GET /healthz"}), Some(Reason::Ignored)),
        (json!({"traceId": "8448eb211c80319c"}), None),
        (json!({"name": null, "kind": null, "attributes": {}, "links": null, "status": null}), None),
    ];
    for (span, reason) in table {
        let mut bench = Bench::new(oracle::settings());
        let outcome = bench.decode(&record(cart(), span.clone()));
        assert_eq!((outcome.spans, outcome.rejected), (1, None), "{span}");
        assert_eq!(bench.spans.len(), usize::from(reason.is_none()), "{span}");
        for counted in Reason::ALL {
            let expected = u64::from(Some(counted) == reason);
            assert_eq!(bench.telemetry.counters.dropped(counted), expected, "{span}: {}", counted.name());
        }
    }
}

#[test]
fn services_without_name_are_kept_and_our_own_spans_are_not() {
    for (service, kept, reason) in [
        (json!({}), 1, Some(Reason::NoService)),
        (json!({"service.name": {"stringValue": ""}}), 1, Some(Reason::NoService)),
        (json!({"service.name": {"stringValue": "unknown_service:java"}}), 1, None),
        (json!({"service.name": {"stringValue": "linchpin"}}), 0, Some(Reason::OwnSpan)),
        (json!({"service.name": {"stringValue": "linchpin-demo"}}), 1, None),
    ] {
        let mut bench = Bench::new(oracle::settings());
        bench.decode(&record(service.clone(), json!({})));
        assert_eq!(bench.spans.len(), kept, "{service}");
        for counted in [Reason::NoService, Reason::OwnSpan] {
            assert_eq!(
                bench.telemetry.counters.dropped(counted),
                u64::from(Some(counted) == reason),
                "{service}"
            );
        }
    }
}

#[test]
fn names_that_were_cut_or_repaired_are_counted_each_time() {
    let mut bench = Bench::new(oracle::settings());
    let long = record(cart(), json!({"name": "x".repeat(300)}));
    let mut broken = record(cart(), json!({"name": "a~b"}));
    let at = broken.windows(3).position(|part| part == b"a~b").unwrap();
    broken[at + 1] = 0xff;
    for _ in 0..2 {
        assert_eq!(bench.decode(&long).rejected, None);
        assert_eq!(bench.decode(&broken).rejected, None);
    }
    assert_eq!(bench.text(bench.spans[0].span.operation).len(), 256);
    assert_eq!(bench.text(bench.spans[1].span.operation), "a\u{fffd}b");
    assert_eq!(bench.telemetry.counters.names_truncated.get(), 2);
    assert_eq!(bench.telemetry.counters.invalid_utf8.get(), 2);
}

#[test]
fn a_record_is_taken_whole_or_not_at_all() {
    let mut bench = Bench::new(oracle::settings());
    let good = record(cart(), json!({"traceId": ""}));
    let lines = [&good[..], b"\n", &record(cart(), json!({})), b"\n{\"resourceSpans\": 7}"].concat();
    let at = lines.len() - 3;
    let rejected = bench.decode(&lines).rejected.unwrap();
    assert_eq!(rejected.reason, Reason::Malformed);
    assert!(rejected.at.abs_diff(at) <= 2, "{} is not near {at}", rejected.at);
    assert!(rejected.detail.starts_with("invalid type: integer `7`"), "{}", rejected.detail);
    assert!(bench.spans.is_empty());
    let counters = &bench.telemetry.counters;
    let counts =
        [counters.spans.get(), counters.dropped(Reason::NoTraceId), counters.dropped(Reason::Malformed)];
    assert_eq!(counts, [0, 0, 1]);
    // The same without the bad line: two documents are one record.
    let outcome = bench.decode(&lines[..at - 18]);
    assert_eq!((outcome.spans, outcome.rejected, bench.spans.len()), (2, None, 1));
}

#[test]
fn records_of_no_known_format_are_counted_as_such() {
    let mut bench = Bench::new(oracle::settings());
    for bytes in [&b"hello"[..], b"[{\"traceId\":\"1\",\"id\":\"2\"}]", b"\x1f\x8b\x08\x00"] {
        let Outcome { format, spans, rejected, .. } = bench.decode(bytes);
        let Rejected { reason, at, detail } = rejected.unwrap();
        assert_eq!((format, spans, reason, at), (None, 0, Reason::UnknownFormat, 0));
        assert!(detail.ends_with("linchpin reads OTLP protobuf and OTLP JSON"), "{detail}");
    }
    assert_eq!(bench.telemetry.counters.dropped(Reason::UnknownFormat), 3);
    assert_eq!(
        bench.decode(b""),
        Outcome { format: None, spans: 0, rejected: None, dropped: Default::default() }
    );
    let proto = bench.decode(&[0x0a, 5, 1]);
    assert_eq!((proto.format, proto.rejected.unwrap().at), (Some(Format::OtlpProto), 2));
}

#[test]
fn settings_come_from_the_configuration() {
    let mut config = Config::default();
    config.names.max_length = 10;
    config.ignore.operations = vec!["cart/ping*".into()];
    config.sampling.default_probability = Some(0.25);
    config.linking.database_identity = DatabaseIdentity::NamespaceAndAddress;
    let mut bench = Bench::new(DecodeSettings::from_config(&config));
    bench.decode(&record(cart(), json!({"name": "ping 1"})));
    assert!(bench.spans.is_empty());
    let db = json!({"db.system": {"stringValue": "h2"}, "server.address": {"stringValue": "h"}});
    bench.decode(&record(cart(), json!({"name": "a longer name", "attributes": db})));
    let span = bench.spans[0].span.clone();
    assert_eq!(bench.text(span.operation), "a longer n");
    assert_eq!(bench.text(bench.symbols.peers.get(span.peer.0).name), "h2@h");
    assert_eq!(span.sampling, Sampling::from_adjusted_count(4.0).unwrap());
}

#[test]
fn enums_and_numbers_come_in_every_spelling() {
    for (kind, expected) in [
        (json!(2), SpanKind::Server),
        (json!("2"), SpanKind::Server),
        (json!("SPAN_KIND_PRODUCER"), SpanKind::Producer),
        (json!("SPAN_KIND_NEW"), SpanKind::Unspecified),
        (json!(-1), SpanKind::Unspecified),
    ] {
        assert_eq!(only(&record(cart(), json!({"kind": kind}))).1.span.kind, expected);
    }
    let (_, number) = only(&record(
        cart(),
        json!({"startTimeUnixNano": 1_700_000_000_000_000_001u64, "endTimeUnixNano": "1700000000000000002"}),
    ));
    assert_eq!((number.span.start, number.span.end), (1_700_000_000_000_000_001, 1_700_000_000_000_000_002));
    for (code, expected) in [
        (json!(2), true),
        (json!("STATUS_CODE_ERROR"), true),
        (json!("STATUS_CODE_OK"), false),
        (json!(1), false),
    ] {
        assert_eq!(only(&record(cart(), json!({"status": {"code": code}}))).1.span.is_error, expected);
    }
}

#[test]
fn what_the_configuration_names_is_read_from_both_formats() {
    let settings = || DecodeSettings {
        flow_attributes: vec!["app.feature".into(), "http.route".into()],
        ..oracle::settings()
    };
    let table = [
        (json!({"app.feature": {"stringValue": "reorder"}, "http.route": {"stringValue": "/a"}}), "reorder"),
        (json!({"http.route": {"stringValue": "/a"}}), "/a"),
        (json!({"app.feature": {"intValue": "7"}}), "7"),
        (json!({"app.featured": {"stringValue": "x"}}), "op"),
        (json!({"app.feature": {"stringValue": ""}}), "op"),
    ];
    for (attributes, expected) in table {
        let json = record(cart(), json!({"kind": 2, "attributes": attributes}));
        let request: ExportTraceServiceRequest = serde_json::from_slice(&json).unwrap();
        for bytes in [json, request.encode_to_vec()] {
            let mut bench = Bench::new(settings());
            assert_eq!(bench.decode(&bytes).spans, 1);
            let span = bench.spans[0].span.clone();
            assert_eq!(bench.text(span.request), expected, "{attributes}");
            assert_eq!(span.is_request_certain, expected != "op", "{attributes}");
            assert_eq!(bench.text(span.operation), "op");
        }
    }
}
