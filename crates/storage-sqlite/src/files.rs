//! The files of a store: checks before they are opened, and the lock of the process that uses the database.
//!
//! The lock is on the database file itself, so that it applies to every name of that file, and not to another file that
//! later gets its name. It is a `flock`, never a POSIX lock: SQLite uses POSIX locks on this file, and a process loses
//! all of them when it closes any descriptor of the file. So the descriptor with the lock stays open for as long as
//! SQLite has the file open, and nothing else here opens it. Never reads the database's content.

use std::{
    fs::{self, DirBuilder, File, Metadata, OpenOptions, TryLockError},
    io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use keyward_storage::StorageError;

mod lock;

pub use lock::Lost;
pub(crate) use lock::{DatabaseLock, Log};

/// Why a store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has the store open for writing.
    #[error("another keyward holds {}: stop that one first, or name another directory", .data_dir.display())]
    Held {
        /// The folder.
        data_dir: PathBuf,
    },
    /// There is no store in the folder.
    #[error("there is no keyward database in {}", .data_dir.display())]
    Missing {
        /// The folder.
        data_dir: PathBuf,
    },
    /// A directory, a pipe or a device is in the place of a file. Opening a pipe would block until its other end is
    /// opened.
    #[error("{} is not a file: move it away", .path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// The database has a second hard link. Its log is next to only one of the names, so a start under the other name
    /// would lose the latest writes.
    #[error(
        "{} has {names} names (hard links): SQLite keeps what was written last beside one of them, so only one may be \
         used; find the others with `find / -samefile {}` and remove them", .path.display(), .path.display()
    )]
    Linked {
        /// The database.
        path: PathBuf,
        /// Number of names.
        names: u64,
    },
    /// The database is empty although it was written to, and its side files are missing.
    #[error(
        "{} holds nothing and is not new: it was copied from a running server without what stands beside it; put back \
         a copy that `keyward backup` made (`keyward restore`), or remove it to begin anew", .path.display()
    )]
    Hollow {
        /// The database.
        path: PathBuf,
    },
    /// The file is not a copy made by `keyward backup`.
    #[error("{} is no copy that `keyward backup` made: {why}", .path.display())]
    NoCopy {
        /// The file.
        path: PathBuf,
        /// Why it is not.
        why: &'static str,
    },
    /// The operating system rejects an operation on a file.
    #[error("cannot open {}", .path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// SQLite rejects the database.
    #[error("cannot open the database")]
    Database(#[source] StorageError),
}

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

/// Rejects hard links: even a reader would miss the latest writes.
fn has_one_name(database: &Path, metadata: &Metadata) -> Result<(), OpenError> {
    match metadata.nlink() {
        0 | 1 => Ok(()),
        names => Err(OpenError::Linked { path: database.to_owned(), names }),
    }
}

/// Path of a side file of the database.
pub(crate) fn beside(database: &Path, suffix: &str) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push(suffix);
    path.into()
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

fn refused(path: &Path) -> impl Fn(io::Error) -> OpenError + use<> {
    let path = path.to_owned();
    move |source| OpenError::File { path: path.clone(), source }
}

fn private_directories() -> DirBuilder {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
}

/// SQLite gives its side files the mode of the database.
pub(crate) fn private_file() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Locks the file for this process.
fn lock(file: &File, data_dir: &Path, database: &Path) -> Result<(), OpenError> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(OpenError::Held { data_dir: data_dir.to_owned() }),
        Err(TryLockError::Error(source)) => Err(refused(database)(source)),
    }
}
