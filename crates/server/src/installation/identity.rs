//! Checks in each history whether the database is still that of this node: a database that went back may have lost what
//! was stamped at the start, or another database may have taken its place (R18).
//!
//! It restores missing stamps of this node. It never claims a database: one without a stamp may be half restored.

use std::{path::PathBuf, sync::Arc, time::Duration};

use anyhow::anyhow;
use keyward_app::Clock;
use keyward_domain::{Environment, MasterKey};
use keyward_storage::{Installation, Result, Write};
use keyward_verifier::Verifier;
use tokio::time::{MissedTickBehavior, interval};

use super::{Claimant, StampCheck, judge};

/// How often to check for another history.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// The identity with which this node was started.
pub(crate) struct Identity {
    pub(crate) environment: Environment,
    pub(crate) key_path: PathBuf,
    pub(crate) master: Arc<MasterKey>,
    /// The issuer of tokens, if it is the stamped one.
    pub(crate) issuer: Option<String>,
}

/// Relation of the database to this node.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum IdentityCheck {
    /// The node's own database.
    Ours,
    /// Not stamped, or just stamped by another node: check again.
    Unknown,
    /// Another node's database: why, and what to do.
    Foreign(String),
}

impl Identity {
    /// Returns when the database turns out to be another's. A node that continued would write what the database's own
    /// nodes cannot read.
    pub(crate) async fn refuted(
        &self,
        verifier: &Verifier,
        store: &dyn Installation,
        clock: &dyn Clock,
    ) -> anyhow::Error {
        let (mut due, mut seen) = (interval(CHECK_INTERVAL), 0);
        due.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            due.tick().await;
            let history = verifier.histories();
            if history == seen {
                continue;
            }
            match self.check(store, clock).await {
                Ok(IdentityCheck::Ours) => seen = history,
                // Or it does not answer.
                Ok(IdentityCheck::Unknown) | Err(_) => {}
                Ok(IdentityCheck::Foreign(why)) => return anyhow!(why),
            }
        }
    }

    /// Compares the node with the stamps, and adds missing ones of its own.
    pub(crate) async fn check(&self, store: &dyn Installation, clock: &dyn Clock) -> Result<IdentityCheck> {
        // Every claimed database has a fingerprint: without one it is half restored.
        let Some(stamp) = store.stamp().await?.filter(|stamp| !stamp.fingerprints.is_empty()) else {
            return Ok(IdentityCheck::Unknown);
        };
        match judge(Some(&stamp), self.environment, &self.master) {
            Ok(StampCheck::Ours | StampCheck::Claim(_)) => {}
            Ok(StampCheck::Add(versions)) => {
                for (version, fingerprint) in versions {
                    if store.add_fingerprint(version, &fingerprint, clock.wall()).await? == Write::Stale {
                        return Ok(IdentityCheck::Unknown);
                    }
                    let version = version.number();
                    tracing::warn!(
                        version,
                        fingerprint,
                        "the database had lost the stamp of a version of the master key: it is stamped again"
                    );
                }
            }
            Err(foreign) => {
                let claimant = Claimant { environment: self.environment, key_path: &self.key_path, key_given: true };
                return Ok(IdentityCheck::Foreign(foreign.explain(&claimant)));
            }
        }
        self.check_issuer(store, clock).await
    }

    async fn check_issuer(&self, store: &dyn Installation, clock: &dyn Clock) -> Result<IdentityCheck> {
        let Some(ours) = &self.issuer else { return Ok(IdentityCheck::Ours) };
        match store.issuer().await? {
            Some(stamped) if stamped == *ours => Ok(IdentityCheck::Ours),
            Some(stamped) => Ok(IdentityCheck::Foreign(format!(
                "the tokens of this database are issued by {stamped} now, and this node issues them as {ours}, which \
                 other nodes refuse: start it again"
            ))),
            None => match store.stamp_issuer(ours, clock.wall()).await? {
                Write::Applied => Ok(IdentityCheck::Ours),
                Write::Stale => Ok(IdentityCheck::Unknown),
            },
        }
    }
}
