//! Where the store is.

use std::path::PathBuf;

use super::Failure;

/// The folder that `store.path` names; `None` for `none`.
///
/// # Errors
/// [`Failure::Usage`] where `auto` finds no place.
pub(super) fn store_path(configured: &str) -> Result<Option<PathBuf>, Failure> {
    match configured {
        "none" => Ok(None),
        "auto" => match data_folder() {
            Some(folder) => Ok(Some(folder.join("linchpin"))),
            None => Err(Failure::Usage(
                "store.path is `auto`, and neither XDG_DATA_HOME nor HOME is set: name a folder with --store PATH, or \
                 `--store none` to keep everything in memory"
                    .to_string(),
            )),
        },
        path => Ok(Some(PathBuf::from(path))),
    }
}

/// The platform's folder for an application's data.
fn data_folder() -> Option<PathBuf> {
    let folder = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || folder("HOME");
    match cfg!(target_os = "macos") {
        true => home().map(|home| home.join("Library/Application Support")),
        false => folder("XDG_DATA_HOME").or_else(|| home().map(|home| home.join(".local/share"))),
    }
}
