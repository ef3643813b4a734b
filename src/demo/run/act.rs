//! One trace being made: requests, steps, attempts.

use super::messages::Backlog;
use super::{Strain, World};
use crate::demo::conventions::Conventions;
use crate::demo::random::Random;
use crate::demo::span::{SimLink, SimSpan, TemplateId};
use crate::demo::system::{Ask, Call, Chance, OperationId, Peer, ServiceId, Step};
use crate::demo::truth::EdgeKind;
use crate::model::{RemoteParent, SpanId, TraceId, UnixNanos};

const MICRO: u64 = 1_000;
/// Half of a round trip inside the cluster, median.
pub(super) const NETWORK: u64 = 250 * MICRO;
/// Pause before a second attempt, median.
const BACK_OFF: u64 = 5_000 * MICRO;

/// How a request to an operation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Fine,
    /// The request was at fault.
    Rejected,
    Failed,
}

pub(super) struct Answer {
    pub end: UnixNanos,
    pub outcome: Outcome,
}

/// Where steps run: an instance of a service, under a span.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub service: ServiceId,
    /// Position among the service's instances.
    pub deployed: usize,
    pub parent: SpanId,
}

/// A span before its times are known.
pub(super) struct Opened {
    pub place: Place,
    pub id: SpanId,
    pub template: TemplateId,
    pub start: UnixNanos,
}

/// How a span ends.
#[derive(Default)]
pub(super) struct Closing {
    is_error: bool,
    status_code: u16,
    attempt: u8,
    is_entry: bool,
    links: Vec<SimLink>,
}

/// One trace being made.
pub(super) struct Act<'a> {
    pub world: World<'a>,
    pub random: Random,
    pub trace: TraceId,
    spans: &'a mut Vec<SimSpan>,
    pub backlogs: &'a mut Vec<Backlog>,
    /// Only for the first span: which instances may be chosen.
    pub first_instances: Option<usize>,
}

impl<'a> Act<'a> {
    pub fn new(
        world: World<'a>,
        mut random: Random,
        spans: &'a mut Vec<SimSpan>,
        backlogs: &'a mut Vec<Backlog>,
    ) -> Act<'a> {
        let trace = new_trace(&mut random);
        Act { world, random, trace, spans, backlogs, first_instances: None }
    }

    /// An instance works on a request.
    pub fn enter(&mut self, id: OperationId, parent: SpanId, links: Vec<SimLink>, at: UnixNanos) -> Answer {
        let system = self.world.system;
        let operation = &system.operations[id.0];
        let deployed_at = self.choose_instance(operation.service);
        let deployed = &system.services[operation.service.0].deployed[deployed_at];
        let strain = self.strain(operation.service);
        let slowness = strain.slowness * u64::from(deployed.slowness) / 100;
        let work = self.random.around(operation.work) * slowness / 100;
        let own = Place { service: operation.service, deployed: deployed_at, parent: self.new_span() };
        let mut end = at + work / 2;
        let mut outcome = Outcome::Fine;
        if self.random.happens(operation.rejections) {
            outcome = Outcome::Rejected;
        } else {
            let has_failed;
            (end, has_failed) = self.steps(own, &operation.steps, end);
            let errors = operation.errors + deployed.errors + strain.errors;
            if has_failed || self.random.happens(errors) {
                outcome = Outcome::Failed;
            }
        }
        end += work - work / 2;
        let opened =
            Opened { place: Place { parent, ..own }, id: own.parent, template: operation.entered, start: at };
        let status_code = status_code(operation.is_http, outcome);
        let is_error = outcome == Outcome::Failed;
        self.close(
            opened,
            end,
            Closing { is_error, status_code, is_entry: true, links, ..Closing::default() },
        );
        Answer { end, outcome }
    }

    fn choose_instance(&mut self, service: ServiceId) -> usize {
        let service = &self.world.system.services[service.0];
        match self.first_instances.take() {
            Some(first) if first < service.deployed.len() => self.random.position(first.max(1)),
            _ => {
                let weights = service.deployed.iter().map(|deployed| deployed.weight);
                self.random.weighted(weights, service.total_weight)
            }
        }
    }

    fn strain(&self, service: ServiceId) -> Strain {
        let strains = &self.world.conditions.strains;
        let strain = strains.iter().find(|strain| strain.service == service);
        strain.copied().unwrap_or(Strain { service, slowness: 100, errors: 0 })
    }

    /// Runs steps one after the other; the first failure ends them. Yields the end and whether they failed.
    fn steps(&mut self, place: Place, steps: &[Step], at: UnixNanos) -> (UnixNanos, bool) {
        let mut now = at;
        for step in steps {
            let has_failed;
            (now, has_failed) = self.step(place, step, now);
            if has_failed {
                return (now, true);
            }
        }
        (now, false)
    }

    fn step(&mut self, place: Place, step: &Step, at: UnixNanos) -> (UnixNanos, bool) {
        match step {
            Step::Work(median) => (at + self.random.around(*median), false),
            Step::Call(call) => self.call(place, call, at),
            Step::Ask(ask) => self.ask(place, ask, at),
            Step::Together(steps) => {
                let ends: Vec<_> = steps.iter().map(|step| self.step(place, step, at)).collect();
                let end = ends.iter().map(|(end, _)| *end).max().unwrap_or(at);
                (end, ends.iter().any(|(_, has_failed)| *has_failed))
            }
            Step::Local(template, steps) => {
                let id = self.new_span();
                let start = at + 20 * MICRO;
                let (end, has_failed) = self.steps(Place { parent: id, ..place }, steps, start);
                let closing = Closing { is_error: has_failed, ..Closing::default() };
                self.close(Opened { place, id, template: *template, start: at }, end + 20 * MICRO, closing);
                (end + 20 * MICRO, has_failed)
            }
            Step::Publish(destination) => self.publish(place, *destination, at),
            Step::Sometimes(chance, steps) => {
                let per_10_000 = match chance {
                    Chance::Fixed(per_10_000) => *per_10_000,
                    Chance::NameRecordMissing => self.world.conditions.missing_records,
                };
                if self.random.happens(per_10_000) { self.steps(place, steps, at) } else { (at, false) }
            }
        }
    }

    fn call(&mut self, place: Place, call: &Call, at: UnixNanos) -> (UnixNanos, bool) {
        let mut now = at;
        if let Some(lookup) = self.lookup_before(call) {
            let outcome;
            (now, outcome) = self.attempt(place, &Call::to(lookup).within_ms(2_000), 0, now);
            if outcome != Outcome::Fine {
                // Without an address nothing is sent: the failure shows in the caller's own span only.
                return (now, !call.has_fallback);
            }
        }
        for attempt in 0..=call.retries {
            let outcome;
            (now, outcome) = self.attempt(place, call, attempt, now);
            if outcome != Outcome::Failed {
                return (now, false);
            }
            if attempt < call.retries {
                now += self.random.around(BACK_OFF);
            }
        }
        (now, !call.has_fallback)
    }

    fn lookup_before(&mut self, call: &Call) -> Option<OperationId> {
        let resolver = self.world.system.resolver?;
        let is_resolved = self.world.system.operations[call.callee.0].is_resolved;
        (is_resolved && self.random.happens(self.world.conditions.lookups)).then_some(resolver)
    }

    fn attempt(&mut self, place: Place, call: &Call, attempt: u8, at: UnixNanos) -> (UnixNanos, Outcome) {
        let system = self.world.system;
        let operation = &system.operations[call.callee.0];
        let asking = self.new_span();
        let between = call.between.map(|template| (template, self.new_span()));
        let sent = at + self.random.around(NETWORK);
        let parent = between.map_or(asking, |(_, id)| id);
        let answer = self.enter(call.callee, parent, Vec::new(), sent);
        let answered = answer.end + self.random.around(NETWORK);
        let limit = call.timeout.map_or(UnixNanos::MAX, |timeout| at + timeout);
        let is_late = answered > limit;
        let end = answered.min(limit);
        let outcome = if is_late { Outcome::Failed } else { answer.outcome };
        if let Some((template, id)) = between {
            let place = Place { parent: asking, ..place };
            self.close(Opened { place, id, template, start: at + 10 * MICRO }, end, Closing::default());
        }
        let is_error = outcome != Outcome::Fine;
        let template =
            operation.asked[usize::from(system.services[place.service.0].conventions == Conventions::Old)];
        let status_code = if is_late { 0 } else { status_code(operation.is_http, outcome) };
        let closing = Closing { is_error, status_code, attempt, ..Closing::default() };
        self.close(Opened { place, id: asking, template, start: at }, end, closing);
        let names = [place.service, operation.service].map(|service| system.services[service.0].name);
        self.count(EdgeKind::Service, names, (is_error, answer.outcome == Outcome::Failed));
        (end, outcome)
    }

    fn ask(&mut self, place: Place, ask: &Ask, at: UnixNanos) -> (UnixNanos, bool) {
        let end = at + self.random.around(ask.latency);
        let is_error = self.random.happens(ask.errors);
        let opened = Opened { place, id: self.new_span(), template: ask.template, start: at };
        self.close(opened, end, Closing { is_error, ..Closing::default() });
        let caller = self.world.system.services[place.service.0].name;
        match ask.peer {
            Peer::Database(system, "") => self.count(EdgeKind::Database, [caller, system], (is_error, false)),
            Peer::Database(system, namespace) => {
                let name = format!("{system}/{namespace}");
                self.count(EdgeKind::Database, [caller, &name], (is_error, false));
            }
            Peer::External(host) => self.count(EdgeKind::External, [caller, host], (is_error, false)),
        }
        (end, is_error)
    }

    pub fn count(&mut self, kind: EdgeKind, [caller, callee]: [&str; 2], errors: (bool, bool)) {
        let truth = &mut *self.world.truth;
        let ends = (truth.name(caller), truth.name(callee));
        truth.count(kind, ends, errors);
    }

    pub fn new_span(&mut self) -> SpanId {
        SpanId(self.random.next_u64() | 1)
    }

    pub fn close(&mut self, opened: Opened, end: UnixNanos, closing: Closing) {
        let Opened { place, id, template, start } = opened;
        let service = &self.world.system.services[place.service.0];
        let deployed = &service.deployed[place.deployed];
        let remote_parent = match (service.conventions, closing.is_entry && !place.parent.is_none()) {
            // Old agents do not say where the parent is.
            (Conventions::Old, _) => RemoteParent::Unknown,
            (Conventions::Stable, true) => RemoteParent::Remote,
            (Conventions::Stable, false) => RemoteParent::Local,
        };
        self.spans.push(SimSpan {
            trace: self.trace,
            id,
            parent: place.parent,
            template,
            instance: deployed.instance,
            start: start.saturating_add_signed(deployed.skew),
            end: end.saturating_add_signed(deployed.skew),
            is_error: closing.is_error,
            remote_parent,
            status_code: closing.status_code,
            resend_count: closing.attempt,
            variation: id.0 as u32 >> 12,
            links: closing.links,
            trace_state: "",
            delay: 0,
        });
    }
}

pub(super) fn new_trace(random: &mut Random) -> TraceId {
    let (high, low) = (random.next_u64(), random.next_u64() | 1);
    TraceId(u128::from(high) << 64 | u128::from(low))
}

fn status_code(is_http: bool, outcome: Outcome) -> u16 {
    match (is_http, outcome) {
        (true, Outcome::Fine) => 200,
        (true, Outcome::Rejected) => 404,
        (true, Outcome::Failed) => 503,
        (false, Outcome::Fine) => 0,
        (false, Outcome::Rejected) => 5,
        (false, Outcome::Failed) => 14,
    }
}
