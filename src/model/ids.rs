//! Trace and span identifiers as they stand in the wire formats: opaque bytes, shown as lower-case hex.

use std::fmt;

/// A trace id of 16 bytes; shorter ids are padded with zeros on the left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TraceId(pub u128);

/// A span id of 8 bytes. Zero means "no span": the parent of a root.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpanId(pub u64);

impl SpanId {
    /// The id that stands for "no span".
    pub const NONE: SpanId = SpanId(0);

    /// True for [`SpanId::NONE`].
    pub fn is_none(self) -> bool {
        self.0 == 0
    }
}

impl TraceId {
    /// A well-mixed hash of the whole id, the same on every machine and in every run.
    ///
    /// It chooses the lane, ranks exemplars and decides shedding.
    /// The raw low bits must not do that: they are the randomness a sampler has already used.
    /// The finaliser is SplitMix64's (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014).
    pub fn mixed(self, seed: u64) -> u64 {
        let low = self.0 as u64;
        let high = (self.0 >> 64) as u64;
        mix(mix(low ^ seed).wrapping_add(high))
    }
}

pub(super) fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}
