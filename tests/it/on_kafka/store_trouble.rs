//! Stores that cannot be opened, written, or read: what a user is told, and that everything else goes on.

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::linchpin::{Launch, Linchpin};
use crate::support::sealed::{self, Reference, path, start_of};
use crate::support::wait::eventually;

#[test]
fn a_second_process_on_a_store_is_refused_with_the_pid_of_the_first() {
    let (reference, store) = (Reference::shared(), TempDir::new().unwrap());
    let first = Linchpin::serve_on(&reference.config(""), store.path());
    let holder = format!("is in use by the process with pid {}", first.pid());
    assert_refused(store.path(), &[&holder, "stop it, or use another folder", "--store"]);
    reference.assert_sealed_by(first, store.path());
}

#[test]
fn a_store_of_a_newer_version_is_refused_and_not_touched() {
    let store = Reference::shared().sealed_store();
    std::fs::write(store.path().join("FORMAT"), "linchpin-store 2\n").unwrap();
    let before = sealed::files(store.path(), "");
    assert_refused(
        store.path(),
        &["has format version 2", "reads up to 1", "use a newer linchpin", "--store"],
    );
    assert_eq!(sealed::files(store.path(), ""), before);
}

#[test]
fn a_folder_of_somebody_else_is_refused_and_not_touched() {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("notes.txt"), "mine").unwrap();
    assert_refused(
        folder.path(),
        &["is no store of linchpin", "holds other files", "use an empty or a new folder"],
    );
    assert_eq!(sealed::files(folder.path(), ""), ["notes.txt"]);
}

#[test]
fn a_store_that_cannot_be_created_is_refused_with_the_cure() {
    // No user may create a folder there, not even root.
    assert_refused(
        Path::new("/proc/linchpin-store"),
        &["/proc/linchpin-store", "give this process write access"],
    );
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "mine").unwrap();
    assert_refused(&file.join("store"), &["could not be written", "give this process write access"]);
}

#[test]
fn on_a_full_disk_sealing_waits_and_everything_is_written_once_there_is_room() {
    let (reference, store) = (Reference::shared(), TempDir::new().unwrap());
    let config = reference.config("");
    // Room for 512 bytes in a file: for FORMAT and LOCK, and for no bucket. The soft limit can be raised again.
    let wrapper = ["sh", "-c", "ulimit -S -f 1; exec \"$@\"", "sh"];
    let linchpin = Launch { config: &config, store: Some(store.path()), wrapper: &wrapper }.serve();

    let status = await_refusal(&linchpin, reference, "for want of room");
    assert!(status["problem"].as_str().unwrap().contains("free some"), "{status}");
    assert!(linchpin.log().contains("sealed minutes wait in memory until the store takes them"));
    assert_eq!(sealed::files(store.path(), "buckets"), Vec::<String>::new());

    let pid = linchpin.pid().to_string();
    let raised = Command::new("prlimit").args(["--pid", &pid, "--fsize=unlimited"]).status().unwrap();
    assert!(raised.success());
    linchpin.await_sealed(&reference.sealed_by);
    assert_eq!(linchpin.store().unwrap()["problem"], Value::Null);
    assert!(linchpin.log().contains("the store takes sealed minutes again"), "{}", linchpin.log());
    reference.assert_sealed_by(linchpin, store.path());
}

#[test]
fn a_store_that_is_killed_while_its_disk_is_full_is_complete_after_a_restart() {
    let (reference, store) = (Reference::shared(), TempDir::new().unwrap());
    let config = reference.config("");
    // 2 KiB hold the smaller minutes only.
    let wrapper = ["sh", "-c", "ulimit -S -f 3; exec \"$@\"", "sh"];
    let linchpin = Launch { config: &config, store: Some(store.path()), wrapper: &wrapper }.serve();
    await_refusal(&linchpin, reference, "for want of room");
    linchpin.kill();
    let again = Linchpin::serve_on(&reference.config(""), store.path());
    reference.assert_sealed_by(again, store.path());
}

#[test]
fn what_stands_in_the_way_of_a_bucket_is_told_and_waited_for() {
    let (reference, store) = (Reference::shared(), TempDir::new().unwrap());
    let obstacle = store.path().join("buckets/merged");
    std::fs::create_dir_all(obstacle.parent().unwrap()).unwrap();
    std::fs::write(store.path().join("FORMAT"), "linchpin-store 1\n").unwrap();
    std::fs::write(&obstacle, "in the way").unwrap();
    let linchpin = Linchpin::serve_on(&reference.config(""), store.path());
    await_refusal(&linchpin, reference, "look at that file or folder");
    std::fs::remove_file(&obstacle).unwrap();
    reference.assert_sealed_by(linchpin, store.path());
}

#[test]
fn a_truncated_newest_minute_is_set_aside_and_sealed_again() {
    check_newest_is_sealed_again(|bytes| bytes.truncate(bytes.len() / 2));
}

#[test]
fn a_newest_minute_with_a_flipped_bit_is_set_aside_and_sealed_again() {
    check_newest_is_sealed_again(|bytes| {
        let middle = bytes.len() / 2;
        bytes[middle] ^= 4;
    });
}

#[test]
fn an_older_damaged_minute_is_a_gap_that_answers_tell() {
    let reference = Reference::shared();
    let store = reference.sealed_store();
    // Its roll-ups would stand for it.
    for width in ["10m", "1h", "1d"] {
        std::fs::remove_dir_all(store.path().join("buckets/merged").join(width)).unwrap();
    }
    let older = reference.minute(9);
    damage(&path(store.path(), older), |bytes| bytes[40] ^= 1);
    let linchpin = Linchpin::serve_on(&reference.config(""), store.path());
    linchpin.await_sealed(&reference.sealed_by);
    let start = start_of(older);
    let notes = eventually("the damage is noted", || {
        let notes = linchpin.notes(&reference.range())?;
        if notes.is_empty() { Err("no note".to_string()) } else { Ok(notes) }
    });
    let is_told = |words: &[&str]| notes.iter().any(|note| words.iter().all(|word| note.contains(word)));
    assert!(is_told(&["is missing", &start, "is damaged"]), "{start}: {notes:?}");
    let status = linchpin.json("/api/v1/status").unwrap();
    for told in [&status["store"]["damaged"], &status["hints"]] {
        let told = told.to_string();
        assert!(told.contains(&start) && told.contains("damaged/merged/1m/"), "{start}: {told}");
    }
    linchpin.await_ready();
    assert!(linchpin.terminate().success());
    assert_eq!(sealed::files(store.path(), "damaged").len(), 1);
    let (sealed, mut expected) = (sealed::minutes(store.path()), reference.buckets.clone());
    expected.retain(|path, _| path.contains("/1m/") && path != older);
    sealed::equal(&sealed, &expected).unwrap();
}

fn check_newest_is_sealed_again(harm: impl FnOnce(&mut Vec<u8>)) {
    let reference = Reference::shared();
    let store = reference.sealed_store();
    let newest = reference.minute(0);
    damage(&path(store.path(), newest), harm);
    let linchpin = Linchpin::serve_on(&reference.config(""), store.path());
    linchpin.await_sealed(&reference.sealed_by);
    let log = linchpin.log();
    assert!(log.contains("is damaged") && log.contains(&start_of(newest)), "{log}");
    assert_eq!(linchpin.store().unwrap()["nondeterminism"], 0);
    let told = linchpin.store().unwrap()["damaged"].to_string();
    assert!(!told.contains(&start_of(newest)), "it is whole again: {told}");
    assert_eq!(linchpin.notes(&reference.range()).unwrap(), Vec::<String>::new(), "nothing is missing");
    reference.assert_sealed_by(linchpin, store.path());
    assert_eq!(sealed::files(store.path(), "damaged").len(), 1, "the damaged bytes are kept");
    assert_eq!(sealed::files(store.path(), "conflicts"), Vec::<String>::new());
}

fn damage(file: &Path, harm: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = std::fs::read(file).unwrap();
    harm(&mut bytes);
    std::fs::write(file, bytes).unwrap();
}

/// `serve` on it ends with exit code 2 and a message with all of `words`.
#[track_caller]
fn assert_refused(store: &Path, words: &[&str]) {
    let config = Reference::shared().config("");
    let (code, message) = Launch { config: &config, store: Some(store), wrapper: &[] }.refused();
    assert_eq!(code, 2, "{message}");
    words.iter().for_each(|word| assert!(message.contains(word), "`{word}` is not in: {message}"));
    assert!(!message.contains("panicked"), "{message}");
}

/// Waits until minutes wait because the store takes none, for a reason with `words`; all else goes on.
#[track_caller]
fn await_refusal(linchpin: &Linchpin, reference: &Reference, words: &str) -> Value {
    let status = eventually("sealed minutes wait", || {
        let status = linchpin.store()?;
        let is_told = status["problem"].as_str().is_some_and(|problem| problem.contains(words));
        let is_all = status["sealed_to"].as_str().is_some_and(|to| *to >= *reference.sealed_by);
        if is_told && is_all && status["waiting"].as_u64() > Some(0) {
            Ok(status)
        } else {
            Err(status.to_string())
        }
    });
    linchpin.await_ready();
    let graph = linchpin.graph(&reference.range()).unwrap();
    assert!(graph.edges.len() >= 6, "the graph is served all the same: {:?}", graph.edges);
    let hints = linchpin.json("/api/v1/status").unwrap()["hints"].to_string();
    assert!(hints.contains("sealed minutes wait in memory"), "{hints}");
    status
}
