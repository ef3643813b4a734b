//! One decode worker: records of its inputs to spans, with their log time, to the lanes.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender};

use super::clock_watch::ClockWatch;
use super::timing::{Stage, Timings, timed};
use super::{Arrival, LaneMessage, Routing, Shared};
use crate::config::LaneMode;
use crate::decode::{DecodeSettings, Decoder, Rejected};
use crate::lane::{Dropped, GapCause, InputClock, Journal, Ledger, RecordTally, Sealed, Shed, Stamp};
use crate::model::time::MILLIS_PER_MINUTE;
use crate::model::{
    Beginning, InputId, KeyHint, LogMillis, Minute, RecordBatch, RecordMeta, SourceEvent, SpanRecord,
};
use crate::store::Resume;
use crate::telemetry::log::Sampler;
use crate::telemetry::{Reason, Telemetry};

/// State of one input.
struct Intake {
    name: Arc<str>,
    clock: InputClock,
    shed: Shed,
    journal: Journal,
    watch: ClockWatch,
    /// Records whose time is not believed yet: what they count, and their spans.
    held: VecDeque<(RecordTally, Vec<SpanRecord>)>,
    /// Records before the first one were not read, or are gone; told to the lanes once the first log time is known.
    is_cut: bool,
    /// Log time of the first record.
    first: Option<LogMillis>,
}

pub(super) struct DecodeWorker {
    decoder: Decoder,
    telemetry: Arc<Telemetry>,
    timings: Option<Arc<Timings>>,
    routing: Routing,
    budget: u64,
    /// M + G, milliseconds.
    look_back: LogMillis,
    ledger: Arc<Ledger>,
    resume: Arc<Resume>,
    intakes: HashMap<InputId, Intake>,
    lanes: Vec<SyncSender<LaneMessage>>,
    clock: fn() -> LogMillis,
    /// What it said before the event at hand.
    now: LogMillis,
    /// Spans of the record at hand.
    spans: Vec<SpanRecord>,
    /// Spans of the batch at hand, by lane worker.
    arrivals: Vec<Vec<Arrival>>,
    samplers: [Sampler; Reason::ALL.len()],
    key_sampler: Sampler,
}

/// The lane workers are gone: the pipeline ends.
struct Ended;

impl DecodeWorker {
    pub fn new(shared: &Shared, routing: Routing, lanes: Vec<SyncSender<LaneMessage>>) -> DecodeWorker {
        let settings = DecodeSettings::from_config(&shared.config);
        DecodeWorker {
            decoder: Decoder::new(shared.symbols().clone(), shared.telemetry.clone(), settings),
            telemetry: shared.telemetry.clone(),
            timings: shared.timings.clone(),
            routing,
            budget: shared.config.sessions.budget,
            look_back: shared.config.sessions.look_back_ms(),
            ledger: shared.timeline.ledger.clone(),
            resume: shared.resume.clone(),
            intakes: HashMap::new(),
            arrivals: lanes.iter().map(|_| Vec::new()).collect(),
            lanes,
            clock: shared.clock,
            now: 0,
            spans: Vec::new(),
            samplers: Default::default(),
            key_sampler: Sampler::default(),
        }
    }

    /// Works until the source ends.
    pub fn run(mut self, source: Receiver<SourceEvent>) {
        for event in source {
            if self.take(event).is_err() {
                return;
            }
        }
    }

    fn take(&mut self, event: SourceEvent) -> Result<(), Ended> {
        self.now = (self.clock)();
        match event {
            SourceEvent::Assigned { input, name, expected } => {
                self.add(input, name.clone());
                let name = &name;
                self.tell(input, || LaneMessage::Assigned { input, name: name.clone(), expected })
            }
            SourceEvent::Started { input, offset, beginning } => self.start(input, offset, beginning),
            SourceEvent::Hole { input, first } => {
                let intake = self.intakes.get_mut(&input);
                intake.into_iter().for_each(|intake| intake.journal.skip(GapCause::Lost, first));
                Ok(())
            }
            SourceEvent::Revoked { input } => {
                self.telemetry.clocks.stop(&self.input_name(input));
                self.tell(input, || LaneMessage::Revoked(input))
            }
            SourceEvent::Gone { input } => {
                self.telemetry.clocks.remove(&self.input_name(input));
                self.tell(input, || LaneMessage::Gone(input))
            }
            SourceEvent::Standing { input, at } => {
                self.begin(input, at)?;
                let Some(intake) = self.intakes.get_mut(&input) else { return Ok(()) };
                let released = intake.clock.stand(at);
                let delivered = intake.clock.now();
                released.into_iter().for_each(|stamp| self.route_held(input, stamp));
                if let Some(intake) = self.intakes.get_mut(&input) {
                    intake.journal.let_go();
                }
                self.hand_over(input, delivered)
            }
            SourceEvent::Records(batch) => {
                for (record, value) in batch.iter() {
                    self.take_record(&batch, record, value);
                }
                let intake = self.intakes.get(&batch.input);
                let (first, delivered) = intake.map_or((None, None), |it| (it.first, it.clock.now()));
                if let Some(first) = first {
                    self.begin(batch.input, first)?;
                }
                self.hand_over(batch.input, delivered)
            }
        }
    }

    fn add(&mut self, input: InputId, name: Arc<str>) {
        let (budget, look_back) = (self.budget, self.look_back);
        let resumed = self.resume.inputs.get(&name).copied();
        let sealed = resumed.map(|resumed| resumed.sealed);
        let counted = resumed.map(|resumed| {
            let end = resumed.sealed.end_millis();
            (resumed.counted_to, Sealed { end, gap_since: resumed.gap_since })
        });
        let resumed = resumed.map(|resumed| resumed.position);
        let skipped = self.resume.skipped;
        self.ledger.add(input, name.clone());
        // An input that comes back goes on where it was: its clock must not run back.
        self.intakes.entry(input).or_insert_with(|| {
            let mut journal = Journal::new(input, name.clone(), look_back, resumed);
            if let Some((offset, sealed)) = counted {
                journal = journal.counted_to(offset, sealed);
            }
            if let Some(sealed) = sealed.filter(|_| skipped > 0) {
                let (since, until) = (sealed.0 + 1 - skipped, sealed.0 + 1);
                let [since, until] = [since, until].map(|minute| Minute(minute).start_millis());
                journal.miss(GapCause::Configuration, Some(since), until);
            }
            Intake {
                name,
                clock: InputClock::resumed(resumed.and_then(|position| position.newest)),
                shed: Shed::new(budget, resumed.unwrap_or_default().shed),
                journal,
                watch: ClockWatch::default(),
                held: VecDeque::new(),
                is_cut: false,
                first: None,
            }
        });
    }

    fn start(&mut self, input: InputId, offset: i64, beginning: Beginning) -> Result<(), Ended> {
        let Some(intake) = self.intakes.get_mut(&input) else { return Ok(()) };
        if !intake.journal.start(offset) {
            return Ok(());
        }
        intake.is_cut = matches!(beginning, Beginning::At(_) | Beginning::OfWhatIsLeft);
        match beginning {
            Beginning::At(at) => self.begin(input, at),
            Beginning::OfLog | Beginning::OfWhatIsLeft | Beginning::Resumed => Ok(()),
        }
    }

    /// From `at` on everything of the input is read; where it does not begin with its log, the first minutes that
    /// sessions of before may reach into are not told (ALGORITHMS 7, *First start*).
    fn begin(&mut self, input: InputId, at: LogMillis) -> Result<(), Ended> {
        let Some(intake) = self.intakes.get_mut(&input).filter(|intake| intake.is_cut) else { return Ok(()) };
        intake.is_cut = false;
        let until = at.saturating_add(self.look_back + MILLIS_PER_MINUTE - 1);
        let first = u32::try_from(until.div_euclid(MILLIS_PER_MINUTE)).unwrap_or(0);
        intake.journal.miss(GapCause::Start, None, Minute(first).start_millis());
        let Some(through) = first.checked_sub(1).map(Minute) else { return Ok(()) };
        self.tell(input, || LaneMessage::BeginBehind { input, through })
    }

    fn take_record(&mut self, batch: &RecordBatch, record: &RecordMeta, value: &[u8]) {
        let counters = &self.telemetry.counters;
        counters.records.add(1);
        counters.bytes.add(record.oversize.unwrap_or(value.len()) as u64);
        self.spans.clear();
        let bytes = record.oversize.unwrap_or(value.len()) as u64;
        let mut tally = RecordTally { offset: record.offset, bytes, dropped: Dropped::default() };
        if let Some(bytes) = record.oversize {
            counters.drop(Reason::TooLarge, 1);
            tally.dropped[Reason::TooLarge as usize] += 1;
            let detail =
                format!("{bytes} bytes: raise kafka.max_record_size, or send smaller batches").into();
            self.log_rejected(batch, record, &Rejected { reason: Reason::TooLarge, at: 0, detail });
            return self.take_spans(batch.input, record, tally);
        }
        let (decoder, spans) = (&mut self.decoder, &mut self.spans);
        let outcome =
            timed(self.timings.as_deref(), Stage::Decode, || decoder.decode(value, record.format, spans));
        tally.dropped.iter_mut().zip(outcome.dropped).for_each(|(sum, n)| *sum += u64::from(n));
        if let Some(rejected) = &outcome.rejected {
            tally.dropped[rejected.reason as usize] += 1;
            self.log_rejected(batch, record, rejected);
        }
        self.check_key(batch, record);
        let timings = self.timings.clone();
        timed(timings.as_deref(), Stage::Route, || self.take_spans(batch.input, record, tally));
    }

    /// Gives the spans of the record at hand their log time, and those that were held back before it.
    fn take_spans(&mut self, input: InputId, record: &RecordMeta, tally: RecordTally) {
        let Some(intake) = self.intakes.get_mut(&input) else { return };
        let observed = intake.clock.observe(record.time, self.now);
        observed.released.into_iter().for_each(|stamp| self.route_held(input, stamp));
        let mut spans = std::mem::take(&mut self.spans);
        match observed.own {
            Some(stamp) => {
                self.route(input, stamp, tally, &mut spans);
                self.spans = spans;
                if let Some(intake) = self.intakes.get_mut(&input) {
                    intake.journal.let_go();
                }
            }
            None => {
                if let Some(intake) = self.intakes.get_mut(&input) {
                    intake.journal.hold();
                    intake.held.push_back((tally, spans));
                }
            }
        }
    }

    fn route_held(&mut self, input: InputId, stamp: Stamp) {
        let held = self.intakes.get_mut(&input).and_then(|intake| intake.held.pop_front());
        if let Some((tally, mut spans)) = held {
            self.route(input, stamp, tally, &mut spans);
        }
    }

    fn route(&mut self, input: InputId, stamp: Stamp, mut tally: RecordTally, spans: &mut Vec<SpanRecord>) {
        let counters = &self.telemetry.counters;
        counters.behind.add(u64::from(stamp.is_behind));
        counters.refuted_jumps.add(u64::from(stamp.is_refuted));
        let Some(intake) = self.intakes.get_mut(&input) else { return };
        intake.watch.see(&intake.name, tally.offset, stamp);
        intake.journal.enter(stamp);
        intake.first.get_or_insert(stamp.at);
        let at = stamp.at;
        for mut record in spans.drain(..) {
            match intake.shed.admit(at, &mut record) {
                Ok(()) => {
                    let worker = self.routing.worker(self.routing.lane(input, record.trace));
                    self.arrivals[worker].push(Arrival { trace: record.trace, at, span: record.span });
                }
                Err(reason) => {
                    self.telemetry.counters.drop(reason, 1);
                    tally.dropped[reason as usize] += 1;
                }
            }
        }
        intake.journal.count(stamp, &tally, intake.shed.state());
    }

    /// Where lanes are partitions, the record's key must be the trace id of all its spans.
    fn check_key(&mut self, batch: &RecordBatch, record: &RecordMeta) {
        if self.routing.mode != LaneMode::Partition || self.spans.is_empty() {
            return;
        }
        let is_kept = |key| self.spans.iter().all(|span| span.trace == key);
        if matches!(record.key, KeyHint::Trace(key) if is_kept(key)) {
            return;
        }
        self.telemetry.counters.key_violations.add(1);
        if let Some(count) = self.key_sampler.tick() {
            let input = self.input_name(batch.input);
            tracing::warn!(
                input = &*input,
                offset = record.offset,
                count,
                "the record's key is not the trace id of its spans: set lanes.mode to `merged`, or key the topic by trace id"
            );
        }
    }

    fn log_rejected(&self, batch: &RecordBatch, record: &RecordMeta, rejected: &Rejected) {
        if let Some(count) = self.samplers[rejected.reason as usize].tick() {
            let input = self.input_name(batch.input);
            tracing::warn!(
                input = &*input,
                offset = record.offset,
                reason = rejected.reason.name(),
                at_byte = rejected.at,
                detail = &*rejected.detail,
                count,
                "record rejected"
            );
        }
    }

    fn input_name(&self, input: InputId) -> Arc<str> {
        self.intakes.get(&input).map_or_else(|| Arc::from("unknown"), |intake| intake.name.clone())
    }

    /// Tells the lanes that wait for an input.
    fn tell(&self, input: InputId, message: impl Fn() -> LaneMessage) -> Result<(), Ended> {
        match self.routing.mode {
            LaneMode::Merged => {
                self.lanes.iter().try_for_each(|lane| lane.send(message()).map_err(|_| Ended))
            }
            LaneMode::Partition => self.lanes[self.routing.worker(input)].send(message()).map_err(|_| Ended),
        }
    }

    fn hand_over(&mut self, input: InputId, delivered: Option<LogMillis>) -> Result<(), Ended> {
        // Before the lanes: who learns of a log time finds in the ledger what lies before it.
        if let Some(intake) = self.intakes.get_mut(&input) {
            intake.journal.publish(&self.ledger);
            intake.watch.report(&self.telemetry, &intake.name, delivered, self.now);
        }
        for (worker, lane) in self.lanes.iter().enumerate() {
            let is_its_lane = self.routing.mode == LaneMode::Merged || self.routing.worker(input) == worker;
            if is_its_lane {
                let room = self.arrivals[worker].len();
                let arrivals = std::mem::replace(&mut self.arrivals[worker], Vec::with_capacity(room));
                lane.send(LaneMessage::Arrivals { input, arrivals, delivered }).map_err(|_| Ended)?;
            }
        }
        Ok(())
    }
}
