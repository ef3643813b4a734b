//! The envelope of a sealed bucket: who it is, its sections, a digest of what it says and a checksum of all bytes.
//!
//! `docs/FORMAT.md` describes the bytes. Sections are found by id, so later kinds of facts are further sections.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::wire::{Reader, Writer};
use crate::model::{Minute, UnixNanos};

/// First bytes of every sealed bucket; the line end shows a transfer that rewrote line ends.
pub const MAGIC: [u8; 8] = *b"\x89LPBKT\r\n";
/// Version of the envelope and of the encoding of sections.
pub const FORMAT_VERSION: u16 = 1;
/// Version of the rules by which spans become facts; a change of them begins new keys.
pub const ALGORITHM_VERSION: u32 = 3;

const FIXED: usize = 16;
const DIGEST: usize = 32;
const CHECKSUM: usize = 4;
/// Length of `2026-11-25T18:01`.
const START_TEXT: usize = 16;
/// Sections from this id on say where the log was, not what was in it: they are not part of the digest.
const FIRST_POSITION_SECTION: u32 = 64;

/// How long a time a bucket stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Width {
    /// A minute: as it was sealed.
    Minute,
    /// Ten minutes, rolled up.
    TenMinutes,
    /// An hour, rolled up.
    Hour,
    /// A day (UTC), rolled up.
    Day,
}

impl Width {
    /// All widths, each a multiple of the one before.
    pub const ALL: [Width; 4] = [Width::Minute, Width::TenMinutes, Width::Hour, Width::Day];

    /// Length in minutes.
    pub const fn minutes(self) -> u32 {
        match self {
            Width::Minute => 1,
            Width::TenMinutes => 10,
            Width::Hour => 60,
            Width::Day => 1440,
        }
    }

    /// The name in paths and listings.
    pub const fn name(self) -> &'static str {
        match self {
            Width::Minute => "1m",
            Width::TenMinutes => "10m",
            Width::Hour => "1h",
            Width::Day => "1d",
        }
    }

    /// The start of the bucket of this width that holds `minute`.
    pub fn start_of(self, minute: Minute) -> Minute {
        Minute(minute.0 - minute.0 % self.minutes())
    }

    fn from_minutes(minutes: u32) -> Option<Width> {
        Width::ALL.into_iter().find(|width| width.minutes() == minutes)
    }
}

/// Which bucket: one lane, one stretch of time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BucketKey {
    /// `merged`, or `topic/partition`.
    pub lane: Arc<str>,
    /// How long a time.
    pub width: Width,
    /// Its first minute, a multiple of the width.
    pub start: Minute,
}

impl BucketKey {
    /// First minute after it.
    pub fn end(&self) -> Minute {
        Minute(self.start.0 + self.width.minutes())
    }

    /// Its first minute as `2026-11-25T18:01Z`.
    pub fn start_text(&self) -> String {
        format!("{}Z", &crate::model::time::rfc3339(self.start.start_nanos())[..START_TEXT])
    }
}

impl fmt::Display for BucketKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.lane, self.width.name(), self.start_text())
    }
}

impl FromStr for BucketKey {
    type Err = KeyError;

    /// Reads what is displayed; the start may be any RFC 3339 time on the grid of the width.
    fn from_str(text: &str) -> Result<BucketKey, KeyError> {
        let wrong = |reason| KeyError { text: text.to_string(), reason };
        let parts: Vec<&str> = text.split_whitespace().collect();
        let [lane, width, start] = parts[..] else { return Err(wrong("it has not three parts")) };
        let width = Width::ALL.into_iter().find(|known| known.name() == width);
        let width = width.ok_or_else(|| wrong("its width is none of 1m, 10m, 1h, 1d"))?;
        let start = minute_of(start).ok_or_else(|| wrong("its start is no whole minute"))?;
        match width.start_of(start) == start {
            true => Ok(BucketKey { lane: Arc::from(lane), width, start }),
            false => Err(wrong("its start is not on the grid of its width")),
        }
    }
}

fn minute_of(text: &str) -> Option<Minute> {
    let whole = match text.strip_suffix('Z') {
        Some(short) if short.len() == START_TEXT => format!("{short}:00Z"),
        _ => text.to_string(),
    };
    let since = humantime::parse_rfc3339(&whole).ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
    let minute = Minute::of(u64::try_from(since.as_nanos()).ok()?);
    (u128::from(minute.start_nanos()) == since.as_nanos()).then_some(minute)
}

/// Text that is no key of a bucket.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` names no bucket: {reason}; lane, width and start are wanted, as `merged 1m 2026-11-25T18:01Z`"
)]
pub struct KeyError {
    /// As given.
    pub text: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

/// What is odd about a bucket; kept through roll-ups.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Marks(u32);

impl Marks {
    /// A local clock decided about some of its records: another run may give other bytes.
    pub const IRREPRODUCIBLE: Marks = Marks(1);
    /// Part of its log was gone before it was read.
    pub const GAP: Marks = Marks(2);
    /// It is rolled up of less than all of its minutes: some were damaged or never sealed.
    pub const PARTIAL: Marks = Marks(4);

    /// Both.
    pub fn with(self, other: Marks) -> Marks {
        Marks(self.0 | other.0)
    }

    /// True where all of `other` is set.
    pub fn has(self, other: Marks) -> bool {
        self.0 & other.0 == other.0
    }

    /// The names of those that are set.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        [(Marks::IRREPRODUCIBLE, "irreproducible"), (Marks::GAP, "gap"), (Marks::PARTIAL, "partial")]
            .into_iter()
            .filter(move |(mark, _)| self.has(*mark))
            .map(|(_, name)| name)
    }
}

/// SHA-256 over what a bucket says.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; DIGEST]);

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Who a bucket is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Version of the rules that made its facts.
    pub algorithm: u32,
    /// Hash of the configuration that made its facts.
    pub config: u64,
    /// Which bucket.
    pub key: BucketKey,
    /// What is odd about it.
    pub marks: Marks,
}

/// Why bytes are no bucket.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// They end too early.
    #[error("it is cut off")]
    Truncated,
    /// They do not begin as a bucket does.
    #[error("it does not begin as a bucket does")]
    NoMagic,
    /// A newer version of Linchpin wrote them.
    #[error(
        "it has format version {found}, this version of linchpin reads up to {known}: read it with a newer one"
    )]
    FutureVersion {
        /// As found.
        found: u16,
        /// The newest that is known.
        known: u16,
    },
    /// Bytes changed after they were written.
    #[error("its checksum is {found:08x}, its bytes give {actual:08x}: it changed after it was written")]
    Checksum {
        /// As found.
        found: u32,
        /// Of the bytes.
        actual: u32,
    },
    /// The checksum is right and the content is not: a fault of whoever wrote it.
    #[error("its content is malformed: {0}")]
    Malformed(&'static str),
}

/// Builds the bytes of a bucket. `sections` are sorted by id.
pub(super) fn write(header: &Header, sections: &[(u32, Vec<u8>)]) -> Vec<u8> {
    debug_assert!(sections.is_sorted_by_key(|(id, _)| id));
    let mut head = Writer::default();
    identity(&mut head, header);
    head.number(u64::from(header.marks.0));
    head.number(sections.len() as u64);
    for (id, bytes) in sections {
        head.number(u64::from(*id));
        head.number(bytes.len() as u64);
    }
    let body: usize = sections.iter().map(|(_, bytes)| bytes.len()).sum();
    let length = FIXED + head.0.len() + body + DIGEST + CHECKSUM;
    let mut out = Vec::with_capacity(length);
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
    out.extend_from_slice(&[0; 2]);
    out.extend_from_slice(&(length as u32).to_le_bytes());
    out.extend_from_slice(&head.0);
    sections.iter().for_each(|(_, bytes)| out.extend_from_slice(bytes));
    let views = sections.iter().map(|(id, bytes)| (*id, bytes.as_slice()));
    out.extend_from_slice(&digest(header, views).0);
    let checksum = crc32fast::hash(&out);
    out.extend_from_slice(&checksum.to_le_bytes());
    out
}

/// What makes a bucket the one it is; the same bytes open the header and the digest.
fn identity(out: &mut Writer, header: &Header) {
    out.number(u64::from(header.algorithm));
    out.0.extend_from_slice(&header.config.to_le_bytes());
    out.number(u64::from(header.key.width.minutes()));
    out.number(u64::from(header.key.start.0));
    out.text(&header.key.lane);
}

fn digest<'a>(header: &Header, sections: impl Iterator<Item = (u32, &'a [u8])>) -> Digest {
    let mut out = Writer::default();
    identity(&mut out, header);
    let mut hasher = Sha256::new_with_prefix(&out.0);
    for (id, bytes) in sections.filter(|(id, _)| *id < FIRST_POSITION_SECTION) {
        let mut head = Writer::default();
        head.number(u64::from(id));
        head.number(bytes.len() as u64);
        hasher.update(&head.0);
        hasher.update(bytes);
    }
    Digest(hasher.finalize().into())
}

/// The envelope of a bucket, opened.
#[derive(Clone, Debug)]
pub struct Frame<'a> {
    /// Who it is.
    pub header: Header,
    /// Digest of what it says.
    pub digest: Digest,
    sections: Vec<(u32, &'a [u8])>,
}

impl<'a> Frame<'a> {
    /// Opens a bucket; its checksum is verified first.
    ///
    /// # Errors
    /// [`Damage`] where the bytes are not a whole bucket of a known version.
    pub fn open(bytes: &'a [u8]) -> Result<Frame<'a>, Damage> {
        if bytes.len() < FIXED + DIGEST + CHECKSUM {
            return Err(if bytes.starts_with(&MAGIC) { Damage::Truncated } else { Damage::NoMagic });
        }
        if !bytes.starts_with(&MAGIC) {
            return Err(Damage::NoMagic);
        }
        let mut fixed = Reader(&bytes[MAGIC.len()..FIXED]);
        let version = u16::from_le_bytes(fixed.array()?);
        fixed.bytes(2)?;
        match (bytes.len() as u64).cmp(&u64::from(u32::from_le_bytes(fixed.array()?))) {
            Ordering::Less => return Err(Damage::Truncated),
            Ordering::Equal => {}
            Ordering::Greater => return Err(Damage::Malformed("there are bytes behind its end")),
        }
        let (signed, checksum) = bytes.split_at(bytes.len() - CHECKSUM);
        let found = u32::from_le_bytes(checksum.try_into().map_err(|_| Damage::Truncated)?);
        let actual = crc32fast::hash(signed);
        if found != actual {
            return Err(Damage::Checksum { found, actual });
        }
        // Length and checksum stay where they are in every version, so damage is not taken for a newer one.
        if version > FORMAT_VERSION {
            return Err(Damage::FutureVersion { found: version, known: FORMAT_VERSION });
        }
        let (body, digest) = signed.split_at(signed.len() - DIGEST);
        let digest = Digest(digest.try_into().map_err(|_| Damage::Truncated)?);
        let mut input = Reader(&body[FIXED..]);
        let (header, lengths) = read_head(&mut input)?;
        let mut sections = Vec::with_capacity(lengths.len());
        for (id, length) in lengths {
            sections.push((id, input.bytes(length)?));
        }
        if !input.0.is_empty() {
            return Err(Damage::Malformed("there are bytes behind its sections"));
        }
        Ok(Frame { header, digest, sections })
    }

    /// True where the digest is that of the content; opening does not compute it.
    pub fn is_digest_right(&self) -> bool {
        digest(&self.header, self.sections.iter().copied()) == self.digest
    }

    /// The bytes of a section; empty where it is not there.
    pub(super) fn section(&self, id: u32) -> &'a [u8] {
        self.sections.iter().find(|(known, _)| *known == id).map_or(&[], |(_, bytes)| bytes)
    }

    /// Id and length in bytes of every section.
    pub fn sections(&self) -> impl Iterator<Item = (u32, usize)> {
        self.sections.iter().map(|(id, bytes)| (*id, bytes.len()))
    }
}

/// Header, and id and length of each section.
type Head = (Header, Vec<(u32, usize)>);

fn read_head(input: &mut Reader<'_>) -> Result<Head, Damage> {
    let algorithm = input.short()?;
    let config = u64::from_le_bytes(input.array()?);
    let width = Width::from_minutes(input.short()?).ok_or(Damage::Malformed("no such width"))?;
    let start = Minute(input.short()?);
    if width.start_of(start) != start {
        return Err(Damage::Malformed("its start is not on the grid of its width"));
    }
    if start.0.checked_add(width.minutes()).is_none_or(|end| end > Minute::of(UnixNanos::MAX).0) {
        return Err(Damage::Malformed("it ends after what nanoseconds can count to"));
    }
    let lane = Arc::from(input.text()?);
    let marks = Marks(input.short()?);
    let count = input.count()?;
    let lengths = (0..count).map(|_| Ok((input.short()?, input.count()?))).collect::<Result<_, Damage>>()?;
    Ok((Header { algorithm, config, key: BucketKey { lane, width, start }, marks }, lengths))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Header {
        let key =
            BucketKey { lane: Arc::from("merged"), width: Width::TenMinutes, start: Minute(29_000_000) };
        Header { algorithm: 1, config: 7, key, marks: Marks::GAP }
    }

    fn bytes() -> Vec<u8> {
        write(&header(), &[(1, b"names".to_vec()), (3, vec![9; 300]), (64, b"position".to_vec())])
    }

    #[test]
    fn a_frame_survives_its_bytes() {
        let bytes = bytes();
        let frame = Frame::open(&bytes).unwrap();
        assert_eq!(frame.header, header());
        assert!(frame.is_digest_right());
        assert_eq!(frame.section(1), b"names");
        assert_eq!(frame.section(64), b"position");
        assert_eq!(frame.section(2), b"");
    }

    #[test]
    fn the_digest_is_of_identity_and_content_not_of_positions_and_marks() {
        let digest_of = |header: &Header, sections: &[(u32, Vec<u8>)]| {
            let bytes = write(header, sections);
            Frame::open(&bytes).unwrap().digest
        };
        let whole = digest_of(&header(), &[(1, vec![1]), (64, vec![2])]);
        assert_eq!(digest_of(&header(), &[(1, vec![1]), (64, vec![3])]), whole);
        assert_eq!(digest_of(&Header { marks: Marks::default(), ..header() }, &[(1, vec![1])]), whole);
        assert_ne!(digest_of(&header(), &[(1, vec![3]), (64, vec![2])]), whole);
        assert_ne!(digest_of(&header(), &[(2, vec![1])]), whole);
        assert_ne!(digest_of(&Header { config: 8, ..header() }, &[(1, vec![1])]), whole);
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_found() {
        let bytes = bytes();
        for at in 0..bytes.len() {
            assert!(Frame::open(&bytes[..at]).is_err(), "cut at {at}");
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << (at % 8);
            assert!(Frame::open(&flipped).is_err(), "bit of byte {at}");
        }
    }

    #[test]
    fn a_newer_version_is_named_not_called_damaged() {
        let mut newer = bytes();
        newer[8] = 2;
        assert!(matches!(Frame::open(&newer), Err(Damage::Checksum { .. })));
        let end = newer.len() - CHECKSUM;
        let checksum = crc32fast::hash(&newer[..end]);
        newer[end..].copy_from_slice(&checksum.to_le_bytes());
        let error = Frame::open(&newer).unwrap_err();
        assert_eq!(error, Damage::FutureVersion { found: 2, known: 1 });
        assert!(error.to_string().contains("read it with a newer one"));
    }

    #[test]
    fn keys_are_read_as_they_are_shown() {
        let key = header().key;
        assert_eq!(key.to_string(), "merged 10m 2025-02-19T21:20Z");
        assert_eq!(key.to_string().parse(), Ok(key.clone()));
        assert_eq!("  merged\t10m 2025-02-19T21:20:00.000Z".parse(), Ok(key));
        for wrong in ["merged 10m", "merged 2m 2025-02-19T21:20Z", "merged 10m 2025-02-19T21:21Z", "a 1m now"]
        {
            assert!(wrong.parse::<BucketKey>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_time_beyond_all_clocks_is_malformed() {
        let mut header = header();
        header.key.start = Minute(4_000_000_000);
        let error = Frame::open(&write(&header, &[])).unwrap_err();
        assert!(matches!(error, Damage::Malformed(_)), "{error}");
    }
}
