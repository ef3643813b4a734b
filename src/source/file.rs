//! Trace files and standard input as records, streaming: one record at most is in memory.
//!
//! Enters: a path or `-`, plain or gzip (told by its first bytes; several members are one file).
//! Leaves: records in the order of the file, each one OTLP protobuf or OTLP JSON.
//! Guaranteed: no record is longer than the limit; what was read before an error has been handed over.
//!
//! | the file holds | a record is |
//! | --- | --- |
//! | JSON lines, as the collector's file exporter writes them | a line |
//! | JSON documents over several lines | a document |
//! | one protobuf message of any size | one of its `resource_spans`, which is a message of its own |
//! | protobuf with a varint length before each message | a message |
//! | protobuf with a big-endian length of four bytes before each, the file exporter's `proto` | a message |

mod framing;
mod window;

use std::fs::File;
use std::io::{self, Cursor, ErrorKind, Read};
use std::ops::ControlFlow;

use flate2::read::MultiGzDecoder;

use crate::model::Format;
use framing::Records;
use window::{Meter, Window};

/// What a path of standard input is.
pub const STDIN: &str = "-";

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// How a file is read.
pub struct ReadOptions<'a> {
    /// Longest record in bytes.
    pub max_record: usize,
    /// Says which format some bytes are, or in words what they look like instead; asked of the first record.
    pub recognise: &'a dyn Fn(&[u8]) -> Result<Format, String>,
    /// Told from time to time how far the file is read.
    pub progress: &'a mut dyn FnMut(Progress),
}

/// How far a file is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Bytes read of the file as it lies there, compressed ones where it is.
    pub read: u64,
    /// Its size, `None` for standard input.
    pub total: Option<u64>,
}

/// What was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Records handed over.
    pub records: u64,
    /// Their bytes and those between them, after decompression.
    pub bytes: u64,
}

/// Why a file was not read to its end. The records before were handed over and count.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {problem} (at byte {position}{}, after {records} good records)",
    if *is_compressed { " of the decompressed data" } else { "" })]
pub struct FileError {
    /// The path as given.
    pub path: String,
    /// What is wrong, and the cure.
    pub problem: String,
    /// Where it is wrong.
    pub position: u64,
    /// True where the position is that of the decompressed data.
    pub is_compressed: bool,
    /// Records handed over before.
    pub records: u64,
}

/// A fault in the input; [`FileError`] adds where and in which file.
#[derive(Debug)]
enum Fault {
    Io(io::Error),
    Content(String),
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Fault {
        Fault::Io(error)
    }
}

/// Hands every record of a file to `on_record`, until it breaks.
pub fn read(
    path: &str,
    options: ReadOptions<'_>,
    on_record: &mut dyn FnMut(&[u8], Format) -> ControlFlow<()>,
) -> Result<Summary, FileError> {
    let opened = match path {
        STDIN => Ok((Box::new(io::stdin().lock()) as Box<dyn Read>, None)),
        _ => open(path),
    };
    let (input, total) = opened.map_err(|error| FileError {
        path: path.into(),
        problem: format!("cannot be opened: {error}; check the path and its permissions"),
        position: 0,
        is_compressed: false,
        records: 0,
    })?;
    read_from(input, total, path, options, on_record)
}

fn open(path: &str) -> io::Result<(Box<dyn Read>, Option<u64>)> {
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    if metadata.is_dir() {
        return Err(io::Error::new(ErrorKind::IsADirectory, "it is a directory, give the files in it"));
    }
    Ok((Box::new(file), metadata.is_file().then_some(metadata.len())))
}

/// As [`read`], from anything; `name` stands in errors.
pub fn read_from(
    input: impl Read,
    total: Option<u64>,
    name: &str,
    options: ReadOptions<'_>,
    on_record: &mut dyn FnMut(&[u8], Format) -> ControlFlow<()>,
) -> Result<Summary, FileError> {
    let mut summary = Summary::default();
    let mut meter = Meter::new(input, total, options.progress);
    let mut head = Vec::new();
    let peeked = meter.by_ref().take(GZIP_MAGIC.len() as u64).read_to_end(&mut head);
    let is_compressed = head == GZIP_MAGIC;
    let whole = Cursor::new(head).chain(meter);
    let mut window = Window::new(if is_compressed {
        Box::new(MultiGzDecoder::new(whole)) as Box<dyn Read + '_>
    } else {
        Box::new(whole)
    });
    let records = Records { max_record: options.max_record, recognise: options.recognise };
    let result =
        peeked.map_err(Fault::Io).and_then(|_| records.read(&mut window, &mut summary.records, on_record));
    summary.bytes = window.position();
    result.map(|()| summary).map_err(|fault| FileError {
        path: name.into(),
        problem: problem(fault, is_compressed),
        position: summary.bytes,
        is_compressed,
        records: summary.records,
    })
}

fn problem(fault: Fault, is_compressed: bool) -> String {
    match fault {
        Fault::Content(problem) => problem,
        Fault::Io(error) if is_compressed && error.kind() == ErrorKind::UnexpectedEof => {
            "the gzip data ends early; copy the file again".into()
        }
        Fault::Io(error)
            if is_compressed && matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::InvalidData) =>
        {
            format!("broken gzip data ({error}); copy the file again")
        }
        Fault::Io(error) => format!("cannot be read: {error}"),
    }
}

#[cfg(test)]
mod tests;
