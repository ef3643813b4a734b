//! What some bytes look like, by their first few fields: for records that say no format, and for messages to people.
//!
//! Guaranteed: reads only; a wrong guess costs a record that is counted as malformed, nothing else.

use super::wire::Reader;
use crate::model::Format;

const SUPPORTED: &str = "linchpin reads OTLP protobuf and OTLP JSON";

/// How far a JSON text is searched for the keys that give it away.
const SEARCHED_BYTES: usize = 64 << 10;

/// What some bytes look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Guess {
    /// A format that can be decoded.
    Known(Format),
    /// Something else, by name.
    Other(&'static str),
    /// Nothing that is known.
    Unknown,
}

impl Guess {
    /// A message for people.
    pub fn description(self) -> String {
        match self {
            Guess::Known(Format::OtlpProto) => "this looks like OTLP protobuf".into(),
            Guess::Known(Format::OtlpJson) => "this looks like OTLP JSON".into(),
            Guess::Other(name) => format!("this looks like {name}; {SUPPORTED}"),
            Guess::Unknown => format!("this looks like no trace format; {SUPPORTED}"),
        }
    }
}

/// The format of a record, `None` where it looks like none that can be decoded.
pub fn detect(bytes: &[u8]) -> Option<Format> {
    recognise(bytes).ok()
}

/// What the bytes look like, in words for people.
pub fn describe(bytes: &[u8]) -> String {
    guess(bytes).description()
}

/// The format of a record, or what it looks like instead, in words for people.
pub fn recognise(bytes: &[u8]) -> Result<Format, String> {
    match guess(bytes) {
        Guess::Known(format) => Ok(format),
        other => Err(other.description()),
    }
}

/// What the bytes look like.
pub(super) fn guess(bytes: &[u8]) -> Guess {
    // A line feed is the tag of field 1, and a brace or a bracket may be its length.
    if bytes.first() == Some(&0x0a) && hops_to_the_end(bytes) {
        return guess_binary(bytes);
    }
    match bytes.trim_ascii_start() {
        json @ [b'{', ..] => guess_object(json),
        json @ [b'[', ..] => guess_array(json),
        _ => guess_binary(bytes),
    }
}

fn guess_object(json: &[u8]) -> Guess {
    let start = &json[..json.len().min(SEARCHED_BYTES)];
    let has = |needle: &str| start.windows(needle.len()).any(|part| part == needle.as_bytes());
    if !begins_with(&json[1..], b"\"}") {
        return Guess::Unknown;
    }
    match first_key(json) {
        None | Some(b"resourceSpans") => Guess::Known(Format::OtlpJson),
        Some(b"resourceMetrics" | b"resourceLogs") => Guess::Other("OTLP JSON of metrics or logs"),
        Some(b"batches" | b"trace") => Guess::Other("Tempo trace JSON"),
        Some(b"result") => Guess::Other("Jaeger API v3 JSON"),
        Some(_) if has("\"traceID\"") && has("\"spans\"") => Guess::Other("Jaeger API JSON"),
        Some(_) if has("\"operationName\"") => Guess::Other("Jaeger span JSON"),
        Some(_) if has("\"traceId\"") && !has("\"scopeSpans\"") => {
            Guess::Other("Zipkin v2 JSON (a single span)")
        }
        Some(_) if has("\"resourceSpans\"") => Guess::Known(Format::OtlpJson),
        Some(_) => Guess::Other("JSON, but not of a trace format that is known"),
    }
}

fn guess_array(json: &[u8]) -> Guess {
    let start = &json[..json.len().min(SEARCHED_BYTES)];
    let has = |needle: &str| start.windows(needle.len()).any(|part| part == needle.as_bytes());
    if !begins_with(&json[1..], b"{]") {
        Guess::Unknown
    } else if has("\"resourceSpans\"") {
        Guess::Other("an array of OTLP JSON documents (give one document a line instead)")
    } else if has("\"binaryAnnotations\"") {
        Guess::Other("Zipkin v1 JSON")
    } else if has("\"traceId\"") {
        Guess::Other("Zipkin v2 JSON")
    } else if has("\"traceID\"") {
        Guess::Other("Jaeger API JSON")
    } else {
        Guess::Other("a JSON array, but not of a trace format that is known")
    }
}

/// Is the first byte that is no white space one of these?
fn begins_with(text: &[u8], bytes: &[u8]) -> bool {
    text.trim_ascii_start().first().is_some_and(|first| bytes.contains(first))
}

/// The first key of an object, `None` for an empty one.
fn first_key(object: &[u8]) -> Option<&[u8]> {
    let key = object.get(1..)?.trim_ascii_start().strip_prefix(b"\"")?;
    let end = key.iter().position(|byte| *byte == b'"')?;
    Some(&key[..end])
}

fn guess_binary(bytes: &[u8]) -> Guess {
    const MAGIC: [(&[u8], &str); 9] = [
        (&[0x1f, 0x8b], "gzip (decompress it first)"),
        (&[0x28, 0xb5, 0x2f, 0xfd], "zstd (decompress it first)"),
        (&[0x04, 0x22, 0x4d, 0x18], "lz4 (decompress it first)"),
        (&[0xfd, b'7', b'z', b'X', b'Z'], "xz (decompress it first)"),
        (b"BZh", "bzip2 (decompress it first)"),
        (b"PK\x03\x04", "a zip archive (unpack it first)"),
        (b"Obj\x01", "Avro"),
        (&[0x0c, 0x00], "Zipkin v1 thrift"),
        (&[0x00], "a record with the header of a schema registry, or with a length in front"),
    ];
    if let Some((_, name)) = MAGIC.iter().find(|(magic, _)| bytes.starts_with(magic)) {
        return Guess::Other(name);
    }
    if bytes.first() != Some(&0x0a) {
        return Guess::Unknown;
    }
    // OTLP, Jaeger and Zipkin all begin with field 1; what it holds tells them apart.
    match lengths(bytes) {
        [Some(16), Some(8), ..] => Guess::Other("Jaeger protobuf"),
        _ if is_zipkin(bytes) => Guess::Other("Zipkin protobuf"),
        _ => Guess::Known(Format::OtlpProto),
    }
}

/// Are its fields as long as it is?
fn hops_to_the_end(message: &[u8]) -> bool {
    let mut reader = Reader::new(message);
    loop {
        match reader.tag() {
            Ok(None) => return true,
            Ok(Some(tag)) if reader.skip(tag).is_ok() => {}
            _ => return false,
        }
    }
}

/// Its first span has a trace id in field 1 and an id in field 3, where OTLP has a resource and a schema's URL.
fn is_zipkin(bytes: &[u8]) -> bool {
    let mut reader = Reader::new(bytes);
    let first = reader.tag().and_then(|_| reader.bytes()).unwrap_or_default();
    matches!(lengths(first), [Some(8 | 16), _, Some(8)])
}

/// Lengths of the first fields 1, 2 and 3 of a message, as far as it can be read.
fn lengths(message: &[u8]) -> [Option<usize>; 3] {
    let mut lengths = [None; 3];
    let mut reader = Reader::new(message);
    while let Ok(Some(tag)) = reader.tag() {
        let read = match (tag & 7, tag >> 3) {
            (2, field @ 1..=3) => reader.bytes().map(|bytes| {
                lengths[field as usize - 1].get_or_insert(bytes.len());
            }),
            _ => reader.skip(tag),
        };
        if read.is_err() {
            break;
        }
    }
    lengths
}

#[cfg(test)]
mod tests {
    use super::*;

    const OTLP: Guess = Guess::Known(Format::OtlpJson);

    #[test]
    fn json_is_known_by_its_keys() {
        let table = [
            ("{}", OTLP),
            (" \n{ \"resourceSpans\" : []}", OTLP),
            (r#"{"extra":1,"resourceSpans":[]}"#, OTLP),
            (r#"{"resourceMetrics":[]}"#, Guess::Other("OTLP JSON of metrics or logs")),
            (r#"{"batches":[]}"#, Guess::Other("Tempo trace JSON")),
            (r#"{"result":{"resourceSpans":[]}}"#, Guess::Other("Jaeger API v3 JSON")),
            (r#"{"data":[{"traceID":"1","spans":[]}]}"#, Guess::Other("Jaeger API JSON")),
            (r#"{"traceId":"AA==","operationName":"x"}"#, Guess::Other("Jaeger span JSON")),
            (r#"{"traceId":"1","id":"2"}"#, Guess::Other("Zipkin v2 JSON (a single span)")),
            ("[package]", Guess::Unknown),
            ("{x}", Guess::Unknown),
            (r#"[{"traceId":"1","id":"2"}]"#, Guess::Other("Zipkin v2 JSON")),
            (r#"[{"traceId":"1","binaryAnnotations":[]}]"#, Guess::Other("Zipkin v1 JSON")),
        ];
        for (json, expected) in table {
            assert_eq!(guess(json.as_bytes()), expected, "{json}");
        }
    }

    #[test]
    fn protobuf_is_known_by_the_lengths_of_its_ids() {
        let mut jaeger = vec![0x0a, 16];
        jaeger.extend([7; 16]);
        jaeger.extend([0x12, 8, 1, 1, 1, 1, 1, 1, 1, 1]);
        assert_eq!(guess(&jaeger), Guess::Other("Jaeger protobuf"));
        let mut zipkin = vec![0x0a, 20, 0x0a, 8];
        zipkin.extend([7; 8]);
        zipkin.extend([0x1a, 8, 1, 1, 1, 1, 1, 1, 1, 1]);
        assert_eq!(guess(&zipkin), Guess::Other("Zipkin protobuf"));
        for otlp in [&[0x0a, 0][..], &[0x0a, 2, 0x0a, 0], &[0x0a, 2, 0x12, 0], &[0x0a, 200]] {
            assert_eq!(guess(otlp), Guess::Known(Format::OtlpProto), "{otlp:x?}");
        }
    }

    #[test]
    fn a_length_that_is_a_brace_is_no_json() {
        for length in [b'{', b'[', b' ', b'\n'] {
            let mut otlp = vec![0x0a, length, 0x12, length - 2];
            otlp.resize(2 + usize::from(length), 0);
            assert_eq!(guess(&otlp), Guess::Known(Format::OtlpProto), "{length}");
        }
        assert_eq!(guess(b"\n{\n  \"resourceSpans\": []\n}"), OTLP);
    }

    #[test]
    fn people_are_told_what_it_is_and_what_is_read() {
        assert_eq!(
            describe(b"[{\"traceId\":\"1\"}]"),
            "this looks like Zipkin v2 JSON; linchpin reads OTLP protobuf and OTLP JSON"
        );
        for (bytes, part) in
            [(&b"\x1f\x8b\x08"[..], "gzip"), (b"hello", "no trace format"), (b"", "no trace format")]
        {
            assert!(describe(bytes).contains(part), "{}", describe(bytes));
            assert_eq!(detect(bytes), None);
        }
    }
}
