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
    }
}
