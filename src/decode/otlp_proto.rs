//! OTLP protobuf: an `ExportTraceServiceRequest` walked field by field.
//!
//! Only what a rule reads is looked at: events, scopes, unknown attributes and unknown fields are hopped over.
//! Field numbers are those of opentelemetry-proto 1.x. A known field with an unexpected wire type is hopped over too.
//! As protobuf has it, of a repeated single field the last counts and messages merge.
//! Hot: no allocation per span; link buffers are reused.

use super::normalize::{Batch, KnownResource, Normalizer};
use super::raw::{RawLink, RawSpan, Slots, Value, parent_id, span_id, trace_id};
use super::wire::{Fault, Reader, fixed32_tag, fixed64_tag, length_tag, varint_tag};
use crate::model::SpanKind;

mod tag {
    use super::{fixed32_tag, fixed64_tag, length_tag, varint_tag};

    pub const REQUEST_RESOURCE_SPANS: u32 = length_tag(1);
    pub const RESOURCE_SPANS_RESOURCE: u32 = length_tag(1);
    pub const RESOURCE_SPANS_SCOPE_SPANS: u32 = length_tag(2);
    pub const RESOURCE_ATTRIBUTES: u32 = length_tag(1);
    pub const SCOPE_SPANS_SPANS: u32 = length_tag(2);
    pub const SPAN_TRACE_ID: u32 = length_tag(1);
    pub const SPAN_ID: u32 = length_tag(2);
    pub const SPAN_TRACE_STATE: u32 = length_tag(3);
    pub const SPAN_PARENT_ID: u32 = length_tag(4);
    pub const SPAN_NAME: u32 = length_tag(5);
    pub const SPAN_KIND: u32 = varint_tag(6);
    pub const SPAN_START: u32 = fixed64_tag(7);
    pub const SPAN_END: u32 = fixed64_tag(8);
    pub const SPAN_ATTRIBUTES: u32 = length_tag(9);
    pub const SPAN_LINKS: u32 = length_tag(13);
    pub const SPAN_STATUS: u32 = length_tag(15);
    pub const SPAN_FLAGS: u32 = fixed32_tag(16);
    pub const LINK_TRACE_ID: u32 = length_tag(1);
    pub const LINK_SPAN_ID: u32 = length_tag(2);
    pub const STATUS_CODE: u32 = varint_tag(3);
    pub const KEY_VALUE_KEY: u32 = length_tag(1);
    pub const KEY_VALUE_VALUE: u32 = length_tag(2);
    pub const VALUE_STRING: u32 = length_tag(1);
    pub const VALUE_BOOL: u32 = varint_tag(2);
    pub const VALUE_INT: u32 = varint_tag(3);
    pub const VALUE_DOUBLE: u32 = fixed64_tag(4);
    pub const VALUE_ARRAY: u32 = length_tag(5);
    pub const VALUE_MAP: u32 = length_tag(6);
    pub const VALUE_BYTES: u32 = length_tag(7);
    /// A string by its place in a table that traces do not have.
    pub const VALUE_STRING_INDEX: u32 = varint_tag(8);
}

const STATUS_ERROR: u32 = 2;

/// Hands the spans of `record` to `normalizer`, in the order of the wire.
pub(super) fn decode(
    record: &[u8],
    normalizer: &mut Normalizer,
    links: &mut Vec<RawLink>,
    batch: &mut Batch<'_>,
) -> Result<(), Fault> {
    let mut walk = Walk { attributes: normalizer.slots(), normalizer, links, batch };
    let mut request = Reader::new(record);
    while let Some(tag) = request.tag()? {
        match tag {
            tag::REQUEST_RESOURCE_SPANS => walk.resource_spans(request.message()?)?,
            _ => request.skip(tag)?,
        }
    }
    Ok(())
}

struct Walk<'r, 'w, 'o> {
    attributes: Slots<'r>,
    normalizer: &'w mut Normalizer,
    links: &'w mut Vec<RawLink>,
    batch: &'w mut Batch<'o>,
}

impl<'r> Walk<'r, '_, '_> {
    /// Two passes, because the resource may stand behind its spans; the first one hops over them.
    fn resource_spans(&mut self, message: Reader<'r>) -> Result<(), Fault> {
        let mut fields = message;
        self.attributes.clear();
        while let Some(tag) = fields.tag()? {
            match tag {
                tag::RESOURCE_SPANS_RESOURCE => self.resource(fields.message()?)?,
                _ => fields.skip(tag)?,
            }
        }
        let resource = self.normalizer.resource(&self.attributes, &mut self.batch.tally);
        let mut fields = message;
        while let Some(tag) = fields.tag()? {
            match tag {
                tag::RESOURCE_SPANS_SCOPE_SPANS => self.scope_spans(&resource, fields.message()?)?,
                _ => fields.skip(tag)?,
            }
        }
        Ok(())
    }

    fn resource(&mut self, mut fields: Reader<'r>) -> Result<(), Fault> {
        while let Some(tag) = fields.tag()? {
            match tag {
                tag::RESOURCE_ATTRIBUTES => attribute(fields.message()?, &mut self.attributes)?,
                _ => fields.skip(tag)?,
            }
        }
        Ok(())
    }

    fn scope_spans(&mut self, resource: &KnownResource, mut fields: Reader<'r>) -> Result<(), Fault> {
        while let Some(tag) = fields.tag()? {
            match tag {
                tag::SCOPE_SPANS_SPANS => self.span(resource, fields.message()?)?,
                _ => fields.skip(tag)?,
            }
        }
        Ok(())
    }

    #[inline]
    fn span(&mut self, resource: &KnownResource, mut fields: Reader<'r>) -> Result<(), Fault> {
        self.attributes.clear();
        self.links.clear();
        let mut span = RawSpan::default();
        while let Some(tag) = fields.tag()? {
            match tag {
                tag::SPAN_ATTRIBUTES => attribute(fields.message()?, &mut self.attributes)?,
                tag::SPAN_TRACE_ID => span.trace = trace_id(fields.bytes()?),
                tag::SPAN_ID => span.id = span_id(fields.bytes()?),
                tag::SPAN_PARENT_ID => span.parent = parent_id(fields.bytes()?),
                tag::SPAN_NAME => span.name = fields.bytes()?,
                tag::SPAN_KIND => span.kind = SpanKind::from_otlp(u64::from(fields.varint()? as u32)),
                tag::SPAN_START => span.start = fields.fixed64()?,
                tag::SPAN_END => span.end = fields.fixed64()?,
                tag::SPAN_STATUS => is_error(fields.message()?, &mut span.is_error)?,
                tag::SPAN_FLAGS => span.flags = fields.fixed32()?,
                tag::SPAN_TRACE_STATE => span.trace_state = fields.bytes()?,
                tag::SPAN_LINKS => self.links.push(link(fields.message()?)?),
                _ => fields.skip(tag)?,
            }
        }
        let span = RawSpan { links: self.links, ..span };
        self.normalizer.span(resource, &span, &self.attributes, self.batch);
        Ok(())
    }
}

fn is_error(mut fields: Reader<'_>, is_error: &mut bool) -> Result<(), Fault> {
    while let Some(tag) = fields.tag()? {
        match tag {
            tag::STATUS_CODE => *is_error = fields.varint()? as u32 == STATUS_ERROR,
            _ => fields.skip(tag)?,
        }
    }
    Ok(())
}

fn link(mut fields: Reader<'_>) -> Result<RawLink, Fault> {
    let mut link = RawLink::default();
    while let Some(tag) = fields.tag()? {
        match tag {
            tag::LINK_TRACE_ID => link.trace = trace_id(fields.bytes()?),
            tag::LINK_SPAN_ID => link.span = span_id(fields.bytes()?),
            _ => fields.skip(tag)?,
        }
    }
    Ok(link)
}

/// A key and then its value is what everybody writes. The value is looked into only where the key is known.
#[inline(always)]
fn attribute<'r>(message: Reader<'r>, slots: &mut Slots<'r>) -> Result<(), Fault> {
    let mut fields = message;
    if fields.tag()? == Some(tag::KEY_VALUE_KEY) {
        let key = fields.bytes()?;
        if fields.tag()? == Some(tag::KEY_VALUE_VALUE) {
            let value = fields.message()?;
            if fields.rest().is_empty() {
                if let Some(slot) = slots.find(key) {
                    slots.set(slot, any_value(value, Value::Absent)?);
                }
                return Ok(());
            }
        }
    }
    unusual_attribute(message, slots)
}

/// Fields in any order and number, as protobuf allows.
#[cold]
fn unusual_attribute<'r>(mut fields: Reader<'r>, slots: &mut Slots<'r>) -> Result<(), Fault> {
    let mut key: &[u8] = b"";
    let mut message = None;
    let mut earlier = Value::Absent;
    while let Some(tag) = fields.tag()? {
        match tag {
            tag::KEY_VALUE_KEY => key = fields.bytes()?,
            tag::KEY_VALUE_VALUE => {
                // A value in several pieces, which nobody writes, merges as any message.
                if let Some(piece) = message.replace(fields.message()?) {
                    earlier = any_value(piece, earlier)?;
                }
            }
            _ => fields.skip(tag)?,
        }
    }
    if let Some(slot) = slots.find(key) {
        let value = message.map_or(Ok(Value::Absent), |piece| any_value(piece, earlier))?;
        slots.set(slot, value);
    }
    Ok(())
}

#[inline(always)]
fn any_value<'r>(mut fields: Reader<'r>, mut value: Value<'r>) -> Result<Value<'r>, Fault> {
    while let Some(tag) = fields.tag()? {
        match tag {
            tag::VALUE_STRING => value = Value::Text(fields.bytes()?),
            tag::VALUE_INT => value = Value::Int(fields.varint()? as i64),
            tag::VALUE_BOOL => value = Value::Bool(fields.varint()? != 0),
            tag::VALUE_DOUBLE => value = Value::Double(f64::from_bits(fields.fixed64()?)),
            tag::VALUE_ARRAY | tag::VALUE_MAP | tag::VALUE_BYTES | tag::VALUE_STRING_INDEX => {
                fields.skip(tag)?;
                value = Value::Absent;
            }
            _ => fields.skip(tag)?,
        }
    }
    Ok(value)
}
