//! Puts the layers together: default < file < environment < flag.
//!
//! Leaves: values in range that fit each other, each with its origin; or all problems, each as
//! `origin: key = value: what is wrong, cure`. Secrets stand in neither.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use toml::Value;

use super::declare::Knob;
use super::draft::Draft;
use super::properties::{MASK, is_secret};
use super::relations::RELATIONS;
use super::sections::{Config, KNOBS};
use super::{environment, file};

/// The file that is read where none is named.
const DEFAULT_FILE: &str = "linchpin.toml";

/// Where a value comes from, weakest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// Nobody set it.
    #[default]
    Default,
    /// A file.
    File {
        /// As it was named.
        name: String,
        /// From 1.
        line: usize,
    },
    /// An environment variable.
    Variable(String),
    /// A flag of the command line.
    Flag(&'static str),
}

impl Origin {
    pub(super) fn layer(&self) -> u8 {
        match self {
            Origin::Default => 0,
            Origin::File { .. } => 1,
            Origin::Variable(_) => 2,
            Origin::Flag(_) => 3,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => f.write_str("default"),
            Origin::File { name, line } => write!(f, "{name}:{line}"),
            Origin::Variable(name) => f.write_str(name),
            Origin::Flag(name) => f.write_str(name),
        }
    }
}

/// One `key = value` of a layer.
pub(super) struct Assignment {
    pub(super) key: String,
    pub(super) value: Value,
    pub(super) origin: Origin,
}

/// Collects the layers. The order of the calls does not matter, but among flags, where the last one wins.
#[derive(Default)]
pub struct Loader {
    assignments: Vec<Assignment>,
    problems: Vec<String>,
}

/// A configuration and where each value comes from.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The values.
    pub config: Config,
    /// By key, of maps by entry; keys at their default are not in it.
    pub(super) origins: BTreeMap<String, Origin>,
}

/// One effective value.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// `section.name`, of maps with the name of the entry.
    pub key: String,
    /// The value, secrets masked; its `Display` is TOML.
    pub value: Value,
    /// Where it comes from.
    pub origin: Origin,
    /// True where another value gives other sealed facts.
    pub affects_facts: bool,
}

impl Loader {
    /// Only the defaults.
    pub fn new() -> Loader {
        Loader::default()
    }

    /// The layers of this process: the file named, else `./linchpin.toml` if it is there; and the environment.
    pub fn of_process(file: Option<&Path>) -> Loader {
        let loader = match file {
            Some(path) => Loader::new().file(path),
            None if Path::new(DEFAULT_FILE).exists() => Loader::new().file(Path::new(DEFAULT_FILE)),
            None => Loader::new(),
        };
        let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
        loader.environment(std::env::vars_os().map(|(name, value)| (text(name), text(value))))
    }

    /// A file; it is a problem if it is not there.
    pub fn file(mut self, path: &Path) -> Loader {
        let assignments = file::read(path, &mut self.problems);
        self.assignments.extend(assignments);
        self
    }

    /// Variables; those without our prefix are left alone.
    pub fn environment(mut self, variables: impl IntoIterator<Item = (String, String)>) -> Loader {
        let assignments = environment::read(variables, &mut self.problems);
        self.assignments.extend(assignments);
        self
    }

    /// A value that a flag of a command gives: `flag("http.listen", "0.0.0.0:7171")`.
    pub fn flag(mut self, key: &str, value: impl Into<String>) -> Loader {
        self.push("flag", key, value.into());
        self
    }

    /// A `--set key=value`.
    pub fn set(mut self, assignment: &str) -> Loader {
        match assignment.split_once('=') {
            Some((key, value)) => self.push("--set", key.trim(), value.trim().to_owned()),
            None => {
                let shown = if is_secret(assignment) { MASK } else { assignment };
                self.problems.push(format!("--set {shown}: no `=`, write --set kafka.brokers=HOST:9092"));
            }
        }
        self
    }

    fn push(&mut self, flag: &'static str, key: &str, value: String) {
        let (key, value, origin) = (key.to_owned(), Value::String(value), Origin::Flag(flag));
        self.assignments.push(Assignment { key, value, origin });
    }

    /// Applies the layers; on failure every problem of every layer.
    pub fn load(self) -> Result<Loaded, Vec<String>> {
        let mut draft = Draft::new(self.problems);
        let mut assignments = self.assignments;
        assignments.sort_by_key(|assignment| assignment.origin.layer());
        for assignment in assignments {
            draft.assign(assignment);
        }
        RELATIONS.iter().for_each(|relation| draft.relate(relation));
        match draft.problems.is_empty() {
            true => Ok(draft.loaded),
            false => Err(draft.problems),
        }
    }
}

impl Loaded {
    /// All values in the order of the declarations; a map has an entry per entry, or one if it is empty.
    pub fn entries(&self) -> Vec<Entry> {
        KNOBS.iter().flat_map(|knob| self.entries_of(knob)).collect()
    }

    fn entries_of(&self, knob: &Knob) -> Vec<Entry> {
        let entry = |key: String, value: Value| Entry {
            origin: self.origin(&key),
            key,
            value,
            affects_facts: knob.affects_facts,
        };
        match (knob.show)(&self.config) {
            Value::Table(table) if !table.is_empty() => table
                .into_iter()
                .map(|(name, value)| entry(format!("{}.{name}", knob.key()), value))
                .collect(),
            value => vec![entry(knob.key(), value)],
        }
    }

    pub(super) fn origin(&self, key: &str) -> Origin {
        self.origins.get(key).cloned().unwrap_or_default()
    }
}
