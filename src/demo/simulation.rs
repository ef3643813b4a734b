//! A scenario that makes traces: the one entrance to all simulated systems.

use super::dirty::Known;
use super::outage::Outage;
use super::run::{Conditions, Runner, World};
use super::shop;
use super::span::{Catalog, SimSpan};
use super::system::System;
use super::topology::Topology;
use super::truth::Truth;
use super::walk::Walk;
use crate::model::UnixNanos;

/// What is simulated.
#[derive(Clone, Debug)]
pub enum Scenario {
    /// A web shop of 23 services.
    Shop,
    /// The shop, taken down by an agent's roll-out.
    Outage {
        /// Scenario time goes so many times as fast as event time.
        speed: f64,
    },
    /// Walks through a topology.
    Scale(Topology),
    /// Every dirty case, each between services of its own.
    Known,
    /// A system of one's own.
    Own(Box<System>, Conditions),
}

/// Nodes of the shop's cluster.
const SHOP_NODES: u32 = 12;

enum Engine {
    Requests { system: System, conditions: Conditions, runner: Runner },
    Outage { outage: Outage, runner: Runner, start: Option<UnixNanos> },
    Walk { catalog: Catalog, walk: Walk },
    Known(Known),
}

/// Makes the traces of a scenario and counts their edges.
///
/// ```
/// use linchpin::demo::{Scenario, Simulation};
///
/// let mut simulation = Simulation::new(Scenario::Shop, 1);
/// let spans = simulation.trace(1_767_225_600_000_000_000);
/// assert!(!spans.is_empty());
/// print!("{}", simulation.truth());
/// ```
pub struct Simulation {
    engine: Engine,
    truth: Truth,
}

impl Simulation {
    /// A simulation; the same scenario and seed give the same traces.
    pub fn new(scenario: Scenario, seed: u64) -> Simulation {
        let mut truth = Truth::default();
        let engine = match scenario {
            Scenario::Shop => {
                let conditions = Conditions {
                    lookups: shop::LOOKUPS,
                    missing_records: shop::MISSING_RECORDS,
                    strains: Vec::new(),
                };
                requests(shop::shop(SHOP_NODES).system, conditions, seed)
            }
            Scenario::Own(system, conditions) => requests(*system, conditions, seed),
            Scenario::Outage { speed } => {
                let outage = Outage::new(speed);
                let runner = Runner::new(&outage.shop.system, seed);
                Engine::Outage { outage, runner, start: None }
            }
            Scenario::Scale(topology) => {
                let mut catalog = Catalog::default();
                let walk = Walk::new(&topology, &mut catalog, &mut truth, seed);
                Engine::Walk { catalog, walk }
            }
            Scenario::Known => Engine::Known(Known::new(seed)),
        };
        Simulation { engine, truth }
    }

    /// The spans of the next trace, which begins at `at`: children before parents.
    /// With them come the traces of batch consumers whose batches it filled.
    pub fn trace(&mut self, at: UnixNanos) -> Vec<SimSpan> {
        let mut spans = Vec::new();
        self.append_trace(at, &mut spans);
        spans
    }

    /// As [`Simulation::trace`], into a vector that can be used again.
    pub fn append_trace(&mut self, at: UnixNanos, spans: &mut Vec<SimSpan>) {
        let truth = &mut self.truth;
        match &mut self.engine {
            Engine::Walk { walk, .. } => walk.trace(at, truth, spans),
            Engine::Known(known) => known.trace(at, truth, spans),
            Engine::Requests { system, conditions, runner } => {
                let mut random = runner.next_random();
                let entry = runner.choose_entry(system, &mut random);
                let world = World { system, conditions, truth };
                runner.request(world, (entry, usize::MAX), at, random, spans);
            }
            Engine::Outage { outage, runner, start } => {
                let state = outage.state_after(at.saturating_sub(*start.get_or_insert(at)));
                let conditions = outage.conditions(&state);
                let system = &outage.shop.system;
                let mut random = runner.next_random();
                let root = if random.happens(Outage::agent_share(&state)) {
                    (outage.collect, state.agents as usize)
                } else {
                    (runner.choose_entry(system, &mut random), usize::MAX)
                };
                let world = World { system, conditions: &conditions, truth };
                runner.request(world, root, at, random, spans);
            }
        }
    }

    /// The expected edges of all traces so far.
    pub fn truth(&self) -> &Truth {
        &self.truth
    }

    /// What the spans refer to. It may grow from trace to trace.
    pub fn catalog(&self) -> &Catalog {
        match &self.engine {
            Engine::Requests { system, .. } => &system.catalog,
            Engine::Outage { outage, .. } => &outage.shop.system.catalog,
            Engine::Walk { catalog, .. } => catalog,
            Engine::Known(known) => known.catalog(),
        }
    }
}

fn requests(system: System, conditions: Conditions, seed: u64) -> Engine {
    let runner = Runner::new(&system, seed);
    Engine::Requests { system, conditions, runner }
}
