//! Graphviz as a subprocess: DOT in, SVG out, within a time limit.

use std::io::{ErrorKind, Read, Write};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// Longest wait for a picture; from some hundred nodes on `dot` may take minutes.
const TIME_LIMIT: Duration = Duration::from_secs(20);

/// Draws DOT as SVG by the `dot` of this machine.
///
/// # Errors
/// Why there is no picture, in words, for the user.
pub(super) fn svg(dot: &str) -> Result<String, String> {
    let mut command = Command::new("dot");
    command.arg("-Tsvg");
    output_of(command, dot, TIME_LIMIT)
}

/// What the command writes when it is given the input; it is killed after `limit`.
/// An error on standard error is one, whatever the exit code: `dot` may write half a picture and end well.
fn output_of(mut command: Command, input: &str, limit: Duration) -> Result<String, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| match error.kind() {
        ErrorKind::NotFound => format!("`{name}` is not installed"),
        _ => format!("`{name}` does not start: {error}"),
    })?;
    let (mut stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (sender, receiver) = mpsc::channel();
    let complaints = std::thread::spawn(move || read_all(stderr));
    let input = input.as_bytes().to_vec();
    std::thread::spawn(move || {
        // A child that ends before it has read everything says why by itself.
        let _ = stdin.as_mut().map(|stdin| stdin.write_all(&input));
    });
    std::thread::spawn(move || sender.send(read_all(stdout)));
    let output = receiver.recv_timeout(limit);
    if output.is_err() {
        let _ = child.kill();
    }
    let status = child.wait().map_err(|error| format!("`{name}`: {error}"))?;
    let complaints = complaints.join().unwrap_or_default();
    let Ok(output) = output else {
        return Err(format!("`{name}` took longer than {} s", limit.as_secs()));
    };
    if !status.success() || complaints.to_lowercase().contains("error") {
        let first = complaints.lines().next().unwrap_or("without a word");
        return Err(format!("`{name}` ended with {status}: {first}"));
    }
    Ok(output)
}

fn read_all(pipe: Option<impl Read>) -> String {
    let mut bytes = Vec::new();
    // What was read before a pipe broke is what there is.
    let _ = pipe.map(|mut pipe| pipe.read_to_end(&mut bytes));
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn what_goes_wrong_is_told() {
        let long = "x".repeat(1 << 20);
        let cases = [
            (sh("cat"), long.as_str(), Ok(long.as_str())),
            (sh("echo small; echo 'Warning: odd' >&2"), "", Ok("small\n")),
            (sh("exit 0"), &long, Ok("")),
            (sh("echo half; echo 'Error: trouble in init_rank' >&2"), "", Err("trouble in init_rank")),
            (sh("echo half; exit 3"), "", Err("ended with exit status: 3: without a word")),
            (Command::new("no-such-program-here"), "", Err("`no-such-program-here` is not installed")),
        ];
        for (command, input, expected) in cases {
            let shown = format!("{command:?}");
            match (output_of(command, input, TIME_LIMIT), expected) {
                (Ok(output), Ok(expected)) => assert!(output == expected, "{shown}"),
                (Err(error), Err(expected)) => assert!(error.contains(expected), "{shown}: {error}"),
                (other, _) => panic!("{shown}: {other:?}"),
            }
        }
    }

    #[test]
    fn what_takes_too_long_is_killed() {
        let never_ends = sh("exec tail -f /dev/null");
        let error = output_of(never_ends, "", Duration::ZERO).unwrap_err();
        assert_eq!(error, "`sh` took longer than 0 s");
    }
}
