//! Numbers for people: counts, rates, shares and times, with as many digits as they deserve.
//!
//! Values that are not finite or not positive where they must be come out as a dash, never as a lie.

/// What stands where there is no value.
pub const NONE: &str = "-";

/// A correction for sampling below this share of the number would not be seen in three digits.
const CORRECTION: f64 = 0.005;

/// A whole number with commas: `1,234,567`.
pub fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// Events per second, or per minute or hour where they are rare: `12.3/s`, `30/min`, `4/h`.
pub fn rate(per_second: f64) -> String {
    if !per_second.is_finite() || per_second < 0.0 {
        return NONE.to_owned();
    }
    if per_second == 0.0 {
        return "0/s".to_owned();
    }
    let unit = RateUnit::of(per_second);
    let value = per_second * unit.seconds;
    if value < 0.1 {
        return format!("<0.1/{}", unit.name);
    }
    format!("{}/{}", whole_or_tenths(value, 99.95), unit.name)
}

/// What rates that shall be compared are all given in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RateUnit {
    seconds: f64,
    name: &'static str,
}

impl RateUnit {
    /// The unit in which this many per second are at least one: that of the largest of several.
    pub fn of(per_second: f64) -> RateUnit {
        let (seconds, name) = match per_second {
            v if v >= 1.0 => (1.0, "s"),
            v if v * 60.0 >= 1.0 => (60.0, "min"),
            _ => (3_600.0, "h"),
        };
        RateUnit { seconds, name }
    }

    /// Events per second in this unit: `900/s`, `12.3/s`, `0.045/s`, `<0.001/s`.
    pub fn rate(self, per_second: f64) -> String {
        let RateUnit { seconds, name } = self;
        let digits = |value: f64, places: usize| {
            let text = format!("{value:.places$}");
            format!("{}/{name}", text.trim_end_matches('0'))
        };
        match per_second * seconds {
            v if !v.is_finite() || v < 0.0 => NONE.to_owned(),
            0.0 => format!("0/{name}"),
            v if v < 0.001 => format!("<0.001/{name}"),
            v if v < 0.009_95 => digits(v, 4),
            v if v < 0.099_5 => digits(v, 3),
            v if v < 0.995 => digits(v, 2),
            v => format!("{}/{name}", whole_or_tenths(v, 99.95)),
        }
    }
}

/// The rate of what was seen `seen` times in so many seconds; nothing without either.
/// Where sampling was corrected, `adjusted` is the estimate of the true number: its rate is shown, marked with `~`.
/// Without a unit that others share each rate has its own.
pub fn seen_rate(seen: u64, adjusted: f64, seconds: Option<f64>, unit: Option<RateUnit>) -> Option<String> {
    let seconds = seconds.filter(|_| seen > 0)?;
    let seen = seen as f64;
    let is_corrected = adjusted.is_finite() && (adjusted - seen).abs() > seen * CORRECTION;
    let rate = |per_second: f64| unit.map_or_else(|| rate(per_second), |unit| unit.rate(per_second));
    Some(if is_corrected { format!("~{}", rate(adjusted / seconds)) } else { rate(seen / seconds) })
}

/// A share from 0 to 1 in per cent: `0 %`, `<0.1 %`, `1.2 %`, `34 %`, `>99 %`, `100 %`.
/// Only 0 is shown as 0 and only 1 as 100.
pub fn percent(share: f64) -> String {
    match share * 100.0 {
        v if !v.is_finite() || v < 0.0 => NONE.to_owned(),
        0.0 => "0 %".to_owned(),
        v if v < 0.1 => "<0.1 %".to_owned(),
        v if v >= 100.0 => "100 %".to_owned(),
        v if v >= 99.0 => ">99 %".to_owned(),
        v => format!("{} %", whole_or_tenths(v, 9.95)),
    }
}

/// A time given in milliseconds: `<0.01 ms`, `0.34 ms`, `3.4 ms`, `34 ms`, `1.2 s`, `12 s`, `1.5 min`, `2 h`.
pub fn millis(value: f64) -> String {
    const SECOND: f64 = 1_000.0;
    const MINUTE: f64 = 60.0 * SECOND;
    const HOUR: f64 = 60.0 * MINUTE;
    match value {
        v if !v.is_finite() => NONE.to_owned(),
        v if v < 0.0 => format!("-{}", millis(-v)),
        0.0 => "0 ms".to_owned(),
        v if v < 0.01 => "<0.01 ms".to_owned(),
        v if v < 0.995 => format!("{} ms", format!("{v:.2}").trim_end_matches('0')),
        v if v < 999.5 => format!("{} ms", whole_or_tenths(v, 9.95)),
        v if v < 59.5 * SECOND => format!("{} s", whole_or_tenths(v / SECOND, 9.95)),
        v if v < 59.5 * MINUTE => format!("{} min", whole_or_tenths(v / MINUTE, 9.95)),
        v => format!("{} h", whole_or_tenths(v / HOUR, 9.95)),
    }
}

/// A number without unit: `0`, `<0.01`, `0.38`, `1.59`, `12.3`, `123`.
pub fn decimal(value: f64) -> String {
    match value {
        v if !v.is_finite() || v < 0.0 => NONE.to_owned(),
        0.0 => "0".to_owned(),
        v if v < 0.01 => "<0.01".to_owned(),
        v if v < 9.995 => format!("{v:.2}"),
        v => whole_or_tenths(v, 99.95),
    }
}

/// One decimal below `bound` (dropped where it is 0), none from there on.
fn whole_or_tenths(value: f64, bound: f64) -> String {
    if value >= bound {
        // The cast saturates; no rate or time comes near.
        return count(value.round() as u64);
    }
    let tenths = format!("{value:.1}");
    tenths.strip_suffix(".0").map_or_else(|| tenths.clone(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_grouped_by_three() {
        let cases = [
            (0, "0"),
            (7, "7"),
            (999, "999"),
            (1_000, "1,000"),
            (12_345, "12,345"),
            (123_456, "123,456"),
            (1_234_567, "1,234,567"),
            (u64::MAX, "18,446,744,073,709,551,615"),
        ];
        for (value, expected) in cases {
            assert_eq!(count(value), expected);
        }
    }

    #[test]
    fn rates_choose_their_unit() {
        let cases = [
            (0.0, "0/s"),
            (12.34, "12.3/s"),
            (2.0, "2/s"),
            (99.94, "99.9/s"),
            (99.96, "100/s"),
            (1_234.5, "1,235/s"),
            (0.5, "30/min"),
            (0.02, "1.2/min"),
            (1.0 / 900.0, "4/h"),
            (0.000_01, "<0.1/h"),
            (-1.0, "-"),
            (f64::NAN, "-"),
            (f64::INFINITY, "-"),
        ];
        for (value, expected) in cases {
            assert_eq!(rate(value), expected, "{value}");
        }
    }

    #[test]
    fn rates_that_are_compared_have_one_unit() {
        for (largest, expected) in [
            (900.0, ["900/s", "12.3/s", "0.045/s", "0.0012/s", "<0.001/s", "0/s", "-"]),
            (0.5, ["54,000/min", "740/min", "2.7/min", "0.07/min", "0.006/min", "0/min", "-"]),
            (0.001, ["3,240,000/h", "44,388/h", "162/h", "4.2/h", "0.36/h", "0/h", "-"]),
        ] {
            let unit = RateUnit::of(largest);
            let rates = [900.0, 12.33, 0.045, 0.001_17, 0.000_1, 0.0, f64::NAN];
            let shown = rates.map(|rate| unit.rate(rate));
            assert_eq!(shown, expected, "{largest}");
        }
    }

    #[test]
    fn only_a_corrected_rate_is_marked() {
        let cases = [
            (900, 900.0, Some(900.0), Some("1/s")),
            (900, 900.1, Some(900.0), Some("1/s")),
            (900, 9_000.0, Some(900.0), Some("~10/s")),
            (900, f64::NAN, Some(900.0), Some("1/s")),
            (900, 900.0, None, None),
            (0, 0.0, Some(900.0), None),
        ];
        for (seen, adjusted, seconds, expected) in cases {
            assert_eq!(seen_rate(seen, adjusted, seconds, None).as_deref(), expected, "{seen} {adjusted}");
        }
    }

    #[test]
    fn shares_are_never_rounded_to_none_or_all() {
        let cases = [
            (0.0, "0 %"),
            (0.000_1, "<0.1 %"),
            (0.001, "0.1 %"),
            (0.012_3, "1.2 %"),
            (0.099_4, "9.9 %"),
            (0.099_6, "10 %"),
            (0.344, "34 %"),
            (0.989, "99 %"),
            (0.999_9, ">99 %"),
            (1.0, "100 %"),
            (1.2, "100 %"),
            (f64::NAN, "-"),
        ];
        for (value, expected) in cases {
            assert_eq!(percent(value), expected, "{value}");
        }
    }

    #[test]
    fn plain_numbers_keep_three_digits() {
        let cases = [
            (0.0, "0"),
            (0.004, "<0.01"),
            (0.382, "0.38"),
            (1.0, "1.00"),
            (9.996, "10"),
            (12.34, "12.3"),
            (1_234.0, "1,234"),
            (-1.0, "-"),
            (f64::NAN, "-"),
        ];
        for (value, expected) in cases {
            assert_eq!(decimal(value), expected, "{value}");
        }
    }

    #[test]
    fn times_keep_two_digits_and_change_unit_at_the_rounded_border() {
        let cases = [
            (0.0, "0 ms"),
            (0.004, "<0.01 ms"),
            (0.344, "0.34 ms"),
            (0.6, "0.6 ms"),
            (0.996, "1 ms"),
            (3.44, "3.4 ms"),
            (9.96, "10 ms"),
            (340.4, "340 ms"),
            (999.6, "1 s"),
            (1_240.0, "1.2 s"),
            (12_400.0, "12 s"),
            (59_600.0, "1 min"),
            (90_000.0, "1.5 min"),
            (3_599_000.0, "1 h"),
            (7_200_000.0, "2 h"),
            (-3.44, "-3.4 ms"),
            (f64::NAN, "-"),
        ];
        for (value, expected) in cases {
            assert_eq!(millis(value), expected, "{value}");
        }
    }
}
