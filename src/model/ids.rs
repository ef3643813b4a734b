//! Trace and span identifiers as they stand in the wire formats: opaque bytes, shown as lower-case hex.

use std::fmt;
use std::str::FromStr;

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

impl TraceId {
    /// True for the same id, and for one that may be the same: of one of them only the lower 64 bits are known.
    pub fn may_be(self, other: TraceId) -> bool {
        let is_short = |id: TraceId| id.0 >> 64 == 0;
        self == other || (self.0 as u64 == other.0 as u64 && (is_short(self) || is_short(other)))
    }
}

/// A text that is no trace id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no trace id: give 1 to 32 hex digits, a UUID or a `traceparent`")]
pub struct InvalidTraceId(String);

/// As people copy ids from other tools: hex of any case with or without `0x`, short ones without their zeros,
/// UUIDs, and whole `traceparent` headers.
impl FromStr for TraceId {
    type Err = InvalidTraceId;

    fn from_str(text: &str) -> Result<TraceId, InvalidTraceId> {
        let bare = text.trim();
        let parts: Vec<&str> = bare.split('-').collect();
        let digits = match parts.iter().map(|part| part.len()).collect::<Vec<_>>()[..] {
            [2, 32, 16, 2] => parts[1].to_string(),
            [8, 4, 4, 4, 12] => parts.concat(),
            _ => bare.strip_prefix("0x").or(bare.strip_prefix("0X")).unwrap_or(bare).to_string(),
        };
        let is_hex =
            (1..=32).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        let number = u128::from_str_radix(&digits, 16).ok().filter(|_| is_hex);
        number.map(TraceId).ok_or_else(|| InvalidTraceId(text.to_string()))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_as_other_tools_write_them() {
        let id = TraceId(0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c);
        for text in [
            "0af7651916cd43dd8448eb211c80319c",
            "0AF7651916CD43DD8448EB211C80319C",
            "af7651916cd43dd8448eb211c80319c",
            " 0x0af7651916cd43dd8448eb211c80319c\n",
            "0af76519-16cd-43dd-8448-eb211c80319c",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ] {
            assert_eq!(text.parse(), Ok(id), "{text}");
        }
        assert_eq!("8448eb211c80319c".parse(), Ok(TraceId(0x8448_eb21_1c80_319c)));
        assert_eq!(id.to_string().parse(), Ok(id));
    }

    #[test]
    fn what_is_no_id_is_refused() {
        for text in ["", "0x", "+1", "xyz", "00af7651916cd43dd8448eb211c80319c", "1-2"] {
            assert_eq!(text.parse::<TraceId>(), Err(InvalidTraceId(text.to_string())));
        }
    }
}
