//! `kill -9` at any point: what is sealed afterwards is, byte for byte, what one run seals that nobody disturbs.
//!
//! `LINCHPIN_CRASH_KILLS` is the number of kills per log; the points are random, with the seed
//! `LINCHPIN_CRASH_SEED`, and chosen by progress, not by time.

use std::path::Path;

use tempfile::TempDir;

use crate::support::broker::Broker;
use crate::support::linchpin::{Launch, Linchpin, config};
use crate::support::random::Random;
use crate::support::recorded::{self, Spread};
use crate::support::sealed::{self, Buckets};
use crate::support::wait::eventually;

const PARTITIONS: usize = 6;
const KILLS: u64 = 15;

#[test]
fn killed_again_and_again_on_a_keyed_topic_the_sealed_minutes_are_the_same() {
    Crashes::prepare(Spread::Keyed).run();
}

#[test]
fn killed_again_and_again_on_an_unkeyed_topic_the_sealed_minutes_are_the_same() {
    Crashes::prepare(Spread::Scattered).run();
}

/// Where a process is killed.
#[derive(Clone, Copy, Debug)]
enum Point {
    /// After so many looks at its folder, from the start of the process.
    Start(usize),
    /// After so many answers of its status.
    Answers(usize),
    /// As soon as so many new files, whole or not, are in the store.
    Files(usize),
    /// While a bucket is written.
    Writing,
}

/// A log, what a run seals of it that nobody disturbs, and what came of the others.
struct Crashes {
    broker: &'static Broker,
    topic: String,
    mode: &'static str,
    sealed_by: String,
    expected: Buckets,
    random: Random,
    tally: Tally,
}

#[derive(Debug, Default)]
struct Tally {
    kills: u64,
    during_start: u64,
    while_writing: u64,
    resumed: u64,
    stores: u64,
    compared: usize,
}

impl Crashes {
    fn prepare(spread: Spread) -> Crashes {
        let broker = Broker::shared();
        let seed = number("LINCHPIN_CRASH_SEED", 1);
        let (stem, mode) = match spread {
            Spread::Keyed => ("crash-keyed", "partition"),
            Spread::Scattered => ("crash", "merged"),
        };
        let start = recorded::noon();
        let log = recorded::log(start, spread, PARTITIONS, seed);
        let topic = recorded::write(broker, stem, PARTITIONS, &log);
        let mut crashes = Crashes {
            broker,
            topic,
            mode,
            sealed_by: recorded::sealed_by(start),
            expected: Buckets::new(),
            random: Random::new(seed),
            tally: Tally::default(),
        };
        let store = TempDir::new().unwrap();
        crashes.finish(store.path());
        crashes.expected = sealed::buckets(store.path());
        crashes.check_expected(log.len());
        crashes
    }

    /// The comparison says something: there are minutes and roll-ups, and they hold what the log was made for.
    fn check_expected(&self, records: usize) {
        let count = |width: &str| self.expected.keys().filter(|path| path.contains(width)).count();
        let bytes: usize = self.expected.values().map(Vec::len).sum();
        let (minutes, days) = (count("/1m/"), count("/1d/"));
        println!("{}: {records} records; {minutes} minutes sealed; {bytes} bytes with roll-ups", self.topic);
        assert!(minutes >= 17 && days >= 1, "{:?}", self.expected.keys());
    }

    fn run(mut self) {
        let kills = number("LINCHPIN_CRASH_KILLS", KILLS);
        while self.tally.kills < kills {
            let store = TempDir::new().unwrap();
            while self.tally.kills < kills && self.is_killed(store.path()) {}
            self.finish(store.path());
            let sealed = sealed::buckets(store.path());
            let tally = &self.tally;
            if let Err(differences) = sealed::equal(&sealed, &self.expected) {
                panic!("{}, after {tally:?}: {differences}", self.topic);
            }
            sealed::assert_undisputed(store.path());
            self.tally.stores += 1;
            self.tally.compared += sealed.len();
        }
        println!("{} ({}): {:?}", self.topic, self.mode, self.tally);
        assert!(self.tally.resumed > 0, "some of the starts go on where another one was killed");
    }

    /// Starts it and kills it at a random point; false where all was sealed before.
    fn is_killed(&mut self, store: &Path) -> bool {
        let point = self.point();
        let before = sealed::files(store, "buckets").len();
        let linchpin = self.start(store);
        let is_reached = match point {
            Point::Start(looks) => {
                (0..looks).for_each(|_| drop(sealed::files(store, "")));
                true
            }
            Point::Answers(answers) => {
                (0..answers).for_each(|_| drop(linchpin.json("/api/v1/status")));
                !linchpin.has_all_sealed(&self.sealed_by)
            }
            Point::Files(more) => {
                self.await_files(&linchpin, || sealed::files(store, "buckets").len() >= before + more)
            }
            Point::Writing => self.await_files(&linchpin, || {
                sealed::files(store, "buckets").iter().any(|path| path.ends_with(".tmp"))
            }),
        };
        linchpin.kill();
        self.tally.kills += 1;
        self.tally.resumed += u64::from(before > 0);
        self.tally.during_start += u64::from(matches!(point, Point::Start(_)));
        let is_half = sealed::files(store, "buckets").iter().any(|path| path.ends_with(".tmp"));
        self.tally.while_writing += u64::from(is_half);
        is_reached
    }

    fn point(&mut self) -> Point {
        match self.random.below(8) {
            0 => Point::Start(self.random.below(400)),
            1 | 2 => Point::Answers(self.random.below(12)),
            3 | 4 => Point::Writing,
            _ => Point::Files(1 + self.random.below(6)),
        }
    }

    /// False where all is sealed and the files are not there yet.
    fn await_files(&self, linchpin: &Linchpin, are_there: impl Fn() -> bool) -> bool {
        eventually("files are there, or all is sealed", || {
            for _ in 0..200 {
                if are_there() {
                    return Ok(true);
                }
            }
            match linchpin.has_all_sealed(&self.sealed_by) {
                true => Ok(false),
                false => Err(format!("{:?}", linchpin.store())),
            }
        })
    }

    /// Lets a run come to the end of the log and end well.
    fn finish(&mut self, store: &Path) {
        let linchpin = self.start(store);
        linchpin.await_sealed(&self.sealed_by);
        let status = linchpin.store().unwrap();
        assert_eq!(status["nondeterminism"], 0, "{status}");
        let metrics = linchpin.get("/metrics").unwrap().body;
        assert!(metrics.contains("linchpin_nondeterminism_total 0\n"), "{metrics}");
        assert!(linchpin.terminate().success(), "it ends well");
    }

    /// Starts it with other sizes of fetches and queues, other waits and numbers of threads, and on one core or on all.
    fn start(&mut self, store: &Path) -> Linchpin {
        let random = &mut self.random;
        let fetch = [1_024, 4_096, 65_536, 1_048_576][random.below(4)];
        let queue = [1, 64, 4_096][random.below(3)];
        let messages = [1, 10, 100_000][random.below(3)];
        let ahead = ["1s", "10s", "5m"][random.below(3)];
        let quiet = ["100ms", "1s", "1m"][random.below(3)];
        let kafka = format!(
            r#"max_ahead = "{ahead}"
properties = {{ "fetch.message.max.bytes" = "{fetch}", "queued.max.messages.kbytes" = "{queue}", "queued.min.messages" = "{messages}" }}"#
        );
        let (decode, lanes) = (random.below(4), random.below(4));
        let more = format!(
            "[lanes]\nmode = \"{}\"\n[sessions]\nquiet = \"{quiet}\"\n[threads]\ndecode = {decode}\nlanes = {lanes}\n",
            self.mode
        );
        let config = config(&self.broker.address(), &self.topic, &kafka, &more);
        let wrapper: &[&str] = if random.below(2) == 0 { &["taskset", "-c", "0"] } else { &[] };
        Launch { config: &config, store: Some(store), wrapper }.start()
    }
}

fn number(variable: &str, default: u64) -> u64 {
    match std::env::var(variable) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{variable} is a number, not `{text}`")),
        Err(_) => default,
    }
}
