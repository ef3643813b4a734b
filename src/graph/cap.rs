//! What is kept under a cap: the keys with the smallest hashes (ALGORITHMS 2, *Cardinality*).
//!
//! A key that is among the k smallest of all was so at every moment before, so nothing of it was ever cut:
//! the kept set and its counts depend neither on order nor on how buckets were merged.

use std::collections::BTreeSet;

/// The k keys with the smallest hashes.
#[derive(Clone, Debug)]
pub(super) struct BottomK<K: Ord>(BTreeSet<(u64, K)>);

/// What became of a new key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Offer<K> {
    /// It is in.
    Kept,
    /// It is in, and this one is out.
    Replaced(K),
    /// It is out.
    Refused,
}

impl<K: Ord + Copy> BottomK<K> {
    /// Offers a key, whether it is in or not.
    pub fn offer(&mut self, k: usize, hash: u64, key: K) -> Offer<K> {
        if self.0.len() < k || self.0.contains(&(hash, key)) {
            self.0.insert((hash, key));
            return Offer::Kept;
        }
        match self.0.last().copied() {
            Some(largest) if (hash, key) < largest => {
                self.0.remove(&largest);
                self.0.insert((hash, key));
                Offer::Replaced(largest.1)
            }
            _ => Offer::Refused,
        }
    }

    /// How many keys are kept.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True where the key is among those that are kept.
    pub fn contains(&self, hash: u64, key: K) -> bool {
        self.0.contains(&(hash, key))
    }

    /// True where nothing is kept.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The keys that are kept.
    pub fn iter(&self) -> impl Iterator<Item = K> {
        self.0.iter().map(|(_, key)| *key)
    }
}

impl<K: Ord> Default for BottomK<K> {
    fn default() -> Self {
        BottomK(BTreeSet::new())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_kept_set_does_not_depend_on_the_order(keys in Just((0..40u32).collect::<Vec<_>>()).prop_shuffle()) {
            let mut bottom = BottomK::default();
            let mut kept = std::collections::BTreeSet::new();
            for key in keys {
                let hash = crate::model::stable_hash(&key.to_le_bytes());
                match bottom.offer(10, hash, key) {
                    Offer::Kept => assert!(kept.insert(key)),
                    Offer::Replaced(out) => assert!(kept.insert(key) && kept.remove(&out)),
                    Offer::Refused => {}
                }
            }
            let mut all: Vec<u32> = (0..40).collect();
            all.sort_by_key(|key| crate::model::stable_hash(&key.to_le_bytes()));
            prop_assert_eq!(kept, all[..10].iter().copied().collect());
        }
    }
}
