//! `linchpin store verify`.

use std::io::{IsTerminal, Write};

use super::super::output::{self, Format};
use super::super::{Failure, Outcome};
use super::open::StoreArgs;
use crate::export::store::{verification_json, verification_text};
use crate::store::verify;

/// Arguments of `linchpin store verify`.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    store: StoreArgs,
    /// Output format: a line per problem, or linchpin.verification/1.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

pub(super) fn run(args: Args) -> Outcome {
    let store = args.store.open()?;
    let is_terminal = std::io::stderr().is_terminal();
    let mut shown = None;
    let found = verify(&store, &mut |done, all| {
        let percent = done * 100 / all.max(1);
        if is_terminal && shown != Some(percent) {
            shown = Some(percent);
            // A terminal that is gone is no reason to stop reading.
            let _ = write!(std::io::stderr(), "\r\x1b[2Kverified: {percent} %");
        }
    });
    if shown.is_some() {
        let _ = write!(std::io::stderr(), "\r\x1b[2K");
    }
    for stranger in store.strangers() {
        let _ = writeln!(
            std::io::stderr(),
            "linchpin: `{}` is not the store's: it is left alone",
            stranger.display()
        );
    }
    let text = match args.format {
        Format::Text => verification_text(&found),
        Format::Json => verification_json(&found),
    };
    output::print(&text)?;
    let problems = match found.problems.len() {
        0 => return Ok(()),
        1 => "in 1 place".to_string(),
        n => format!("in {n} places"),
    };
    Err(Failure::Unmet(format!("`{}` is not as it should be, {problems}", store.path().display())))
}
