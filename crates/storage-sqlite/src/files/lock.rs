//! The lock on a database file, and the check that the locked file is still the one found under its name.
//!
//! Uses only names and inode numbers of files; never opens a file that SQLite has open.

use std::{
    fs::{File, Metadata, TryLockError},
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

use super::{
    names::{beside, has_one_name, private_file},
    open_error::{OpenError, refused},
};

/// Interval between checks of the file names while nothing is written. For at most this time, a server whose file was
/// replaced may run beside one started on the new file.
const LOOKED_AT: Duration = Duration::from_millis(200);

/// Maximum number of attempts if the file is replaced while it is being claimed.
const CLAIMS: usize = 8;

/// The databases that this process has open. A second claim must not even open one of them: closing that descriptor
/// would release SQLite's own locks.
static OURS: Mutex<Vec<Identity>> = Mutex::new(Vec::new());

/// Identifies a file, whatever its names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Identity {
    device: u64,
    inode: u64,
}

/// The database file or its log was removed or replaced since it was opened.
#[derive(Clone, Debug, thiserror::Error)]
#[error(
    "{} was removed or replaced while it was in use: what is written now would be lost. Start again on the file that \
     belongs there, and never move or copy files into the data directory of a running server", .path.display()
)]
pub struct Lost {
    /// The file.
    pub path: PathBuf,
}

/// The lock for writing to a database, held until all clones are dropped or it is released.
#[derive(Clone, Debug)]
pub(crate) struct DatabaseLock(Arc<Held>);

#[derive(Debug)]
struct Held {
    /// The name under which the database was opened.
    name: PathBuf,
    database: Identity,
    /// SQLite's write-ahead log, and its file identity when the writer opened it.
    log: PathBuf,
    opened_log: Mutex<Option<Identity>>,
    file: Mutex<Option<File>>,
    lost: watch::Sender<Option<Lost>>,
}

impl DatabaseLock {
    /// Opens and locks the file, and creates it if it is missing.
    pub(super) fn take(data_dir: &Path, name: &Path) -> Result<Self, OpenError> {
        let mut ours = held(&OURS);
        for _ in 0..CLAIMS {
            if Identity::at(name).map_err(refused(name))?.is_some_and(|found| ours.contains(&found)) {
                break;
            }
            let file = private_file().open(name).map_err(refused(name))?;
            lock(&file, data_dir, name)?;
            let metadata = file.metadata().map_err(refused(name))?;
            let database = Identity::of(&metadata);
            // Between opening and locking, the last holder may have ended and the file may have been replaced.
            if Identity::at(name).map_err(refused(name))? != Some(database) {
                continue;
            }
            has_one_name(name, &metadata)?;
            // SQLite follows symbolic links to the database, and puts its side files next to the target.
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

    /// The log for the writing connection; once opened, its file is checked, too.
    pub(crate) fn log(&self) -> Log {
        Log(Arc::downgrade(&self.0))
    }

    /// Checks that the open files are still found under their names.
    ///
    /// # Errors
    /// [`StorageError::Unavailable`] if they are not, or if the operating system returns an error.
    pub(crate) fn still_there(&self) -> Result<(), StorageError> {
        self.look().map_err(|cause| StorageError::Unavailable(cause.into()))
    }

    /// Like [`Self::still_there`], after a commit: the commit may be in a file that no longer has a name.
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
                    // The next check or write meets any other error again.
                    let _ = self.look();
                }
            }
            if let Some(lost) = &*self.0.lost.borrow() {
                return lost.clone();
            }
        }
    }

    /// Releases the database, even if clones are left. Call it once SQLite has closed the database.
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

/// The database's log, for the connections of one pool; none for a pool of readers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log(Weak<Held>);

impl Log {
    /// Records the identity of the log that a connection has just opened.
    pub(crate) fn is_open(&self) {
        if let Some(lock) = self.0.upgrade() {
            *held(&lock.opened_log) = Identity::at(&lock.log).ok().flatten();
        }
    }

    /// Records that the log is closed: it may not exist until the next connection opens it.
    pub(crate) fn is_closed(&self) {
        if let Some(lock) = self.0.upgrade() {
            *held(&lock.opened_log) = None;
        }
    }
}

impl Held {
    fn release(&self) {
        // In this order: once it is removed from the list, another claim may open the database.
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

    /// The file under this name; none if there is none.
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

/// Locks the file for this process.
fn lock(file: &File, data_dir: &Path, database: &Path) -> Result<(), OpenError> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(OpenError::Held { data_dir: data_dir.to_owned() }),
        Err(TryLockError::Error(source)) => Err(refused(database)(source)),
    }
}
