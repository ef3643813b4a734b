//! Maps of the configuration: librdkafka properties, whose secrets never leave, and encodings by topic.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use toml::{Table, Value};

use super::notation::Notation;
use super::sections::Encoding;

/// What stands for a secret in every output.
pub(super) const MASK: &str = "***";

/// Words in a key by which its value is a secret.
pub(super) const SECRET_WORDS: [&str; 8] =
    ["password", "passphrase", "secret", "token", "credential", "jaas", "key.pem", "oauthbearer.config"];

/// True where a key's name says that its value is a secret; `_` counts as `.`, as variables have it.
pub(super) fn is_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase().replace('_', ".");
    SECRET_WORDS.iter().any(|word| key.contains(word))
}

/// librdkafka properties by name; `Debug` and every output of the configuration mask secrets.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Properties {
    values: BTreeMap<String, String>,
    /// Names whose values came from files: secrets, whatever their name.
    from_files: BTreeSet<String>,
}

impl Properties {
    /// The values as they are, secrets included: for the client alone, never for output.
    pub fn plain(&self) -> &BTreeMap<String, String> {
        &self.values
    }

    /// Adds a property, or replaces it.
    pub fn insert(&mut self, name: String, value: String) {
        self.values.insert(name, value);
    }

    /// True where the property is set.
    pub fn contains_key(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    /// Names and values, secrets masked.
    fn masked(&self) -> impl Iterator<Item = (&str, &str)> {
        self.values.iter().map(|(name, value)| {
            let is_secret = is_secret(name) || self.from_files.contains(name);
            (name.as_str(), if is_secret { MASK } else { value })
        })
    }

    fn set(&mut self, name: &str, value: &Value) -> Result<(), String> {
        let (value, is_from_file) = match value {
            Value::Table(table) => (read_secret(table)?, true),
            Value::String(text) => (text.clone(), false),
            Value::Integer(_) | Value::Float(_) | Value::Boolean(_) => (value.to_string(), false),
            _ => return Err("must be a text, a number, true, false or { file = \"PATH\" }".to_owned()),
        };
        self.values.insert(name.to_owned(), value);
        self.from_files.remove(name);
        if is_from_file {
            self.from_files.insert(name.to_owned());
        }
        Ok(())
    }
}

/// The content of the file that `{ file = "PATH" }` names, without line ends at its end.
fn read_secret(table: &Table) -> Result<String, String> {
    let path = match (table.len(), table.get("file")) {
        (1, Some(Value::String(path))) => path,
        _ => return Err("must be a text or { file = \"PATH\" }".to_owned()),
    };
    match std::fs::read_to_string(path) {
        Ok(content) => Ok(content.trim_end_matches(['\r', '\n']).to_owned()),
        Err(error) => {
            Err(format!("file `{path}` cannot be read ({error}), name one that this process may read"))
        }
    }
}

impl fmt::Debug for Properties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.masked()).finish()
    }
}

impl<'a> IntoIterator for &'a Properties {
    type Item = (&'a String, &'a String);
    type IntoIter = std::collections::btree_map::Iter<'a, String, String>;

    fn into_iter(self) -> Self::IntoIter {
        self.values.iter()
    }
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for Properties {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Properties {
        let values = pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        Properties { values, from_files: BTreeSet::new() }
    }
}

impl Notation for Properties {
    type Value = Properties;
    const IS_MAP: bool = true;

    fn kind() -> String {
        "table of property = text, or `{ file = \"PATH\" }`".to_owned()
    }

    fn read(value: &Value) -> Result<Properties, String> {
        let mut properties = Properties::default();
        Self::update(&mut properties, value)?;
        Ok(properties)
    }

    fn write(value: &Properties) -> Value {
        value.masked().map(|(name, value)| (name.to_owned(), value.into())).collect::<Table>().into()
    }

    fn update(current: &mut Properties, value: &Value) -> Result<(), String> {
        let table = value.as_table().ok_or("must be a table")?;
        table.iter().try_for_each(|(name, value)| current.set(name, value))
    }
}

impl Notation for BTreeMap<String, Encoding> {
    type Value = BTreeMap<String, Encoding>;
    const IS_MAP: bool = true;

    fn kind() -> String {
        format!("table of topic = {}", Encoding::kind())
    }

    fn read(value: &Value) -> Result<Self, String> {
        let mut encodings = BTreeMap::new();
        Self::update(&mut encodings, value)?;
        Ok(encodings)
    }

    fn write(value: &Self) -> Value {
        value
            .iter()
            .map(|(topic, encoding)| (topic.clone(), Encoding::write(encoding)))
            .collect::<Table>()
            .into()
    }

    fn update(current: &mut Self, value: &Value) -> Result<(), String> {
        for (topic, encoding) in value.as_table().ok_or("must be a table")? {
            current.insert(topic.clone(), Encoding::read(encoding)?);
        }
        Ok(())
    }
}
