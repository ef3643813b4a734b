//! Our decoders beside prost: on random requests, as protobuf and as JSON, whole and damaged.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status, span};
use proptest::collection::vec;
use proptest::prelude::*;
use prost::Message;

use super::oracle;
use crate::decode::semconv::NAMES;
use crate::decode::{Decoder, Outcome};
use crate::model::{Format, SpanRecord, Symbols};
use crate::telemetry::{Reason, Telemetry};

fn any_value() -> impl Strategy<Value = Option<AnyValue>> {
    let text = prop_oneof![
        Just("grpc".to_owned()),
        Just("probabilistic".to_owned()),
        "[a-z]{0,6}",
        "/[a-z]{1,4}/[0-9]{1,4}\\?\"\\\\\n\u{e9}x",
        "https://[a-z]{1,5}:80/[0-9]{1,3}",
        "[0-9.]{1,4}",
    ];
    let value = prop_oneof![
        8 => text.prop_map(Value::StringValue),
        2 => any::<i64>().prop_map(Value::IntValue),
        1 => (-1e6..1e6).prop_map(Value::DoubleValue),
        1 => any::<bool>().prop_map(Value::BoolValue),
        1 => vec(any::<u8>(), 0..5).prop_map(Value::BytesValue),
        1 => any::<bool>().prop_map(|flag| Value::ArrayValue(ArrayValue {
            values: vec![AnyValue { value: Some(Value::BoolValue(flag)) }],
        })),
    ];
    proptest::option::weighted(
        0.95,
        proptest::option::weighted(0.95, value).prop_map(|value| AnyValue { value }),
    )
}

fn attributes(max: usize) -> impl Strategy<Value = Vec<KeyValue>> {
    let key = prop_oneof![4 => proptest::sample::select(NAMES).prop_map(str::to_owned), 1 => "[a-z.]{0,30}"];
    let pair = (key, any_value()).prop_map(|(key, value)| KeyValue { key, value, ..Default::default() });
    vec(pair, 0..max)
}

/// Ids from a small set, so that parents and links meet; some of a wrong length.
fn id(length: usize) -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        8 => (0u8..4).prop_map(move |byte| vec![byte; length]),
        1 => Just(Vec::new()),
        1 => vec(any::<u8>(), 0..20),
        1 => Just(vec![5; 8]),
    ]
}

fn link() -> impl Strategy<Value = span::Link> {
    (id(16), id(8)).prop_map(|(trace_id, span_id)| span::Link { trace_id, span_id, ..Default::default() })
}

fn span() -> impl Strategy<Value = Span> {
    let ids = (id(16), id(8), id(8));
    let name = prop_oneof!["[A-Z]{3} /[a-z]{1,3}/[0-9]{0,3}", "\\PC{0,20}", Just("GET /healthz".to_owned())];
    let state =
        prop_oneof![3 => Just(String::new()), 1 => "ot=(th|p):[0-9a-f]{1,3}", 1 => "a=b,ot=rv:1;th:c"];
    let numbers = (-1i32..8, any::<u32>(), any::<u64>(), any::<u64>(), -1i32..4);
    (ids, name, state, numbers, attributes(12), vec(link(), 0..3)).prop_map(
        |((trace_id, span_id, parent_span_id), name, trace_state, numbers, attributes, links)| {
            let (kind, flags, start_time_unix_nano, end_time_unix_nano, code) = numbers;
            Span {
                trace_id,
                span_id,
                parent_span_id,
                name,
                trace_state,
                kind,
                flags,
                start_time_unix_nano,
                end_time_unix_nano,
                attributes,
                links,
                status: (code >= 0).then(|| Status { code, message: "why".into() }),
                events: vec![span::Event { name: "event".into(), ..Default::default() }],
                ..Default::default()
            }
        },
    )
}

fn request() -> impl Strategy<Value = ExportTraceServiceRequest> {
    let resource = proptest::option::weighted(0.9, attributes(8))
        .prop_map(|attributes| attributes.map(|attributes| Resource { attributes, ..Default::default() }));
    let scope = vec(span(), 0..4).prop_map(|spans| ScopeSpans { spans, ..Default::default() });
    let resource_spans = (resource, vec(scope, 0..3)).prop_map(|(resource, scope_spans)| ResourceSpans {
        resource,
        scope_spans,
        schema_url: "https://opentelemetry.io/schemas/1.30.0".into(),
    });
    vec(resource_spans, 0..4).prop_map(|resource_spans| ExportTraceServiceRequest { resource_spans })
}

/// Spans and counters of one record, decoded by a fresh decoder.
fn decode(
    bytes: &[u8],
    format: Option<Format>,
    symbols: &std::sync::Arc<Symbols>,
) -> (Outcome, Vec<SpanRecord>, Vec<u64>) {
    let telemetry = Telemetry::new();
    let mut decoder = Decoder::new(symbols.clone(), telemetry.clone(), oracle::settings());
    let mut out = Vec::new();
    let outcome = decoder.decode(bytes, format, &mut out);
    (outcome, out, counts(&telemetry))
}

fn counts(telemetry: &Telemetry) -> Vec<u64> {
    let counters = &telemetry.counters;
    let sums =
        [&counters.spans, &counters.negative_durations, &counters.names_truncated, &counters.invalid_utf8];
    sums.map(|sum| sum.get()).into_iter().chain(Reason::ALL.map(|reason| counters.dropped(reason))).collect()
}

fn expected(
    request: &ExportTraceServiceRequest,
    symbols: &std::sync::Arc<Symbols>,
) -> (Vec<SpanRecord>, Vec<u64>) {
    let (spans, tally) = oracle::spans(request, symbols);
    let telemetry = Telemetry::new();
    tally.add_to(&telemetry.counters);
    (spans, counts(&telemetry))
}

proptest! {
    #[test]
    fn protobuf_and_json_give_what_prost_gives(request in request()) {
        let symbols = Symbols::new(100_000);
        let (spans, counts) = expected(&request, &symbols);
        let proto = request.encode_to_vec();
        let json = serde_json::to_vec(&request).unwrap();
        let pretty = serde_json::to_vec_pretty(&request).unwrap();
        for (format, bytes) in [
            (Format::OtlpProto, &proto),
            (Format::OtlpJson, &json),
            (Format::OtlpJson, &pretty),
        ] {
            for hint in [Some(format), None] {
                let (outcome, out, counted) = decode(bytes, hint, &symbols);
                prop_assert_eq!(&outcome.rejected, &None, "{:?} {:?}", format, hint);
                prop_assert_eq!(&out, &spans, "{:?} {:?}", format, hint);
                prop_assert_eq!(&counted, &counts, "{:?} {:?}", format, hint);
                prop_assert!(bytes.is_empty() || outcome.format == Some(format));
            }
        }
    }

    #[test]
    fn fields_in_any_order_give_the_same(request in request()) {
        // The resource and the name behind everything else: top-level fields of each message in reverse.
        let symbols = Symbols::new(100_000);
        let reversed: Vec<u8> = request.resource_spans.iter().flat_map(|spans| {
            let mut parts = vec![ResourceSpans { scope_spans: spans.scope_spans.clone(), ..Default::default() }.encode_to_vec()];
            parts.push(ResourceSpans { resource: spans.resource.clone(), ..Default::default() }.encode_to_vec());
            let body = parts.concat();
            let mut field = vec![0x0a];
            prost::encoding::encode_varint(body.len() as u64, &mut field);
            field.extend(body);
            field
        }).collect();
        let (_, out, counted) = decode(&reversed, Some(Format::OtlpProto), &symbols);
        let (spans, counts) = expected(&request, &symbols);
        prop_assert_eq!(out, spans);
        prop_assert_eq!(counted, counts);
    }

    #[test]
    fn what_both_accept_of_damaged_records_is_equal(
        request in request(),
        flips in vec((any::<proptest::sample::Index>(), any::<u8>()), 0..4),
        length in proptest::option::of(any::<proptest::sample::Index>()),
    ) {
        let mut bytes = request.encode_to_vec();
        if bytes.is_empty() {
            return Ok(());
        }
        for (index, byte) in flips {
            let at = index.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(length) = length {
            bytes.truncate(length.index(bytes.len()));
        }
        let symbols = Symbols::new(100_000);
        let (outcome, out, counted) = decode(&bytes, Some(Format::OtlpProto), &symbols);
        if let Some(rejected) = &outcome.rejected {
            prop_assert!(out.is_empty());
            prop_assert!(rejected.at <= bytes.len());
            prop_assert_eq!(counted.iter().sum::<u64>(), 1, "nothing but the fault is counted");
        }
        match ExportTraceServiceRequest::decode(&bytes[..]) {
            Ok(request) if outcome.rejected.is_none() => {
                let (spans, counts) = expected(&request, &symbols);
                prop_assert_eq!(out, spans);
                prop_assert_eq!(counted, counts);
            }
            Ok(_) => prop_assert!(false, "prost accepts what we reject: {:?}", outcome),
            Err(_) => {}
        }
    }

    #[test]
    fn damaged_json_is_rejected_whole_or_read(
        request in request(),
        flips in vec((any::<proptest::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = serde_json::to_vec(&request).unwrap();
        for (index, byte) in flips {
            let at = index.index(bytes.len());
            bytes[at] = byte;
        }
        let symbols = Symbols::new(100_000);
        let (outcome, out, _) = decode(&bytes, Some(Format::OtlpJson), &symbols);
        if let Some(rejected) = outcome.rejected {
            prop_assert!(out.is_empty() && rejected.at <= bytes.len());
        }
    }

    #[test]
    fn garbage_never_panics(bytes in vec(any::<u8>(), 0..200)) {
        let symbols = Symbols::new(1000);
        for format in [None, Some(Format::OtlpProto), Some(Format::OtlpJson)] {
            let (outcome, out, counted) = decode(&bytes, format, &symbols);
            prop_assert!(outcome.rejected.is_none() || (out.is_empty() && counted.iter().sum::<u64>() == 1));
        }
    }
}
