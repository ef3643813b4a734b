//! The timeline against one plain bucket: over random facts, lanes and moments of sealing, in memory and on disk.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::config::Config;
use crate::graph::fixture::{Row, facts, rows, shown_without_spans};
use crate::graph::sealed::{BucketKey, Frame, Width};
use crate::graph::{Bucket, Hashes, LaneWriter, LiveGraph};
use crate::model::{Minute, Symbols};

const GROUP: u32 = 0;

struct Bench {
    symbols: Arc<Symbols>,
    timeline: Arc<Timeline>,
    writer: LaneWriter,
    sealer: Sealer,
    lane: Arc<str>,
    /// The wall clock.
    now: Minute,
}

impl Bench {
    fn new(config: &Config, disk: Option<EmbeddedStore>) -> Bench {
        let symbols = Symbols::new(100_000);
        let live = LiveGraph::new(symbols.clone(), config);
        let mut writer = live.writer();
        (0..3).for_each(|lane| writer.add_lane(GROUP, lane));
        let history = History::new(disk, Policy::from_config(config));
        let timeline = Timeline::new(live, history, Arc::default());
        let sealer = Sealer::new(timeline.clone(), config, Arc::default());
        Bench { symbols, timeline, writer, sealer, lane: Arc::from(MERGED), now: Minute(u32::MAX) }
    }

    fn record(&mut self, row: &Row) {
        self.writer.record(row.lane, &facts(&self.symbols, row));
    }

    fn seal(&mut self, through: u32) {
        for lane in 0..3 {
            if let Some(through) = self.writer.finish(GROUP, lane, Minute(through)) {
                self.sealer.seal(GROUP, &self.lane, through, self.now);
            }
        }
    }

    fn read(&self, from: u32, to: u32) -> Reading {
        self.timeline.read_with_calls(Minute(from), Minute(to), &|_| true).unwrap()
    }

    fn calls(&self, from: u32, to: u32) -> u64 {
        self.read(from, to).bucket.edges.values().map(|stats| stats.calls).sum()
    }
}

/// What a range says, by a process that reads it from other bytes: names are compared, not their numbers.
fn by_name(reading: &Bucket, symbols: &Symbols) -> Vec<String> {
    let text = |node: crate::model::NodeId| {
        let node = symbols.nodes.get(node.0);
        format!("{}|{}", symbols.text(node.name), symbols.text(node.operation))
    };
    let edge = |(key, stats): (&crate::graph::EdgeKey, &crate::graph::EdgeStats)| {
        format!("{} {} {stats:?}", text(key.caller), text(key.callee))
    };
    let mut lines: Vec<String> = reading.edges.iter().map(edge).collect();
    for (flow, stats) in &reading.flows {
        let (flow, calls) = (symbols.text(flow.name), &stats.calls);
        lines.push(format!("{flow} {} of {}", calls.requests, stats.requests));
        let call = |(key, call): (&crate::graph::EdgeKey, _)| {
            format!("{flow}: {} {} {call:?}", text(key.caller), text(key.callee))
        };
        lines.extend(calls.calls.known().map(call));
    }
    lines.sort();
    lines
}

fn row(minute: u32) -> Row {
    Row { minute, lane: 0, caller: (1, 1), callee: (2, 1), nanos: 5, is_error: false, trace: 1 }
}

fn on_disk(folder: &tempfile::TempDir) -> Option<EmbeddedStore> {
    Some(EmbeddedStore::open(&folder.path().join("store"), Access::Write).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_range_reads_the_same_before_and_after_sealing(
        rows in rows(),
        from in 0..200u32,
        length in 1..200u32,
        sealed_through in proptest::collection::vec(0..220u32, 0..4),
        is_on_disk in any::<bool>(),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let mut bench = Bench::new(&Config::default(), on_disk(&folder).filter(|_| is_on_disk));
        rows.iter().for_each(|row| bench.record(row));
        let mut hashes = Hashes::new(bench.symbols.clone());
        let live = LiveGraph::new(bench.symbols.clone(), &Config::default());
        let mut writer = live.writer();
        rows.iter().for_each(|row| writer.record(row.lane, &facts(&bench.symbols, row)));
        let mut plain = Bucket::default();
        let range = Minute(from)..Minute(from + length);
        live.add_to(&live.finals(), &mut plain, range.start, range.end, &mut hashes, &|_| true);
        let expected = shown_without_spans(&plain);
        prop_assert_eq!(shown_without_spans(&bench.read(from, from + length).bucket), expected.clone());
        let mut through = 0;
        for step in sealed_through {
            through = through.max(step);
            bench.seal(through);
            let reading = bench.read(from, from + length);
            prop_assert_eq!((reading.from, reading.to), (Minute(from), Minute(from + length)));
            prop_assert_eq!(shown_without_spans(&reading.bucket), expected.clone());
        }
    }

    #[test]
    fn what_is_shown_and_hidden_leaves_no_trace(rows in rows(), shown_rows in rows()) {
        let mut bench = Bench::new(&Config::default(), None);
        rows.iter().for_each(|row| bench.record(row));
        let before = shown_without_spans(&bench.read(0, 300).bucket);
        let all: Vec<_> = shown_rows.iter().map(|row| facts(&bench.symbols, row)).collect();
        shown_rows.iter().zip(&all).for_each(|(row, facts)| bench.writer.show(row.lane, facts));
        prop_assert_eq!(bench.calls(0, 300), (rows.len() + shown_rows.len()) as u64);
        shown_rows.iter().zip(&all).for_each(|(row, facts)| bench.writer.hide(row.lane, facts));
        prop_assert_eq!(shown_without_spans(&bench.read(0, 300).bucket), before);
    }
}

#[test]
fn history_survives_the_process_and_is_the_same_for_a_reader_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = Bench::new(&Config::default(), on_disk(&folder));
    (0..200).for_each(|minute| first.record(&row(minute)));
    first.seal(170);
    let expected = by_name(&first.read(0, 171).bucket, &first.symbols);
    let reader = EmbeddedStore::open(&folder.path().join("store"), Access::Read).unwrap();
    let beside = Bench::new(&Config::default(), Some(reader));
    assert_eq!(by_name(&beside.read(0, 171).bucket, &beside.symbols), expected);
    drop(first);
    let second = Bench::new(&Config::default(), on_disk(&folder));
    assert_eq!(second.calls(3, 168), 165, "what roll-ups are made of is looked up");
    let reading = second.read(0, 171);
    assert_eq!(by_name(&reading.bucket, &second.symbols), expected);
    assert_eq!(second.timeline.ends(), Some((Minute(0), Minute(170))));
    let size = second.timeline.history.size();
    assert_eq!(size.buckets, [171, 17, 2, 0]);
    assert_eq!(second.timeline.sealed_to(), Some(Minute(171)));
}

#[test]
fn a_range_that_ends_inside_a_roll_up_is_answered_by_a_process_that_has_read_none() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = Bench::new(&Config::default(), on_disk(&folder));
    (0..30).for_each(|minute| first.record(&row(minute)));
    first.seal(25);
    drop(first);
    let second = Bench::new(&Config::default(), on_disk(&folder));
    assert_eq!(second.calls(5, 15), 10);
}

#[test]
fn minutes_go_once_they_are_rolled_up_and_old_enough() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config::default();
    config.store.keep_minutes = Duration::from_secs(30 * 60);
    config.store.keep_ten_minutes = Duration::from_secs(120 * 60);
    let mut bench = Bench::new(&config, on_disk(&folder));
    for minute in 0..300 {
        bench.record(&row(minute));
        bench.seal(minute);
    }
    // Newest is 299: minutes before 260 are in tens, tens before 120 in hours.
    assert_eq!(bench.timeline.history.size().buckets, [40, 18, 5, 0]);
    assert_eq!(bench.calls(0, 300), 300);
    let reading = bench.read(125, 265);
    assert_eq!(
        (reading.from, reading.to),
        (Minute(120), Minute(265)),
        "widened to the ten minutes it lies in"
    );
    assert_eq!(bench.calls(125, 265), 145);
    let error = bench.timeline.read_sealed(Minute(125), Minute(265)).err();
    let Some(SealedRangeError::TooFine { from, to }) = error else { panic!("{error:?}") };
    assert_eq!((from, to), (Minute(120), Minute(265)));
    assert!(bench.timeline.read_sealed(from, to).is_ok(), "the range that is named exists");
    let error = bench.timeline.read_sealed(Minute(290), Minute(301)).err();
    assert!(matches!(error, Some(SealedRangeError::NotSealed { sealed_to: Some(Minute(300)) })), "{error:?}");
    // The files went with them.
    drop(bench);
    assert_eq!(Bench::new(&config, on_disk(&folder)).timeline.history.size().buckets, [40, 18, 5, 0]);
}

#[test]
fn retention_drops_what_is_old_and_says_so() {
    let mut config = Config::default();
    config.store.retention = Duration::from_secs(30 * 60);
    let mut bench = Bench::new(&config, None);
    for minute in 0..100 {
        bench.record(&row(minute));
        bench.seal(minute);
    }
    let reading = bench.read(0, 200);
    assert_eq!(bench.calls(0, 200), 31);
    assert!(reading.is_cut_by_retention);
    assert_eq!((reading.from, bench.timeline.ends()), (Minute(69), Some((Minute(69), Minute(99)))));
    assert!(!bench.timeline.history.size().is_limited_by_size);
    assert!(matches!(
        bench.timeline.read_sealed(Minute(0), Minute(90)),
        Err(SealedRangeError::NotKept { from: Minute(69) })
    ));
}

#[test]
fn what_retention_dropped_is_told_after_a_restart_too() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config::default();
    config.store.retention = Duration::from_secs(2 * 24 * 3600);
    let mut bench = Bench::new(&config, on_disk(&folder));
    for minute in (0..5 * 1440).step_by(30) {
        bench.record(&row(minute));
        bench.seal(minute);
    }
    let oldest = bench.timeline.ends().unwrap().0;
    drop(bench);
    let bench = Bench::new(&config, on_disk(&folder));
    assert!(bench.read(0, 7000).is_cut_by_retention);
    let refused = bench.timeline.read_sealed(Minute(0), Minute(7000)).err();
    assert!(matches!(refused, Some(SealedRangeError::NotKept { from }) if from == oldest), "{refused:?}");
}

#[test]
fn minutes_of_a_clock_that_is_ahead_make_nothing_look_old() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::new(&Config::default(), on_disk(&folder));
    bench.now = Minute(20);
    for minute in 0..20 {
        bench.record(&row(minute));
        bench.seal(minute);
    }
    // A year ahead of the wall clock, and of the retention.
    let ahead = 365 * 1440;
    bench.record(&row(ahead));
    bench.seal(ahead);
    assert_eq!(bench.calls(0, 20), 20);
    drop(bench);
    let mut later = Bench::new(&Config::default(), on_disk(&folder));
    later.sealer.catch_up(Minute(21));
    assert_eq!(later.calls(0, 20), 20, "after a restart too");
}

#[test]
fn size_drops_the_oldest_first_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config::default();
    config.store.max_size = 40_000;
    let mut bench = Bench::new(&config, on_disk(&folder));
    for minute in 0..200 {
        bench.record(&row(minute));
        bench.seal(minute);
    }
    let size = bench.timeline.history.size();
    assert!(size.is_limited_by_size && size.bytes <= 40_000 && size.buckets[0] > 10, "{size:?}");
    assert_eq!(size.ends.map(|(_, newest)| newest), Some(Minute(199)));
}

#[test]
fn the_cache_is_bounded_and_what_left_it_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config::default();
    config.graph.memory = 10_000;
    let mut bench = Bench::new(&config, on_disk(&folder));
    for minute in 0..200 {
        bench.record(&row(minute));
        bench.seal(minute);
        assert!(bench.timeline.history.size().cached <= 10_000);
    }
    assert_eq!(bench.calls(0, 200), 200);
    assert_eq!(bench.calls(3, 177), 174);
    assert!(bench.timeline.history.size().cached <= 10_000);
}

#[test]
fn a_damaged_minute_is_left_out_told_and_its_neighbours_answer() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::new(&Config::default(), on_disk(&folder));
    for minute in 0..8 {
        bench.record(&row(minute));
        bench.seal(minute);
    }
    drop(bench);
    let buckets = folder.path().join("store/buckets/merged/1m");
    let file = std::fs::read_dir(&buckets).unwrap().map(|entry| entry.unwrap().path());
    let damaged = file.into_iter().find(|path| path.to_string_lossy().contains("T0003Z")).unwrap();
    let mut bytes = std::fs::read(&damaged).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&damaged, bytes).unwrap();
    let bench = Bench::new(&Config::default(), on_disk(&folder));
    assert_eq!(bench.calls(0, 8), 7);
    let reading = bench.read(0, 8);
    assert_eq!(reading.damaged.len(), 1);
    assert!(reading.damaged[0].1.contains("checksum"), "{:?}", reading.damaged);
    assert!(bench.read(4, 8).damaged.is_empty(), "a range without it is whole");
    drop(bench);
    let later = Bench::new(&Config::default(), on_disk(&folder));
    assert_eq!(later.read(0, 8).damaged.len(), 1, "it is missing after a restart too");
}

#[test]
fn roll_ups_stand_for_minutes_that_are_damaged_later() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::new(&Config::default(), on_disk(&folder));
    for minute in 0..30 {
        bench.record(&row(minute));
        bench.seal(minute);
    }
    drop(bench);
    std::fs::write(folder.path().join("store/buckets/merged/1m/19700101T0003Z.bucket"), b"").unwrap();
    let bench = Bench::new(&Config::default(), on_disk(&folder));
    let key = BucketKey { lane: Arc::from(MERGED), width: Width::Minute, start: Minute(3) };
    assert!(bench.timeline.history.load(&key).unwrap().is_none());
    assert_eq!(bench.calls(0, 30), 30);
    assert!(bench.read(0, 30).damaged.is_empty());
    assert_eq!(bench.read(2, 5).from, Minute(0), "the ten minutes answer for it");
}

#[test]
fn a_start_goes_on_where_the_newest_whole_minute_says() {
    let folder = tempfile::tempdir().unwrap();
    let config = Config::default();
    let mut bench = Bench::new(&config, on_disk(&folder));
    for minute in 0..8 {
        bench.record(&row(minute));
        bench.seal(minute);
    }
    let keys: Vec<BucketKey> = bench.timeline.history.list().into_iter().map(|(key, _)| key).collect();
    let newest = bench.timeline.history.load(keys.last().unwrap()).unwrap().unwrap();
    assert_eq!(Frame::open(&newest).unwrap().positions().unwrap().look_back, 150_000);
    assert!(Resume::find(&bench.timeline.history, &config).unwrap().notes.is_empty());
    let mut changed = config.clone();
    changed.linking.self_calls = true;
    let resume = Resume::find(&bench.timeline.history, &changed).unwrap();
    assert!(resume.notes[0].contains("from 1970-01-01T00:08:00.000Z on"), "{:?}", resume.notes);
}

#[test]
fn a_roll_up_that_the_retention_cuts_into_answers_whole_and_the_refusals_name_what_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config::default();
    config.store.keep_minutes = Duration::from_secs(30 * 60);
    config.store.retention = Duration::from_secs(64 * 60);
    let mut bench = Bench::new(&config, on_disk(&folder));
    for minute in 0..100 {
        bench.record(&row(minute));
        bench.seal(minute);
    }
    // What is older than minute 35 goes; the ten minutes from 30 on hold some that is not.
    let check = |bench: &Bench| {
        assert_eq!(bench.timeline.ends(), Some((Minute(30), Minute(99))));
        let reading = bench.read(0, 100);
        assert_eq!((reading.from, bench.calls(0, 100)), (Minute(30), 70), "its range is that of its numbers");
        assert!(bench.timeline.read_sealed(Minute(30), Minute(100)).is_ok(), "all that is kept");
        let refused = |from| bench.timeline.read_sealed(Minute(from), Minute(90)).err();
        let before = refused(29);
        assert!(matches!(before, Some(SealedRangeError::NotKept { from: Minute(30) })), "{before:?}");
        let inside = refused(35);
        assert!(matches!(inside, Some(SealedRangeError::TooFine { from: Minute(30), .. })), "{inside:?}");
    };
    check(&bench);
    assert!(bench.read(0, 100).is_cut_by_retention);
    drop(bench);
    check(&Bench::new(&config, on_disk(&folder)));
}

#[test]
fn answers_that_stay_are_refused_before_what_is_kept_and_where_a_bucket_is_damaged_or_gone() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::new(&Config::default(), on_disk(&folder));
    let nothing = bench.timeline.read_sealed(Minute(5), Minute(8)).err();
    assert!(matches!(nothing, Some(SealedRangeError::NotSealed { sealed_to: None })), "{nothing:?}");
    for minute in 5..9 {
        bench.record(&row(minute));
        bench.seal(minute);
    }
    let before = bench.timeline.read_sealed(Minute(4), Minute(8)).err();
    assert!(matches!(before, Some(SealedRangeError::NotKept { from: Minute(5) })), "{before:?}");
    drop(bench);

    let bench = Bench::new(&Config::default(), on_disk(&folder));
    let file = |minute| folder.path().join(format!("store/buckets/merged/1m/19700101T000{minute}Z.bucket"));
    std::fs::write(file(6), b"cut off").unwrap();
    std::fs::remove_file(file(7)).unwrap();
    for (damaged, problem) in [(6, "begin"), (7, "gone")] {
        let error = bench.timeline.read_sealed(Minute(damaged), Minute(damaged + 1)).err();
        let Some(SealedRangeError::Damaged { key, problem: found }) = error else { panic!("{error:?}") };
        assert!(key.start == Minute(damaged) && found.contains(problem), "{key}: {found}");
    }
    assert!(bench.timeline.read_sealed(Minute(8), Minute(9)).is_ok(), "the others answer");
    assert_eq!(
        (bench.calls(5, 9), bench.read(5, 9).damaged.len()),
        (2, 2),
        "other answers say what is missing"
    );
}

#[test]
fn a_reader_beside_the_writer_reads_roll_ups_for_minutes_that_go_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config::default();
    config.store.keep_minutes = Duration::from_secs(30 * 60);
    let mut writer = Bench::new(&config, on_disk(&folder));
    (0..200).for_each(|minute| writer.record(&row(minute)));
    (0..60).for_each(|minute| writer.seal(minute));
    let disk = EmbeddedStore::open(&folder.path().join("store"), Access::Read).unwrap();
    let reader = Bench::new(&config, Some(disk));
    (60..200).for_each(|minute| writer.seal(minute));
    let reading = reader.read(0, 60);
    assert_eq!(reader.calls(0, 60), 60);
    assert!(reading.damaged.is_empty(), "{:?}", reading.damaged);
    let sealed = reader.timeline.read_sealed(Minute(0), Minute(60)).unwrap();
    assert_eq!(sealed.bucket.totals.traces, 60);
}
