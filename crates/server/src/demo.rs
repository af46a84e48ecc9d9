//! The demo tree of a sandbox: its credentials in a file for scripts, and on a terminal once for people.
//!
//! Which accounts and keys there are stands in the use case; here is only where their values go. They are safely on disk
//! before the tree becomes lasting, and never in a log.

use std::{
    io::Read as _,
    iter,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, anyhow};
use keyward_api::app::{
    App, Caller,
    plant_demo::{Demo, DemoAccount, plant_demo},
    read_merchant::read_merchant,
};
use keyward_domain::Mid;
use serde_json::{Value, json};

use crate::private_file;

/// What became of the demo tree. Paths are those of the file of this database.
pub(crate) enum Outcome {
    /// It is there now, and its credentials are in the file.
    Planted(Box<Demo>, PathBuf),
    /// It was there, and the file is too.
    Kept(PathBuf),
    /// The database has accounts, and this file and those beside it are those of other databases.
    OfAnother(PathBuf),
    /// The database has accounts, and there is no file.
    NotOurs,
}

/// Plants the tree if the database has no account yet. In a later start only the address in the file is brought up to
/// date: with port 0 it is another one each time.
///
/// Each database has a file of its own, and none is overwritten: `path`, or where another database's is, the same name
/// with the next number.
pub(crate) async fn plant(app: &App, path: &Path, base_url: &str) -> Result<Outcome> {
    let mut own = path.to_owned();
    let planted = plant_demo(app, |demo| {
        own = free(path)?;
        keep(demo, &own, base_url).map_err(CannotKeep::from)
    });
    match planted.await.map_err(|error| error.0)? {
        Some(demo) => Ok(Outcome::Planted(Box::new(demo), own)),
        None => refresh(app, path, base_url).await,
    }
}

/// `demo.json`, `demo-2.json`, `demo-3.json` …
fn numbered(path: &Path) -> impl Iterator<Item = PathBuf> {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let others = (2..).map(move |number: u32| path.with_file_name(format!("{stem}-{number}.json")));
    iter::once(path.to_owned()).chain(others)
}

/// The first name that is not taken by a file.
fn free(path: &Path) -> Result<PathBuf> {
    let free = numbered(path).find(|path| !path.is_file());
    free.ok_or_else(|| anyhow!("there is no name left beside {}", path.display()))
}

/// Whatever keeps the tree from being planted.
struct CannotKeep(anyhow::Error);

impl From<keyward_api::app::Fault> for CannotKeep {
    fn from(fault: keyward_api::app::Fault) -> Self {
        Self(anyhow::Error::new(fault).context("the demo accounts cannot be made"))
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
    write(path, &content)
}

fn credentials(account: &DemoAccount) -> Value {
    json!({
        "mid": account.account.mid.as_str(),
        "appKey": account.app_key.expose(),
        "appSecret": account.app_secret.expose(),
    })
}

fn write(path: &Path, content: &Value) -> Result<()> {
    let text = format!("{content:#}\n");
    private_file::replace(path, text.as_bytes())
        .with_context(|| format!("cannot write the demo credentials to {}", path.display()))
}

/// Looks for the file of this database; its address is the one in use afterwards.
async fn refresh(app: &App, path: &Path, base_url: &str) -> Result<Outcome> {
    for candidate in numbered(path) {
        let Some((mut file, _)) = private_file::open("the file of the demo", &candidate)? else { break };
        let mut text = String::new();
        file.read_to_string(&mut text).with_context(|| format!("cannot read {}", candidate.display()))?;
        if refresh_one(app, &candidate, &text, base_url).await? {
            return Ok(Outcome::Kept(candidate));
        }
    }
    Ok(if path.is_file() { Outcome::OfAnother(path.to_owned()) } else { Outcome::NotOurs })
}

/// Whether this file is that of this database.
async fn refresh_one(app: &App, path: &Path, text: &str, base_url: &str) -> Result<bool> {
    let mut content: Value = serde_json::from_str(text).unwrap_or_default();
    let mid = content.pointer("/platform/mid").and_then(Value::as_str).and_then(|mid| mid.parse::<Mid>().ok());
    let is_ours = match mid {
        Some(mid) => read_merchant(app, &Caller::operator(), &mid).await?.is_some(),
        None => false,
    };
    if is_ours && content.get("base_url").and_then(Value::as_str) != Some(base_url) {
        content["base_url"] = base_url.into();
        write(path, &content)?;
    }
    Ok(is_ours)
}

/// What a person sees, once.
pub(crate) fn greeting(demo: &Demo, path: &Path, base_url: &str) -> String {
    let (partner, merchant) = (&demo.partner, demo.merchant.mid.as_str());
    let secret = partner.app_secret.expose();
    format!(
        r#"Demo accounts (sandbox; also in {path}):
  platform  {platform}  appKey {platform_key}
            appSecret {platform_secret}
  partner   {partner_mid}  appKey {partner_key}
            appSecret {secret}
  merchant  {merchant}

Create a key for the merchant, list its keys, verify the value that the first answer shows:
  curl -s {base_url}/v1/api-keys -H 'Authorization: Bearer {secret}' -H 'Content-Type: application/json' -d '{{"mid":"{merchant}","name":"My first key","type":"secret","scopes":["charges:read"]}}'
  curl -s {base_url}/v1/api-keys/{merchant} -H 'Authorization: Bearer {secret}'
  curl -s {base_url}/v1/verify -H 'Authorization: Bearer {secret}' -H 'Content-Type: application/json' -d '{{"key":"PASTE THE VALUE HERE"}}'
"#,
        path = path.display(),
        platform = demo.platform.account.mid,
        platform_key = demo.platform.app_key.expose(),
        platform_secret = demo.platform.app_secret.expose(),
        partner_mid = partner.account.mid,
        partner_key = partner.app_key.expose(),
    )
}

/// What a script's log says: where to look, never what is there.
pub(crate) fn say_where(outcome: &Outcome) {
    match outcome {
        Outcome::Planted(_, path) => tracing::info!("made demo accounts; their credentials are in {}", path.display()),
        Outcome::Kept(path) => tracing::info!("the credentials of the demo accounts are in {}", path.display()),
        Outcome::OfAnother(path) => tracing::warn!(
            "{} and the files beside it belong to other databases: the demo credentials of this one are elsewhere",
            path.display()
        ),
        Outcome::NotOurs => tracing::debug!("no demo: the database has accounts of its own"),
    }
}

#[cfg(test)]
#[path = "demo/tests.rs"]
mod tests;
