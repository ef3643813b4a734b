//! Standard output and the choice of what goes there.

use std::io::{self, IsTerminal, Write};

use super::Outcome;

/// For people or for programs.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// For people
    Text,
    /// For programs
    Json,
}

/// Standard output; its errors say that they are of it.
pub(super) struct Stdout(io::Stdout);

/// Standard output; a terminal gets whole lines.
pub(super) fn stdout() -> Stdout {
    Stdout(io::stdout())
}

/// Prints a result.
///
/// # Errors
/// Where standard output takes no more.
pub(super) fn print(text: &str) -> Outcome {
    let mut stdout = stdout();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()?;
    Ok(())
}

impl Stdout {
    /// True where people read it.
    pub fn is_terminal(&self) -> bool {
        self.0.is_terminal()
    }
}

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes).map_err(named)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush().map_err(named)
    }
}

/// The kind stays: a reader that went away is told by it.
fn named(error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("cannot write to standard output: {error}"))
}
