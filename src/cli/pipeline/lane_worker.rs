//! One lane worker: spans to sessions, sessions to facts, facts to the live graph.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant, SystemTime};

use super::timing::{Stage, Timings, timed};
use super::{Arrival, AtEnd, Final, LaneMessage, MERGED_GROUP, Pending, Routing, Shared};
use crate::analyze::{Analyzer, Facts, Scope};
use crate::config::{LaneMode, SessionsConfig};
use crate::graph::{GroupId, LaneId, LaneWriter, LiveGraph};
use crate::lane::{Event, Lane, LaneSize, Ledger, Part, Watermark};
use crate::model::time::MILLIS_PER_MINUTE;
use crate::model::{FastMap, InputId, LogMillis, Minute};
use crate::store::{MERGED, Resume};
use crate::telemetry::Telemetry;

/// How often quiet sessions are looked for.
const TICK: Duration = Duration::from_millis(100);
/// An input whose log time is further back than this is not current: quiet sessions are not shown, only counted.
const CATCHING_UP_MS: LogMillis = 30_000;
const NANOS_PER_MILLI: i64 = 1_000_000;

pub(super) struct LaneWorker {
    number: usize,
    routing: Routing,
    sessions: SessionsConfig,
    lanes: FastMap<LaneId, LaneState>,
    /// Of merged lanes, which wait for all inputs.
    merged: Watermark,
    live: Arc<LiveGraph>,
    ledger: Arc<Ledger>,
    resume: Arc<Resume>,
    sealer: SyncSender<Final>,
    sink: Sink,
    telemetry: Arc<Telemetry>,
    pending: Arc<Pending>,
}

struct LaneState {
    lane: Lane<Vec<Facts>>,
    group: GroupId,
    /// The lane's name in sealed minutes.
    name: Arc<str>,
    /// Of a lane that is a partition.
    own: Watermark,
}

/// Where the parts of traces go.
struct Sink {
    analyzer: Analyzer,
    writer: LaneWriter,
    telemetry: Arc<Telemetry>,
    timings: Option<Arc<Timings>>,
    clamp_ms: LogMillis,
    life_ms: LogMillis,
}

impl LaneWorker {
    pub fn new(shared: &Shared, routing: Routing, number: usize, sealer: SyncSender<Final>) -> LaneWorker {
        let sessions = shared.config.sessions.clone();
        let sink = Sink {
            analyzer: Analyzer::new(shared.symbols().clone(), &shared.config),
            writer: shared.timeline.live.writer(),
            telemetry: shared.telemetry.clone(),
            timings: shared.timings.clone(),
            clamp_ms: sessions.event_clamp.as_millis() as LogMillis,
            life_ms: sessions.max_life.as_millis() as LogMillis,
        };
        let mut worker = LaneWorker {
            number,
            routing,
            sessions,
            lanes: FastMap::default(),
            merged: Watermark::default(),
            live: shared.timeline.live.clone(),
            ledger: shared.timeline.ledger.clone(),
            resume: shared.resume.clone(),
            sealer,
            sink,
            telemetry: shared.telemetry.clone(),
            pending: shared.pending.clone(),
        };
        if routing.mode == LaneMode::Merged {
            let own = (0..routing.lanes).filter(|lane| routing.worker(*lane) == number);
            let (name, sealed): (Arc<str>, _) = (Arc::from(MERGED), worker.resume.sealed());
            own.for_each(|lane| worker.add_lane(MERGED_GROUP, lane, &name, sealed));
        }
        worker
    }

    /// Works until all decode workers are gone.
    pub fn run(mut self, receiver: Receiver<LaneMessage>, at_end: AtEnd) {
        let mut ticked = Instant::now();
        loop {
            match receiver.recv_timeout(TICK) {
                Ok(message) => self.take(message),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if ticked.elapsed() >= TICK {
                ticked = Instant::now();
                self.tick();
            }
        }
        if at_end == AtEnd::Close {
            let lanes: Vec<LaneId> = self.lanes.keys().copied().collect();
            lanes.into_iter().for_each(|lane| self.advance(lane, LogMillis::MAX));
        }
        self.publish_size();
    }

    fn add_lane(&mut self, group: GroupId, lane: LaneId, name: &Arc<str>, sealed: Option<Minute>) {
        self.sink.writer.add_lane(group, lane);
        if let Some(sealed) = sealed {
            self.live.begin_behind(group, sealed);
            self.sink.writer.begin_behind(lane, sealed);
        }
        let (sessions, telemetry) = (&self.sessions, &self.telemetry);
        self.lanes.entry(lane).or_insert_with(|| LaneState {
            lane: Lane::new(sessions, telemetry.clone()),
            group,
            name: name.clone(),
            own: Watermark::default(),
        });
    }

    /// An input does not begin with its log. Once lanes have decided anything it changes nothing for them.
    fn begin_behind(&mut self, input: InputId, through: Minute) {
        let is_merged = self.routing.mode == LaneMode::Merged;
        for (id, state) in self.lanes.iter_mut().filter(|(lane, _)| is_merged || **lane == input) {
            if state.lane.watermark() == LogMillis::MIN {
                self.sink.writer.begin_behind(*id, through);
                self.live.begin_behind(state.group, through);
            }
        }
    }

    fn take(&mut self, message: LaneMessage) {
        match message {
            LaneMessage::Assigned { input, name, expected } => match self.routing.mode {
                LaneMode::Merged => self.merged.add(input, expected),
                LaneMode::Partition => {
                    let sealed = self.resume.inputs.get(&name).map(|resumed| resumed.sealed);
                    self.add_lane(input, input, &name, sealed);
                    if let Some(state) = self.lanes.get_mut(&input) {
                        state.own.add(input, 1);
                    }
                }
            },
            LaneMessage::BeginBehind { input, through } => self.begin_behind(input, through),
            // Merged lanes need every input: they wait until it is back.
            LaneMessage::Revoked(input) if self.routing.mode == LaneMode::Partition => {
                self.live.remove_lane(input, input);
            }
            LaneMessage::Revoked(_) => {}
            LaneMessage::Gone(input) => match self.routing.mode {
                LaneMode::Merged => self.merged.remove(input),
                LaneMode::Partition => self.live.remove_lane(input, input),
            },
            LaneMessage::Arrivals { input, arrivals, delivered } => {
                self.push(input, arrivals);
                self.deliver(input, delivered);
            }
        }
    }

    fn push(&mut self, input: InputId, arrivals: Vec<Arrival>) {
        let now = wall_clock_ms();
        let timings = self.sink.timings.clone();
        timed(timings.as_deref(), Stage::Lane, || {
            for Arrival { trace, at, span } in arrivals {
                let lane = self.routing.lane(input, trace);
                let Some(state) = self.lanes.get_mut(&lane) else { continue };
                let decided = state.lane.watermark();
                if at < decided {
                    // Its input came late: what lies before is decided already.
                    self.telemetry.counters.behind.add(1);
                    self.ledger.doubt(input, Minute::of_millis(at), Minute::of_millis(decided));
                }
                state.lane.push(trace, at.max(decided), span, now);
            }
        });
    }

    fn deliver(&mut self, input: InputId, delivered: Option<LogMillis>) {
        let Some(delivered) = delivered else { return };
        match self.routing.mode {
            LaneMode::Merged => {
                self.merged.advance(input, delivered);
                let Some(watermark) = self.merged.get() else { return };
                let lanes: Vec<LaneId> = self.lanes.keys().copied().collect();
                lanes.into_iter().for_each(|lane| self.advance(lane, watermark));
            }
            LaneMode::Partition => {
                let Some(state) = self.lanes.get_mut(&input) else { return };
                state.own.advance(input, delivered);
                if let Some(watermark) = state.own.get() {
                    self.advance(input, watermark);
                }
            }
        }
    }

    fn advance(&mut self, id: LaneId, watermark: LogMillis) {
        let Some(state) = self.lanes.get_mut(&id) else { return };
        let before = state.lane.final_through();
        let sink = &mut self.sink;
        state.lane.advance(watermark, &mut |event| sink.take(id, event));
        let through = state.lane.final_through();
        // At the end of the input nothing is sealed: the numbers are read as they are.
        if through > before
            && watermark != LogMillis::MAX
            && let Some(through) = through
        {
            let (writer, timings) = (&mut sink.writer, sink.timings.as_deref());
            let group = state.group;
            if let Some(through) = timed(timings, Stage::Graph, || writer.finish(group, id, through)) {
                // Where sealing is behind this waits: what is not sealed must not pile up.
                let _ = self.sealer.send(Final { group, lane: state.name.clone(), through });
            }
        }
    }

    fn tick(&mut self) {
        let now = wall_clock_ms();
        for (id, state) in &mut self.lanes {
            let watermark = if self.routing.mode == LaneMode::Merged { &self.merged } else { &state.own };
            // While catching up log time runs faster than the clock: sessions are closed before they fall quiet.
            if watermark
                .newest()
                .is_none_or(|newest| newest.saturating_add(CATCHING_UP_MS) < now as LogMillis)
            {
                continue;
            }
            let sink = &mut self.sink;
            state.lane.show_quiet(now, &mut |before, parts| sink.show(*id, before, parts));
        }
        self.publish_size();
    }

    fn publish_size(&self) {
        let mut total = LaneSize::default();
        for size in self.lanes.values().map(|state| state.lane.size()) {
            total.traces += size.traces;
            total.spans += size.spans;
            total.bytes += size.bytes;
        }
        self.pending.set(self.number, total);
    }
}

impl Sink {
    fn take(&mut self, lane: LaneId, event: Event<Vec<Facts>>) {
        match event {
            Event::Closed(part) => {
                let facts = self.analyze(part);
                self.count(&facts);
                let (writer, timings) = (&mut self.writer, self.timings.as_deref());
                timed(timings, Stage::Graph, || writer.record(lane, &facts));
            }
            Event::ClosedAsShown(mut shown, spans) => {
                // What is shown holds no spans, as they wait in the session already; few of them are kept in the end.
                if let Some(facts) = shown.first_mut().filter(|facts| self.writer.would_keep(lane, facts)) {
                    facts.give_spans(self.analyzer.distinct(spans));
                }
                for facts in &shown {
                    self.count(facts);
                    self.writer.settle(lane, facts);
                }
            }
            Event::Withdrawn(shown) => shown.iter().for_each(|facts| self.writer.hide(lane, facts)),
        }
    }

    fn show(&mut self, lane: LaneId, before: Option<Vec<Facts>>, parts: Vec<Part>) -> Vec<Facts> {
        for facts in before.iter().flatten() {
            self.writer.hide(lane, facts);
        }
        let mut facts: Vec<Facts> = parts.into_iter().map(|part| self.analyze(part)).collect();
        for facts in &mut facts {
            self.writer.show(lane, facts);
            facts.spans = Vec::new();
        }
        facts
    }

    fn analyze(&mut self, part: Part) -> Facts {
        let nanos = |at: LogMillis| at.clamp(0, i64::MAX / NANOS_PER_MILLI) as u64 * NANOS_PER_MILLI as u64;
        // A replay does not see where a tail's session began, so a tail has the bounds of its own minute.
        let (first, last) = match part.tail_minute {
            Some(minute) => (minute.end_millis() - MILLIS_PER_MINUTE, minute.end_millis()),
            None => (part.session_start, part.session_start),
        };
        let scope = Scope {
            earliest: nanos(first.saturating_sub(self.clamp_ms)),
            latest: nanos(last),
            latest_call: nanos(last.saturating_add(self.life_ms)),
            tail_minute: part.tail_minute,
            is_cut: part.is_cut,
        };
        let (analyzer, timings) = (&mut self.analyzer, self.timings.as_deref());
        let mut facts = timed(timings, Stage::Analyze, || analyzer.analyze(part.trace, part.spans, scope));
        facts.duplicates = if part.is_cut { 0 } else { facts.duplicates + part.copies };
        facts
    }

    fn count(&self, facts: &Facts) {
        let counters = &self.telemetry.counters;
        counters.traces.add(1);
        counters.clamped_times.add(u64::from(facts.is_clamped));
        counters.drop(crate::telemetry::Reason::Duplicate, facts.duplicates);
    }
}

fn wall_clock_ms() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}
