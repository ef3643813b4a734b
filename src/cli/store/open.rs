//! Where the store is, and opening it to read.

use std::path::PathBuf;

use super::super::Failure;
use super::super::config::ConfigArgs;
use crate::store::{Access, EmbeddedStore, StoreError};

/// Which store a command reads.
#[derive(clap::Args)]
pub(super) struct StoreArgs {
    /// Folder of the store; `auto` is `linchpin` in the platform's data folder. Without it: `store.path` of the
    /// configuration.
    #[arg(long, value_name = "PATH")]
    store: Option<String>,
    #[command(flatten)]
    config: ConfigArgs,
}

impl StoreArgs {
    /// Opens it to read.
    ///
    /// # Errors
    /// [`Failure::Config`], and [`Failure::Usage`] with the cure.
    pub fn open(&self) -> Result<EmbeddedStore, Failure> {
        let configured = self.config.loader().load().map_err(Failure::Config)?.config.store.path;
        open_to_read(self.store.as_deref().unwrap_or(&configured))
    }
}

/// Opens a store beside whoever writes to it.
///
/// # Errors
/// [`Failure::Usage`] with the cure.
pub(in crate::cli) fn open_to_read(configured: &str) -> Result<EmbeddedStore, Failure> {
    let Some(path) = store_path(configured)? else {
        return Err(Failure::Usage(
            "the store is `none`, so nothing is on disk: name the folder of a store with --store PATH"
                .to_string(),
        ));
    };
    EmbeddedStore::open(&path, Access::Read).map_err(|error| match error {
        StoreError::NotAStore { path, reason } => Failure::Usage(format!(
            "`{}` is no store of linchpin: {reason}; name the folder that `linchpin serve` writes to with --store PATH",
            path.display()
        )),
        error => Failure::Usage(error.to_string()),
    })
}

/// The folder that `store.path` names; `None` for `none`.
///
/// # Errors
/// [`Failure::Usage`] where `auto` finds no place.
pub(in crate::cli) fn store_path(configured: &str) -> Result<Option<PathBuf>, Failure> {
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
