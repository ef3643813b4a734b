//! The slow and obvious way: prost builds its structs, and these are handed to the same normaliser.

use std::sync::Arc;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use opentelemetry_proto::tonic::trace::v1::Span;

use crate::config::Config;
use crate::decode::DecodeSettings;
use crate::decode::normalize::{Batch, Normalizer};
use crate::decode::raw::{RawLink, RawSpan, Slots, Value, parent_id, span_id, trace_id};
use crate::decode::tally::Tally;
use crate::model::{SpanKind, SpanRecord, Symbols};

pub(super) fn settings() -> DecodeSettings {
    DecodeSettings::from_config(&Config::default())
}

fn slots(attributes: &[KeyValue]) -> Slots<'_> {
    let mut slots = Slots::new(Arc::default());
    for attribute in attributes {
        let Some(slot) = slots.find(attribute.key.as_bytes()) else { continue };
        let value = match attribute.value.as_ref().and_then(|value| value.value.as_ref()) {
            Some(any_value::Value::StringValue(text)) => Value::Text(text.as_bytes()),
            Some(any_value::Value::IntValue(value)) => Value::Int(*value),
            Some(any_value::Value::DoubleValue(value)) => Value::Double(*value),
            Some(any_value::Value::BoolValue(value)) => Value::Bool(*value),
            _ => Value::Absent,
        };
        slots.set(slot, value);
    }
    slots
}

fn raw<'a>(span: &'a Span, links: &'a [RawLink]) -> RawSpan<'a> {
    RawSpan {
        trace: trace_id(&span.trace_id),
        id: span_id(&span.span_id),
        parent: parent_id(&span.parent_span_id),
        trace_state: span.trace_state.as_bytes(),
        flags: span.flags,
        name: span.name.as_bytes(),
        kind: u64::try_from(span.kind).map_or(SpanKind::Unspecified, SpanKind::from_otlp),
        start: span.start_time_unix_nano,
        end: span.end_time_unix_nano,
        is_error: span.status.as_ref().is_some_and(|status| status.code == 2),
        links,
    }
}

/// What `request` holds.
pub(super) fn spans(request: &ExportTraceServiceRequest, symbols: &Arc<Symbols>) -> (Vec<SpanRecord>, Tally) {
    let mut normalizer = Normalizer::new(symbols.clone(), settings());
    let mut out = Vec::new();
    let mut batch = Batch { out: &mut out, tally: Tally::default() };
    for resource_spans in &request.resource_spans {
        let attributes = resource_spans.resource.as_ref().map_or(&[][..], |resource| &resource.attributes);
        let resource = normalizer.resource(&slots(attributes), &mut batch.tally);
        for span in resource_spans.scope_spans.iter().flat_map(|scope| &scope.spans) {
            let links = span.links.iter();
            let links = links
                .map(|link| RawLink { trace: trace_id(&link.trace_id), span: span_id(&link.span_id) })
                .collect::<Vec<_>>();
            normalizer.span(&resource, &raw(span, &links), &slots(&span.attributes), &mut batch);
        }
    }
    let tally = batch.tally;
    (out, tally)
}
