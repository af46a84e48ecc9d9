//! The names of a database's files, and the mode in which they are created.
//!
//! Never reads the content of a file.

use std::{
    fs::{Metadata, OpenOptions},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use super::open_error::OpenError;

/// Path of a side file of the database.
pub(crate) fn beside(database: &Path, suffix: &str) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}

/// Rejects hard links: even a reader would miss the latest writes.
pub(super) fn has_one_name(database: &Path, metadata: &Metadata) -> Result<(), OpenError> {
    match metadata.nlink() {
        0 | 1 => Ok(()),
        names => Err(OpenError::Linked { path: database.to_owned(), names }),
    }
}

/// SQLite gives its side files the mode of the database.
pub(crate) fn private_file() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}
