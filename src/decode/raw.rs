//! What both wire formats yield: a span as it stands in the record, borrowed, with its attributes in slots.
//!
//! Strings are bytes here: whether they are UTF-8 is asked only of those that are kept.

use std::io::Write;
use std::sync::Arc;

use super::keys::{Keys, Slot};
use super::semconv::{Key, Precedence};
use crate::model::{SpanId, SpanKind, TraceId};

/// An attribute's value.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) enum Value<'a> {
    /// Missing, or of a type that no rule uses: array, map, bytes.
    #[default]
    Absent,
    /// A string.
    Text(&'a [u8]),
    /// An integer.
    Int(i64),
    /// A float.
    Double(f64),
    /// A boolean.
    Bool(bool),
}

impl Value<'_> {
    /// As a number; strings that spell one count too.
    pub fn number(self) -> Option<f64> {
        match self {
            Value::Int(value) => Some(value as f64),
            Value::Double(value) => Some(value),
            Value::Text(text) => std::str::from_utf8(text).ok()?.trim().parse().ok(),
            Value::Bool(_) | Value::Absent => None,
        }
    }

    /// Appends the value as text.
    pub fn write_to(self, out: &mut Vec<u8>) {
        let written = match self {
            Value::Text(text) => out.write_all(text),
            Value::Int(value) => write!(out, "{value}"),
            Value::Double(value) => write!(out, "{value}"),
            Value::Bool(value) => write!(out, "{value}"),
            Value::Absent => Ok(()),
        };
        written.expect("writing to memory cannot fail");
    }
}

/// The known attributes of one span or resource. Of a repeated key the last value counts; empty strings count as absent.
pub(super) struct Slots<'a> {
    keys: Arc<Keys>,
    present: u128,
    values: [Value<'a>; Slot::COUNT],
}

impl<'a> Slots<'a> {
    /// All empty.
    pub fn new(keys: Arc<Keys>) -> Slots<'a> {
        Slots { keys, present: 0, values: [Value::Absent; Slot::COUNT] }
    }

    /// The slot of an attribute, if any rule reads it.
    #[inline(always)]
    pub fn find(&self, name: &[u8]) -> Option<Slot> {
        self.keys.find(name)
    }

    /// Empties all slots without touching them.
    #[inline(always)]
    pub fn clear(&mut self) {
        self.present = 0;
    }

    /// Fills one slot.
    #[inline(always)]
    pub fn set(&mut self, slot: Slot, value: Value<'a>) {
        if matches!(value, Value::Absent | Value::Text([])) {
            self.present &= !slot.bit();
        } else {
            self.present |= slot.bit();
            self.values[slot.index()] = value;
        }
    }

    /// True where at least one of `keys` is there.
    #[inline(always)]
    pub fn has(&self, keys: &Precedence) -> bool {
        self.present & keys.mask() != 0
    }

    /// The value of a slot.
    #[inline(always)]
    pub fn get(&self, key: Key) -> Value<'a> {
        self.at(key.into())
    }

    #[inline(always)]
    fn at(&self, slot: Slot) -> Value<'a> {
        if self.present & slot.bit() != 0 { self.values[slot.index()] } else { Value::Absent }
    }

    /// The first attribute that the configuration takes for the name of a flow.
    #[inline(always)]
    pub fn flow_name(&self) -> Option<Value<'a>> {
        if self.present & self.keys.flow_mask() == 0 {
            return None;
        }
        self.keys.flow().iter().map(|slot| self.at(*slot)).find(|value| *value != Value::Absent)
    }

    /// The first of `keys` that is there.
    #[inline(always)]
    pub fn first(&self, keys: &Precedence) -> Value<'a> {
        if !self.has(keys) {
            return Value::Absent;
        }
        keys.iter().map(|key| self.get(key)).find(|value| *value != Value::Absent).unwrap_or_default()
    }

    /// The first of `keys` that is there as a string.
    #[inline(always)]
    pub fn text(&self, keys: &Precedence) -> Option<&'a [u8]> {
        if !self.has(keys) {
            return None;
        }
        keys.iter().find_map(|key| match self.get(key) {
            Value::Text(text) => Some(text),
            _ => None,
        })
    }
}

/// A link as it stands in the record.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RawLink {
    /// Linked trace, `None` where it has no usable id.
    pub trace: Option<TraceId>,
    /// Linked span, `None` where it has no usable id.
    pub span: Option<SpanId>,
}

/// A span as it stands in the record.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RawSpan<'a> {
    /// Its trace, `None` where it has no usable id.
    pub trace: Option<TraceId>,
    /// Its id, `None` where it has no usable one.
    pub id: Option<SpanId>,
    /// Its parent, [`SpanId::NONE`] for a root.
    pub parent: Parent,
    /// W3C `tracestate`.
    pub trace_state: &'a [u8],
    /// OTLP's flags.
    pub flags: u32,
    /// Span name.
    pub name: &'a [u8],
    /// Kind.
    pub kind: SpanKind,
    /// Start, Unix nanoseconds.
    pub start: u64,
    /// End, Unix nanoseconds.
    pub end: u64,
    /// Status code is ERROR.
    pub is_error: bool,
    /// Links in the order of the wire.
    pub links: &'a [RawLink],
}

/// A span's parent as it stands in the record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Parent {
    /// A root: no id, or one of zeros.
    #[default]
    None,
    /// A parent.
    Id(SpanId),
    /// Something that is no span id: the span's place in its trace is unknown.
    Unusable,
}

/// A trace id of 16 bytes, or of 8 padded on the left; `None` for zeros and other lengths.
#[inline(always)]
pub(super) fn trace_id(bytes: &[u8]) -> Option<TraceId> {
    let id = match <[u8; 16]>::try_from(bytes) {
        Ok(id) => u128::from_be_bytes(id),
        Err(_) => u128::from(u64::from_be_bytes(bytes.try_into().ok()?)),
    };
    (id != 0).then_some(TraceId(id))
}

/// A span id of 8 bytes; `None` for zeros and other lengths.
#[inline(always)]
pub(super) fn span_id(bytes: &[u8]) -> Option<SpanId> {
    let id = u64::from_be_bytes(bytes.try_into().ok()?);
    (id != 0).then_some(SpanId(id))
}

/// A parent's id of 8 bytes; none at all and zeros mean a root.
#[inline(always)]
pub(super) fn parent_id(bytes: &[u8]) -> Parent {
    match span_id(bytes) {
        Some(id) => Parent::Id(id),
        None if bytes.is_empty() || bytes == [0; 8] => Parent::None,
        None => Parent::Unusable,
    }
}
