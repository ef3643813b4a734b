//! OTLP as protobuf: the fields of `opentelemetry/proto/trace/v1/trace.proto` that SDKs fill.

use super::{EncodedInstance, EncodedTemplate, Group, OwnValue, Parts, SCOPE_VERSION, STATUS_ERROR, flags};
use crate::demo::span::{Attribute, Instance, SimSpan, Template, Value};

const VARINT: u8 = 0;
const FIXED64: u8 = 1;
const BYTES: u8 = 2;
const FIXED32: u8 = 5;

/// Tag of a field; all fields used here have numbers below 16, so it is one byte.
const fn tag(field: u8, wire_type: u8) -> u8 {
    field << 3 | wire_type
}

/// `Span.flags` is field 16: its tag takes two bytes.
const FLAGS_TAG: [u8; 2] = [0x80 | FIXED32, 0x01];

pub(super) fn put_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn varint_len(value: u64) -> usize {
    (64 - (value | 1).leading_zeros() as usize).div_ceil(7)
}

/// Length of a field with `len` bytes of content and a one-byte tag.
fn field_len(len: usize) -> usize {
    1 + varint_len(len as u64) + len
}

fn put_header(field: u8, len: usize, out: &mut Vec<u8>) {
    out.push(tag(field, BYTES));
    put_varint(len as u64, out);
}

fn put_bytes(field: u8, bytes: &[u8], out: &mut Vec<u8>) {
    put_header(field, bytes.len(), out);
    out.extend_from_slice(bytes);
}

/// `KeyValue` with an `AnyValue` that is encoded already.
fn put_attribute(field: u8, key: &str, value: &[u8], out: &mut Vec<u8>) {
    put_header(field, field_len(key.len()) + field_len(value.len()), out);
    put_bytes(1, key.as_bytes(), out);
    put_bytes(2, value, out);
}

fn put_int_attribute(field: u8, key: &str, value: u64, out: &mut Vec<u8>) {
    let value_len = 1 + varint_len(value);
    put_header(field, field_len(key.len()) + field_len(value_len), out);
    put_bytes(1, key.as_bytes(), out);
    put_header(2, value_len, out);
    out.push(tag(3, VARINT));
    put_varint(value, out);
}

fn put_numbered_attribute(field: u8, key: &str, text: &str, number: u32, out: &mut Vec<u8>) {
    let mut digits = [0; 10];
    let digits = decimal(u64::from(number), &mut digits);
    let text_len = text.len() + digits.len();
    let value_len = field_len(text_len);
    put_header(field, field_len(key.len()) + field_len(value_len), out);
    put_bytes(1, key.as_bytes(), out);
    put_header(2, value_len, out);
    put_header(1, text_len, out);
    out.extend_from_slice(text.as_bytes());
    out.extend_from_slice(digits);
}

/// The decimal digits of `number`, written into the end of `buffer`, which must be long enough.
pub(super) fn decimal(mut number: u64, buffer: &mut [u8]) -> &[u8] {
    let mut start = buffer.len();
    loop {
        start -= 1;
        buffer[start] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return &buffer[start..];
        }
    }
}

fn put_attributes(field: u8, attributes: &[Attribute], out: &mut Vec<u8>) {
    let mut any_value = Vec::new();
    for (key, value) in attributes {
        any_value.clear();
        match value {
            Value::Text(text) => put_bytes(1, text.as_bytes(), &mut any_value),
            Value::Bool(yes) => any_value.extend([tag(2, VARINT), u8::from(*yes)]),
            Value::Int(number) => {
                any_value.push(tag(3, VARINT));
                put_varint(*number as u64, &mut any_value);
            }
        }
        put_attribute(field, key, &any_value, out);
    }
}

pub(super) fn template(template: &Template, is_slim: bool) -> EncodedTemplate {
    let mut encoded = EncodedTemplate::default();
    put_bytes(5, template.name.as_bytes(), &mut encoded.head);
    if template.kind as u8 != 0 {
        encoded.head.extend([tag(6, VARINT), template.kind as u8]);
    }
    put_attributes(9, &template.essential, &mut encoded.attributes);
    if !is_slim {
        put_attributes(9, &template.further, &mut encoded.attributes);
    }
    encoded
}

pub(super) fn instance(instance: &Instance, is_slim: bool) -> EncodedInstance {
    let mut attributes = Vec::new();
    put_attributes(1, &instance.essential, &mut attributes);
    if !is_slim {
        put_attributes(1, &instance.further, &mut attributes);
    }
    let mut encoded = EncodedInstance::default();
    put_bytes(1, &attributes, &mut encoded.resource);
    let mut scope = Vec::new();
    put_bytes(1, instance.scope.as_bytes(), &mut scope);
    put_bytes(2, SCOPE_VERSION.as_bytes(), &mut scope);
    put_bytes(1, &scope, &mut encoded.scope);
    encoded
}

/// Appends the span as field 2 of `ScopeSpans`.
pub(super) fn span(parts: &Parts<'_>, span: &SimSpan, body: &mut Vec<u8>, out: &mut Vec<u8>) {
    body.clear();
    put_bytes(1, &span.trace.0.to_be_bytes(), body);
    put_bytes(2, &span.id.0.to_be_bytes(), body);
    if !span.trace_state.is_empty() {
        put_bytes(3, span.trace_state.as_bytes(), body);
    }
    if !span.parent.is_none() {
        put_bytes(4, &span.parent.0.to_be_bytes(), body);
    }
    body.extend_from_slice(&parts.encoded.head);
    body.push(tag(7, FIXED64));
    body.extend_from_slice(&span.start.to_le_bytes());
    body.push(tag(8, FIXED64));
    body.extend_from_slice(&span.end.to_le_bytes());
    body.extend_from_slice(&parts.encoded.attributes);
    parts.for_each_own_attribute(span, |key, value| match value {
        OwnValue::Int(number) => put_int_attribute(9, key, number, body),
        OwnValue::Numbered(text, number) => put_numbered_attribute(9, key, text, number, body),
    });
    put_links(span, body);
    if span.is_error {
        put_header(15, 2, body);
        body.extend([tag(3, VARINT), STATUS_ERROR as u8]);
    }
    body.extend_from_slice(&FLAGS_TAG);
    body.extend_from_slice(&flags(span).to_le_bytes());
    put_bytes(2, body, out);
}

fn put_links(span: &SimSpan, out: &mut Vec<u8>) {
    for link in &span.links {
        put_header(13, field_len(16) + field_len(8), out);
        put_bytes(1, &link.trace.0.to_be_bytes(), out);
        put_bytes(2, &link.span.0.to_be_bytes(), out);
    }
}

pub(super) fn message(groups: &[Group<'_>], instances: &[EncodedInstance], out: &mut Vec<u8>) {
    for group in groups {
        let EncodedInstance { resource, scope } = &instances[group.instance.0 as usize];
        let scope_spans_len = scope.len() + group.spans.iter().map(|span| span.len()).sum::<usize>();
        put_header(1, resource.len() + field_len(scope_spans_len), out);
        out.extend_from_slice(resource);
        put_header(2, scope_spans_len, out);
        out.extend_from_slice(scope);
        group.spans.iter().for_each(|span| out.extend_from_slice(span));
    }
}
