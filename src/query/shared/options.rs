//! What counts as shared, and how the list reads.

use crate::config::{SharedConfig, parse_tier};
use crate::model::matches_glob;

/// The weight of a flow that no glob names, in thousandths.
const USUAL: u32 = 1_000;

/// The order of the list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    /// By breadth: how much of how many flows.
    #[default]
    Score,
    /// By volume: how much of all critical time.
    Volume,
}

/// What counts as shared, and how the list reads.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SharedOptions {
    /// The order of the list.
    pub sort: Sort,
    /// Flows that must share a segment; at least 1.
    pub min_flows: usize,
    /// Requests below which a flow is left out.
    pub min_requests: u64,
    /// Share of a flow's requests that must surely (95 %) have the segment on their path, 0 to 1.
    pub min_presence: f64,
    /// A row of which less than this is new (0 to 1) is folded under another.
    pub min_new: f64,
    /// Rows listed.
    pub limit: usize,
}

impl SharedOptions {
    /// Rows listed where nobody says how many.
    const LIMIT: usize = 20;

    /// What the configuration says.
    pub fn from_config(config: &SharedConfig) -> SharedOptions {
        SharedOptions {
            sort: Sort::Score,
            min_flows: config.min_flows,
            min_requests: config.min_requests,
            min_presence: config.min_presence_percent as f64 / 100.0,
            min_new: config.min_new_percent as f64 / 100.0,
            limit: SharedOptions::LIMIT,
        }
    }
}

impl Default for SharedOptions {
    fn default() -> Self {
        SharedOptions::from_config(&SharedConfig::default())
    }
}

/// How much a flow of this service and name matters by the configuration, in thousandths.
pub fn tier_permille(config: &SharedConfig, service: &str, name: &str) -> u32 {
    let text = format!("{service}/{name}");
    let mut tiers = config.tiers.iter().filter_map(|tier| parse_tier(tier));
    tiers.find(|(glob, _)| matches_glob(glob, &text)).map_or(USUAL, |(_, permille)| permille)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_glob_that_matches_counts() {
        let tiers = ["shop/POST /checkout*=3", "shop/*=0.5"].map(String::from).to_vec();
        let config = SharedConfig { tiers, ..SharedConfig::default() };
        for (service, name, expected) in [
            ("shop", "POST /checkout/{id}", 3_000),
            ("shop", "GET /search", 500),
            ("admin", "POST /checkout", 1_000),
        ] {
            assert_eq!(tier_permille(&config, service, name), expected, "{service} {name}");
        }
    }
}
