//! A time range and a filter to an immutable, sorted snapshot; every answer is computed from one.

mod alias;
mod answer;
mod collapse;
mod coverage;
mod flow_graph;
mod flows;
mod notes;
mod paths;
mod profiles;
mod request;
mod rollup;
mod select;
pub mod shared;
mod snapshot;
mod traces;

#[cfg(test)]
mod tests;

pub use answer::{flows, graph};
pub use coverage::Coverage;
pub use flows::{FlowEntry, FlowsSnapshot, select_flows};
pub use paths::{PathAnswer, flow_path, shared_paths};
pub use request::{Direction, FlowQuery, GraphQuery, Level, PathQuery, QueryError, TimeRange};
pub use select::select;
pub use snapshot::{EdgeEntry, GraphSnapshot, NodeEntry, node_id};
pub use traces::{Exemplar, TraceAnswer, trace};
