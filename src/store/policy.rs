//! How long sealed buckets are kept, and how fine.

use std::time::Duration;

use crate::config::Config;
use crate::graph::sealed::Width;
use crate::model::Minute;

/// How long sealed buckets are kept. Ages count back from the newest sealed minute, or from the wall
/// clock where that minute is ahead of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Minutes for which buckets of each width but the widest are kept beside their roll-ups.
    pub finer: [u32; 3],
    /// Minutes for which anything is kept.
    pub retention: u32,
    /// Bytes on disk.
    pub max_size: u64,
    /// Bytes in memory.
    pub memory: u64,
}

impl Policy {
    /// The policy of a configuration.
    pub fn from_config(config: &Config) -> Policy {
        let minutes = |length: Duration| u32::try_from(length.as_secs() / 60).unwrap_or(u32::MAX);
        let store = &config.store;
        Policy {
            finer: [minutes(store.keep_minutes), minutes(store.keep_ten_minutes), minutes(store.keep_hours)],
            retention: minutes(store.retention),
            max_size: store.max_size,
            memory: config.graph.memory,
        }
    }

    /// Buckets of `width` that end by this minute may go once they are rolled up.
    pub(super) fn finer_before(&self, width: Width, newest: Minute) -> Minute {
        let kept = self.finer.get(width as usize).copied().unwrap_or(u32::MAX);
        Minute(newest.0.saturating_sub(kept))
    }

    /// Everything before this minute goes.
    pub(super) fn oldest(&self, newest: Minute) -> Minute {
        Minute(newest.0.saturating_sub(self.retention))
    }
}
