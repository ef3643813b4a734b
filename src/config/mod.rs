//! Every knob: its unit, default and reason. Default < file < environment < flag.
//!
//! Enters: `linchpin.toml`, `LINCHPIN_…` variables, flags. Leaves: a [`Config`] whose values are in range and fit
//! each other, with the origin of each; or every problem at once.
//! A new knob is one declaration in `sections.rs`: structs, defaults, parsing, the documentation, the example file
//! and the list of known keys all come from it.

mod check;
mod declare;
mod document;
mod draft;
mod environment;
mod facts_hash;
mod file;
mod loader;
mod notation;
mod properties;
mod quantity;
mod relations;
mod sections;
mod suggest;
#[cfg(test)]
mod tests;
mod tiers;

pub use document::{example, markdown};
pub use loader::{Entry, Loaded, Loader, Origin};
pub use properties::Properties;
pub use quantity::duration_text;
pub use sections::*;
pub use tiers::parse_tier;
