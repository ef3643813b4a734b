//! Crash anywhere: what is sealed afterwards is what an uninterrupted run seals (ALGORITHMS 7, 9.2).
//!
//! The naive rule (go back to the first record that is still needed) is a control: it must fail.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use super::*;
use crate::lane::{
    Dropped, Event, InputClock, Journal, Ledger, Position, RecordTally, SealedInputs, Shed, ShedState, Stamp,
};
use crate::model::time::MILLIS_PER_MINUTE;
use crate::model::{CLOCK_TOLERANCE_MS, RecordTime};

const LANES: u128 = 2;
const CLAMP: LogMillis = 60_000;
/// The local clock: every log is older, but for records of producers whose clock is ahead.
const NOW: LogMillis = 1_000_000_000;

/// A record of a partition.
#[derive(Clone, Debug)]
struct Record {
    at: LogMillis,
    is_created: bool,
    trace: u128,
    span: u64,
    /// Event time, milliseconds.
    start: LogMillis,
    spans: u64,
}

type Log = Vec<Vec<Record>>;

/// Trace, start of a session, distinct spans, how many copies of them came, and whether some were cut.
type Shape = (u128, Option<LogMillis>, Vec<u64>, u64, bool);

/// What is sealed of a minute: the parts that count in it, and what came of the inputs.
#[derive(Clone, Debug, PartialEq)]
struct Sealed {
    parts: Vec<Shape>,
    log: SealedInputs,
}

/// How a start finds its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    /// That of ALGORITHMS 7.
    LookBack,
    /// Back to the first record that is still needed.
    Naive,
}

/// How a run reads.
#[derive(Clone, Debug)]
struct Reading {
    picks: Vec<u32>,
    batch: usize,
    /// Records after which the process is killed.
    killed_after: Option<usize>,
}

fn sessions() -> SessionsConfig {
    // Every length is reached to the millisecond by the times of the logs.
    SessionsConfig { budget: 3, max_spans: 5, ..SessionsConfig::default() }
}

struct Process<'a> {
    log: &'a Log,
    rule: Rule,
    floor: Option<Minute>,
    offsets: Vec<usize>,
    clocks: Vec<InputClock>,
    sheds: Vec<Shed>,
    held: Vec<VecDeque<(usize, Record)>>,
    journals: Vec<Journal>,
    ledger: Ledger,
    watermark: Watermark,
    lanes: Vec<Lane<()>>,
    open: BTreeMap<Minute, Vec<Part>>,
}

impl<'a> Process<'a> {
    fn start(log: &'a Log, rule: Rule, from: Option<(Minute, &Sealed)>) -> Process<'a> {
        let sessions = sessions();
        let look_back = match rule {
            Rule::LookBack => sessions.look_back_ms(),
            Rule::Naive => 0,
        };
        let position = |partition: usize| -> Option<Position> {
            let name: Arc<str> = partition.to_string().into();
            from.and_then(|(_, sealed)| sealed.log.positions.get(&name).copied())
        };
        let floor = from.map(|(minute, _)| minute);
        let mut process = Process {
            log,
            rule,
            floor,
            offsets: Vec::new(),
            clocks: Vec::new(),
            sheds: Vec::new(),
            held: vec![VecDeque::new(); log.len()],
            journals: Vec::new(),
            ledger: Ledger::default(),
            watermark: Watermark::default(),
            lanes: (0..LANES).map(|_| Lane::new(&sessions, Telemetry::new())).collect(),
            open: BTreeMap::new(),
        };
        for partition in 0..log.len() {
            let (input, resumed) = (partition as u32, position(partition));
            let name: Arc<str> = partition.to_string().into();
            process.ledger.add(input, name.clone());
            let mut journal = Journal::new(input, name, look_back, resumed);
            journal.start(0);
            journal.publish(&process.ledger);
            process.journals.push(journal);
            process.watermark.add(input, log.len());
            process.offsets.push(resumed.map_or(0, |position| position.offset as usize));
            process.clocks.push(InputClock::resumed(resumed.and_then(|position| position.newest)));
            let shed = resumed.map_or_else(ShedState::default, |position| position.shed);
            process.sheds.push(Shed::new(sessions.budget, shed));
        }
        process
    }

    /// Reads on until the end or until it is killed; what is final goes into `sealed`.
    fn run(mut self, reading: &Reading, sealed: &mut BTreeMap<Minute, Sealed>) -> Result<(), String> {
        let mut left = reading.killed_after.unwrap_or(usize::MAX);
        let mut picks = reading.picks.iter().cycle();
        loop {
            let readable: Vec<usize> = (0..self.log.len())
                .filter(|partition| self.offsets[*partition] < self.log[*partition].len())
                .collect();
            if readable.is_empty() {
                break;
            }
            let partition = readable[*picks.next().unwrap() as usize % readable.len()];
            for _ in 0..reading.batch {
                let offset = self.offsets[partition];
                let Some(record) = self.log[partition].get(offset).cloned() else { break };
                if left == 0 {
                    return Ok(());
                }
                left -= 1;
                self.take(partition, offset, record);
                self.offsets[partition] += 1;
            }
            self.deliver(partition, sealed)?;
        }
        if reading.killed_after.is_none() {
            for partition in 0..self.log.len() {
                assert!(self.clocks[partition].stand(LogMillis::MAX / 2).is_empty(), "no log ends in doubt");
                self.deliver(partition, sealed)?;
            }
        }
        Ok(())
    }

    fn take(&mut self, partition: usize, offset: usize, record: Record) {
        let time = match record.is_created {
            true => RecordTime::Create(record.at),
            false => RecordTime::LogAppend(record.at),
        };
        let observed = self.clocks[partition].observe(time, NOW);
        observed.released.into_iter().for_each(|stamp| self.route_held(partition, stamp));
        match observed.own {
            Some(stamp) => {
                self.route(partition, stamp, offset, record);
                self.journals[partition].let_go();
            }
            None => {
                self.journals[partition].hold();
                self.held[partition].push_back((offset, record));
            }
        }
    }

    fn route_held(&mut self, partition: usize, stamp: Stamp) {
        let (offset, record) =
            self.held[partition].pop_front().expect("as many stamps as records that are held");
        self.route(partition, stamp, offset, record);
    }

    fn route(&mut self, partition: usize, stamp: Stamp, offset: usize, record: Record) {
        self.journals[partition].enter(stamp);
        let mut tally = RecordTally { offset: offset as i64, bytes: 1, dropped: Dropped::default() };
        for copy in 0..record.spans {
            let span = Span {
                id: SpanId(record.span + copy / 2),
                start: record.start as u64 * 1_000_000,
                ..Span::default()
            };
            let mut admitted = crate::model::SpanRecord { trace: TraceId(record.trace), span };
            match self.sheds[partition].admit(stamp.at, &mut admitted) {
                Ok(()) => {
                    let lane = (record.trace % LANES) as usize;
                    self.lanes[lane].push(admitted.trace, stamp.at, admitted.span, 0);
                }
                Err(reason) => tally.dropped[reason as usize] += 1,
            }
        }
        self.journals[partition].count(stamp, &tally, self.sheds[partition].state());
    }

    fn deliver(&mut self, partition: usize, sealed: &mut BTreeMap<Minute, Sealed>) -> Result<(), String> {
        self.journals[partition].publish(&self.ledger);
        if let Some(now) = self.clocks[partition].now() {
            self.watermark.advance(partition as u32, now);
        }
        let Some(watermark) = self.watermark.get() else { return Ok(()) };
        let (open, floor) = (&mut self.open, self.floor);
        for lane in &mut self.lanes {
            lane.advance(watermark, &mut |event| {
                let Event::Closed(part) = event else { panic!("nothing is shown") };
                let minute = minute_of(&part);
                if Some(minute) > floor {
                    open.entry(minute).or_default().push(part);
                }
            });
        }
        let Some(through) = self.lanes.iter().map(Lane::final_through).min().flatten() else { return Ok(()) };
        self.seal(through, sealed)
    }

    fn seal(&mut self, through: Minute, sealed: &mut BTreeMap<Minute, Sealed>) -> Result<(), String> {
        let mut minutes = self.ledger.minutes(|_| true, through);
        minutes.extend(self.open.range(..=through).map(|(minute, _)| *minute));
        for minute in minutes.into_iter().filter(|minute| Some(*minute) > self.floor) {
            let parts = self.open.remove(&minute).unwrap_or_default();
            let mut parts: Vec<_> = parts.into_iter().map(shape).collect();
            parts.sort();
            let now = Sealed { parts, log: self.ledger.of_minute(|_| true, minute) };
            match sealed.get(&minute) {
                Some(before) if *before != now => {
                    return Err(format!("{:?}: {minute:?} was {before:#?}, is {now:#?}", self.rule));
                }
                _ => drop(sealed.insert(minute, now)),
            }
        }
        self.ledger.forget(|_| true, through);
        self.floor = self.floor.max(Some(through));
        Ok(())
    }
}

/// As the analysis has it: the earliest span's start within the clamp, or the log minute of a tail.
fn minute_of(part: &Part) -> Minute {
    let start = part.spans.iter().map(|span| (span.start / 1_000_000) as LogMillis).min().unwrap();
    part.tail_minute
        .unwrap_or_else(|| Minute::of_millis(start.clamp(part.session_start - CLAMP, part.session_start)))
}

fn shape(part: Part) -> Shape {
    let mut spans: Vec<u64> = part.spans.iter().map(|span| span.id.0).collect();
    spans.sort_unstable();
    let distinct = {
        let mut ids = spans.clone();
        ids.dedup();
        ids
    };
    // Where a session was cut, how often its spans came cannot be told.
    let copies = if part.is_cut { 0 } else { part.copies + (spans.len() - distinct.len()) as u64 };
    let start = part.tail_minute.is_none().then_some(part.session_start);
    (part.trace.0, start, distinct, copies, part.is_cut)
}

/// Logs with late spans, duplicates, traces that never end, silent gaps and bursts above the budget.
fn logs() -> impl Strategy<Value = Log> {
    let step = prop_oneof![
        3 => Just(0),
        9 => Just(1_000),
        9 => Just(10_000),
        2 => prop_oneof![Just(29_000), Just(30_000), Just(31_000)],
        1 => prop_oneof![Just(60_000), Just(119_000), Just(120_000), Just(150_000), Just(240_000)],
    ];
    // One trace hardly ever falls quiet.
    let trace = prop_oneof![3 => Just(0), 2 => 1..4u128];
    let record = (0..6usize, step, trace, 0..30u64, 0..100_000i64, 1..5u64);
    (
        prop_oneof![3 => Just(1usize), 2 => 2..=3usize, 1 => Just(6)],
        any::<bool>(),
        proptest::collection::vec(record, 1..250),
    )
        .prop_map(|(partitions, is_created, records)| {
            let mut log: Log = vec![Vec::new(); partitions];
            let mut at = 40 * MILLIS_PER_MINUTE;
            for (partition, step, trace, span, back, spans) in records {
                at += step;
                log[partition % partitions].push(Record {
                    at,
                    is_created,
                    trace,
                    span,
                    start: at - back,
                    spans,
                });
            }
            if log.iter().any(|partition| ends_in_doubt(partition)) {
                log.iter_mut().flatten().for_each(|record| record.is_created = false);
            }
            log
        })
}

/// True where the last records jump ahead and nobody agrees yet: then a local clock decides, which no replay repeats.
fn ends_in_doubt(partition: &[Record]) -> bool {
    let mut clock = InputClock::default();
    partition.iter().filter(|record| record.is_created).for_each(|record| {
        clock.observe(RecordTime::Create(record.at), NOW);
    });
    !clock.stand(LogMillis::MAX / 2).is_empty()
}

/// A log, and the same with records of producers whose clock is ahead of now; these are empty, so they shed nobody.
fn logs_with_future() -> impl Strategy<Value = (Log, Log)> {
    let ahead = (any::<prop::sample::Index>(), any::<prop::sample::Index>(), 1..3 * MILLIS_PER_MINUTE);
    (logs(), proptest::collection::vec(ahead, 1..40)).prop_map(|(log, ahead)| {
        let mut with = log.clone();
        for (partition, place, ahead) in ahead {
            let records = &mut with[partition.index(log.len())];
            // Never the last one: the log would end in doubt.
            if !records.is_empty() {
                let record = Record {
                    at: NOW + CLOCK_TOLERANCE_MS + ahead,
                    is_created: true,
                    trace: 0,
                    span: 0,
                    start: 0,
                    spans: 0,
                };
                records.insert(place.index(records.len()), record);
            }
        }
        (log, with)
    })
}

/// Of sealed minutes what records from the future must not change; minutes that hold nothing else are left out.
fn untouched(sealed: BTreeMap<Minute, Sealed>) -> BTreeMap<Minute, (Vec<Shape>, u64, Dropped)> {
    let told = |sealed: Sealed| {
        let mut dropped = Dropped::default();
        let mut records = 0;
        for counts in sealed.log.counts.0.values() {
            records += counts.records - counts.refuted_jumps;
            dropped.iter_mut().zip(counts.dropped).for_each(|(sum, n)| *sum += n);
        }
        (sealed.parts, records, dropped)
    };
    let told = sealed.into_iter().map(|(minute, sealed)| (minute, told(sealed)));
    told.filter(|(_, (parts, records, _))| !parts.is_empty() || *records > 0).collect()
}

fn readings() -> impl Strategy<Value = Reading> {
    let killed_after = proptest::option::weighted(0.8, 0..250usize);
    (proptest::collection::vec(0..6u32, 1..20), 1..7usize, killed_after)
        .prop_map(|(picks, batch, killed_after)| Reading { picks, batch, killed_after })
}

/// What an uninterrupted run seals.
fn uninterrupted(log: &Log, rule: Rule) -> BTreeMap<Minute, Sealed> {
    let mut sealed = BTreeMap::new();
    let reading = Reading { picks: vec![0, 1, 2, 3, 4, 5], batch: 2, killed_after: None };
    Process::start(log, rule, None).run(&reading, &mut sealed).unwrap();
    sealed
}

/// Runs, kills and starts again, each time up to `back` sealed minutes further back; says where it differs.
fn killed(log: &Log, rule: Rule, readings: &[Reading], back: usize) -> Result<(), String> {
    let expected = uninterrupted(log, rule);
    let mut sealed: BTreeMap<Minute, Sealed> = BTreeMap::new();
    let last = Reading { killed_after: None, ..readings[0].clone() };
    for reading in readings.iter().chain([&last]) {
        let before = sealed.clone();
        let from = before.iter().rev().nth(back).or(before.iter().next_back());
        let start = Process::start(log, rule, from.map(|(minute, sealed)| (*minute, sealed)));
        start.run(reading, &mut sealed)?;
    }
    match sealed == expected {
        true => Ok(()),
        false => {
            let differing = expected.iter().find(|(minute, was)| sealed.get(minute) != Some(was));
            Err(format!(
                "expected {differing:#?}, sealed {:#?}",
                differing.map(|(minute, _)| sealed.get(minute))
            ))
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn kills_anywhere_seal_what_an_uninterrupted_run_seals(
        log in logs(),
        readings in proptest::collection::vec(readings(), 1..5),
        back in 0..4usize,
    ) {
        prop_assert_eq!(killed(&log, Rule::LookBack, &readings, back), Ok(()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn a_producer_from_the_future_changes_nothing_for_the_others((log, with) in logs_with_future()) {
        let without = uninterrupted(&log, Rule::LookBack);
        let with = uninterrupted(&with, Rule::LookBack);
        let all_marked = with.values().all(|sealed| {
            sealed.log.is_irreproducible || sealed.log.counts.0.values().all(|counts| counts.refuted_jumps == 0)
        });
        let has_own_refuted = without.values().any(|sealed| {
            sealed.log.counts.0.values().any(|counts| counts.refuted_jumps > 0)
        });
        prop_assert!(all_marked || has_own_refuted);
        prop_assert_eq!(untouched(with), untouched(without));
    }

    #[test]
    fn kills_anywhere_seal_the_same_with_a_producer_from_the_future(
        (_, log) in logs_with_future(),
        readings in proptest::collection::vec(readings(), 1..5),
        back in 0..4usize,
    ) {
        prop_assert_eq!(killed(&log, Rule::LookBack, &readings, back), Ok(()));
    }
}

#[test]
fn the_naive_rule_is_caught_by_the_same_logs() {
    let mut runner = TestRunner::deterministic();
    let strategy = (logs(), proptest::collection::vec(readings(), 1..5), 0..4usize);
    let (mut naive, mut look_back) = (0, 0);
    for _ in 0..500 {
        let (log, readings, back) = strategy.new_tree(&mut runner).unwrap().current();
        naive += usize::from(killed(&log, Rule::Naive, &readings, back).is_err());
        look_back += usize::from(killed(&log, Rule::LookBack, &readings, back).is_err());
    }
    assert!(naive >= 10, "the control must fail, and failed in {naive} of 500 logs");
    assert_eq!(look_back, 0);
}
