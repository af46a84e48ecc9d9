//! `keyward key show`: shows one key, revoked or not. Never shows the value of a secret key, which is stored nowhere.

use anyhow::Result;
use clap::Args;
use keyward_app::{Caller, manage::read_key::read_key};
use keyward_domain::KeyId;

use super::{restrictions, view::view};
use crate::{
    cli::{
        not_found::no_such_key,
        output::{self, Form},
        with_node::with_node,
    },
    config::Settings,
    database::Mode,
};

#[derive(Debug, Args)]
pub(in crate::cli) struct Show {
    /// The key, such as key_01h2xcejqtf2nbrexx3vqjhp41
    id: KeyId,
    #[command(flatten)]
    form: Form,
}

/// Fields of a key for people, in this order; between them come those of its restrictions.
const LINES: &[(&str, &str)] = &[
    ("ID", "id"),
    ("MID", "mid"),
    ("NAME", "name"),
    ("DESCRIPTION", "description"),
    ("TYPE", "type"),
    ("STATE", "state"),
    ("SCOPES", "scopes"),
    ("VALUE", "value"),
    ("ENDS IN", "last_four"),
    ("CREATED", "created_at"),
    ("CREATED BY", "created_by"),
];
/// The fields after its restrictions.
const MORE_LINES: &[(&str, &str)] = &[
    ("LAST USED", "last_used"),
    ("SUSPENDED", "suspended_at"),
    ("SUSPENDED BY", "suspended_by"),
    ("METADATA", "metadata"),
    ("REVOKED", "revoked_at"),
    ("REVOKED BY", "revoked_by"),
    ("REASON", "revocation_reason"),
];

pub(super) async fn run(show: &Show, settings: &Settings) -> Result<()> {
    let shown = with_node(settings, Mode::Read, async |node| {
        let found = read_key(&node.manage, &Caller::operator(), show.id).await?;
        let found = found.ok_or_else(|| no_such_key(show.id))?;
        Ok(view(&found.key, &found.chain, found.last_used, node.access.now()))
    });
    output::object(&shown.await?, &lines(), show.form)
}

/// All fields of a key for people.
pub(super) fn lines() -> Vec<(&'static str, &'static str)> {
    [LINES, restrictions::LINES, MORE_LINES].concat()
}
