//! A key as commands show it, for people and as JSON.
//!
//! Never holds a secret: a secret key has no readable value.

use std::collections::BTreeMap;

use keyward_domain::{ApiKey, Chain, Description, Now, Timestamp};
use serde_json::{Value, json};

use super::restrictions;

/// A key as the HTTP API shows it (contract, sections 3 and 4).
pub(super) fn view(key: &ApiKey, chain: &Chain, last_used: Option<Timestamp>, at: Now) -> Value {
    let facts = key.facts();
    let time = |at: Option<Timestamp>| at.map(|at| at.to_string());
    let revocation = key.revocation();
    let mut view = json!({
        "id": facts.id.to_string(),
        "mid": chain.own().mid.as_str(),
        "name": facts.name.as_str(),
        "description": facts.description.as_ref().map(Description::as_str),
        "type": facts.key_type.as_str(),
        "scopes": facts.scopes.iter().collect::<Vec<_>>(),
        "state": key.status(chain, at).as_str(),
        "created_at": facts.created_at.to_string(),
        "created_by": facts.created_by.to_string(),
        "last_used": time(last_used),
        "last_four": facts.last_four.as_str(),
        "metadata": facts.metadata.iter().collect::<BTreeMap<_, _>>(),
        "effective_expires_at": time(key.ends_at(chain)),
        "pair_id": facts.pair.as_ref().map(|pair| pair.id.to_string()),
        "suspended_at": time(facts.suspension.map(|it| it.at)),
        "suspended_by": facts.suspension.map(|it| it.by.to_string()),
        "revoked_at": time(revocation.map(|it| it.at)),
        "revoked_by": revocation.map(|it| it.by.to_string()),
        "revocation_reason": revocation.map(|it| it.reason.as_str()),
    });
    if let Some(members) = view.as_object_mut() {
        restrictions::add_to(members, &facts.restrictions);
    }
    if let Some(value) = key.readable_value() {
        view["value"] = value.into();
    }
    view
}
