//! The store on a real folder: what it keeps, what it refuses, and what it tells about files that went bad.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::process::Command;

use proptest::prelude::*;
use tempfile::TempDir;

use super::disk::Step;
use super::{Access, EmbeddedStore, Put, StoreError};
use crate::graph::sealed::fixture::bucket;
use crate::graph::sealed::{BucketKey, Width};
use crate::model::Minute;

/// 2026-11-25T18:00Z, which begins an hour.
const START: u32 = 29_927_160;

fn key(lane: &str, width: Width, start: u32) -> BucketKey {
    BucketKey { lane: lane.into(), width, start: width.start_of(Minute(start)) }
}

fn minute(n: u32) -> BucketKey {
    key("merged", Width::Minute, START + n)
}

fn says(key: &BucketKey, text: &str) -> Vec<u8> {
    bucket(key, text.as_bytes(), b"here")
}

fn open(folder: &TempDir) -> EmbeddedStore {
    EmbeddedStore::open(folder.path(), Access::Write).unwrap()
}

fn reader(folder: &TempDir) -> EmbeddedStore {
    EmbeddedStore::open(folder.path(), Access::Read).unwrap()
}

/// A store with the minutes 0, 1 and 2, each of which says its number.
fn three() -> (TempDir, EmbeddedStore) {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    for n in 0..3 {
        assert_eq!(store.put(&minute(n), &says(&minute(n), &n.to_string())).unwrap(), Put::Written);
    }
    (folder, store)
}

fn keys(store: &EmbeddedStore) -> Vec<BucketKey> {
    store.list().into_iter().map(|(key, _)| key).collect()
}

/// Files below the folder, without those that say what it is.
fn files(folder: &TempDir) -> Vec<String> {
    fn walk(root: &std::path::Path, path: PathBuf, found: &mut Vec<String>) {
        for entry in fs::read_dir(path).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(root, path, found);
            } else {
                found.push(path.strip_prefix(root).unwrap().display().to_string());
            }
        }
    }
    let mut found = Vec::new();
    walk(folder.path(), folder.path().to_path_buf(), &mut found);
    found.retain(|path| path != "FORMAT" && path != "LOCK");
    found.sort();
    found
}

fn path_of(folder: &TempDir, n: u32) -> PathBuf {
    folder.path().join(format!("buckets/merged/1m/20261125T18{n:02}Z.bucket"))
}

fn fail_at(store: &EmbeddedStore, step: Step, kind: ErrorKind) {
    store.disk.lock().unwrap().fault = Some((step, kind));
}

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

#[test]
fn what_an_interrupted_put_leaves_is_removed_and_never_listed() {
    let (folder, store) = three();
    let half = path_of(&folder, 9).with_extension("bucket.tmp");
    fs::write(&half, &says(&minute(9), "9")[..20]).unwrap();
    fs::write(folder.path().join("FORMAT.tmp"), "linch").unwrap();
    store.refresh().unwrap();
    assert_eq!(keys(&store).len(), 3);
    assert_eq!(keys(&reader(&folder)).len(), 3);
    assert!(half.exists(), "neither a refresh nor a reader changes anything");
    drop(store);
    let store = open(&folder);
    assert!(!half.exists());
    assert_eq!((keys(&store).len(), store.load(&minute(9)).unwrap()), (3, None));
}

#[test]
fn a_first_opening_that_was_interrupted_is_finished_by_the_next() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("LOCK"), "123").unwrap();
    fs::write(folder.path().join("FORMAT.tmp"), "linch").unwrap();
    fs::create_dir(folder.path().join("lost+found")).unwrap();
    assert!(open(&folder).list().is_empty());
}

#[test]
fn a_newer_store_is_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("FORMAT"), "linchpin-store 12\n").unwrap();
    for access in [Access::Write, Access::Read] {
        let message = EmbeddedStore::open(folder.path(), access).err().unwrap().to_string();
        assert!(
            message.contains("FORMAT` has format version 12, this version of linchpin reads up to 1"),
            "{message}"
        );
        assert!(message.contains("use a newer linchpin, or another folder"), "{message}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_folder_of_somebody_else_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |path: &std::path::Path, access, reason: &str| {
        let error = EmbeddedStore::open(path, access).err().unwrap();
        assert!(matches!(error, StoreError::NotAStore { .. }), "{error:?}");
        assert!(error.to_string().contains(reason), "{error}");
    };
    refused(folder.path(), Access::Read, "it is empty");
    refused(&folder.path().join("none"), Access::Read, "there is no such folder");
    let letter = folder.path().join("letter.txt");
    fs::write(&letter, "dear").unwrap();
    refused(folder.path(), Access::Write, "it holds other files and no FORMAT");
    refused(folder.path(), Access::Read, "it holds other files and no FORMAT");
    refused(&letter, Access::Write, "is a file");
    assert_eq!(files(&folder), ["letter.txt"]);
    fs::write(folder.path().join("FORMAT"), "A4").unwrap();
    refused(folder.path(), Access::Write, "its file FORMAT says `A4`");
}

#[test]
fn files_of_others_in_a_store_are_left_alone() {
    let (folder, store) = three();
    let strangers =
        ["notes.txt", "buckets/a b/x", "buckets/merged/2m/x", "buckets/merged/1m/20261125T1801Z.bucket.bak"];
    for path in strangers {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "").unwrap();
    }
    store.refresh().unwrap();
    assert_eq!(store.strangers.lock().unwrap().len(), 4, "each told once");
    drop(store);
    assert_eq!(keys(&open(&folder)).len(), 3);
    assert!(strangers.iter().all(|path| folder.path().join(path).exists()));
}

#[test]
fn a_second_writer_is_told_who_has_the_store_while_readers_open_it() {
    let (folder, store) = three();
    let message = EmbeddedStore::open(folder.path(), Access::Write).err().unwrap().to_string();
    let pid = std::process::id();
    assert!(
        message.contains(&format!("is in use by the process with pid {pid}: stop it, or use")),
        "{message}"
    );
    assert_eq!(keys(&reader(&folder)).len(), 3);
    drop(store);
    assert_eq!(keys(&open(&folder)).len(), 3);
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
fn a_failed_put_leaves_nothing_behind_and_succeeds_when_the_cause_is_gone() {
    let is_full = |error: &StoreError| matches!(error, StoreError::Full { .. });
    let is_unwritable = |error: &StoreError| matches!(error, StoreError::Unwritable { .. });
    let is_other = |error: &StoreError| matches!(error, StoreError::Io { .. });
    type Is<'a> = &'a dyn Fn(&StoreError) -> bool;
    let causes: [(ErrorKind, Is<'_>); 6] = [
        (ErrorKind::StorageFull, &is_full),
        (ErrorKind::QuotaExceeded, &is_full),
        (ErrorKind::FileTooLarge, &is_full),
        (ErrorKind::PermissionDenied, &is_unwritable),
        (ErrorKind::ReadOnlyFilesystem, &is_unwritable),
        (ErrorKind::TimedOut, &is_other),
    ];
    for step in [Step::Folder, Step::Write, Step::Sync, Step::Rename] {
        for (kind, is_told) in causes {
            let (folder, store) = three();
            fail_at(&store, step, kind);
            let error = store.put(&minute(5), &says(&minute(5), "5")).unwrap_err();
            assert!(is_told(&error), "{step:?} {kind:?}: {error}");
            assert_eq!((files(&folder).len(), keys(&store).len()), (3, 3), "{step:?}");
            assert_eq!(store.put(&minute(5), &says(&minute(5), "5")).unwrap(), Put::Written);
            fail_at(&store, step, kind);
            let conflict = says(&minute(5), "other");
            assert!(is_told(&store.put(&minute(5), &conflict).unwrap_err()));
            assert_eq!(files(&folder).len(), 4);
            assert!(matches!(store.put(&minute(5), &conflict).unwrap(), Put::Conflict { .. }));
        }
    }
}

#[test]
fn a_bucket_whose_name_may_not_be_durable_is_not_acknowledged() {
    let (_folder, store) = three();
    let bytes = says(&minute(5), "5");
    for _ in 0..2 {
        fail_at(&store, Step::SyncFolder, ErrorKind::StorageFull);
        assert!(matches!(store.put(&minute(5), &bytes), Err(StoreError::Full { .. })));
    }
    assert_eq!(store.put(&minute(5), &bytes).unwrap(), Put::Same);
    assert_eq!(keys(&store).len(), 4);
}

#[test]
fn a_volume_that_went_away_is_not_written_around() {
    let (folder, store) = three();
    fs::rename(folder.path().join("buckets"), folder.path().join("elsewhere")).unwrap();
    let error = store.put(&minute(5), &says(&minute(5), "5")).unwrap_err();
    assert!(matches!(error, StoreError::Unwritable { .. }), "{error}");
    assert!(!folder.path().join("buckets").exists());
    fs::rename(folder.path().join("elsewhere"), folder.path().join("buckets")).unwrap();
    assert_eq!(store.put(&minute(5), &says(&minute(5), "5")).unwrap(), Put::Written);
}

#[test]
fn a_path_below_a_file_is_unwritable() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "").unwrap();
    let error = EmbeddedStore::open(&folder.path().join("file/below"), Access::Write).err().unwrap();
    assert!(matches!(error, StoreError::Unwritable { .. }), "{error}");
    let (folder, store) = three();
    fs::write(folder.path().join("buckets/a%2F0"), "").unwrap();
    let key = key("a/0", Width::Minute, START);
    let error = store.put(&key, &says(&key, "")).unwrap_err();
    assert!(matches!(error, StoreError::Io { .. } | StoreError::Unwritable { .. }), "{error}");
}

/// The store of the process that has little room; the test below starts it.
const LITTLE_ROOM: &str = "LINCHPIN_TEST_LITTLE_ROOM";

#[test]
fn a_put_in_a_process_with_little_room() {
    let Some(path) = std::env::var_os(LITTLE_ROOM) else { return };
    let store = EmbeddedStore::open(path.as_ref(), Access::Write).unwrap();
    store.put(&minute(1), &says(&minute(1), "small")).unwrap();
    let error = store.put(&minute(0), &says(&minute(0), &"large ".repeat(20_000))).unwrap_err();
    assert!(matches!(error, StoreError::Full { .. }), "{error}");
    assert_eq!(keys(&store), [minute(1)]);
}

#[cfg(unix)]
#[test]
fn a_real_limit_of_the_system_is_told_as_want_of_room() {
    let folder = tempfile::tempdir().unwrap();
    let test = std::thread::current()
        .name()
        .unwrap()
        .replace("a_real_limit_of_the_system_is_told_as_want_of_room", "a_put_in_a_process_with_little_room");
    let output = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 32; exec \"$0\" --exact \"$1\""])
        .arg(std::env::current_exe().unwrap())
        .arg(test)
        .env(LITTLE_ROOM, folder.path())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
    assert_eq!(files(&folder), ["buckets/merged/1m/20261125T1801Z.bucket"]);
    let large = says(&minute(0), &"large ".repeat(20_000));
    let store = open(&folder);
    assert_eq!(store.put(&minute(0), &large).unwrap(), Put::Written);
    assert_eq!(store.load(&minute(0)).unwrap(), Some(large));
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
                        let path = super::paths::BucketPaths::new(folder.path(), &key).bucket();
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
