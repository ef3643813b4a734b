use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use proptest::prelude::*;
use prost::Message as _;

use super::*;
use crate::demo::span::{Instance, SimLink, TemplateId, Value, int, text};
use crate::demo::{BatchSettings, Batcher, Message, Scenario, Simulation};
use crate::model::{RemoteParent, SpanId, SpanKind, TraceId};

const START: u64 = 1_767_225_600_000_000_000;

fn catalog() -> Catalog {
    let mut catalog = Catalog::default();
    let essential = vec![text("service.name", "we\"b")];
    let further = vec![int("process.pid", -1)];
    catalog.add_instance(Instance { essential, further, scope: "tests", agent: 0 });
    catalog.add_instance(Instance { essential: vec![], further: vec![], scope: "other", agent: 0 });
    catalog.add_template(Template {
        essential: vec![text("http.route", "/é/{id}\n"), ("ok".into(), Value::Bool(true))],
        further: vec![text("long", "x".repeat(300))],
        status_key: Some("http.response.status_code"),
        varying: Some(("url.path", "/orders/".into())),
        ..Template::new("GET /é", SpanKind::Server)
    });
    catalog.add_template(Template::new("plain", SpanKind::Unspecified));
    catalog
}

fn any_span() -> impl Strategy<Value = SimSpan> {
    let ids = (any::<u128>(), any::<u64>(), prop_oneof![Just(0), any::<u64>()]);
    let small = (0..2_u32, 0..2_u32, any::<bool>(), 0..3_u8, any::<u16>(), any::<u32>());
    let links = prop::collection::vec((any::<u128>(), any::<u64>()), 0..4);
    (ids, 1..u64::MAX, 1..u64::MAX, small, links, prop_oneof![Just(""), Just("ot=th:c")]).prop_map(
        |((trace, id, parent), start, end, small, links, trace_state)| {
            let (template, instance, is_error, resend_count, status_code, variation) = small;
            SimSpan {
                trace: TraceId(trace),
                id: SpanId(id),
                parent: SpanId(parent),
                template: TemplateId(template),
                instance: InstanceId(instance),
                start,
                end,
                is_error,
                remote_parent: [RemoteParent::Unknown, RemoteParent::Local, RemoteParent::Remote]
                    [(variation % 3) as usize],
                status_code,
                resend_count,
                variation,
                links: links
                    .into_iter()
                    .map(|(trace, span)| SimLink { trace: TraceId(trace), span: SpanId(span) })
                    .collect(),
                trace_state,
                delay: 0,
            }
        },
    )
}

fn encode(wire: Wire, is_slim: bool, spans: &[SimSpan]) -> Vec<u8> {
    let catalog = catalog();
    let mut encoder = Encoder::new(wire, is_slim);
    let encoded: Vec<Vec<u8>> = spans
        .iter()
        .map(|span| {
            let mut out = Vec::new();
            encoder.span(&catalog, span, &mut out);
            out
        })
        .collect();
    let groups: Vec<Group<'_>> = spans
        .iter()
        .zip(&encoded)
        .map(|(span, bytes)| Group { instance: span.instance, spans: vec![bytes] })
        .collect();
    let mut out = Vec::new();
    encoder.message(&catalog, &groups, &mut out);
    out
}

fn spans_of(request: &ExportTraceServiceRequest) -> Vec<&Span> {
    request.resource_spans.iter().flat_map(|part| &part.scope_spans).flat_map(|scope| &scope.spans).collect()
}

fn check_span(span: &SimSpan, decoded: &Span) {
    assert_eq!(decoded.trace_id, span.trace.0.to_be_bytes());
    assert_eq!(decoded.span_id, span.id.0.to_be_bytes());
    let parent = if span.parent.is_none() { vec![] } else { span.parent.0.to_be_bytes().to_vec() };
    assert_eq!(decoded.parent_span_id, parent);
    assert_eq!((decoded.start_time_unix_nano, decoded.end_time_unix_nano), (span.start, span.end));
    assert_eq!(decoded.trace_state, span.trace_state);
    let code = decoded.status.as_ref().map_or(0, |status| status.code);
    assert_eq!(code, if span.is_error { 2 } else { 0 });
    let flags = match span.remote_parent {
        RemoteParent::Unknown => 1,
        RemoteParent::Local => 0x101,
        RemoteParent::Remote => 0x301,
    };
    assert_eq!(decoded.flags, flags);
    let links: Vec<_> =
        decoded.links.iter().map(|link| (link.trace_id.clone(), link.span_id.clone())).collect();
    let expected: Vec<_> = span
        .links
        .iter()
        .map(|link| (link.trace.0.to_be_bytes().to_vec(), link.span.0.to_be_bytes().to_vec()))
        .collect();
    assert_eq!(links, expected);
}

proptest! {
    #[test]
    fn another_implementation_reads_the_same_spans(
        spans in prop::collection::vec(any_span(), 1..4),
        is_slim in any::<bool>(),
    ) {
        let bytes = encode(Wire::Proto, is_slim, &spans);
        let request = ExportTraceServiceRequest::decode(&bytes[..]).unwrap();
        let decoded = spans_of(&request);
        prop_assert_eq!(decoded.len(), spans.len());
        for (span, decoded) in spans.iter().zip(decoded) {
            check_span(span, decoded);
        }
        // Canonical: the other implementation writes the same bytes, up to the order of fields.
        prop_assert_eq!(request.encoded_len(), bytes.len());
        let json = encode(Wire::Json, is_slim, &spans);
        let from_json: ExportTraceServiceRequest = serde_json::from_slice(&json).unwrap();
        for (from_proto, from_json) in spans_of(&request).into_iter().zip(spans_of(&from_json)) {
            let mut from_json = from_json.clone();
            from_json.status = from_json.status.filter(|status| status.code != 0);
            prop_assert_eq!(from_proto, &from_json);
        }
        for (from_proto, from_json) in request.resource_spans.iter().zip(&from_json.resource_spans) {
            prop_assert_eq!(&from_proto.resource, &from_json.resource);
        }
    }
}

#[test]
fn attributes_of_template_and_span_are_all_there() {
    let span = SimSpan { status_code: 503, resend_count: 2, variation: 17, ..fixed_span() };
    let names = |is_slim| {
        let bytes = encode(Wire::Proto, is_slim, std::slice::from_ref(&span));
        let request = ExportTraceServiceRequest::decode(&bytes[..]).unwrap();
        let text = format!("{:?}", spans_of(&request)[0].attributes);
        let keys: Vec<String> =
            spans_of(&request)[0].attributes.iter().map(|attribute| attribute.key.clone()).collect();
        (keys.join(" "), text)
    };
    let (keys, values) = names(false);
    assert_eq!(
        keys,
        "http.route ok long http.request.resend_count http.response.status_code url.path thread.id"
    );
    assert!(values.contains("IntValue(503)") && values.contains("/orders/17"), "{values}");
    assert_eq!(names(true).0, "http.route ok http.request.resend_count");
}

fn fixed_span() -> SimSpan {
    SimSpan {
        trace: TraceId(1),
        id: SpanId(2),
        parent: SpanId(3),
        template: TemplateId(0),
        instance: InstanceId(0),
        start: START,
        end: START + 5,
        is_error: false,
        remote_parent: RemoteParent::Unknown,
        status_code: 0,
        resend_count: 0,
        variation: 0,
        links: Vec::new(),
        trace_state: "",
        delay: 0,
    }
}

#[test]
fn spans_are_as_large_as_those_of_real_agents() {
    for (is_slim, range) in [(false, 480..680), (true, 110..190)] {
        let mut simulation = Simulation::new(Scenario::Shop, 1);
        let mut batcher = Batcher::new(BatchSettings { is_slim, ..BatchSettings::default() });
        let (mut bytes, mut spans) = (0, 0);
        for trace in 0..500 {
            batcher.push(&mut simulation.trace(START + trace));
        }
        batcher
            .finish(simulation.catalog(), &mut |message: Message<'_>| {
                bytes += message.bytes.len();
                spans += message.spans as usize;
                Ok::<_, ()>(())
            })
            .unwrap();
        assert!(range.contains(&(bytes / spans)), "{} bytes a span, slim: {is_slim}", bytes / spans);
    }
}
