//! A cursor over protobuf's wire format that reads only what it is asked for.
//!
//! Enters: one message as bytes. Leaves: tags and raw values that borrow from it, or a [`Fault`] with its position.
//! Guaranteed: no allocation, no panic, no recursion but for groups (at most [`MAX_GROUP_DEPTH`]).
//! What is skipped is hopped over by its length and not looked into, so faults inside it stay unseen.
//! Hot: no allocation per span, nothing is logged.

/// Why a record is not what its format says, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// Byte position in the record.
    pub at: usize,
    /// What is wrong there.
    pub detail: &'static str,
}

/// Deepest nesting of groups (long deprecated, so an honest producer has none); prost stops at the same.
const MAX_GROUP_DEPTH: u32 = 100;

const VARINT: u32 = 0;
const FIXED64: u32 = 1;
const LENGTH: u32 = 2;
const GROUP_START: u32 = 3;
const GROUP_END: u32 = 4;
const FIXED32: u32 = 5;

/// Tag of a field with a varint value.
pub(super) const fn varint_tag(field: u32) -> u32 {
    field << 3 | VARINT
}

/// Tag of a field with eight bytes.
pub(super) const fn fixed64_tag(field: u32) -> u32 {
    field << 3 | FIXED64
}

/// Tag of a field with four bytes.
pub(super) const fn fixed32_tag(field: u32) -> u32 {
    field << 3 | FIXED32
}

/// Tag of a field with a length: bytes, string or message.
pub(super) const fn length_tag(field: u32) -> u32 {
    field << 3 | LENGTH
}

/// A position in one message. `bytes` is the record up to the end of the message, so positions are the record's.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// Starts at the first byte of `record`.
    pub fn new(record: &'a [u8]) -> Reader<'a> {
        Reader { bytes: record, at: 0 }
    }

    /// The bytes not yet read.
    pub fn rest(&self) -> &'a [u8] {
        &self.bytes[self.at..]
    }

    /// The next field's tag, `None` at the end of the message.
    #[inline(always)]
    pub fn tag(&mut self) -> Result<Option<u32>, Fault> {
        let Some(&first) = self.bytes.get(self.at) else { return Ok(None) };
        if (8..0x80).contains(&first) {
            self.at += 1;
            return Ok(Some(u32::from(first)));
        }
        self.long_tag()
    }

    fn long_tag(&mut self) -> Result<Option<u32>, Fault> {
        let start = self.at;
        match u32::try_from(self.varint()?) {
            Ok(tag) if tag >> 3 != 0 => Ok(Some(tag)),
            _ => Err(Fault { at: start, detail: "no valid field number" }),
        }
    }

    /// A varint of up to 64 bits.
    #[inline(always)]
    pub fn varint(&mut self) -> Result<u64, Fault> {
        match self.bytes.get(self.at) {
            Some(&byte) if byte < 0x80 => {
                self.at += 1;
                Ok(u64::from(byte))
            }
            _ => self.long_varint(),
        }
    }

    #[inline]
    fn long_varint(&mut self) -> Result<u64, Fault> {
        let mut value = 0;
        for (index, &byte) in self.bytes[self.at..].iter().take(10).enumerate() {
            value |= u64::from(byte & 0x7f) << (7 * index);
            // The tenth byte has room for one bit only.
            if byte < 0x80 && (index < 9 || byte < 2) {
                self.at += index + 1;
                return Ok(value);
            }
        }
        Err(self.fault("a varint without end"))
    }

    /// Eight bytes, little-endian.
    #[inline(always)]
    pub fn fixed64(&mut self) -> Result<u64, Fault> {
        match self.bytes[self.at..].first_chunk() {
            Some(chunk) => {
                self.at += 8;
                Ok(u64::from_le_bytes(*chunk))
            }
            None => Err(self.fault("the record ends inside a number")),
        }
    }

    /// Four bytes, little-endian.
    #[inline(always)]
    pub fn fixed32(&mut self) -> Result<u32, Fault> {
        match self.bytes[self.at..].first_chunk() {
            Some(chunk) => {
                self.at += 4;
                Ok(u32::from_le_bytes(*chunk))
            }
            None => Err(self.fault("the record ends inside a number")),
        }
    }

    /// The bytes of a field with a length.
    #[inline(always)]
    pub fn bytes(&mut self) -> Result<&'a [u8], Fault> {
        Ok(self.message()?.rest())
    }

    /// A field with a length as a message of its own.
    #[inline(always)]
    pub fn message(&mut self) -> Result<Reader<'a>, Fault> {
        let length = self.varint()?;
        let rest = self.bytes.len() - self.at;
        if length > rest as u64 {
            return Err(self.fault("a field is longer than what holds it"));
        }
        let start = self.at;
        self.at += length as usize;
        Ok(Reader { bytes: &self.bytes[..self.at], at: start })
    }

    /// Hops over the value of a field that nobody uses.
    #[inline(always)]
    pub fn skip(&mut self, tag: u32) -> Result<(), Fault> {
        match tag & 7 {
            VARINT => self.varint().map(drop),
            LENGTH => self.message().map(drop),
            _ => self.skip_rare(tag, 0),
        }
    }

    fn skip_rare(&mut self, tag: u32, depth: u32) -> Result<(), Fault> {
        match tag & 7 {
            VARINT => self.varint().map(drop),
            LENGTH => self.message().map(drop),
            FIXED64 => self.fixed64().map(drop),
            FIXED32 => self.fixed32().map(drop),
            GROUP_START if depth < MAX_GROUP_DEPTH => self.skip_group(tag, depth),
            GROUP_START => Err(self.fault("groups nest too deep")),
            GROUP_END => Err(self.fault("the end of a group that never began")),
            _ => Err(self.fault("an unknown wire type")),
        }
    }

    fn skip_group(&mut self, start: u32, depth: u32) -> Result<(), Fault> {
        while let Some(tag) = self.tag()? {
            if tag & 7 != GROUP_END {
                self.skip_rare(tag, depth + 1)?;
            } else if tag >> 3 == start >> 3 {
                return Ok(());
            } else {
                return Err(self.fault("a group ends with another one's number"));
            }
        }
        Err(self.fault("a group without end"))
    }

    #[cold]
    fn fault(&self, detail: &'static str) -> Fault {
        Fault { at: self.at, detail }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn skipped(bytes: &[u8]) -> Result<usize, Fault> {
        let mut reader = Reader::new(bytes);
        while let Some(tag) = reader.tag()? {
            reader.skip(tag)?;
        }
        Ok(reader.at)
    }

    #[test]
    fn varints_of_every_length_come_back() {
        for value in (0..64).flat_map(|shift| [1u64 << shift, (1 << shift) - 1]).chain([u64::MAX]) {
            let mut bytes = Vec::new();
            prost::encoding::encode_varint(value, &mut bytes);
            assert_eq!(Reader::new(&bytes).varint(), Ok(value));
            assert!(Reader::new(&bytes[..bytes.len() - 1]).varint().is_err());
        }
        assert!(Reader::new(&[0xff; 11]).varint().is_err());
    }

    #[test]
    fn every_wire_type_is_hopped_over() {
        let table: [(&[u8], usize); 6] = [
            (&[0x08, 0x80, 0x01], 3),
            (&[0x09, 1, 2, 3, 4, 5, 6, 7, 8], 9),
            (&[0x0a, 2, 0xff, 0xff], 4),
            (&[0x0d, 1, 2, 3, 4], 5),
            (&[0x0b, 0x10, 1, 0x0c], 4),
            (&[0x0b, 0x13, 0x08, 1, 0x14, 0x0c], 6),
        ];
        for (bytes, length) in table {
            assert_eq!(skipped(bytes), Ok(length), "{bytes:x?}");
            for cut in 1..bytes.len() {
                assert!(skipped(&bytes[..cut]).is_err(), "{bytes:x?} cut at {cut}");
            }
        }
    }

    #[test]
    fn a_fault_tells_its_position_in_the_record() {
        let table: [(&[u8], usize, &'static str); 6] = [
            (&[0x08, 1, 0x00], 2, "no valid field number"),
            (&[0x0a, 3, 1], 2, "a field is longer than what holds it"),
            (&[0x08, 1, 0x0e], 3, "an unknown wire type"),
            (&[0x0c], 1, "the end of a group that never began"),
            (&[0x0b, 0x14], 2, "a group ends with another one's number"),
            (&[0x08, 0x80], 1, "a varint without end"),
        ];
        for (bytes, at, detail) in table {
            assert_eq!(skipped(bytes), Err(Fault { at, detail }));
        }
        let mut outer = Reader::new(&[0x0a, 2, 0x08, 0x80]);
        outer.tag().unwrap();
        let mut inner = outer.message().unwrap();
        inner.tag().unwrap();
        assert_eq!(inner.varint().unwrap_err().at, 3);
    }

    #[test]
    fn deep_groups_are_a_fault_and_no_overflow_of_the_stack() {
        assert_eq!(skipped(&[0x0b; 100_000]).unwrap_err().detail, "groups nest too deep");
    }
}
