//! The `linchpin` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    linchpin::cli::main()
}
