//! Folders and files that only their owner may read: they hold password hashes, secrets and texts.

use std::{
    fs::{DirBuilder, File, OpenOptions, Permissions},
    io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::Path,
};

use anyhow::Context;

/// The rights of all other users of the machine. Rights of the group may be intended.
const OTHERS: u32 = 0o007;

/// Creates the data folder or a folder in it, unless it exists.
///
/// # Errors
/// When it cannot be created.
pub(crate) fn folder(path: &Path) -> anyhow::Result<()> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.with_context(|| format!("create data folder {}", path.display()))
}

/// Opens a file for writing, and creates it if necessary; rights of other users are removed.
///
/// # Errors
/// When it cannot be opened.
pub(crate) fn file(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path)?;
    let mode = file.metadata()?.permissions().mode();
    if mode & OTHERS != 0 {
        file.set_permissions(Permissions::from_mode(mode & !OTHERS))?;
    }
    Ok(file)
}

/// Prepares a SQLite database, which creates its other files with the rights of the first.
///
/// # Errors
/// When it cannot be opened.
pub(crate) fn database(path: &Path) -> anyhow::Result<()> {
    let others = ["-wal", "-shm"].map(|end| {
        let mut name = path.as_os_str().to_owned();
        name.push(end);
        name
    });
    file(path).with_context(|| format!("open {}", path.display()))?;
    for other in others.iter().map(Path::new).filter(|path| path.exists()) {
        file(other).with_context(|| format!("open {}", other.display()))?;
    }
    Ok(())
}
