//! The store against a map, over random actions.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Action {
    Put(BucketKey, u8),
    Delete(BucketKey),
    Damage(BucketKey),
    Reopen,
    Refresh,
}

fn actions() -> impl Strategy<Value = Vec<Action>> {
    let lane = prop_oneof![Just("merged"), Just("a/0"), Just("a.b/1")];
    let width = prop_oneof![Just(Width::Minute), Just(Width::TenMinutes)];
    let key = (lane, width, 0..12_u32).prop_map(|(lane, width, n)| key(lane, width, START + n)).boxed();
    let action = prop_oneof![
        6 => (key.clone(), 0..2_u8).prop_map(|(key, says)| Action::Put(key, says)),
        2 => key.clone().prop_map(Action::Delete),
        1 => key.prop_map(Action::Damage),
        1 => Just(Action::Reopen),
        1 => Just(Action::Refresh),
    ];
    proptest::collection::vec(action, 0..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_store_is_a_map_that_keeps_the_first_value(actions in actions()) {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Some(open(&folder));
        let mut oracle: BTreeMap<BucketKey, Vec<u8>> = BTreeMap::new();
        for action in actions {
            let current = store.as_ref().unwrap();
            match action {
                Action::Put(key, text) => {
                    let bytes = bucket(&key, &[text], b"");
                    let put = current.put(&key, &bytes).unwrap();
                    let expected = match oracle.get(&key) {
                        None => put == Put::Written,
                        Some(first) if *first == bytes => put == Put::Same,
                        Some(_) => matches!(put, Put::Conflict { .. }),
                    };
                    prop_assert!(expected, "{:?}", put);
                    oracle.entry(key).or_insert(bytes);
                }
                Action::Delete(key) => {
                    current.delete(&key).unwrap();
                    oracle.remove(&key);
                }
                Action::Damage(key) => {
                    if oracle.remove(&key).is_some() {
                        let path = super::super::paths::BucketPaths::new(folder.path(), &key).bucket();
                        fs::write(path, "short").unwrap();
                        prop_assert!(current.load(&key).is_err());
                    }
                }
                Action::Reopen => {
                    drop(store.take());
                    store = Some(open(&folder));
                }
                Action::Refresh => current.refresh().unwrap(),
            }
            let current = store.as_ref().unwrap();
            let expected: Vec<(BucketKey, u64)> =
                oracle.iter().map(|(key, bytes)| (key.clone(), bytes.len() as u64)).collect();
            prop_assert_eq!(current.list(), expected);
            for (key, bytes) in &oracle {
                prop_assert_eq!(current.load(key).unwrap(), Some(bytes.clone()));
            }
        }
    }
}
