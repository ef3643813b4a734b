//! OTLP as JSON: ids in hex, 64-bit numbers as strings, enums as numbers, one message on one line.

use super::proto::decimal;
use super::{EncodedInstance, EncodedTemplate, Group, OwnValue, Parts, SCOPE_VERSION, STATUS_ERROR, flags};
use crate::demo::span::{Attribute, Instance, SimSpan, Template, Value};

fn put(text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(text.as_bytes());
}

fn put_number(number: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(decimal(number, &mut [0; 20]));
}

fn put_hex(bytes: &[u8], out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in bytes {
        out.extend([DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    }
}

/// A JSON string with its quotes.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn attribute(key: &str, value: &Value) -> String {
    let value = match value {
        Value::Text(text) => format!(r#"{{"stringValue":{}}}"#, quoted(text)),
        Value::Int(number) => format!(r#"{{"intValue":"{number}"}}"#),
        Value::Bool(yes) => format!(r#"{{"boolValue":{yes}}}"#),
    };
    format!(r#"{{"key":{},"value":{value}}}"#, quoted(key))
}

fn attributes<'a>(attributes: impl Iterator<Item = &'a Attribute>) -> String {
    let attributes: Vec<String> = attributes.map(|(key, value)| attribute(key, value)).collect();
    attributes.join(",")
}

pub(super) fn template(template: &Template, is_slim: bool) -> EncodedTemplate {
    let head = format!(r#""name":{},"kind":{}"#, quoted(&template.name), template.kind as u8);
    let further = if is_slim { &[][..] } else { &template.further };
    let attributes = attributes(template.essential.iter().chain(further));
    EncodedTemplate { head: head.into_bytes(), attributes: attributes.into_bytes() }
}

pub(super) fn instance(instance: &Instance, is_slim: bool) -> EncodedInstance {
    let further = if is_slim { &[][..] } else { &instance.further };
    let attributes = attributes(instance.essential.iter().chain(further));
    let resource = format!(r#""resource":{{"attributes":[{}]}}"#, attributes);
    let scope = format!(r#""scope":{{"name":{},"version":"{SCOPE_VERSION}"}}"#, quoted(instance.scope));
    EncodedInstance { resource: resource.into_bytes(), scope: scope.into_bytes() }
}

pub(super) fn span(parts: &Parts<'_>, span: &SimSpan, out: &mut Vec<u8>) {
    put(r#"{"traceId":""#, out);
    put_hex(&span.trace.0.to_be_bytes(), out);
    put(r#"","spanId":""#, out);
    put_hex(&span.id.0.to_be_bytes(), out);
    if !span.trace_state.is_empty() {
        put(r#"","traceState":""#, out);
        put(span.trace_state, out);
    }
    if !span.parent.is_none() {
        put(r#"","parentSpanId":""#, out);
        put_hex(&span.parent.0.to_be_bytes(), out);
    }
    put(r#"","flags":"#, out);
    put_number(u64::from(flags(span)), out);
    out.push(b',');
    out.extend_from_slice(&parts.encoded.head);
    put(r#","startTimeUnixNano":""#, out);
    put_number(span.start, out);
    put(r#"","endTimeUnixNano":""#, out);
    put_number(span.end, out);
    put(r#"","attributes":["#, out);
    put_span_attributes(parts, span, out);
    out.push(b']');
    put_links(span, out);
    put(r#","status":{"#, out);
    if span.is_error {
        put(r#""code":"#, out);
        put_number(STATUS_ERROR, out);
    }
    put("}}", out);
}

fn put_span_attributes(parts: &Parts<'_>, span: &SimSpan, out: &mut Vec<u8>) {
    out.extend_from_slice(&parts.encoded.attributes);
    let mut is_first = parts.encoded.attributes.is_empty();
    parts.for_each_own_attribute(span, |key, value| {
        if !std::mem::take(&mut is_first) {
            out.push(b',');
        }
        put(r#"{"key":""#, out);
        put(key, out);
        match value {
            OwnValue::Int(number) => {
                put(r#"","value":{"intValue":""#, out);
                put_number(number, out);
            }
            OwnValue::Numbered(text, number) => {
                put(r#"","value":{"stringValue":""#, out);
                put(text, out);
                put_number(u64::from(number), out);
            }
        }
        put(r#""}}"#, out);
    });
}

fn put_links(span: &SimSpan, out: &mut Vec<u8>) {
    if span.links.is_empty() {
        return;
    }
    put(r#","links":["#, out);
    for (position, link) in span.links.iter().enumerate() {
        put(if position == 0 { r#"{"traceId":""# } else { r#",{"traceId":""# }, out);
        put_hex(&link.trace.0.to_be_bytes(), out);
        put(r#"","spanId":""#, out);
        put_hex(&link.span.0.to_be_bytes(), out);
        put(r#""}"#, out);
    }
    out.push(b']');
}

pub(super) fn message(groups: &[Group<'_>], instances: &[EncodedInstance], out: &mut Vec<u8>) {
    put(r#"{"resourceSpans":["#, out);
    for (position, group) in groups.iter().enumerate() {
        let EncodedInstance { resource, scope } = &instances[group.instance.0 as usize];
        put(if position == 0 { "{" } else { ",{" }, out);
        out.extend_from_slice(resource);
        put(r#","scopeSpans":[{"#, out);
        out.extend_from_slice(scope);
        put(r#","spans":["#, out);
        for (position, span) in group.spans.iter().enumerate() {
            if position > 0 {
                out.push(b',');
            }
            out.extend_from_slice(span);
        }
        put("]}]}", out);
    }
    put("]}", out);
}
