//! `keyward backup` and `keyward restore`: copies the embedded database, and puts a copy back.
//!
//! A copy bears the stamp of its database: the environment and the fingerprints of the master key. It never holds the
//! key itself. Postgres has its own tools; `docs/backup.md` describes them.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, anyhow, bail};
use clap::Args;
use keyward_app::Clock as _;
use keyward_storage::{Feed as _, HistoryToken, Installation as _, LostHistory, Schema, Seq, Stamp};
use keyward_storage_sqlite::{OpenError, Options, SqliteStore};
use serde_json::json;
use tracing::{Instrument as _, debug_span};

use super::output::{self, Form};
use crate::{
    clock::SystemClock,
    config::Settings,
    database::{Database, Mode, explain},
    installation::{Claimant, judge},
    master_key, private_file,
};

#[derive(Debug, Args)]
pub(super) struct Named {
    /// File of the copy
    file: PathBuf,
    #[command(flatten)]
    form: Form,
}

/// Copies the database into a new file that only its owner can read.
pub(super) async fn backup(named: &Named, settings: &Settings) -> Result<()> {
    const LINES: &[(&str, &str)] = &[
        ("FILE", "file"),
        ("ENVIRONMENT", "environment"),
        ("MASTER KEY", "master_key_fingerprints"),
        ("LAST EVENT", "last_event"),
    ];
    let Named { file, form } = named;
    if !settings.is_embedded() {
        bail!("this copies the embedded database; copy a Postgres with its own pg_dump (docs/backup.md)");
    }
    let database = Database::open(settings, Mode::Read).await?;
    let copied = copy(file, &database).await;
    let closed = database.close().await;
    let contents = copied?;
    closed?;
    let copied = json!({
        "file": file,
        "environment": contents.stamp.environment.as_str(),
        "master_key_fingerprints": contents.fingerprints(),
        "last_event": contents.last_event,
    });
    output::object(&copied, LINES, *form)
}

async fn copy(file: &Path, database: &Database) -> Result<Contents> {
    let Database::Embedded(store, _) = database else { bail!("this copies the embedded database") };
    look_into(store).await?;
    let is_there = |path: &Path| anyhow!("{} already exists and is not overwritten", path.display());
    if fs::symlink_metadata(file).is_ok() {
        return Err(is_there(file));
    }
    // An incomplete copy is unusable: the file gets its name when it is complete.
    let draft = draft_of(file);
    let made = private_file::create_new(&draft).map_err(|error| {
        if error.kind() == io::ErrorKind::AlreadyExists {
            return is_there(&draft).context("another backup is running, or one was interrupted and left its draft");
        }
        anyhow::Error::new(error).context(format!("cannot make {}", file.display()))
    })?;
    let written = async {
        store.copy_into(&draft).instrument(debug_span!("db.store.copy_into")).await?;
        private_file::make_lasting(&made, &draft)?;
        let copy = SqliteStore::open_copy(&draft, &Options::default()).await?;
        let contents = check(&copy).await;
        copy.close().await?;
        let contents = contents?;
        private_file::publish(&draft, file)?;
        Ok(contents)
    };
    written.await.map_err(|error: anyhow::Error| {
        let _ = keyward_storage_sqlite::discard(&draft);
        error.context(format!("cannot copy the database into {}", file.display()))
    })
}

/// Path of an incomplete copy.
fn draft_of(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".part");
    name.into()
}

/// Replaces the embedded database by a copy. The copy must fit this environment and master key.
pub(super) async fn restore(named: &Named, settings: &Settings) -> Result<()> {
    const LINES: &[(&str, &str)] = &[
        ("FILE", "file"),
        ("DATA DIR", "data_dir"),
        ("ENVIRONMENT", "environment"),
        ("LAST EVENT", "last_event"),
        ("REPLACED LAST EVENT", "replaced_last_event"),
    ];
    let Named { file, form } = named;
    if !settings.is_embedded() {
        bail!("this restores the embedded database; restore a Postgres with its own pg_restore (docs/backup.md)");
    }
    let copy = SqliteStore::open_copy(file, &Options::default()).await?;
    let checked = check(&copy).await.with_context(|| format!("{} cannot be used", file.display()));
    copy.close().await?;
    let contents = checked?;
    fits(&contents.stamp, settings)?;
    let replaced = last_event_here(settings).await;
    let lost = replaced.filter(|replaced| *replaced > contents.last_event).map(|had| LostHistory {
        token: HistoryToken::EMBEDDED,
        kept_up_to: Seq::new(contents.last_event),
        had_up_to: Seq::new(had),
        noticed_at: SystemClock.wall(),
    });
    let options = Options::default();
    let restored = keyward_storage_sqlite::restore(settings.data_dir(), file, &options, lost.as_ref()).await;
    restored.map_err(|error| {
        let held =
            matches!(error, OpenError::Held { .. }).then_some("this needs exclusive use of the embedded database");
        let error = anyhow::Error::new(error);
        match held {
            Some(context) => error.context(context),
            None => error,
        }
    })?;
    if let Some(LostHistory { kept_up_to, had_up_to, .. }) = lost {
        tracing::warn!(
            "the database went back: the changes {} to {had_up_to} are lost, and keys that they revoked are valid \
             again",
            kept_up_to.next()
        );
    }
    let restored = json!({
        "file": file,
        "data_dir": settings.data_dir(),
        "environment": contents.stamp.environment.as_str(),
        "last_event": contents.last_event,
        "replaced_last_event": replaced,
    });
    output::object(&restored, LINES, *form)
}

/// The database's description of itself.
struct Contents {
    stamp: Stamp,
    last_event: u64,
}

impl Contents {
    fn fingerprints(&self) -> Vec<&str> {
        self.stamp.fingerprints.iter().map(|(_, fingerprint)| fingerprint.as_str()).collect()
    }
}

async fn check(copy: &SqliteStore) -> Result<Contents> {
    copy.check().await?;
    look_into(copy).await
}

async fn look_into(store: &SqliteStore) -> Result<Contents> {
    match store.schema().await? {
        Schema::Current | Schema::Behind { .. } => {}
        other @ (Schema::Empty | Schema::Ahead { .. } | Schema::Foreign) => bail!(explain(other)),
    }
    let stamp = store.stamp().await?.ok_or_else(|| anyhow!("it was never used: there is nothing to copy"))?;
    Ok(Contents { stamp, last_event: store.head().await?.as_of.seq().number() })
}

/// Checks that a node with these settings could start on a database with this stamp.
fn fits(stamp: &Stamp, settings: &Settings) -> Result<()> {
    let key_path = settings.master_key_path();
    let claimant = Claimant {
        environment: settings.environment,
        key_path: &key_path,
        key_given: settings.master_key_file.is_some(),
    };
    let Some(key) = master_key::read(&key_path)? else {
        let wanted: Vec<&str> = stamp.fingerprints.iter().map(|(_, fingerprint)| fingerprint.as_str()).collect();
        bail!(
            "the copy is useless without its master key: put the file with the fingerprint {} at {} first (mode \
             600)",
            wanted.join(" and "),
            key_path.display()
        );
    };
    match judge(Some(stamp), settings.environment, &key) {
        Ok(_) => Ok(()),
        Err(foreign) => bail!(foreign.explain(&claimant)),
    }
}

/// The number of the last event of the database to be replaced; `None` if it is absent or unreadable.
async fn last_event_here(settings: &Settings) -> Option<u64> {
    let database = Database::open(settings, Mode::Read).await.ok()?;
    let Database::Embedded(store, _) = &database else { return None };
    let head = store.head().await;
    // The database may be too damaged to close, which may be the reason for the restore.
    let _ = database.close().await;
    Some(head.ok()?.as_of.seq().number())
}
