//! The part of a file that is in memory: grows at its end, shrinks at its start.

use std::io::{self, ErrorKind, Read};

use super::Progress;

const CHUNK_BYTES: usize = 64 << 10;
/// Bytes between two reports of progress.
const REPORT_BYTES: u64 = 1 << 20;

/// Bytes read but not yet consumed.
pub(super) struct Window<'a> {
    input: Box<dyn Read + 'a>,
    buffer: Vec<u8>,
    start: usize,
    position: u64,
}

impl<'a> Window<'a> {
    /// An empty window at the start of `input`.
    pub fn new(input: Box<dyn Read + 'a>) -> Window<'a> {
        Window { input, buffer: Vec::new(), start: 0, position: 0 }
    }

    /// What is there.
    pub fn bytes(&self) -> &[u8] {
        &self.buffer[self.start..]
    }

    /// Position of its first byte in the input.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Reads more; false at the end of the input.
    pub fn grow(&mut self) -> io::Result<bool> {
        // Moved only when as much is gone as is left, so each byte is moved a bounded number of times.
        if self.start >= self.buffer.len() - self.start {
            self.buffer.drain(..self.start);
            self.start = 0;
        }
        let filled = self.buffer.len();
        self.buffer.resize(filled + CHUNK_BYTES, 0);
        let result = loop {
            match self.input.read(&mut self.buffer[filled..]) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                result => break result,
            }
        };
        self.buffer.truncate(filled + *result.as_ref().unwrap_or(&0));
        Ok(result? > 0)
    }

    /// Reads until `count` bytes are there; false where the input ends before.
    pub fn grow_to(&mut self, count: usize) -> io::Result<bool> {
        while self.bytes().len() < count {
            if !self.grow()? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Leaves the first `count` bytes behind.
    pub fn consume(&mut self, count: usize) {
        debug_assert!(count <= self.bytes().len());
        self.start += count;
        self.position += count as u64;
    }

    /// Leaves white space behind; false at the end of the input.
    pub fn skip_white_space(&mut self) -> io::Result<bool> {
        loop {
            let bytes = self.bytes();
            let count = bytes.iter().position(|byte| !byte.is_ascii_whitespace()).unwrap_or(bytes.len());
            self.consume(count);
            if !self.bytes().is_empty() {
                return Ok(true);
            }
            if !self.grow()? {
                return Ok(false);
            }
        }
    }
}

/// Counts what is read through it and reports it.
pub(super) struct Meter<'a, R> {
    input: R,
    progress: Progress,
    reported: u64,
    report: &'a mut dyn FnMut(Progress),
}

impl<'a, R: Read> Meter<'a, R> {
    /// Nothing read yet.
    pub fn new(input: R, total: Option<u64>, report: &'a mut dyn FnMut(Progress)) -> Meter<'a, R> {
        Meter { input, progress: Progress { read: 0, total }, reported: 0, report }
    }
}

impl<R: Read> Read for Meter<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.input.read(buffer)?;
        self.progress.read += count as u64;
        if count == 0 || self.progress.read - self.reported >= REPORT_BYTES {
            self.reported = self.progress.read;
            (self.report)(self.progress);
        }
        Ok(count)
    }
}
