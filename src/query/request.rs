//! What can be asked: ranges and filters, checked.

use std::time::Duration;

use super::shared::{SharedOptions, Sort};
use crate::config::SharedConfig;
use crate::model::UnixNanos;

/// A time range of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeRange {
    /// The last so long, up to now.
    Window(Duration),
    /// From inclusive to exclusive; rounded out to whole minutes.
    Between {
        /// First instant.
        from: UnixNanos,
        /// First instant after the range.
        to: UnixNanos,
    },
    /// All that is kept.
    All,
}

/// What a node stands for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Level {
    /// One operation of a service.
    Operation,
    /// A service.
    #[default]
    Service,
    /// A namespace.
    Namespace,
}

/// Which way to walk from a focus.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    /// Who calls it.
    Callers,
    /// Whom it calls.
    Callees,
    /// Both.
    #[default]
    Both,
}

/// A question for a graph.
#[derive(Clone, Debug, PartialEq)]
pub struct GraphQuery {
    /// Time range.
    pub range: TimeRange,
    /// Answers from sealed minutes alone, up to this instant: the answer never changes.
    pub as_of: Option<UnixNanos>,
    /// Only nodes of this environment.
    pub environment: Option<String>,
    /// Only edges with an end in this namespace.
    pub namespace: Option<String>,
    /// What a node stands for.
    pub level: Level,
    /// Only the calls that the requests of this flow made, with their own numbers, and its critical path marked: its id,
    /// or a name that only one has.
    pub flow: Option<String>,
    /// Only what lies within `hops` of the nodes with this name or id.
    pub focus: Option<String>,
    /// Hops from the focus, 1 to 64.
    pub hops: u32,
    /// Which way to walk from the focus.
    pub direction: Direction,
    /// Only edges with at least so many calls.
    pub min_calls: u64,
    /// Only edges with errors.
    pub errors_only: bool,
    /// Producer to consumer instead of producer to destination to consumer.
    pub collapse_messaging: bool,
}

impl Default for GraphQuery {
    fn default() -> Self {
        GraphQuery {
            range: TimeRange::Window(Duration::from_secs(15 * 60)),
            as_of: None,
            environment: None,
            namespace: None,
            level: Level::Service,
            flow: None,
            focus: None,
            hops: 1,
            direction: Direction::Both,
            min_calls: 0,
            errors_only: false,
            collapse_messaging: false,
        }
    }
}

/// A question for the flows.
#[derive(Clone, Debug, PartialEq)]
pub struct FlowQuery {
    /// Time range.
    pub range: TimeRange,
    /// Answers from sealed minutes alone, up to this instant: the answer never changes.
    pub as_of: Option<UnixNanos>,
    /// Only flows of this environment.
    pub environment: Option<String>,
    /// Only flows whose root is in this namespace.
    pub namespace: Option<String>,
}

impl Default for FlowQuery {
    fn default() -> Self {
        FlowQuery { range: GraphQuery::default().range, as_of: None, environment: None, namespace: None }
    }
}

impl FlowQuery {
    /// True for flows of this environment and namespace.
    pub(super) fn is_about(&self, environment: &str, namespace: &str) -> bool {
        let is = |wanted: &Option<String>, text: &str| wanted.as_ref().is_none_or(|wanted| wanted == text);
        is(&self.environment, environment) && is(&self.namespace, namespace)
    }
}

/// A question for what flows share on their critical paths, or for the critical paths of one of them.
#[derive(Clone, Debug, PartialEq)]
pub struct PathQuery {
    /// Which flows.
    pub flows: FlowQuery,
    /// What a node of a path stands for.
    pub level: Level,
    /// The order of the list; without one that of the configuration.
    pub sort: Sort,
    /// Flows that must share a segment; without a number that of the configuration.
    pub min_flows: Option<usize>,
    /// Requests below which a flow is left out; without a number that of the configuration.
    pub min_requests: Option<u64>,
    /// Rows listed; without a number 20.
    pub limit: Option<usize>,
}

impl Default for PathQuery {
    fn default() -> Self {
        PathQuery {
            flows: FlowQuery::default(),
            level: Level::Operation,
            sort: Sort::default(),
            min_flows: None,
            min_requests: None,
            limit: None,
        }
    }
}

impl PathQuery {
    /// What counts as shared, with what the configuration says where the question does not.
    pub(super) fn options(&self, config: &SharedConfig) -> SharedOptions {
        let usual = SharedOptions::from_config(config);
        SharedOptions {
            sort: self.sort,
            min_flows: self.min_flows.unwrap_or(usual.min_flows),
            min_requests: self.min_requests.unwrap_or(usual.min_requests),
            limit: self.limit.unwrap_or(usual.limit),
            ..usual
        }
    }
}

/// Why a question cannot be answered; every message has the value and the cure.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// The range ends before it begins.
    #[error("the range from {from} to {to} is empty: give a `to` after `from`")]
    EmptyRange {
        /// RFC 3339.
        from: String,
        /// RFC 3339.
        to: String,
    },
    /// A range for `as_of` that reaches beyond it.
    #[error(
        "the range ends at {to}, after as_of={as_of}: end it by the whole minute of as_of, or leave as_of out"
    )]
    BeyondAsOf {
        /// RFC 3339.
        to: String,
        /// RFC 3339.
        as_of: String,
    },
    /// A range for `as_of` that is not sealed yet.
    #[error(
        "the range up to {to} is not sealed yet, so its answer may still change: {hint}; ask for less, or leave as_of out"
    )]
    NotSealed {
        /// RFC 3339.
        to: String,
        /// How far minutes are sealed.
        hint: String,
    },
    /// A range for `as_of` whose ends lie inside roll-ups.
    #[error(
        "the minutes from {from} to {to} are rolled up by now: the nearest range that exists is from={nearest_from}&to={nearest_to}"
    )]
    RolledUp {
        /// RFC 3339.
        from: String,
        /// RFC 3339.
        to: String,
        /// RFC 3339.
        nearest_from: String,
        /// RFC 3339.
        nearest_to: String,
    },
    /// A range for `as_of` that begins before what is kept.
    #[error("{from} is before what is kept (store.retention, store.max_size), which begins at {oldest}")]
    NotKept {
        /// RFC 3339.
        from: String,
        /// RFC 3339.
        oldest: String,
    },
    /// A range for `as_of` of which a sealed bucket is damaged or gone.
    #[error(
        "the sealed bucket {bucket} is missing ({problem}), so there is no answer that stays: ask for a range without \
         it, or leave as_of out"
    )]
    Damaged {
        /// Lane, width and first minute.
        bucket: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The store cannot be read.
    #[error("the store cannot be read: {0}")]
    Store(String),
    /// No flow has the id or name asked for.
    #[error("no flow is called `{flow}` in this range{hint}")]
    UnknownFlow {
        /// As given.
        flow: String,
        /// `; did you mean …?`, or empty.
        hint: String,
    },
    /// No flow keeps the trace asked for.
    #[error("no trace {trace} is kept in this range: {hint}")]
    UnknownTrace {
        /// As given.
        trace: crate::model::TraceId,
        /// Which traces there are.
        hint: String,
    },
    /// No node has the name of the focus.
    #[error("no node is called `{focus}` in this range{hint}")]
    UnknownFocus {
        /// As given.
        focus: String,
        /// `; did you mean …?`, or empty.
        hint: String,
    },
}

impl QueryError {
    pub(super) fn store(error: crate::store::StoreError) -> QueryError {
        QueryError::Store(error.to_string())
    }
}
