//! Shared segments: the worked example, an oracle, laws, levels, and the order in which they read.

mod fixture;
mod laws;
mod levels;
mod oracle;
mod reading;
mod river;
mod worked_example;
