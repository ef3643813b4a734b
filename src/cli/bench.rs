//! `linchpin bench`.

use super::Outcome;

/// Arguments of `linchpin bench`.
#[derive(clap::Args)]
pub(super) struct Args {}

pub(super) fn run(_args: Args) -> Outcome {
    Ok(())
}
