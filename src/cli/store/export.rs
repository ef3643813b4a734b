//! `linchpin store export`.

use std::io::Write;
use std::path::Path;

use super::super::{Failure, Outcome};
use super::open::StoreArgs;
use super::select::Selection;
use crate::export::sealed::to_json;
use crate::graph::sealed::{BucketKey, Frame, Width};
use crate::store::EmbeddedStore;

/// Arguments of `linchpin store export`.
#[derive(clap::Args)]
pub(super) struct Args {
    /// Buckets as `ls` prints them (`merged 1m 2026-11-25T18:01Z`, in one argument or in three), or files of buckets.
    ///
    /// One bucket is indented; several are a line each.
    #[arg(value_name = "KEY", required_unless_present = "all")]
    keys: Vec<String>,
    /// All buckets that pass the filters, a line each.
    #[arg(long, conflicts_with = "keys")]
    all: bool,
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    store: StoreArgs,
}

/// What is to be printed.
#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    Bucket(BucketKey),
    File(String),
}

pub(super) fn run(args: Args) -> Outcome {
    let wanted = read_keys(&args.keys)?;
    let needs_store = args.all || wanted.iter().any(|wanted| matches!(wanted, Wanted::Bucket(_)));
    let store = if needs_store { Some(args.store.open()?) } else { None };
    let wanted = match &store {
        Some(store) if args.all => {
            args.selection.of(store)?.into_iter().map(|(key, _)| Wanted::Bucket(key)).collect()
        }
        _ => wanted,
    };
    if wanted.is_empty() {
        return Err(Failure::Unmet("nothing matched: no bucket is left by the filters".to_string()));
    }
    let mut problems = Vec::new();
    let mut stdout = std::io::BufWriter::new(std::io::stdout().lock());
    for one in &wanted {
        match load(one, store.as_ref()) {
            Ok(Some(bytes)) => {
                let is_single = wanted.len() == 1 && !args.all;
                match Frame::open(&bytes).and_then(|frame| to_json(&frame, is_single)) {
                    Ok(json) => writeln!(stdout, "{json}")?,
                    Err(damage) => problems.push(format!("{one}: {damage}")),
                }
            }
            // It went away since it was listed: rolled up, or too old.
            Ok(None) if args.all => {}
            Ok(None) => {
                problems.push(format!(
                    "{one}: there is no such bucket; `linchpin store ls` lists those that are"
                ));
            }
            Err(problem) => problems.push(problem),
        }
    }
    stdout.flush()?;
    if problems.is_empty() { Ok(()) } else { Err(Failure::Unmet(problems.join("\nlinchpin: "))) }
}

fn load(wanted: &Wanted, store: Option<&EmbeddedStore>) -> Result<Option<Vec<u8>>, String> {
    match wanted {
        Wanted::Bucket(key) => {
            let loaded = store.map(|store| store.load(key)).transpose();
            loaded.map(Option::flatten).map_err(|error| error.to_string())
        }
        Wanted::File(path) => std::fs::read(path).map(Some).map_err(|error| format!("{path}: {error}")),
    }
}

/// Keys may be one argument or three; what is a file is a file.
fn read_keys(arguments: &[String]) -> Result<Vec<Wanted>, Failure> {
    let mut wanted = Vec::new();
    let mut rest = arguments;
    while let [first, more @ ..] = rest {
        let is_width = |text: &String| Width::ALL.iter().any(|width| width.name() == text);
        let (text, taken) = match more {
            [width, start, ..] if is_width(width) => (format!("{first} {width} {start}"), 3),
            _ => (first.clone(), 1),
        };
        if taken == 1 && (Path::new(first).exists() || first.split_whitespace().count() < 3) {
            wanted.push(Wanted::File(text));
        } else {
            wanted.push(Wanted::Bucket(text.parse().map_err(|error| Failure::Usage(format!("{error}")))?));
        }
        rest = &rest[taken..];
    }
    Ok(wanted)
}

impl std::fmt::Display for Wanted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Wanted::Bucket(key) => key.fmt(f),
            Wanted::File(path) => path.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_one_argument_or_three() {
        let read = |arguments: &[&str]| {
            let arguments: Vec<String> = arguments.iter().map(|text| text.to_string()).collect();
            read_keys(&arguments)
        };
        let key = Wanted::Bucket("merged 1m 2026-11-25T18:01Z".parse().unwrap());
        let file = Wanted::File("a.bucket".into());
        let mixed = ["a.bucket", "merged", "1m", "2026-11-25T18:01Z", "merged   1m  2026-11-25T18:01:00Z"];
        assert_eq!(
            read(&mixed).unwrap(),
            [file, key, Wanted::Bucket("merged 1m 2026-11-25T18:01Z".parse().unwrap())]
        );
        assert!(read(&["merged 1x 2026-11-25T18:01Z"]).is_err());
    }
}
