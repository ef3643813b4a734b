//! How values are written: from TOML (or the text of a variable or flag) to typed values, and back.
//!
//! Reading what was written gives the same value. Errors say what is wrong and the cure; the caller names the value.

use std::time::{Duration, UNIX_EPOCH};

use toml::Value;

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

const NOT_A_DURATION: &str = "must be a duration, as \"30s\", \"2m\", \"24h\" or \"90d\"";
const NOT_A_SIZE: &str = "must be a size, as \"64MiB\", \"2GiB\" or a number of bytes";
const NOT_A_START: &str = "must be \"earliest\", \"latest\", a duration ago as \"30m\", or a time in UTC as \"2026-01-31T08:00:00Z\"";

/// Units of durations in nanoseconds, longest first.
const TIME_UNITS: [(&str, u128); 7] = [
    ("d", 86_400_000_000_000),
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

/// Units of sizes in bytes, largest first within a family; the first three are the ones written.
const SIZE_UNITS: [(&str, u64); 9] = [
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("TiB", 1 << 40),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("B", 1),
];

/// A duration in its longest whole unit, as `90s`, `2m` or `1d`.
pub fn duration_text(duration: Duration) -> String {
    let nanos = duration.as_nanos();
    let (unit, length) = match nanos {
        0 => ("s", 1),
        _ => *TIME_UNITS.iter().find(|(_, length)| nanos % length == 0).expect("1 ns divides everything"),
    };
    format!("{}{unit}", nanos / length)
}

/// A size in its largest whole unit up to GiB, else in bytes.
pub(super) fn size_text(bytes: u64) -> String {
    let whole = SIZE_UNITS[..3].iter().find(|(_, size)| bytes != 0 && bytes % size == 0);
    whole.map_or_else(|| format!("{bytes}B"), |(unit, size)| format!("{}{unit}", bytes / size))
}

/// Reads `30s`, `1h30m`, `24h`: whole numbers with units, added up.
fn parse_duration(text: &str) -> Result<Duration, String> {
    let not_a_duration = || NOT_A_DURATION.to_owned();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(format!("has no unit, write \"{text}s\" for seconds"));
    }
    let mut rest = text.trim();
    let mut nanos: u128 = 0;
    while !rest.is_empty() {
        let (number, after) = split_number(rest).ok_or_else(not_a_duration)?;
        let end = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let (unit, after) = after.split_at(end);
        let (_, length) = TIME_UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(not_a_duration)?;
        nanos += u128::from(number) * length;
        rest = after.trim_start();
    }
    let is_empty = text.trim().is_empty();
    u64::try_from(nanos).ok().filter(|_| !is_empty).map(Duration::from_nanos).ok_or_else(not_a_duration)
}

/// Reads `64MiB`, `64 MiB` or plain bytes.
fn parse_size(text: &str) -> Result<u64, String> {
    let parse = || {
        let (number, unit) = split_number(text.trim())?;
        let size = match unit.trim() {
            "" => 1,
            unit => SIZE_UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit))?.1,
        };
        number.checked_mul(size).filter(|bytes| i64::try_from(*bytes).is_ok())
    };
    parse().ok_or_else(|| NOT_A_SIZE.to_owned())
}

/// The leading digits as a number, and what follows.
fn split_number(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    Some((digits.parse().ok()?, rest))
}

/// RFC 3339 in UTC, as Unix milliseconds.
fn parse_time(text: &str) -> Option<i64> {
    // Its parser slices by byte position.
    let time = text.is_ascii().then(|| humantime::parse_rfc3339(text).ok())??;
    i64::try_from(time.duration_since(UNIX_EPOCH).ok()?.as_millis()).ok()
}
