//! Where one record ends and the next begins.

use std::ops::ControlFlow;

use super::Fault;
use super::window::Window;
use crate::model::Format;

/// How much of a file is looked at to tell how its records are separated.
const HEAD_BYTES: usize = 64 << 10;
const BIG_ENDIAN_BYTES: usize = 4;
const MAX_VARINT_BYTES: usize = 10;

/// `ExportTraceServiceRequest.resource_spans`; nothing else stands in a request.
const RESOURCE_SPANS: u8 = 0x0a;

type OnRecord<'a> = &'a mut dyn FnMut(&[u8], Format) -> ControlFlow<()>;

/// Takes a file apart.
pub(super) struct Records<'a> {
    /// Longest record in bytes.
    pub max_record: usize,
    /// Says what some bytes are.
    pub recognise: &'a dyn Fn(&[u8]) -> Result<Format, String>,
}

/// How protobuf messages follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ProtoFraming {
    /// One message, taken apart at its `resource_spans`.
    Single,
    /// A varint length before each.
    Varint,
    /// A length of four bytes, big-endian, before each.
    BigEndian,
}

/// Where a record lies in the window, and how much of the window it takes with its frame.
struct Extent {
    start: usize,
    end: usize,
}

impl Records<'_> {
    /// Hands all records to `on_record` and counts them; stops where it breaks.
    pub fn read(
        &self,
        window: &mut Window<'_>,
        count: &mut u64,
        on_record: OnRecord<'_>,
    ) -> Result<(), Fault> {
        let mut counted = |record: &[u8], format| {
            *count += 1;
            on_record(record, format)
        };
        window.grow_to(HEAD_BYTES)?;
        if window.bytes().is_empty() {
            return Err(Fault::Content("the file is empty".into()));
        }
        match proto_framing(window.bytes()) {
            Some(framing) => self.read_proto(window, framing, &mut counted),
            None => self.read_json(window, &mut counted),
        }
    }

    fn read_proto(
        &self,
        window: &mut Window<'_>,
        framing: ProtoFraming,
        on_record: OnRecord<'_>,
    ) -> Result<(), Fault> {
        let mut is_first = true;
        while window.grow_to(1)? {
            let Extent { start, end } = self.next_message(window, framing)?;
            let record = &window.bytes()[start..end];
            if is_first && !record.is_empty() {
                self.expect(record, Format::OtlpProto)?;
                is_first = false;
            }
            let is_done = !record.is_empty() && on_record(record, Format::OtlpProto).is_break();
            window.consume(end);
            if is_done {
                break;
            }
        }
        Ok(())
    }

    fn next_message(&self, window: &mut Window<'_>, framing: ProtoFraming) -> Result<Extent, Fault> {
        window.grow_to(1 + MAX_VARINT_BYTES)?;
        let bytes = window.bytes();
        let (start, body, length) = match framing {
            ProtoFraming::Single if bytes[0] != RESOURCE_SPANS => {
                return Err(Fault::Content(format!(
                    "field tag {:#04x} where an OTLP request has resource_spans (0x0a); is the file damaged?",
                    bytes[0]
                )));
            }
            ProtoFraming::Single => varint(&bytes[1..]).map(|(length, size)| (0, 1 + size, length)),
            ProtoFraming::Varint => varint(bytes).map(|(length, size)| (size, size, length)),
            ProtoFraming::BigEndian => bytes
                .first_chunk()
                .map(|chunk| (BIG_ENDIAN_BYTES, BIG_ENDIAN_BYTES, u64::from(u32::from_be_bytes(*chunk)))),
        }
        .ok_or_else(|| {
            Fault::Content("no length where a message should begin; is the file damaged?".into())
        })?;
        let length = usize::try_from(length).ok().filter(|length| *length <= self.max_record);
        let length = length.ok_or_else(|| self.too_long())?;
        if !window.grow_to(body + length)? {
            return Err(Fault::Content(format!(
                "a message of {length} bytes begins here, but the file ends after {}; copy the file again",
                window.bytes().len() - body
            )));
        }
        Ok(Extent { start, end: body + length })
    }

    /// Lines, unless the first document goes over several.
    fn read_json(&self, window: &mut Window<'_>, on_record: OnRecord<'_>) -> Result<(), Fault> {
        if window.bytes().starts_with("\u{feff}".as_bytes()) {
            window.consume("\u{feff}".len());
        }
        window.skip_white_space()?;
        if window.bytes().first() != Some(&b'{') {
            let looks = (self.recognise)(window.bytes()).err();
            return Err(Fault::Content(looks.unwrap_or_else(|| "the file holds no records".into())));
        }
        let end = self.end_of_document(window)?;
        let first = &window.bytes()[..end];
        self.expect(first, Format::OtlpJson)?;
        let is_lines = !first.contains(&b'\n');
        let mut end = Some(end);
        while let Some(length) = end {
            let record = window.bytes()[..length].trim_ascii();
            if !record.is_empty() && on_record(record, Format::OtlpJson).is_break() {
                break;
            }
            window.consume(length);
            end = if is_lines { self.end_of_line(window)? } else { self.next_document(window)? };
        }
        Ok(())
    }

    fn next_document(&self, window: &mut Window<'_>) -> Result<Option<usize>, Fault> {
        if !window.skip_white_space()? {
            return Ok(None);
        }
        match window.bytes()[0] {
            b'{' => self.end_of_document(window).map(Some),
            byte => Err(Fault::Content(format!(
                "`{}` where a JSON document should begin; is the file damaged?",
                byte.escape_ascii()
            ))),
        }
    }

    /// Length of the line that begins here, its end included; `None` at the end of the file.
    fn end_of_line(&self, window: &mut Window<'_>) -> Result<Option<usize>, Fault> {
        let mut searched = 0;
        loop {
            let bytes = window.bytes();
            if let Some(at) = bytes[searched..].iter().position(|byte| *byte == b'\n') {
                return self.limited(searched + at + 1).map(Some);
            }
            searched = bytes.len();
            if searched > self.max_record {
                return Err(self.too_long());
            }
            if !window.grow()? {
                return Ok((searched > 0).then_some(searched));
            }
        }
    }

    /// Length of the JSON object that begins here.
    fn end_of_document(&self, window: &mut Window<'_>) -> Result<usize, Fault> {
        let mut scan = ObjectScan::default();
        let mut searched = 0;
        loop {
            if let Some(end) = scan.end(&window.bytes()[searched..]) {
                return self.limited(searched + end);
            }
            searched = window.bytes().len();
            if searched > self.max_record {
                return Err(self.too_long());
            }
            if !window.grow()? {
                return Err(Fault::Content(
                    "a JSON document begins here, but the file ends within it; copy the file again".into(),
                ));
            }
        }
    }

    fn expect(&self, record: &[u8], expected: Format) -> Result<(), Fault> {
        match (self.recognise)(record) {
            Ok(format) if format == expected => Ok(()),
            Ok(format) => Err(Fault::Content(format!("{format:?} in the frame of {expected:?}"))),
            Err(looks) => Err(Fault::Content(looks)),
        }
    }

    /// The limit holds however much was read at a time.
    fn limited(&self, length: usize) -> Result<usize, Fault> {
        if length > self.max_record { Err(self.too_long()) } else { Ok(length) }
    }

    fn too_long(&self) -> Fault {
        Fault::Content(format!(
            "the record that begins here is longer than {} bytes; write smaller requests (one a line in JSON)",
            self.max_record
        ))
    }
}

/// Finds the end of a JSON object without looking at anything but braces and strings.
#[derive(Default)]
struct ObjectScan {
    depth: u32,
    is_string: bool,
    is_escaped: bool,
}

impl ObjectScan {
    /// Goes on with the next bytes; the position behind the object's last brace.
    fn end(&mut self, bytes: &[u8]) -> Option<usize> {
        for (at, byte) in bytes.iter().enumerate() {
            if self.is_escaped {
                self.is_escaped = false;
                continue;
            }
            match byte {
                b'\\' if self.is_string => self.is_escaped = true,
                b'"' => self.is_string = !self.is_string,
                b'{' if !self.is_string => self.depth += 1,
                b'}' if !self.is_string => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.depth == 0 {
                        return Some(at + 1);
                    }
                }
                _ => {}
            }
        }
        None
    }
}

/// How the messages of a protobuf file follow each other; `None` where it does not look like one.
fn proto_framing(head: &[u8]) -> Option<ProtoFraming> {
    if is_request(head, u64::MAX) {
        return Some(ProtoFraming::Single);
    }
    if let Some((length, body)) = head.split_first_chunk()
        && is_request(body, u64::from(u32::from_be_bytes(*length)))
    {
        return Some(ProtoFraming::BigEndian);
    }
    let (length, size) = varint(head)?;
    is_request(&head[size..], length).then_some(ProtoFraming::Varint)
}

/// Does a request of at most `max` bytes begin here? It has `resource_spans` with a resource, scope spans or a URL, and
/// a resource has attributes: so far is looked, because a text that begins with a line feed begins like a request too.
fn is_request(bytes: &[u8], max: u64) -> bool {
    let Some(spans) = LengthField::read(bytes, max) else { return false };
    if spans.tag != RESOURCE_SPANS {
        return false;
    }
    if spans.length == 0 {
        return true;
    }
    let Some(inner) = LengthField::read(spans.content, spans.length) else { return false };
    match inner.tag {
        0x0a => matches!(inner.content.first(), None | Some(0x0a | 0x10 | 0x1a)),
        0x12 | 0x1a => true,
        _ => false,
    }
}

/// A field with a one-byte tag and a length.
struct LengthField<'a> {
    tag: u8,
    length: u64,
    /// As much of it as is there.
    content: &'a [u8],
}

impl LengthField<'_> {
    /// The field that begins here, unless it would be longer than `max` with its tag and length.
    fn read(bytes: &[u8], max: u64) -> Option<LengthField<'_>> {
        let (tag, rest) = bytes.split_first()?;
        let (length, size) = varint(rest)?;
        let content = &rest[size..];
        let there = usize::try_from(length).unwrap_or(usize::MAX).min(content.len());
        let fits = length.checked_add(1 + size as u64).is_some_and(|whole| whole <= max);
        (tag & 7 == 2 && fits).then_some(LengthField { tag: *tag, length, content: &content[..there] })
    }
}

/// A varint and its size.
fn varint(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut value = 0;
    for (index, byte) in bytes.iter().take(MAX_VARINT_BYTES).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some((value, index + 1));
        }
    }
    None
}
