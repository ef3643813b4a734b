//! OTLP JSON: one `ExportTraceServiceRequest`, or several one behind the other (lines).
//!
//! As OTLP has it, not as protobuf's JSON: ids are hex (of any case), not base64. 64-bit numbers may be strings or numbers,
//! enums numbers or names, and `null` is a default. Unknown fields and attributes are skipped unseen.
//! Strings borrow from the record wherever they hold no escape; as bytes, so that one that is not UTF-8 is repaired
//! as in protobuf instead of spoiling its record.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, Visitor};

use super::normalize::{Batch, Normalizer};
use super::raw::{Parent, RawLink, RawSpan, Slots, Value, parent_id, span_id, trace_id};
use crate::model::{SpanId, SpanKind, TraceId};

const STATUS_ERROR: u64 = 2;

/// Why a record is not OTLP JSON, and where.
#[derive(Debug)]
pub(super) struct JsonFault {
    /// Byte position in the record.
    pub at: usize,
    /// What is wrong there.
    pub detail: String,
}

/// Hands the spans of `record` to `normalizer`, in the order of the text.
pub(super) fn decode(
    record: &[u8],
    normalizer: &mut Normalizer,
    links: &mut Vec<RawLink>,
    batch: &mut Batch<'_>,
) -> Result<(), JsonFault> {
    for document in serde_json::Deserializer::from_slice(record).into_iter::<Document<'_>>() {
        let document = document.map_err(|error| fault(record, &error))?;
        for resource_spans in &document.resource_spans {
            walk(resource_spans, normalizer, links, batch);
        }
    }
    Ok(())
}

#[cold]
fn fault(record: &[u8], error: &serde_json::Error) -> JsonFault {
    let lines_before = error.line().saturating_sub(1);
    let line =
        record.split_inclusive(|byte| *byte == b'\n').take(lines_before).map(<[u8]>::len).sum::<usize>();
    let text = error.to_string();
    let detail = text.split(" at line ").next().unwrap_or_default().to_owned();
    JsonFault { at: (line + error.column().saturating_sub(1)).min(record.len()), detail }
}

fn walk(
    from: &ResourceSpans<'_>,
    normalizer: &mut Normalizer,
    links: &mut Vec<RawLink>,
    batch: &mut Batch<'_>,
) {
    let mut slots = normalizer.slots();
    from.resource.attributes.fill(&mut slots);
    let resource = normalizer.resource(&slots, &mut batch.tally);
    for span in from.scope_spans.iter().flat_map(|scope| &scope.spans) {
        span.attributes.fill(&mut slots);
        links.clear();
        links.extend(span.links.iter().map(Link::raw));
        normalizer.span(&resource, &span.raw(links), &slots, batch);
    }
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    #[serde(borrow, default, deserialize_with = "or_default")]
    resource_spans: Vec<ResourceSpans<'a>>,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct ResourceSpans<'a> {
    #[serde(borrow, default, deserialize_with = "or_default")]
    resource: Resource<'a>,
    #[serde(borrow, default, deserialize_with = "or_default")]
    scope_spans: Vec<ScopeSpans<'a>>,
}

#[derive(Default, serde::Deserialize)]
struct Resource<'a> {
    #[serde(borrow, default, deserialize_with = "or_default")]
    attributes: Attributes<'a>,
}

#[derive(serde::Deserialize)]
struct ScopeSpans<'a> {
    #[serde(borrow, default, deserialize_with = "or_default")]
    spans: Vec<Span<'a>>,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Span<'a> {
    #[serde(borrow, default, deserialize_with = "or_default")]
    trace_id: Text<'a>,
    #[serde(borrow, default, deserialize_with = "or_default")]
    span_id: Text<'a>,
    #[serde(borrow, default, deserialize_with = "or_default")]
    parent_span_id: Text<'a>,
    #[serde(borrow, default, deserialize_with = "or_default")]
    trace_state: Text<'a>,
    #[serde(borrow, default, deserialize_with = "or_default")]
    name: Text<'a>,
    #[serde(default, deserialize_with = "or_default")]
    flags: Number,
    #[serde(default, deserialize_with = "or_default")]
    kind: Code,
    #[serde(default, deserialize_with = "or_default")]
    start_time_unix_nano: Number,
    #[serde(default, deserialize_with = "or_default")]
    end_time_unix_nano: Number,
    #[serde(borrow, default, deserialize_with = "or_default")]
    attributes: Attributes<'a>,
    #[serde(borrow, default, deserialize_with = "or_default")]
    links: Vec<Link<'a>>,
    #[serde(default, deserialize_with = "or_default")]
    status: Status,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Link<'a> {
    #[serde(borrow, default, deserialize_with = "or_default")]
    trace_id: Text<'a>,
    #[serde(borrow, default, deserialize_with = "or_default")]
    span_id: Text<'a>,
}

#[derive(Default, serde::Deserialize)]
struct Status {
    #[serde(default, deserialize_with = "or_default")]
    code: Code,
}

#[derive(serde::Deserialize)]
struct KeyValue<'a> {
    #[serde(borrow, default, deserialize_with = "or_default")]
    key: Text<'a>,
    #[serde(borrow, default, deserialize_with = "or_default")]
    value: AnyValue<'a>,
}

#[derive(Default, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct AnyValue<'a> {
    #[serde(borrow, default)]
    string_value: Option<Text<'a>>,
    #[serde(default)]
    int_value: Option<Number>,
    #[serde(default)]
    double_value: Option<Number>,
    #[serde(default)]
    bool_value: Option<bool>,
}

impl Span<'_> {
    fn raw<'s>(&'s self, links: &'s [RawLink]) -> RawSpan<'s> {
        RawSpan {
            trace: trace_id_of_hex(&self.trace_id.0),
            id: span_id_of_hex(&self.span_id.0),
            parent: parent_id_of_hex(&self.parent_span_id.0),
            trace_state: &self.trace_state.0,
            flags: self.flags.unsigned() as u32,
            name: &self.name.0,
            kind: SpanKind::from_otlp(self.kind.0),
            start: self.start_time_unix_nano.unsigned(),
            end: self.end_time_unix_nano.unsigned(),
            is_error: self.status.code.0 == STATUS_ERROR,
            links,
        }
    }
}

impl Link<'_> {
    fn raw(&self) -> RawLink {
        RawLink { trace: trace_id_of_hex(&self.trace_id.0), span: span_id_of_hex(&self.span_id.0) }
    }
}

impl AnyValue<'_> {
    fn value(&self) -> Value<'_> {
        match self {
            AnyValue { string_value: Some(text), .. } => Value::Text(&text.0),
            AnyValue { int_value: Some(number), .. } => Value::Int(number.signed()),
            AnyValue { double_value: Some(number), .. } => Value::Double(number.float()),
            AnyValue { bool_value: Some(flag), .. } => Value::Bool(*flag),
            _ => Value::Absent,
        }
    }
}

fn trace_id_of_hex(hex: &[u8]) -> Option<TraceId> {
    match hex.len() {
        16 => trace_id(&bytes_of_hex::<8>(hex)?),
        _ => trace_id(&bytes_of_hex::<16>(hex)?),
    }
}

fn span_id_of_hex(hex: &[u8]) -> Option<SpanId> {
    span_id(&bytes_of_hex::<8>(hex)?)
}

fn parent_id_of_hex(hex: &[u8]) -> Parent {
    match bytes_of_hex::<8>(hex) {
        Some(id) => parent_id(&id),
        None if hex.is_empty() => Parent::None,
        None => Parent::Unusable,
    }
}

/// Exactly `2 * N` hex digits.
fn bytes_of_hex<const N: usize>(hex: &[u8]) -> Option<[u8; N]> {
    if hex.len() != 2 * N {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(hex.chunks_exact(2)) {
        *byte = (digit(pair[0])? << 4 | digit(pair[1])?) as u8;
    }
    Some(bytes)
}

/// `null` is what a missing field is.
fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// A string as bytes. Not `Option<Cow<str>>`, which copies every string under `serde(borrow)`.
#[derive(Default)]
struct Text<'a>(Cow<'a, [u8]>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Text<'a>, D::Error> {
        struct TextVisitor;
        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_bytes<E: Error>(self, bytes: &'de [u8]) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(bytes)))
            }

            fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(bytes.to_vec())))
            }
        }
        deserializer.deserialize_bytes(TextVisitor)
    }
}

/// A number, or a string that spells one.
#[derive(Clone, Copy)]
enum Number {
    Unsigned(u64),
    Signed(i64),
    Float(f64),
}

impl Default for Number {
    fn default() -> Number {
        Number::Unsigned(0)
    }
}

impl Number {
    /// Negative ones count as zero.
    fn unsigned(self) -> u64 {
        match self {
            Number::Unsigned(value) => value,
            Number::Signed(value) => u64::try_from(value).unwrap_or(0),
            Number::Float(value) => value as u64,
        }
    }

    fn signed(self) -> i64 {
        match self {
            Number::Unsigned(value) => i64::try_from(value).unwrap_or(i64::MAX),
            Number::Signed(value) => value,
            Number::Float(value) => value as i64,
        }
    }

    fn float(self) -> f64 {
        match self {
            Number::Unsigned(value) => value as f64,
            Number::Signed(value) => value as f64,
            Number::Float(value) => value,
        }
    }

    fn parse(text: &str) -> Option<Number> {
        let unsigned = text.parse().ok().map(Number::Unsigned);
        unsigned
            .or_else(|| text.parse().ok().map(Number::Signed))
            .or_else(|| text.parse().ok().map(Number::Float))
    }
}

/// Visits numbers and strings; `parse` says what a string means.
struct NumberVisitor(fn(&str) -> Option<Number>);

impl Visitor<'_> for NumberVisitor {
    type Value = Number;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number, or a string that spells one")
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Number, E> {
        Ok(Number::Unsigned(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Number, E> {
        Ok(Number::Signed(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Number, E> {
        Ok(Number::Float(value))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Number, E> {
        (self.0)(text).ok_or_else(|| E::invalid_value(serde::de::Unexpected::Str(text), &self))
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Number, D::Error> {
        deserializer.deserialize_any(NumberVisitor(Number::parse))
    }
}

/// An enum's number; from its name where that is given. Names that nobody knows count as 0, "unspecified".
#[derive(Default)]
struct Code(u64);

impl Code {
    fn parse(text: &str) -> Option<Number> {
        const NAMES: [(&str, u64); 6] = [
            ("SPAN_KIND_INTERNAL", 1),
            ("SPAN_KIND_SERVER", 2),
            ("SPAN_KIND_CLIENT", 3),
            ("SPAN_KIND_PRODUCER", 4),
            ("SPAN_KIND_CONSUMER", 5),
            ("STATUS_CODE_ERROR", STATUS_ERROR),
        ];
        let named = NAMES.iter().find(|(name, _)| *name == text).map(|(_, number)| Number::Unsigned(*number));
        Some(named.or_else(|| Number::parse(text)).unwrap_or_default())
    }
}

impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Code, D::Error> {
        deserializer.deserialize_any(NumberVisitor(Code::parse)).map(|number| Code(number.unsigned()))
    }
}

/// An attribute list.
#[derive(Default, serde::Deserialize)]
struct Attributes<'a>(#[serde(borrow)] Vec<KeyValue<'a>>);

impl<'a> Attributes<'a> {
    fn fill<'s>(&'s self, slots: &mut Slots<'s>) {
        slots.clear();
        for KeyValue { key, value } in &self.0 {
            if let Some(slot) = slots.find(&key.0) {
                slots.set(slot, value.value());
            }
        }
    }
}
