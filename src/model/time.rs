//! Times as integers: event times in Unix nanoseconds, log times in Unix milliseconds, minutes since 1970.

/// Nanoseconds in a millisecond.
pub const NANOS_PER_MILLI: u64 = 1_000_000;
/// Nanoseconds in a minute.
pub const NANOS_PER_MINUTE: u64 = 60_000_000_000;
/// Milliseconds in a minute.
pub const MILLIS_PER_MINUTE: i64 = 60_000;
/// A producer's clock that is further ahead of its log than this, milliseconds, is believed only where others agree.
pub const JUMP_MILLIS: LogMillis = 5 * MILLIS_PER_MINUTE;

/// A point in event time: nanoseconds since 1970-01-01T00:00Z, up to the year 2554.
pub type UnixNanos = u64;

/// A point in log time (Kafka's record time): milliseconds since 1970-01-01T00:00Z.
pub type LogMillis = i64;

/// A minute of event time, counted from 1970-01-01T00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Minute(pub u32);

impl Minute {
    /// The minute that holds `at`.
    pub fn of(at: UnixNanos) -> Minute {
        Minute((at / NANOS_PER_MINUTE) as u32)
    }

    /// The minute that holds a log time; times before 1970 fall into the first minute.
    pub fn of_millis(at: LogMillis) -> Minute {
        Minute((at.max(0) / MILLIS_PER_MINUTE) as u32)
    }

    /// First nanosecond of the minute.
    pub fn start_nanos(self) -> UnixNanos {
        u64::from(self.0) * NANOS_PER_MINUTE
    }

    /// First millisecond after the minute.
    pub fn end_millis(self) -> LogMillis {
        (i64::from(self.0) + 1) * MILLIS_PER_MINUTE
    }
}

/// RFC 3339 in UTC with milliseconds, as every answer shows times.
pub fn rfc3339(at: UnixNanos) -> String {
    let time = std::time::UNIX_EPOCH + std::time::Duration::from_nanos(at);
    humantime::format_rfc3339_millis(time).to_string()
}
