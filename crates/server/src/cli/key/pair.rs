//! `keyward key pair`: creates a public and a secret key that belong together. Both values go to a terminal or a new
//! file.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use keyward_app::{
    Caller,
    manage::issue_pair::{self, IssuePair, issue_pair},
};
use keyward_domain::{Description, Mid, Name, Restrictions, Scope};
use serde_json::json;

use super::{create::explain, scopes::scopes};
use crate::{
    cli::{
        output::{self, Form},
        secret_file::Destination,
        with_node::with_node,
    },
    config::Settings,
    database::Mode,
};

#[derive(Debug, Args)]
pub(in crate::cli) struct Pair {
    /// The account
    #[arg(long)]
    mid: Mid,
    /// Name for people
    #[arg(long, value_parser = |text: &str| Name::parse(text))]
    name: Name,
    /// Scope of the secret key, such as 'api-keys:*'; may be repeated
    #[arg(long = "scope", value_name = "SCOPE", value_parser = |text: &str| text.parse::<Scope>())]
    scopes: Vec<Scope>,
    /// Description for people
    #[arg(long, value_parser = |text: &str| Description::parse(text))]
    description: Option<Description>,
    /// Revoke the account's active pairs of this name in the same step, without asking; no file is overwritten
    #[arg(long)]
    overwrite: bool,
    /// New file for both values: {"mid", "appKey", "appSecret"}; required unless on a terminal
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    form: Form,
}

/// Fields of a new pair for people.
const LINES: &[(&str, &str)] = &[("MID", "mid")];
/// Values that people copy.
const VALUES: &[(&str, &str)] = &[("APP KEY", "appKey"), ("APP SECRET, shown only now", "appSecret")];

pub(super) async fn run(pair: Pair, settings: &Settings) -> Result<()> {
    let Pair { mid, name, scopes: given, description, overwrite, out, form } = pair;
    let command =
        IssuePair { mid, name, description, scopes: scopes(&given)?, restrictions: Restrictions::NONE, overwrite };
    let destination = Destination::take(out.as_deref())?;
    let issued = with_node(settings, Mode::Change, async |node| {
        issue_pair(&node.manage, &Caller::operator(), &command).await.map_err(|error| match error {
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
            let keys = [pair.public.id().to_string(), pair.secret.id().to_string()];
            destination.keep(&shown, &keys, || output::object_to_copy_from(&shown, LINES, VALUES, form))
        }
        Err(error) => {
            destination.abandon();
            Err(error)
        }
    }
}
