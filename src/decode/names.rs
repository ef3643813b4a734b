//! Raw names to symbols, with caches of one worker: the usual name costs one look-up.
//!
//! Enters: bytes as they stand in the record. Leaves: a [`Name`], and whether it had to be repaired or cut,
//! so that a name from a cache is counted like one that is seen for the first time.
//! Hot: no allocation for a name that is known.

use std::borrow::Cow;
use std::sync::Arc;

use super::template::{cut, template};
use crate::model::{FastMap, Symbol, Symbols};

/// Entries of one cache. When it is full it is emptied: what is frequent is back at once.
const MAX_ENTRIES: usize = 16_384;
/// Longer keys are not kept: they are rarely seen twice, and they would make the cache large.
const MAX_KEY_BYTES: usize = 1_024;
/// Longer names are cut to this before they are looked into.
const MAX_RAW_BYTES: usize = 16_384;

/// A name's symbol, and what had to be done to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Name {
    /// The symbol.
    pub symbol: Symbol,
    /// It was longer than allowed.
    pub is_cut: bool,
    /// It was not UTF-8; bad bytes were replaced.
    pub is_repaired: bool,
}

/// A bounded map from raw bytes.
pub(super) struct Cache<V> {
    entries: FastMap<Box<[u8]>, V>,
}

impl<V: Copy> Cache<V> {
    /// An empty cache.
    pub fn new() -> Cache<V> {
        Cache { entries: FastMap::default() }
    }

    /// What is known of `key`.
    #[inline(always)]
    pub fn get(&self, key: &[u8]) -> Option<V> {
        self.entries.get(key).copied()
    }

    /// Remembers `value`.
    pub fn insert(&mut self, key: &[u8], value: V) {
        if key.len() > MAX_KEY_BYTES {
            return;
        }
        if self.entries.len() >= MAX_ENTRIES {
            self.entries.clear();
        }
        self.entries.insert(key.into(), value);
    }
}

/// The names of one worker.
pub(super) struct Names {
    symbols: Arc<Symbols>,
    max_length: usize,
    templated: Cache<Name>,
}

impl Names {
    /// No name is known yet; names are cut to `max_length` bytes.
    pub fn new(symbols: Arc<Symbols>, max_length: usize) -> Names {
        Names { symbols, max_length, templated: Cache::new() }
    }

    /// The template of an operation's or request's name.
    #[inline]
    pub fn templated(&mut self, raw: &[u8]) -> Name {
        match self.templated.get(raw) {
            Some(known) => known,
            None => self.learn(raw),
        }
    }

    #[cold]
    fn learn(&mut self, raw: &[u8]) -> Name {
        let name = self.name(raw, template);
        self.templated.insert(raw, name);
        name
    }

    /// The name as it is; not cached, because callers keep what they make of it.
    pub fn verbatim(&self, raw: &[u8]) -> Name {
        self.name(raw, |text| Cow::Borrowed(text))
    }

    fn name(&self, raw: &[u8], form: impl Fn(&str) -> Cow<'_, str>) -> Name {
        let start = &raw[..raw.len().min(MAX_RAW_BYTES)];
        let text = String::from_utf8_lossy(start);
        let whole = form(&text);
        let kept = cut(&whole, self.max_length);
        Name {
            symbol: self.symbols.intern(kept),
            is_cut: kept.len() < whole.len() || start.len() < raw.len(),
            is_repaired: is_broken(start, start.len() < raw.len()),
        }
    }
}

/// Not UTF-8; a text that was cut may end within a character.
fn is_broken(text: &[u8], is_cut: bool) -> bool {
    std::str::from_utf8(text).is_err_and(|error| error.error_len().is_some() || !is_cut)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(max_length: usize) -> Names {
        Names::new(Symbols::new(100), max_length)
    }

    #[test]
    fn a_name_from_the_cache_is_like_a_new_one() {
        let mut names = names(6);
        let table: [(&[u8], &str, bool, bool); 5] = [
            (b"/a/1", "/a/{id", true, false),
            (b"/a/2", "/a/{id", true, false),
            (b"abc", "abc", false, false),
            (b"a\xffb", "a\u{fffd}b", false, true),
            (b"", "", false, false),
        ];
        for _ in 0..2 {
            for (raw, text, is_cut, is_repaired) in table {
                let name = names.templated(raw);
                assert_eq!(&*names.symbols.text(name.symbol), text);
                assert_eq!((name.is_cut, name.is_repaired), (is_cut, is_repaired), "{text}");
            }
        }
    }

    #[test]
    fn huge_names_are_cut_and_not_kept() {
        let mut names = names(256);
        let name = names.templated("ü".repeat(MAX_RAW_BYTES).as_bytes());
        assert!(name.is_cut && !name.is_repaired);
        assert_eq!(names.symbols.text(name.symbol).len(), 256);
        assert!(names.templated.entries.is_empty());
    }

    #[test]
    fn a_full_cache_starts_anew_and_gives_the_same() {
        let mut names = Names::new(Symbols::new(1_000_000), 256);
        let first = names.templated(b"first");
        for number in 0..=MAX_ENTRIES {
            names.templated(format!("n{number}x").as_bytes());
        }
        assert!(names.templated.entries.len() <= MAX_ENTRIES);
        assert_eq!(names.templated(b"first"), first);
    }
}
