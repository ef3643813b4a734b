//! `linchpin demo`.

use super::Outcome;

/// Arguments of `linchpin demo`.
#[derive(clap::Args)]
pub(super) struct Args {}

pub(super) fn run(_args: Args) -> Outcome {
    Ok(())
}
