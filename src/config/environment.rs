//! Environment variables: `LINCHPIN_KAFKA__BROKERS` is `kafka.brokers`.
//!
//! Of `kafka.properties`, `LINCHPIN_KAFKA__PROPERTIES__SASL_PASSWORD` is the entry `sasl.password`.
//! Every other variable with our prefix is a problem, but those that Kubernetes makes of services named `linchpin…`.

use toml::Value;

use super::loader::{Assignment, Origin};
use super::sections::KNOBS;
use super::suggest::nearest;

const PREFIX: &str = "LINCHPIN_";

/// The variable of a key.
pub(super) fn variable(key: &str) -> String {
    format!("{PREFIX}{}", key.to_ascii_uppercase().replace('.', "__"))
}

/// The assignments of all variables with our prefix.
pub(super) fn read(
    variables: impl IntoIterator<Item = (String, String)>,
    problems: &mut Vec<String>,
) -> Vec<Assignment> {
    let mut assignments = Vec::new();
    let ours = variables
        .into_iter()
        .filter(|(name, value)| name.starts_with(PREFIX) && !is_service_link(name, value));
    for (name, value) in ours {
        match key_of(&name) {
            Some(key) => {
                assignments.push(Assignment {
                    key,
                    value: Value::String(value),
                    origin: Origin::Variable(name),
                });
            }
            None => problems.push(unknown(&name)),
        }
    }
    assignments
}

/// The key of a variable; of a map with the entry behind it.
fn key_of(name: &str) -> Option<String> {
    KNOBS.iter().find_map(|knob| {
        let rest = name.strip_prefix(&variable(&knob.key()))?;
        match rest.strip_prefix("__") {
            None if rest.is_empty() => Some(knob.key()),
            // Properties are lower case with dots. Topic names are not, so their map is given as a whole.
            Some(entry) if knob.key() == "kafka.properties" && !entry.is_empty() => {
                Some(format!("{}.{}", knob.key(), entry.to_ascii_lowercase().replace('_', ".")))
            }
            _ => None,
        }
    })
}

fn unknown(name: &str) -> String {
    let known: Vec<String> = KNOBS.iter().map(|knob| knob.key()).collect();
    let lower = name[PREFIX.len()..].to_ascii_lowercase();
    // `LINCHPIN_KAFKA_BROKERS`: the usual slip is one underscore too few.
    let wanted = match lower.contains("__") {
        true => lower.replace("__", "."),
        false => lower.replacen('_', ".", 1),
    };
    match nearest(&wanted, &known) {
        Some(key) => format!("{name}: unknown variable, did you mean `{}`?", variable(key)),
        None => format!(
            "{name}: unknown variable, `linchpin config` lists all keys, `{}` sets kafka.brokers",
            variable("kafka.brokers")
        ),
    }
}

/// True for what Kubernetes sets in every pod for a service named `linchpin` or `linchpin-…`.
fn is_service_link(name: &str, value: &str) -> bool {
    let has_port_number = |(_, rest): (&str, &str)| rest.starts_with(|c: char| c.is_ascii_digit());
    !name.contains("__")
        && (name.ends_with("_SERVICE_HOST")
            || name.contains("_SERVICE_PORT")
            || name.split_once("_PORT_").is_some_and(has_port_number)
            || (name.ends_with("_PORT") && value.contains("://")))
}
