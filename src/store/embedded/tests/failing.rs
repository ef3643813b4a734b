//! A disk that does not take what is written.

use std::process::Command;

use super::*;

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
