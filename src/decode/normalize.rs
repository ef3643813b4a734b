//! Raw spans to compact ones: every rule that both wire formats share.
//!
//! Enters: a [`RawSpan`] with its attributes, under a resource that was given before. Leaves: a [`SpanRecord`],
//! or a count under the reason why there is none. Guaranteed: what leaves depends on the span and its resource only,
//! not on what a cache has seen before (but for symbol tables that are full).
//! Hot: no allocation per span but for links; names that were seen before cost one look-up each.

use std::sync::Arc;

use super::DecodeSettings;
use super::ignore::Ignore;
use super::keys::Keys;
use super::names::{Cache, Name, Names};
use super::peer;
use super::raw::{Parent, RawLink, RawSpan, Slots, Value};
use super::request::{Certainty, can_be_root, write_request};
use super::sampling::sampling;
use super::semconv::{self as keys, Precedence};
use super::tally::Tally;
use crate::config::DatabaseIdentity;
use crate::model::{
    Links, Peer, PeerId, Protocol, RemoteParent, Resource, ResourceId, Sampling, Span, SpanId, SpanRecord,
    Symbols, TraceId,
};
use crate::telemetry::Reason;

/// `service.name` of Linchpin's own spans: a mapper that maps itself feeds on its own work.
const OWN_SERVICE: &str = "linchpin";

const HAS_IS_REMOTE: u32 = 1 << 8;
const IS_REMOTE: u32 = 1 << 9;

/// What one record yields.
pub(super) struct Batch<'o> {
    /// Takes the spans.
    pub out: &'o mut Vec<SpanRecord>,
    /// Takes the counts.
    pub tally: Tally,
}

/// A resource with its number.
#[derive(Clone, Copy, Debug)]
pub(super) struct KnownResource {
    id: ResourceId,
    resource: Resource,
    is_own: bool,
    names: [Name; 5],
}

#[derive(Clone, Copy, Debug)]
struct KnownPeer {
    id: PeerId,
    name: Name,
}

/// One worker's rules and caches.
pub(super) struct Normalizer {
    symbols: Arc<Symbols>,
    keys: Arc<Keys>,
    names: Names,
    resources: Cache<KnownResource>,
    peers: Cache<KnownPeer>,
    ignore: Ignore,
    fallback_sampling: Sampling,
    database_identity: DatabaseIdentity,
    /// Names that are put together from several attributes.
    scratch: Vec<u8>,
}

impl Normalizer {
    /// Empty caches over shared symbols.
    pub fn new(symbols: Arc<Symbols>, settings: DecodeSettings) -> Normalizer {
        Normalizer {
            keys: Arc::new(Keys::new(&settings.flow_attributes)),
            names: Names::new(symbols.clone(), settings.max_name_length),
            symbols,
            resources: Cache::new(),
            peers: Cache::new(),
            ignore: Ignore::new(settings.ignore),
            fallback_sampling: settings.default_sampling,
            database_identity: settings.database_identity,
            scratch: Vec::new(),
        }
    }

    /// Empty slots for the attributes of spans and resources.
    pub fn slots<'a>(&self) -> Slots<'a> {
        Slots::new(self.keys.clone())
    }

    /// The resource of the spans that follow.
    pub fn resource(&mut self, attributes: &Slots<'_>, tally: &mut Tally) -> KnownResource {
        const PARTS: [&Precedence; 5] =
            [&keys::SERVICE, &keys::NAMESPACE, &keys::ENVIRONMENT, &keys::VERSION, &keys::CLOCK];
        let mut ends = [0; 5];
        self.scratch.clear();
        for (part, end) in PARTS.into_iter().zip(&mut ends) {
            attributes.first(part).write_to(&mut self.scratch);
            *end = self.scratch.len();
        }
        let text_length = self.scratch.len();
        self.scratch.extend(ends.iter().flat_map(|end| end.to_le_bytes()));
        let known = match self.resources.get(&self.scratch) {
            Some(known) => known,
            None => self.learn_resource(text_length, ends),
        };
        known.names.into_iter().for_each(|name| tally.name(name));
        known
    }

    #[cold]
    fn learn_resource(&mut self, text_length: usize, ends: [usize; 5]) -> KnownResource {
        let text = &self.scratch[..text_length];
        let mut start = 0;
        let names = ends.map(|end| {
            let name = self.names.verbatim(&text[start..end]);
            start = end;
            name
        });
        let [service, namespace, environment, version, clock] = names.map(|name| name.symbol);
        let resource = Resource { service, namespace, environment, version, clock };
        let known = KnownResource {
            id: ResourceId(self.symbols.resources.intern(resource)),
            resource,
            is_own: text[..ends[0]] == *OWN_SERVICE.as_bytes(),
            names,
        };
        self.resources.insert(&self.scratch, known);
        known
    }

    /// One span of `resource`.
    pub fn span(
        &mut self,
        resource: &KnownResource,
        raw: &RawSpan<'_>,
        attributes: &Slots<'_>,
        batch: &mut Batch<'_>,
    ) {
        batch.tally.spans += 1;
        match self.compact(resource, raw, attributes, &mut batch.tally) {
            Ok(record) => batch.out.push(record),
            Err(reason) => batch.tally.drop(reason),
        }
    }

    #[inline]
    fn compact(
        &mut self,
        resource: &KnownResource,
        raw: &RawSpan<'_>,
        attributes: &Slots<'_>,
        tally: &mut Tally,
    ) -> Result<SpanRecord, Reason> {
        let (trace, id, parent) = ids(raw)?;
        if resource.is_own {
            return Err(Reason::OwnSpan);
        }
        let operation = self.names.templated(raw.name);
        if self.ignore.matches(&self.symbols, resource.resource.service, operation.symbol) {
            return Err(Reason::Ignored);
        }
        tally.name(operation);
        if resource.resource.service.is_empty() {
            tally.drop(Reason::NoService);
        }
        let protocol = peer::protocol(raw.kind, attributes);
        let start = if raw.start == 0 { raw.end } else { raw.start };
        tally.negative_durations += u32::from(raw.end < start);
        let (request, certainty) = self.request(raw, attributes, operation, tally);
        let span = Span {
            id,
            parent,
            start,
            end: raw.end.max(start),
            sampling: sampling(raw.trace_state, attributes, self.fallback_sampling),
            links: links(trace, raw.links),
            resource: resource.id,
            operation: operation.symbol,
            peer: self.peer(raw, protocol, attributes, tally),
            request: request.symbol,
            kind: raw.kind,
            protocol,
            messaging: peer::messaging_operation(attributes),
            remote_parent: remote_parent(raw.flags),
            is_error: raw.is_error,
            is_resend: is_resend(attributes),
            is_request_certain: certainty == Certainty::Certain,
        };
        Ok(SpanRecord { trace, span })
    }

    #[inline]
    fn request(
        &mut self,
        raw: &RawSpan<'_>,
        attributes: &Slots<'_>,
        operation: Name,
        tally: &mut Tally,
    ) -> (Name, Certainty) {
        self.scratch.clear();
        if !can_be_root(raw) {
            return (operation, Certainty::Open);
        }
        let Some(certainty) = write_request(raw.kind, attributes, &mut self.scratch) else {
            return (operation, Certainty::Open);
        };
        if self.scratch == raw.name {
            return (operation, certainty);
        }
        let request = self.names.templated(&self.scratch);
        tally.name(request);
        (request, certainty)
    }

    #[inline]
    fn peer(
        &mut self,
        raw: &RawSpan<'_>,
        protocol: Protocol,
        attributes: &Slots<'_>,
        tally: &mut Tally,
    ) -> PeerId {
        self.scratch.clear();
        let Some(shape) =
            peer::peer(raw.kind, protocol, attributes, self.database_identity, &mut self.scratch)
        else {
            return PeerId::NONE;
        };
        let name_length = self.scratch.len();
        self.scratch.extend_from_slice(shape.namespace);
        self.scratch.extend_from_slice(&(name_length as u32).to_le_bytes());
        self.scratch.extend_from_slice(&[shape.kind as u8, u8::from(shape.is_service_name)]);
        let known = match self.peers.get(&self.scratch) {
            Some(known) => known,
            None => self.learn_peer(shape, name_length),
        };
        tally.name(known.name);
        known.id
    }

    #[cold]
    fn learn_peer(&mut self, shape: peer::PeerShape<'_>, name_length: usize) -> KnownPeer {
        let name = self.names.verbatim(&self.scratch[..name_length]);
        let peer = Peer {
            kind: shape.kind,
            name: name.symbol,
            namespace: self.names.verbatim(shape.namespace).symbol,
            is_service_name: shape.is_service_name,
        };
        let known = KnownPeer { id: PeerId(self.symbols.peers.intern(peer)), name };
        self.peers.insert(&self.scratch, known);
        known
    }
}

/// Trace, span and parent.
#[inline]
fn ids(raw: &RawSpan<'_>) -> Result<(TraceId, SpanId, SpanId), Reason> {
    let trace = raw.trace.ok_or(Reason::NoTraceId)?;
    let id = raw.id.ok_or(Reason::NoSpanId)?;
    match raw.parent {
        Parent::None => Ok((trace, id, SpanId::NONE)),
        Parent::Id(parent) => Ok((trace, id, parent)),
        // As a root it would be a flow that nobody asked for.
        Parent::Unusable => Err(Reason::NoSpanId),
    }
}

/// Links without usable ids say nothing and are left out.
fn links(trace: TraceId, raw: &[RawLink]) -> Option<Box<Links>> {
    if raw.is_empty() {
        return None;
    }
    let mut links = Links::default();
    for link in raw {
        match (link.trace, link.span) {
            (Some(linked), Some(span)) if linked == trace => {
                if links.same_trace.len() < Links::MAX {
                    links.same_trace.push(span);
                } else {
                    links.dropped += 1;
                }
            }
            (Some(_), Some(_)) => links.other_traces += 1,
            _ => {}
        }
    }
    (links != Links::default()).then(|| Box::new(links))
}

fn remote_parent(flags: u32) -> RemoteParent {
    match (flags & HAS_IS_REMOTE != 0, flags & IS_REMOTE != 0) {
        (false, _) => RemoteParent::Unknown,
        (true, false) => RemoteParent::Local,
        (true, true) => RemoteParent::Remote,
    }
}

#[inline]
fn is_resend(attributes: &Slots<'_>) -> bool {
    match attributes.first(&keys::RESEND_COUNT) {
        Value::Absent => false,
        count => count.number().is_some_and(|count| count > 0.0),
    }
}
