//! The shape of the source: who imports whom, which crate is used where, headers, sizes, the rule table.
//!
//! Each check collects every violation and names file and line, so that one run shows all that is wrong.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Modules in the order of the data; a module imports only from those before it.
const ORDER: [&str; 14] = [
    "model",
    "config",
    "telemetry",
    "source",
    "decode",
    "lane",
    "analyze",
    "graph",
    "store",
    "query",
    "export",
    "api",
    "demo",
    "cli",
];

/// Imports that the order would allow: (module, who may import it).
const NARROWER: [(&str, &[&str]); 2] = [("source", &["demo", "cli"]), ("api", &["cli"])];

/// Crates that only some files use: (crate, prefixes of paths below `src`).
const FENCES: [(&str, &[&str]); 8] = [
    (
        "rdkafka",
        &["source/kafka", "store/kafka_topic", "demo/broker", "demo/kafka", "cli/generate", "cli/rekey"],
    ),
    ("axum", &["api/", "source/otlp_http"]),
    ("petgraph", &["graph/snapshot", "query/", "export/"]),
    ("dashmap", &["graph/live", "model/symbols"]),
    ("graphviz_rust", &["export/dot"]),
    ("tokio", &["source/", "api/", "demo/", "cli/"]),
    ("clap", &["cli/"]),
    ("ureq", &["cli/", "demo/"]),
];

/// Stages that are pure: no input, no output, no clock.
const PURE: [&str; 6] = ["decode/", "lane/", "analyze/", "graph/", "query/", "export/"];
/// What a pure stage does not name.
const IMPURE: [&str; 8] = [
    "SystemTime::now",
    "Instant::now",
    "std::fs",
    "TcpStream",
    "UdpSocket",
    "thread::sleep",
    "std::env",
    "println!",
];

/// Production lines of a file above which its header has to say that it is one thing, and why.
const LONGEST: usize = 450;

/// A source file, cut into what is built for users and what is built for tests.
struct Source {
    /// Below `src`, with `/`.
    path: String,
    /// Lines with their numbers.
    production: Vec<(usize, String)>,
    /// Items behind `#[cfg(test)]`; the whole file where its parent declares it so.
    tests: String,
}

impl Source {
    fn new(path: String, text: &str) -> Source {
        let mut source = Source { path, production: Vec::new(), tests: String::new() };
        let mut lines = text.lines().enumerate();
        while let Some((index, line)) = lines.next() {
            if line.trim() != "#[cfg(test)]" {
                source.production.push((index + 1, line.to_string()));
                continue;
            }
            // rustfmt closes an item at the indentation at which it began.
            let end = line.replace("#[cfg(test)]", "}");
            let mut is_first = true;
            for (_, line) in lines.by_ref() {
                source.tests += line;
                source.tests += "\n";
                if line == end || is_first && line.ends_with(';') {
                    break;
                }
                is_first &= line.trim_start().starts_with("#[");
            }
        }
        source
    }

    /// Paths, without `.rs`, of the modules that this file declares for tests alone.
    fn test_modules(&self) -> Vec<String> {
        let folder = match self.path.rsplit_once('/') {
            _ if ["lib.rs", "main.rs"].contains(&self.path.as_str()) => String::new(),
            Some((folder, "mod.rs")) => format!("{folder}/"),
            _ => format!("{}/", self.path.trim_end_matches(".rs")),
        };
        let name = |line: &str| {
            let declared = line.trim().strip_suffix(';')?.rsplit_once("mod ")?.1.to_string();
            Some(format!("{folder}{declared}"))
        };
        self.tests.lines().filter_map(name).collect()
    }

    /// Production lines without comments.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.production.iter().map(|(number, line)| (*number, line.as_str()));
        lines.filter(|(_, line)| !line.trim_start().starts_with("//"))
    }

    /// The lines of its `//!` header.
    fn header(&self) -> String {
        self.production
            .iter()
            .map(|(_, line)| line.as_str())
            .take_while(|line| line.starts_with("//!"))
            .collect()
    }

    fn module(&self) -> &str {
        self.path.split(['/', '.']).next().expect("a split has a first part")
    }

    fn is_below(&self, prefixes: &[&str]) -> bool {
        prefixes.iter().any(|prefix| self.path.starts_with(prefix))
    }
}

#[test]
fn modules_import_only_from_the_left() {
    let mut wrong = Vec::new();
    for source in sources() {
        let Some(place) = ORDER.iter().position(|module| *module == source.module()) else { continue };
        for (number, line) in source.code() {
            for imported in names_after(line, "crate::") {
                if imported.is_empty() {
                    // A group that goes on in the next line could hide anything.
                    wrong.push(format!("src/{}:{number}: import each module by itself", source.path));
                }
                let Some(other) = ORDER.iter().position(|module| *module == imported) else { continue };
                let is_narrowed = NARROWER
                    .iter()
                    .any(|(module, by)| *module == imported && other != place && !by.contains(&ORDER[place]));
                if other > place || is_narrowed {
                    wrong.push(format!("src/{}:{number}: {} imports {imported}", source.path, ORDER[place]));
                }
            }
        }
    }
    assert_none(&wrong, "imports against the order of the data");
}

#[test]
fn every_module_has_its_place_in_the_order() {
    let known =
        |source: &Source| ORDER.contains(&source.module()) || ["lib", "main"].contains(&source.module());
    // The page is no Rust module; it is embedded by `api`.
    let wrong: Vec<String> =
        sources().iter().filter(|it| !known(it)).map(|it| format!("src/{}", it.path)).collect();
    assert_none(&wrong, "files of a module that has no place in the order");
}

#[test]
fn crates_stay_behind_their_fences() {
    let mut wrong = Vec::new();
    for source in sources() {
        for (name, places) in FENCES {
            if source.is_below(places) {
                continue;
            }
            for (number, line) in source.code() {
                let uses = line.contains(&format!("use {name}"));
                if uses || !names_after(line, &format!("{name}::")).is_empty() {
                    wrong.push(format!("src/{}:{number}: {name}", source.path));
                }
            }
        }
    }
    assert_none(&wrong, "crates outside of their fences");
}

#[test]
fn core_has_no_clock_and_no_io() {
    let mut wrong = Vec::new();
    for source in sources().iter().filter(|source| source.is_below(&PURE)) {
        for (number, line) in source.code() {
            let found = IMPURE.iter().filter(|name| line.contains(*name));
            wrong.extend(found.map(|name| format!("src/{}:{number}: {name}", source.path)));
        }
    }
    assert_none(&wrong, "clocks and I/O in the core: hand `now` and bytes in as arguments");
}

#[test]
fn every_file_says_what_it_is() {
    let wrong: Vec<String> = sources()
        .iter()
        .filter(|source| !source.header().starts_with("//! ") && !source.production.is_empty())
        .map(|source| format!("src/{}", source.path))
        .collect();
    assert_none(&wrong, "files without a `//!` header");
}

#[test]
fn nothing_unwraps_outside_of_tests() {
    let mut wrong = Vec::new();
    for source in sources() {
        let unwraps = source.code().filter(|(_, line)| line.contains(".unwrap()"));
        wrong.extend(unwraps.map(|(number, _)| format!("src/{}:{number}", source.path)));
    }
    assert_none(&wrong, "`unwrap()` outside of tests");
}

#[test]
fn files_stay_short_or_say_why_not() {
    let mut wrong = Vec::new();
    for source in sources() {
        let lines = source.production.len();
        if lines > LONGEST && !source.header().contains("one thing") {
            wrong.push(format!("src/{}: {lines} lines", source.path));
        }
    }
    assert_none(
        &wrong,
        &format!("files over {LONGEST} lines whose header does not say why they are one thing"),
    );
}

#[test]
fn rule_table_code_and_tests_name_the_same_rules() {
    let Ok(table) = std::fs::read_to_string(root().join("docs/LINKING.md")) else { return };
    let documented: BTreeSet<String> =
        table.lines().filter(|line| line.starts_with('|')).flat_map(rules).collect();
    let sources = sources();
    let in_code: BTreeSet<String> = sources
        .iter()
        .filter(|source| matches!(source.module(), "analyze" | "query"))
        .flat_map(|source| source.production.iter().flat_map(|(_, line)| rules(line)))
        .collect();
    // This file names rules only to test how they are found.
    let integration =
        files(&root().join("tests/it")).into_iter().filter(|path| !path.ends_with("architecture.rs"));
    let integration = integration.map(|path| read(&path));
    let in_tests: BTreeSet<String> = sources
        .iter()
        .map(|source| source.tests.clone())
        .chain(integration)
        .flat_map(|text| rules(&text))
        .collect();

    assert!(!documented.is_empty(), "docs/LINKING.md has rows with ids such as LINK-PAIR");
    let missing = |from: &BTreeSet<String>, rules: &BTreeSet<String>, what: &str| {
        rules.difference(from).map(|rule| format!("{rule} {what}")).collect::<Vec<_>>()
    };
    let mut wrong =
        missing(&in_code, &documented, "is in the table, but neither in src/analyze nor in src/query");
    wrong.extend(missing(&in_tests, &documented, "is in the table, but in no test"));
    wrong.extend(missing(&documented, &in_code, "is in the code, but not in the table"));
    wrong.extend(missing(&documented, &in_tests, "is in a test, but not in the table"));
    assert_none(&wrong, "rules that table, code and tests do not share");
}

#[track_caller]
fn assert_none(wrong: &[String], what: &str) {
    assert!(wrong.is_empty(), "{what}:\n{}", wrong.join("\n"));
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// All files of `src`; those that exist for tests alone have no production lines.
fn sources() -> Vec<Source> {
    let folder = root().join("src");
    let source = |path: PathBuf| {
        let below = path.strip_prefix(&folder).expect("it was found there").display().to_string();
        Source::new(below, &read(&path))
    };
    let mut sources: Vec<Source> = files(&folder).into_iter().map(source).collect();
    assert!(sources.len() > 10, "the source is found");
    let test_modules: Vec<String> = sources.iter().flat_map(Source::test_modules).collect();
    for source in &mut sources {
        let is_below = |module: &String| {
            let rest = source.path.strip_prefix(module.as_str());
            rest.is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
        };
        if test_modules.iter().any(is_below) {
            for (_, line) in source.production.drain(..) {
                source.tests += &line;
                source.tests += "\n";
            }
        }
    }
    sources
}

/// All Rust files below a folder, sorted.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The identifiers that follow `prefix` in a line, also those of `prefix{a, b}`.
fn names_after<'a>(line: &'a str, prefix: &str) -> Vec<&'a str> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let mut names = Vec::new();
    for (at, _) in line.match_indices(prefix) {
        if line[..at].ends_with(is_part) {
            continue;
        }
        let rest = &line[at + prefix.len()..];
        match rest.strip_prefix('{') {
            Some(group) => names.extend(group.split(',').map(|part| first_name(part.trim(), is_part))),
            None => names.push(first_name(rest, is_part)),
        }
    }
    names
}

fn first_name(text: &str, is_part: impl Fn(char) -> bool) -> &str {
    text.split(|c| !is_part(c)).next().unwrap_or_default()
}

/// Ids such as `LINK-PAIR` in a text.
fn rules(text: &str) -> Vec<String> {
    let is_part = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '-';
    let id = |(at, _): (usize, &str)| -> String { text[at..].chars().take_while(|c| is_part(*c)).collect() };
    text.match_indices("LINK-").map(id).map(|id| id.trim_end_matches('-').to_string()).collect()
}

#[test]
fn imports_are_found_however_they_are_written() {
    for (line, expected) in [
        ("use crate::model::Span;", vec!["model"]),
        ("use crate::{model::Span, cli};", vec!["model", "cli"]),
        ("    let x = crate::query::select(crate::graph::all());", vec!["query", "graph"]),
        ("use mycrate::model;", vec![]),
        ("use crate::{", vec![""]),
    ] {
        assert_eq!(names_after(line, "crate::"), expected, "{line}");
    }
    assert_eq!(rules("// LINK-PAIR, LINK-SHARED-ID: both; `LINK-`"), ["LINK-PAIR", "LINK-SHARED-ID", "LINK"]);
}

#[test]
fn test_items_are_cut_out_wherever_they_stand() {
    let text = "mod a;\n#[cfg(test)]\nmod fixture;\nmod b;\n#[cfg(test)]\nmod tests {\n    #[derive(Clone)]\n    struct C;\n    mod c;\n}\nfn d() {}\n";
    let source = Source::new("lane/mod.rs".into(), text);
    let production: Vec<&str> = source.production.iter().map(|(_, line)| line.as_str()).collect();
    assert_eq!(production, ["mod a;", "mod b;", "fn d() {}"]);
    assert_eq!(source.test_modules(), ["lane/fixture", "lane/c"]);
    assert_eq!(source.production[1].0, 4, "line numbers are those of the file");
}
