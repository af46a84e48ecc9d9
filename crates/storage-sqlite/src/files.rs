//! The files of a store: checks before they are opened, and the lock of the process that uses the database.
//!
//! The lock is on the database file itself, so that it applies to every name of that file, and not to another file that
//! later gets its name. It is a `flock`, never a POSIX lock: SQLite uses POSIX locks on this file, and a process loses
//! all of them when it closes any descriptor of the file. So the descriptor with the lock stays open for as long as
//! SQLite has the file open, and nothing else here opens it. Never reads the database's content.

use std::{
    fs::{self, DirBuilder, Metadata, OpenOptions},
    io,
    path::{Path, PathBuf},
};

mod lock;
mod names;
mod open_error;

pub use lock::Lost;
pub(crate) use lock::{DatabaseLock, Log};
use names::has_one_name;
pub(crate) use names::{beside, private_file};
pub use open_error::OpenError;
use open_error::refused;

/// Path of the database in a folder.
pub(crate) fn database(data_dir: &Path) -> PathBuf {
    data_dir.join("keyward.db")
}

/// Creates missing files and locks the database for this process.
pub(crate) fn claim(data_dir: &Path) -> Result<DatabaseLock, OpenError> {
    private_directories().create(data_dir).map_err(refused(data_dir))?;
    let database = database(data_dir);
    match inspect(&database) {
        // Reports a held lock first, because that is what an operator must know.
        Ok(_) | Err(OpenError::Linked { .. }) => DatabaseLock::take(data_dir, &database),
        Err(error) => Err(error),
    }
}

/// Checks the database and its side files before anything opens them. Returns whether there is a database.
pub(crate) fn inspect(database: &Path) -> Result<bool, OpenError> {
    for path in [beside(database, "-wal"), beside(database, "-shm")] {
        inspect_file(&path)?;
    }
    let Some(metadata) = inspect_file(database)? else { return Ok(false) };
    has_one_name(database, &metadata)?;
    Ok(true)
}

/// Whether this file has been written to and has no log next to it: it is complete, unless it was copied.
pub(crate) fn stands_alone(database: &Path) -> bool {
    let is_written = fs::metadata(database).is_ok_and(|metadata| metadata.is_file() && metadata.len() > 0);
    is_written && !beside(database, "-wal").exists()
}

/// Truncates a file that was opened but never got a table.
pub(crate) fn empty(database: &Path) -> io::Result<()> {
    OpenOptions::new().write(true).open(database)?.set_len(0)
}

fn inspect_file(path: &Path) -> Result<Option<Metadata>, OpenError> {
    match path.metadata() {
        Ok(metadata) if metadata.is_file() => Ok(Some(metadata)),
        Ok(_) => Err(OpenError::NotAFile { path: path.to_owned() }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(refused(path)(error)),
    }
}

fn private_directories() -> DirBuilder {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
}
