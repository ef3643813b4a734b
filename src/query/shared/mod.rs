//! Which critical paths the flows share (ALGORITHMS 2): profiles of flows in, ranked segments out.
//!
//! Enters: [`Profiles`], a tree of critical call paths per flow, wherever it was counted.
//! Leaves: [`SharedPaths`], what several flows wait for; [`PathNumbers`], the same for each node and edge of a graph;
//! [`FlowView`], one flow from its root down.
//! Pure: neither the order of flows, nor that of contexts, nor the numbers of nodes change an answer.

mod answer;
mod flow_view;
mod measure;
mod on_path;
mod options;
mod profile;
mod ranking;
mod reading;
mod river;
mod segments;
mod tally;
mod tree;

#[cfg(test)]
mod tests;

pub use answer::{FlowShare, LeftOut, SharedPaths, SharedSegment, Variant};
pub use flow_view::{ContextView, FlowView, flow_view};
pub use on_path::{OnPath, PathNumbers, on_path};
pub use options::{SharedOptions, Sort, tier_permille};
pub use profile::{FlowProfile, NodeName, ProfileEntry, Profiles};
pub use ranking::shared_paths;
pub use river::{Band, Place, River, RiverFlow, river};
