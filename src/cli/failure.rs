//! How a command ends: its outcome, and the exit code of each way to fail.

use std::io::Write;
use std::process::ExitCode;

/// A command's way to fail.
#[derive(Debug)]
pub enum Failure {
    /// Nothing matched, or a gate failed: exit 1.
    Unmet(String),
    /// Wrong usage, an unreadable or unknown file: exit 2.
    Usage(String),
    /// Bad configuration, every problem at once: exit 64.
    Config(Vec<String>),
    /// Anything else: exit 70.
    Internal(anyhow::Error),
}

/// What a command gives back.
pub type Outcome = Result<(), Failure>;

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Failure {
        Failure::Internal(error.into())
    }
}

/// Prints a failure on stderr and gives its exit code.
///
/// A reader that closed our stdout (`linchpin graph … | head`) is no failure.
pub(super) fn report(outcome: Outcome) -> ExitCode {
    let (code, lines) = match outcome {
        Ok(()) => return ExitCode::SUCCESS,
        Err(Failure::Internal(error)) if is_broken_pipe(&error) => return ExitCode::SUCCESS,
        Err(Failure::Unmet(message)) => (1, vec![message]),
        Err(Failure::Usage(message)) => (2, vec![message]),
        Err(Failure::Config(problems)) => (64, problems),
        Err(Failure::Internal(error)) => (70, vec![format!("{error:#}")]),
    };
    let mut stderr = std::io::stderr().lock();
    for line in lines {
        // Nothing can be done where stderr is closed; the exit code still tells.
        let _ = writeln!(stderr, "linchpin: {line}");
    }
    ExitCode::from(code)
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<std::io::Error>())
        .any(|cause| cause.kind() == std::io::ErrorKind::BrokenPipe)
}
