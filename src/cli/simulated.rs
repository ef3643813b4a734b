//! Which system is simulated: the flags that `demo` and `generate` share.

use std::path::{Path, PathBuf};

use super::Failure;
use crate::demo::{Scenario, Topology};

/// What is simulated.
#[derive(clap::Args)]
pub(super) struct SimulatedArgs {
    /// What is simulated.
    #[arg(long, value_enum, default_value_t = ScenarioName::Shop)]
    scenario: ScenarioName,

    /// Services of the random system of `--scenario scale` [default: 200].
    #[arg(long, value_name = "N", conflicts_with = "topology", value_parser = clap::value_parser!(u32).range(2..=100_000))]
    services: Option<u32>,

    /// Services and calls of `--scenario scale`, from lines `caller<TAB>callee<TAB>calls`.
    #[arg(long, value_name = "FILE")]
    topology: Option<PathBuf>,

    /// How fast the story of `--scenario outage` goes; at 1 it takes three minutes.
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0)]
    speed: f64,

    /// The same seed gives the same traces, and byte-identical files.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum ScenarioName {
    /// A web shop of 23 services.
    Shop,
    /// The shop, taken down by the roll-out of a telemetry agent.
    Outage,
    /// A large system: random, or of a topology file.
    Scale,
    /// Every dirty case that traces have, with its expected edges.
    Known,
}

impl SimulatedArgs {
    /// The scenario that the flags describe.
    ///
    /// # Errors
    /// [`Failure::Usage`] where they contradict each other, or the topology cannot be read.
    pub fn scenario(&self) -> Result<Scenario, Failure> {
        let has_topology = self.topology.is_some() || self.services.is_some();
        if has_topology && self.scenario != ScenarioName::Scale {
            let message = "--topology and --services describe the system of --scenario scale: add that";
            return Err(Failure::Usage(message.to_owned()));
        }
        match self.scenario {
            ScenarioName::Shop => Ok(Scenario::Shop),
            ScenarioName::Known => Ok(Scenario::Known),
            ScenarioName::Outage if self.speed.is_finite() && self.speed > 0.0 => {
                Ok(Scenario::Outage { speed: self.speed })
            }
            ScenarioName::Outage => {
                Err(Failure::Usage(format!("--speed is `{}`: give a number above 0", self.speed)))
            }
            ScenarioName::Scale => {
                let topology = match &self.topology {
                    Some(path) => read_topology(path)?,
                    None => Topology::layered(self.services.unwrap_or(200) as usize, self.seed),
                };
                Ok(Scenario::Scale(topology))
            }
        }
    }
}

fn read_topology(path: &Path) -> Result<Topology, Failure> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::Usage(format!("topology `{shown}` cannot be read ({error}): correct --topology"))
    })?;
    Topology::parse(&text).map_err(|error| Failure::Usage(format!("topology `{shown}`, {error}")))
}
