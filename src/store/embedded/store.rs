//! The store itself: opening, listing, and put, load and delete of one bucket.
//!
//! Any number of threads load while one puts: the index is locked for its look-ups only, never while a file is read.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, RwLock, RwLockWriteGuard};

use super::StoreError;
use super::disk::Disk;
use super::format::{self, MIGRATIONS};
use super::listing::{self, Index, Listing};
use super::lock::Lock;
use super::paths::{BUCKETS, BucketPaths, CONFLICTS, DAMAGED};
use super::verdict::{Verdict, answer, look};
use crate::graph::sealed::{BucketKey, Digest};

const NOT_POISONED: &str = "no panic happens while it is locked";

/// What a store is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// To write and read; one process at a time.
    Write,
    /// To read, beside a process that writes: takes no lock, creates and changes nothing.
    Read,
}

/// What became of bytes that were put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Put {
    /// They are the bucket now.
    Written,
    /// The bucket was there and says the same: nothing was written.
    Same,
    /// The bucket was there and says something else: it stays as it is.
    Conflict {
        /// Where the new bytes are; equal versions are kept once.
        kept: PathBuf,
    },
}

/// Sealed buckets in a folder of a local disk.
pub struct EmbeddedStore {
    root: PathBuf,
    access: Access,
    index: RwLock<Index>,
    /// Whoever changes files holds it, so that looking and changing are one step.
    pub(super) disk: Mutex<Disk>,
    /// Paths that were logged as not ours.
    pub(super) strangers: Mutex<BTreeSet<PathBuf>>,
    _lock: Option<Lock>,
}

impl EmbeddedStore {
    /// Opens the store in `path`, to write creates it, and lists its files without reading them.
    ///
    /// # Errors
    /// [`StoreError::NotAStore`], [`StoreError::FutureFormat`] and [`StoreError::Locked`] before anything is changed;
    /// [`StoreError::Unwritable`] and [`StoreError::Full`] where it cannot be created.
    pub fn open(path: &Path, access: Access) -> Result<EmbeddedStore, StoreError> {
        let mut disk = Disk::default();
        if access == Access::Write {
            disk.folders(path).map_err(|error| StoreError::writing(path, error))?;
        }
        format::check(path, access, MIGRATIONS)?;
        let lock = match access {
            Access::Write => Some(Lock::take(path)?),
            Access::Read => None,
        };
        if lock.is_some() {
            format::settle(path, &mut disk, MIGRATIONS)?;
        }
        let store = EmbeddedStore {
            root: path.to_path_buf(),
            access,
            index: RwLock::default(),
            disk: Mutex::new(disk),
            strangers: Mutex::default(),
            _lock: lock,
        };
        let leftovers = store.relist()?;
        if access == Access::Write {
            leftovers.iter().try_for_each(|path| remove_leftover(path))?;
        }
        Ok(store)
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.root
    }

    /// What it was opened for.
    pub fn access(&self) -> Access {
        self.access
    }

    /// Every bucket with its size in bytes, sorted by key, as of the last opening, refresh, put, damage or delete.
    pub fn list(&self) -> Vec<(BucketKey, u64)> {
        let index = self.index.read().expect(NOT_POISONED);
        index.iter().map(|(key, size)| (key.clone(), *size)).collect()
    }

    /// The file of a bucket, whether it is there or not.
    pub fn path_of(&self, key: &BucketKey) -> PathBuf {
        BucketPaths::new(&self.root, key).bucket()
    }

    /// Files that were set aside as damaged, sorted, with their buckets where the name tells.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn damaged_files(&self) -> Result<Vec<(PathBuf, Option<BucketKey>)>, StoreError> {
        listing::damaged(&self.root)
    }

    /// Files of conflicting versions, sorted.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn conflicts(&self) -> Result<Vec<PathBuf>, StoreError> {
        listing::files_below(&self.root.join(CONFLICTS))
    }

    /// What lies in the folder and is not the store's.
    pub fn strangers(&self) -> Vec<PathBuf> {
        self.strangers.lock().expect(NOT_POISONED).iter().cloned().collect()
    }

    /// The buckets of which damaged files were set aside, by this process or an earlier one.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn damaged(&self) -> Result<BTreeSet<BucketKey>, StoreError> {
        Ok(self.damaged_files()?.into_iter().filter_map(|(_, key)| key).collect())
    }

    /// Lists the files again, for a reader beside a process that writes.
    ///
    /// # Errors
    /// [`StoreError::Io`]; the listing is then the old one.
    pub fn refresh(&self) -> Result<(), StoreError> {
        // Without it, a bucket put between the reading and the replacing of the index would be lost from it.
        let _changing = self.disk.lock().expect(NOT_POISONED);
        self.relist().map(|_| ())
    }

    /// Keeps `bytes` as the bucket `key`, unless it is there. What it reports is durable when it returns.
    ///
    /// A damaged file of that name is set aside and replaced.
    ///
    /// # Errors
    /// [`StoreError::Full`] and [`StoreError::Unwritable`], after which the same put may be tried again;
    /// [`StoreError::Refused`] where the bytes are not that bucket.
    pub fn put(&self, key: &BucketKey, bytes: &[u8]) -> Result<Put, StoreError> {
        let digest = digest_of(key, bytes)?;
        let paths = BucketPaths::new(&self.root, key);
        let path = paths.bucket();
        let mut disk = self.changing(&path)?;
        let written = |error| StoreError::writing(&path, error);
        match look(key, &path)? {
            None => {}
            Some((there, Verdict::Whole(known))) if known == digest => {
                // Its writer may have been killed between rename and sync.
                disk.sync_folder_of(&path).map_err(written)?;
                self.index().insert(key.clone(), there.len() as u64);
                return Ok(Put::Same);
            }
            Some((_, Verdict::Whole(_) | Verdict::Future { .. })) => {
                return keep_conflict(&mut disk, &paths, &digest, bytes);
            }
            Some((_, Verdict::Damaged(reason))) => {
                let error = self.set_aside(&mut disk, key, reason);
                tracing::warn!(%error, "replaced a damaged bucket");
            }
        }
        create_folders(&mut disk, &paths, BUCKETS)?;
        disk.write(&paths.temporary(), &path, bytes).map_err(written)?;
        self.index().insert(key.clone(), bytes.len() as u64);
        Ok(Put::Written)
    }

    /// The whole, verified bytes of a bucket; `None` where it is not there (any more).
    ///
    /// # Errors
    /// [`StoreError::Damaged`] where the file is not that bucket: with [`Access::Write`] it is moved away, so that the
    /// next load gives `None`. [`StoreError::FutureFormat`] where a newer version wrote it; it stays.
    pub fn load(&self, key: &BucketKey) -> Result<Option<Vec<u8>>, StoreError> {
        let path = BucketPaths::new(&self.root, key).bucket();
        match look(key, &path)? {
            Some((_, Verdict::Damaged(_))) if self.access == Access::Write => {
                let mut disk = self.changing(&path)?;
                // Another thread may have replaced the file since: what counts is what it is while nobody can.
                match look(key, &path)? {
                    Some((_, Verdict::Damaged(reason))) => Err(self.set_aside(&mut disk, key, reason)),
                    found => answer(path, found),
                }
            }
            found => answer(path, found),
        }
    }

    /// Removes a bucket, if it is there. After a power cut it may be there again.
    ///
    /// # Errors
    /// [`StoreError::Unwritable`], mostly.
    pub fn delete(&self, key: &BucketKey) -> Result<(), StoreError> {
        let path = BucketPaths::new(&self.root, key).bucket();
        let _changing = self.changing(&path)?;
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(StoreError::writing(&path, error)),
            _ => {
                self.index().remove(key);
                Ok(())
            }
        }
    }

    /// The right to change files; a store that was opened to read has it never.
    fn changing(&self, path: &Path) -> Result<MutexGuard<'_, Disk>, StoreError> {
        if self.access == Access::Read {
            let cause = io::Error::new(ErrorKind::ReadOnlyFilesystem, "the store was opened to read");
            return Err(StoreError::writing(path, cause));
        }
        Ok(self.disk.lock().expect(NOT_POISONED))
    }

    fn index(&self) -> RwLockWriteGuard<'_, Index> {
        self.index.write().expect(NOT_POISONED)
    }

    /// Replaces the index by what the folder holds; gives the files whose writing was interrupted.
    fn relist(&self) -> Result<Vec<PathBuf>, StoreError> {
        let listing = Listing::read(&self.root)?;
        *self.index() = listing.buckets;
        let mut known = self.strangers.lock().expect(NOT_POISONED);
        for path in listing.strangers {
            if !known.contains(&path) {
                tracing::warn!(path = %path.display(), "left alone what is not the store's");
                known.insert(path);
            }
        }
        Ok(listing.leftovers)
    }

    /// Moves a damaged file away, where that is possible, and says what is wrong with it.
    fn set_aside(&self, disk: &mut Disk, key: &BucketKey, reason: String) -> StoreError {
        let paths = BucketPaths::new(&self.root, key);
        let (path, kept) = (paths.bucket(), paths.damaged());
        let moved = create_folders(disk, &paths, DAMAGED)
            .and_then(|()| disk.rename(&path, &kept).map_err(|error| StoreError::writing(&kept, error)));
        if let Err(error) = &moved {
            tracing::warn!(%error, "a damaged bucket could not be set aside");
        }
        let kept = kept.exists().then_some(kept);
        if kept.is_some() {
            self.index().remove(key);
        }
        StoreError::Damaged { path, reason, kept }
    }
}

fn digest_of(key: &BucketKey, bytes: &[u8]) -> Result<Digest, StoreError> {
    let reason = match Verdict::of(key, bytes) {
        Verdict::Whole(digest) => return Ok(digest),
        Verdict::Future { found, .. } => format!("they have format version {found}"),
        Verdict::Damaged(reason) => reason,
    };
    Err(StoreError::Refused { key: key.to_string(), reason })
}

fn keep_conflict(
    disk: &mut Disk,
    paths: &BucketPaths<'_>,
    digest: &Digest,
    bytes: &[u8],
) -> Result<Put, StoreError> {
    let kept = paths.conflict(digest);
    create_folders(disk, paths, CONFLICTS)?;
    let written = match kept.exists() {
        true => disk.sync_folder_of(&kept),
        false => disk.write(&paths.temporary(), &kept, bytes),
    };
    written.map_err(|error| StoreError::writing(&kept, error))?;
    Ok(Put::Conflict { kept })
}

/// Creates the folders of a bucket below `kind`. [`BUCKETS`] itself is never created again: without it a volume is gone.
fn create_folders(disk: &mut Disk, paths: &BucketPaths<'_>, kind: &str) -> Result<(), StoreError> {
    let mut missing = paths.folders(kind).into_iter().skip(usize::from(kind == BUCKETS));
    missing.try_for_each(|path| disk.folder(&path).map_err(|error| StoreError::writing(&path, error)))
}

fn remove_leftover(path: &Path) -> Result<(), StoreError> {
    tracing::info!(path = %path.display(), "removed a file whose writing was interrupted");
    fs::remove_file(path).map_err(|error| StoreError::writing(path, error))
}
