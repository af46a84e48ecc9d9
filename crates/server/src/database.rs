//! The one database of this process, Postgres or embedded: opens it, brings up its schema, closes it.
//!
//! All other code sees only the storage ports. What is not in a port has its spans here, so that their names do not
//! differ by database; `Traced` gives the ports theirs.

use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context as _, Result, bail};
use keyward_app::Entropy as _;
use keyward_storage::{
    Feed, LeaseSecret, LostHistory, Membership, PgControl, PgOptions, PgStore, PoolState, Schema, StorageError, Store,
    Traced,
};
use keyward_storage_sqlite::{OpenError, Options, SqliteStore};
use tracing::{Instrument as _, debug_span};

use crate::{config::Settings, entropy::SystemEntropy, private_file};

/// How a command uses the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Reads it, beside a server that has it open.
    Read,
    /// Changes existing data: exclusively, if it is the embedded one.
    Change,
    /// Changes it, and creates what is missing: folder, database, schema, master key, stamp.
    Make,
}

impl Mode {
    /// Whether anything may be written.
    pub(crate) const fn writes(self) -> bool {
        matches!(self, Self::Change | Self::Make)
    }
}

/// The database.
pub(crate) enum Database {
    /// The embedded database, in the data directory.
    Embedded(SqliteStore, PathBuf),
    /// A Postgres.
    Postgres(PgStore, PgOptions),
}

/// The database ports of the revocation protocol.
pub(crate) struct Protocol {
    /// The events of changes that affect verification.
    pub(crate) feed: Arc<dyn Feed>,
    /// The other nodes that answer from memory; `None` for the embedded database.
    pub(crate) membership: Option<Arc<dyn Membership>>,
}

impl Database {
    /// Opens the configured database. Leaves the schema as it is.
    pub(crate) async fn open(settings: &Settings, mode: Mode) -> Result<Self> {
        private_file::check_directory("the data directory", settings.data_dir())?;
        let Some(url) = &settings.database.url else { return Self::open_embedded(settings, mode).await };
        let options = PgOptions {
            max_connections: settings.database.max_connections,
            min_connections: settings.database.min_connections,
            acquire_timeout: settings.database.acquire_timeout,
            // A command that only reads is answered without waiting.
            connect_wait: if mode.writes() { settings.database.connect_wait } else { Duration::ZERO },
            ..PgOptions::new(url.clone())
        }
        .within_lease(settings.verifier.terms.ttl);
        let store = PgStore::connect(&options).await.map_err(or_pooler);
        let store = store.context("cannot use the database of DATABASE_URL")?;
        let direct = settings.database.direct_url.clone().unwrap_or_else(|| url.clone());
        Ok(Self::Postgres(store, PgOptions { url: direct, ..options }))
    }

    /// The ports of the revocation protocol. Leases use the direct address.
    pub(crate) async fn protocol(&self) -> Result<Protocol> {
        match self {
            Self::Embedded(store, _) => {
                Ok(Protocol { feed: Arc::new(Traced::new(Arc::new(store.clone()))), membership: None })
            }
            Self::Postgres(store, direct) => {
                let mut secret = [0; 16];
                SystemEntropy.fill(&mut secret)?;
                let secret = LeaseSecret::from_random(secret);
                let control = PgControl::connect(store, direct, secret).await.map_err(or_pooler);
                let control =
                    control.context("cannot use the database of database_direct_url (KEYWARD_DATABASE_DIRECT_URL)")?;
                let control = Arc::new(Traced::new(Arc::new(control)));
                Ok(Protocol { feed: Arc::clone(&control) as _, membership: Some(control) })
            }
        }
    }

    async fn open_embedded(settings: &Settings, mode: Mode) -> Result<Self> {
        let data_dir = settings.data_dir();
        for file in ["keyward.db", "keyward.db-wal", "keyward.db-shm"] {
            private_file::check_file("the database", &data_dir.join(file))?;
        }
        let options = Options { readers: settings.sqlite.readers, ..Options::default() };
        let store = match mode {
            Mode::Read => SqliteStore::open_read_only(data_dir, &options),
            Mode::Change => SqliteStore::open_existing(data_dir, &options).await,
            Mode::Make => SqliteStore::open(data_dir, &options).await,
        };
        let store = store.map_err(|error| match error {
            OpenError::Held { .. } => {
                anyhow::Error::new(error).context("this needs exclusive use of the embedded database")
            }
            OpenError::Missing { .. } => anyhow::Error::new(error).context(
                "there is no installation yet: start `keyward serve` once, or name its folder with --data-dir",
            ),
            OpenError::NotAFile { .. }
            | OpenError::Linked { .. }
            | OpenError::File { .. }
            | OpenError::Hollow { .. }
            | OpenError::NoCopy { .. }
            | OpenError::Database(_) => error.into(),
        })?;
        Ok(Self::Embedded(store, data_dir.to_owned()))
    }

    /// Reads the state of the connection pools at any time.
    pub(crate) fn pools(&self) -> Box<dyn Fn() -> Vec<PoolState> + Send + Sync> {
        match self {
            Self::Embedded(store, _) => {
                let store = store.clone();
                Box::new(move || store.pool_states())
            }
            Self::Postgres(store, _) => {
                let store = store.clone();
                Box::new(move || vec![store.pool_state()])
            }
        }
    }

    /// The storage ports.
    pub(crate) fn store(&self) -> Arc<dyn Store> {
        match self {
            Self::Embedded(store, _) => Arc::new(Traced::new(Arc::new(store.clone()))),
            Self::Postgres(store, _) => Arc::new(Traced::new(Arc::new(store.clone()))),
        }
    }

    /// Waits until an embedded database is lost because its file was removed or replaced. A Postgres is never lost.
    pub(crate) async fn lost(&self) -> anyhow::Error {
        match self {
            Self::Embedded(store, _) => store.lost().await.into(),
            Self::Postgres(..) => std::future::pending().await,
        }
    }

    /// Problems of a database that is still usable.
    pub(crate) fn warnings(&self) -> &[String] {
        match self {
            Self::Embedded(..) => &[],
            Self::Postgres(store, _) => store.warnings(),
        }
    }

    /// Compares the schema with what this binary needs.
    #[tracing::instrument(level = "debug", skip_all, name = "db.schema.compare")]
    pub(crate) async fn schema(&self) -> Result<Schema> {
        Ok(match self {
            Self::Embedded(store, _) => store.schema().await?,
            Self::Postgres(store, _) => store.schema().await.map_err(or_pooler)?,
        })
    }

    /// The schema; if it cannot be read, an error that names the missing right and how to grant it.
    pub(crate) async fn readable_schema(&self) -> Result<Schema> {
        match self.schema().await {
            Ok(schema) => Ok(schema),
            Err(error) => {
                self.check_rights().await?;
                Err(error.context("the schema of the database cannot be read"))
            }
        }
    }

    /// Reports the rights that the database role lacks, and how to grant them. Objects that do not exist yet are left
    /// out.
    pub(crate) async fn check_rights(&self) -> Result<()> {
        let Self::Postgres(store, _) = self else { return Ok(()) };
        let missing = store.missing_rights().await.context("the rights of our role cannot be read")?;
        if missing.is_empty() {
            return Ok(());
        }
        bail!("the role of DATABASE_URL lacks rights: let the owner of the tables run {}", missing.join(" "))
    }

    /// Brings the schema up to what this binary needs.
    #[tracing::instrument(level = "debug", skip_all, name = "db.schema.migrate")]
    pub(crate) async fn migrate(&self) -> Result<()> {
        match self {
            Self::Embedded(store, _) => store.migrate().await.map_err(anyhow::Error::new),
            // Migrations hold a lock of their session, which a transaction pooler does not keep.
            Self::Postgres(_, direct) => match PgStore::connect(direct).await {
                Ok(store) => {
                    let migrated = store.migrate().await;
                    store.close().await;
                    migrated.map_err(or_pooler)
                }
                Err(error) => Err(or_pooler(error)),
            },
        }
        .context("the schema could not be brought up to date")
    }

    /// Ensures that the schema is the one that this binary needs, or says what to do. Creates a missing schema only
    /// where an installation may be made.
    pub(crate) async fn bring_up(&self, may_migrate: bool, mode: Mode) -> Result<()> {
        match self.readable_schema().await? {
            Schema::Current => self.check_rights().await,
            Schema::Empty if mode != Mode::Make => {
                bail!("there is no installation in this database yet: start `keyward serve` once")
            }
            Schema::Empty | Schema::Behind { .. } if may_migrate => {
                self.migrate().await?;
                self.check_rights().await?;
                tracing::info!("brought the schema of the {self} up to date");
                Ok(())
            }
            schema @ (Schema::Empty | Schema::Behind { .. } | Schema::Ahead { .. } | Schema::Foreign) => {
                bail!(explain(schema))
            }
        }
    }

    /// The latest reports of lost history. `membership` is the port of a Postgres.
    pub(crate) async fn lost_history(
        &self,
        membership: Option<&dyn Membership>,
        at_most: u32,
    ) -> Result<Vec<LostHistory>, StorageError> {
        match (self, membership) {
            (_, Some(membership)) => membership.lost(at_most).await,
            // The name that `Traced` gives to the port's call.
            (Self::Embedded(store, _), None) => {
                store.lost_history(at_most).instrument(debug_span!("db.membership.lost")).await
            }
            (Self::Postgres(..), None) => Ok(Vec::new()),
        }
    }

    /// Losses from when a copy replaced an embedded database, if no server has reported them yet. Nodes on a Postgres
    /// detect losses themselves.
    pub(crate) async fn unsaid_lost_history(&self) -> Result<Vec<LostHistory>> {
        match self {
            Self::Embedded(store, _) => {
                Ok(store.unsaid_lost_history().instrument(debug_span!("db.history.lost_unsaid")).await?)
            }
            Self::Postgres(..) => Ok(Vec::new()),
        }
    }

    /// Moves all earlier writes into the main file of an embedded database. A copy of that file alone, which is never
    /// advised, then contains at least this installation and is not empty.
    pub(crate) async fn make_whole(&self) -> Result<()> {
        match self {
            Self::Embedded(store, _) => {
                store.begin_copy().instrument(debug_span!("db.history.begin_copy")).await?;
                Ok(store.checkpoint().instrument(debug_span!("db.store.checkpoint")).await?)
            }
            Self::Postgres(..) => Ok(()),
        }
    }

    /// Finishes pending work and closes the database.
    #[tracing::instrument(level = "debug", skip_all, name = "db.store.close")]
    pub(crate) async fn close(&self) -> Result<()> {
        match self {
            Self::Embedded(store, _) => store.close().await?,
            Self::Postgres(store, _) => store.close().await,
        }
        Ok(())
    }
}

/// Adds advice to an error that a pooler causes: it refuses the settings of a session, or lends a connection to another
/// client between two transactions, which then finds the statements prepared on it.
fn or_pooler(error: StorageError) -> anyhow::Error {
    const POOLER: [&str; 2] = ["unsupported startup parameter", "prepared statement \"sqlx_"];
    let error = anyhow::Error::new(error);
    let is_pooler = error.chain().map(ToString::to_string).any(|cause| POOLER.iter().any(|text| cause.contains(text)));
    if !is_pooler {
        return error;
    }
    error.context(
        "it leads through a pooler (PgBouncer?) that does not keep a session together, which cannot work: give the \
         address of Postgres itself",
    )
}

/// Describes a schema that is not current, and what to do.
pub(crate) fn explain(schema: Schema) -> String {
    const HOW: &str = "run `keyward migrate` with these settings (or set auto_migrate, KEYWARD_AUTO_MIGRATE)";
    match schema {
        Schema::Current => "the schema is up to date".to_owned(),
        Schema::Empty => format!("the database is empty: {HOW}"),
        Schema::Behind { at, needs } => {
            format!("the schema is at migration {at}, and this keyward needs {needs}: take a backup, then {HOW}")
        }
        Schema::Foreign => "the database belongs to another program: it has tables that keyward did not make; give \
                            keyward a database of its own (CREATE DATABASE), or a schema of its own that its role's \
                            search_path names"
            .to_owned(),
        Schema::Ahead { at, knows } => format!(
            "the schema is at migration {at}, and this keyward knows {knows}: it was made by a newer keyward; run that \
             version, or a newer one"
        ),
    }
}

impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Embedded(_, data_dir) => write!(f, "embedded database in {}", data_dir.display()),
            Self::Postgres(..) => f.write_str("Postgres database"),
        }
    }
}

#[cfg(test)]
mod tests {
    //! Which errors are attributed to a pooler.
    use super::*;

    fn message(text: &'static str) -> String {
        format!("{:#}", or_pooler(StorageError::Unavailable(text.into())))
    }

    #[test]
    fn a_pooler_that_splits_sessions_is_named_with_the_remedy() {
        for text in [
            "unsupported startup parameter: extra_float_digits",
            "unsupported startup parameter: options",
            "prepared statement \"sqlx_s_1\" already exists",
            "prepared statement \"sqlx_s_3\" does not exist",
        ] {
            let message = message(text);
            assert!(message.contains("give the address of Postgres itself") && message.contains(text), "{message}");
        }
    }

    #[test]
    fn other_errors_are_reported_unchanged() {
        for text in ["connection refused", "pool timed out", "prepared statement \"mine\" does not exist"] {
            assert!(!message(text).contains("pooler"), "{text}");
        }
    }
}
