//! `linchpin store ls`.

use std::io::IsTerminal;

use super::super::output::{self, Format};
use super::super::{Failure, Outcome, terminal_width};
use super::open::StoreArgs;
use super::select::Selection;
use crate::export::store::{Content, ListedBucket, listing_json, listing_text};
use crate::graph::sealed::{BucketKey, Frame};
use crate::store::EmbeddedStore;

/// Arguments of `linchpin store ls`.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    selection: Selection,
    /// Also what is in them: traces, spans, rules and configuration, digest, marks. That reads the files.
    #[arg(long)]
    long: bool,
    /// Output format: a table, or linchpin.buckets/1.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

pub(super) fn run(args: Args) -> Outcome {
    let store = args.store.open()?;
    let mut listed = Vec::new();
    for (key, bytes) in args.selection.of(&store)? {
        match args.long.then(|| content(&store, &key)).transpose()? {
            // It went away since it was listed.
            Some(None) => {}
            content => listed.push(ListedBucket { key, bytes, content: content.flatten() }),
        }
    }
    for bucket in &listed {
        if let Some(Err(problem)) = &bucket.content {
            eprintln!("linchpin: {}: {problem}", bucket.key);
        }
    }
    let width = if std::io::stdout().is_terminal() { terminal_width() } else { None };
    let text = match args.format {
        Format::Text => listing_text(&listed, width),
        Format::Json => listing_json(&listed),
    };
    output::print(&text)?;
    match listed.is_empty() {
        true => Err(Failure::Unmet("nothing matched: no bucket is left by the filters".to_string())),
        false => Ok(()),
    }
}

/// `None` where the bucket is gone.
fn content(store: &EmbeddedStore, key: &BucketKey) -> Result<Option<Result<Content, String>>, Failure> {
    let bytes = match store.load(key) {
        Ok(Some(bytes)) => bytes,
        Ok(None) => return Ok(None),
        Err(error) => return Ok(Some(Err(error.to_string()))),
    };
    let content = Frame::open(&bytes).and_then(|frame| Content::of(&frame));
    Ok(Some(content.map_err(|damage| damage.to_string())))
}
