//! The lock of the one process that writes; the system frees it with the process, however that ends.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::path::Path;

use super::StoreError;
use super::paths::LOCK;

/// Held while it lives.
pub(super) struct Lock(File);

impl Lock {
    /// Takes the lock of the store in `root`, or says who has it.
    pub fn take(root: &Path) -> Result<Lock, StoreError> {
        let path = root.join(LOCK);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|error| StoreError::writing(&path, error))?;
        match file.try_lock() {
            Ok(()) => {
                // On a full disk the lock holds as well without the pid, which is for the other's message only.
                let _ = file.set_len(0).and_then(|()| write!(file, "{}", std::process::id()));
                Ok(Lock(file))
            }
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                let pid = file.read_to_string(&mut text).ok().and_then(|_| text.trim().parse().ok());
                Err(StoreError::Locked { path: root.to_path_buf(), pid })
            }
            Err(TryLockError::Error(error)) => Err(StoreError::Io { path, cause: error }),
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing is not enough while a child process, between fork and exec, still has a copy of the descriptor.
        let _ = self.0.unlock();
    }
}
