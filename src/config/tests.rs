use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use toml::Value;

use super::declare::Knob;
use super::notation::{Bytes, Notation};
use super::relations::RELATIONS;
use super::sections::{KNOBS, SECTIONS};
use super::*;

/// A loader with a file of this text, as `linchpin.toml`.
fn with_file(text: &str) -> (tempfile::TempDir, Loader) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("linchpin.toml");
    std::fs::write(&path, text).unwrap();
    let loader = Loader::new().file(&path);
    (folder, loader)
}

/// The problems of a file, its name without the folder.
fn problems_of(text: &str) -> Vec<String> {
    let (folder, loader) = with_file(text);
    let prefix = format!("{}/", folder.path().display());
    let problems = loader.load().err().unwrap_or_default();
    problems.into_iter().map(|problem| problem.replace(&prefix, "")).collect()
}

fn variables(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
}

fn shown(loaded: &Loaded, key: &str) -> (String, String) {
    let entry = loaded.entries().into_iter().find(|entry| entry.key == key).expect(key);
    (entry.value.to_string(), entry.origin.to_string())
}

#[test]
fn bad_files_are_refused_with_the_cure() {
    let cases = [
        ("sessions.gap = 30", r#"1: sessions.gap = 30: has no unit, write "30s" for seconds"#),
        ("sessions.gap = '30'", r#"1: sessions.gap = "30": has no unit, write "30s" for seconds"#),
        (
            "sessions.gap = '1M'",
            r#"1: sessions.gap = "1M": must be a duration, as "30s", "2m", "24h" or "90d""#,
        ),
        ("sessions.gap = '1500ms'", r#"1: sessions.gap = "1500ms": must be whole seconds"#),
        ("sessions.gap = '0s'", r#"1: sessions.gap = "0s": must be 1s to 1h"#),
        (
            "graph.memory = '2 gigs'",
            r#"1: graph.memory = "2 gigs": must be a size, as "64MiB", "2GiB" or a number of bytes"#,
        ),
        (
            "graph.memory = -1",
            "1: graph.memory = -1: must be a size, as \"64MiB\", \"2GiB\" or a number of bytes",
        ),
        ("graph.memory = 5", "1: graph.memory = 5: must be at least 16MiB"),
        ("lanes.count = 257", "1: lanes.count = 257: must be 1 to 256"),
        ("lanes.count = 2.5", "1: lanes.count = 2.5: must be a whole number, as 20000"),
        ("lanes.mode = 'split'", r#"1: lanes.mode = "split": must be one of `merged`, `partition`"#),
        ("linking.self_calls = 'yes'", r#"1: linking.self_calls = "yes": must be true or false"#),
        (
            "sampling.default_probability = 0",
            "1: sampling.default_probability = 0: must be over 0 and at most 1",
        ),
        (
            "sampling.default_probability = nan",
            "1: sampling.default_probability = nan: must be over 0 and at most 1",
        ),
        (
            "kafka.start = 'yesterday'",
            "1: kafka.start = \"yesterday\": must be \"earliest\", \"latest\", a duration ago as \"30m\", or a time in \
             UTC as \"2026-01-31T08:00:00Z\"",
        ),
        (
            "kafka.brokers = 'b:9092,c'",
            r#"1: kafka.brokers = "b:9092,c": must be `host:port`, comma separated"#,
        ),
        ("kafka.brokers = 9092", "1: kafka.brokers = 9092: must be a text in quotes"),
        ("kafka.topics = []", "1: kafka.topics = []: must be at least one"),
        (
            "kafka.topics = ['a', '^b(']",
            "1: kafka.topics = [\"a\", \"^b(\"]: `^b(` must be a topic name (letters, digits, `.`, `_`, `-`) or a \
             `^regex` with balanced brackets",
        ),
        ("kafka.topics = [1]", r#"1: kafka.topics = [1]: must be a list of texts, as ["a", "b"]"#),
        ("kafka.group = ' '", r#"1: kafka.group = " ": must be a name that is not empty"#),
        (
            "ignore.operations = ['/healthz']",
            "1: ignore.operations = [\"/healthz\"]: `/healthz` must be a glob over `service/operation`, as \
             `*/GET /healthz`",
        ),
        (
            "http.listen = ':7171'",
            "1: http.listen = \":7171\": must be `address:port`, as `127.0.0.1:7171`, or `0.0.0.0:7171` for all \
             interfaces",
        ),
        (
            "log.level = 'inf'",
            "1: log.level = \"inf\": must be off, error, warn, info, debug or trace, or `module=level`, comma separated",
        ),
        (
            "[kafka.topic_encodings]\na.b = 'json'",
            "2: kafka.topic_encodings.a.b = \"json\": must be one of `auto`, `otlp_proto`, `otlp_json`",
        ),
        (
            "[kafka.properties]\na = [1]",
            "2: kafka.properties.a = [1]: must be a text, a number, true, false or { file = \"PATH\" }",
        ),
        ("\n[session]\ngap = '3s'", "3: session.gap: unknown key, did you mean `sessions.gap`?"),
        ("listen = ':7171'", "1: listen: unknown key, did you mean `http.listen`?"),
        ("kafka.broker = 'b:1'", "1: kafka.broker: unknown key, did you mean `kafka.brokers`?"),
        (
            "[kafka.propertys]\nsasl.password = 'x'",
            "2: kafka.propertys.sasl.password: unknown key, did you mean `kafka.properties`?",
        ),
        ("[frobnicate]", "1: frobnicate: unknown key, `linchpin config --example` lists all"),
        ("kafka = 'b:1'", "1: kafka: a section, not a value, write [kafka] and its keys below"),
        (
            "sessions.gap = '5m'",
            "1: sessions.gap = \"5m\": sessions.gap must be below sessions.max_life (sessions.max_life = \"2m\", default)",
        ),
        (
            "sessions.max_life = '10s'",
            "1: sessions.max_life = \"10s\": sessions.gap must be below sessions.max_life (sessions.gap = \"30s\", default)",
        ),
        (
            "kafka.queue_size = '1MiB'",
            "1: kafka.queue_size = \"1MiB\": kafka.max_record_size must not be above kafka.queue_size: such a record \
             could never be fetched (kafka.max_record_size = \"16MiB\", default)",
        ),
    ];
    for (text, problem) in cases {
        assert_eq!(problems_of(text), [format!("linchpin.toml:{problem}")], "{text}");
    }
}

#[test]
fn every_problem_of_every_layer_is_told_at_once() {
    let (folder, loader) = with_file("[kafka]\ntopic = ['a']\n[lanes]\ncount = 0\n[http]\nlisten = 'x'\n");
    let loader = loader
        .environment(variables(&[("LINCHPIN_KAFKA_BROKERS", "b:1"), ("LINCHPIN_SESSIONS__BUDGET", "0")]))
        .set("graph.max_nodes=many")
        .set("nonsense")
        .flag("http.port", "80");
    let prefix = format!("{}/", folder.path().display());
    let problems = loader.load().unwrap_err();
    let problems: Vec<String> = problems.into_iter().map(|problem| problem.replace(&prefix, "")).collect();
    assert_eq!(
        problems,
        [
            "LINCHPIN_KAFKA_BROKERS: unknown variable, did you mean `LINCHPIN_KAFKA__BROKERS`?",
            "--set nonsense: no `=`, write --set kafka.brokers=HOST:9092",
            "linchpin.toml:2: kafka.topic: unknown key, did you mean `kafka.topics`?",
            "linchpin.toml:4: lanes.count = 0: must be 1 to 256",
            "linchpin.toml:6: http.listen = \"x\": must be `address:port`, as `127.0.0.1:7171`, or `0.0.0.0:7171` for \
             all interfaces",
            "LINCHPIN_SESSIONS__BUDGET: sessions.budget = \"0\": must be 1 to 1000000000",
            "--set: graph.max_nodes = \"many\": must be a whole number, as 20000",
            "flag: http.port: unknown key, `linchpin config --example` lists all",
        ]
    );
}

#[test]
fn what_relates_to_a_refused_value_is_not_judged() {
    // The default gap of 30 s would be above this max_life; the gap meant may well be below.
    let problems = problems_of("[sessions]\nmax_life = '10s'\ngap = '5sec'");
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].starts_with("linchpin.toml:3: sessions.gap = "), "{problems:?}");
}

#[test]
fn a_file_that_is_not_there_or_not_toml_is_a_problem() {
    let problems = Loader::new().file("nowhere/linchpin.toml".as_ref()).load().unwrap_err();
    assert_eq!(problems.len(), 1);
    assert!(problems[0].starts_with("nowhere/linchpin.toml: cannot be read ("), "{problems:?}");
    // One problem, and no second-hand ones of the half that could be read.
    let problems = problems_of("[kafka]\nbrokrs = 'x'\ngroup = \"open\n");
    assert_eq!(problems, ["linchpin.toml:3: not TOML, invalid basic string, expected `\"`"]);
}

#[test]
fn the_stronger_layer_wins_whatever_the_order_of_calls() {
    let text = "kafka.brokers = 'file:1'\nkafka.group = 'file'\nkafka.topics = ['file']\nlanes.count = 8\n";
    let (folder, _) = with_file(text);
    let path = folder.path().join("linchpin.toml");
    let loaded = Loader::new()
        .flag("kafka.brokers", "flag:1")
        .set("lanes.count = 1")
        .set("lanes.count=2")
        .environment(variables(&[
            ("LINCHPIN_KAFKA__BROKERS", "variable:1"),
            ("LINCHPIN_KAFKA__TOPICS", "a, ^b.*"),
            ("PATH", "/bin"),
        ]))
        .file(&path)
        .load()
        .unwrap();
    let kafka = &loaded.config.kafka;
    assert_eq!((kafka.brokers.as_str(), kafka.group.as_str()), ("flag:1", "file"));
    assert_eq!(kafka.topics, ["a", "^b.*"]);
    assert_eq!(loaded.config.lanes.count, 2);
    assert_eq!(shown(&loaded, "kafka.brokers").1, "flag");
    assert_eq!(shown(&loaded, "kafka.topics").1, "LINCHPIN_KAFKA__TOPICS");
    assert_eq!(shown(&loaded, "kafka.group").1, format!("{}:2", path.display()));
    assert_eq!(shown(&loaded, "lanes.count"), ("2".to_owned(), "--set".to_owned()));
    assert_eq!(shown(&loaded, "lanes.mode"), ("\"merged\"".to_owned(), "default".to_owned()));
}

#[test]
fn entries_of_maps_are_merged_over_the_layers() {
    let text = "[kafka]\ntopic_encodings = { a = 'otlp_json', 'b.c' = 'otlp_json' }\n[kafka.properties]\n\
                security.protocol = 'SSL'\n'socket.keepalive.enable' = true\nclient.id = 'file'\n";
    let (_folder, loader) = with_file(text);
    let loaded = loader
        .environment(variables(&[
            ("LINCHPIN_KAFKA__PROPERTIES__CLIENT_ID", "variable,=1"),
            ("LINCHPIN_KAFKA__TOPIC_ENCODINGS", "a=otlp_proto, D_e=auto"),
        ]))
        .set("kafka.properties.fetch.min.bytes=1")
        .load()
        .unwrap();
    let properties: Vec<_> = loaded.config.kafka.properties.plain().iter().collect();
    let expected = [
        ("client.id", "variable,=1"),
        ("fetch.min.bytes", "1"),
        ("security.protocol", "SSL"),
        ("socket.keepalive.enable", "true"),
    ];
    assert_eq!(
        properties,
        expected
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .iter()
            .map(|(n, v)| (n, v))
            .collect::<Vec<_>>()
    );
    let encodings = [("D_e", Encoding::Auto), ("a", Encoding::OtlpProto), ("b.c", Encoding::OtlpJson)];
    assert_eq!(loaded.config.kafka.topic_encodings, encodings.map(|(topic, e)| (topic.to_owned(), e)).into());
    assert_eq!(shown(&loaded, "kafka.topic_encodings.a").1, "LINCHPIN_KAFKA__TOPIC_ENCODINGS");
    assert_eq!(shown(&loaded, "kafka.properties.client.id").1, "LINCHPIN_KAFKA__PROPERTIES__CLIENT_ID");
}

#[test]
fn unknown_variables_are_refused_but_those_of_kubernetes() {
    let services = [
        ("LINCHPIN_PORT", "tcp://10.0.0.1:7171"),
        ("LINCHPIN_SERVICE_HOST", "10.0.0.1"),
        ("LINCHPIN_SERVICE_PORT_HTTP", "7171"),
        ("LINCHPIN_PORT_7171_TCP_ADDR", "10.0.0.1"),
        ("LINCHPIN_DEMO_SERVICE_PORT", "80"),
    ];
    assert!(Loader::new().environment(variables(&services)).load().is_ok());
    let cases = [
        (
            "LINCHPIN_HTTP__PORT",
            "LINCHPIN_HTTP__PORT: unknown variable, `linchpin config` lists all keys, `LINCHPIN_KAFKA__BROKERS` sets kafka.brokers",
        ),
        (
            "LINCHPIN_SESSIONS_MAX_LIFE",
            "LINCHPIN_SESSIONS_MAX_LIFE: unknown variable, did you mean `LINCHPIN_SESSIONS__MAX_LIFE`?",
        ),
        (
            "LINCHPIN_LANES__COUNTS",
            "LINCHPIN_LANES__COUNTS: unknown variable, did you mean `LINCHPIN_LANES__COUNT`?",
        ),
        (
            "LINCHPIN_KAFKA__TOPIC_ENCODINGS__A",
            "LINCHPIN_KAFKA__TOPIC_ENCODINGS__A: unknown variable, did you mean `LINCHPIN_KAFKA__TOPIC_ENCODINGS`?",
        ),
    ];
    for (name, problem) in cases {
        let problems = Loader::new().environment(variables(&[(name, "1")])).load().unwrap_err();
        assert_eq!(problems, [problem]);
    }
}

#[test]
fn secrets_reach_the_client_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let secret_file = folder.path().join("pin");
    std::fs::write(&secret_file, "hunter2 of a file\r\n").unwrap();
    let text = format!(
        "[kafka.properties]\nsasl.password = 'hunter2'\nssl.key.pem = 'hunter2'\nsasl.username = 'me'\n\
         sasl.oauthbearer.config = 'hunter2'\nsome.pin = {{ file = '{}' }}\n\
         sasl.oauthbearer.assertion.private.key.file = '/not/read'\n",
        secret_file.display()
    );
    let (_folder, loader) = with_file(&text);
    let loaded = loader
        .environment(variables(&[("LINCHPIN_KAFKA__PROPERTIES__SSL_KEY_PASSWORD", "hunter2,x=y")]))
        .load()
        .unwrap();
    let plain = loaded.config.kafka.properties.plain();
    assert_eq!(plain["sasl.password"], "hunter2");
    assert_eq!(plain["some.pin"], "hunter2 of a file");
    assert_eq!(plain["ssl.key.password"], "hunter2,x=y");
    assert_eq!(plain["sasl.oauthbearer.assertion.private.key.file"], "/not/read");
    let output = format!("{loaded:?} {:#?} {:?}", loaded.config, loaded.entries());
    assert!(!output.contains("hunter2"), "{output}");
    assert_eq!(shown(&loaded, "kafka.properties.some.pin").0, "\"***\"");
    assert_eq!(shown(&loaded, "kafka.properties.sasl.username").0, "\"me\"");
}

#[test]
fn problems_never_show_a_secret() {
    let files = [
        "[kafka.properties]\nsasl.password = hunter2",
        "[kafka.properties]\nsasl.password = ['hunter2']",
        "[kafka.properties]\nsasl.password = { value = 'hunter2' }",
        "[kafka.properties]\nsasl.password = 'hunter2'\nsasl.password = 'hunter2'",
        "[kafka]\nproperties = 'sasl.password=hunter2,b'",
        "[kafka]\npassword = 'hunter2'",
        "[kafka.propertys]\nsasl.password = 'hunter2'",
        "[kafka]\ntopics = { sasl.password = 'hunter2' }",
    ];
    let loaders = [
        Loader::new().environment(variables(&[("LINCHPIN_KAFKA__PROPERTIES", "sasl.password=hunter2,b=c")])),
        Loader::new().environment(variables(&[("LINCHPIN_KAFKA__PASSWORD", "hunter2")])),
        Loader::new().set("kafka.properties=ssl.key.password=hunter2"),
        Loader::new().set("kafka.password=hunter2"),
        Loader::new().set("sasl.password:hunter2"),
    ];
    let mut all: Vec<Vec<String>> = files.map(problems_of).to_vec();
    all.extend(loaders.map(|loader| loader.load().unwrap_err()));
    for problems in all {
        assert!(!problems.is_empty());
        assert!(!problems.iter().any(|problem| problem.contains("hunter2")), "{problems:?}");
    }
}

#[test]
fn the_example_is_the_defaults_commented_out_and_commented() {
    let example = example();
    let (_folder, loader) = with_file(&example);
    let untouched = loader.load().unwrap();
    assert!(untouched.entries().iter().all(|entry| entry.origin == Origin::Default));

    let live = |line: &str| match line.strip_prefix('#') {
        Some(rest) if !rest.starts_with(' ') => format!("{rest}\n"),
        _ => format!("{line}\n"),
    };
    let (_folder, loader) = with_file(&example.lines().map(live).collect::<String>());
    let loaded = loader.load().unwrap();
    assert_eq!(loaded.config, Config::default());
    // Empty tables have no entries to set.
    let unset: Vec<_> =
        loaded.entries().into_iter().filter(|entry| entry.origin == Origin::Default).collect();
    let keys: Vec<_> = unset.iter().map(|entry| entry.key.as_str()).collect();
    assert_eq!(keys, ["kafka.topic_encodings", "kafka.properties"]);
}

#[test]
fn the_documentation_is_that_of_the_code() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/CONFIG.md");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(path, markdown()).unwrap();
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert!(written == markdown(), "docs/CONFIG.md is behind the code, run the test with UPDATE_GOLDEN=1");
}

#[test]
fn every_knob_says_what_it_does_and_why_and_its_default_is_allowed() {
    for knob in KNOBS {
        let sentences = knob.doc.matches(". ").count() + knob.doc.matches(".\n").count();
        assert!(sentences >= 2, "{}: {}", knob.key(), knob.doc);
        let mut config = Config::default();
        (knob.assign)(&mut config, &(knob.show)(&Config::default())).unwrap();
        assert_eq!(config, Config::default(), "{}", knob.key());
    }
    assert!(SECTIONS.iter().all(|(section, _)| KNOBS.iter().any(|knob| knob.section == *section)));
    for relation in RELATIONS {
        assert!((relation.holds)(&Config::default()), "{}", relation.text);
        assert!(relation.keys.iter().all(|key| KNOBS.iter().any(|knob| knob.key() == *key)));
    }
}

/// Some allowed value other than the default, as a variable or a flag would give it.
fn another_value(knob: &Knob) -> Config {
    let mut candidates: Vec<Value> =
        ["17s", "33MiB", "b:1", "0.5", "5", "true", "debug", "json", "x/y"].map(Value::from).to_vec();
    candidates.extend(["otlp_json", "partition", "namespace_and_address", "never"].map(Value::from));
    candidates.extend([
        Value::from(5_000),
        Value::from(5_000_000),
        Value::Table([("t".to_owned(), "otlp_json".into())].into_iter().collect()),
    ]);
    candidates.extend(["20m", "3h", "3d", "7", "*/GET /a=2"].map(Value::from));
    let change = |candidate: &Value| {
        let mut config = Config::default();
        (knob.assign)(&mut config, candidate)
            .ok()
            .map(|()| config)
            .filter(|config| *config != Config::default())
    };
    candidates
        .iter()
        .find_map(change)
        .unwrap_or_else(|| panic!("add a value of {} to the candidates", knob.key()))
}

#[test]
fn the_facts_hash_follows_what_changes_sealed_facts_and_nothing_else() {
    let of_defaults = Config::default().facts_hash();
    for knob in KNOBS {
        let changed = another_value(knob).facts_hash() != of_defaults;
        assert_eq!(changed, knob.affects_facts, "{}", knob.key());
    }
    let process: Vec<String> = KNOBS.iter().filter(|knob| !knob.affects_facts).map(Knob::key).collect();
    assert_eq!(
        process,
        [
            "kafka.brokers",
            "kafka.topics",
            "kafka.group",
            "kafka.start",
            "kafka.properties",
            "kafka.standing_margin",
            "kafka.max_ahead",
            "kafka.leaderless_after",
            "kafka.queue_size",
            "threads.decode",
            "threads.lanes",
            "sessions.quiet",
            "shared.min_flows",
            "shared.min_requests",
            "shared.min_presence_percent",
            "shared.min_new_percent",
            "shared.tiers",
            "graph.memory",
            "store.path",
            "store.retention",
            "store.max_size",
            "store.keep_minutes",
            "store.keep_ten_minutes",
            "store.keep_hours",
            "http.listen",
            "log.level",
            "log.format",
        ]
    );
}

#[test]
fn the_facts_hash_of_the_defaults_is_the_same_everywhere() {
    // Another number makes every sealed minute of every installation another one: change it only on purpose.
    assert_eq!(format!("{:016x}", Config::default().facts_hash()), "31619f68d3af7d30");
}

#[test]
fn values_are_read_as_people_write_them() {
    let durations = [
        ("500ms", 500),
        ("30s", 30_000),
        ("2m", 120_000),
        ("24h", 86_400_000),
        ("1h30m", 5_400_000),
        ("1 d", 86_400_000),
    ];
    for (text, millis) in durations {
        assert_eq!(Duration::read(&text.into()), Ok(Duration::from_millis(millis)), "{text}");
    }
    for text in ["", " ", "s", "-1s", "1.5s", "1y", "99999999999d", "1s2", "٣s"] {
        assert!(Duration::read(&text.into()).is_err(), "{text}");
    }
    let sizes = [
        ("64MiB", 64 << 20),
        ("2 GiB", 2 << 30),
        ("10mb", 10_000_000),
        ("17", 17),
        ("3B", 3),
        ("1TiB", 1 << 40),
    ];
    for (text, bytes) in sizes {
        assert_eq!(Bytes::read(&text.into()), Ok(bytes), "{text}");
    }
    for text in ["", "MiB", "1.5GiB", "-1", "1XB", "99999999999GiB"] {
        assert!(Bytes::read(&text.into()).is_err(), "{text}");
    }
    let starts = [
        ("earliest", Start::Earliest),
        ("latest", Start::Latest),
        ("2h", Start::Ago(Duration::from_secs(7_200))),
        ("2026-01-31T08:00:00Z", Start::At(1_769_846_400_000)),
    ];
    for (text, start) in starts {
        assert_eq!(Start::read(&text.into()), Ok(start.clone()), "{text}");
        assert_eq!(Start::read(&Start::write(&start)), Ok(start));
    }
    let (_folder, loader) = with_file("kafka.start = 2026-01-31T08:00:00Z");
    assert_eq!(loader.load().unwrap().config.kafka.start, Start::At(1_769_846_400_000));
    assert_eq!(Vec::read(&"['^a{1,2}', 'b']".into()), Ok(vec!["^a{1,2}".to_owned(), "b".to_owned()]));
    assert_eq!(u64::read(&"20_000".into()), Ok(20_000));
    assert_eq!(Option::read(&"unset".into()), Ok(None));
    assert_eq!(BTreeMap::read(&Value::from(1)), Err("must be a table".to_owned()));
}

proptest! {
    #[test]
    fn what_is_written_reads_back(nanos in any::<u64>(), bytes in 0..i64::MAX as u64) {
        let duration = Duration::from_nanos(nanos);
        prop_assert_eq!(Duration::read(&Duration::write(&duration)), Ok(duration));
        prop_assert_eq!(Bytes::read(&Bytes::write(&bytes)), Ok(bytes));
    }

    #[test]
    fn no_text_makes_loading_panic(key in "[a-z_.]{0,12}", text in "\\PC{0,30}") {
        for knob in KNOBS {
            let _ = (knob.assign)(&mut Config::default(), &Value::String(text.clone()));
        }
        let _ = Loader::new().set(&format!("{key}={text}")).load();
        problems_of(&format!("{key} = {text}"));
    }
}
