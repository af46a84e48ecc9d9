//! Copies of a store: made while a server has it open, inspected, and restored in place of a store that no server has
//! open.
//!
//! A copy is one file that SQLite itself wrote, with everything committed when it began. The bytes of a database file
//! that a server has open are not a copy: the latest writes are in its log. Never decides which installation a copy
//! belongs to.

use std::{
    fs::{self, File},
    io::{self, Read as _},
    path::Path,
    sync::Arc,
};

use keyward_storage::{LostHistory, Result, StorageError};
use sqlx::Connection as _;

use crate::{
    clock::DatabaseClock,
    error::refused,
    files::{self, DatabaseLock, OpenError, beside, database},
    history,
    options::Options,
    store::SqliteStore,
};

/// Position of the format versions in a database file; 2 means that the database uses a log
/// (<https://www.sqlite.org/fileformat.html>, section 1.3.3).
const FORMATS: [usize; 2] = [18, 19];

fn cannot(path: &Path) -> impl FnOnce(io::Error) -> OpenError {
    let path = path.to_owned();
    move |source| OpenError::File { path, source }
}

/// Removes an unfinished copy with its side files. A missing file is no error.
///
/// # Errors
/// [`OpenError::File`] if a file cannot be removed.
pub fn discard(draft: &Path) -> Result<(), OpenError> {
    ["", "-wal", "-shm", "-journal"].into_iter().try_for_each(|suffix| remove(&beside(draft, suffix)))
}

fn remove(path: &Path) -> Result<(), OpenError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(cannot(path)(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

impl SqliteStore {
    /// Writes a copy of everything committed into this file, which must be empty or absent. A server may have the store
    /// open and continue writing.
    ///
    /// # Errors
    /// As every read; also if the file cannot be written or is not empty.
    pub async fn copy_into(&self, file: &Path) -> Result<()> {
        let name = file.to_str().ok_or_else(|| StorageError::Unexpected("the name of the copy is not UTF-8".into()))?;
        // Not checked at compile time: it is not a query.
        sqlx::query("VACUUM INTO ?1").bind(name).execute(self.readers.plain()).await.map_err(refused)?;
        history::begin_copy(file, &Options::default()).await
    }

    /// Opens a copy for reading only.
    ///
    /// # Errors
    /// [`OpenError::NoCopy`] if the file is not a copy, or is damaged where SQLite reads first; [`Self::check`] reads
    /// the rest.
    pub async fn open_copy(file: &Path, options: &Options) -> Result<Self, OpenError> {
        let no_copy = |why| OpenError::NoCopy { path: file.to_owned(), why };
        // Checked before it is opened: opening a pipe would block.
        if !fs::metadata(file).map_err(cannot(file))?.is_file() {
            return Err(no_copy("it is not a file"));
        }
        let mut head = [0; 20];
        let read = File::open(file).and_then(|mut file| file.read_exact(&mut head));
        match read {
            Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => return Err(cannot(file)(error)),
            Ok(()) if head.starts_with(b"SQLite format 3\0") => {}
            Ok(()) | Err(_) => return Err(no_copy("it is not an SQLite database")),
        }
        if FORMATS.iter().any(|place| head[*place] != 1) {
            return Err(no_copy("it is the file of a server, copied without what stands beside it"));
        }
        // A pool would treat an error of the first read as an outage, and retry until its time limit.
        match options.look_into(file).await.map_err(refused) {
            Ok(()) => {}
            Err(StorageError::Corrupt { .. }) => return Err(no_copy("it is damaged")),
            Err(error) => return Err(OpenError::Database(error)),
        }
        Ok(Self {
            readers: options.readers(file).into(),
            writer: None,
            foreign: Arc::default(),
            clock: DatabaseClock::default(),
        })
    }

    /// Reads the whole file, and checks its integrity.
    ///
    /// # Errors
    /// [`StorageError::Corrupt`] with the first problem that SQLite found.
    pub async fn check(&self) -> Result<()> {
        let found: String =
            sqlx::query_scalar("PRAGMA integrity_check(1)").fetch_one(self.readers.plain()).await.map_err(refused)?;
        if found == "ok" { Ok(()) } else { Err(StorageError::Corrupt { table: "the whole database", id: found }) }
    }

    /// Moves all writes so far from the log into the database file.
    ///
    /// # Errors
    /// As every write.
    pub async fn checkpoint(&self) -> Result<()> {
        sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)")
            .execute(self.writer()?.plain())
            .await
            .map(|_| ())
            .map_err(refused)
    }
}

/// Replaces the store in this folder, if there is one, by a copy. First records the lost events in the copy. Whatever
/// fails on the way, afterwards there is exactly one store without side files: the old one, or the copy.
///
/// # Errors
/// [`OpenError::Held`] if a process has the store open for writing.
pub async fn restore(
    data_dir: &Path,
    copy: &Path,
    options: &Options,
    lost: Option<&LostHistory>,
) -> Result<(), OpenError> {
    let lock = files::claim(data_dir)?;
    let draft = beside(&database(data_dir), ".restoring");
    // Left behind by an interrupted restore.
    discard(&draft)?;
    let put = async {
        move_log_into_file(&database(data_dir), options, &lock).await;
        fill(&draft, copy, options, lost).await?;
        put_in_place(data_dir, &draft)
    };
    let put = put.await;
    if put.is_err() {
        let _ = discard(&draft);
    }
    put?;
    lock.release();
    Ok(())
}

/// Moves all writes of a store that no process has open into its file, so that it stays complete, without side files,
/// until the copy gets its name.
async fn move_log_into_file(database: &Path, options: &Options, lock: &DatabaseLock) {
    let Ok(writer) = options.writer(database, lock).await else { return };
    if let Ok(mut connection) = writer.acquire().await {
        // A damaged old store must not prevent the restore.
        let _ = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut *connection).await;
        let _ = connection.ping().await;
    }
    writer.close().await;
}

/// Creates a file with the copy's content and the record of lost events.
async fn fill(draft: &Path, copy: &Path, options: &Options, lost: Option<&LostHistory>) -> Result<(), OpenError> {
    let copied = || {
        let mut new = files::private_file().create_new(true).open(draft)?;
        io::copy(&mut File::open(copy)?, &mut new)?;
        new.sync_all()
    };
    copied().map_err(cannot(draft))?;
    if let Some(lost) = lost {
        history::write_into(draft, options, lost).await.map_err(OpenError::Database)?;
        File::open(draft).and_then(|draft| draft.sync_all()).map_err(cannot(draft))?;
    }
    Ok(())
}

/// Renames a complete file to the store's name, which no process has open.
fn put_in_place(data_dir: &Path, draft: &Path) -> Result<(), OpenError> {
    let database = database(data_dir);
    // The old store's log must not be taken for the copy's.
    for suffix in ["-wal", "-shm", "-journal"] {
        remove(&beside(&database, suffix))?;
    }
    fs::rename(draft, &database).map_err(cannot(&database))?;
    File::open(data_dir).and_then(|folder| folder.sync_all()).map_err(cannot(data_dir))
}
