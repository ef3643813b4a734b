//! How values are written: from TOML (or the text of a variable or flag) to typed values, and back.
//!
//! Reading what was written gives the same value. Errors say what is wrong and the cure; the caller names the value.

use std::time::{Duration, UNIX_EPOCH};

use toml::Value;

use super::quantity::{NOT_A_DURATION, NOT_A_SIZE, duration_text, parse_duration, parse_size, size_text};
use super::sections::Start;

/// A way to write a type's values.
pub(super) trait Notation {
    /// The type.
    type Value;
    /// True where the value is a table of entries.
    const IS_MAP: bool = false;

    /// In words, for the documentation.
    fn kind() -> String;

    /// Reads a value.
    fn read(value: &Value) -> Result<Self::Value, String>;

    /// Writes a value, secrets masked.
    fn write(value: &Self::Value) -> Value;

    /// Replaces `current` by what is read; maps take the entries given in addition.
    fn update(current: &mut Self::Value, value: &Value) -> Result<(), String> {
        *current = Self::read(value)?;
        Ok(())
    }
}

impl Notation for String {
    type Value = String;

    fn kind() -> String {
        "text".to_owned()
    }

    fn read(value: &Value) -> Result<String, String> {
        value.as_str().map(str::to_owned).ok_or_else(|| "must be a text in quotes".to_owned())
    }

    fn write(value: &String) -> Value {
        value.as_str().into()
    }
}

impl Notation for Vec<String> {
    type Value = Vec<String>;

    fn kind() -> String {
        "list of texts".to_owned()
    }

    /// Takes a list; of a text its comma separated parts, or a TOML list where a part holds a comma itself.
    fn read(value: &Value) -> Result<Vec<String>, String> {
        let not_a_list = || "must be a list of texts, as [\"a\", \"b\"]".to_owned();
        match value {
            Value::Array(elements) => {
                elements.iter().map(|element| String::read(element).map_err(|_| not_a_list())).collect()
            }
            Value::String(text) if text.trim_start().starts_with('[') => {
                let list = toml::de::ValueDeserializer::parse(text).map_err(|_| not_a_list())?;
                serde::Deserialize::deserialize(list).map_err(|_| not_a_list())
            }
            Value::String(text) if text.trim().is_empty() => Ok(Vec::new()),
            Value::String(text) => Ok(text.split(',').map(|part| part.trim().to_owned()).collect()),
            _ => Err(not_a_list()),
        }
    }

    fn write(value: &Vec<String>) -> Value {
        Value::Array(value.iter().map(|text| text.as_str().into()).collect())
    }
}

impl Notation for bool {
    type Value = bool;

    fn kind() -> String {
        "`true` or `false`".to_owned()
    }

    fn read(value: &Value) -> Result<bool, String> {
        match value {
            Value::Boolean(truth) => Ok(*truth),
            Value::String(text) if text == "true" => Ok(true),
            Value::String(text) if text == "false" => Ok(false),
            _ => Err("must be true or false".to_owned()),
        }
    }

    fn write(value: &bool) -> Value {
        (*value).into()
    }
}

impl Notation for u64 {
    type Value = u64;

    fn kind() -> String {
        "number".to_owned()
    }

    fn read(value: &Value) -> Result<u64, String> {
        let number = match value {
            Value::Integer(number) => u64::try_from(*number).ok(),
            Value::String(text) => {
                text.replace('_', "").parse().ok().filter(|number| i64::try_from(*number).is_ok())
            }
            _ => None,
        };
        number.ok_or_else(|| "must be a whole number, as 20000".to_owned())
    }

    fn write(value: &u64) -> Value {
        Value::Integer(i64::try_from(*value).unwrap_or(i64::MAX))
    }
}

impl Notation for usize {
    type Value = usize;

    fn kind() -> String {
        u64::kind()
    }

    fn read(value: &Value) -> Result<usize, String> {
        usize::try_from(u64::read(value)?).map_err(|_| "must be a number that fits this machine".to_owned())
    }

    fn write(value: &usize) -> Value {
        u64::write(&(*value as u64))
    }
}

impl Notation for Option<f64> {
    type Value = Option<f64>;

    fn kind() -> String {
        "number or `unset`".to_owned()
    }

    fn read(value: &Value) -> Result<Option<f64>, String> {
        let number = match value {
            Value::String(text) if text == "unset" => return Ok(None),
            Value::Float(number) => Some(*number),
            Value::Integer(number) => Some(*number as f64),
            Value::String(text) => text.parse().ok(),
            _ => None,
        };
        number.map(Some).ok_or_else(|| "must be a number, as 0.1, or \"unset\"".to_owned())
    }

    fn write(value: &Option<f64>) -> Value {
        value.map_or_else(|| "unset".into(), Value::Float)
    }
}

impl Notation for Duration {
    type Value = Duration;

    fn kind() -> String {
        "duration".to_owned()
    }

    fn read(value: &Value) -> Result<Duration, String> {
        match value {
            Value::String(text) => parse_duration(text),
            Value::Integer(number) => Err(format!("has no unit, write \"{number}s\" for seconds")),
            _ => Err(NOT_A_DURATION.to_owned()),
        }
    }

    fn write(value: &Duration) -> Value {
        duration_text(*value).into()
    }
}

/// `u64` as a number of bytes.
pub(super) struct Bytes;

impl Notation for Bytes {
    type Value = u64;

    fn kind() -> String {
        "size".to_owned()
    }

    fn read(value: &Value) -> Result<u64, String> {
        match value {
            Value::Integer(number) => u64::try_from(*number).map_err(|_| NOT_A_SIZE.to_owned()),
            Value::String(text) => parse_size(text),
            _ => Err(NOT_A_SIZE.to_owned()),
        }
    }

    fn write(value: &u64) -> Value {
        size_text(*value).into()
    }
}

impl Notation for Start {
    type Value = Start;

    fn kind() -> String {
        "`earliest`, `latest`, a duration ago or a time".to_owned()
    }

    fn read(value: &Value) -> Result<Start, String> {
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Datetime(time) => time.to_string(),
            _ => return Err(NOT_A_START.to_owned()),
        };
        match text.as_str() {
            "earliest" => return Ok(Start::Earliest),
            "latest" => return Ok(Start::Latest),
            _ => {}
        }
        if let Ok(ago) = parse_duration(&text) {
            return Ok(Start::Ago(ago));
        }
        parse_time(&text).map(Start::At).ok_or_else(|| NOT_A_START.to_owned())
    }

    fn write(value: &Start) -> Value {
        match value {
            Start::Earliest => "earliest".into(),
            Start::Latest => "latest".into(),
            Start::Ago(ago) => Duration::write(ago),
            Start::At(millis) => {
                let since = Duration::from_millis(u64::try_from(*millis).unwrap_or(0));
                humantime::format_rfc3339_millis(UNIX_EPOCH + since).to_string().into()
            }
        }
    }
}

const NOT_A_START: &str = "must be \"earliest\", \"latest\", a duration ago as \"30m\", \
    or a time in UTC as \"2026-01-31T08:00:00Z\"";

/// RFC 3339 in UTC, as Unix milliseconds.
fn parse_time(text: &str) -> Option<i64> {
    // Its parser slices by byte position.
    let time = text.is_ascii().then(|| humantime::parse_rfc3339(text).ok())??;
    i64::try_from(time.duration_since(UNIX_EPOCH).ok()?.as_millis()).ok()
}
