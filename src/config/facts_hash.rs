//! A number for "the same configuration as far as sealed facts go".
//!
//! Guaranteed: equal over processes, platforms and the order of declarations; part of the identity of sealed minutes.

use super::sections::{Config, KNOBS, SessionsConfig};

impl SessionsConfig {
    /// M + G of ALGORITHMS 7 in milliseconds: how far a replay looks back behind the end of a sealed minute.
    pub fn look_back_ms(&self) -> i64 {
        i64::try_from((self.max_life + self.gap).as_millis()).unwrap_or(i64::MAX)
    }
}

impl Config {
    /// FNV-1a (64 bits) over `key = value` lines of the knobs that change sealed facts, sorted by key.
    pub fn facts_hash(&self) -> u64 {
        let mut lines: Vec<String> = KNOBS
            .iter()
            .filter(|knob| knob.affects_facts)
            .map(|knob| format!("{} = {}\n", knob.key(), (knob.show)(self)))
            .collect();
        lines.sort();
        fnv1a(lines.concat().as_bytes())
    }
}

fn fnv1a(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_fnv1a() {
        // Test vectors of the hash's authors.
        assert_eq!(fnv1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a(b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fnv1a(b"foobar"), 0x8594_4171_f739_67e8);
    }
}
