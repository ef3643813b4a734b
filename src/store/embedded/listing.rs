//! What is in the store's folder, by names alone: no file is read.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, DirEntry};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::StoreError;
use super::paths::{
    BUCKETS, CONFLICTS, DAMAGED, FORMAT, FORMAT_TEMPORARY, FileName, LOCK, damaged_of, file_of, lane_of,
    width_of,
};
use crate::graph::sealed::{BucketKey, Width};

/// Buckets with their sizes in bytes.
pub(super) type Index = BTreeMap<BucketKey, u64>;

/// The folder as it was found. Files that vanish meanwhile are left out: another process may write.
#[derive(Default)]
pub(super) struct Listing {
    pub buckets: Index,
    /// Files whose writing was interrupted.
    pub leftovers: Vec<PathBuf>,
    /// What is not the store's.
    pub strangers: Vec<PathBuf>,
}

/// The folder that a new file system begins with.
pub(super) const LOST_AND_FOUND: &str = "lost+found";

impl Listing {
    /// Lists the store in `root`.
    pub fn read(root: &Path) -> Result<Listing, StoreError> {
        let ours = [FORMAT, FORMAT_TEMPORARY, LOCK, BUCKETS, DAMAGED, CONFLICTS, LOST_AND_FOUND];
        let mut listing = Listing::default();
        for entry in entries(root)? {
            if !ours.iter().any(|name| entry.file_name() == *name) {
                listing.strangers.push(entry.path());
            }
        }
        for entry in entries(&root.join(BUCKETS))? {
            match lane_of(&entry.file_name()) {
                Some(lane) if is_folder(&entry) => listing.read_lane(&entry.path(), &lane)?,
                _ => listing.strangers.push(entry.path()),
            }
        }
        Ok(listing)
    }

    fn read_lane(&mut self, folder: &Path, lane: &Arc<str>) -> Result<(), StoreError> {
        for entry in entries(folder)? {
            match width_of(&entry.file_name()) {
                Some(width) if is_folder(&entry) => self.read_width(&entry.path(), lane, width)?,
                _ => self.strangers.push(entry.path()),
            }
        }
        Ok(())
    }

    fn read_width(&mut self, folder: &Path, lane: &Arc<str>, width: Width) -> Result<(), StoreError> {
        for entry in entries(folder)? {
            match file_of(&entry.file_name(), width) {
                Some(FileName::Bucket(start)) => {
                    let Some(size) = size(&entry)? else { continue };
                    self.buckets.insert(BucketKey { lane: lane.clone(), width, start }, size);
                }
                Some(FileName::Temporary) => self.leftovers.push(entry.path()),
                None => self.strangers.push(entry.path()),
            }
        }
        Ok(())
    }
}

/// All files below a folder, sorted; none where it is not there.
pub(super) fn files_below(folder: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let mut files = Vec::new();
    for entry in entries(folder)? {
        match is_folder(&entry) {
            true => files.append(&mut files_below(&entry.path())?),
            false => files.push(entry.path()),
        }
    }
    files.sort_unstable();
    Ok(files)
}

/// The files that were set aside as damaged, sorted, with their buckets where the name tells.
pub(super) fn damaged(root: &Path) -> Result<Vec<(PathBuf, Option<BucketKey>)>, StoreError> {
    let folder = root.join(DAMAGED);
    let files = files_below(&folder)?.into_iter().map(|path| {
        let key = path.strip_prefix(&folder).ok().and_then(damaged_key);
        (path, key)
    });
    Ok(files.collect())
}

/// Reads the path of a damaged file below [`DAMAGED`].
fn damaged_key(path: &Path) -> Option<BucketKey> {
    let parts: Vec<&OsStr> = path.iter().collect();
    let [lane, width, file] = parts[..] else { return None };
    let (lane, width) = (lane_of(lane)?, width_of(width)?);
    Some(BucketKey { lane, width, start: damaged_of(file, width)? })
}

/// What is in a folder; nothing where it is not there.
fn entries(folder: &Path) -> Result<Vec<DirEntry>, StoreError> {
    let read = fs::read_dir(folder).and_then(|entries| entries.collect::<io::Result<Vec<_>>>());
    match read {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        read => read.map_err(|error| StoreError::reading(folder, error)),
    }
}

/// `None` where it is gone.
fn size(entry: &DirEntry) -> Result<Option<u64>, StoreError> {
    match entry.metadata() {
        Ok(metadata) => Ok(Some(metadata.len())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StoreError::reading(&entry.path(), error)),
    }
}

fn is_folder(entry: &DirEntry) -> bool {
    entry.file_type().is_ok_and(|kind| kind.is_dir())
}
