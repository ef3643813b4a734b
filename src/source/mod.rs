//! Bytes in, with input, offset and log time: Kafka and files. The only stage that talks to the outside.

pub mod file;
pub mod kafka;
