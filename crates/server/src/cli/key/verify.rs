//! `keyward key verify`: verifies a key for the operator (contract, section 13).
//!
//! The value is read from standard input and sent nowhere else.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use keyward_app::{
    Caller,
    access::verify_key::{Verified, examine_key},
};
use keyward_domain::{KeyType, Mid, Requirements, Scope};
use serde_json::{Value, json};

use super::scopes::scopes;
use crate::{
    cli::{
        choice::one_of,
        exit::{Exit, wrong_usage},
        output::{self, Form},
        secret_input,
        with_node::with_node,
    },
    config::Settings,
    database::Mode,
};

#[derive(Debug, Args)]
pub(in crate::cli) struct Verify {
    /// Scope that the key must have, such as charges:read; may be repeated
    #[arg(long = "scope", value_name = "SCOPE", value_parser = |text: &str| text.parse::<Scope>())]
    scopes: Vec<Scope>,
    /// Type that the key must have
    #[arg(long = "type", default_value = "secret", value_parser = one_of::<KeyType>(KeyType::WORDS))]
    key_type: KeyType,
    /// Account that the key must belong to
    #[arg(long)]
    mid: Option<Mid>,
    #[command(flatten)]
    form: Form,
}

const LINES: &[(&str, &str)] = &[
    ("VERDICT", "code"),
    ("ID", "id"),
    ("MID", "mid"),
    ("PARTNER", "partner_mid"),
    ("NAME", "name"),
    ("TYPE", "type"),
    ("SCOPES", "scopes"),
    ("EXPIRES", "expires_at"),
];

pub(super) async fn run(verify: Verify, settings: &Settings) -> Result<ExitCode> {
    let Verify { scopes: wanted, key_type, mid, form } = verify;
    let requirements = Requirements { scopes: scopes(&wanted)?, key_type, mid };
    let value = secret_input::read("The key's value: ")?;
    if value.starts_with(['{', '[', '"']) {
        return Err(wrong_usage(
            "standard input holds JSON: pass only the value, which is the member `value` (of a pair `appSecret`): `jq \
             -r .value FILE | keyward key verify`",
        ));
    }
    let verified = with_node(settings, Mode::Read, async |node| {
        Ok(examine_key(&node.access, &Caller::operator(), &value, &requirements).await?)
    });
    let verified = verified.await?;
    let lines = match &verified {
        Verified::Valid(_) => LINES,
        Verified::Invalid { id: Some(_), .. } => &LINES[..2],
        Verified::Invalid { id: None, .. } => &LINES[..1],
    };
    output::object(&view(&verified), lines, form)?;
    Ok(match verified {
        Verified::Valid(_) => Exit::Done,
        Verified::Invalid { .. } => Exit::NotGood,
    }
    .into())
}

fn view(verified: &Verified) -> Value {
    match verified {
        Verified::Valid(found) => {
            let key = found.key.view();
            json!({
                "valid": true,
                "code": "VALID",
                "id": key.id.to_string(),
                "mid": found.chain.own().mid.as_str(),
                "partner_mid": found.chain.partner().map(Mid::as_str),
                "name": key.name,
                "type": key.key_type.as_str(),
                "scopes": key.scopes.iter().collect::<Vec<_>>(),
                "expires_at": key.restrictions.expires_at.map(|at| at.to_string()),
            })
        }
        Verified::Invalid { denial, id: Some(id) } => {
            json!({ "valid": false, "code": denial.code(), "id": id.to_string() })
        }
        Verified::Invalid { denial, id: None } => json!({ "valid": false, "code": denial.code() }),
    }
}
