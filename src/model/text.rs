//! Small questions about strings that several stages ask: a hash that never changes, and globs.

/// A 64-bit hash that is the same in every run and on every machine: FNV-1a, finished with SplitMix64's mixer.
///
/// It chooses what is kept under a cap, so it may depend on nothing but the bytes.
pub fn stable_hash(bytes: &[u8]) -> u64 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for byte in bytes {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    super::ids::mix(hash)
}

/// A 128-bit hash that is the same in every run and on every machine: FNV-1a, for what has to be told apart by its hash.
pub fn stable_hash_wide(bytes: &[u8]) -> u128 {
    const PRIME: u128 = (1 << 88) + 0x13b;
    bytes.iter().fold(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d, |hash, byte| {
        (hash ^ u128::from(*byte)).wrapping_mul(PRIME)
    })
}

/// The hash of a chain whose hash was `before` and that goes on with what hashes to `next`; the order of the links counts.
///
/// SplitMix64's mixer over both halves in turn. Without collision for one `before` or one `next`, as each step can be
/// undone.
pub fn chained_hash(before: u128, next: u128) -> u128 {
    let halves = |n: u128| ((n >> 64) as u64, n as u64);
    let ((high, low), (next_high, next_low)) = (halves(before), halves(next));
    let first = super::ids::mix(low.wrapping_add(next_low));
    let second = super::ids::mix(high.wrapping_add(next_high) ^ first);
    u128::from(super::ids::mix(first ^ second)) << 64 | u128::from(second)
}

/// True where `glob` matches all of `text`; `*` stands for any run of characters, everything else for itself.
pub fn matches_glob(glob: &str, text: &str) -> bool {
    let mut parts = glob.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs() {
        for (glob, text, matches) in [
            ("*", "", true),
            ("a*c", "abc", true),
            ("a*c", "abcd", false),
            ("*/GET /health*", "shop/GET /healthz", true),
            ("a*a", "a", false),
            ("abc", "abc", true),
            ("abc", "abcd", false),
            ("a**b", "ab", true),
            ("*b*b*", "bb", true),
            ("*b*b*", "b", false),
        ] {
            assert_eq!(matches_glob(glob, text), matches, "{glob} on {text}");
        }
    }

    #[test]
    fn the_hash_is_the_same_everywhere() {
        assert_eq!(stable_hash(b""), 14_087_677_454_934_409_008);
        assert_ne!(stable_hash(b"a"), stable_hash(b"b"));
        // Test vectors of the hash's authors.
        assert_eq!(stable_hash_wide(b""), 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d);
        assert_eq!(stable_hash_wide(b"a"), 0xd228_cb69_6f1a_8caf_7891_2b70_4e4a_8964);
    }

    #[test]
    fn a_chain_hashes_by_its_links_and_their_order() {
        let chain = |links: &[&str]| {
            links.iter().fold(0, |hash, link| chained_hash(hash, stable_hash_wide(link.as_bytes())))
        };
        let chains: [&[&str]; 7] =
            [&[], &["a"], &["b"], &["a", "b"], &["b", "a"], &["a", "a"], &["a", "b", "a"]];
        for (at, links) in chains.iter().enumerate() {
            let twin = chains[at + 1..].iter().find(|other| chain(other) == chain(links));
            assert_eq!(twin, None, "{links:?}");
        }
    }
}
