//! Puts assignments on a configuration, one by one, and keeps what is wrong with them.
//!
//! Enters: assignments, the weakest layer first. Leaves: the values, their origins, and problems as
//! `origin: key = value: what is wrong, cure`.

use std::collections::BTreeMap;

use toml::Value;

use super::declare::Knob;
use super::loader::{Assignment, Loaded, Origin};
use super::properties::{MASK, is_secret};
use super::relations::Relation;
use super::sections::{Config, KNOBS, SECTIONS};
use super::suggest::nearest;

/// A configuration while layers are put on it.
pub(super) struct Draft {
    pub(super) loaded: Loaded,
    pub(super) problems: Vec<String>,
    /// Knobs with a value that was refused: what relates to them cannot be judged.
    refused: Vec<String>,
}

impl Draft {
    pub(super) fn new(problems: Vec<String>) -> Draft {
        let loaded = Loaded { config: Config::default(), origins: BTreeMap::new() };
        Draft { loaded, problems, refused: Vec::new() }
    }

    pub(super) fn assign(&mut self, assignment: Assignment) {
        let Some((knob, entry)) = resolve(&assignment.key) else {
            self.problems.push(format!("{}: {}", assignment.origin, unknown(&assignment.key)));
            return;
        };
        match (knob.is_map, entry) {
            (true, None) => self.assign_pairs(&assignment),
            (true, Some(entry)) => {
                let table = toml::Table::from_iter([(entry.to_owned(), assignment.value.clone())]);
                self.apply(knob, assignment, &Value::Table(table));
            }
            (false, _) => {
                let value = assignment.value.clone();
                self.apply(knob, assignment, &value);
            }
        }
    }

    /// A map as one text, as variables and flags have it: `name=value,name=value`.
    fn assign_pairs(&mut self, assignment: &Assignment) {
        let Assignment { key, value, origin } = assignment;
        let text = value.as_str().unwrap_or_default();
        let pairs = text.split(',').filter(|pair| !pair.trim().is_empty());
        let pairs: Option<Vec<_>> = pairs.map(|pair| pair.split_once('=')).collect();
        match pairs {
            // A comma within a secret would cut it, and show the rest of it as another entry.
            _ if is_secret(text) => self.problems.push(format!(
                "{origin}: {key} = \"{MASK}\": holds a secret, give each entry of its own, as {}",
                example_of_entry(origin, key)
            )),
            Some(pairs) if value.is_str() => {
                for (name, value) in pairs {
                    let key = format!("{key}.{}", name.trim());
                    let value = Value::String(value.trim().to_owned());
                    self.assign(Assignment { key, value, origin: origin.clone() });
                }
            }
            _ => self
                .problems
                .push(format!("{origin}: {key} = {value}: must be `name=value`, comma separated")),
        }
    }

    fn apply(&mut self, knob: &Knob, assignment: Assignment, value: &Value) {
        let Assignment { key, value: given, origin } = assignment;
        match (knob.assign)(&mut self.loaded.config, value) {
            Ok(()) => _ = self.loaded.origins.insert(key, origin),
            Err(problem) => {
                self.problems.push(format!("{origin}: {key} = {}: {problem}", shown(&key, &given)));
                self.refused.push(knob.key());
            }
        }
    }

    /// Checks a condition between knobs; the problem stands at the one that was set last.
    pub(super) fn relate(&mut self, relation: &Relation) {
        let is_refused = relation.keys.iter().any(|key| self.refused.iter().any(|refused| refused == key));
        if is_refused || (relation.holds)(&self.loaded.config) {
            return;
        }
        let mut keys = relation.keys.to_vec();
        keys.sort_by_key(|key| std::cmp::Reverse(self.loaded.origin(key).layer()));
        let say = |key: &str| {
            let value =
                KNOBS.iter().find(|knob| knob.key() == key).map(|knob| (knob.show)(&self.loaded.config));
            format!("{key} = {}", value.expect("relations name knobs, a test sees to it"))
        };
        let others: Vec<String> =
            keys[1..].iter().map(|key| format!("{}, {}", say(key), self.loaded.origin(key))).collect();
        let origin = self.loaded.origin(keys[0]);
        let problem = format!("{origin}: {}: {} ({})", say(keys[0]), relation.text, others.join("; "));
        self.problems.push(problem);
    }
}

/// The knob of a key, with the entry where it is a map.
fn resolve(key: &str) -> Option<(&'static Knob, Option<&str>)> {
    KNOBS.iter().find_map(|knob| {
        let rest = key.strip_prefix(&knob.key())?;
        match rest.strip_prefix('.') {
            None if rest.is_empty() => Some((knob, None)),
            Some(entry) if knob.is_map && !entry.is_empty() => Some((knob, Some(entry))),
            _ => None,
        }
    })
}

/// What is wrong with a key that no knob has. Its value is not shown: it may be a secret in the wrong place.
fn unknown(key: &str) -> String {
    if SECTIONS.iter().any(|(section, _)| *section == key) {
        return format!("{key}: a section, not a value, write [{key}] and its keys below");
    }
    let known: Vec<String> = KNOBS.iter().map(Knob::key).collect();
    match nearest(key, &known) {
        Some(known) => format!("{key}: unknown key, did you mean `{known}`?"),
        None => format!("{key}: unknown key, `linchpin config --example` lists all"),
    }
}

fn example_of_entry(origin: &Origin, key: &str) -> String {
    match origin {
        Origin::Variable(name) => format!("{name}__SASL_PASSWORD"),
        _ => format!("{key}.sasl.password"),
    }
}

fn shown(key: &str, value: &Value) -> String {
    let text = value.to_string();
    // The name of a secret's file is no secret.
    let is_file = value.as_table().is_some_and(|table| table.len() == 1 && table.contains_key("file"));
    match (is_secret(key) || is_secret(&text)) && !is_file {
        true => format!("\"{MASK}\""),
        false => text,
    }
}
