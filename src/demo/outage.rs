//! Scenario `outage`: the shop, and a telemetry agent that rolls out over the nodes and takes the shop down by way of
//! the control plane and the name server.
//!
//! A function of scenario time alone: 3 minutes from calm to recovery at speed 1, then calm, then again.
//! The chain: agents on more nodes → the control plane answers slowly and fails → the name server cannot renew its
//! records, which nobody sees while caches still hold them → they expire → nothing finds anything.

use super::conventions::{Conventions, Endpoint};
use super::run::{Conditions, Strain};
use super::shop::{self, Shop};
use super::system::{Call, OperationId, ServiceSpec, Version};

const SECOND: u64 = 1_000_000_000;
/// After this the story begins again.
pub const PERIOD: u64 = 240 * SECOND;
/// Nodes of the cluster: one agent each.
pub const NODES: u32 = 60;
/// The roll-out's waves: from this second on, agents run on so many of 1,000 nodes.
const WAVES: [(u64, u64); 6] = [(0, 0), (40, 50), (65, 300), (90, 700), (105, 1_000), (160, 0)];
/// So many of 1,000 nodes bring the control plane to its limit.
const LIMIT: u64 = 500;
/// From here on records fall out of the caches, which had hidden that they could not be renewed.
const RECORDS_EXPIRE: u64 = 115;
/// Here all of them are gone.
const RECORDS_GONE: u64 = 135;
/// The agents are gone: caches fill again.
const RECOVERY: u64 = 165;
const RECOVERED: u64 = 180;

/// Where the story is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// No agent runs.
    Calm,
    /// Agents run on some nodes; nothing is slow.
    EarlyWaves,
    /// The control plane is over its limit; caches hide it.
    Hidden,
    /// Records have expired: user-facing flows fail.
    Outage,
    /// The agents are gone; caches fill again.
    Recovery,
}

/// The state of the system at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State {
    /// Where the story is.
    pub phase: Phase,
    /// Nodes that run the agent.
    pub agents: u32,
    /// The control plane answers in so many percent of the usual time.
    pub slowness: u64,
    /// Requests that the control plane fails, of 10,000.
    pub failures: u32,
    /// Calls before which the caller must look a name up, of 10,000.
    pub lookups: u32,
    /// Look-ups for which the name server needs the control plane, of 10,000.
    pub missing_records: u32,
}

/// The state at so many nanoseconds of scenario time.
pub fn state_at(scenario_time: u64) -> State {
    let second = scenario_time % PERIOD / SECOND;
    let share = WAVES.iter().rev().find(|(from, _)| *from <= second).map_or(0, |(_, share)| *share);
    let overload = share.saturating_sub(LIMIT);
    let expired = match second {
        RECORDS_EXPIRE..RECORDS_GONE => ramp(second, RECORDS_EXPIRE, RECORDS_GONE),
        RECORDS_GONE..RECOVERY => 1_000,
        RECOVERY..RECOVERED => 1_000 - ramp(second, RECOVERY, RECOVERED),
        _ => 0,
    };
    let between = |calm: u32, worst: u32| calm + ((u64::from(worst - calm) * expired) / 1_000) as u32;
    let phase = match second {
        RECORDS_EXPIRE..RECOVERY => Phase::Outage,
        RECOVERY..RECOVERED => Phase::Recovery,
        _ if overload > 0 => Phase::Hidden,
        _ if share > 0 => Phase::EarlyWaves,
        _ => Phase::Calm,
    };
    State {
        phase,
        agents: (u64::from(NODES) * share).div_ceil(1_000) as u32,
        slowness: 100 + overload * overload / 50,
        failures: (overload * 18).min(9_500) as u32,
        lookups: between(shop::LOOKUPS, 3_000),
        missing_records: between(shop::MISSING_RECORDS, 10_000),
    }
}

/// Thousandths of the way from one second to another.
fn ramp(second: u64, from: u64, to: u64) -> u64 {
    (second - from) * 1_000 / (to - from)
}

/// The system of the scenario.
pub struct Outage {
    /// The shop with the agents' service.
    pub shop: Shop,
    /// An agent's round: it lists the whole cluster's objects.
    pub collect: OperationId,
    /// Scenario time goes so many times as fast as event time.
    speed: f64,
}

impl Outage {
    /// The scenario at `speed` times the usual pace.
    pub fn new(speed: f64) -> Outage {
        let mut shop = shop::shop(NODES);
        let agent = shop.system.add_service(&ServiceSpec {
            name: "telemetry-agent",
            namespace: "platform",
            language: "go",
            conventions: Conventions::Stable,
            versions: vec![Version::stable("0.1.0", NODES)],
        });
        let endpoint = Endpoint::Local { name: "collect cluster state" };
        let collect = shop.system.add_operation(agent, &endpoint, SECOND / 200);
        // The fault of the design: each agent asks for everything, so the load grows with the square of the cluster.
        let pages = NODES / 10;
        let list = Call::to(shop.list_objects).within_ms(3_000).or_else();
        shop.system.operation_mut(collect).steps = (0..pages).map(|_| list.clone().step()).collect();
        Outage { shop, collect, speed }
    }

    /// The state after so much event time.
    pub fn state_after(&self, event_time: u64) -> State {
        state_at((event_time as f64 * self.speed) as u64)
    }

    /// Conditions for the system in a state.
    pub fn conditions(&self, state: &State) -> Conditions {
        let control_plane =
            Strain { service: self.shop.control_plane, slowness: state.slowness, errors: state.failures };
        Conditions {
            lookups: state.lookups,
            missing_records: state.missing_records,
            strains: vec![control_plane],
        }
    }

    /// Traces that are agents' rounds, of 10,000: in proportion to the agents that run.
    pub fn agent_share(state: &State) -> u32 {
        state.agents * 4_000 / NODES
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::{Scenario, Simulation};

    fn at(second: u64) -> State {
        state_at(second * SECOND)
    }

    #[test]
    fn the_story_goes_through_its_phases_in_order_and_begins_again() {
        let mut phases: Vec<Phase> = (0..PERIOD / SECOND).map(|second| at(second).phase).collect();
        phases.dedup();
        use Phase::{Calm, EarlyWaves, Hidden, Outage, Recovery};
        assert_eq!(phases, [Calm, EarlyWaves, Hidden, Outage, Recovery, Calm]);
        assert_eq!(state_at(PERIOD + 50 * SECOND), at(50));
    }

    #[test]
    fn the_roll_out_only_grows_until_it_is_taken_back() {
        let agents: Vec<u32> = (0..160).map(|second| at(second).agents).collect();
        assert!(agents.is_sorted());
        assert_eq!((agents[0], agents[45], agents[159], at(160).agents), (0, 3, NODES, 0));
    }

    #[test]
    fn caches_hide_the_overload_until_they_expire() {
        let (calm, hidden, outage) = (at(10), at(110), at(140));
        assert!(hidden.failures > 5_000 && hidden.slowness > 1_000, "{hidden:?}");
        assert_eq!((hidden.lookups, hidden.missing_records), (calm.lookups, calm.missing_records));
        assert!(outage.lookups > 50 * hidden.lookups && outage.missing_records == 10_000, "{outage:?}");
        assert_eq!(at(70).failures, 0, "the second wave is below the limit");
        assert_eq!(at(200).lookups, calm.lookups);
    }

    #[test]
    fn speed_shortens_the_story() {
        let outage = Outage::new(4.0);
        assert_eq!(outage.state_after(30 * SECOND), at(120));
    }

    /// Shares of failed requests of users, and spans of the control plane per trace, in the 10 s from `second`.
    fn seen_from(second: u64) -> (f64, f64) {
        let mut simulation = Simulation::new(Scenario::Outage { speed: 1.0 }, 2);
        simulation.trace(START);
        let (mut roots, mut failed, mut control_plane) = (0.0, 0.0, 0.0);
        for number in 0..2_000 {
            let spans = simulation.trace(START + second * SECOND + number * SECOND / 200);
            for span in &spans {
                let name = &simulation.catalog().template(span.template).name;
                let is_user = span.parent.is_none() && name.ends_with(" /*");
                roots += f64::from(u8::from(is_user));
                failed += f64::from(u8::from(is_user && span.is_error));
                control_plane +=
                    f64::from(u8::from(name.starts_with("GET /api/v1/") || name.contains("k8s.io")));
            }
        }
        (failed / roots, control_plane / 2_000.0)
    }

    const START: u64 = 1_767_225_600 * SECOND;

    #[test]
    fn users_feel_nothing_until_the_caches_expire() {
        let [calm, early, hidden, outage, after] = [5, 70, 100, 140, 200].map(seen_from);
        assert!(calm.0 < 0.02 && early.0 < 0.02 && after.0 < 0.02, "{calm:?} {early:?} {after:?}");
        assert!(hidden.0 < 0.08, "caches hide it: {hidden:?}");
        assert!(outage.0 > 0.5, "flows fail: {outage:?}");
        assert!(
            early.1 > 5.0 * calm.1 && hidden.1 > 2.0 * early.1,
            "the control plane's load: {calm:?} {early:?} {hidden:?}"
        );
    }
}
