//! What counts as shared, and how the list reads.

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

impl Default for SharedOptions {
    fn default() -> Self {
        SharedOptions {
            sort: Sort::Score,
            min_flows: 2,
            min_requests: 10,
            min_presence: 0.05,
            min_new: 0.3,
            limit: 20,
        }
    }
}
