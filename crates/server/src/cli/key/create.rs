//! `keyward key create`: creates one key. The value of a secret key is shown once, or written to a new file.

use std::{
    io::{self, Write as _},
    path::PathBuf,
};

use anyhow::Result;
use clap::Args;
use keyward_app::{
    Caller,
    manage::issue_key::{self, IssueKey, issue_key},
};
use keyward_domain::{Description, KeyTerms, KeyType, Mid, Name, Now, Scope, TermsError};

use super::{
    restrictions::{self, RestrictionArgs},
    scopes::scopes,
    view::view,
};
use crate::{
    cli::{
        choice::one_of,
        exit::wrong_usage,
        not_found::no_such_account,
        output::{self, Form},
        secret_file::Destination,
        with_node::with_node,
    },
    config::Settings,
    database::Mode,
};

#[derive(Debug, Args)]
pub(in crate::cli) struct Create {
    /// The account
    #[arg(long)]
    mid: Mid,
    /// Name for people
    #[arg(long, value_parser = |text: &str| Name::parse(text))]
    name: Name,
    /// Type of the key: for servers, for web pages, or for tokenizing cards in web pages
    #[arg(long = "type", value_parser = one_of::<KeyType>(KeyType::WORDS))]
    key_type: KeyType,
    /// Scope of the key, such as charges:read; may be repeated
    #[arg(long = "scope", value_name = "SCOPE", value_parser = |text: &str| text.parse::<Scope>())]
    scopes: Vec<Scope>,
    /// Description for people
    #[arg(long, value_parser = |text: &str| Description::parse(text))]
    description: Option<Description>,
    #[command(flatten)]
    restrictions: RestrictionArgs,
    /// New file for the value of a secret key; required unless on a terminal
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    form: Form,
}

/// Fields of a new key for people, above its restrictions and its value.
const LINES: &[(&str, &str)] = &[
    ("ID", "id"),
    ("MID", "mid"),
    ("NAME", "name"),
    ("DESCRIPTION", "description"),
    ("TYPE", "type"),
    ("SCOPES", "scopes"),
    ("CREATED", "created_at"),
];

pub(super) async fn run(create: Create, settings: &Settings) -> Result<()> {
    let Create { mid, name, key_type, scopes: given, description, restrictions, out, form } = create;
    let granted = scopes(&given)?;
    let destination = if key_type.is_secret() { Some(Destination::take(out.as_deref())?) } else { None };
    if let (None, Some(path)) = (&destination, &out) {
        // Failing to print this is no reason not to create the key.
        let why = format!("the value of a {key_type} key is no secret, and is printed");
        let _ = writeln!(io::stderr(), "{} is not written: {why}", path.display());
    }
    let issued = with_node(settings, Mode::Change, async |node| {
        let now = node.access.now();
        let (restrictions, wrong_times) = restrictions.agree(now);
        let errors = KeyTerms::errors(key_type, &granted, &restrictions, now);
        let errors: Vec<String> =
            errors.map(|error| format!("{}: {error}", which(&error))).chain(wrong_times).collect();
        if !errors.is_empty() {
            return Err(wrong_usage(errors.join("; ")));
        }
        let terms = KeyTerms::agree(key_type, name, description, granted, restrictions, now)?;
        let command = IssueKey { mid: mid.clone(), terms, now };
        issue_key(&node.manage, &Caller::operator(), command).await.map_err(|error| explain(error, &mid))
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
    let mut shown = view(&issued.key, &issued.chain, None, Now::exact(issued.key.facts().created_at));
    shown["value"] = issued.value.expose().into();
    let lines = [LINES, restrictions::LINES].concat();
    match destination {
        Some(destination) => destination.keep(&shown, &[issued.key.id().to_string()], || {
            output::object_to_copy_from(&shown, &lines, &[("VALUE, shown only now", "value")], form)
        }),
        None => output::object_to_copy_from(&shown, &lines, &[("VALUE", "value")], form),
    }
}

/// The option that an invalid combination of terms concerns.
fn which(error: &TermsError) -> String {
    match error {
        TermsError::ReservedScope { .. } => "--scope".to_owned(),
        TermsError::Restriction(error) => format!("--{}", error.field().replace('_', "-")),
    }
}

/// Explains why no key was made for this account.
pub(super) fn explain(error: issue_key::Error, mid: &Mid) -> anyhow::Error {
    match error {
        issue_key::Error::NoSuchAccount => no_such_account(mid),
        issue_key::Error::BeyondPolicy(error) => wrong_usage(format!("--{}: {error}", error.field().replace('_', "-"))),
        issue_key::Error::Caller(_)
        | issue_key::Error::ScopeNotHeld(_)
        | issue_key::Error::AccountNotActive(_)
        | issue_key::Error::TooManyKeys(_)
        | issue_key::Error::Failure(_) => error.into(),
    }
}
