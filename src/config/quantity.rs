//! Durations and sizes as people write them: a whole number and a unit.

use std::time::Duration;

pub(super) const NOT_A_DURATION: &str = "must be a duration, as \"30s\", \"2m\", \"24h\" or \"90d\"";
pub(super) const NOT_A_SIZE: &str = "must be a size, as \"64MiB\", \"2GiB\" or a number of bytes";

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
        _ => *TIME_UNITS
            .iter()
            .find(|(_, length)| nanos.is_multiple_of(*length))
            .expect("1 ns divides everything"),
    };
    format!("{}{unit}", nanos / length)
}

/// A size in its largest whole unit up to GiB, else in bytes.
pub(super) fn size_text(bytes: u64) -> String {
    let whole = SIZE_UNITS[..3].iter().find(|(_, size)| bytes != 0 && bytes.is_multiple_of(*size));
    whole.map_or_else(|| format!("{bytes}B"), |(unit, size)| format!("{}{unit}", bytes / size))
}

/// Reads `30s`, `1h30m`, `24h`: whole numbers with units, added up.
pub(super) fn parse_duration(text: &str) -> Result<Duration, String> {
    let not_a_duration = || NOT_A_DURATION.to_owned();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(format!("has no unit, write \"{text}s\" for seconds"));
    }
    let mut rest = text.trim();
    let mut nanos: u128 = 0;
    while !rest.is_empty() {
        let (number, after) = split_number(rest).ok_or_else(not_a_duration)?;
        let after = after.trim_start();
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
pub(super) fn parse_size(text: &str) -> Result<u64, String> {
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
