//! Rules for single values, as the declarations of the knobs name them.
//!
//! Each states itself in words once: the same words stand in the error and in the documentation.

use std::fmt::Display;
use std::time::Duration;

use tracing_subscriber::EnvFilter;

use super::quantity::{duration_text, size_text};
use super::tiers::parse_tier;

/// Says what is wrong with a value.
type Check<T> = Box<dyn Fn(&T) -> Result<(), String>>;

/// What must hold for a value.
pub(super) struct Rule<T> {
    /// In words, as "1 to 256".
    pub(super) text: String,
    /// `Err` names the cure.
    pub(super) check: Check<T>,
}

/// A rule that is true or false of the whole value.
fn rule<T: 'static>(text: impl Into<String>, holds: impl Fn(&T) -> bool + 'static) -> Rule<T> {
    let text = text.into();
    let error = format!("must be {text}");
    Rule { text, check: Box::new(move |value| if holds(value) { Ok(()) } else { Err(error.clone()) }) }
}

/// A rule for each element of a list; the error names the element.
fn each(text: &str, holds: impl Fn(&str) -> bool + 'static) -> Rule<Vec<String>> {
    let must_be = format!("must be {text}");
    let check = move |list: &Vec<String>| match list.iter().find(|element| !holds(element)) {
        Some(element) => Err(format!("`{element}` {must_be}")),
        None => Ok(()),
    };
    Rule { text: format!("each {text}"), check: Box::new(check) }
}

/// From `least` to `most`, both included.
pub(super) fn between<T: PartialOrd + Display + Copy + 'static>(least: T, most: T) -> Rule<T> {
    rule(format!("{least} to {most}"), move |value: &T| *value >= least && *value <= most)
}

/// At least `least` bytes.
pub(super) fn sized(least: u64) -> Rule<u64> {
    rule(format!("at least {}", size_text(least)), move |value: &u64| *value >= least)
}

/// From `least` to `most`, both included.
pub(super) fn lasting(least: Duration, most: Duration) -> Rule<Duration> {
    let text = format!("{} to {}", duration_text(least), duration_text(most));
    rule(text, move |value: &Duration| *value >= least && *value <= most)
}

/// Without a fraction of a second: log time is cut into seconds.
pub(super) fn whole_seconds() -> Rule<Duration> {
    rule("whole seconds", |value: &Duration| value.subsec_nanos() == 0)
}

/// A text with something in it.
pub(super) fn not_blank() -> Rule<String> {
    rule("a name that is not empty", |value: &String| !value.trim().is_empty())
}

/// A list with something in it.
pub(super) fn not_empty() -> Rule<Vec<String>> {
    rule("at least one", |value: &Vec<String>| !value.is_empty())
}

/// A probability that leaves something.
pub(super) fn probability() -> Rule<Option<f64>> {
    rule("over 0 and at most 1", |value: &Option<f64>| value.is_none_or(|p| p > 0.0 && p <= 1.0))
}

/// Bootstrap brokers as librdkafka takes them.
pub(super) fn broker_list() -> Rule<String> {
    rule("`host:port`, comma separated", |value: &String| {
        value.split(',').all(|broker| {
            let address = broker.split_once("://").map_or(broker, |(_, address)| address).trim();
            is_host_and_port(address)
        })
    })
}

/// An address to listen at.
pub(super) fn listen_address() -> Rule<String> {
    rule("`address:port`, as `127.0.0.1:7171`, or `0.0.0.0:7171` for all interfaces", |value: &String| {
        is_host_and_port(value)
    })
}

fn is_host_and_port(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else { return false };
    let is_host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || "-._".contains(c)),
    };
    is_host && port.parse::<u16>().is_ok()
}

/// Names of topics, or `^regex`.
pub(super) fn topic_names() -> Rule<Vec<String>> {
    each("a topic name (letters, digits, `.`, `_`, `-`) or a `^regex` with balanced brackets", |topic| {
        match topic.strip_prefix('^') {
            Some(regex) => !regex.is_empty() && is_balanced(regex),
            None => is_topic_name(topic),
        }
    })
}

fn is_topic_name(topic: &str) -> bool {
    (1..=249).contains(&topic.len())
        && topic.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
        && topic != "."
        && topic != ".."
}

/// True where every bracket is closed: the common slip; the rest only librdkafka's own parser knows.
fn is_balanced(regex: &str) -> bool {
    let mut open = Vec::new();
    let mut chars = regex.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' if chars.next().is_none() => return false,
            // Within a class every other bracket is a plain character.
            ']' if open.last() == Some(&'[') => _ = open.pop(),
            _ if open.last() == Some(&'[') => {}
            '[' | '(' => open.push(c),
            ')' if open.pop() != Some('(') => return false,
            _ => {}
        }
    }
    open.is_empty()
}

/// Globs over `service/operation`.
pub(super) fn operation_globs() -> Rule<Vec<String>> {
    each("a glob over `service/operation`, as `*/GET /healthz`", |glob| {
        glob.split_once('/').is_some_and(|(service, operation)| !service.is_empty() && !operation.is_empty())
    })
}

/// Globs that are not empty.
pub(super) fn globs() -> Rule<Vec<String>> {
    each("a glob, as `GET *`", |glob| !glob.is_empty())
}

/// Keys of attributes, a few at most: each attribute of each span is compared with them.
pub(super) fn attribute_keys() -> Rule<Vec<String>> {
    const MOST: usize = 8;
    let text = format!("at most {MOST} different keys of attributes, as `app.feature`");
    rule(text, |keys: &Vec<String>| {
        let is_new = |(at, key): (usize, &String)| !key.trim().is_empty() && !keys[..at].contains(key);
        keys.len() <= MOST && keys.iter().enumerate().all(is_new)
    })
}

/// Flows and their weights.
pub(super) fn tiers() -> Rule<Vec<String>> {
    let text = "a glob over `service/flow` and a weight from 0.001 to 1000, as `*/POST /checkout*=3`";
    each(text, |tier| parse_tier(tier).is_some())
}

/// A level, or directives as `linchpin=debug`.
///
/// A bare word that is no level would be taken as the name of a module, and quietly switch every other line off.
pub(super) fn log_filter() -> Rule<String> {
    const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
    rule("off, error, warn, info, debug or trace, or `module=level`, comma separated", |value: &String| {
        let has_known_levels = value.split(',').all(|directive| {
            let level = directive.rsplit_once('=').map_or(directive, |(_, level)| level);
            LEVELS.contains(&level.trim().to_ascii_lowercase().as_str())
        });
        has_known_levels && EnvFilter::builder().parse(value).is_ok()
    })
}
