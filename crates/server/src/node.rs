//! A node ready to work: database, master key and use cases, built from the settings.
//!
//! Commands and the server both start here. Nothing here listens or runs by itself.

use std::{sync::Arc, thread};

use anyhow::Result;
use keyward_app::{Access, Clock, Entropy as _, Hashing, Manage, Parts, Settings as AppSettings, assemble};
use keyward_domain::SecretHasher;
use keyward_storage::NodeId;
use keyward_verifier::{Verifier, VerifierParts, protocol::Rules};
use tokio_util::task::TaskTracker;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::{
    clock::SystemClock,
    config::Settings,
    database::{Database, Mode, Protocol},
    entropy::SystemEntropy,
    installation::{self, identity::Identity},
};

/// The public URL of a command, which is never used.
const NOWHERE: &str = "http://localhost";

/// Both halves of the service.
type UseCases = (Arc<Access>, Arc<Manage>);

/// Everything except the listeners and the command line.
pub(crate) struct Node {
    /// Answers questions about credentials.
    pub(crate) access: Arc<Access>,
    /// Makes changes.
    pub(crate) manage: Arc<Manage>,
    /// The database of both.
    pub(crate) database: Database,
    /// Tracks background work that shutdown waits for.
    pub(crate) background: TaskTracker,
    /// The identity with which it was started.
    identity: Identity,
}

impl Node {
    /// Opens the database, checks that it is ours, and builds the use cases. `url` is the base URL for clients if the
    /// settings have none; `None` for a command, which issues no tokens.
    pub(crate) async fn open(settings: &Settings, mode: Mode, url: Option<&str>) -> Result<Self> {
        let database = Database::open(settings, mode).await?;
        match Self::on(settings, &database, mode, url).await {
            Ok(((access, manage), background, identity)) => Ok(Self { access, manage, database, background, identity }),
            Err(error) => {
                // The original error matters more than one of closing.
                let _ = database.close().await;
                Err(error)
            }
        }
    }

    async fn on(
        settings: &Settings,
        database: &Database,
        mode: Mode,
        url: Option<&str>,
    ) -> Result<(UseCases, TaskTracker, Identity)> {
        database.bring_up(settings.auto_migrate && mode.writes(), mode).await?;
        let (store, clock) = (database.store(), Arc::new(SystemClock));
        let key_path = settings.master_key_path();
        let claimant = installation::Claimant {
            environment: settings.environment,
            key_path: &key_path,
            key_given: settings.master_key_file.is_some(),
        };
        let master = Arc::new(installation::claim_database(&*store, &claimant, mode, &*clock).await?);
        let issuer = match (&settings.public_url, url) {
            (Some(given), _) => given.clone(),
            (None, Some(url)) => installation::issuer(&*store, url, &*clock).await?,
            (None, None) => NOWHERE.to_owned(),
        };
        let identity = Identity {
            environment: settings.environment,
            key_path: key_path.clone(),
            master: Arc::clone(&master),
            issuer: settings.public_url.is_none().then(|| issuer.clone()).filter(|_| url.is_some()),
        };
        let background = TaskTracker::new();
        let Protocol { feed, membership } = database.protocol().await?;
        let verifier = Verifier::new(VerifierParts {
            credentials: Arc::clone(&store) as _,
            feed,
            membership,
            clock: Arc::clone(&clock) as _,
            fresh_node: Box::new(fresh_node),
            terms: settings.verifier.terms,
            rules: Rules::ALL,
            capacity_bytes: settings.verifier.cache_bytes,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            tasks: Arc::new(background.clone()),
        });
        // Verified slow digests are remembered only in this process, so the key is not stored.
        let mut process_key = Zeroizing::new([0; 32]);
        SystemEntropy.fill(&mut *process_key)?;
        let form = settings.secret_hash;
        let use_cases = assemble(Parts {
            store,
            verifier: Arc::new(verifier),
            clock: clock as Arc<dyn Clock>,
            entropy: Arc::new(SystemEntropy),
            hashing: Hashing {
                hasher: SecretHasher::new(&master, form).remembering(&process_key),
                form,
                // One per core: more would only take longer, and 19 MiB each.
                max_concurrent_slow_hashes: thread::available_parallelism().map_or(1, usize::from),
            },
            master,
            settings: app_settings(settings, url.unwrap_or(NOWHERE), issuer),
            background: background.clone(),
        });
        Ok((use_cases, background, identity))
    }

    /// Waits until the database is lost, or turns out to be another's.
    pub(crate) async fn lost(&self) -> anyhow::Error {
        let (store, clock) = (self.database.store(), SystemClock);
        tokio::select! {
            lost = self.database.lost() => lost,
            refuted = self.identity.refuted(self.access.verifier(), &*store, &clock) => refuted,
        }
    }

    /// Releases the lease, waits for background work and closes the database. Writes uses of keys first.
    pub(crate) async fn close(&self) -> Result<()> {
        self.access.verifier().end();
        self.background.close();
        self.background.wait().await;
        let flushed = self.access.flush_usage().await;
        self.database.close().await?;
        Ok(flushed?)
    }
}

/// A random id for this process. Without randomness there could be no keys either, and no start.
pub(crate) fn fresh_node() -> NodeId {
    let mut bytes = [0; 16];
    let drawn = SystemEntropy.fill(&mut bytes);
    if let Err(error) = drawn {
        tracing::error!(error = &error as &dyn std::error::Error, "no random id could be generated for this node");
    }
    NodeId::from_uuid(Uuid::from_bytes(bytes))
}

fn app_settings(settings: &Settings, url: &str, issuer: String) -> AppSettings {
    AppSettings {
        environment: settings.environment,
        token_audience: settings.token_audience.clone().unwrap_or_else(|| issuer.clone()),
        public_url: settings.public_url.clone().unwrap_or_else(|| url.to_owned()),
        issuer,
        partners_name_mids: settings.partners_name_mids,
        refresh_family_life: settings.refresh_family_life,
        failed_attempts_per_minute: settings.failed_attempts_per_minute,
    }
}

#[cfg(test)]
#[path = "node/tests.rs"]
mod tests;
