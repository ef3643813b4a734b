//! How bad a share of errors is: the same steps in every format, so that colours mean one thing.

/// Step of an error share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Severity {
    /// No errors, or nothing was called.
    None,
    /// Some, below 1 %.
    Low,
    /// From 1 %.
    Raised,
    /// From 5 %.
    High,
}

impl Severity {
    /// The step of `errors` among `total`.
    pub(super) fn of(errors: u64, total: u64) -> Severity {
        let share = share(errors, total);
        match share {
            s if s <= 0.0 => Severity::None,
            s if s < 0.01 => Severity::Low,
            s if s < 0.05 => Severity::Raised,
            _ => Severity::High,
        }
    }
}

/// `part` of `whole`, 0 to 1; 0 of nothing.
pub(super) fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { (part as f64 / whole as f64).min(1.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_begin_where_they_say() {
        let cases = [
            (0, 0, Severity::None),
            (3, 0, Severity::None),
            (0, 100, Severity::None),
            (1, 101, Severity::Low),
            (1, 100, Severity::Raised),
            (4, 100, Severity::Raised),
            (5, 100, Severity::High),
            (9, 3, Severity::High),
        ];
        for (errors, total, expected) in cases {
            assert_eq!(Severity::of(errors, total), expected, "{errors} of {total}");
        }
    }
}
