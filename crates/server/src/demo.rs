//! The demo accounts of a sandbox: their credentials in a file for scripts, and on a terminal for people.
//!
//! The use case decides which accounts and keys there are; this module stores their values. They are safely on disk
//! before the commit, and never in a log.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context as _, Result};
use keyward_app::{
    Caller, Manage,
    manage::{
        list_accounts::list_accounts,
        read_account::read_account,
        seed_demo::{Demo, DemoAccount, seed_demo},
    },
};
use serde_json::{Value, json};

use crate::private_file;

mod file;
mod greeting;

pub(crate) use file::DemoFile;
pub(crate) use greeting::{greeting, quoted};

/// State of the demo accounts after a start.
pub(crate) enum Outcome {
    /// They were created now, and their credentials are in the file of this database.
    Seeded(DemoFile),
    /// They exist, and so does the file.
    Kept(DemoFile),
    /// The database has accounts, and this file and those beside it belong to other databases.
    OfAnother(PathBuf),
    /// The database has accounts, and there is no file.
    NotOurs,
    /// The database has no accounts, and none were requested.
    Possible,
}

/// Creates the demo accounts if requested and the database has no account yet. Otherwise, and in a later start, it only
/// updates the address in the file: with port 0 it differs each time.
///
/// Each database has its own file, and none is overwritten: `path`, or the next free number if another database's file
/// is there.
pub(crate) async fn prepare(manage: &Arc<Manage>, path: &Path, base_url: &str, seeds: bool) -> Result<Outcome> {
    let mut own = path.to_owned();
    if seeds {
        let seeded = seed_demo(manage, |demo| {
            own = file::free(path)?;
            keep(demo, &own, base_url).map_err(CannotKeep::from)
        });
        if seeded.await.map_err(|error| error.0)?.is_some() {
            return Ok(Outcome::Seeded(DemoFile::read(&own)?.context("the file of the demo is gone")?));
        }
    }
    if let Some(found) = of_this_database(manage, path).await? {
        return Ok(Outcome::Kept(found.at(base_url)?));
    }
    if !seeds && list_accounts(manage, &Caller::operator(), 1, None).await?.accounts.is_empty() {
        return Ok(Outcome::Possible);
    }
    Ok(if path.is_file() { Outcome::OfAnother(path.to_owned()) } else { Outcome::NotOurs })
}

/// The file of this database, among the existing ones.
pub(crate) async fn of_this_database(manage: &Manage, path: &Path) -> Result<Option<DemoFile>> {
    for candidate in file::numbered(path) {
        let Some(file) = DemoFile::read(&candidate)? else { break };
        if let Some(mid) = file.platform_mid()
            && read_account(manage, &Caller::operator(), &mid).await?.is_some()
        {
            return Ok(Some(file));
        }
    }
    Ok(None)
}

/// The error that prevents the demo accounts.
struct CannotKeep(anyhow::Error);

impl From<keyward_app::Failure> for CannotKeep {
    fn from(failure: keyward_app::Failure) -> Self {
        Self(anyhow::Error::new(failure).context("the demo accounts cannot be created"))
    }
}

impl From<anyhow::Error> for CannotKeep {
    fn from(error: anyhow::Error) -> Self {
        Self(error)
    }
}

fn keep(demo: &Demo, path: &Path, base_url: &str) -> Result<()> {
    let content = json!({
        "base_url": base_url,
        "platform": credentials(&demo.platform),
        "partner": credentials(&demo.partner),
        "merchant": { "mid": demo.merchant.mid.as_str() },
    });
    if let Some(directory) = path.parent() {
        private_file::make_directory(directory)
            .with_context(|| format!("cannot make the data directory {}", directory.display()))?;
    }
    file::write(path, &content)
}

fn credentials(account: &DemoAccount) -> Value {
    json!({
        "mid": account.account.mid.as_str(),
        "appKey": account.app_key.expose(),
        "appSecret": account.app_secret.expose(),
    })
}

/// The part of the ready line about credentials.
pub(crate) fn hint(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Seeded(file) | Outcome::Kept(file) => format!("demo credentials: {}", file.path().display()),
        Outcome::Possible => "no accounts yet: start with --demo to create some, with credentials".to_owned(),
        Outcome::OfAnother(_) | Outcome::NotOurs => "for credentials: `keyward help key pair`".to_owned(),
    }
}

/// Logs where the credentials are, never the credentials.
pub(crate) fn log_location(outcome: &Outcome) {
    match outcome {
        Outcome::Seeded(file) => {
            tracing::info!("created demo accounts; their credentials are in {}", file.path().display());
        }
        Outcome::Kept(file) => tracing::info!("the credentials of the demo accounts are in {}", file.path().display()),
        Outcome::OfAnother(path) => tracing::warn!(
            "{} and the files beside it belong to other databases: the demo credentials of this one are elsewhere",
            path.display()
        ),
        Outcome::NotOurs => tracing::debug!("no demo: the database has accounts of its own"),
        Outcome::Possible => tracing::debug!("no demo: it was not requested"),
    }
}

#[cfg(test)]
#[path = "demo/tests.rs"]
mod tests;
