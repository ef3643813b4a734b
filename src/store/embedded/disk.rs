//! The steps by which files and folders come to the disk so that they stay there.
//!
//! A file appears whole or not at all: bytes go to a temporary file, which is synced and then renamed. A name is
//! durable only once its folder is synced, and that folder's own name once the folder above is.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

/// The way to the disk; who has it is the only one who writes.
#[derive(Default)]
pub(super) struct Disk {
    /// Folders whose names are known to be durable.
    settled: BTreeSet<PathBuf>,
    /// The next step that is to fail, and how.
    #[cfg(test)]
    pub fault: Option<(Step, ErrorKind)>,
}

/// A step that tests can make fail.
#[cfg(test)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Folder,
    Write,
    Sync,
    Rename,
    SyncFolder,
}

impl Disk {
    /// Makes `bytes` the content of `path`, durably; `temporary` is on the same disk and gone afterwards.
    pub fn write(&mut self, temporary: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let written = self.write_whole(temporary, bytes).and_then(|()| self.rename(temporary, path));
        if written.is_err() {
            // Whatever does not go away now goes away when the store is opened again.
            let _ = fs::remove_file(temporary);
        }
        written
    }

    fn write_whole(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut file = File::create(path)?;
        #[cfg(test)]
        self.fail_at(Step::Write)
            .or_else(|error| file.write_all(&bytes[..bytes.len() / 2]).and(Err(error)))?;
        file.write_all(bytes)?;
        #[cfg(test)]
        self.fail_at(Step::Sync)?;
        file.sync_all()
    }

    /// Renames a file, durably; a file of the new name is replaced.
    pub fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        #[cfg(test)]
        self.fail_at(Step::Rename)?;
        fs::rename(from, to)?;
        self.sync_folder_of(to)
    }

    /// Makes the name of `path` durable, or its absence.
    pub fn sync_folder_of(&mut self, path: &Path) -> io::Result<()> {
        #[cfg(test)]
        self.fail_at(Step::SyncFolder)?;
        File::open(parent(path))?.sync_all()
    }

    /// Makes sure that the folder `path` is there, durably; the folder above has to be there.
    pub fn folder(&mut self, path: &Path) -> io::Result<()> {
        #[cfg(test)]
        self.fail_at(Step::Folder)?;
        match fs::create_dir(path) {
            // It may be the work of a process that was killed before it synced.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                if self.settled.contains(path) {
                    return Ok(());
                }
            }
            created => created?,
        }
        self.sync_folder_of(path)?;
        self.settled.insert(path.to_path_buf());
        Ok(())
    }

    /// Makes sure that the folder `path` and all above it are there; those that it creates are durable.
    pub fn folders(&mut self, path: &Path) -> io::Result<()> {
        if path.is_dir() {
            return Ok(());
        }
        self.folders(parent(path))?;
        self.folder(path)
    }

    #[cfg(test)]
    fn fail_at(&mut self, step: Step) -> io::Result<()> {
        match self.fault {
            Some((at, kind)) if at == step => {
                self.fault = None;
                Err(kind.into())
            }
            _ => Ok(()),
        }
    }
}

/// The folder of `path`; that of a bare name is the working directory.
fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => path,
    }
}
