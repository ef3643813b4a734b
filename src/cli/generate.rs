//! `linchpin generate`.

use super::Outcome;

/// Arguments of `linchpin generate`.
#[derive(clap::Args)]
pub(super) struct Args {}

pub(super) fn run(_args: Args) -> Outcome {
    Ok(())
}
