//! Every knob: its unit, default and reason. Default < file < environment < flag.

mod sections;

pub use sections::*;
