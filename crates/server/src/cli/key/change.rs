//! `keyward key update`, `suspend` and `resume`: change one key on every node.

use anyhow::Result;
use clap::{Args, ValueEnum};
use keyward_app::{
    Caller,
    manage::{
        IfMatch,
        change_key::{ChangeKey, Error, KeyCommand, change_key},
    },
};
use keyward_domain::{
    ChangeRefusal, Description, KeyId, KeyPatch, MetadataPatch, Name, PatchError, Scope, ScopeSet, TermsError,
};

use super::{restrictions::RestrictionArgs, scopes::scopes, show, view::view};
use crate::{
    cli::{
        exit::wrong_usage,
        not_found::no_such_key,
        output::{self, Form},
        waiting,
        with_node::with_node,
    },
    config::Settings,
    database::Mode,
};

#[derive(Debug, Args)]
pub(in crate::cli) struct Update {
    /// The key, such as key_01h2xcejqtf2nbrexx3vqjhp41
    id: KeyId,
    /// New name for people
    #[arg(long, value_parser = |text: &str| Name::parse(text))]
    name: Option<Name>,
    /// New description for people
    #[arg(long, value_parser = |text: &str| Description::parse(text))]
    description: Option<Description>,
    /// Adds or replaces a member of the metadata; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = member)]
    metadata: Vec<(String, String)>,
    /// Removes a member of the metadata; may be repeated
    #[arg(long, value_name = "NAME")]
    remove_metadata: Vec<String>,
    /// Scope of the key from now on, such as charges:read; may be repeated. Scopes that are not given are removed
    #[arg(long = "scope", value_name = "SCOPE", value_parser = |text: &str| text.parse::<Scope>())]
    scopes: Vec<Scope>,
    #[command(flatten)]
    restrictions: RestrictionArgs,
    /// Removes what a key may have; may be repeated
    #[arg(long, value_name = "WHAT")]
    clear: Vec<Clear>,
    /// Changes the key only if it has this version
    #[arg(long, value_name = "VERSION")]
    if_match: Option<u64>,
    #[command(flatten)]
    form: Form,
}

/// What `--clear` removes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Clear {
    Description,
    Metadata,
    Scopes,
    NotBefore,
    ExpiresAt,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Which {
    /// The key, such as key_01h2xcejqtf2nbrexx3vqjhp41
    id: KeyId,
    #[command(flatten)]
    form: Form,
}

/// Splits a member of metadata at its first `=`.
fn member(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("must be NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

pub(super) async fn update(update: Update, settings: &Settings) -> Result<()> {
    let Update { id, name, description, metadata, remove_metadata, restrictions, clear, if_match, form, .. } = update;
    let given = update.scopes;
    let clears = |what| clear.contains(&what);
    let is_given = [
        (Clear::Description, "description", description.is_some()),
        (Clear::Metadata, "metadata", !metadata.is_empty() || !remove_metadata.is_empty()),
        (Clear::Scopes, "scope", !given.is_empty()),
        (Clear::NotBefore, "not-before", restrictions.has_start()),
        (Clear::ExpiresAt, "expires-at", restrictions.has_end()),
    ];
    if let Some((_, option, _)) = is_given.iter().find(|(what, _, is_given)| *is_given && clears(*what)) {
        return Err(wrong_usage(format!("--{option}: must not be given together with --clear of the same")));
    }
    if let Some(name) = remove_metadata.iter().find(|name| metadata.iter().any(|(given, _)| given == *name)) {
        return Err(wrong_usage(format!("--remove-metadata: {name} is also given by --metadata")));
    }
    let scopes = match (given.is_empty(), clears(Clear::Scopes)) {
        (true, true) => Some(ScopeSet::empty()),
        (true, false) => None,
        (false, _) => Some(scopes(&given)?),
    };
    let members = metadata.into_iter().map(|(name, value)| (name.into(), Some(value.into())));
    let removed = remove_metadata.into_iter().map(|name| (name.into(), None));
    let members: Vec<_> = members.chain(removed).collect();
    let metadata = match (members.is_empty(), clears(Clear::Metadata)) {
        (true, true) => Some(None),
        (true, false) => None,
        (false, _) => {
            Some(Some(MetadataPatch::new(members).map_err(|error| wrong_usage(format!("--metadata: {error}")))?))
        }
    };
    let description = description.map(Some).or_else(|| clears(Clear::Description).then_some(None));
    let (clears_start, clears_end) = (clears(Clear::NotBefore), clears(Clear::ExpiresAt));
    let patch = move |now| {
        let (restrictions, errors) = restrictions.agree(now);
        if !errors.is_empty() {
            return Err(wrong_usage(errors.join("; ")));
        }
        let patched = |at: Option<_>, is_cleared: bool| at.map(Some).or_else(|| is_cleared.then_some(None));
        Ok(KeyCommand::Patch(Box::new(KeyPatch {
            name,
            description,
            metadata,
            scopes,
            not_before: patched(restrictions.not_before, clears_start),
            expires_at: patched(restrictions.expires_at, clears_end),
        })))
    };
    let if_match = if_match.map_or(IfMatch::Any, |version| IfMatch::OneOf(vec![version]));
    change(id, patch, if_match, form, settings).await
}

pub(super) async fn suspend(which: &Which, settings: &Settings) -> Result<()> {
    change(which.id, |_| Ok(KeyCommand::Suspend), IfMatch::Any, which.form, settings).await
}

pub(super) async fn resume(which: &Which, settings: &Settings) -> Result<()> {
    change(which.id, |_| Ok(KeyCommand::Resume), IfMatch::Any, which.form, settings).await
}

/// Changes the key, waits until every node judges by it, and shows the key.
async fn change(
    id: KeyId,
    command: impl FnOnce(keyward_domain::Now) -> Result<KeyCommand>,
    if_match: IfMatch,
    form: Form,
    settings: &Settings,
) -> Result<()> {
    let shown = with_node(settings, Mode::Change, async |node| {
        let command = ChangeKey { id, command: command(node.access.now())?, if_match };
        let change = async {
            let changed = change_key(&node.manage, &Caller::operator(), command).await;
            changed.map_err(|error| explain(error, id))
        };
        let record = waiting::enforced(node, settings, change).await?.record;
        Ok(view(&record.key, &record.chain, record.last_used, node.access.now()))
    });
    output::object(&shown.await?, &show::lines(), form)
}

/// Explains why this key was not changed.
fn explain(error: Error, id: KeyId) -> anyhow::Error {
    match error {
        Error::NoSuchKey => no_such_key(id),
        Error::Refused(ChangeRefusal::Invalid(errors)) => {
            wrong_usage(errors.iter().map(|error| format!("{}: {error}", option(error))).collect::<Vec<_>>().join("; "))
        }
        Error::PreconditionFailed(_)
        | Error::Caller(_)
        | Error::Refused(_)
        | Error::ScopeNotHeld(_)
        | Error::Failure(_) => error.into(),
    }
}

/// The option that an error concerns.
fn option(error: &PatchError) -> String {
    match error {
        PatchError::Metadata(_) => "--metadata".to_owned(),
        PatchError::Terms(TermsError::ReservedScope { .. }) => "--scope".to_owned(),
        PatchError::Terms(TermsError::Restriction(error)) => format!("--{}", error.field().replace('_', "-")),
    }
}
