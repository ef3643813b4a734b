//! What the tests stand on: a real broker, the real binary, and data with known edges.

pub mod broker;
pub mod data;
pub mod edges;
pub mod http;
pub mod linchpin;
pub mod produce;
pub mod random;
pub mod recorded;
pub mod sealed;
pub mod spans;
pub mod wait;
