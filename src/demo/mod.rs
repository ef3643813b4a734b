//! Simulated systems, their known truth, and an embedded broker.
//!
//! Enters: a [`Scenario`] and a seed. Leaves: traces ([`Simulation`]), the messages that agents would send of them
//! ([`Batcher`]), and the edges that a correct mapper finds in them ([`Truth`]).
//! All of that is a function of scenario, seed and the times given: no clock, no I/O.
//! [`drive()`] sets the pace, and sinks take the messages to a file, an OTLP endpoint or Kafka.

mod batch;
mod broker;
mod conventions;
mod dirty;
mod drive;
mod encode;
mod kafka;
mod outage;
mod random;
mod run;
mod shop;
mod simulation;
mod sinks;
mod span;
mod system;
mod topology;
mod truth;
mod walk;

pub use batch::{BatchSettings, Batcher, Message};
pub use broker::EmbeddedBroker;
pub use conventions::{Conventions, Endpoint, grpc, http};
pub use dirty::Known;
pub use drive::{DriveSettings, Pace, REPLAY_RATE, Sink, Summary, drive, wall_clock};
pub use encode::{Encoder, Wire};
pub use kafka::{KafkaSettings, KafkaSink};
pub use outage::{Outage, Phase, State, state_at};
pub use random::Random;
pub use run::{Conditions, Strain};
pub use shop::{Shop, shop};
pub use simulation::{Scenario, Simulation};
pub use sinks::{FileForm, OtlpSink, WriterSink};
pub use span::{Catalog, Instance, InstanceId, SimLink, SimSpan, Template, TemplateId, Value};
pub use system::*;
pub use topology::{Topology, TopologyEdge, TopologyError};
pub use truth::{EdgeCounts, EdgeKind, NameId, Truth};
