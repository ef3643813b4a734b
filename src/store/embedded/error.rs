//! Why the store could not do what it was asked, each with its cure.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// A store's way to fail. Callers that write wait and try again on [`StoreError::Full`] and [`StoreError::Unwritable`].
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process writes to it.
    #[error(
        "the store `{}` is in use by {}: stop it, or use another folder (--store or `store.path`)",
        path.display(),
        holder(*pid)
    )]
    Locked {
        /// The store's folder.
        path: PathBuf,
        /// Of the other process, where its lock tells.
        pid: Option<u32>,
    },
    /// A newer version of Linchpin wrote the store, or one bucket in it; nothing was changed.
    #[error(
        "`{}` has format version {found}, this version of linchpin reads up to {known}: use a newer linchpin, \
         or another folder (--store or `store.path`)",
        path.display()
    )]
    FutureFormat {
        /// The `FORMAT` file, or the bucket's.
        path: PathBuf,
        /// As found.
        found: u32,
        /// The newest that is known.
        known: u32,
    },
    /// The folder is somebody else's, or none; nothing was written into it.
    #[error(
        "`{}` is no store of linchpin: {reason}; use an empty or a new folder (--store or `store.path`)",
        path.display()
    )]
    NotAStore {
        /// The folder.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// No right to write, a read-only file system, or a folder that went away.
    #[error(
        "`{}` could not be written ({cause}): give this process write access to the store's folder",
        path.display()
    )]
    Unwritable {
        /// The file or folder.
        path: PathBuf,
        /// Of the system.
        cause: io::Error,
    },
    /// No room: disk, quota or size limit.
    #[error(
        "`{}` could not be written for want of room ({cause}): free some, or keep buckets for a shorter time",
        path.display()
    )]
    Full {
        /// The file or folder.
        path: PathBuf,
        /// Of the system.
        cause: io::Error,
    },
    /// A file does not hold the whole bucket of its name.
    #[error(
        "bucket `{}` is damaged: {reason}; what it held is missing until its part of the log is read again, \
         other buckets are not touched; {}",
        path.display(),
        place_of(kept.as_deref())
    )]
    Damaged {
        /// The bucket's file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
        /// Where its bytes are now, if they were moved.
        kept: Option<PathBuf>,
    },
    /// Bytes handed in for a bucket are not that bucket; nothing was written.
    #[error("the bytes for bucket `{key}` were not stored: {reason}; that is a fault of linchpin, report it")]
    Refused {
        /// The bucket.
        key: String,
        /// What is wrong with them.
        reason: String,
    },
    /// Anything else that the system reports.
    #[error("the store failed at `{}` ({cause}): look at that file or folder, and at its disk", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Of the system.
        cause: io::Error,
    },
}

impl StoreError {
    /// The error of a step of writing, sorted by what its caller can do.
    pub(super) fn writing(path: &Path, cause: io::Error) -> StoreError {
        let path = path.to_path_buf();
        match cause.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
                StoreError::Full { path, cause }
            }
            ErrorKind::PermissionDenied
            | ErrorKind::ReadOnlyFilesystem
            | ErrorKind::NotFound
            | ErrorKind::NotADirectory => StoreError::Unwritable { path, cause },
            _ => StoreError::Io { path, cause },
        }
    }

    /// The error of a step of reading.
    pub(super) fn reading(path: &Path, cause: io::Error) -> StoreError {
        StoreError::Io { path: path.to_path_buf(), cause }
    }
}

fn holder(pid: Option<u32>) -> String {
    pid.map_or_else(|| "another process".to_string(), |pid| format!("the process with pid {pid}"))
}

fn place_of(kept: Option<&Path>) -> String {
    kept.map_or_else(
        || "the file was left where it is".to_string(),
        |kept| format!("the file is now `{}`", kept.display()),
    )
}
