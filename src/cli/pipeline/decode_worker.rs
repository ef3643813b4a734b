//! One decode worker: records of its inputs to spans, with their log time, to the lanes.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender};

use super::timing::{Stage, Timings, timed};
use super::{Arrival, LaneMessage, Routing, Shared};
use crate::config::LaneMode;
use crate::decode::{DecodeSettings, Decoder, Rejected};
use crate::lane::{InputClock, Shed};
use crate::model::{InputId, KeyHint, LogMillis, RecordBatch, RecordMeta, SourceEvent, SpanRecord};
use crate::telemetry::log::Sampler;
use crate::telemetry::{Reason, Telemetry};

/// State of one input.
struct Intake {
    name: Arc<str>,
    clock: InputClock,
    shed: Shed,
}

pub(super) struct DecodeWorker {
    decoder: Decoder,
    telemetry: Arc<Telemetry>,
    timings: Option<Arc<Timings>>,
    routing: Routing,
    budget: u64,
    intakes: HashMap<InputId, Intake>,
    lanes: Vec<SyncSender<LaneMessage>>,
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
            decoder: Decoder::new(shared.live.symbols().clone(), shared.telemetry.clone(), settings),
            telemetry: shared.telemetry.clone(),
            timings: shared.timings.clone(),
            routing,
            budget: shared.config.sessions.budget,
            intakes: HashMap::new(),
            arrivals: lanes.iter().map(|_| Vec::new()).collect(),
            lanes,
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
        match event {
            SourceEvent::Assigned { input, name } => {
                let budget = self.budget;
                // An input that comes back goes on where it was: its clock must not run back.
                self.intakes.entry(input).or_insert_with(|| Intake {
                    name,
                    clock: InputClock::default(),
                    shed: Shed::new(budget),
                });
                self.tell(input, || LaneMessage::Assigned(input))
            }
            SourceEvent::Revoked { input } => self.tell(input, || LaneMessage::Revoked(input)),
            SourceEvent::Standing { input, at } => {
                let Some(intake) = self.intakes.get_mut(&input) else { return Ok(()) };
                intake.clock.stand(at);
                let delivered = intake.clock.now();
                self.hand_over(input, delivered)
            }
            SourceEvent::Records(batch) => {
                for (record, value) in batch.iter() {
                    self.take_record(&batch, record, value);
                }
                let delivered = self.intakes.get(&batch.input).and_then(|intake| intake.clock.now());
                self.hand_over(batch.input, delivered)
            }
        }
    }

    fn take_record(&mut self, batch: &RecordBatch, record: &RecordMeta, value: &[u8]) {
        let counters = &self.telemetry.counters;
        counters.records.add(1);
        counters.bytes.add(record.oversize.unwrap_or(value.len()) as u64);
        let Some(intake) = self.intakes.get_mut(&batch.input) else { return };
        let stamp = intake.clock.observe(record.time);
        counters.behind.add(u64::from(stamp.is_behind));
        counters.refuted_jumps.add(u64::from(stamp.refuted));
        if let Some(bytes) = record.oversize {
            counters.drop(Reason::TooLarge, 1);
            let detail =
                format!("{bytes} bytes: raise kafka.max_record_size, or send smaller batches").into();
            return self.log_rejected(batch, record, &Rejected { reason: Reason::TooLarge, at: 0, detail });
        }
        self.spans.clear();
        let (decoder, spans) = (&mut self.decoder, &mut self.spans);
        let outcome =
            timed(self.timings.as_deref(), Stage::Decode, || decoder.decode(value, record.format, spans));
        if let Some(rejected) = &outcome.rejected {
            self.log_rejected(batch, record, rejected);
        }
        self.check_key(batch, record);
        let timings = self.timings.clone();
        timed(timings.as_deref(), Stage::Route, || self.route(batch.input, stamp.at));
    }

    fn route(&mut self, input: InputId, at: LogMillis) {
        let Some(intake) = self.intakes.get_mut(&input) else { return };
        for mut record in self.spans.drain(..) {
            match intake.shed.admit(at, &mut record) {
                Ok(()) => {
                    let worker = self.routing.worker(self.routing.lane(input, record.trace));
                    self.arrivals[worker].push(Arrival { trace: record.trace, at, span: record.span });
                }
                Err(reason) => self.telemetry.counters.drop(reason, 1),
            }
        }
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
