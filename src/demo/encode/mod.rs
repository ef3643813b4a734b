//! The simulator's own OTLP encoder: spans in, `ExportTraceServiceRequest` messages out, as protobuf or as JSON.
//!
//! Hot: no allocation per span. What a template or an instance contributes is encoded once and copied from then on.

mod json;
mod proto;

#[cfg(test)]
mod tests;

use super::span::{Catalog, InstanceId, SimSpan, Template};

/// The form of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    /// Protobuf (`otlp_proto`).
    Proto,
    /// JSON on one line (`otlp_json`).
    Json,
}

/// An encoded template: all that does not differ from span to span.
#[derive(Clone, Debug, Default)]
struct EncodedTemplate {
    /// Name and kind.
    head: Vec<u8>,
    /// Attributes.
    attributes: Vec<u8>,
}

/// An encoded instance.
#[derive(Clone, Debug, Default)]
struct EncodedInstance {
    resource: Vec<u8>,
    scope: Vec<u8>,
}

/// Encoded spans of one instance within a message.
pub(super) struct Group<'a> {
    /// The instance.
    pub instance: InstanceId,
    /// Its encoded spans.
    pub spans: Vec<&'a [u8]>,
}

/// Encodes spans and messages. Caches by number, so it belongs to one catalogue.
pub struct Encoder {
    wire: Wire,
    /// True: only ids, times, names and what says who is called; about 150 bytes a span instead of 580.
    is_slim: bool,
    templates: Vec<EncodedTemplate>,
    instances: Vec<EncodedInstance>,
    scratch: Vec<u8>,
}

impl Encoder {
    /// An encoder for messages of this form.
    pub fn new(wire: Wire, is_slim: bool) -> Encoder {
        Encoder {
            wire,
            is_slim,
            templates: Vec::new(),
            instances: Vec::new(),
            scratch: Vec::with_capacity(1024),
        }
    }

    /// Appends one span to `out`, in the form that messages are joined of.
    pub fn span(&mut self, catalog: &Catalog, span: &SimSpan, out: &mut Vec<u8>) {
        self.learn(catalog);
        let number = span.template.0 as usize;
        let parts = Parts {
            template: catalog.template(span.template),
            encoded: &self.templates[number],
            is_slim: self.is_slim,
        };
        match self.wire {
            Wire::Proto => proto::span(&parts, span, &mut self.scratch, out),
            Wire::Json => json::span(&parts, span, out),
        }
    }

    /// Appends one message with these spans to `out`.
    pub(super) fn message(&mut self, catalog: &Catalog, groups: &[Group<'_>], out: &mut Vec<u8>) {
        self.learn(catalog);
        match self.wire {
            Wire::Proto => proto::message(groups, &self.instances, out),
            Wire::Json => json::message(groups, &self.instances, out),
        }
    }

    /// Encodes what the catalogue has got since the last time.
    fn learn(&mut self, catalog: &Catalog) {
        for template in &catalog.templates[self.templates.len()..] {
            self.templates.push(match self.wire {
                Wire::Proto => proto::template(template, self.is_slim),
                Wire::Json => json::template(template, self.is_slim),
            });
        }
        for instance in &catalog.instances[self.instances.len()..] {
            self.instances.push(match self.wire {
                Wire::Proto => proto::instance(instance, self.is_slim),
                Wire::Json => json::instance(instance, self.is_slim),
            });
        }
    }
}

/// Appends a length as delimited streams of protobuf have it before each message.
pub(super) fn put_length(length: usize, out: &mut Vec<u8>) {
    proto::put_varint(length as u64, out);
}

/// What both forms need of a span's template.
struct Parts<'a> {
    template: &'a Template,
    encoded: &'a EncodedTemplate,
    is_slim: bool,
}

/// An attribute of one span alone.
enum OwnValue<'a> {
    Int(u64),
    /// Text and the number behind it.
    Numbered(&'a str, u32),
}

impl Parts<'_> {
    /// Calls `put` for each attribute that this span alone has.
    fn for_each_own_attribute(&self, span: &SimSpan, mut put: impl FnMut(&str, OwnValue<'_>)) {
        if span.resend_count > 0 {
            put("http.request.resend_count", OwnValue::Int(u64::from(span.resend_count)));
        }
        if self.is_slim {
            return;
        }
        if let Some(key) = self.template.status_key.filter(|_| span.status_code > 0) {
            put(key, OwnValue::Int(u64::from(span.status_code)));
        }
        if let Some((key, text)) = &self.template.varying {
            put(key, OwnValue::Numbered(text, span.variation));
        }
        put("thread.id", OwnValue::Int(u64::from(span.variation % 200 + 17)));
    }
}

const HAS_IS_REMOTE: u32 = 0x100;
const IS_REMOTE: u32 = 0x200;
/// The W3C flag `sampled` in the low byte, as SDKs send it.
const SAMPLED: u32 = 1;

fn flags(span: &SimSpan) -> u32 {
    use crate::model::RemoteParent;
    SAMPLED
        | match span.remote_parent {
            RemoteParent::Unknown => 0,
            RemoteParent::Local => HAS_IS_REMOTE,
            RemoteParent::Remote => HAS_IS_REMOTE | IS_REMOTE,
        }
}

const STATUS_ERROR: u64 = 2;
const SCOPE_VERSION: &str = "1.4.0";
