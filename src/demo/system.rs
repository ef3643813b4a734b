//! A simulated system as a program: services, their operations, and what each operation does step by step.

use super::conventions::{self, Conventions, Endpoint};
use super::span::{Catalog, Instance, InstanceId, TemplateId, int, text};

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

impl System {
    /// A system without services on a cluster of so many nodes.
    pub fn on_nodes(nodes: u32) -> System {
        System { nodes: nodes.max(1), ..System::default() }
    }

    /// Adds a service; its instances are spread over the nodes.
    pub fn add_service(&mut self, spec: &ServiceSpec) -> ServiceId {
        let mut deployed = Vec::new();
        for version in &spec.versions {
            for _ in 0..version.instances {
                let node = self.placed % self.nodes;
                self.placed += 1;
                deployed.push(self.deploy(spec, version, node));
            }
        }
        let total_weight = deployed.iter().map(|deployed| u64::from(deployed.weight)).sum();
        self.services.push(Service {
            name: spec.name,
            conventions: spec.conventions,
            deployed,
            total_weight,
        });
        ServiceId(self.services.len() - 1)
    }

    fn deploy(&mut self, spec: &ServiceSpec, version: &Version, node: u32) -> Deployed {
        let pod = format!("{}-{:05}", spec.name, self.placed);
        let essential = vec![
            text("service.name", spec.name),
            text("service.namespace", spec.namespace),
            text("service.version", version.name),
            text("deployment.environment.name", "production"),
            text("host.name", format!("node-{node:03}")),
        ];
        let further = vec![
            text("service.instance.id", pod.clone()),
            text("k8s.pod.name", pod),
            text("k8s.namespace.name", spec.namespace),
            text("telemetry.sdk.name", "opentelemetry"),
            text("telemetry.sdk.language", spec.language),
            text("telemetry.sdk.version", "1.44.1"),
            int("process.pid", 1),
        ];
        let scope = "io.opentelemetry.instrumentation";
        Deployed {
            instance: self.catalog.add_instance(Instance { essential, further, scope, agent: node }),
            weight: version.weight,
            errors: version.errors,
            slowness: version.slowness,
            // Clocks of well-kept nodes differ by up to 1.5 ms.
            skew: (i64::from(node) * 7_919 % 31 - 15) * 100_000,
        }
    }

    /// Adds an operation without steps.
    pub fn add_operation(&mut self, service: ServiceId, endpoint: &Endpoint, work: u64) -> OperationId {
        let Service { name, conventions, .. } = self.services[service.0];
        let entered = self.catalog.add_template(conventions::server(endpoint, name, conventions));
        let asked = [Conventions::Stable, Conventions::Old]
            .map(|conventions| self.catalog.add_template(conventions::client(endpoint, name, conventions)));
        let is_http = matches!(endpoint, Endpoint::Http { .. });
        self.push_operation(service, entered, asked, is_http, work)
    }

    fn push_operation(
        &mut self,
        service: ServiceId,
        entered: TemplateId,
        asked: [TemplateId; 2],
        is_http: bool,
        work: u64,
    ) -> OperationId {
        self.operations.push(Operation {
            service,
            entered,
            asked,
            is_http,
            work,
            errors: 0,
            rejections: 0,
            is_resolved: true,
            steps: Vec::new(),
        });
        OperationId(self.operations.len() - 1)
    }

    /// Changes an operation.
    pub fn operation_mut(&mut self, id: OperationId) -> &mut Operation {
        &mut self.operations[id.0]
    }

    /// Adds a topic or exchange.
    pub fn add_destination(&mut self, system: &'static str, destination: &'static str) -> DestinationId {
        let sent = self.catalog.add_template(conventions::producer(system, destination));
        let name = format!("{system}/{destination}");
        self.destinations.push(Destination { name, system, destination, sent, consumers: Vec::new() });
        DestinationId(self.destinations.len() - 1)
    }

    /// Adds a consumer of a destination, by a `queue` behind it where one is named.
    pub fn add_consumer(
        &mut self,
        service: ServiceId,
        destination: DestinationId,
        queue: Option<&'static str>,
        delivery: Delivery,
        work: u64,
    ) -> OperationId {
        let Destination { system, destination: own_name, .. } = self.destinations[destination.0];
        let source = queue.unwrap_or(own_name);
        let group = self.services[service.0].name;
        let entered = self.catalog.add_template(conventions::consumer(system, source, group));
        let operation = self.push_operation(service, entered, [entered; 2], false, work);
        let source = format!("{system}/{source}");
        self.destinations[destination.0].consumers.push(Consumer { operation, delivery, source });
        operation
    }

    /// A query step of a service.
    pub fn query(
        &mut self,
        service: ServiceId,
        (system, namespace): (&'static str, &'static str),
        (verb, target): (&'static str, &'static str),
        latency: u64,
    ) -> Ask {
        let conventions = self.services[service.0].conventions;
        let template = conventions::query(system, namespace, verb, target, conventions);
        let template = self.catalog.add_template(template);
        Ask { peer: Peer::Database(system, namespace), template, latency, errors: 0 }
    }

    /// A step of a service that asks an external peer.
    pub fn external(
        &mut self,
        service: ServiceId,
        (method, host, path): (&'static str, &'static str, &'static str),
        latency: u64,
    ) -> Ask {
        let conventions = self.services[service.0].conventions;
        let template = self.catalog.add_template(conventions::external(method, host, path, conventions));
        Ask { peer: Peer::External(host), template, latency, errors: 0 }
    }

    /// A template for an INTERNAL span.
    pub fn internal(&mut self, name: &'static str) -> TemplateId {
        self.catalog.add_template(conventions::internal(name))
    }

    /// Makes an operation the root of traces.
    pub fn add_entry(&mut self, operation: OperationId, weight: u32) {
        self.entries.push(Entry { operation, weight });
    }
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
