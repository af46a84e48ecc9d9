//! The lock on a database file, and whether the file that is locked is still the one that others find under its name.
//!
//! Looks at names and numbers of files only; never opens a file that SQLite has open.

use std::{
    fs::{File, Metadata},
    io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use keyward_storage::StorageError;
use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval},
};

use super::{OpenError, beside, has_one_name, private_file, refused};

/// How often the names are looked at while nothing is written. For as long as this, a server whose file was replaced
/// may go on beside one that was started on the new file.
const LOOKED_AT: Duration = Duration::from_millis(200);

/// How often a claim begins anew when the file is replaced while it is being claimed.
const CLAIMS: usize = 8;

/// The databases that this process has. A second claim must not even open one of them: closing that descriptor would
/// drop SQLite's own locks.
static OURS: Mutex<Vec<Identity>> = Mutex::new(Vec::new());

/// A file, whatever its names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Identity {
    device: u64,
    inode: u64,
}

/// The database file is no longer the one that was opened: it was removed or replaced, or its log was.
#[derive(Clone, Debug, thiserror::Error)]
#[error(
    "{} was removed or replaced while it was in use: what is written now would be lost. Start again on the file that \
     belongs there, and never move or copy files into the data directory of a running server", .path.display()
)]
pub struct Lost {
    /// Which file.
    pub path: PathBuf,
}

/// The right to write into a database, for as long as any clone of it lives and is not released.
#[derive(Clone, Debug)]
pub(crate) struct DatabaseLock(Arc<Held>);

#[derive(Debug)]
struct Held {
    /// The name by which the database was found.
    name: PathBuf,
    database: Identity,
    /// The log of what was written last, as SQLite names it; and which file that was when the writer opened it.
    log: PathBuf,
    opened_log: Mutex<Option<Identity>>,
    file: Mutex<Option<File>>,
    lost: watch::Sender<Option<Lost>>,
}

impl DatabaseLock {
    /// Opens and locks the file, and makes it where it is missing.
    pub(super) fn take(data_dir: &Path, name: &Path) -> Result<Self, OpenError> {
        let mut ours = held(&OURS);
        for _ in 0..CLAIMS {
            if Identity::at(name).map_err(refused(name))?.is_some_and(|found| ours.contains(&found)) {
                break;
            }
            let file = private_file().open(name).map_err(refused(name))?;
            super::lock(&file, data_dir, name)?;
            let metadata = file.metadata().map_err(refused(name))?;
            let database = Identity::of(&metadata);
            // Between opening and locking, the last holder may have gone and somebody put another file here.
            if Identity::at(name).map_err(refused(name))? != Some(database) {
                continue;
            }
            has_one_name(name, &metadata)?;
            // SQLite follows links of the database, and keeps its side files where they lead.
            let log = beside(&name.canonicalize().map_err(refused(name))?, "-wal");
            ours.push(database);
            return Ok(Self(Arc::new(Held {
                name: name.to_owned(),
                database,
                log,
                opened_log: Mutex::new(None),
                file: Mutex::new(Some(file)),
                lost: watch::Sender::new(None),
            })));
        }
        Err(OpenError::Held { data_dir: data_dir.to_owned() })
    }

    /// For the connection that writes: the log that it opens is looked at from then on.
    pub(crate) fn log(&self) -> Log {
        Log(Arc::downgrade(&self.0))
    }

    /// Whether others still find the files that are written to under their names.
    ///
    /// # Errors
    /// [`StorageError::Unavailable`] if not, or if the operating system does not say.
    pub(crate) fn still_there(&self) -> Result<(), StorageError> {
        self.look().map_err(|cause| StorageError::Unavailable(cause.into()))
    }

    /// The same after a commit: what was committed may be in a file that has no name any more.
    ///
    /// # Errors
    /// [`StorageError::OutcomeUnknown`].
    pub(crate) fn is_kept(&self) -> Result<(), StorageError> {
        self.look().map_err(|cause| StorageError::OutcomeUnknown(cause.into()))
    }

    /// Waits until the files are lost.
    pub(crate) async fn lost(&self) -> Lost {
        let mut lost = self.0.lost.subscribe();
        let mut due = interval(LOOKED_AT);
        due.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                _ = lost.changed() => {}
                _ = due.tick() => {
                    // Whatever it is, the next look or the next write meets it again.
                    let _ = self.look();
                }
            }
            if let Some(lost) = &*self.0.lost.borrow() {
                return lost.clone();
            }
        }
    }

    /// Lets go of the database, also where clones are left. To be called when SQLite has closed it.
    pub(crate) fn release(&self) {
        self.0.release();
    }

    fn look(&self) -> io::Result<()> {
        let held = &self.0;
        if let Some(lost) = &*held.lost.borrow() {
            return Err(io::Error::other(lost.clone()));
        }
        let opened_log = *self::held(&held.opened_log);
        for (path, expected) in [(&held.name, Some(held.database)), (&held.log, opened_log)] {
            if expected.is_some() && Identity::at(path)? != expected {
                let lost = Lost { path: path.clone() };
                held.lost.send_replace(Some(lost.clone()));
                return Err(io::Error::other(lost));
            }
        }
        Ok(())
    }
}

/// The log of the database, for the connections of one pool. That of a pool of readers is nothing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log(Weak<Held>);

impl Log {
    /// Remembers which file a connection has just opened.
    pub(crate) fn is_open(&self) {
        if let Some(lock) = self.0.upgrade() {
            *held(&lock.opened_log) = Identity::at(&lock.log).ok().flatten();
        }
    }

    /// Until the next one opens it, there may be none.
    pub(crate) fn is_closed(&self) {
        if let Some(lock) = self.0.upgrade() {
            *held(&lock.opened_log) = None;
        }
    }
}

impl Held {
    fn release(&self) {
        // In this order: a database that is free in the list may be opened.
        let mut ours = held(&OURS);
        if held(&self.file).take().is_some() {
            ours.retain(|other| *other != self.database);
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.release();
    }
}

impl Identity {
    fn of(metadata: &Metadata) -> Self {
        Self { device: metadata.dev(), inode: metadata.ino() }
    }

    /// What is found under this name; nothing if nothing is.
    fn at(path: &Path) -> io::Result<Option<Self>> {
        match path.metadata() {
            Ok(metadata) => Ok(Some(Self::of(&metadata))),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn held<T>(value: &Mutex<T>) -> MutexGuard<'_, T> {
    value.lock().unwrap_or_else(PoisonError::into_inner)
}
