//! The stages with a store, stopped anywhere and started again: its files are those of an uninterrupted run, byte by byte,
//! with other numbers of workers and other batches each time.

use std::collections::BTreeMap;
use std::path::Path;

use super::*;
use crate::graph::sealed::{Frame, Marks, Width};
use crate::lane::GapCause;
use crate::model::Beginning;
use crate::store::{Access, EmbeddedStore, verify};

/// How often the dirty cases come, a time after the other: within the gap of a session, so that some traces never end.
const ROUNDS: i64 = 24;
const ROUND_MS: i64 = 20_000;
const SILENCE_MS: i64 = 90_000;

/// Every dirty case again and again, its spans thereby duplicates and late, with a silence in the middle.
fn log(partitions: usize, is_keyed: bool) -> Vec<Vec<Sent>> {
    let mut logs = vec![Vec::new(); partitions];
    for round in 0..ROUNDS {
        let silence = if round < ROUNDS / 2 { 0 } else { SILENCE_MS };
        for (number, sent) in sent().iter().enumerate().filter(|(number, _)| number % 5 == round as usize % 2)
        {
            let again = Sent { at: sent.at + round * ROUND_MS + silence, ..sent.clone() };
            let place = match is_keyed {
                true => sent.key.unwrap_or_default().mixed(7),
                false => TraceId((number as i64 * ROUNDS + round) as u128).mixed(7),
            };
            logs[(place % partitions as u64) as usize].push(again);
        }
    }
    logs.iter_mut().for_each(|log| log.sort_by_key(|sent| sent.at));
    logs
}

/// A start on the store: reads on where its last sealed minute says; `left` records, or to the end.
fn start(
    store: &Path,
    logs: &[Vec<Sent>],
    config: &Config,
    workers: usize,
    batch: usize,
    left: Option<usize>,
) {
    start_at(store, logs, config, (workers, batch), left, (0, Beginning::OfLog), NO_HOLE);
}

/// Offsets of the first input that are gone before they are read.
type Hole = std::ops::Range<usize>;
const NO_HOLE: Hole = 0..0;

/// The same; what was never read begins at an offset.
fn start_at(
    store: &Path,
    logs: &[Vec<Sent>],
    config: &Config,
    (workers, batch): (usize, usize),
    left: Option<usize>,
    (first, first_beginning): (i64, Beginning),
    hole: Hole,
) {
    let disk = EmbeddedStore::open(store, Access::Write).unwrap();
    let history = History::new(Some(disk), Policy::from_config(config));
    let resume = Resume::find(&history, config).unwrap();
    let shared = Shared { clock: || LATER, ..Shared::new(config.clone(), Telemetry::new(), history, resume) };
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..workers).map(|_| sync_channel(4)).unzip();
    let pipeline = Pipeline::start(&shared, receivers, workers, AtEnd::Leave).unwrap();
    let send = |event: SourceEvent, input: usize| senders[input % workers].send(event).unwrap();
    let mut offsets: Vec<usize> = Vec::new();
    for input in 0..logs.len() {
        let name: Arc<str> = format!("test/{input}").into();
        let resumed = shared.resume.inputs.get(&name).map(|resumed| resumed.position.offset);
        let (input_id, offset) = (input as InputId, resumed.unwrap_or(first));
        offsets.push(offset as usize);
        send(SourceEvent::Assigned { input: input_id, name, expected: logs.len() }, input);
        let beginning = if resumed.is_some() { Beginning::Resumed } else { first_beginning };
        send(SourceEvent::Started { input: input_id, offset, beginning }, input);
    }
    let mut left_records = left.unwrap_or(usize::MAX);
    while left_records > 0 && offsets.iter().zip(logs).any(|(offset, log)| *offset < log.len()) {
        for (input, log) in logs.iter().enumerate() {
            if input == 0 && !hole.is_empty() && offsets[input] == hole.start {
                offsets[input] = hole.end;
                send(SourceEvent::Hole { input: 0, first: hole.end as i64 }, input);
            }
            let to_hole = if input == 0 && offsets[0] < hole.start { hole.start } else { log.len() };
            let count = batch.min(to_hole - offsets[input]).min(left_records);
            let mut records = records(input, &log[offsets[input]..offsets[input] + count]);
            records.records.iter_mut().for_each(|record| record.offset += offsets[input] as i64);
            offsets[input] += count;
            left_records -= count;
            send(SourceEvent::Records(records), input);
        }
    }
    if left.is_none() {
        let end = logs.iter().flatten().map(|sent| sent.at).max().unwrap_or(0) + 600_000;
        (0..logs.len())
            .for_each(|input| send(SourceEvent::Standing { input: input as InputId, at: end }, input));
    }
    drop(senders);
    pipeline.join().unwrap();
    assert_eq!(shared.sealing.nondeterminism.load(std::sync::atomic::Ordering::Relaxed), 0);
}

/// All files of a store's buckets, in which nothing is found that would be worth a word.
fn files(store: &Path) -> BTreeMap<String, Vec<u8>> {
    let disk = EmbeddedStore::open(store, Access::Read).unwrap();
    let verified = verify(&disk, &mut |_, _| ());
    assert!(verified.problems.is_empty() && verified.notes.is_empty(), "{verified:?}");
    let read = |key: &crate::graph::sealed::BucketKey| (key.to_string(), disk.load(key).unwrap().unwrap());
    disk.list().iter().map(|(key, _)| read(key)).collect()
}

fn check(mode: LaneMode, partitions: usize, stops: &[(usize, usize, usize)]) {
    let folder = tempfile::tempdir().unwrap();
    let (whole, stopped) = (folder.path().join("whole"), folder.path().join("stopped"));
    let mut config = Config::default();
    config.lanes.mode = mode;
    let logs = log(partitions, mode == LaneMode::Partition);
    start(&whole, &logs, &config, 1, 50, None);
    for (workers, batch, records) in stops {
        start(&stopped, &logs, &config, *workers, *batch, Some(*records));
    }
    start(&stopped, &logs, &config, 2, 33, None);
    let (expected, found) = (files(&whole), files(&stopped));
    assert!(expected.len() > 8, "minutes are sealed: {:?}", expected.keys());
    assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    let differing: Vec<&String> = expected.keys().filter(|key| found[*key] != expected[*key]).collect();
    assert!(differing.is_empty(), "{differing:?} differ");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]

    #[test]
    fn stopped_anywhere_it_seals_the_same_bytes(
        is_keyed in any::<bool>(),
        partitions in 1..7usize,
        stops in proptest::collection::vec((1..3usize, 1..150usize, 1..4_000usize), 1..5),
    ) {
        let mode = if is_keyed { LaneMode::Partition } else { LaneMode::Merged };
        check(mode, partitions, &stops);
    }
}

#[test]
fn a_first_start_in_the_middle_counts_like_the_others_once_it_can_know() {
    let folder = tempfile::tempdir().unwrap();
    let whole = folder.path().join("whole");
    let config = Config::default();
    let logs = log(1, false);
    start(&whole, &logs, &config, 1, 50, None);
    let open = |bytes: &Vec<u8>| {
        let frame = Frame::open(bytes).unwrap();
        (frame.header.key.width, frame.header.key.start, frame.digest, frame.header.marks)
    };
    let expected: Vec<_> = files(&whole).values().map(open).collect();
    let first = logs[0].len() / 3;
    let at = logs[0][first].at;
    for beginning in [Beginning::At(at), Beginning::OfWhatIsLeft] {
        let late = folder.path().join(format!("{beginning:?}"));
        start_at(&late, &logs, &config, (2, 4_000), None, (first as i64, beginning), NO_HOLE);
        let mut minutes: Vec<_> = files(&late).values().map(open).collect();
        minutes.retain(|minute| minute.0 == Width::Minute);
        // M + G behind the first record, in whole minutes.
        assert_eq!(minutes[0].1, Minute(((at + 150_000) as u64).div_ceil(60_000) as u32));
        assert!(minutes[0].3.has(Marks::GAP), "it says what it cannot know");
        assert!(minutes.len() > 3);
        assert!(minutes[1..].iter().all(|minute| expected.contains(minute)), "{minutes:?} of {expected:?}");
    }
}

/// What a reader beside the process knows of the minutes of a store.
fn timeline(store: &Path, config: &Config) -> Arc<Timeline> {
    let disk = EmbeddedStore::open(store, Access::Read).unwrap();
    let live = LiveGraph::new(crate::model::Symbols::new(100_000), config);
    Timeline::new(live, History::new(Some(disk), Policy::from_config(config)), Arc::default())
}

#[test]
fn lost_records_are_told_by_every_minute_they_are_missing_in_wherever_it_stops() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, stopped) = (folder.path().join("whole"), folder.path().join("stopped"));
    let config = Config::default();
    let logs = log(2, false);
    let hole = logs[0].len() / 4..logs[0].len() * 3 / 4;
    let begin = (0, Beginning::OfLog);
    start_at(&whole, &logs, &config, (1, 50), None, begin, hole.clone());
    for left in [200, hole.start + 40, 900] {
        start_at(&stopped, &logs, &config, (2, 33), Some(left), begin, hole.clone());
    }
    start_at(&stopped, &logs, &config, (2, 70), None, begin, hole.clone());
    assert_eq!(files(&stopped), files(&whole));

    let (since, until) = (logs[0][hole.start - 1].at, logs[0][hole.end].at);
    let minute = |at: LogMillis| Minute::of_millis(at);
    let timeline = timeline(&whole, &config);
    let gaps = |from: u32, to: u32| timeline.read(Minute(from), Minute(to)).unwrap().bucket.gaps;
    let (first, last) = (minute(since).0, minute(until).0);
    assert!(last > first + 2, "the hole is longer than a minute");
    for inside in first..=last {
        let found = gaps(inside, inside + 1);
        let gap = found.first().unwrap_or_else(|| panic!("minute {inside} of {first}..{last} says nothing"));
        assert_eq!((gap.since, gap.until, gap.offsets), (Some(since), until, hole.len() as u64));
    }
    assert!(gaps(first - 2, first).is_empty() && gaps(last + 1, last + 3).is_empty());
}

#[test]
fn what_was_sealed_before_a_loss_was_known_stays_without_it() {
    let folder = tempfile::tempdir().unwrap();
    let config = Config::default();
    let logs = log(2, false);
    let read = logs[0].len() * 3 / 4;
    start(folder.path(), &logs, &config, 1, 50, Some(2 * read));
    let resume = Resume::find(&timeline(folder.path(), &config).history, &config).unwrap();
    let sealed = resume.sealed().unwrap();
    let before = files(folder.path());
    // All that a start would look back on is gone as well.
    let hole = resume.inputs["test/0"].position.offset as usize..read + logs[0].len() / 8;
    start_at(folder.path(), &logs, &config, (1, 50), None, (0, Beginning::OfLog), hole.clone());
    let (after, timeline) = (files(folder.path()), timeline(folder.path(), &config));
    let minutes = before.keys().filter(|key| key.contains(" 1m "));
    assert!(minutes.clone().count() > 2 && minutes.clone().all(|key| after[key] == before[key]));
    let gaps = |from: u32, to: u32| timeline.read_sealed(Minute(from), Minute(to)).unwrap().bucket.gaps;
    let first = timeline.ends().unwrap().0;
    assert!(gaps(first.0, sealed.0 + 1).is_empty(), "answers over them stay as they were");
    let until = logs[0][hole.end].at;
    let found = gaps(sealed.0 + 1, Minute::of_millis(until).0 + 1);
    assert_eq!(found.first().map(|gap| (gap.since, gap.until)), Some((Some(sealed.end_millis()), until)));
}

#[test]
fn minutes_skipped_for_a_longer_look_back_say_so_and_no_others() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config::default();
    let logs = log(2, false);
    start(folder.path(), &logs, &config, 1, 50, Some(logs[0].len() * 3 / 2));
    let sealed = Resume::find(&timeline(folder.path(), &config).history, &config).unwrap().sealed().unwrap();
    config.sessions.gap *= 4;
    let longer = Resume::find(&timeline(folder.path(), &config).history, &config).unwrap();
    assert_eq!(longer.skipped, 2, "90 s more");
    let next = crate::model::time::rfc3339(Minute(sealed.0 + 3).start_nanos());
    assert!(longer.notes[0].contains(&format!("with the new one from {next} on")), "{:?}", longer.notes);
    start(folder.path(), &logs, &config, 1, 50, None);
    let timeline = timeline(folder.path(), &config);
    let gaps = |from: u32, to: u32| timeline.read_sealed(Minute(from), Minute(to)).unwrap().bucket.gaps;
    let skipped = [sealed.0 + 1, sealed.0 + 2];
    for minute in skipped {
        let found = gaps(minute, minute + 1);
        assert_eq!(found.len(), 2, "of both inputs: {found:?}");
        for gap in found {
            let ends = (gap.since.unwrap(), gap.until);
            assert_eq!(ends, (Minute(skipped[0]).start_millis(), Minute(skipped[1]).end_millis()));
            assert_eq!(gap.cause, GapCause::Configuration);
        }
    }
    assert!(gaps(sealed.0, sealed.0 + 1).is_empty() && gaps(sealed.0 + 3, sealed.0 + 4).is_empty());
}

#[test]
fn minutes_that_are_taken_out_with_all_later_ones_are_sealed_again_from_the_log() {
    for mode in [LaneMode::Merged, LaneMode::Partition] {
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("store");
        let mut config = Config::default();
        config.lanes.mode = mode;
        let logs = log(2, mode == LaneMode::Partition);
        start(&store, &logs, &config, 2, 50, None);
        let expected = files(&store);
        let disk = EmbeddedStore::open(&store, Access::Read).unwrap();
        let keys: Vec<_> = disk.list().into_iter().map(|(key, _)| key).collect();
        let lane = keys[0].lane.clone();
        let minutes: Vec<_> =
            keys.iter().filter(|key| key.lane == lane && key.width == Width::Minute).collect();
        assert!(minutes.len() > 8, "{minutes:?}");
        // The newest alone, some, and all but the first.
        for kept in [minutes.len() - 1, minutes.len() / 2, 1] {
            minutes[kept..].iter().for_each(|key| std::fs::remove_file(disk.path_of(key)).unwrap());
            start(&store, &logs, &config, 1, 70, None);
            let found = files(&store);
            assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
            let differing: Vec<&String> =
                expected.keys().filter(|key| found[*key] != expected[*key]).collect();
            assert!(differing.is_empty(), "{mode:?}, {kept} kept: {differing:?} differ");
        }
    }
}
