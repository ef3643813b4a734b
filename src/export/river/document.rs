//! What a river is made of: names and numbers alone, in the order of their rank.

/// Flows, the segments that their critical paths share, and what lies at the end.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RiverDocument {
    /// The time range in words.
    pub range: String,
    /// What users ask for, the most important first.
    pub flows: Vec<RiverFlow>,
    /// Shared segments, the best first; from the 41st on they are drawn as one.
    pub trunks: Vec<RiverTrunk>,
    /// Databases and external services where paths end.
    pub leaves: Vec<RiverLeaf>,
    /// What flows between them.
    pub bands: Vec<RiverBand>,
    /// What the reader must know beside the numbers: flows left out, a range that is not whole.
    pub notes: Vec<String>,
}

/// A flow.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RiverFlow {
    /// Unique among all ids of the river.
    pub id: String,
    /// As `GET /cart/{id}`.
    pub label: String,
    /// Requests per second.
    pub rate: f64,
    /// Requests that were looked at.
    pub n: u64,
}

/// A shared segment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RiverTrunk {
    /// Unique among all ids of the river.
    pub id: String,
    /// Its nodes in the order of calls, as `seat`, `config`, `mysql`.
    pub nodes: Vec<String>,
    /// Flows that pass it.
    pub flows: u64,
    /// Effective number of flows, from 1.
    pub neff: f64,
    /// Breadth and weight in one number.
    pub score: f64,
}

/// A database or an external service.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RiverLeaf {
    /// Unique among all ids of the river.
    pub id: String,
    /// Its name.
    pub label: String,
    /// `database`, `external` or another kind of node.
    pub kind: String,
}

/// Critical time that passes from one to the next.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RiverBand {
    /// Id of a flow or a trunk; `None` is whatever has no place of its own.
    pub from: Option<String>,
    /// Id of a trunk or a leaf; `None` is whatever has no place of its own.
    pub to: Option<String>,
    /// Request rate times the critical time that passes through: seconds per second, which is how many requests
    /// wait in it at any moment.
    pub width: f64,
    /// Effective number of flows in it, from 1.
    pub neff: f64,
}
