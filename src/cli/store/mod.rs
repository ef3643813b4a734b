//! `linchpin store`: what a store holds, whether it is whole, and its buckets as JSON. Nothing is changed.

mod export;
mod ls;
mod open;
mod select;
mod verify;

pub(super) use open::{open_to_read, store_path};

use super::Outcome;

/// Arguments of `linchpin store`.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// List the buckets, by time and then by width.
    Ls(ls::Args),
    /// Read every bucket: is it whole, does it say what it should? Exits with 1 where something is wrong.
    Verify(verify::Args),
    /// Print buckets as JSON, with everything that is in them.
    Export(export::Args),
}

pub(super) fn run(args: Args) -> Outcome {
    match args.command {
        Command::Ls(args) => ls::run(args),
        Command::Verify(args) => verify::run(args),
        Command::Export(args) => export::run(args),
    }
}
