//! `linchpin serve`.

use super::Outcome;

/// Arguments of `linchpin serve`.
#[derive(clap::Args)]
pub(super) struct Args {}

pub(super) fn run(_args: Args) -> Outcome {
    Ok(())
}
