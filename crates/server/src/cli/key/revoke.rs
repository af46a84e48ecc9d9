//! `keyward key revoke`: ends one key on every node.

use anyhow::Result;
use clap::Args;
use keyward_app::{
    Caller,
    manage::{
        read_key::read_key,
        revoke_key::{Error, RevokeKey, revoke_key},
    },
};
use keyward_domain::{ApiKey, Chain, KeyId, KeyStatus, Now, Reason, Status};
use keyward_storage::KeyRecord;
use serde_json::json;

use crate::{
    cli::{
        choice::one_of,
        consent::{self, Consent},
        not_found::no_such_key,
        output::{self, Form},
        waiting,
        with_node::with_node,
    },
    config::Settings,
    database::Mode,
    node::Node,
};

#[derive(Debug, Args)]
pub(in crate::cli) struct Revoke {
    /// The key, such as key_01h2xcejqtf2nbrexx3vqjhp41
    id: KeyId,
    /// Reason, stored with the key
    #[arg(long, default_value = "unspecified", value_parser = one_of::<Reason>(Reason::WORDS))]
    reason: Reason,
    #[command(flatten)]
    consent: Consent,
    #[command(flatten)]
    form: Form,
}

impl Revoke {
    /// Refuses without `--yes` and without a terminal to ask on.
    pub(in crate::cli) fn demand_consent(&self) -> Result<()> {
        self.consent.demand(&format!("key revoke {}", self.id))
    }
}

pub(super) async fn run(revoke: &Revoke, settings: &Settings) -> Result<()> {
    let id = revoke.id;
    with_node(settings, Mode::Change, async |node| {
        if revoke.consent.is_missing() {
            ask(node, id).await?;
        }
        let command = RevokeKey { id, reason: revoke.reason, respond_async: false };
        let change = async {
            revoke_key(&node.manage, &Caller::operator(), command).await.map_err(|error| match error {
                Error::NoSuchKey => no_such_key(id),
                Error::Caller(_) | Error::Refused(_) | Error::Failure(_) => error.into(),
            })
        };
        waiting::enforced(node, settings, change).await
    })
    .await?;
    let revoked = json!({ "id": id.to_string(), "state": KeyStatus::Revoked.as_str() });
    output::object(&revoked, &[("ID", "id"), ("STATE", "state")], revoke.form)
}

/// Asks about a key that is not yet revoked: a repeated revoke only waits again.
async fn ask(node: &Node, id: KeyId) -> Result<()> {
    let found = read_key(&node.manage, &Caller::operator(), id).await?.ok_or_else(|| no_such_key(id))?;
    let KeyRecord { key, chain, last_used, .. } = found;
    if key.revocation().is_some() {
        return Ok(());
    }
    let used = last_used.map_or_else(|| "never used".to_owned(), |at| format!("last used {at}"));
    let (mid, facts) = (&chain.own().mid, ApiKey::facts(&key));
    let (kind, name) = (facts.key_type.as_str(), facts.name.as_str());
    let ends = consequences(&key, &chain, node.access.now());
    consent::ask(&format!("Revoke the {kind} key {id} ({name}) of {mid}, {used}, permanently? {ends}"))
}

/// Describes the consequences of revoking a key that is not itself revoked.
fn consequences(key: &ApiKey, chain: &Chain, now: Now) -> String {
    if let Some(closed) = chain.links().find(|link| link.status == Status::Closed) {
        return format!("It ended when {} was closed: that ends 0 valid keys.", closed.mid);
    }
    let expired = key.facts().restrictions.expires_at.filter(|_| key.status(chain, now) == KeyStatus::Expired);
    expired.map_or_else(|| "That ends 1 key.".to_owned(), |at| format!("It expired at {at}: that ends 0 valid keys."))
}
