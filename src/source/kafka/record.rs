//! One Kafka message into a batch: its value is copied once, the rest becomes [`RecordMeta`].

use rdkafka::Timestamp;
use rdkafka::message::{BorrowedHeaders, BorrowedMessage, Headers, Message};

use super::place::Place;
use crate::model::{Format, InputId, KeyHint, RecordBatch, RecordMeta, RecordTime, TraceId};

/// The partition that a message is from.
pub(super) fn place_of(message: &BorrowedMessage<'_>) -> Place {
    Place::new(message.topic(), message.partition())
}

/// An empty batch of one input.
pub(super) fn new_batch(input: InputId) -> RecordBatch {
    RecordBatch { input, bytes: Vec::new(), records: Vec::new() }
}

/// Adds a message; a value above `max_size` is left out, a message without value (a tombstone) is an empty record.
pub(super) fn append(
    batch: &mut RecordBatch,
    message: &BorrowedMessage<'_>,
    topic_format: Option<Format>,
    max_size: usize,
) {
    let value = message.payload().unwrap_or_default();
    let oversize = (value.len() > max_size).then_some(value.len());
    if oversize.is_none() {
        batch.bytes.extend_from_slice(value);
    }
    batch.records.push(RecordMeta {
        offset: message.offset(),
        time: time_of(message.timestamp()),
        key: key_hint(message.key()),
        format: message.headers().and_then(header_format).or(topic_format),
        end: batch.bytes.len(),
        oversize,
    });
}

/// A record's time in milliseconds, where it has one.
pub(super) fn millis(time: RecordTime) -> Option<i64> {
    match time {
        RecordTime::Create(at) | RecordTime::LogAppend(at) => Some(at),
        RecordTime::Missing => None,
    }
}

fn time_of(timestamp: Timestamp) -> RecordTime {
    match timestamp {
        Timestamp::CreateTime(at) if at >= 0 => RecordTime::Create(at),
        Timestamp::LogAppendTime(at) if at >= 0 => RecordTime::LogAppend(at),
        _ => RecordTime::Missing,
    }
}

fn key_hint(key: Option<&[u8]>) -> KeyHint {
    let Some(key) = key.filter(|key| !key.is_empty()) else {
        return KeyHint::Absent;
    };
    // Sixteen hex digits are a short id in text; sixteen other bytes are a long one as it is.
    match (key.len(), hex(key)) {
        (16 | 32, Some(id)) => KeyHint::Trace(TraceId(id)),
        (16, None) => match <[u8; 16]>::try_from(key) {
            Ok(bytes) => KeyHint::Trace(TraceId(u128::from_be_bytes(bytes))),
            Err(_) => KeyHint::Other,
        },
        _ => KeyHint::Other,
    }
}

fn hex(digits: &[u8]) -> Option<u128> {
    digits.iter().take(32).try_fold(0, |id, digit| {
        let digit = char::from(*digit).to_digit(16)?;
        Some(id << 4 | u128::from(digit))
    })
}

fn header_format(headers: &BorrowedHeaders) -> Option<Format> {
    headers.iter().find_map(|header| format_named(header.key, header.value?))
}

/// The format that a header names: the collector writes `encoding`, others the usual `content-type`.
fn format_named(name: &str, value: &[u8]) -> Option<Format> {
    let value = std::str::from_utf8(value).ok()?.trim();
    if name.eq_ignore_ascii_case("encoding") {
        return match value {
            "otlp_proto" => Some(Format::OtlpProto),
            "otlp_json" => Some(Format::OtlpJson),
            _ => None,
        };
    }
    if !name.eq_ignore_ascii_case("content-type") {
        return None;
    }
    let media_type = value.split(';').next().unwrap_or_default().trim();
    if media_type.eq_ignore_ascii_case("application/x-protobuf") {
        Some(Format::OtlpProto)
    } else if media_type.eq_ignore_ascii_case("application/json") {
        Some(Format::OtlpJson)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys() {
        let id = TraceId(0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c);
        for (key, expected) in [
            (None, KeyHint::Absent),
            (Some(&b""[..]), KeyHint::Absent),
            (Some(b"0af7651916cd43dd8448eb211c80319c"), KeyHint::Trace(id)),
            (Some(b"0AF7651916CD43DD8448EB211C80319C"), KeyHint::Trace(id)),
            (Some(b"8448eb211c80319c"), KeyHint::Trace(TraceId(0x8448_eb21_1c80_319c))),
            (Some(&id.0.to_be_bytes()), KeyHint::Trace(id)),
            (Some(b"0af7651916cd43dd8448eb211c80319"), KeyHint::Other),
            (Some(b"0af7651916cd43dd8448eb211c80319x"), KeyHint::Other),
            (Some(b"order-17"), KeyHint::Other),
        ] {
            assert_eq!(key_hint(key), expected, "{key:?}");
        }
    }

    #[test]
    fn headers_name_formats() {
        for (name, value, expected) in [
            ("encoding", "otlp_proto", Some(Format::OtlpProto)),
            ("Encoding", "otlp_json", Some(Format::OtlpJson)),
            ("encoding", "jaeger_proto", None),
            ("content-type", "application/json; charset=utf-8", Some(Format::OtlpJson)),
            ("Content-Type", "application/x-protobuf", Some(Format::OtlpProto)),
            ("content-type", "text/plain", None),
            ("tenant", "otlp_json", None),
        ] {
            assert_eq!(format_named(name, value.as_bytes()), expected, "{name}: {value}");
        }
    }

    #[test]
    fn times_before_1970_are_none() {
        assert_eq!(time_of(Timestamp::CreateTime(-1)), RecordTime::Missing);
        assert_eq!(time_of(Timestamp::NotAvailable), RecordTime::Missing);
        assert_eq!(time_of(Timestamp::LogAppendTime(7)), RecordTime::LogAppend(7));
    }
}
