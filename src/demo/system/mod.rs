//! A simulated system as a program: services, their operations, and what each operation does step by step.

mod build;

use super::conventions::Conventions;
use super::span::{Catalog, InstanceId, TemplateId};

/// A service by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ServiceId(pub usize);

/// An operation by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OperationId(pub usize);

/// A destination by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DestinationId(pub usize);

/// A deployed version of a service.
#[derive(Clone, Debug)]
pub struct Version {
    /// `service.version`.
    pub name: &'static str,
    /// Instances that run it.
    pub instances: u32,
    /// Share of requests that each instance gets, relative to the others.
    pub weight: u32,
    /// Errors it adds, of 10,000 requests.
    pub errors: u32,
    /// Its own work takes so many percent of the usual time.
    pub slowness: u32,
}

impl Version {
    /// A version that behaves.
    pub fn stable(name: &'static str, instances: u32) -> Version {
        Version { name, instances, weight: 10, errors: 0, slowness: 100 }
    }
}

/// What a service is, before it gets its instances.
#[derive(Clone, Debug)]
pub struct ServiceSpec {
    /// `service.name`.
    pub name: &'static str,
    /// `service.namespace`.
    pub namespace: &'static str,
    /// `telemetry.sdk.language`.
    pub language: &'static str,
    /// Conventions of its instrumentation.
    pub conventions: Conventions,
    /// What is deployed.
    pub versions: Vec<Version>,
}

/// An instance with what distinguishes its behaviour.
#[derive(Clone, Debug)]
pub struct Deployed {
    /// Its resource.
    pub instance: InstanceId,
    /// Share of requests, relative to the others.
    pub weight: u32,
    /// Errors it adds, of 10,000.
    pub errors: u32,
    /// Percent of the usual time.
    pub slowness: u32,
    /// How far its node's clock is ahead, nanoseconds.
    pub skew: i64,
}

/// A service.
#[derive(Clone, Debug)]
pub struct Service {
    /// `service.name`; unique within the system.
    pub name: &'static str,
    /// Conventions of its instrumentation.
    pub conventions: Conventions,
    /// Its instances.
    pub deployed: Vec<Deployed>,
    /// Sum of their weights.
    pub total_weight: u64,
}

/// What an operation of a service does.
#[derive(Clone, Debug)]
pub struct Operation {
    /// Whose it is.
    pub service: ServiceId,
    /// Its own span.
    pub entered: TemplateId,
    /// Callers' spans, by their conventions: stable, old.
    pub asked: [TemplateId; 2],
    /// True for HTTP, whose status codes differ from gRPC's.
    pub is_http: bool,
    /// Median of its own work, nanoseconds.
    pub work: u64,
    /// Own faults, of 10,000: errors on both sides.
    pub errors: u32,
    /// Requests refused as the caller's fault (404, NOT_FOUND), of 10,000: an error on the caller's side only.
    pub rejections: u32,
    /// True where callers look its name up first.
    pub is_resolved: bool,
    /// What it does.
    pub steps: Vec<Step>,
}

/// How often something happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chance {
    /// Of 10,000.
    Fixed(u32),
    /// As the scenario's [`Conditions`](super::run::Conditions) say: the name server asks for a record that it no longer holds.
    NameRecordMissing,
}

/// A step of an operation.
#[derive(Clone, Debug)]
pub enum Step {
    /// Own work; median, nanoseconds.
    Work(u64),
    /// A remote call; the operation waits.
    Call(Call),
    /// A question to a database, cache or external peer.
    Ask(Ask),
    /// The steps run at the same time.
    Together(Vec<Step>),
    /// Steps under an INTERNAL span.
    Local(TemplateId, Vec<Step>),
    /// A message; nobody waits.
    Publish(DestinationId),
    /// Steps that happen sometimes; the second part of a cached look-up.
    Sometimes(Chance, Vec<Step>),
}

/// A remote call.
#[derive(Clone, Debug)]
pub struct Call {
    /// What is called.
    pub callee: OperationId,
    /// The caller gives up after this, nanoseconds.
    pub timeout: Option<u64>,
    /// Further attempts after a failure.
    pub retries: u8,
    /// True where the caller goes on without the answer.
    pub has_fallback: bool,
    /// An INTERNAL span of the caller between its client span and the callee's.
    pub between: Option<TemplateId>,
}

impl Call {
    /// One attempt, no time limit; a failure is the caller's failure.
    pub fn to(callee: OperationId) -> Call {
        Call { callee, timeout: None, retries: 0, has_fallback: false, between: None }
    }

    /// With further attempts.
    pub fn retried(self, retries: u8) -> Call {
        Call { retries, ..self }
    }

    /// With a time limit in milliseconds.
    pub fn within_ms(self, limit: u64) -> Call {
        Call { timeout: Some(limit * 1_000_000), ..self }
    }

    /// Failures are swallowed.
    pub fn or_else(self) -> Call {
        Call { has_fallback: true, ..self }
    }

    /// With an INTERNAL span between the client's and the server's.
    pub fn through(self, between: TemplateId) -> Call {
        Call { between: Some(between), ..self }
    }

    /// As a step.
    pub fn step(self) -> Step {
        Step::Call(self)
    }
}

/// A database or an external peer.
#[derive(Clone, Copy, Debug)]
pub enum Peer {
    /// System and namespace.
    Database(&'static str, &'static str),
    /// Host.
    External(&'static str),
}

/// A question to something that reports no spans.
#[derive(Clone, Debug)]
pub struct Ask {
    /// Who is asked.
    pub peer: Peer,
    /// The asking span.
    pub template: TemplateId,
    /// Median latency, nanoseconds.
    pub latency: u64,
    /// Failures, of 10,000.
    pub errors: u32,
}

/// How a consumer's span knows of the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// The producer's span is its parent.
    Parent,
    /// It starts a trace of its own, with a link for each of so many messages.
    Links(usize),
}

/// A consumer of a destination.
#[derive(Clone, Debug)]
pub struct Consumer {
    /// What it does with a message.
    pub operation: OperationId,
    /// How it knows of it.
    pub delivery: Delivery,
    /// Where it takes from, as a node's name: the destination, or a queue behind it.
    pub source: String,
}

/// A topic or exchange.
#[derive(Clone, Debug)]
pub struct Destination {
    /// Node name: `system/destination`.
    pub name: String,
    /// Messaging system.
    pub system: &'static str,
    /// Its own name.
    pub destination: &'static str,
    /// The producer's span.
    pub sent: TemplateId,
    /// Who takes from it.
    pub consumers: Vec<Consumer>,
}

/// How traces begin.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// The root's operation.
    pub operation: OperationId,
    /// Share of traces, relative to the others.
    pub weight: u32,
}

/// A simulated system.
#[derive(Clone, Debug, Default)]
pub struct System {
    /// Resources and templates.
    pub catalog: Catalog,
    /// Services by number.
    pub services: Vec<Service>,
    /// Operations by number.
    pub operations: Vec<Operation>,
    /// Destinations by number.
    pub destinations: Vec<Destination>,
    /// How traces begin.
    pub entries: Vec<Entry>,
    /// Who answers the look-ups of names.
    pub resolver: Option<OperationId>,
    nodes: u32,
    placed: u32,
}

impl Ask {
    /// With failures, of 10,000.
    pub fn failing(self, errors: u32) -> Ask {
        Ask { errors, ..self }
    }

    /// As a step.
    pub fn step(self) -> Step {
        Step::Ask(self)
    }
}
