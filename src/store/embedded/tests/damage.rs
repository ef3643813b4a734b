//! Files that are not the whole bucket of their name.

use super::*;

#[test]
fn damaged_files_are_set_aside_with_their_reason_and_neighbours_still_load() {
    let whole = says(&minute(1), "1");
    let mut flipped = whole.clone();
    flipped[40] ^= 4;
    for (bytes, reason) in [
        (&whole[..whole.len() - 9], "it is cut off"),
        (&flipped, "it changed after it was written"),
        (b"", "it is empty"),
        (
            b"a note of somebody, long enough to be more than a head of a bucket",
            "it does not begin as a bucket",
        ),
        (&says(&minute(7), "1"), "it holds another bucket, `merged 1m 2026-11-25T18:07Z`"),
    ] {
        let (folder, store) = three();
        for n in 1..=2 {
            fs::write(path_of(&folder, 1), bytes).unwrap();
            let error = store.load(&minute(1)).unwrap_err();
            let message = error.to_string();
            assert!(message.contains("buckets/merged/1m/20261125T1801Z.bucket` is damaged: "), "{message}");
            assert!(message.contains(reason) && message.contains("is missing until its part"), "{message}");
            let StoreError::Damaged { kept: Some(kept), .. } = error else { panic!("{error:?}") };
            assert_eq!(kept, folder.path().join(format!("damaged/merged/1m/20261125T1801Z.{n}.bucket")));
            assert_eq!(fs::read(kept).unwrap(), bytes);
        }
        assert_eq!(store.load(&minute(1)).unwrap(), None);
        assert_eq!(keys(&store), [minute(0), minute(2)]);
        for n in [0, 2] {
            assert_eq!(store.load(&minute(n)).unwrap(), Some(says(&minute(n), &n.to_string())));
        }
        assert_eq!(store.put(&minute(1), &whole).unwrap(), Put::Written);
    }
}

#[test]
fn a_put_replaces_a_damaged_file_and_keeps_it() {
    let (folder, store) = three();
    fs::write(path_of(&folder, 1), "short").unwrap();
    let whole = says(&minute(1), "1");
    assert_eq!(store.put(&minute(1), &whole).unwrap(), Put::Written);
    assert_eq!(store.load(&minute(1)).unwrap(), Some(whole));
    assert!(files(&folder).contains(&"damaged/merged/1m/20261125T1801Z.1.bucket".to_string()));
}

#[test]
fn a_damaged_file_that_cannot_be_moved_is_told_all_the_same() {
    let (folder, store) = three();
    fs::write(path_of(&folder, 1), "short").unwrap();
    fail_at(&store, Step::Folder, ErrorKind::ReadOnlyFilesystem);
    let message = store.load(&minute(1)).unwrap_err().to_string();
    assert!(message.ends_with("the file was left where it is"), "{message}");
    assert_eq!(keys(&store).len(), 3);
}

#[test]
fn a_bucket_of_a_newer_version_stays_and_the_message_names_both() {
    let (folder, store) = three();
    let mut newer = says(&minute(1), "1");
    newer[8] = 9;
    let end = newer.len() - 4;
    let checksum = crc32fast::hash(&newer[..end]);
    newer[end..].copy_from_slice(&checksum.to_le_bytes());
    fs::write(path_of(&folder, 1), &newer).unwrap();
    let message = store.load(&minute(1)).unwrap_err().to_string();
    assert!(message.contains("has format version 9, this version of linchpin reads up to 1"), "{message}");
    let put = store.put(&minute(1), &says(&minute(1), "1")).unwrap();
    assert!(matches!(put, Put::Conflict { .. }), "{put:?}");
    assert_eq!(fs::read(path_of(&folder, 1)).unwrap(), newer);
}
