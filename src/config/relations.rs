//! What must hold between knobs.

use super::sections::Config;

/// A condition over several knobs.
pub(super) struct Relation {
    /// The knobs it is about.
    pub(super) keys: &'static [&'static str],
    /// In words.
    pub(super) text: &'static str,
    /// True where it is met.
    pub(super) holds: fn(&Config) -> bool,
}

/// All of them.
pub(super) static RELATIONS: &[Relation] = &[
    Relation {
        keys: &["sessions.gap", "sessions.max_life"],
        text: "sessions.gap must be below sessions.max_life",
        holds: |config| config.sessions.gap < config.sessions.max_life,
    },
    Relation {
        keys: &["store.retention", "sessions.event_clamp", "sessions.max_life"],
        text: "store.retention must be above sessions.event_clamp + sessions.max_life: a minute is final only then",
        holds: |config| {
            config.store.retention > config.sessions.event_clamp.saturating_add(config.sessions.max_life)
        },
    },
    Relation {
        keys: &["kafka.max_record_size", "kafka.queue_size"],
        text: "kafka.max_record_size must not be above kafka.queue_size: such a record could never be fetched",
        holds: |config| config.kafka.max_record_size <= config.kafka.queue_size,
    },
];
