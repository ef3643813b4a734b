//! A store read without a server: graph, ls, verify and export on whole, damaged and foreign files.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use linchpin::export::document::GraphDocument;
use prost::encode_length_delimiter;

use crate::support::edges;
use crate::support::linchpin::command;
use crate::support::spans::{encode, order, order_edges};

/// 2026-01-01T00:00:00Z.
const START: u64 = 1_767_225_600_000_000_000;
const MINUTE: u64 = 60_000_000_000;

/// A store of the sealed minutes from 00:00 to 00:12, each with an order at its first second, and of ten minutes.
fn store() -> (tempfile::TempDir, PathBuf) {
    store_of("shop")
}

fn store_of(prefix: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let mut messages = Vec::new();
    for minute in 0..20u64 {
        let message = encode(&order(prefix, u128::from(minute + 1), START + minute * MINUTE));
        encode_length_delimiter(message.len(), &mut messages).unwrap();
        messages.extend(message);
    }
    let (file, store) = (folder.path().join("orders.otlp.pb"), folder.path().join("store"));
    std::fs::write(&file, messages).unwrap();
    let output = command().arg("bench").arg(&file).arg("--store").arg(&store).output().unwrap();
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    // What is sealed last depends on the look-back: the tests take a part that is always there.
    for minute in 13..20 {
        let _ = std::fs::remove_file(minute_file(&store, minute));
    }
    (folder, store)
}

fn minute_file(store: &Path, minute: u64) -> PathBuf {
    store.join(format!("buckets/merged/1m/20260101T00{minute:02}Z.bucket"))
}

fn ten_minutes_file(store: &Path) -> PathBuf {
    store.join("buckets/merged/10m/20260101T0000Z.bucket")
}

fn linchpin(arguments: &[&str], store: &Path) -> Output {
    command().args(arguments).arg("--store").arg(store).stdin(Stdio::null()).output().unwrap()
}

fn graph(store: &Path, more: &[&str]) -> (GraphDocument, Output) {
    let output = linchpin(&[&["graph", "--format", "json"], more].concat(), store);
    let document = serde_json::from_slice(&output.stdout);
    (document.unwrap_or_else(|error| panic!("{error}: {}", stderr(&output))), output)
}

#[test]
fn graph_of_a_store_has_every_sealed_minute() {
    let (_folder, store) = store();
    let (document, output) = graph(&store, &[]);
    assert_eq!((code(&output), stderr(&output)), (0, String::new()));
    edges::equal(&edges::edges(&document), &order_edges("shop", 13)).unwrap();
    assert_eq!(document.range.from, "2026-01-01T00:00:00.000Z");
    assert_eq!(document.range.to, "2026-01-01T00:13:00.000Z");
    let (part, _) = graph(&store, &["--from", "2026-01-01T00:02:00Z", "--to", "2026-01-01T00:05:00Z"]);
    edges::equal(&edges::edges(&part), &order_edges("shop", 3)).unwrap();
}

#[test]
fn graph_as_of_an_instant_is_that_of_the_minutes_before_it() {
    let (_folder, store) = store();
    let as_of = ["--as-of", "2026-01-01T00:06:30Z"];
    let (document, output) = graph(&store, &as_of);
    edges::equal(&edges::edges(&document), &order_edges("shop", 6)).unwrap();
    assert_eq!(document.range.as_of, "2026-01-01T00:06:30.000Z");
    assert_eq!(graph(&store, &as_of).1.stdout, output.stdout);
    let output = linchpin(&["graph", "--as-of", "2026-01-01T00:30:00Z"], &store);
    assert_eq!(code(&output), 1);
    assert_refused(&output, &["sealed up to 2026-01-01T00:13"]);
}

#[test]
fn graph_of_an_empty_range_says_what_there_is() {
    let (_folder, store) = store();
    let output = linchpin(
        &["graph", "--format", "text", "--from", "2025-01-01T00:00:00Z", "--to", "2025-01-02T00:00:00Z"],
        &store,
    );
    assert_eq!(code(&output), 1);
    assert!(
        stderr(&output).contains("2026-01-01T00:00:00.000Z to 2026-01-01T00:13:00.000Z"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn graph_leaves_damaged_buckets_out_and_says_so() {
    let (_folder, store) = store();
    truncate(&minute_file(&store, 11));
    let (document, output) = graph(&store, &[]);
    assert_eq!(code(&output), 0);
    edges::equal(&edges::edges(&document), &order_edges("shop", 12)).unwrap();
    assert!(stderr(&output).contains("merged 1m 2026-01-01T00:11Z: "), "{}", stderr(&output));
    assert!(stderr(&output).contains("it is cut off"), "{}", stderr(&output));
    let notes = document.completeness.notes.join("\n");
    assert!(notes.contains("merged 1m 2026-01-01T00:11Z is missing"), "{notes}");
    // The ten minutes stand for their minutes.
    truncate(&minute_file(&store, 3));
    edges::equal(&edges::edges(&graph(&store, &[]).0), &order_edges("shop", 12)).unwrap();
}

#[test]
fn what_is_no_store_is_refused_with_the_cure() {
    let (folder, _) = store();
    for (place, words) in [("nowhere", "no such folder"), (".", "other files")] {
        for command in [&["graph"][..], &["store", "ls"], &["store", "verify"], &["store", "export", "--all"]]
        {
            let output = linchpin(command, &folder.path().join(place));
            assert_eq!(code(&output), 2, "{command:?}");
            assert_refused(&output, &[words, "--store PATH"]);
        }
    }
    assert!(!folder.path().join("nowhere").exists(), "reading creates nothing");
    let output = linchpin(&["graph", "orders.otlp.pb"], folder.path());
    assert_eq!(code(&output), 2);
    let output = command().args(["store", "ls", "--set", "store.path=none"]).output().unwrap();
    assert_eq!(code(&output), 2);
    assert_refused(&output, &["none", "--store PATH"]);
}

#[test]
fn a_store_of_a_newer_version_is_refused() {
    let (_folder, store) = store();
    std::fs::write(store.join("FORMAT"), "linchpin-store 2\n").unwrap();
    let output = linchpin(&["store", "ls"], &store);
    assert_eq!(code(&output), 2);
    assert_refused(&output, &["format version 2", "use a newer linchpin"]);
}

#[test]
fn ls_is_sorted_by_time_and_then_by_width() {
    let (_folder, store) = store();
    assert_golden("store-ls.txt", &stdout(&linchpin(&["store", "ls"], &store)));
    let filters = ["--width", "1m", "--from", "2026-01-01T00:02:00Z", "--to", "2026-01-01T00:04:00Z"];
    let listed = stdout(&linchpin(&[&["store", "ls"], &filters[..]].concat(), &store));
    let starts: Vec<&str> = listed.lines().filter_map(|line| line.split_whitespace().nth(2)).collect();
    assert_eq!(starts[..3], ["start", "2026-01-01T00:02Z", "2026-01-01T00:03Z"], "{listed}");
    let long = linchpin(&["store", "ls", "--long", "--format", "json", "--width", "10m"], &store);
    let long: serde_json::Value = serde_json::from_slice(&long.stdout).unwrap();
    assert_eq!(long["count"], 1);
    assert_eq!(long["buckets"][0]["traces"], 10);
    assert_eq!(long["buckets"][0]["spans"], 40);
    let output = linchpin(&["store", "ls", "--lane", "other/0"], &store);
    assert_eq!(code(&output), 1);
    assert!(stderr(&output).contains("nothing matched"));
}

#[test]
fn long_lines_fit_a_hundred_columns() {
    let (_folder, store) = store();
    let long = stdout(&linchpin(&["store", "ls", "--long"], &store));
    assert!(long.lines().all(|line| line.len() <= 100), "{long}");
}

#[test]
fn a_whole_store_is_verified() {
    let (_folder, store) = store();
    let output = linchpin(&["store", "verify"], &store);
    assert_eq!((code(&output), stderr(&output)), (0, String::new()), "{}", stdout(&output));
    assert_golden("store-verify.txt", &stdout(&output));
}

#[test]
fn verify_names_each_problem_with_its_cure() {
    let (_folder, store) = store();
    truncate(&minute_file(&store, 1));
    flip(&minute_file(&store, 2));
    make_newer(&minute_file(&store, 3));
    std::fs::copy(minute_file(&store, 5), minute_file(&store, 4)).unwrap();
    std::fs::write(minute_file(&store, 6), "no bucket").unwrap();
    let conflicts = store.join("conflicts/merged/1m");
    std::fs::create_dir_all(&conflicts).unwrap();
    std::fs::copy(minute_file(&store, 7), conflicts.join("20260101T0007Z.0123456789abcdef.bucket")).unwrap();
    std::fs::remove_file(ten_minutes_file(&store)).unwrap();
    set_aside(&store, 8);
    set_aside(&store, 9);
    std::fs::remove_file(minute_file(&store, 9)).unwrap();
    let before = files(&store);
    let output = linchpin(&["store", "verify"], &store);
    assert_eq!(code(&output), 1);
    let folder = std::fs::canonicalize(&store).unwrap().display().to_string();
    let shown = stdout(&output).replace(&store.display().to_string(), "STORE").replace(&folder, "STORE");
    // Checksums depend on the hash of the configuration, which other changes may change.
    let checksum = |line: &str| match line.split_once("its checksum is ") {
        Some((before, after)) => format!("{before}its checksum is …{}\n", &after[after.find(':').unwrap()..]),
        None => format!("{line}\n"),
    };
    assert_golden("store-verify-damaged.txt", &shown.lines().map(checksum).collect::<String>());
    assert_eq!(files(&store), before, "nothing is changed");
    let json = linchpin(&["store", "verify", "--format", "json"], &store);
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    let faults: Vec<&str> = json["problems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|problem| problem["fault"].as_str().unwrap())
        .collect();
    let damaged = ["damaged"; 2];
    assert_eq!(faults[..2], damaged);
    assert_eq!(faults[2..], ["future_version", "damaged", "damaged", "set_aside", "conflict"]);
    assert_eq!(json["notes"][0]["fault"], "superseded");
}

#[test]
fn verify_names_a_file_that_cannot_be_read_and_goes_on() {
    let (_folder, store) = store();
    // Whoever may read everything cannot read a folder as a file either.
    std::fs::remove_file(minute_file(&store, 3)).unwrap();
    std::fs::create_dir(minute_file(&store, 3)).unwrap();
    truncate(&minute_file(&store, 7));
    let output = linchpin(&["store", "verify"], &store);
    assert_eq!(code(&output), 1, "{}", stderr(&output));
    let shown = stdout(&output);
    for words in [
        "merged 1m 2026-01-01T00:03Z: it cannot be read (Is a directory",
        "20260101T0003Z.bucket)",
        "merged 1m 2026-01-01T00:07Z: it is cut off",
        "12 buckets read",
        "2 problems",
    ] {
        assert!(shown.contains(words), "`{words}` is not in: {shown}");
    }
}

#[test]
fn verify_only_notes_damaged_files_whose_buckets_are_there_again() {
    let (_folder, store) = store();
    set_aside(&store, 8);
    let verified = || {
        let output = linchpin(&["store", "verify"], &store);
        (code(&output), stdout(&output))
    };
    let (code, shown) = verified();
    assert_eq!(code, 0, "{shown}");
    assert!(shown.contains("note: merged 1m 2026-01-01T00:08Z: ") && shown.contains("there again, whole"));
    assert!(shown.ends_with("all well, 1 note\n"), "{shown}");
    std::fs::remove_file(minute_file(&store, 8)).unwrap();
    let (code, shown) = verified();
    assert_eq!(code, 0, "{shown}");
    assert!(shown.contains("a roll-up holds what it held"), "{shown}");
    std::fs::remove_file(ten_minutes_file(&store)).unwrap();
    let (code, shown) = verified();
    assert_eq!(code, 1, "{shown}");
    assert!(shown.contains("move it and all later minutes of its lane out of `buckets`"), "{shown}");
    assert!(!shown.contains("note"), "the hole is the damaged minute: {shown}");
}

#[test]
fn verify_notes_a_minute_that_was_removed() {
    let (_folder, store) = store();
    std::fs::remove_file(minute_file(&store, 4)).unwrap();
    let output = linchpin(&["store", "verify"], &store);
    assert!(!stdout(&output).contains("note"), "the ten minutes hold it: {}", stdout(&output));
    std::fs::remove_file(minute_file(&store, 11)).unwrap();
    let output = linchpin(&["store", "verify"], &store);
    assert_eq!(code(&output), 0, "another cause is possible");
    let hole = "note: merged 1m 2026-01-01T00:12Z: offsets 11 to 11 of bench/0 are in no bucket from 2026-01-01T00:11Z to it; ";
    assert!(stdout(&output).contains(hole), "{}", stdout(&output));
}

#[test]
fn verify_compares_roll_ups_with_their_parts() {
    let (_folder, store) = store();
    let (_other_folder, others) = store_of("other");
    std::fs::copy(minute_file(&others, 4), minute_file(&store, 4)).unwrap();
    let output = linchpin(&["store", "verify"], &store);
    assert_eq!(code(&output), 1);
    assert!(
        stdout(&output).contains("merged 10m 2026-01-01T00:00Z: it is not the sum of its 10 parts"),
        "{}",
        stdout(&output)
    );
}

#[test]
fn export_has_everything_with_names() {
    let (_folder, store) = store();
    let output = linchpin(&["store", "export", "merged 1m 2026-01-01T00:03Z"], &store);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let bucket: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(bucket["schema"], "linchpin.bucket/1");
    assert_eq!(bucket["totals"]["spans"], 4);
    let edges = bucket["edges"].as_array().unwrap();
    let callees: Vec<&str> = edges.iter().map(|edge| edge["callee"]["name"].as_str().unwrap()).collect();
    assert_eq!(callees, ["shop-orders", "postgresql/orders"]);
    assert_eq!(edges[0]["first_seen_unix_nanos"], (START + 3 * MINUTE + 1_000_000).to_string());
    assert_eq!(edges[0]["caller_latency"]["sum_ns"], "10000000");
    assert_eq!(bucket["positions"]["inputs"][0]["input"], "bench/0");
    // Three arguments are a key as well, and its file is the same bucket.
    let again = linchpin(&["store", "export", "merged", "1m", "2026-01-01T00:03Z"], &store);
    assert_eq!(again.stdout, output.stdout);
    let of_file = command().args(["store", "export"]).arg(minute_file(&store, 3)).output().unwrap();
    assert_eq!(of_file.stdout, output.stdout);
}

#[test]
fn export_of_all_is_a_line_each() {
    let (_folder, store) = store();
    let output = linchpin(&["store", "export", "--all"], &store);
    let lines: Vec<serde_json::Value> =
        stdout(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 14);
    assert_eq!(lines[1]["width"], "10m");
    assert_eq!(lines[1]["members"], 10);
    let narrow = linchpin(&["store", "export", "--all", "--width", "10m"], &store);
    assert_eq!(stdout(&narrow).lines().count(), 1);
}

#[test]
fn export_of_what_is_not_there_or_no_bucket_says_why() {
    let (_folder, store) = store();
    let output = linchpin(&["store", "export", "merged 1m 2027-01-01T00:00Z"], &store);
    assert_eq!(code(&output), 1);
    assert_refused(&output, &["no such bucket", "store ls"]);
    let output = linchpin(&["store", "export", "merged 1m tomorrow"], &store);
    assert_eq!(code(&output), 2);
    assert_refused(&output, &["tomorrow", "merged 1m 2026-11-25T18:01Z"]);
    for wrong in [&["merged 7m 2026-01-01T00:03Z"][..], &["merged", "7m", "2026-01-01T00:03Z"]] {
        let output = linchpin(&[&["store", "export"], wrong].concat(), &store);
        assert_eq!(code(&output), 2);
        assert_refused(&output, &["`merged 7m 2026-01-01T00:03Z`", "none of 1m, 10m, 1h, 1d", "store ls"]);
    }
    for missing in ["nowhere/20260101T0003Z.bucket", "/"] {
        let output = linchpin(&["store", "export", missing], &store);
        assert_eq!(code(&output), 2);
        assert_refused(&output, &[&format!("`{missing}` cannot be read"), "store ls"]);
    }
    let output = linchpin(&["store", "export", "--all", "--from", "9999-01-01T00:00:00Z"], &store);
    assert_eq!(code(&output), 2);
    assert_refused(&output, &["--from: `9999-01-01T00:00:00Z` is out of range", "2554"]);
    let (newer, foreign, cut) = (minute_file(&store, 3), minute_file(&store, 4), minute_file(&store, 5));
    make_newer(&newer);
    std::fs::write(&foreign, "PK\x03\x04").unwrap();
    truncate(&cut);
    for (file, words) in [
        (&newer, "format version 2, this version of linchpin reads up to 1"),
        (&foreign, "does not begin as a bucket does"),
        (&cut, "cut off"),
    ] {
        let output = command().args(["store", "export"]).arg(file).output().unwrap();
        assert_eq!(code(&output), 1);
        assert_refused(&output, &[words]);
    }
    let output = linchpin(&["store", "export", "--all"], &store);
    assert_eq!(code(&output), 1);
    assert_eq!(stdout(&output).lines().count(), 11, "the others are printed");
    assert_eq!(stderr(&output).lines().count(), 3, "{}", stderr(&output));
}

#[test]
fn reader_of_an_export_that_goes_away_is_no_failure() {
    let (_folder, store) = store();
    let mut child = command()
        .args(["store", "export", "--all", "--store"])
        .arg(&store)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((code(&output), stderr(&output)), (0, String::new()));
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_behind_stdout_is_named() {
    let (folder, store) = store();
    let orders = folder.path().join("orders.otlp.pb").display().to_string();
    let store = store.display().to_string();
    for arguments in [
        &["store", "ls", "--store", &store][..],
        &["store", "verify", "--store", &store],
        &["store", "export", "--all", "--store", &store],
        &["graph", "--store", &store],
        &["critical-paths", "--trace", "1", &orders],
        &["bench", &orders],
        &["config"],
        &["generate", "--to", "-", "--spans", "1000"],
    ] {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let output = command().args(arguments).stdin(Stdio::null()).stdout(full).output().unwrap();
        let message = stderr(&output);
        assert_eq!(code(&output), 70, "{arguments:?}: {message}");
        assert!(
            message.contains("linchpin: cannot write to standard output: No space left on device"),
            "{arguments:?}: {message}"
        );
    }
}

#[test]
fn a_kept_trace_is_opened_as_it_is_from_its_file() {
    let (folder, store) = store();
    let orders = folder.path().join("orders.otlp.pb").display().to_string();
    let of_file = command().args(["critical-paths", "--trace", "4", &orders]).output().unwrap();
    assert_eq!(code(&of_file), 0, "{}", stderr(&of_file));
    let range = ["--from", "2026-01-01T00:03:00Z", "--to", "2026-01-01T00:04:00Z"];
    let of_store = linchpin(&[&["critical-paths", "--trace", "4"], &range[..]].concat(), &store);
    assert_eq!((code(&of_store), stdout(&of_store)), (0, stdout(&of_file)), "{}", stderr(&of_store));
    let unknown = linchpin(&["critical-paths", "--trace", "999"], &store);
    assert_eq!(code(&unknown), 1);
    assert_refused(&unknown, &["no trace 00000000000000000000000000000999 is kept", "`exemplars`"]);
}

#[test]
fn roll_ups_answer_where_their_minutes_are_gone() {
    let (_folder, store) = store();
    (0..10).for_each(|minute| std::fs::remove_file(minute_file(&store, minute)).unwrap());
    assert!(ten_minutes_file(&store).exists());
    edges::equal(&edges::edges(&graph(&store, &[]).0), &order_edges("shop", 13)).unwrap();
    let range =
        ["--as-of", "2026-01-01T00:12:00Z", "--from", "2026-01-01T00:03:00Z", "--to", "2026-01-01T00:12:00Z"];
    let output = linchpin(&[&["graph"], &range[..]].concat(), &store);
    assert_eq!(code(&output), 1);
    assert_refused(&output, &["rolled up", "from=2026-01-01T00:00:00.000Z"]);
}

/// A damaged file of a minute, as `serve` keeps it.
fn set_aside(store: &Path, minute: u64) {
    let damaged = store.join("damaged/merged/1m");
    std::fs::create_dir_all(&damaged).unwrap();
    std::fs::write(damaged.join(format!("20260101T00{minute:02}Z.1.bucket")), "").unwrap();
}

fn truncate(path: &Path) {
    let bytes = std::fs::read(path).unwrap();
    std::fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
}

fn flip(path: &Path) {
    let mut bytes = std::fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(path, bytes).unwrap();
}

/// The file as a newer version would have written it.
fn make_newer(path: &Path) {
    let mut bytes = std::fs::read(path).unwrap();
    bytes[8] = 2;
    let end = bytes.len() - 4;
    let checksum = crc32fast::hash(&bytes[..end]);
    bytes[end..].copy_from_slice(&checksum.to_le_bytes());
    std::fs::write(path, bytes).unwrap();
}

/// All files below a folder with their lengths.
fn files(folder: &Path) -> Vec<(PathBuf, u64)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        match entry.file_type().unwrap().is_dir() {
            true => found.extend(files(&entry.path())),
            false => found.push((entry.path(), entry.metadata().unwrap().len())),
        }
    }
    found.sort();
    found
}

#[track_caller]
fn assert_golden(name: &str, actual: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&file, actual).unwrap();
    }
    let expected = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(actual == expected, "{name} differs (UPDATE_GOLDEN=1 rewrites it); now it is:\n{actual}");
}

/// Nothing on stdout, and each of `words` on stderr.
#[track_caller]
fn assert_refused(output: &Output, words: &[&str]) {
    let message = stderr(output);
    assert_eq!(stdout(output), "", "stdout is for results");
    for word in words {
        assert!(message.contains(word), "`{word}` is not in: {message}");
    }
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("no signal ended it")
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
