//! What inputs delivered, by minute of log time, until the minute is sealed: counters, gaps, and where to read again.
//!
//! A worker writes what a batch held before it hands the batch's spans to the lanes,
//! so whoever sees a watermark finds everything that lies before it here.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

use super::counts::{Gap, InputCounts, Inputs};
use super::shed::ShedState;
use crate::model::{InputId, LogMillis, Minute};

/// Minutes that a record taken late can have belonged to instead, at most.
pub(super) const MAX_DOUBTFUL: u32 = 60;

/// Where reading goes on, and what was known of the input there (ALGORITHMS 7: R and S).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// Offset behind the last record that lies before.
    pub offset: i64,
    /// Running maximum of the record times before it; `None` where none was believed.
    pub newest: Option<LogMillis>,
    /// What shedding knew.
    pub shed: ShedState,
    /// The latest time that the local clock refuted before it, as far as that can reach into what comes: another
    /// reading may believe it, and then everybody's records count as late as that.
    pub doubtful_to: Option<LogMillis>,
}

/// What an input delivered in one log minute.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogMinute {
    /// Counters.
    pub counts: InputCounts,
    /// Gaps that end here.
    pub gaps: BTreeSet<Gap>,
    /// True where a local clock decided about a record: another run may decide otherwise.
    pub is_irreproducible: bool,
}

impl LogMinute {
    fn merge(&mut self, other: &LogMinute) {
        self.counts.merge(&other.counts);
        self.gaps.extend(other.gaps.iter().cloned());
        self.is_irreproducible |= other.is_irreproducible;
    }
}

/// What all inputs of a lane delivered in one log minute, and where each is to be read again after it is sealed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SealedInputs {
    /// Counters of the inputs that delivered records.
    pub counts: Inputs,
    /// Gaps that touch the minute, or end where it begins.
    pub gaps: BTreeSet<Gap>,
    /// True where a local clock decided about a record.
    pub is_irreproducible: bool,
    /// By the inputs' names, idle ones too.
    pub positions: BTreeMap<Arc<str>, Position>,
}

#[derive(Default)]
struct InputLedger {
    name: Arc<str>,
    minutes: BTreeMap<Minute, LogMinute>,
    /// Last minute whose look-back a record reached, and the position before that record.
    crossings: BTreeMap<Minute, Position>,
    current: Option<Position>,
}

impl InputLedger {
    /// The gaps that touch the minutes from `from` to before `to`, and end where nothing is sealed yet.
    fn gaps(&self, from: Minute, to: Minute) -> impl Iterator<Item = Gap> {
        let gaps = self.minutes.values().flat_map(|log_minute| &log_minute.gaps);
        gaps.filter(move |gap| gap.touches(from, to)).cloned()
    }
}

/// What a worker adds for one input.
#[derive(Debug, Default)]
pub(super) struct Entries {
    pub minutes: BTreeMap<Minute, LogMinute>,
    pub crossings: Vec<(Minute, Position)>,
    pub current: Option<Position>,
}

impl Entries {
    /// A local clock decided about records of these log minutes.
    pub fn doubt(&mut self, first: Minute, last: Minute) {
        for minute in first.0..=last.0 {
            self.minutes.entry(Minute(minute)).or_default().is_irreproducible = true;
        }
    }
}

/// The ledgers of all inputs; shared by the workers and by who seals.
#[derive(Default)]
pub struct Ledger {
    inputs: Mutex<BTreeMap<InputId, InputLedger>>,
}

impl Ledger {
    /// Knows an input from now on.
    pub fn add(&self, input: InputId, name: Arc<str>) {
        self.lock().entry(input).or_default().name = name;
    }

    pub(super) fn enter(&self, input: InputId, entries: Entries) {
        let mut inputs = self.lock();
        let ledger = inputs.entry(input).or_default();
        for (minute, log_minute) in &entries.minutes {
            ledger.minutes.entry(*minute).or_default().merge(log_minute);
        }
        for (minute, position) in entries.crossings {
            ledger.crossings.entry(minute).or_insert(position);
        }
        ledger.current = entries.current.or(ledger.current);
    }

    /// A local clock decided about a record of these log minutes.
    pub fn doubt(&self, input: InputId, first: Minute, last: Minute) {
        let mut inputs = self.lock();
        let ledger = inputs.entry(input).or_default();
        for minute in first.0.max(last.0.saturating_sub(MAX_DOUBTFUL))..=last.0 {
            ledger.minutes.entry(Minute(minute)).or_default().is_irreproducible = true;
        }
    }

    /// The log minutes up to `through` in which something was delivered, ascending.
    pub fn minutes(&self, of: impl Fn(InputId) -> bool, through: Minute) -> BTreeSet<Minute> {
        let inputs = self.lock();
        let own = inputs.iter().filter(|(input, _)| of(**input));
        let delivered = own.flat_map(|(_, ledger)| ledger.minutes.range(..=through));
        delivered
            .filter(|(_, it)| it.counts.records > 0 || !it.gaps.is_empty())
            .map(|(minute, _)| *minute)
            .collect()
    }

    /// What belongs to the sealed bucket of `minute`.
    pub fn of_minute(&self, of: impl Fn(InputId) -> bool, minute: Minute) -> SealedInputs {
        let mut sealed = SealedInputs::default();
        for (_, ledger) in self.lock().iter().filter(|(input, _)| of(**input)) {
            if let Some(log_minute) = ledger.minutes.get(&minute) {
                if log_minute.counts.records > 0 {
                    sealed.counts.0.insert(ledger.name.clone(), log_minute.counts.clone());
                }
                sealed.gaps.extend(log_minute.gaps.iter().cloned());
                sealed.is_irreproducible |= log_minute.is_irreproducible;
            }
            // A minute is sealed when every input is read beyond it, so every gap that touches it is known by then.
            sealed.gaps.extend(ledger.gaps(minute, Minute(minute.0.saturating_add(1))));
            let crossing = ledger.crossings.range(minute..).next().map(|(_, position)| *position);
            if let Some(position) = crossing.or(ledger.current) {
                sealed.positions.insert(ledger.name.clone(), position);
            }
        }
        sealed
    }

    /// Forgets what was needed up to `through`, which is sealed.
    pub fn forget(&self, of: impl Fn(InputId) -> bool, through: Minute) {
        for (_, ledger) in self.lock().iter_mut().filter(|(input, _)| of(**input)) {
            ledger.minutes = ledger.minutes.split_off(&Minute(through.0.saturating_add(1)));
            // The crossing that covers `through` also covers later minutes.
            ledger.crossings = ledger.crossings.split_off(&through);
        }
    }

    /// Everything delivered in the log minutes from `from` to before `to` and not sealed yet, and the gaps in them.
    pub fn open(&self, from: Minute, to: Minute) -> SealedInputs {
        let mut open = SealedInputs::default();
        for ledger in self.lock().values() {
            for log_minute in ledger.minutes.range(from..to.max(from)).map(|(_, log_minute)| log_minute) {
                open.counts.0.entry(ledger.name.clone()).or_default().merge(&log_minute.counts);
            }
            open.gaps.extend(ledger.gaps(from, to));
        }
        open
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<InputId, InputLedger>> {
        self.inputs.lock().expect("no panic happens while the ledger is locked")
    }
}
