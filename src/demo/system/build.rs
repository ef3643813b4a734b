//! Putting a [`System`] together: services with their instances, operations, destinations, steps.

use super::{
    Ask, Consumer, Delivery, Deployed, Destination, DestinationId, Entry, Operation, OperationId, Peer,
    Service, ServiceId, ServiceSpec, System, Version,
};
use crate::demo::conventions::{self, Conventions, Endpoint};
use crate::demo::span::{Instance, TemplateId, int, text};

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
