//! `keyward key revoke`: ends one key on every node.

use anyhow::Result;
use clap::Args;
use keyward_api::app::{
    Caller,
    read_key::read_key,
    revoke_key::{RevokeKey, revoke_key},
};
use keyward_domain::{ApiKey, Condition, KeyId, Reason};
use keyward_storage::KeyRecord;
use serde_json::json;

use super::{super::with_node, show::no_such_key};
use crate::{
    cli::{
        choice::one_of,
        consent::{self, Consent},
        output, waiting,
    },
    config::Settings,
    database::Access,
    node::Node,
};

#[derive(Debug, Args)]
pub(in crate::cli) struct Revoke {
    /// The key, such as key_01h2xcejqtf2nbrexx3vqjhp41
    id: KeyId,
    /// Why
    #[arg(long, default_value = "unspecified", value_parser = one_of::<Reason>(Reason::WORDS))]
    reason: Reason,
    #[command(flatten)]
    pub(in crate::cli) consent: Consent,
}

pub(super) async fn run(revoke: &Revoke, settings: &Settings) -> Result<()> {
    let id = revoke.id;
    with_node(settings, Access::Change, async |node| {
        if revoke.consent.is_missing() {
            ask(node, id).await?;
        }
        let command = RevokeKey { id, reason: revoke.reason, respond_async: false };
        let change = async { Ok(revoke_key(&node.app, &Caller::operator(), command).await?) };
        waiting::in_force(node, settings, change).await
    })
    .await?;
    output::json(&json!({ "id": id.to_string(), "state": Condition::Revoked.as_str() }))
}

/// Asks about a key that is not revoked yet: to repeat it is to wait once more.
async fn ask(node: &Node, id: KeyId) -> Result<()> {
    let found = read_key(&node.app, &Caller::operator(), id).await?.ok_or_else(|| no_such_key(id))?;
    let KeyRecord { key, chain, last_used, .. } = found;
    if key.revocation().is_some() {
        return Ok(());
    }
    let used = last_used.map_or_else(|| "never used".to_owned(), |at| format!("last used {at}"));
    let (mid, facts) = (&chain.own().mid, ApiKey::facts(&key));
    let (kind, name) = (facts.key_type.as_str(), facts.name.as_str());
    consent::ask(&format!("Revoke the {kind} key {id} ({name}) of {mid}, {used}, for good? That ends 1 key."))
}
