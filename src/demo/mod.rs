//! Simulated systems, their known truth, and an embedded broker.
