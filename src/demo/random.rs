//! Random numbers that are the same on every machine: integers only, no clock, no global state.
//!
//! The generator is SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014).

/// A stream of random numbers.
#[derive(Clone, Debug)]
pub struct Random(u64);

const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// Quantiles of a log-normal distribution with median 1 and sigma 0.6, in thousandths, at 0, 1/16 .. 16/16;
/// a table, because `exp` differs between machines. Both tails are cut.
const LOG_NORMAL: [u64; 17] =
    [300, 398, 501, 587, 667, 746, 826, 910, 1000, 1099, 1211, 1341, 1499, 1703, 1995, 2511, 5000];

impl Random {
    /// A stream for `seed`.
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    /// The stream of item `number` of `seed`: it does not depend on what other items drew.
    pub fn for_item(seed: u64, number: u64) -> Random {
        let mut random = Random(seed ^ number.wrapping_mul(0xd134_2543_de82_ef95));
        Random(random.next_u64())
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`; 0 where `end` is 0.
    pub fn below(&mut self, end: u64) -> u64 {
        ((u128::from(self.next_u64()) * u128::from(end)) >> 64) as u64
    }

    /// A position in a list of `len` entries.
    pub fn position(&mut self, len: usize) -> usize {
        self.below(len as u64) as usize
    }

    /// True in `per_10_000` of 10,000 cases.
    pub fn happens(&mut self, per_10_000: u32) -> bool {
        per_10_000 > 0 && self.below(10_000) < u64::from(per_10_000)
    }

    /// A duration around `median`, with the long tail that latencies have: 0.3 to 5 times the median.
    pub fn around(&mut self, median: u64) -> u64 {
        let draw = self.below(16 << 16);
        let (step, rest) = ((draw >> 16) as usize, draw & 0xffff);
        let (low, high) = (LOG_NORMAL[step], LOG_NORMAL[step + 1]);
        let thousandths = low + (((high - low) * rest) >> 16);
        (u128::from(median) * u128::from(thousandths) / 1000) as u64
    }

    /// An entry's position, in proportion to `weights`; `total` is their sum and above zero.
    pub fn weighted(&mut self, weights: impl Iterator<Item = u32>, total: u64) -> usize {
        let mut draw = self.below(total);
        for (position, weight) in weights.enumerate() {
            if draw < u64::from(weight) {
                return position;
            }
            draw -= u64::from(weight);
        }
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_published_sequence() {
        let mut random = Random::new(1_234_567);
        let first: Vec<u64> = (0..3).map(|_| random.next_u64()).collect();
        assert_eq!(first, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn draws_keep_their_shares_and_bounds() {
        let mut random = Random::new(7);
        let happened = (0..100_000).filter(|_| random.happens(250)).count();
        assert!((2_200..2_800).contains(&happened), "{happened} of 100000 at 2.5 %");
        let mut below_median = 0;
        for _ in 0..10_000 {
            let duration = random.around(1_000_000);
            assert!((300_000..=5_000_000).contains(&duration));
            below_median += u32::from(duration < 1_000_000);
        }
        assert!((4_800..5_200).contains(&below_median), "{below_median} of 10000 below the median");
        assert_eq!(random.below(0), 0);
    }

    #[test]
    fn items_are_independent_of_each_other() {
        assert_eq!(Random::for_item(1, 2).next_u64(), Random::for_item(1, 2).next_u64());
        assert_ne!(Random::for_item(1, 2).next_u64(), Random::for_item(1, 3).next_u64());
        assert_ne!(Random::for_item(1, 2).next_u64(), Random::for_item(2, 2).next_u64());
    }
}
