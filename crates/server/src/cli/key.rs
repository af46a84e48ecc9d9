//! `keyward key`: make, show, list, verify and revoke keys, with the authority of the operator.
//!
//! A secret leaves through [`Destination`] only.

use std::{path::PathBuf, process::ExitCode};

use anyhow::Result;
use clap::Args;
use keyward_api::app::{
    Caller,
    issue_key::{self, IssueKey, issue_key},
    issue_pair::{self, IssuePair, issue_pair},
    list_keys::{self, ListKeys, Page, list_keys},
};
use keyward_domain::{ApiKey, Chain, Condition, Description, KeyTerms, KeyType, Mid, Name, Scope, ScopeSet, Timestamp};
use serde_json::{Value, json};

use super::{
    choice::one_of,
    examples,
    exit::Exit,
    moment::Moment,
    no_such_account,
    output::{self, Form},
    secret_file::Destination,
    with_node,
};
use crate::{config::Settings, database::Access, node::Node};

mod revoke;
mod show;
mod verify;

/// How many keys are read at once.
const PAGE: u16 = 500;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Make one key
    #[command(after_help = examples::KEY_CREATE)]
    Create(Create),
    /// Make a public and a secret key that belong together: what a program needs to ask for access tokens
    #[command(after_help = examples::KEY_PAIR)]
    Pair(Pair),
    /// Show one key
    #[command(after_help = examples::KEY_SHOW)]
    Show(show::Show),
    /// List the keys of an account, newest first
    #[command(after_help = examples::KEY_LIST)]
    List(List),
    /// Say whether a key is good, and for what; its value comes from standard input
    ///
    /// Nothing is noted: neither the use of the key nor anything else changes. Exit code 0 means good, 3 not good.
    #[command(after_help = examples::KEY_VERIFY)]
    Verify(verify::Verify),
    /// Revoke a key, for good
    ///
    /// On a terminal it asks. It returns when no node accepts the key.
    #[command(after_help = examples::KEY_REVOKE)]
    Revoke(revoke::Revoke),
}

#[derive(Debug, Args)]
pub(super) struct Create {
    /// The account
    #[arg(long)]
    mid: Mid,
    /// What people call the key
    #[arg(long, value_parser = |text: &str| Name::parse(text))]
    name: Name,
    /// What it is for: servers, web pages, or making tokens of cards in web pages
    #[arg(long = "type", value_parser = one_of::<KeyType>(KeyType::WORDS))]
    key_type: KeyType,
    /// What the key may do, such as charges:read; may be repeated
    #[arg(long = "scope", value_name = "SCOPE", value_parser = |text: &str| text.parse::<Scope>())]
    scopes: Vec<Scope>,
    /// What somebody noted about it
    #[arg(long, value_parser = |text: &str| Description::parse(text))]
    description: Option<Description>,
    /// When it dies by itself: a time such as 2027-01-31T00:00:00Z, or how long from now, such as 30d, 12h or 90m
    #[arg(long, value_name = "TIME")]
    expires_at: Option<Moment>,
    /// A new file for the value of a secret key; needed unless on a terminal
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct Pair {
    /// The account
    #[arg(long)]
    mid: Mid,
    /// What people call the pair
    #[arg(long, value_parser = |text: &str| Name::parse(text))]
    name: Name,
    /// What the secret key may do, such as 'api-keys:*'; may be repeated
    #[arg(long = "scope", value_name = "SCOPE", value_parser = |text: &str| text.parse::<Scope>())]
    scopes: Vec<Scope>,
    /// What somebody noted about it
    #[arg(long, value_parser = |text: &str| Description::parse(text))]
    description: Option<Description>,
    /// Revoke the account's active pairs of this name in the same step
    #[arg(long)]
    overwrite: bool,
    /// A new file for both values: {"mid", "appKey", "appSecret"}; needed unless on a terminal
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct List {
    /// The account
    #[arg(long)]
    mid: Mid,
    /// Only keys in this state
    #[arg(long, value_parser = one_of::<Condition>(Condition::WORDS))]
    state: Option<Condition>,
    /// Only keys of this type
    #[arg(long = "type", value_parser = one_of::<KeyType>(KeyType::WORDS))]
    key_type: Option<KeyType>,
    #[command(flatten)]
    form: Form,
}

pub(super) async fn run(command: Command, settings: &Settings) -> Result<ExitCode> {
    match command {
        Command::Verify(verify) => return verify::run(verify, settings).await,
        Command::Create(create) => make(settings, create).await?,
        Command::Pair(pair) => make_pair(settings, pair).await?,
        Command::Show(show) => show::run(&show, settings).await?,
        Command::List(query) => with_node(settings, Access::Read, async |node| list(node, query).await).await?,
        Command::Revoke(revoke) => revoke::run(&revoke, settings).await?,
    }
    Ok(Exit::Done.into())
}

/// Each of them is a scope already: what is not ends the process while arguments are read, which also keeps a value
/// that looks like a secret out of the message.
fn scopes(given: &[Scope]) -> Result<ScopeSet> {
    ScopeSet::parse(given.iter().map(Scope::as_str)).map_err(|error| anyhow::anyhow!("--scope: {error}"))
}

async fn make(settings: &Settings, create: Create) -> Result<()> {
    let Create { mid, name, key_type, scopes: given, description, expires_at, out } = create;
    let granted = scopes(&given)?;
    let destination = if key_type.is_secret() { Some(Destination::take(out.as_deref())?) } else { None };
    let issued = with_node(settings, Access::Change, async |node| {
        let now = node.app.now();
        let expires_at = expires_at.map(|moment| moment.after(now));
        let terms = KeyTerms::agree(key_type, name, description, granted, expires_at, now)
            .map_err(|error| anyhow::anyhow!("{}: {error}", which(error)))?;
        let command = IssueKey { mid: mid.clone(), terms };
        issue_key(&node.app, &Caller::operator(), command).await.map_err(|error| explain(error, &mid))
    });
    let issued = match issued.await {
        Ok(issued) => issued,
        Err(error) => {
            if let Some(destination) = destination {
                destination.abandon();
            }
            return Err(error);
        }
    };
    let mut shown = view(&issued.key, &issued.chain, None, issued.key.facts().created_at);
    shown["value"] = issued.value.expose().into();
    match destination {
        Some(destination) => destination.keep(&shown, &[issued.key.id().to_string()]),
        None => output::json(&shown),
    }
}

fn explain(error: issue_key::Error, mid: &Mid) -> anyhow::Error {
    match error {
        issue_key::Error::NoSuchAccount => no_such_account(mid),
        issue_key::Error::Caller(_)
        | issue_key::Error::ScopeNotHeld(_)
        | issue_key::Error::AccountNotActive(_)
        | issue_key::Error::Fault(_) => error.into(),
    }
}

const fn which(error: keyward_domain::TermsError) -> &'static str {
    match error {
        keyward_domain::TermsError::ReservedScope => "--scope",
        keyward_domain::TermsError::ExpiryNotInFuture => "--expires-at",
    }
}

async fn make_pair(settings: &Settings, pair: Pair) -> Result<()> {
    let Pair { mid, name, scopes: given, description, overwrite, out } = pair;
    let command = IssuePair { mid, name, description, scopes: scopes(&given)?, overwrite };
    let destination = Destination::take(out.as_deref())?;
    let issued = with_node(settings, Access::Change, async |node| {
        issue_pair(&node.app, &Caller::operator(), &command).await.map_err(|error| match error {
            issue_pair::Error::Key(error) => explain(error, &command.mid),
            issue_pair::Error::Refused(_) => error.into(),
        })
    });
    match issued.await {
        Ok(pair) => {
            let shown = json!({
                "mid": command.mid.as_str(),
                "appKey": pair.public_value.expose(),
                "appSecret": pair.secret_value.expose(),
            });
            destination.keep(&shown, &[pair.public.id().to_string(), pair.secret.id().to_string()])
        }
        Err(error) => {
            destination.abandon();
            Err(error)
        }
    }
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
    let List { mid, state, key_type, form } = query;
    let mut query = ListKeys { mid, condition: state, key_type, limit: PAGE, before: None };
    let mut list = output::List::new(COLUMNS, form);
    loop {
        let page = list_keys(&node.app, &Caller::operator(), &query).await.map_err(|error| match error {
            list_keys::Error::NoSuchAccount => no_such_account(&query.mid),
            list_keys::Error::Fault(_) => error.into(),
        });
        let Page { keys, chain, next, at } = page?;
        let rows: Vec<_> = keys.iter().map(|listed| view(&listed.key, &chain, listed.last_used, at)).collect();
        list.add(&rows)?;
        query.before = next;
        if next.is_none() {
            return list.finish();
        }
    }
}

/// As the HTTP API shows it (contract, sections 3 and 4).
fn view(key: &ApiKey, chain: &Chain, last_used: Option<Timestamp>, at: Timestamp) -> Value {
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
        "state": key.condition(chain, at).as_str(),
        "created_at": facts.created_at.to_string(),
        "created_by": facts.created_by.to_string(),
        "expires_at": time(facts.expires_at),
        "last_used": time(last_used),
        "last_four": facts.last_four.as_str(),
        "revoked_at": time(revocation.map(|it| it.at)),
        "revoked_by": revocation.map(|it| it.by.to_string()),
        "revocation_reason": revocation.map(|it| it.reason.as_str()),
    });
    if let Some(value) = key.readable_value() {
        view["value"] = value.into();
    }
    view
}
