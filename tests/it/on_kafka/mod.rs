//! Everything that needs a real Kafka; `tests/run quick` leaves this module out.

/// The broker of the tests itself: it starts, survives a kill, checks passwords, and ends.
mod broker;

/// Known traces on a topic become exactly the known edges.
mod main_job;

/// Bad input is counted, the good beside it stays exact, memory stays where it is.
mod garbage;

/// Brokers that die, are not there yet, or refuse; topics that do not exist.
mod broker_trouble;

/// How soon an edge is seen.
mod freshness;

/// The source alone: starts, holes, codecs, group protocols.
mod source;

/// `kill -9` at any point: the sealed minutes are the same, byte for byte.
mod crash;

/// Stores that cannot be opened, written, or read.
mod store_trouble;

/// Positions that the topic's retention took.
mod retention;

/// Topics that were deleted and made anew, while we were away and under us.
mod made_anew;

/// Partitions that stand still, and wrong clocks.
mod clocks;

/// SIGTERM, once and twice.
mod shutdown;

/// Answers as of an instant.
mod as_of;
