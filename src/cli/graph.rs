//! `linchpin graph`.

use super::Outcome;

/// Arguments of `linchpin graph`.
#[derive(clap::Args)]
pub(super) struct Args {}

pub(super) fn run(_args: Args) -> Outcome {
    Ok(())
}
