//! `linchpin store export`.

use std::io::Write;
use std::path::Path;

use super::super::output;
use super::super::{Failure, Outcome};
use super::open::StoreArgs;
use super::select::Selection;
use crate::export::sealed::to_json;
use crate::graph::sealed::{BucketKey, Frame};
use crate::store::EmbeddedStore;

/// What the names of buckets' files end in.
const EXTENSION: &str = ".bucket";

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
    let mut problems = Problems::default();
    let mut stdout = std::io::BufWriter::new(output::stdout());
    for one in &wanted {
        match load(one, store.as_ref()) {
            Ok(Some(bytes)) => {
                let is_single = wanted.len() == 1 && !args.all;
                match Frame::open(&bytes).and_then(|frame| to_json(&frame, is_single)) {
                    Ok(json) => writeln!(stdout, "{json}")?,
                    Err(damage) => problems.add(Failure::Unmet(format!("{one}: {damage}")))?,
                }
            }
            // It went away since it was listed: rolled up, or too old.
            Ok(None) if args.all => {}
            Ok(None) => problems.add(Failure::Unmet(format!(
                "{one}: there is no such bucket; `linchpin store ls` lists those that are"
            )))?,
            Err(failure) => problems.add(failure)?,
        }
    }
    stdout.flush()?;
    problems.outcome()
}

fn load(wanted: &Wanted, store: Option<&EmbeddedStore>) -> Result<Option<Vec<u8>>, Failure> {
    match wanted {
        Wanted::Bucket(key) => {
            let loaded = store.map(|store| store.load(key)).transpose();
            loaded.map(Option::flatten).map_err(|error| Failure::Unmet(error.to_string()))
        }
        Wanted::File(path) => std::fs::read(path).map(Some).map_err(|error| {
            Failure::Usage(format!(
                "`{path}` cannot be read ({error}): name a file of a bucket, or a bucket as `linchpin store ls` prints it"
            ))
        }),
    }
}

/// What could not be printed; the rest was.
#[derive(Default)]
struct Problems {
    lines: Vec<String>,
    is_usage: bool,
}

impl Problems {
    fn add(&mut self, failure: Failure) -> Outcome {
        match failure {
            Failure::Unmet(line) => self.lines.push(line),
            Failure::Usage(line) => {
                self.lines.push(line);
                self.is_usage = true;
            }
            graver => return Err(graver),
        }
        Ok(())
    }

    fn outcome(self) -> Outcome {
        let text = self.lines.join("\nlinchpin: ");
        match self.lines.len() {
            0 => Ok(()),
            _ if self.is_usage => Err(Failure::Usage(text)),
            _ => Err(Failure::Unmet(text)),
        }
    }
}

/// Keys may be one argument or three; what is a file is a file.
fn read_keys(arguments: &[String]) -> Result<Vec<Wanted>, Failure> {
    let mut wanted = Vec::new();
    let mut rest = arguments;
    while let [first, ..] = rest {
        let taken = match first {
            _ if Path::new(first).exists() || first.ends_with(EXTENSION) => {
                wanted.push(Wanted::File(first.clone()));
                1
            }
            _ => {
                let taken = if first.contains(char::is_whitespace) { 1 } else { rest.len().min(3) };
                wanted.push(Wanted::Bucket(read_key(&rest[..taken].join(" "))?));
                taken
            }
        };
        rest = &rest[taken..];
    }
    Ok(wanted)
}

fn read_key(text: &str) -> Result<BucketKey, Failure> {
    text.parse().map_err(|error| {
        Failure::Usage(format!(
            "{error}, or the name of a file that is there; `linchpin store ls` lists the buckets"
        ))
    })
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
        for (wrong, words) in [
            (&["merged 1x 2026-11-25T18:01Z"][..], "its width is none of 1m, 10m, 1h, 1d"),
            (&["merged", "7m", "2026-11-25T18:01Z"], "its width is none of 1m, 10m, 1h, 1d"),
            (
                &["merged", "1m", "yesterday"],
                "`merged 1m yesterday` names no bucket: its start is no whole minute",
            ),
            (&["merged", "10m", "2026-11-25T18:01Z"], "not on the grid"),
            (&["merged", "1m"], "it has not three parts"),
            (&["nowhere"], "`nowhere` names no bucket"),
        ] {
            let Failure::Usage(message) = read(wrong).unwrap_err() else { panic!("{wrong:?}") };
            assert!(message.contains(words) && message.contains("`linchpin store ls`"), "{message}");
        }
    }
}
