//! Why a store cannot be opened, in words for the operator.
//!
//! Opens nothing.

use std::{
    io,
    path::{Path, PathBuf},
};

use keyward_storage::StorageError;

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

/// Wraps an error of the operating system about this path.
pub(super) fn refused(path: &Path) -> impl Fn(io::Error) -> OpenError + use<> {
    let path = path.to_owned();
    move |source| OpenError::File { path: path.clone(), source }
}
