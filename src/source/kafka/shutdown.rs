//! The token by which a source is told to end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A cloneable token; all clones say the same.
///
/// Threads look at it at least every 50 ms, so that nobody needs to be woken.
#[derive(Clone, Debug, Default)]
pub struct Shutdown(Arc<AtomicBool>);

impl Shutdown {
    /// Tells every holder to end.
    pub fn trigger(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// True once it was triggered.
    pub fn is_triggered(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
