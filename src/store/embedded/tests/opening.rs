//! Which folders are opened, and what is left alone in them.

use super::*;

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
