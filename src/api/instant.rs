//! Instants and spans of time as parameters write them.
//!
//! Enters: text from a query string. Leaves: Unix nanoseconds or a duration,
//! or the value and the cure in words.

use std::time::{Duration, UNIX_EPOCH};

use super::error::excerpt;
use crate::model::UnixNanos;
use crate::model::time::rfc3339;

/// A window beyond this is a slip of the pen; `all` says all.
const MAX_WINDOW: Duration = Duration::from_secs(3660 * 24 * 3600);
/// Unix seconds from here on (the year 5138) are milliseconds in truth.
const FIRST_MILLIS: u64 = 100_000_000_000;

/// An instant: RFC 3339 with `Z` or an offset, or Unix seconds with or without a fraction.
///
/// # Errors
/// The value and the cure in words.
pub fn parse_instant(text: &str) -> Result<UnixNanos, String> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let instant = if is_number { parse_seconds(text)? } else { parse_rfc3339(text) };
    let instant = instant.ok_or_else(|| {
        format!(
            "`{}` is no instant: give RFC 3339 as 2026-10-01T12:00:00Z or Unix seconds, from 1970 on",
            excerpt(text)
        )
    })?;
    UnixNanos::try_from(instant).map_err(|_| {
        let last = rfc3339(UnixNanos::MAX);
        format!(
            "`{}` is out of range: give an instant from 1970-01-01T00:00:00.000Z to {last}",
            excerpt(text)
        )
    })
}

/// Exact: a float would lose nanoseconds.
fn parse_seconds(text: &str) -> Result<Option<i128>, String> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    // Nine digits are nanoseconds; what is finer is cut.
    let padded = format!("{fraction:0<9}");
    let (Ok(seconds), Ok(nanos)) = (whole.parse::<u64>(), padded[..9].parse::<u64>()) else {
        return Ok(None);
    };
    if seconds >= FIRST_MILLIS {
        return Err(format!("`{}` looks like milliseconds: give Unix seconds", excerpt(text)));
    }
    Ok(Some(i128::from(seconds) * 1_000_000_000 + i128::from(nanos)))
}

/// Nanoseconds since 1970, which may lie before it by the offset.
fn parse_rfc3339(text: &str) -> Option<i128> {
    let (local, offset) = split_offset(text)?;
    let time = humantime::parse_rfc3339(&format!("{local}Z")).ok()?;
    let nanos = i128::try_from(time.duration_since(UNIX_EPOCH).ok()?.as_nanos()).ok()?;
    Some(nanos - i128::from(offset) * 1_000_000_000)
}

/// The part before the offset, and the offset in seconds east.
fn split_offset(text: &str) -> Option<(&str, i64)> {
    if let Some(local) = text.strip_suffix(['Z', 'z']) {
        return Some((local, 0));
    }
    let at = text.len().checked_sub(6)?;
    let (local, offset) = (text.get(..at)?, text.get(at..)?);
    let sign = match offset.get(..1)? {
        // A plus that was not escaped in a query string arrives as a blank.
        "+" | " " => 1,
        "-" => -1,
        _ => return None,
    };
    let (hours, minutes) = offset[1..].split_once(':')?;
    let (hours, minutes) = (hours.parse::<u32>().ok()?, minutes.parse::<u32>().ok()?);
    (hours < 24 && minutes < 60).then_some((local, sign * i64::from(hours * 3600 + minutes * 60)))
}

/// A window, as `15m`, `2h 30m` or `7days`.
pub(super) fn parse_window(text: &str) -> Result<Duration, String> {
    let window = humantime::parse_duration(text).map_err(|_| {
        format!("`{}` is no span of time: write it as 15m, 2h or 7d, or `all`", excerpt(text))
    })?;
    if window.is_zero() {
        return Err(format!("`{}` is empty: give at least a second", excerpt(text)));
    }
    if window > MAX_WINDOW {
        return Err(format!(
            "`{}` is longer than ten years: write `all` for all that is kept",
            excerpt(text)
        ));
    }
    Ok(window)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_rfc3339_or_seconds() {
        const NOON: u64 = 1_767_268_800_000_000_000;
        let cases = [
            ("2026-01-01T12:00:00Z", NOON),
            ("2026-01-01T12:00:00.5z", NOON + 500_000_000),
            ("2026-01-01T14:00:00+02:00", NOON),
            ("2026-01-01T14:00:00 02:00", NOON),
            ("2026-01-01T06:30:00-05:30", NOON),
            ("1767268800", NOON),
            ("1767268800.25", NOON + 250_000_000),
            ("1767268800.1234567891", NOON + 123_456_789),
            ("0", 0),
        ];
        for (text, nanos) in cases {
            assert_eq!(parse_instant(text), Ok(nanos), "{text}");
        }
    }

    #[test]
    fn what_is_no_instant_says_what_would_be_one() {
        let cases = [
            ("1767268800000", "looks like milliseconds"),
            ("", "is no instant"),
            ("yesterday", "is no instant"),
            ("-5", "is no instant"),
            ("1.2.3", "is no instant"),
            (
                "99999999999",
                "is out of range: give an instant from 1970-01-01T00:00:00.000Z to 2554-07-21T23:34:33.709Z",
            ),
            ("9999-12-31T23:59:59Z", "to 2554-07-21T23:34:33.709Z"),
            ("2554-07-21T23:34:34Z", "is out of range"),
            ("1e300", "is no instant"),
            ("2026-13-01T00:00:00Z", "is no instant"),
            ("2026-01-01T00:00:00+25:00", "is no instant"),
            ("1969-12-31T23:59:59Z", "from 1970 on"),
            ("1970-01-01T00:00:00+01:00", "is out of range"),
            ("ä:00:00", "is no instant"),
            ("€€€+é:0", "is no instant"),
        ];
        for (text, cure) in cases {
            let problem = parse_instant(text).unwrap_err();
            assert!(problem.contains(cure), "{text}: {problem}");
        }
    }

    #[test]
    fn windows_have_bounds() {
        assert_eq!(parse_window("15m"), Ok(Duration::from_secs(900)));
        assert_eq!(parse_window("2h 30m"), Ok(Duration::from_secs(9000)));
        for (text, cure) in [("0s", "is empty"), ("900y", "write `all`"), ("15", "15m, 2h"), ("", "15m, 2h")]
        {
            let problem = parse_window(text).unwrap_err();
            assert!(problem.contains(cure), "{text}: {problem}");
        }
    }
}
