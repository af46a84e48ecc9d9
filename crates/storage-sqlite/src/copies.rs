//! Copies of a store: taken while a server has it open, looked into, and put in the place of a store that no server has
//! open.
//!
//! A copy is one file that SQLite itself wrote, with all that was committed when it began. The bytes of a database file
//! that a server has open are no copy: what was written last stands in the log beside it. It never decides whose copy
//! it is.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use keyward_storage::{LostHistory, Result, StorageError};
use sqlx::Connection as _;

use crate::{
    OpenError, Options, SqliteStore,
    error::refused,
    files::{self, DatabaseLock, database},
    history,
    watch::Watch,
};

/// Where in a database file the versions of its format stand; 2 says that there is a log beside it
/// (<https://www.sqlite.org/fileformat.html>, section 1.3.3).
const FORMATS: [usize; 2] = [18, 19];

/// SQLite's files beside a database.
fn beside(database: &Path, suffix: &str) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}

fn cannot(path: &Path) -> impl FnOnce(io::Error) -> OpenError {
    let path = path.to_owned();
    move |source| OpenError::File { path, source }
}

/// Removes what was to become a copy, with what SQLite left beside it. Nothing is wrong if it is not there.
///
/// # Errors
/// [`OpenError::File`] if something of it stays.
pub fn discard(draft: &Path) -> Result<(), OpenError> {
    ["", "-wal", "-shm", "-journal"].into_iter().try_for_each(|suffix| remove(&beside(draft, suffix)))
}

fn remove(path: &Path) -> Result<(), OpenError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(cannot(path)(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Whether this file has been written to and has no log beside it: nothing of it is missing, unless it was copied.
pub(crate) fn stands_alone(database: &Path) -> bool {
    let is_written = fs::metadata(database).is_ok_and(|metadata| metadata.is_file() && metadata.len() > 0);
    is_written && !beside(database, "-wal").exists()
}

/// Makes a file that was opened and never got a table a new one again.
pub(crate) fn empty(database: &Path) -> io::Result<()> {
    OpenOptions::new().write(true).open(database)?.set_len(0)
}

impl SqliteStore {
    /// Writes a copy of all that is committed into this file, which has to be empty or absent. A server may have the
    /// store open and go on writing.
    ///
    /// # Errors
    /// As every read; also if the file cannot be written or is not empty.
    #[tracing::instrument(skip_all, name = "db.store.copy_into")]
    pub async fn copy_into(&self, file: &Path) -> Result<()> {
        let name = file.to_str().ok_or_else(|| StorageError::Unexpected("the name of the copy is not UTF-8".into()))?;
        // Not checked at compile time: it is no query.
        sqlx::query("VACUUM INTO ?1").bind(name).execute(self.readers.plain()).await.map_err(refused)?;
        history::begin_copy(file, &Options::default()).await
    }

    /// Opens a copy for reading only.
    ///
    /// # Errors
    /// [`OpenError::NoCopy`] if the file is not one, or is damaged where SQLite looks first; [`Self::check`] reads the
    /// rest.
    pub async fn open_copy(file: &Path, options: &Options) -> Result<Self, OpenError> {
        let no_copy = |why| OpenError::NoCopy { path: file.to_owned(), why };
        // Looked at before it is opened: a pipe would keep us waiting.
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
        // A pool takes what a first look says for an outage, and tries again until its time is up.
        match options.look_into(file).await.map_err(refused) {
            Ok(()) => {}
            Err(StorageError::Corrupt { .. }) => return Err(no_copy("it is damaged")),
            Err(error) => return Err(OpenError::Database(error)),
        }
        Ok(Self {
            readers: options.readers(file).into(),
            writer: None,
            foreign: Arc::default(),
            watch: Watch::default(),
        })
    }

    /// Reads the whole file, and looks whether it is sound.
    ///
    /// # Errors
    /// [`StorageError::Corrupt`] with what SQLite found first.
    pub async fn check(&self) -> Result<()> {
        let found: String =
            sqlx::query_scalar("PRAGMA integrity_check(1)").fetch_one(self.readers.plain()).await.map_err(refused)?;
        if found == "ok" { Ok(()) } else { Err(StorageError::Corrupt { table: "the whole database", id: found }) }
    }

    /// Moves what was written so far into the one database file.
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

/// Puts a copy in the place of the store in this folder, if there is one. What is lost by that is written into the copy
/// first. Afterwards there is one store and nothing beside it, whatever fails on the way: the old one, or the copy.
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
    // What an interrupted restore left behind.
    discard(&draft)?;
    let put = async {
        settle(&database(data_dir), options, &lock).await;
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

/// Moves all of a store that no process has open into its one file: it is whole until the copy has its name, and
/// nothing stands beside it.
async fn settle(database: &Path, options: &Options, lock: &DatabaseLock) {
    let Ok(writer) = options.writer(database, lock).await else { return };
    if let Ok(mut connection) = writer.acquire().await {
        // An old store that is damaged is no reason to keep it.
        let _ = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut *connection).await;
        let _ = connection.ping().await;
    }
    writer.close().await;
}

/// Makes a file with what the copy holds, and with what is lost by it.
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

/// Gives a file that is whole the name of the store, which no process has open.
fn put_in_place(data_dir: &Path, draft: &Path) -> Result<(), OpenError> {
    let database = database(data_dir);
    // The log of the old store must not be taken for that of the copy.
    for suffix in ["-wal", "-shm", "-journal"] {
        remove(&beside(&database, suffix))?;
    }
    fs::rename(draft, &database).map_err(cannot(&database))?;
    File::open(data_dir).and_then(|folder| folder.sync_all()).map_err(cannot(data_dir))
}
