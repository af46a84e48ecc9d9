//! The demo tree of a sandbox: its credentials in a file for scripts, and on a terminal once for people.
//!
//! Which accounts and keys there are stands in the use case; here is only where their values go. They are safely on disk
//! before the tree becomes lasting, and never in a log.

use std::{fs, io::Read as _, path::Path};

use anyhow::{Context as _, Result};
use keyward_api::app::{
    App, Caller,
    plant_demo::{Demo, DemoAccount, plant_demo},
    read_merchant::read_merchant,
};
use keyward_domain::Mid;
use serde_json::{Value, json};

use crate::private_file;

/// What became of the demo tree.
pub(crate) enum Outcome {
    /// It is there now, and its credentials are in the file.
    Planted(Box<Demo>),
    /// It was there, and the file is too.
    Kept,
    /// The database has accounts, and the file is that of another database.
    OfAnother,
    /// The database has accounts, and there is no file.
    NotOurs,
}

/// Plants the tree if the database has no account yet. In a later start only the address in the file is brought up to
/// date: with port 0 it is another one each time.
pub(crate) async fn plant(app: &App, path: &Path, base_url: &str) -> Result<Outcome> {
    let planted = plant_demo(app, |demo| keep(demo, path, base_url).map_err(CannotKeep::from)).await;
    match planted.map_err(|error| error.0)? {
        Some(demo) => Ok(Outcome::Planted(Box::new(demo))),
        None => refresh(app, path, base_url).await,
    }
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
    // Another database's credentials may stand there, and nowhere else.
    if path.is_file() {
        fs::rename(path, path.with_extension("json.old"))
            .with_context(|| format!("cannot put the earlier {} aside", path.display()))?;
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

/// Looks whether the file is there and of this database; its address is the one in use afterwards.
async fn refresh(app: &App, path: &Path, base_url: &str) -> Result<Outcome> {
    let Some((mut file, _)) = private_file::open("the file of the demo", path)? else { return Ok(Outcome::NotOurs) };
    let mut text = String::new();
    file.read_to_string(&mut text).with_context(|| format!("cannot read {}", path.display()))?;
    let mut content: Value = serde_json::from_str(&text).unwrap_or_default();
    let mid = content.pointer("/platform/mid").and_then(Value::as_str).and_then(|mid| mid.parse::<Mid>().ok());
    let is_ours = match mid {
        Some(mid) => read_merchant(app, &Caller::operator(), &mid).await?.is_some(),
        None => false,
    };
    if !is_ours {
        return Ok(Outcome::OfAnother);
    }
    if content.get("base_url").and_then(Value::as_str) != Some(base_url) {
        content["base_url"] = base_url.into();
        write(path, &content)?;
    }
    Ok(Outcome::Kept)
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
pub(crate) fn say_where(outcome: &Outcome, path: &Path) {
    let shown = path.display();
    match outcome {
        Outcome::Planted(_) => tracing::info!("made demo accounts; their credentials are in {shown}"),
        Outcome::Kept => tracing::info!("the credentials of the demo accounts are in {shown}"),
        Outcome::OfAnother => {
            tracing::warn!("{shown} belongs to another database: give each a data directory of its own (--data-dir)");
        }
        Outcome::NotOurs => tracing::debug!("no demo: the database has accounts of its own"),
    }
}

#[cfg(test)]
#[path = "demo/tests.rs"]
mod tests;
