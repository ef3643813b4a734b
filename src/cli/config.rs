//! `linchpin config`.

use super::Outcome;

/// Arguments of `linchpin config`.
#[derive(clap::Args)]
pub(super) struct Args {}

pub(super) fn run(_args: Args) -> Outcome {
    Ok(())
}
