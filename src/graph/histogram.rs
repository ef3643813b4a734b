//! Durations in exponential buckets of scale 3: eight a doubling, from 1 µs to 69 s, with an under- and an overflow bucket.
//!
//! Counts are integers and merging adds them, so any order and grouping of merges gives the same histogram.
//! The index comes from compares of exponent and mantissa, never from a logarithm, which differs between machines.

/// Nanoseconds below this fall into the underflow bucket.
const FIRST: u64 = 1 << FIRST_EXPONENT;
const FIRST_EXPONENT: u32 = 10;
const END_EXPONENT: u32 = 36;
/// Buckets to a doubling.
const PER_DOUBLING: u32 = 8;
const OVERFLOW: u8 = ((END_EXPONENT - FIRST_EXPONENT) * PER_DOUBLING + 1) as u8;

/// 2^(63 + i/8) for i = 1..8, rounded up: where the buckets of one doubling begin, for a mantissa shifted to the top.
const MANTISSAS: [u64; 7] = [
    0x8b95c1e3ea8bd6e7,
    0x9837f0518db8a970,
    0xa5fed6a9b15138eb,
    0xb504f333f9de6485,
    0xc5672a115506dade,
    0xd744fccad69d6af5,
    0xeac0c6e7dd24392f,
];

/// A distribution of durations in nanoseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    /// Number of values.
    pub count: u64,
    /// Their sum, nanoseconds.
    pub sum: u128,
    /// Smallest value; meaningless without values.
    pub min: u64,
    /// Largest value.
    pub max: u64,
    /// The bucket of the first of `counts`.
    first: u8,
    /// Values by bucket, up to the last bucket that had one: a value finds its count without a search.
    counts: Vec<u64>,
}

impl Histogram {
    /// Adds a value.
    pub fn record(&mut self, nanos: u64) {
        let bucket = self.bucket(index(nanos));
        *bucket += 1;
        self.min = if self.count == 0 { nanos } else { self.min.min(nanos) };
        self.max = self.max.max(nanos);
        self.count += 1;
        self.sum += u128::from(nanos);
    }

    /// Takes back a value that was recorded. Smallest and largest stay as they were.
    pub fn take_back(&mut self, nanos: u64) {
        let bucket = self.bucket(index(nanos));
        *bucket = bucket.saturating_sub(1);
        self.count = self.count.saturating_sub(1);
        self.sum = self.sum.saturating_sub(u128::from(nanos));
    }

    /// Adds all values of another histogram.
    pub fn merge(&mut self, other: &Histogram) {
        if other.count == 0 {
            return;
        }
        self.min = if self.count == 0 { other.min } else { self.min.min(other.min) };
        self.max = self.max.max(other.max);
        self.count += other.count;
        self.sum += other.sum;
        if let Some(last) = other.counts.len().checked_sub(1) {
            self.cover(other.first, other.first + last as u8);
            let from = usize::from(other.first - self.first);
            self.counts[from..].iter_mut().zip(&other.counts).for_each(|(sum, n)| *sum += n);
        }
    }

    /// From its numbers, and its buckets with values: index and count.
    pub(super) fn of_filled(
        (count, sum, min, max): (u64, u128, u64, u64),
        filled: impl IntoIterator<Item = (u8, u64)>,
    ) -> Histogram {
        let mut histogram = Histogram { count, sum, min, max, ..Histogram::default() };
        for (index, count) in filled {
            *histogram.bucket(index) = count;
        }
        histogram
    }

    /// Buckets with values: index and count, by index. `docs/FORMAT.md` has the borders.
    pub fn filled(&self) -> impl Iterator<Item = (u8, u64)> {
        let counts = self.counts.iter().enumerate().filter(|(_, count)| **count > 0);
        counts.map(|(at, count)| (self.first + at as u8, *count))
    }

    /// Mean in nanoseconds; `None` without values.
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum as f64 / self.count as f64)
    }

    /// The value below which the share `q` (0 to 1) of all values lies, nanoseconds; `None` without values.
    ///
    /// It is the geometric middle of its bucket, cut to the smallest and largest value: at most 4.5 % off.
    pub fn quantile(&self, q: f64) -> Option<f64> {
        if self.count == 0 {
            return None;
        }
        let rank = (q.clamp(0.0, 1.0) * self.count as f64).ceil().max(1.0) as u64;
        let mut seen = 0;
        let found = self.filled().find(|(_, count)| {
            seen += count;
            seen >= rank
        });
        let index = found.map_or(OVERFLOW, |(index, _)| index);
        let middle = match index {
            0 => self.min as f64,
            OVERFLOW => self.max as f64,
            index => {
                let eighths = f64::from(index - 1) + 0.5;
                (f64::from(FIRST_EXPONENT) + eighths / f64::from(PER_DOUBLING)).exp2()
            }
        };
        Some(middle.clamp(self.min as f64, self.max as f64))
    }

    fn bucket(&mut self, index: u8) -> &mut u64 {
        self.cover(index, index);
        &mut self.counts[usize::from(index - self.first)]
    }

    /// Makes room for the buckets from `first` to `last`.
    fn cover(&mut self, first: u8, last: u8) {
        if self.counts.is_empty() {
            self.first = first;
        }
        if first < self.first {
            self.counts.splice(0..0, std::iter::repeat_n(0, usize::from(self.first - first)));
            self.first = first;
        }
        let count = usize::from(last.saturating_sub(self.first)) + 1;
        if self.counts.len() < count {
            self.counts.resize(count, 0);
        }
    }
}

/// Bucket of a duration.
fn index(nanos: u64) -> u8 {
    if nanos < FIRST {
        return 0;
    }
    let exponent = u64::BITS - 1 - nanos.leading_zeros();
    if exponent >= END_EXPONENT {
        return OVERFLOW;
    }
    let mantissa = nanos << nanos.leading_zeros();
    let eighth = MANTISSAS.iter().filter(|start| mantissa >= **start).count() as u32;
    ((exponent - FIRST_EXPONENT) * PER_DOUBLING + eighth + 1) as u8
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn bucket_borders() {
        for (nanos, expected) in [
            (0, 0),
            (1023, 0),
            (1024, 1),
            (1116, 1),
            (1117, 2),
            (2047, 8),
            (2048, 9),
            ((1 << 36) - 1, 208),
            (1 << 36, 209),
            (u64::MAX, 209),
        ] {
            assert_eq!(index(nanos), expected, "{nanos}");
        }
    }

    fn of(values: &[u64]) -> Histogram {
        let mut histogram = Histogram::default();
        values.iter().for_each(|value| histogram.record(*value));
        histogram
    }

    proptest! {
        #[test]
        fn merging_is_the_same_as_recording_all(a in values(), b in values(), c in values()) {
            let (ha, hb, hc) = (of(&a), of(&b), of(&c));
            let mut left = ha.clone();
            left.merge(&hb);
            left.merge(&hc);
            let mut right = hc.clone();
            let mut bc = hb.clone();
            bc.merge(&ha);
            right.merge(&bc);
            prop_assert_eq!(&left, &right);
            prop_assert_eq!(left, of(&[a, b, c].concat()));
        }

        #[test]
        fn quantiles_are_close(mut values in proptest::collection::vec(2_000u64..60_000_000_000, 1..200), q in 0.0f64..=1.0) {
            let found = of(&values).quantile(q).unwrap();
            values.sort_unstable();
            let rank = ((q * values.len() as f64).ceil() as usize).max(1) - 1;
            let exact = values[rank] as f64;
            prop_assert!((found - exact).abs() / exact < 0.045, "{} for {}", found, exact);
        }

        #[test]
        fn taking_back_leaves_the_counts_of_the_rest(kept in values(), gone in values()) {
            let mut histogram = of(&[kept.clone(), gone.clone()].concat());
            gone.iter().for_each(|value| histogram.take_back(*value));
            let rest = of(&kept);
            prop_assert_eq!((histogram.count, histogram.sum), (rest.count, rest.sum));
            prop_assert!(histogram.filled().eq(rest.filled()));
        }
    }

    fn values() -> impl Strategy<Value = Vec<u64>> {
        proptest::collection::vec(any::<u64>().prop_map(|value| value >> (value % 50)), 0..50)
    }
}
