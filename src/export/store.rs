//! What a store holds and what is wrong with it, as text and as JSON.

use serde::Serialize;

use super::name::visible;
use super::number;
use super::table::{Cell, Column, render};
use crate::graph::sealed::{BucketKey, Damage, Frame, Width};
use crate::store::{Problem, Verification};

const LISTING_SCHEMA: &str = "linchpin.buckets/1";
const VERIFICATION_SCHEMA: &str = "linchpin.verification/1";
/// Digits of digest and configuration in a table; a conflicting version's file is named by as many of its digest.
const DIGITS: usize = 16;

/// A bucket in a listing.
#[derive(Clone, Debug)]
pub struct ListedBucket {
    /// Which.
    pub key: BucketKey,
    /// Of its file.
    pub bytes: u64,
    /// What is in it, or why it cannot be read; `None` while nobody looked.
    pub content: Option<Result<Content, String>>,
}

/// What a bucket says of itself.
#[derive(Clone, Debug, Serialize)]
pub struct Content {
    traces: u64,
    spans: u64,
    marks: Vec<&'static str>,
    algorithm: u32,
    config: String,
    digest: String,
}

impl Content {
    /// Of an opened bucket.
    ///
    /// # Errors
    /// [`Damage::Malformed`].
    pub fn of(frame: &Frame<'_>) -> Result<Content, Damage> {
        let totals = frame.totals()?;
        Ok(Content {
            traces: totals.traces,
            spans: totals.spans,
            marks: frame.header.marks.names().collect(),
            algorithm: frame.header.algorithm,
            config: format!("{:016x}", frame.header.config),
            digest: frame.digest.to_string(),
        })
    }
}

/// A listing as a table and a line with the sums.
pub fn listing_text(buckets: &[ListedBucket], width: Option<usize>) -> String {
    let is_long = buckets.iter().any(|bucket| bucket.content.is_some());
    let mut columns =
        vec![Column::name("lane"), Column::number("width"), Column::name("start"), Column::number("bytes")];
    if is_long {
        columns.extend([Column::number("traces"), Column::number("spans"), Column::name("rules/config")]);
        columns.extend([Column::name("digest"), Column::name("marks")]);
    }
    let rows: Vec<Vec<Cell>> = buckets.iter().map(|bucket| row(bucket).map(Cell::from).collect()).collect();
    let table = if rows.is_empty() { String::new() } else { render(&columns, &rows, width, false) };
    table + &sum(buckets) + "\n"
}

fn row(bucket: &ListedBucket) -> impl Iterator<Item = String> {
    let ListedBucket { key, bytes, content } = bucket;
    let mut cells = vec![
        visible(&key.lane).into_owned(),
        key.width.name().to_string(),
        key.start_text(),
        number::count(*bytes),
    ];
    match content {
        None => {}
        Some(Err(_)) => cells.extend(["-", "-", "-", "-", "damaged"].map(str::to_string)),
        Some(Ok(content)) => cells.extend([
            number::count(content.traces),
            number::count(content.spans),
            format!("{}/{}", content.algorithm, content.config),
            content.digest[..DIGITS].to_string(),
            content.marks.join(" "),
        ]),
    }
    cells.into_iter()
}

fn sum(buckets: &[ListedBucket]) -> String {
    let bytes: u64 = buckets.iter().map(|bucket| bucket.bytes).sum();
    let of_width = |width: Width| {
        let count = buckets.iter().filter(|bucket| bucket.key.width == width).count();
        (count > 0).then(|| format!("{} of {}", number::count(count as u64), width.name()))
    };
    let widths: Vec<String> = Width::ALL.into_iter().filter_map(of_width).collect();
    let ends = buckets.iter().min_by_key(|bucket| bucket.key.start);
    let last = buckets.iter().map(|bucket| bucket.key.end()).max();
    let range = ends.zip(last).map_or_else(String::new, |(first, end)| {
        let end = BucketKey { width: Width::Minute, start: end, ..first.key.clone() };
        format!(", {} to {}", first.key.start_text(), end.start_text())
    });
    let buckets = number::count(buckets.len() as u64);
    let widths = if widths.is_empty() { String::new() } else { format!(" ({})", widths.join(", ")) };
    format!("{buckets} buckets{widths}, {} bytes{range}", number::count(bytes))
}

#[derive(Serialize)]
struct Listing<'a> {
    schema: &'static str,
    buckets: Vec<Listed<'a>>,
    count: usize,
    bytes: u64,
}

#[derive(Serialize)]
struct Listed<'a> {
    lane: &'a str,
    width: &'static str,
    start: String,
    bytes: u64,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    content: Option<&'a Content>,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<&'a str>,
}

/// A listing as JSON, with a line break at its end.
pub fn listing_json(buckets: &[ListedBucket]) -> String {
    let listed = buckets.iter().map(|bucket| Listed {
        lane: &bucket.key.lane,
        width: bucket.key.width.name(),
        start: bucket.key.start_text(),
        bytes: bucket.bytes,
        content: bucket.content.as_ref().and_then(|content| content.as_ref().ok()),
        problem: bucket.content.as_ref().and_then(|content| content.as_ref().err()).map(String::as_str),
    });
    let listing = Listing {
        schema: LISTING_SCHEMA,
        buckets: listed.collect(),
        count: buckets.len(),
        bytes: buckets.iter().map(|bucket| bucket.bytes).sum(),
    };
    pretty(&listing)
}

/// A verification: a line per problem, with its cure, one per note, and one with the sums.
pub fn verification_text(found: &Verification) -> String {
    let line = |Problem { fault, bucket, path, what, cure }: &Problem| {
        let name = bucket.as_ref().map_or_else(|| fault.name().replace('_', " "), |key| key.to_string());
        let path = path.display().to_string();
        format!("{}: {}; {cure} ({})\n", visible(&name), visible(what), visible(&path))
    };
    let mut text: String = found.problems.iter().map(line).collect();
    text.extend(found.notes.iter().map(|note| format!("note: {}", line(note))));
    let verdict = match found.problems.len() {
        0 => "all well".to_string(),
        1 => "1 problem".to_string(),
        n => format!("{} problems", number::count(n as u64)),
    };
    let notes = match found.notes.len() {
        0 => "",
        1 => ", 1 note",
        n => &format!(", {} notes", number::count(n as u64)),
    };
    text += &format!(
        "{} buckets read, {} bytes; roll-ups compared with their parts: {}; {verdict}{notes}\n",
        number::count(found.buckets),
        number::count(found.bytes),
        number::count(found.roll_ups_compared)
    );
    text
}

#[derive(Serialize)]
struct VerificationDocument<'a> {
    schema: &'static str,
    buckets: u64,
    bytes: u64,
    roll_ups_compared: u64,
    problems: Vec<ProblemDocument<'a>>,
    /// What is worth a word and may be as it should: nothing that makes the command fail.
    notes: Vec<ProblemDocument<'a>>,
}

#[derive(Serialize)]
struct ProblemDocument<'a> {
    fault: &'static str,
    bucket: Option<String>,
    path: String,
    problem: &'a str,
    cure: &'static str,
}

impl ProblemDocument<'_> {
    fn of(problem: &Problem) -> ProblemDocument<'_> {
        ProblemDocument {
            fault: problem.fault.name(),
            bucket: problem.bucket.as_ref().map(BucketKey::to_string),
            path: problem.path.display().to_string(),
            problem: &problem.what,
            cure: problem.cure,
        }
    }
}

/// A verification as JSON, with a line break at its end.
pub fn verification_json(found: &Verification) -> String {
    pretty(&VerificationDocument {
        schema: VERIFICATION_SCHEMA,
        buckets: found.buckets,
        bytes: found.bytes,
        roll_ups_compared: found.roll_ups_compared,
        problems: found.problems.iter().map(ProblemDocument::of).collect(),
        notes: found.notes.iter().map(ProblemDocument::of).collect(),
    })
}

fn pretty(document: &impl Serialize) -> String {
    serde_json::to_string_pretty(document).expect("a document has only string keys") + "\n"
}
