//! A time range and a filter to an immutable, sorted snapshot.

mod request;

pub use request::{Direction, FlowQuery, GraphQuery, Level, QueryError, TimeRange};
