//! Whose database this is: compares environment and master key with the stamp in the database.
//!
//! [`judge`] decides and does nothing; [`claim_database`] does what was decided. A database without a stamp is claimed;
//! one with another's stamp is refused, and the message advises what to do. Nothing here opens a database.

pub(crate) mod identity;

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use keyward_app::Clock;
use keyward_domain::{Environment, KeyVersion, MasterKey};
use keyward_storage::{Installation, Stamp, Write};

use crate::{database::Mode, entropy::SystemEntropy, master_key};

/// Who claims the database: the environment and the master key of a node.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Claimant<'a> {
    /// Sandbox or production.
    pub(crate) environment: Environment,
    /// Path of its master key.
    pub(crate) key_path: &'a Path,
    /// Whether that path was set explicitly: then the key is never made here.
    pub(crate) key_given: bool,
}

/// The next step about the stamp.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum StampCheck {
    /// The database has none: write this one.
    Claim(Stamp),
    /// The stamp matches.
    Ours,
    /// The stamp matches, and our key has further versions.
    Add(Vec<(KeyVersion, String)>),
}

/// Why a node must not use a database.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Foreign {
    /// It belongs to the other environment.
    Environment { stamped: Environment },
    /// A version of the master key differs.
    Key { version: KeyVersion, stamped: String, ours: String },
    /// The node's key lacks a version.
    KeyTooOld { version: KeyVersion, stamped: String },
}

/// Compares the stamp with a node's environment and master key.
pub(crate) fn judge(stamp: Option<&Stamp>, environment: Environment, key: &MasterKey) -> Result<StampCheck, Foreign> {
    let ours: Vec<(KeyVersion, String)> =
        key.versions().filter_map(|version| Some((version, key.fingerprint(version)?))).collect();
    let Some(stamp) = stamp else { return Ok(StampCheck::Claim(Stamp { environment, fingerprints: ours })) };
    if stamp.environment != environment {
        return Err(Foreign::Environment { stamped: stamp.environment });
    }
    for (version, stamped) in &stamp.fingerprints {
        match ours.iter().find(|(known, _)| known == version) {
            None => return Err(Foreign::KeyTooOld { version: *version, stamped: stamped.clone() }),
            Some((_, ours)) if ours != stamped => {
                return Err(Foreign::Key { version: *version, stamped: stamped.clone(), ours: ours.clone() });
            }
            Some(_) => {}
        }
    }
    let is_stamped = |version: &KeyVersion| stamp.fingerprints.iter().any(|(stamped, _)| stamped == version);
    let further: Vec<_> = ours.into_iter().filter(|(version, _)| !is_stamped(version)).collect();
    if further.is_empty() { Ok(StampCheck::Ours) } else { Ok(StampCheck::Add(further)) }
}

impl Foreign {
    /// Explains the refusal to the operator, with the remedy.
    pub(crate) fn explain(&self, claimant: &Claimant<'_>) -> String {
        let path = claimant.key_path.display();
        match self {
            Self::Environment { stamped } => format!(
                "this database belongs to {stamped}, and this is {}: give each environment its own database, or \
                 start with --environment {stamped}",
                claimant.environment
            ),
            Self::Key { version, stamped, ours } => format!(
                "the master key {path} is not the one of this database: its version {} has the fingerprint {ours}, and \
                 the database was used with {stamped}; copy the file with that fingerprint here (`keyward doctor` \
                 prints it on the node that has it), or name it with master_key_file (KEYWARD_MASTER_KEY_FILE)",
                version.number()
            ),
            Self::KeyTooOld { version, stamped } => format!(
                "the master key {path} lacks version {} (fingerprint {stamped}), which this database was used with: \
                 copy the newer file here from the node where the version was appended",
                version.number()
            ),
        }
    }
}

/// Finds the master key of this database, and ensures that both belong together. Makes a key only for a database
/// without a stamp, and only if no path was set explicitly.
pub(crate) async fn claim_database(
    store: &dyn Installation,
    claimant: &Claimant<'_>,
    mode: Mode,
    clock: &dyn Clock,
) -> Result<MasterKey> {
    let stamp = store.stamp().await?;
    let key = match master_key::read(claimant.key_path)? {
        Some(key) => key,
        None => absent_key(claimant, stamp.as_ref(), mode)?,
    };
    match judge(stamp.as_ref(), claimant.environment, &key) {
        Ok(StampCheck::Ours) => {}
        Ok(_) if mode == Mode::Read => {}
        Ok(StampCheck::Claim(stamp)) => claim(store, claimant, &stamp, &key, clock).await?,
        Ok(StampCheck::Add(versions)) => {
            for (version, fingerprint) in versions {
                match store.add_fingerprint(version, &fingerprint, clock.wall()).await? {
                    Write::Applied => {
                        tracing::info!(version = version.number(), fingerprint, "the master key has a new version");
                    }
                    Write::Stale => overtaken(store, claimant, &key).await?,
                }
            }
        }
        Err(foreign) => bail!(foreign.explain(claimant)),
    }
    Ok(key)
}

async fn claim(
    store: &dyn Installation,
    claimant: &Claimant<'_>,
    stamp: &Stamp,
    key: &MasterKey,
    clock: &dyn Clock,
) -> Result<()> {
    if store.claim(stamp, clock.wall()).await? == Write::Applied {
        tracing::info!(environment = %stamp.environment, "this database now belongs to {}", stamp.environment);
        return Ok(());
    }
    overtaken(store, claimant, key).await
}

/// Another node has just stamped the database, presumably with the same key.
async fn overtaken(store: &dyn Installation, claimant: &Claimant<'_>, key: &MasterKey) -> Result<()> {
    match judge(store.stamp().await?.as_ref(), claimant.environment, key) {
        Ok(_) => Ok(()),
        Err(foreign) => bail!(foreign.explain(claimant)),
    }
}

/// The issuer of tokens without a `public_url`. The first node stamps its own address, and all others and every restart
/// follow it, regardless of their addresses: otherwise nodes would refuse each other's tokens.
pub(crate) async fn issuer(store: &dyn Installation, address: &str, clock: &dyn Clock) -> Result<String> {
    if let Some(stamped) = store.issuer().await? {
        return Ok(stamped);
    }
    match store.stamp_issuer(address, clock.wall()).await? {
        Write::Applied => {
            tracing::info!("tokens are issued by {address} from now on: set public_url to change that");
            Ok(address.to_owned())
        }
        Write::Stale => store.issuer().await?.context("the issuer that another node stamped is gone"),
    }
}

fn absent_key(claimant: &Claimant<'_>, stamp: Option<&Stamp>, mode: Mode) -> Result<MasterKey> {
    let path = claimant.key_path;
    if let Some(stamp) = stamp {
        let wanted: Vec<&str> = stamp.fingerprints.iter().map(|(_, fingerprint)| fingerprint.as_str()).collect();
        bail!(
            "the master key {} is missing, and this database cannot be used without it: restore the file with the \
             fingerprint {} from your backup or from another node (mode 600)",
            path.display(),
            wanted.join(" and ")
        );
    }
    if claimant.key_given {
        bail!("the master key {} is missing: create it with {}", path.display(), master_key::recipe(path));
    }
    if mode != Mode::Make {
        bail!("this database was never used: start `keyward serve` once");
    }
    let key = master_key::create(path, &SystemEntropy)?;
    tracing::info!("created the master key {}: keep a copy of it, without it the database is useless", path.display());
    Ok(key)
}

#[cfg(test)]
#[path = "installation/tests.rs"]
mod tests;
