//! `linchpin.toml`: from its text to assignments with their lines.
//!
//! Tables are walked down to knobs; below a map (`kafka.properties`) dotted keys name one entry, so that
//! `security.protocol = "SSL"` needs no quotes. Only an inline table stays a value: `{ file = "PATH" }`.

use std::path::Path;

use toml::Value;
use toml::de::{DeTable, DeValue};

use super::loader::{Assignment, Origin};
use super::sections::{KNOBS, SECTIONS};

/// Reads a file; what could not be read is said in `problems`.
pub(super) fn read(path: &Path, problems: &mut Vec<String>) -> Vec<Assignment> {
    let name = path.display().to_string();
    match std::fs::read_to_string(path) {
        Ok(text) => parse(&name, &text, problems),
        Err(error) => {
            problems.push(format!("{name}: cannot be read ({error}), name a file that exists with --config"));
            Vec::new()
        }
    }
}

/// Parses the text of a file.
pub(super) fn parse(name: &str, text: &str, problems: &mut Vec<String>) -> Vec<Assignment> {
    let (document, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        // Its full text would quote the line, which may hold a secret.
        let line = line_of(text, error.span().map_or(0, |span| span.start));
        problems.push(format!("{name}:{line}: not TOML, {}", error.message()));
    }
    let mut walk = Walk { name, text, problems, assignments: Vec::new() };
    // What could be made of a broken file is guesswork, and so would be its problems.
    if errors.is_empty() {
        walk.table("", document.get_ref());
    }
    walk.assignments.sort_by_key(|assignment| assignment.origin.clone());
    walk.assignments
}

struct Walk<'a> {
    name: &'a str,
    text: &'a str,
    problems: &'a mut Vec<String>,
    assignments: Vec<Assignment>,
}

impl Walk<'_> {
    fn table(&mut self, prefix: &str, table: &DeTable<'_>) {
        for (name, value) in table {
            let key = match prefix {
                "" => name.get_ref().to_string(),
                prefix => format!("{prefix}.{}", name.get_ref()),
            };
            let is_inline = self.text[value.span().start..].starts_with('{');
            match value.get_ref() {
                DeValue::Table(inner) if is_walked(&key, inner, is_inline) => self.table(&key, inner),
                value => self.leaf(key, line_of(self.text, name.span().start), value),
            }
        }
    }

    fn leaf(&mut self, key: String, line: usize, value: &DeValue<'_>) {
        let origin = Origin::File { name: self.name.to_owned(), line };
        match plain(value) {
            Ok(value) => self.assignments.push(Assignment { key, value, origin }),
            Err(problem) => self.problems.push(format!("{origin}: {key}: {problem}")),
        }
    }
}

/// True where a table stands for what is in it, and is no value or mistake itself.
fn is_walked(key: &str, table: &DeTable<'_>, is_inline: bool) -> bool {
    let is_section = SECTIONS.iter().any(|(section, _)| *section == key);
    let is_map = KNOBS.iter().any(|knob| knob.is_map && knob.key() == key);
    is_section || is_map || (!is_inline && !table.is_empty())
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

fn plain(value: &DeValue<'_>) -> Result<Value, String> {
    Ok(match value {
        DeValue::String(text) => Value::String(text.to_string()),
        DeValue::Integer(number) => {
            let parsed = i64::from_str_radix(number.as_str(), number.radix());
            Value::Integer(
                parsed.map_err(|_| format!("`{number}` is beyond 64 bits, write a smaller number"))?,
            )
        }
        DeValue::Float(number) => {
            let parsed = number.as_str().parse();
            Value::Float(parsed.map_err(|_| format!("`{number}` is no number, write it as 0.5"))?)
        }
        DeValue::Boolean(truth) => Value::Boolean(*truth),
        DeValue::Datetime(time) => Value::Datetime(*time),
        DeValue::Array(elements) => {
            Value::Array(elements.iter().map(|element| plain(element.get_ref())).collect::<Result<_, _>>()?)
        }
        DeValue::Table(table) => Value::Table(
            table
                .iter()
                .map(|(name, value)| Ok((name.get_ref().to_string(), plain(value.get_ref())?)))
                .collect::<Result<_, String>>()?,
        ),
    })
}
