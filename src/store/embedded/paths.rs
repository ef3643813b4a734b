//! Names on disk: a bucket's key to its path and back. Names that we would not write ourselves are not ours.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::graph::sealed::{BucketKey, Digest, Width};
use crate::model::Minute;
use crate::model::time::{NANOS_PER_MINUTE, rfc3339};

pub(super) const FORMAT: &str = "FORMAT";
pub(super) const FORMAT_TEMPORARY: &str = "FORMAT.tmp";
pub(super) const LOCK: &str = "LOCK";
pub(super) const BUCKETS: &str = "buckets";
pub(super) const DAMAGED: &str = "damaged";
pub(super) const CONFLICTS: &str = "conflicts";

const EXTENSION: &str = ".bucket";
const TEMPORARY: &str = ".tmp";
/// A topic's characters stay readable; `.` begins no name, so that none is hidden or a step upwards.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');

/// Where the files of one bucket are.
pub(super) struct BucketPaths<'a> {
    root: &'a Path,
    lane: String,
    width: &'static str,
    start: String,
}

impl<'a> BucketPaths<'a> {
    pub fn new(root: &'a Path, key: &BucketKey) -> BucketPaths<'a> {
        BucketPaths {
            root,
            lane: lane_name(&key.lane),
            width: key.width.name(),
            start: start_name(key.start),
        }
    }

    /// `kind`, which is [`BUCKETS`], [`DAMAGED`] or [`CONFLICTS`], and the folders of its lane and width below.
    pub fn folders(&self, kind: &str) -> [PathBuf; 3] {
        let kind = self.root.join(kind);
        let lane = kind.join(&self.lane);
        let width = lane.join(self.width);
        [kind, lane, width]
    }

    /// The bucket.
    pub fn bucket(&self) -> PathBuf {
        self.named(BUCKETS, EXTENSION)
    }

    /// The bucket, or a conflicting version of it, while it is written.
    pub fn temporary(&self) -> PathBuf {
        self.named(BUCKETS, &format!("{EXTENSION}{TEMPORARY}"))
    }

    /// A version of it that says something else: equal versions have equal names.
    pub fn conflict(&self, digest: &Digest) -> PathBuf {
        let digest = digest.to_string();
        self.named(CONFLICTS, &format!(".{}{EXTENSION}", &digest[..16]))
    }

    /// The first free name for damaged bytes of it.
    pub fn damaged(&self) -> PathBuf {
        let mut names = (1..=u32::MAX).map(|n| self.named(DAMAGED, &format!(".{n}{EXTENSION}")));
        names.find(|path| !path.exists()).expect("a folder has fewer files than u32 holds")
    }

    fn named(&self, kind: &str, ending: &str) -> PathBuf {
        let [_, _, folder] = self.folders(kind);
        folder.join(format!("{}{ending}", self.start))
    }
}

/// What a name in the folder of a lane and width stands for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum FileName {
    Bucket(Minute),
    Temporary,
}

/// Reads the name of a file; `None` where it is not ours.
pub(super) fn file_of(name: &OsStr, width: Width) -> Option<FileName> {
    let name = name.to_str()?;
    let bucket = name.strip_suffix(TEMPORARY).unwrap_or(name);
    let start = start_of(bucket.strip_suffix(EXTENSION)?)?;
    let is_ours = width.start_of(start) == start;
    is_ours.then_some(if bucket == name { FileName::Bucket(start) } else { FileName::Temporary })
}

/// Reads the name of a file that was set aside as damaged; `None` where it is not ours.
pub(super) fn damaged_of(name: &OsStr, width: Width) -> Option<Minute> {
    let (start, _) = name.to_str()?.strip_suffix(EXTENSION)?.split_once('.')?;
    start_of(start).filter(|start| width.start_of(*start) == *start)
}

/// Reads the name of a lane's folder; `None` where it is not ours.
pub(super) fn lane_of(name: &OsStr) -> Option<Arc<str>> {
    let name = name.to_str()?;
    let lane = percent_decode_str(name).decode_utf8().ok()?;
    (lane_name(&lane) == name).then(|| Arc::from(lane))
}

/// Reads the name of a width's folder; `None` where it is not ours.
pub(super) fn width_of(name: &OsStr) -> Option<Width> {
    Width::ALL.into_iter().find(|width| name == width.name())
}

fn lane_name(lane: &str) -> String {
    match lane.strip_prefix('.') {
        Some(rest) => format!("%2E{}", utf8_percent_encode(rest, ESCAPED)),
        None => utf8_percent_encode(lane, ESCAPED).to_string(),
    }
}

/// As `20261125T1801Z`.
fn start_name(start: Minute) -> String {
    let text: String = rfc3339(start.start_nanos()).chars().filter(|c| !matches!(c, '-' | ':')).collect();
    format!("{}Z", &text[.."20261125T1801".len()])
}

fn start_of(name: &str) -> Option<Minute> {
    let part = |from: usize, to: usize| name.get(from..to);
    let (year, month, day) = (part(0, 4)?, part(4, 6)?, part(6, 8)?);
    let (hour, minute) = (part(9, 11)?, part(11, 13)?);
    let text = format!("{year}-{month}-{day}T{hour}:{minute}:00Z");
    let since = humantime::parse_rfc3339(&text).ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
    let minutes = since.as_secs() / (NANOS_PER_MINUTE / 1_000_000_000);
    let start = Minute(u32::try_from(minutes).ok().filter(|n| u64::from(*n) <= u64::MAX / NANOS_PER_MINUTE)?);
    (start_name(start) == name).then_some(start)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(lane: &str) -> BucketKey {
        BucketKey { lane: lane.into(), width: Width::Minute, start: Minute(29_927_161) }
    }

    #[test]
    fn names_are_readable() {
        let path = |lane: &str| BucketPaths::new(Path::new("/s"), &key(lane)).bucket().display().to_string();
        assert_eq!(path("merged"), "/s/buckets/merged/1m/20261125T1801Z.bucket");
        assert_eq!(path("otlp_spans.v1/12"), "/s/buckets/otlp_spans.v1%2F12/1m/20261125T1801Z.bucket");
    }

    #[test]
    fn no_lane_leaves_its_folder_and_all_are_read_back() {
        for lane in ["merged", "a/0", "..", ".", "../../etc", ".hidden", "a%2Fb", "naïve ☃/7", "A"] {
            let name = lane_name(lane);
            assert!(!name.contains('/') && !name.starts_with('.'), "{name}");
            assert_eq!(lane_of(OsStr::new(&name)).as_deref(), Some(lane));
        }
        for name in ["a b", "%41", "%2f", "%ff", ".hidden"] {
            assert_eq!(lane_of(OsStr::new(name)), None, "{name}");
        }
    }

    #[test]
    fn starts_are_read_back_and_other_names_are_not_ours() {
        let last = u32::try_from(u64::MAX / NANOS_PER_MINUTE).unwrap();
        for start in [0, 1, 29_927_161, last] {
            assert_eq!(start_of(&start_name(Minute(start))), Some(Minute(start)));
        }
        let file = |name: &str, width| file_of(OsStr::new(name), width);
        let start = FileName::Bucket(Minute(29_927_161));
        assert_eq!(file("20261125T1801Z.bucket", Width::Minute), Some(start));
        assert_eq!(file("20261125T1801Z.bucket.tmp", Width::Minute), Some(FileName::Temporary));
        assert_eq!(file("20261125T1801Z.bucket", Width::Hour), None, "off the grid");
        for name in ["20261125T1801Z", "20261125T1801.bucket", "20261325T1801Z.bucket", "x.bucket", "é.tmp"]
        {
            assert_eq!(file(name, Width::Minute), None, "{name}");
        }
        for name in
            ["20261125 1801Z", "20261125T1801Zx", "+0261125T1801Z", "99991231T2359Z", "19691231T2359Z"]
        {
            assert_eq!(start_of(name), None, "{name}");
        }
    }
}
