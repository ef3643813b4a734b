//! `linchpin config`; and the flags by which every command that needs a configuration gets it.

use std::path::PathBuf;

use serde_json::json;

use super::output::{self, Format};
use super::{Failure, Outcome};
use crate::config::{Entry, Loaded, Loader, example, markdown};

/// Flags of every command that reads the configuration.
#[derive(clap::Args)]
pub(super) struct ConfigArgs {
    /// Configuration file; linchpin.toml in this directory if it is there and none is named.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Sets a value, as kafka.brokers=HOST:9092; may be repeated.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
}

impl ConfigArgs {
    /// The layers of the file, the environment and `--set`; a command adds its own flags and loads.
    pub(super) fn loader(&self) -> Loader {
        let loader = Loader::of_process(self.config.as_deref());
        self.set.iter().fold(loader, |loader, assignment| loader.set(assignment))
    }
}

/// Arguments of `linchpin config`.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    config: ConfigArgs,
    /// Only check: print every problem and exit with 64, or say that there is none.
    #[arg(long, conflicts_with_all = ["example", "docs"])]
    check: bool,
    /// Print a commented file with every key at its default.
    #[arg(long, conflicts_with = "docs")]
    example: bool,
    /// Print docs/CONFIG.md.
    #[arg(long, hide = true)]
    docs: bool,
    /// How to print the effective values.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

pub(super) fn run(args: Args) -> Outcome {
    let text = match (args.example, args.docs) {
        (true, _) => example(),
        (_, true) => markdown(),
        _ => {
            let loaded = args.config.loader().load().map_err(Failure::Config)?;
            match (args.check, args.format) {
                (true, _) => "the configuration is fine\n".to_owned(),
                (false, Format::Text) => table(&loaded),
                (false, Format::Json) => json(&loaded)?,
            }
        }
    };
    output::print(&text)
}

fn table(loaded: &Loaded) -> String {
    let facts_hash = format!("{:016x}", loaded.config.facts_hash());
    let mut rows = vec![["key", "value", "origin"].map(str::to_owned)];
    rows.extend(loaded.entries().into_iter().map(|Entry { key, value, origin, affects_facts }| {
        let mark = if affects_facts { " *" } else { "" };
        [format!("{key}{mark}"), value.to_string(), origin.to_string()]
    }));
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    // A long list must not push every origin off the screen.
    let (keys, values) = (width(0), width(1).min(48));
    let mut text: String =
        rows.iter().map(|[key, value, origin]| format!("{key:keys$}  {value:values$}  {origin}\n")).collect();
    text.push_str(&format!("\n* changes sealed facts; their hash is {facts_hash}\n"));
    text
}

fn json(loaded: &Loaded) -> serde_json::Result<String> {
    let values: Vec<_> = loaded
        .entries()
        .into_iter()
        .map(|Entry { key, value, origin, affects_facts }| {
            json!({
                "key": key,
                "value": value,
                "origin": origin.to_string(),
                "affects_facts": affects_facts,
            })
        })
        .collect();
    let facts_hash = format!("{:016x}", loaded.config.facts_hash());
    let document = json!({ "facts_hash": facts_hash, "values": values });
    Ok(serde_json::to_string_pretty(&document)? + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loaded() -> Loaded {
        let loader = Loader::new().set("kafka.properties.sasl.password=hunter2").flag("lanes.count", "8");
        loader.load().unwrap()
    }

    #[test]
    fn the_table_has_every_value_with_its_origin_and_no_secret() {
        let table = table(&loaded());
        let row = |start: &str| {
            let line = table.lines().find(|line| line.starts_with(start)).expect(start);
            line.split_whitespace().collect::<Vec<_>>().join(" ")
        };
        assert_eq!(row("lanes.count"), "lanes.count * 8 flag");
        assert_eq!(row("kafka.properties"), "kafka.properties.sasl.password \"***\" --set");
        assert_eq!(row("http.listen"), "http.listen \"127.0.0.1:7171\" default");
        assert!(table.ends_with(&format!("is {:016x}\n", loaded().config.facts_hash())), "{table}");
        assert!(!table.contains("hunter2"));
    }

    #[test]
    fn json_says_the_same() {
        let text = json(&loaded()).unwrap();
        let document: serde_json::Value = serde_json::from_str(&text).unwrap();
        let values = document["values"].as_array().unwrap();
        assert_eq!(values.len(), loaded().entries().len());
        let count = json!({"key": "lanes.count", "value": 8, "origin": "flag", "affects_facts": true});
        assert!(values.contains(&count), "{text}");
        assert_eq!(document["facts_hash"], format!("{:016x}", loaded().config.facts_hash()));
        assert!(!text.contains("hunter2"));
    }
}
