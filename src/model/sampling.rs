//! What a span says of its own sampling, and the weight that follows from it (ALGORITHMS 6).

/// One in fixed point: weights count in 1/65536.
pub const WEIGHT_ONE: u64 = 1 << 16;

const THRESHOLD_BITS: u32 = 56;
const THRESHOLD_END: u64 = 1 << THRESHOLD_BITS;

/// A rejection threshold of 56 bits, whether it is known, and whether it holds for all spans of its trace.
///
/// A span with threshold `T` was kept because its trace's randomness `R` is at least `T`,
/// so it stands for `2^56 / (2^56 - T)` spans. All spans of a trace share `R`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sampling(u64);

const KNOWN: u64 = 1 << 63;
const TRACE_WIDE: u64 = 1 << 62;

impl Sampling {
    /// Nothing is known: counts as one, and is reported as of unknown weight.
    pub const UNKNOWN: Sampling = Sampling(0);
    /// Known to be unsampled.
    pub const ALL: Sampling = Sampling(KNOWN);

    /// A known threshold; values of 2^56 and above are cut to the largest valid one.
    pub fn from_threshold(threshold: u64) -> Sampling {
        Sampling(KNOWN | threshold.min(THRESHOLD_END - 1))
    }

    /// From "this span stands for `count` spans"; `None` unless `count` is finite and at least 1.
    ///
    /// The threshold is an integer, so two machines get the same one: a division in IEEE 754 is exact to the bit.
    pub fn from_adjusted_count(count: f64) -> Option<Sampling> {
        if !count.is_finite() || count < 1.0 {
            return None;
        }
        let kept = (THRESHOLD_END as f64 / count).round_ties_even().max(1.0) as u64;
        Some(Sampling::from_threshold(THRESHOLD_END - kept))
    }

    /// The same, said once for all spans of the trace: the sampler decided at its root.
    pub fn of_whole_trace(self) -> Sampling {
        Sampling(self.0 | TRACE_WIDE)
    }

    /// True where it was said for all spans of the trace.
    pub fn is_of_whole_trace(self) -> bool {
        self.0 & TRACE_WIDE != 0
    }

    /// True where the span (or the operator) said how it was sampled.
    pub fn is_known(self) -> bool {
        self.0 & KNOWN != 0
    }

    /// The rejection threshold, 0 where nothing is known.
    pub fn threshold(self) -> u64 {
        self.0 & !(KNOWN | TRACE_WIDE)
    }

    /// Sampling of an event that needs both spans: it is seen only if `R` passes the larger threshold.
    /// It is known only where both are.
    pub fn joint(self, other: Sampling) -> Sampling {
        let threshold = self.threshold().max(other.threshold());
        Sampling((self.0 & other.0 & KNOWN) | threshold)
    }

    /// Sampling of what is left when the share `kept` / 2^32 of it is let in, chosen independently.
    pub fn thinned(self, kept: u32) -> Sampling {
        let before = THRESHOLD_END - self.threshold();
        let after = ((u128::from(before) * u128::from(kept)) >> 32).max(1) as u64;
        Sampling((self.0 & (KNOWN | TRACE_WIDE)) | (THRESHOLD_END - after))
    }

    /// The weight in 1/65536, rounded half to even, cut to `u64::MAX`.
    pub fn weight(self) -> u64 {
        // The usual case: it saves divisions of 128 bits for each call and path.
        if self.threshold() == 0 {
            return WEIGHT_ONE;
        }
        let kept = u128::from(THRESHOLD_END - self.threshold());
        let numerator = u128::from(WEIGHT_ONE) << THRESHOLD_BITS;
        let (quotient, remainder) = (numerator / kept, numerator % kept);
        let round_up = remainder * 2 > kept || (remainder * 2 == kept && quotient % 2 == 1);
        u64::try_from(quotient + u128::from(round_up)).unwrap_or(u64::MAX)
    }
}

impl Default for Sampling {
    fn default() -> Self {
        Sampling::UNKNOWN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_threshold_gives_the_adjusted_count_of_the_specification() {
        for (threshold, weight) in [(0, 1.0), (1 << 55, 2.0), (0xc << 52, 4.0), (0xe << 52, 8.0)] {
            assert_eq!(Sampling::from_threshold(threshold).weight() as f64 / WEIGHT_ONE as f64, weight);
        }
    }

    #[test]
    fn an_adjusted_count_survives_the_way_through_the_threshold() {
        for count in [1.0, 2.0, 3.0, 10.0, 1000.0, 1e6] {
            let sampling = Sampling::from_adjusted_count(count).unwrap();
            let back = sampling.weight() as f64 / WEIGHT_ONE as f64;
            assert!((back - count).abs() / count < 1e-4, "{count} came back as {back}");
        }
        assert_eq!(Sampling::from_adjusted_count(0.5), None);
        assert_eq!(Sampling::from_adjusted_count(f64::NAN), None);
    }

    #[test]
    fn what_holds_for_the_whole_trace_weighs_the_same_and_is_of_one_span_once_joined() {
        let half = Sampling::from_threshold(1 << 55);
        let wide = half.of_whole_trace();
        assert!(wide.is_of_whole_trace() && wide.is_known() && !half.is_of_whole_trace());
        assert_eq!((wide.weight(), wide.threshold()), (half.weight(), half.threshold()));
        assert_eq!(wide.joint(wide), half);
        assert!(wide.thinned(1 << 31).is_of_whole_trace());
        assert_eq!(wide.thinned(1 << 31).weight(), 4 * WEIGHT_ONE);
    }

    #[test]
    fn joint_takes_the_larger_threshold_and_is_known_only_if_both_are() {
        let half = Sampling::from_threshold(1 << 55);
        assert_eq!(half.joint(Sampling::ALL), half);
        assert!(!half.joint(Sampling::UNKNOWN).is_known());
        assert_eq!(half.joint(Sampling::UNKNOWN).weight(), 2 * WEIGHT_ONE);
    }
}
