//! `keyward key`: creates, shows, changes, lists, verifies and revokes keys, with the operator's authority.
//!
//! A secret is output only through [`Destination`](super::secret_file::Destination).

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use keyward_app::{
    Caller,
    manage::find_keys::{self, FindKeys, Holders, find_keys},
};
use keyward_domain::{Actor, KeyFilter, KeyStatus, KeyType, Mid, NameStart, Scope, Timestamp};

use super::{
    choice::one_of,
    examples,
    exit::Exit,
    not_found::no_such_account,
    output::{self, Form},
    with_node::with_node,
};
use crate::{config::Settings, database::Mode, node::Node};

mod change;
mod create;
mod pair;
mod restrictions;
mod revoke;
mod scopes;
mod show;
mod verify;
mod view;

use view::view;

/// Number of keys in one read.
const PAGE: u16 = 500;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Create one key
    #[command(after_help = examples::KEY_CREATE)]
    Create(create::Create),
    /// Create a public and a secret key that belong together, with which a program requests access tokens
    #[command(after_help = examples::KEY_PAIR)]
    Pair(pair::Pair),
    /// Show one key
    #[command(after_help = examples::KEY_SHOW)]
    Show(show::Show),
    /// Change a key: its name, description, metadata, scopes or dates
    ///
    /// Returns when every node judges by the change. Options that are not given change nothing.
    #[command(after_help = examples::KEY_UPDATE)]
    Update(change::Update),
    /// Suspend a key until it is resumed
    ///
    /// Returns when no node accepts the key.
    #[command(after_help = examples::KEY_SUSPEND)]
    Suspend(change::Which),
    /// Resume a suspended key
    ///
    /// Returns when no node refuses the key for its suspension.
    #[command(after_help = examples::KEY_RESUME)]
    Resume(change::Which),
    /// List the keys of an account, or of all accounts, newest first
    #[command(after_help = examples::KEY_LIST)]
    List(List),
    /// Report whether a key is valid, and for what; reads its value from standard input
    ///
    /// Changes nothing, not even the last use of the key. Exit code 0 means valid, 3 invalid. From a file that --out
    /// wrote, pass only the value: `jq -r .value FILE | keyward key verify`.
    #[command(after_help = examples::KEY_VERIFY)]
    Verify(verify::Verify),
    /// Revoke a key permanently
    ///
    /// On a terminal it asks. Returns when no node accepts the key.
    #[command(after_help = examples::KEY_REVOKE)]
    Revoke(revoke::Revoke),
}

#[derive(Debug, Args)]
pub(super) struct List {
    /// The account; all accounts if absent
    #[arg(long)]
    mid: Option<Mid>,
    /// Only keys in this state
    #[arg(long, value_parser = one_of::<KeyStatus>(KeyStatus::WORDS))]
    state: Option<KeyStatus>,
    /// Only keys of this type
    #[arg(long = "type", value_parser = one_of::<KeyType>(KeyType::WORDS))]
    key_type: Option<KeyType>,
    /// Only keys that this actor created: a key id, operator or service
    #[arg(long, value_name = "ACTOR")]
    created_by: Option<Actor>,
    /// Only keys whose scopes cover this one
    #[arg(long)]
    scope: Option<Scope>,
    /// Only keys whose name starts like this, in any case
    #[arg(long, value_name = "START")]
    name: Option<String>,
    /// Only keys that end before this time, such as 2027-01-31T00:00:00Z, by their own end or by a policy
    #[arg(long, value_name = "TIME")]
    expires_before: Option<Timestamp>,
    /// Only keys that have not been used since this time, and existed then
    #[arg(long, value_name = "TIME")]
    unused_since: Option<Timestamp>,
    /// Only secret keys whose secret was created before this time
    #[arg(long, value_name = "TIME")]
    secret_older_than: Option<Timestamp>,
    #[command(flatten)]
    form: Form,
}

pub(super) async fn run(command: Command, settings: &Settings) -> Result<ExitCode> {
    match command {
        Command::Verify(verify) => return verify::run(verify, settings).await,
        Command::Create(create) => create::run(create, settings).await?,
        Command::Pair(pair) => pair::run(pair, settings).await?,
        Command::Show(show) => show::run(&show, settings).await?,
        Command::Update(update) => change::update(update, settings).await?,
        Command::Suspend(which) => change::suspend(&which, settings).await?,
        Command::Resume(which) => change::resume(&which, settings).await?,
        Command::List(query) => with_node(settings, Mode::Read, async |node| list(node, query).await).await?,
        Command::Revoke(revoke) => revoke::run(&revoke, settings).await?,
    }
    Ok(Exit::Done.into())
}

async fn list(node: &Node, query: List) -> Result<()> {
    const COLUMNS: &[(&str, &str)] = &[
        ("ID", "id"),
        ("TYPE", "type"),
        ("STATE", "state"),
        ("ENDS IN", "last_four"),
        ("CREATED", "created_at"),
        ("LAST USED", "last_used"),
        ("NAME", "name"),
        ("SCOPES", "scopes"),
    ];
    const OF_ALL_ACCOUNTS: &[(&str, &str)] = &[
        ("ID", "id"),
        ("MID", "mid"),
        ("TYPE", "type"),
        ("STATE", "state"),
        ("ENDS IN", "last_four"),
        ("CREATED", "created_at"),
        ("LAST USED", "last_used"),
        ("NAME", "name"),
        ("SCOPES", "scopes"),
    ];
    let columns = if query.mid.is_some() { COLUMNS } else { OF_ALL_ACCOUNTS };
    let form = query.form;
    let filter = KeyFilter {
        status: query.state,
        key_type: query.key_type,
        created_by: query.created_by,
        scope: query.scope,
        name_start: query.name.map(|start| NameStart::new(&start)),
        expires_before: query.expires_before,
        unused_since: query.unused_since,
        secret_older_than: query.secret_older_than,
    };
    let held_by = query.mid.map_or(Holders::Reach, Holders::Account);
    let mut query = FindKeys { held_by, filter, limit: PAGE, before: None };
    let mut list = output::List::new(columns, form);
    loop {
        let page = find_keys(&node.manage, &Caller::operator(), &query).await;
        let page = page.map_err(|error| match (&query.held_by, &error) {
            (Holders::Account(mid) | Holders::Below(mid), find_keys::Error::NoSuchAccount) => no_such_account(mid),
            (Holders::Reach, find_keys::Error::NoSuchAccount) | (_, find_keys::Error::Failure(_)) => error.into(),
        })?;
        let rows = page.with_chains().map(|(listed, chain)| view(&listed.key, chain, listed.last_used, page.at));
        list.add(&rows.collect::<Vec<_>>())?;
        query.before = page.next;
        if page.next.is_none() {
            return list.finish();
        }
    }
}
