//! What is put, loaded, listed and deleted, also by several at a time.

use super::*;

#[test]
fn buckets_come_back_as_they_were_put_also_after_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new/below");
    let written = [
        key("merged", Width::Minute, START + 1),
        key("merged", Width::Day, START),
        key("spans.v1/12", Width::TenMinutes, START),
        key("spans.v1/2", Width::Hour, START),
    ];
    let store = EmbeddedStore::open(&path, Access::Write).unwrap();
    for key in &written {
        assert_eq!(store.put(key, &says(key, "x")).unwrap(), Put::Written);
    }
    let listed = store.list();
    drop(store);
    let store = EmbeddedStore::open(&path, Access::Write).unwrap();
    assert_eq!(store.path(), path);
    assert_eq!(store.list(), listed);
    assert_eq!(keys(&store), written, "sorted by lane, width, start");
    for (key, size) in store.list() {
        let bytes = store.load(&key).unwrap().unwrap();
        assert_eq!((bytes.len() as u64, &bytes), (size, &says(&key, "x")));
    }
    assert_eq!(fs::read_to_string(path.join("FORMAT")).unwrap(), "linchpin-store 1\n");
}

#[test]
fn a_deleted_bucket_is_gone_and_may_be_deleted_again() {
    let (folder, store) = three();
    store.delete(&minute(1)).unwrap();
    store.delete(&minute(1)).unwrap();
    assert_eq!(store.load(&minute(1)).unwrap(), None);
    assert_eq!(keys(&store), [minute(0), minute(2)]);
    assert_eq!(keys(&reader(&folder)), [minute(0), minute(2)]);
    assert_eq!(store.put(&minute(1), &says(&minute(1), "again")).unwrap(), Put::Written);
}

#[test]
fn the_same_facts_from_another_place_are_not_written_again() {
    let (folder, store) = three();
    let first = fs::read(path_of(&folder, 0)).unwrap();
    let elsewhere = bucket(&minute(0), b"0", b"elsewhere");
    assert_ne!(elsewhere, first);
    assert_eq!(store.put(&minute(0), &elsewhere).unwrap(), Put::Same);
    assert_eq!(store.load(&minute(0)).unwrap(), Some(first));
}

#[test]
fn other_facts_leave_the_first_in_place_and_both_are_kept_once() {
    let (folder, store) = three();
    let mut conflicts = Vec::new();
    for text in ["other", "third", "other"] {
        let bytes = says(&minute(0), text);
        let Put::Conflict { kept } = store.put(&minute(0), &bytes).unwrap() else { panic!("no conflict") };
        assert!(kept.starts_with(folder.path().join("conflicts/merged/1m")), "{kept:?}");
        assert_eq!(fs::read(&kept).unwrap(), bytes);
        conflicts.push(kept);
    }
    assert_eq!(conflicts[0], conflicts[2]);
    assert_ne!(conflicts[0], conflicts[1]);
    assert_eq!(store.load(&minute(0)).unwrap(), Some(says(&minute(0), "0")));
    assert_eq!(files(&folder).len(), 5);
    assert_eq!(keys(&store).len(), 3);
}

#[test]
fn bytes_of_another_bucket_are_refused() {
    let (folder, store) = three();
    let error = store.put(&minute(5), &says(&minute(6), "x")).unwrap_err().to_string();
    assert!(
        error.starts_with("the bytes for bucket `merged 1m 2026-11-25T18:05Z` were not stored"),
        "{error}"
    );
    let mut newer = says(&minute(5), "x");
    newer[8] = 2;
    for bytes in [&b""[..], b"something", &newer] {
        assert!(matches!(store.put(&minute(5), bytes), Err(StoreError::Refused { .. })));
    }
    assert_eq!(files(&folder).len(), 3);
}

#[test]
fn a_reader_follows_a_writer_and_changes_nothing() {
    let (folder, store) = three();
    let reader = reader(&folder);
    store.delete(&minute(0)).unwrap();
    store.put(&minute(3), &says(&minute(3), "3")).unwrap();
    fs::write(path_of(&folder, 2), "short").unwrap();
    assert_eq!(keys(&reader), [minute(0), minute(1), minute(2)]);
    assert_eq!(reader.load(&minute(0)).unwrap(), None, "gone since it was listed");
    assert_eq!(reader.load(&minute(3)).unwrap(), Some(says(&minute(3), "3")), "there since");
    let message = reader.load(&minute(2)).unwrap_err().to_string();
    assert!(message.ends_with("the file was left where it is"), "{message}");
    reader.refresh().unwrap();
    assert_eq!(keys(&reader), [minute(1), minute(2), minute(3)]);
    assert!(matches!(reader.delete(&minute(1)), Err(StoreError::Unwritable { .. })));
    assert!(matches!(reader.put(&minute(4), &says(&minute(4), "4")), Err(StoreError::Unwritable { .. })));
    assert_eq!(files(&folder).len(), 3);
}

#[test]
fn threads_load_while_one_puts() {
    let (_folder, store) = three();
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for n in (0..40).cycle().take(400) {
                    let found = store.load(&minute(n)).unwrap();
                    assert!(found.is_none_or(|bytes| bytes == says(&minute(n), &n.to_string())));
                    store.list();
                }
            });
        }
        for n in 3..40 {
            store.put(&minute(n), &says(&minute(n), &n.to_string())).unwrap();
        }
    });
    assert_eq!(keys(&store).len(), 40);
}
