//! `keyward signing-key`: publishes the next key that signs access tokens, ahead of time.

use anyhow::{Result, bail};
use keyward_app::{
    Clock as _,
    access::rotate_signing_keys::{keep_signing_keys, rotate_signing_keys},
};
use keyward_storage::Write;
use keyward_verifier::ClockDifference;
use serde_json::json;

use super::{
    examples,
    output::{self, Form},
    with_node::with_node,
};
use crate::{clock::SystemClock, config::Settings, database::Mode};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Publish the next signing key; it signs after ten minutes, and tokens signed by the previous one remain valid
    #[command(after_help = examples::SIGNING_KEY_ROTATE)]
    Rotate(Form),
}

pub(super) async fn run(command: Command, settings: &Settings) -> Result<()> {
    let Command::Rotate(form) = command;
    let keys = with_node(settings, Mode::Change, async |node| {
        keep_signing_keys(&node.access).await?;
        if rotate_signing_keys(&node.access).await? == Write::Stale {
            let read = node.database.store().signing_keys().await?;
            let machine = SystemClock.wall();
            if let Some(difference) = read.database_time.and_then(|at| ClockDifference::between(machine, at)) {
                bail!("no key was published, because {difference}: correct the wrong one and try again");
            }
            // Otherwise another node has just published this generation, which serves as well.
        }
        Ok(node.access.access_tokens().keys())
    });
    let keys = keys.await?;
    let newest = keys.newest_generation();
    let signs_from = keys.published(keyward_domain::Timestamp::UNIX_EPOCH).last().map(|key| key.signs_from.to_string());
    let lines = [("GENERATION", "generation"), ("SIGNS FROM", "signs_from")];
    output::object(&json!({ "generation": newest, "signs_from": signs_from }), &lines, form)
}
