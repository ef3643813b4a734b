//! The words in which cases are written: who, what, under whom, from when to when.

use super::super::random::Random;
use super::super::span::{
    Attribute, Catalog, Instance, InstanceId, SimLink, SimSpan, Template, TemplateId, int, text,
};
use super::super::truth::{EdgeKind, Truth};
use crate::model::{FastMap, RemoteParent, SpanId, SpanKind, TraceId, UnixNanos};

/// Attributes as pairs; a value of digits is a number.
pub(super) type Pairs = &'static [(&'static str, &'static str)];

const MILLI: u64 = 1_000_000;
/// Several instances stand on one node, so messages hold several resources.
const NODES: u32 = 8;

/// Services and templates that appeared so far.
#[derive(Default)]
pub(super) struct Cast {
    pub catalog: Catalog,
    services: FastMap<&'static str, InstanceId>,
    templates: FastMap<(&'static str, SpanKind, Pairs), TemplateId>,
}

impl Cast {
    fn service(&mut self, name: &'static str) -> InstanceId {
        let catalog = &mut self.catalog;
        *self.services.entry(name).or_insert_with(|| {
            let node = catalog.instances.len() as u32 % NODES;
            let mut essential = vec![
                text("service.name", name),
                text("service.namespace", "known"),
                text("service.version", "1.0.0"),
                text("deployment.environment.name", "test"),
                text("host.name", format!("node-{node}")),
            ];
            if name.starts_with("resource-db") {
                // Attributes of a database on a resource describe nobody's peer.
                essential.push(text("db.system", "mysql"));
                essential.push(text("db.name", "not-a-peer"));
            }
            catalog.add_instance(Instance { essential, further: Vec::new(), scope: "known", agent: node })
        })
    }

    fn template(&mut self, name: &'static str, kind: SpanKind, pairs: Pairs) -> TemplateId {
        let catalog = &mut self.catalog;
        *self.templates.entry((name, kind, pairs)).or_insert_with(|| {
            let essential = pairs.iter().map(|(key, value)| attribute(key, value)).collect();
            catalog.add_template(Template { essential, ..Template::new(name, kind) })
        })
    }
}

fn attribute(key: &'static str, value: &'static str) -> Attribute {
    match value.parse() {
        Ok(number) => int(key, number),
        Err(_) => text(key, value),
    }
}

/// One case being played.
pub(super) struct Scene<'a> {
    cast: &'a mut Cast,
    pub random: Random,
    at: UnixNanos,
    truth: &'a mut Truth,
    spans: &'a mut Vec<SimSpan>,
    trace: TraceId,
}

/// A span that was written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Written {
    pub link: SimLink,
    /// Position among the spans.
    at: usize,
}

impl<'a> Scene<'a> {
    pub fn new(
        cast: &'a mut Cast,
        random: Random,
        at: UnixNanos,
        truth: &'a mut Truth,
        spans: &'a mut Vec<SimSpan>,
    ) -> Scene<'a> {
        let mut scene = Scene { cast, random, at, truth, spans, trace: TraceId(0) };
        scene.new_trace();
        scene
    }

    /// The next spans belong to another trace.
    pub fn new_trace(&mut self) {
        let (high, low) = (self.random.next_u64(), self.random.next_u64() | 1);
        self.trace = TraceId(u128::from(high) << 64 | u128::from(low));
    }

    /// As [`Scene::new_trace`], with a randomness (the last 56 bits) that passes a sampler with threshold `c`.
    pub fn new_sampled_trace(&mut self) {
        self.new_trace();
        self.trace = TraceId(self.trace.0 | 0b11 << 54);
    }

    /// Writes a span from `from` to `to` milliseconds after the case's start.
    pub fn span(
        &mut self,
        service: &'static str,
        kind: SpanKind,
        name: &'static str,
        parent: Option<Written>,
        (from, to): (u64, u64),
    ) -> Written {
        self.span_with(service, kind, (name, &[]), parent, (from, to))
    }

    /// As [`Scene::span`], with attributes.
    pub fn span_with(
        &mut self,
        service: &'static str,
        kind: SpanKind,
        (name, pairs): (&'static str, Pairs),
        parent: Option<Written>,
        (from, to): (u64, u64),
    ) -> Written {
        let id = SpanId(self.random.next_u64() | 1);
        self.spans.push(SimSpan {
            trace: self.trace,
            id,
            parent: parent.map_or(SpanId::NONE, |parent| parent.link.span),
            template: self.cast.template(name, kind, pairs),
            instance: self.cast.service(service),
            start: self.at + from * MILLI,
            end: self.at + to * MILLI,
            is_error: false,
            remote_parent: RemoteParent::Unknown,
            status_code: 0,
            resend_count: 0,
            variation: id.0 as u32 >> 12,
            links: Vec::new(),
            trace_state: "",
            delay: 0,
        });
        Written { link: SimLink { trace: self.trace, span: id }, at: self.spans.len() - 1 }
    }

    /// A CLIENT span and the SERVER span under it.
    pub fn pair(
        &mut self,
        (caller, callee): (&'static str, &'static str),
        parent: Option<Written>,
        (from, to): (u64, u64),
    ) -> (Written, Written) {
        let client = self.span(caller, SpanKind::Client, "ask", parent, (from, to));
        let server = self.span(callee, SpanKind::Server, "answer", Some(client), (from + 1, to - 1));
        (client, server)
    }

    /// The span, to change it.
    pub fn edit(&mut self, written: Written) -> &mut SimSpan {
        &mut self.spans[written.at]
    }

    /// The spans after `written` and itself, to change them.
    pub fn edit_from(&mut self, written: Written) -> &mut [SimSpan] {
        &mut self.spans[written.at..]
    }

    /// Takes back the span written last: it is lost on its way.
    pub fn lose_last(&mut self) {
        self.spans.pop();
    }

    /// A copy of the span arrives `after` milliseconds after the first one.
    pub fn repeat(&mut self, written: Written, after: u64) {
        let mut copy = self.spans[written.at].clone();
        copy.delay += after * MILLI;
        self.spans.push(copy);
    }

    /// Says that the spans mean a call from service to service.
    pub fn call(&mut self, caller: &str, callee: &str, errors: (bool, bool)) {
        self.count(EdgeKind::Service, caller, callee, errors);
    }

    /// Says that the spans mean a query.
    pub fn query(&mut self, caller: &str, database: &str, is_error: bool) {
        self.count(EdgeKind::Database, caller, database, (is_error, false));
    }

    /// Says that the spans mean a call to a peer that reports nothing.
    pub fn external(&mut self, caller: &str, host: &str, is_error: bool) {
        self.count(EdgeKind::External, caller, host, (is_error, false));
    }

    /// Says that the spans mean a message: producer to destination, exchange to queue, or destination to consumer.
    pub fn message(&mut self, from: &str, to: &str, errors: (bool, bool)) {
        self.count(EdgeKind::Messaging, from, to, errors);
    }

    fn count(&mut self, kind: EdgeKind, caller: &str, callee: &str, errors: (bool, bool)) {
        let ends = (self.truth.name(caller), self.truth.name(callee));
        self.truth.count(kind, ends, errors);
    }
}
