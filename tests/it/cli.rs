//! Commands as a user meets them: exit codes, what goes to stdout and what to stderr.

use std::path::Path;
use std::process::{Output, Stdio};

use linchpin::export::document::GraphDocument;

use crate::support::data;
use crate::support::edges;
use crate::support::linchpin::{command, run, scratch};
use crate::support::random::Random;
use crate::support::spans::{encode, order, order_edges};

const ZIPKIN: &str = r#"[{"traceId":"86154a4ba6e91385","id":"4d1e00c0db9010db","kind":"CLIENT","name":"get",
"timestamp":1472470996199000,"duration":207000,"localEndpoint":{"serviceName":"frontend","ipv4":"127.0.0.1"}}]"#;

#[test]
fn wrong_usage_exits_2_and_tells_how() {
    for arguments in [&[][..], &["graf"], &["graph", "--no-such-flag"]] {
        let output = run(arguments);
        assert_eq!(code(&output), 2, "{arguments:?}");
        assert!(stderr(&output).contains("Usage"), "{arguments:?}: {}", stderr(&output));
    }
}

#[test]
fn version_and_help_exit_0_on_stdout() {
    assert!(stdout(&run(&["--version"])).contains(env!("CARGO_PKG_VERSION")));
    for command in ["serve", "demo", "generate", "graph", "critical-paths", "store", "bench", "config"] {
        let output = run(&[command, "--help"]);
        assert_eq!(code(&output), 0, "{command}");
        assert!(stdout(&output).contains("Usage"), "{command}");
    }
}

#[test]
fn graph_of_a_missing_file_names_it() {
    let output = run(&["graph", "no-such-file.json"]);
    assert_eq!(code(&output), 2);
    assert_refused(&output, &["no-such-file.json"]);
}

#[test]
fn graph_of_an_empty_file_says_that_nothing_is_in_it() {
    let (_folder, file) = write("empty.json", b"");
    let output = graph(&file, &[]);
    assert_ne!(code(&output), 0);
    assert_refused(&output, &["empty.json"]);
}

#[test]
fn graph_of_garbage_says_what_can_be_read() {
    let (_folder, file) = write("noise.bin", &[&[0xff][..], &Random::new(3).bytes(10_000)].concat());
    let output = graph(&file, &[]);
    assert_eq!(code(&output), 2);
    assert_refused(&output, &["noise.bin"]);
}

#[test]
fn graph_of_another_format_says_what_it_looks_like() {
    let (_folder, file) = write("zipkin.json", ZIPKIN.as_bytes());
    let output = graph(&file, &[]);
    assert_eq!(code(&output), 2);
    assert_refused(&output, &["zipkin.json", "looks like zipkin"]);
}

#[test]
fn graph_of_a_file_goes_to_stdout_alone() {
    let (_folder, file) = write("orders.pb", &encode(&order("shop", 1, 1_700_000_000_000_000_000)));
    let output = graph(&file, &["--format", "json"]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let graph: GraphDocument = serde_json::from_slice(&output.stdout).unwrap();
    edges::equal(&edges::edges(&graph), &order_edges("shop", 1)).unwrap();
}

#[test]
fn answers_of_a_file_are_the_same_at_any_time() {
    let orders =
        [1, 2].map(|trace| order("shop", trace, 1_700_000_000_000_000_000 + trace as u64 * 60_000_000_000));
    let (_folder, file) = write("orders.pb", &encode(&orders.concat()));
    let from = ["--from", "2023-11-14T22:15:00Z"];
    for (command, options, minutes) in [
        ("graph", &[][..], ("22:14", "22:16")),
        ("graph", &["--window", "1m"][..], ("22:15", "22:16")),
        ("critical-paths", &from[..], ("22:15", "22:16")),
        (
            "critical-paths",
            &["--flow", "shop-gateway GET /orders", "--min-requests", "1"][..],
            ("22:14", "22:16"),
        ),
    ] {
        let export = || run(&[&[command, file.to_str().unwrap(), "--format", "json"][..], options].concat());
        let first = export();
        assert_eq!(code(&first), 0, "{command} {options:?}: {}", stderr(&first));
        let document: serde_json::Value = serde_json::from_slice(&first.stdout).unwrap();
        let (from, to) = minutes;
        let instant = |minute| format!("2023-11-14T{minute}:00.000Z");
        let expected = serde_json::json!({"from": instant(from), "to": instant(to), "as_of": instant(to)});
        assert_eq!(document["range"], expected, "{command} {options:?}");
        assert_eq!(stdout(&export()), stdout(&first), "{command} {options:?}");
    }
}

#[test]
fn a_picture_needs_no_graphviz() {
    let (folder, file) = write("orders.pb", &encode(&order("shop", 1, 1_700_000_000_000_000_000)));
    let own = graph(&file, &["--format", "svg"]);
    assert_eq!((code(&own), stderr(&own).as_str()), (0, ""));
    assert!(stdout(&own).starts_with("<svg ") && stdout(&own).contains(">shop-"), "{}", stdout(&own));
    let without = command()
        .args(["graph", "--format", "svg", "--layout", "dot"])
        .arg(&file)
        .env("PATH", folder.path())
        .output()
        .unwrap();
    assert_eq!(stdout(&without), stdout(&own));
    assert_eq!(stderr(&without), "linchpin: `dot` is not installed; drawn without it\n");
}

#[test]
fn a_picture_shows_as_many_nodes_as_asked_for() {
    let (_folder, file) = write("orders.pb", &encode(&order("shop", 1, 1_700_000_000_000_000_000)));
    let drawn = |most: &str| graph(&file, &["--format", "svg", "--max-nodes", most]);
    let one = drawn("1");
    assert_eq!(code(&one), 0, "{}", stderr(&one));
    assert!(stdout(&one).contains(" · 1 of "), "{}", stdout(&one));
    assert_eq!(drawn("all").stdout, graph(&file, &["--format", "svg"]).stdout);
    for (options, word) in [
        (&["--format", "svg", "--max-nodes", "0"][..], "give a number from 1"),
        (&["--format", "svg", "--max-nodes", "some"], "give a number from 1"),
        (&["--format", "json", "--max-nodes", "5"], "add --format svg"),
        (&["--format", "svg", "--layout", "dot", "--max-nodes", "5"], "leave out --layout dot"),
    ] {
        let output = graph(&file, options);
        assert_eq!(code(&output), 2, "{options:?}");
        assert!(stderr(&output).contains(word), "{options:?}: {}", stderr(&output));
    }
}

#[test]
fn a_graph_of_a_file_is_a_table_for_a_wiki_too() {
    let (_folder, file) = write("orders.pb", &encode(&order("a|b", 1, 1_700_000_000_000_000_000)));
    let output = graph(&file, &["--format", "markdown"]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let text = stdout(&output);
    assert!(text.starts_with("## Dependencies\n\nservice graph, ") && text.contains("a\\|b"), "{text}");
}

#[test]
fn graph_of_a_data_set_is_exact() {
    let Some(set) = data::find("hotel-jaeger") else { return };
    let output = graph(&set.spans_file, &["--format", "json"]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let graph: GraphDocument = serde_json::from_slice(&output.stdout).unwrap();
    edges::equal(&edges::edges(&graph), &set.expected).unwrap();
}

#[test]
fn reader_that_goes_away_is_no_failure() {
    let (_folder, file) = write("orders.pb", &encode(&order("shop", 1, 1_700_000_000_000_000_000)));
    let mut child = command()
        .args(["graph", "--format", "json"])
        .arg(&file)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert!(!stderr(&output).contains("panicked"), "{}", stderr(&output));
}

#[test]
fn critical_path_of_a_trace_is_its_sections_in_json() {
    let (_folder, file) = write("spans.otlp.pb", &encode(&order("shop", 0xABC, 1_700_000_000_000_000_000)));
    let output = critical_paths(&file, &["--trace", "00000ABC"]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let path: serde_json::Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(path["trace_id"], "00000000000000000000000000000abc");
    assert_eq!(path["root"]["service"], "shop-gateway");
    let sections = path["sections"].as_array().unwrap();
    assert_eq!(sections[0]["start_unix_nanos"], "1700000000000000000");
    assert_eq!(sections[sections.len() - 1]["end_unix_nanos"], "1700000000010000000");
    assert!(sections.windows(2).all(|pair| pair[0]["end_unix_nanos"] == pair[1]["start_unix_nanos"]));
}

#[test]
fn critical_path_of_an_unknown_trace_names_one_that_is_there() {
    let (_folder, file) = write("spans.otlp.pb", &encode(&order("shop", 0xABC, 1_700_000_000_000_000_000)));
    let output = critical_paths(&file, &["--trace", "abd"]);
    assert_eq!(code(&output), 1);
    assert_refused(&output, &["abd", "00000000000000000000000000000abc"]);
    let output = critical_paths(&file, &["--trace", "shop"]);
    assert_eq!(code(&output), 2);
    assert_refused(&output, &["shop", "hex"]);
}

#[test]
fn a_format_of_another_question_is_refused_with_those_that_there_are() {
    let (_folder, file) = write("spans.otlp.pb", &encode(&order("shop", 0xABC, 1_700_000_000_000_000_000)));
    for (options, words) in [
        (
            &["--format", "folded"][..],
            "folded is not offered without --flow FLOW: give text, json, markdown, river, dot, svg",
        ),
        (&["--flow", "f", "--format", "river"], "with --flow: give text, json, markdown, folded, speedscope"),
        (&["--trace", "abc", "--format", "svg"], "with --trace: give text, json"),
    ] {
        let output = critical_paths(&file, options);
        assert_eq!(code(&output), 2, "{options:?}");
        assert_refused(&output, &[words]);
    }
}

#[test]
fn config_check_names_every_problem_at_once() {
    let (_folder, file) =
        write("linchpin.toml", b"[kafka]\nbrokerz = \"a:1\"\nstart = \"soon\"\n[lanes]\ncount = 0\n");
    let output = run(&["config", "--check", "--config", &file.display().to_string()]);
    assert_eq!(code(&output), 64);
    assert_refused(&output, &["brokerz", "kafka.brokers", "soon", "lanes.count"]);
}

#[test]
fn config_check_of_a_good_file_exits_0() {
    let (_folder, file) = write("linchpin.toml", b"[kafka]\nbrokers = \"broker:9092\"\n");
    let output = run(&["config", "--check", "--config", &file.display().to_string()]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
}

#[test]
fn serve_with_a_bad_configuration_does_not_start() {
    let (_folder, file) = write("linchpin.toml", b"[http]\nlisten = \"nowhere\"\n[kafka]\ntopics = []\n");
    let output = run(&["serve", "--config", &file.display().to_string()]);
    assert_eq!(code(&output), 64);
    assert_refused(&output, &["http.listen", "kafka.topics"]);
}

#[test]
fn environment_stands_over_the_file() {
    let (_folder, file) = write("linchpin.toml", b"[kafka]\nbrokers = \"from-file:1\"\n");
    let output = command()
        .args(["config", "--config"])
        .arg(&file)
        .env("LINCHPIN_KAFKA__BROKERS", "from-environment:2")
        .output()
        .unwrap();
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let shown = stdout(&output);
    assert!(shown.contains("from-environment:2") && !shown.contains("from-file:1"), "{shown}");
}

fn graph(file: &Path, options: &[&str]) -> Output {
    command().arg("graph").arg(file).args(options).stdin(Stdio::null()).output().unwrap()
}

fn critical_paths(file: &Path, options: &[&str]) -> Output {
    command().arg("critical-paths").arg(file).args(options).output().unwrap()
}

fn write(name: &str, content: &[u8]) -> (tempfile::TempDir, std::path::PathBuf) {
    let (folder, path) = scratch(name);
    std::fs::write(&path, content).unwrap();
    (folder, path)
}

/// Nothing on stdout, and each of `words` on stderr.
#[track_caller]
fn assert_refused(output: &Output, words: &[&str]) {
    let message = stderr(output);
    assert_eq!(stdout(output), "", "stdout is for results");
    assert!(!message.contains("panicked"), "{message}");
    for word in words {
        assert!(message.to_lowercase().contains(&word.to_lowercase()), "`{word}` is not in: {message}");
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
