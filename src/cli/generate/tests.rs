use std::collections::BTreeMap;

use super::*;
use crate::cli::files;
use crate::config::Config;
use crate::demo::{Scenario, Topology};
use crate::export::document::{GraphDocument, NodeDocument};
use crate::export::{Freshness, graph_document};
use crate::model::time::NANOS_PER_MINUTE;
use crate::query::{self, FlowQuery, GraphQuery, PathQuery, TimeRange};

#[derive(clap::Parser)]
struct Cli {
    #[command(flatten)]
    args: Args,
}

fn args(text: &str) -> Result<Args, String> {
    use clap::Parser;
    let words = std::iter::once("generate").chain(text.split_whitespace());
    Cli::try_parse_from(words).map(|cli| cli.args).map_err(|error| error.to_string())
}

fn failure(text: &str) -> String {
    let args = match args(text) {
        Ok(args) => args,
        Err(message) => return message,
    };
    match run(args) {
        Err(Failure::Usage(message)) => message,
        other => panic!("`{text}` ended with {other:?}"),
    }
}

#[test]
fn wrong_usage_says_what_is_wrong_and_what_would_be_right() {
    let table = [
        ("--to moon", "give kafka, otlp, file:NAME or -"),
        ("--to file:spans.txt", "end it in .otlp.pb"),
        ("--to file:/no/such/folder/x.ndjson", "cannot be written"),
        ("--to file:x.ndjson --expected /no/such/folder/x", "cannot be written"),
        ("--to - --scenario outage --speed 0", "give a number above 0"),
        ("--to - --scenario scale --topology /no/such/file", "correct --topology"),
        ("--to - --services 9", "--scenario scale: add that"),
        ("--to - --start yesterday", "2026-01-01T00:00:00Z"),
        ("--to - --start 1969-01-01T00:00:00Z", "from 1970"),
        ("--to kafka --properties x", "give it as KEY=VALUE"),
        ("--to otlp --endpoint localhost:4318", "give it as http://host:4318"),
    ];
    for (text, part) in table {
        let message = failure(text);
        assert!(message.contains(part), "`{text}` says `{message}`");
    }
}

#[test]
fn files_are_reproducible_replays_and_the_rest_is_live() {
    let settings = |text: &str| {
        let args = args(text).unwrap();
        let target = Target::parse(&args.to).unwrap();
        let DriveSettings { pace, duration, .. } = drive_settings(&args, &target);
        (pace, duration)
    };
    let replay = |start| Pace::Replay { start };
    assert_eq!(settings("--to file:a.pb"), (replay(FILE_START), Some(FILE_DURATION)));
    assert_eq!(settings("--to file:a.pb --spans 9"), (replay(FILE_START), None));
    assert_eq!(settings("--to kafka"), (Pace::Live, None));
    let start = settings("--to otlp --start 1970-01-01T00:00:01Z --duration 3s");
    assert_eq!(start, (replay(1_000_000_000), Some(Duration::from_secs(3))));
}

/// The graph's edges in the form of [`Truth`](crate::demo::Truth).
fn rows(document: &GraphDocument) -> String {
    let node = |id: &str| document.nodes.iter().find(|node| node.id == id).unwrap();
    let kind = |caller: &NodeDocument, callee: &NodeDocument| match (&*caller.kind, &*callee.kind) {
        ("messaging", _) | (_, "messaging") => "msg",
        ("external", _) | (_, "external") => "ext",
        (_, "database") => "db",
        _ => "svc",
    };
    let mut counts: BTreeMap<_, [u64; 3]> = BTreeMap::new();
    for edge in &document.edges {
        let (caller, callee) = (node(&edge.caller), node(&edge.callee));
        let row = counts.entry((kind(caller, callee), &caller.name, &callee.name)).or_default();
        row[0] += edge.calls;
        row[1] += edge.errors.caller;
        row[2] += edge.errors.callee;
    }
    let line = |((kind, caller, callee), [calls, errors_caller, errors_callee]): (_, [u64; 3])| {
        format!("{kind}\t{caller}\t{callee}\t{calls}\t{errors_caller}\t{errors_callee}\n")
    };
    counts.into_iter().map(line).collect()
}

#[test]
fn the_graph_of_a_generated_file_is_the_expected_one() {
    let folder = tempfile::tempdir().unwrap();
    let table = [
        (Scenario::Known, "known.otlp.pb", false),
        (Scenario::Known, "known.ndjson.gz", true),
        (Scenario::Shop, "shop.otlp.pb.gz", false),
        (Scenario::Outage { speed: 60.0 }, "outage.ndjson", false),
        (Scenario::Scale(Topology::layered(100, 1)), "scale.otlp.pb", true),
    ];
    for (scenario, name, by_trace) in table {
        let path = folder.path().join(name);
        let form = FileForm::of(name).unwrap();
        let mut sink = WriterSink::create(&path, form).unwrap();
        let mut simulation = Simulation::new(scenario, 1);
        let pace = Pace::Replay { start: FILE_START };
        let settings = DriveSettings { pace, rate: 2_000, duration: None, spans: Some(8_000), seed: 1 };
        let batch =
            BatchSettings { wire: form.wire, by_trace, is_slim: by_trace, ..BatchSettings::default() };
        drive(&mut simulation, batch, &settings, &mut sink, &AtomicBool::new(false)).1.unwrap();
        let path = path.display().to_string();
        let read = files::read(&[path], Config::default(), 1_000_000).unwrap();
        let query = GraphQuery { range: TimeRange::All, ..GraphQuery::default() };
        let snapshot = query::graph(&read.timeline, &query, &Default::default(), FILE_START).unwrap();
        let freshness = Freshness {
            now: None,
            lag_ms: None,
            dropped: Some(read.dropped()),
            notes: read.problems.clone(),
        };
        let found = rows(&graph_document(&snapshot, &freshness));
        let expected = simulation.truth().to_string();
        assert!(found == expected, "{name}: expected\n{expected}but found\n{found}");
    }
}

#[test]
fn in_the_outage_everyone_waits_for_name_lookups_and_the_control_plane() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("outage.pb");
    let form = FileForm::of("outage.pb").unwrap();
    let mut sink = WriterSink::create(&path, form).unwrap();
    let mut simulation = Simulation::new(Scenario::Outage { speed: 1.0 }, 1);
    let pace = Pace::Replay { start: FILE_START };
    let settings = DriveSettings { pace, rate: 200, duration: None, spans: Some(36_000), seed: 1 };
    let batch = BatchSettings { wire: form.wire, ..BatchSettings::default() };
    drive(&mut simulation, batch, &settings, &mut sink, &AtomicBool::new(false)).1.unwrap();
    let read = files::read(&[path.display().to_string()], Config::default(), 1_000_000).unwrap();
    let most_shared = |minute: u64| {
        let from = FILE_START + minute * NANOS_PER_MINUTE;
        let range = TimeRange::Between { from, to: from + NANOS_PER_MINUTE };
        let flows = FlowQuery { range, ..FlowQuery::default() };
        let query = PathQuery { flows, ..PathQuery::default() };
        let answer = query::shared_paths(&read.timeline, &query, &Default::default(), FILE_START).unwrap();
        let first = answer.paths.0.segments.into_iter().find(|segment| !segment.is_entry).unwrap();
        let service = |label: &str| label.split(' ').next().unwrap().to_string();
        first.nodes.into_iter().map(|node| service(&node.label)).collect::<Vec<_>>()
    };
    assert!(!most_shared(0).contains(&"dns".to_string()), "{:?}", most_shared(0));
    assert_eq!(most_shared(2)[..2], ["dns", "kube-apiserver"], "the caches have expired");
}
