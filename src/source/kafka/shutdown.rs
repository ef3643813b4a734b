//! The token by which a source is told to end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A cloneable token; all clones say the same.
///
/// Threads look at it at least every 50 ms, so that nobody needs to be woken.
#[derive(Clone, Debug, Default)]
pub struct Shutdown {
    is_triggered: Arc<AtomicBool>,
    is_drained: Arc<AtomicBool>,
}

impl Shutdown {
    /// Tells every holder to end.
    pub fn trigger(&self) {
        self.is_triggered.store(true, Ordering::Relaxed);
    }

    /// True once it was triggered.
    pub fn is_triggered(&self) -> bool {
        self.is_triggered.load(Ordering::Relaxed)
    }

    /// Tells the source that all it had sent is worked off: it commits, and leaves its group.
    pub fn drained(&self) {
        self.is_drained.store(true, Ordering::Relaxed);
    }

    /// True once all that was sent is worked off.
    pub fn is_drained(&self) -> bool {
        self.is_drained.load(Ordering::Relaxed)
    }
}
