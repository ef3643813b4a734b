//! The `FORMAT` file: which folder is a store, of which version, and the way from an older version to this one.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use super::disk::Disk;
use super::listing::LOST_AND_FOUND;
use super::paths::{BUCKETS, FORMAT, FORMAT_TEMPORARY, LOCK};
use super::{Access, StoreError};

/// Brings the folder of a store to the next version; a repetition after a crash ends the same.
pub(super) type Migration = fn(&Path) -> Result<(), StoreError>;

/// From version 1 to 2, from 2 to 3, and so on: the current version is one more than their number.
pub(super) const MIGRATIONS: &[Migration] = &[];

const NAME: &str = "linchpin-store";

/// What a folder is.
#[derive(Debug, PartialEq, Eq)]
enum Folder {
    Empty,
    Store { version: u32 },
}

/// Refuses folders that are no store; those that are empty may become one, if they are opened to write.
pub(super) fn check(root: &Path, access: Access, migrations: &[Migration]) -> Result<(), StoreError> {
    let known = version_after(migrations);
    let refused = |reason: String| Err(StoreError::NotAStore { path: root.to_path_buf(), reason });
    match (inspect(root)?, access) {
        (Folder::Empty, Access::Read) => refused("it is empty".to_string()),
        (Folder::Store { version: found }, _) if found > known => {
            Err(StoreError::FutureFormat { path: root.join(FORMAT), found, known })
        }
        (Folder::Store { version: found }, Access::Read) if found < known => refused(format!(
            "it has format version {found}, which becomes {known} when `linchpin serve` opens it"
        )),
        _ => Ok(()),
    }
}

/// Makes an empty folder a store, and an older store one of the current version. The caller has checked and locked it.
pub(super) fn settle(root: &Path, disk: &mut Disk, migrations: &[Migration]) -> Result<(), StoreError> {
    let known = version_after(migrations);
    match inspect(root)? {
        Folder::Empty => write(root, disk, known)?,
        Folder::Store { version: found } => {
            for (version, migrate) in (1..).zip(migrations).skip(found as usize - 1) {
                migrate(root)?;
                write(root, disk, version + 1)?;
            }
        }
    }
    let buckets = root.join(BUCKETS);
    disk.folder(&buckets).map_err(|error| StoreError::writing(&buckets, error))
}

fn version_after(migrations: &[Migration]) -> u32 {
    migrations.len() as u32 + 1
}

fn inspect(root: &Path) -> Result<Folder, StoreError> {
    let refused =
        |reason: &str| StoreError::NotAStore { path: root.to_path_buf(), reason: reason.to_string() };
    let path = root.join(FORMAT);
    match fs::read(&path) {
        Ok(bytes) => {
            let text = String::from_utf8_lossy(&bytes);
            let version = text.trim_end().strip_prefix(NAME).and_then(|rest| rest.strip_prefix(' '));
            match version.and_then(|version| version.parse().ok()) {
                Some(version) if version > 0 => Ok(Folder::Store { version }),
                _ => Err(refused(&format!(
                    "its file {FORMAT} says `{}`, that of a store says `{NAME} 1`",
                    text.trim_end().chars().take(40).collect::<String>()
                ))),
            }
        }
        Err(error) => match error.kind() {
            ErrorKind::NotADirectory => Err(refused("it, or a part of its path, is a file")),
            ErrorKind::NotFound if !root.exists() => Err(refused("there is no such folder")),
            ErrorKind::NotFound if has_other_files(root)? => {
                Err(refused(&format!("it holds other files and no {FORMAT}")))
            }
            ErrorKind::NotFound => Ok(Folder::Empty),
            _ => Err(StoreError::reading(&path, error)),
        },
    }
}

/// True where there is more than what a first opening that was interrupted leaves.
fn has_other_files(root: &Path) -> Result<bool, StoreError> {
    let entries = fs::read_dir(root).map_err(|error| StoreError::reading(root, error))?;
    let names = entries.filter_map(|entry| Some(entry.ok()?.file_name()));
    let known = [LOCK, FORMAT_TEMPORARY, LOST_AND_FOUND];
    Ok(names.into_iter().any(|name| !known.iter().any(|known| name == *known)))
}

fn write(root: &Path, disk: &mut Disk, version: u32) -> Result<(), StoreError> {
    let path = root.join(FORMAT);
    disk.write(&root.join(FORMAT_TEMPORARY), &path, format!("{NAME} {version}\n").as_bytes())
        .map_err(|error| StoreError::writing(&path, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store_of(text: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(FORMAT), text).unwrap();
        folder
    }

    #[test]
    fn an_older_store_takes_every_step_to_the_current_version() {
        fn step(name: &str) -> impl Fn(&Path) -> Result<(), StoreError> {
            move |root: &Path| {
                fs::write(root.join(name), "").map_err(|error| StoreError::writing(root, error))
            }
        }
        let steps: [Migration; 3] =
            [|root| step("one")(root), |root| step("two")(root), |root| step("three")(root)];
        let folder = store_of("linchpin-store 2\n");
        let message = check(folder.path(), Access::Read, &steps).unwrap_err().to_string();
        assert!(message.contains("has format version 2, which becomes 4 when `linchpin serve`"), "{message}");
        check(folder.path(), Access::Write, &steps).unwrap();
        settle(folder.path(), &mut Disk::default(), &steps).unwrap();
        let has = |name: &str| folder.path().join(name).exists();
        assert_eq!((has("one"), has("two"), has("three")), (false, true, true));
        assert_eq!(inspect(folder.path()).unwrap(), Folder::Store { version: 4 });
        check(folder.path(), Access::Read, &steps).unwrap();
    }

    #[test]
    fn what_is_no_format_is_told() {
        for text in
            ["", "linchpin-store", "linchpin-store 0", "linchpin-store -1", "linchpin-storeroom 1", "\u{0}"]
        {
            let folder = store_of(text);
            let message = inspect(folder.path()).unwrap_err().to_string();
            assert!(message.contains("its file FORMAT says `"), "{text}: {message}");
        }
    }
}
