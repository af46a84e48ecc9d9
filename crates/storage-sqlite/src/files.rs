//! The files of a store: who may read them, and which process has the folder.
//!
//! Never looks into the database.

use std::{
    fs::{DirBuilder, File, OpenOptions, TryLockError},
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use keyward_storage::StorageError;

/// Why a store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it open for writing.
    #[error("another keyward holds {}: stop that one first, or name another directory", .data_dir.display())]
    Held {
        /// The folder.
        data_dir: PathBuf,
    },
    /// There is no store to read.
    #[error("there is no keyward database in {}", .data_dir.display())]
    Missing {
        /// The folder.
        data_dir: PathBuf,
    },
    /// The operating system refuses a file.
    #[error("cannot open {}", .path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What it says.
        source: io::Error,
    },
    /// SQLite refuses the database.
    #[error("cannot open the database")]
    Database(#[source] StorageError),
}

/// The right to write into a folder, for as long as any clone of it lives and is not released.
#[derive(Clone, Debug)]
pub(crate) struct DirectoryLock(Arc<File>);

impl DirectoryLock {
    /// Lets go of the folder, whoever still has a clone.
    pub(crate) fn release(&self) -> io::Result<()> {
        self.0.unlock()
    }
}

/// Where the database of a folder is.
pub(crate) fn database(data_dir: &Path) -> PathBuf {
    data_dir.join("keyward.db")
}

/// Makes what is missing and takes the folder for this process.
pub(crate) fn claim(data_dir: &Path) -> Result<DirectoryLock, OpenError> {
    let refused = |path: &Path| {
        let path = path.to_owned();
        move |source| OpenError::File { path, source }
    };
    private_directories().create(data_dir).map_err(refused(data_dir))?;
    let lock = data_dir.join("keyward.lock");
    let file = private_file().open(&lock).map_err(refused(&lock))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(OpenError::Held { data_dir: data_dir.to_owned() }),
        Err(TryLockError::Error(source)) => return Err(OpenError::File { path: lock, source }),
    }
    // SQLite gives its side files the mode of the database.
    let database = database(data_dir);
    private_file().open(&database).map_err(refused(&database))?;
    Ok(DirectoryLock(Arc::new(file)))
}

fn private_directories() -> DirBuilder {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
}

fn private_file() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}
