//! The grammar of the command line: every command and the options of each.
//!
//! Runs nothing. The arguments of a command are in its own file.

use anyhow::Result;
use clap::{Parser, Subcommand};

use super::{
    account, backup, demo, examples, exit, health, key,
    options::{Common, Serve},
    output, packaging, policy, signing_key,
};

/// Issues, lists, rotates, revokes and verifies the API keys of a platform's merchants.
///
/// Without a command it runs the server; without settings, as a sandbox in ./keyward-data on 127.0.0.1:8080. Settings
/// come from a TOML file (--config) or the environment (KEYWARD_X; the database in DATABASE_URL).
#[derive(Debug, Parser)]
#[command(name = "keyward", version = env!("VERSION_AND_COMMIT"), about, max_term_width = 110)]
#[command(after_help = exit::with_table(examples::KEYWARD))]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(super) common: Common,
    #[command(flatten)]
    pub(super) serve: Serve,
    #[command(subcommand)]
    pub(super) command: Option<Command>,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run the server (the default command)
    #[command(after_help = examples::SERVE)]
    Serve(Serve),
    /// Check whether the server of this machine answers
    ///
    /// Sends a request to the configured listener, or to its loopback address if it listens on all addresses, by HTTP
    /// or TLS as configured. Opens no database and sends no credential, so the certificate is not checked. Prints the
    /// answer as one line.
    #[command(after_help = examples::HEALTH)]
    Health(health::Health),
    /// Bring the schema of the database up to date
    #[command(after_help = examples::MIGRATE)]
    Migrate,
    /// Create, list, suspend, resume and close accounts
    #[command(subcommand)]
    Account(account::Command),
    /// Show and set the policies of accounts: how long keys live, and how many there may be
    #[command(subcommand)]
    Policy(policy::Command),
    /// Create, show, change, list, verify and revoke keys
    #[command(subcommand)]
    Key(key::Command),
    /// Rotate the keys that sign access tokens
    #[command(subcommand)]
    SigningKey(signing_key::Command),
    /// Copy the embedded database into a new file, also while a server runs
    #[command(after_help = examples::BACKUP)]
    Backup(backup::Named),
    /// Replace the embedded database by a copy that `keyward backup` made, while no server runs
    ///
    /// Does not ask. Changes that are in the database of the data directory and not in the copy are lost; reports which
    /// changes those are.
    #[command(after_help = examples::RESTORE)]
    Restore(backup::Named),
    /// Use the demo accounts of a sandbox
    #[command(subcommand)]
    Demo(demo::Command),
    /// Check the installation, and report what to do about each problem
    #[command(after_help = examples::DOCTOR)]
    Doctor(output::Form),
    /// Print the script that completes commands and options in a shell
    #[command(after_help = examples::COMPLETION)]
    Completion(packaging::Completion),
    /// Print the manual page, or write one for each command
    #[command(after_help = examples::MAN)]
    Man(packaging::Man),
}

impl Command {
    /// Refuses an irreversible command without consent.
    pub(super) fn demand_consent(&self) -> Result<()> {
        match self {
            Self::Account(account::Command::Close(close)) => close.demand_consent(),
            Self::Key(key::Command::Revoke(revoke)) => revoke.demand_consent(),
            Self::Serve(_)
            | Self::Health(_)
            | Self::Migrate
            | Self::Account(_)
            | Self::Policy(_)
            | Self::Key(_)
            | Self::SigningKey(_)
            | Self::Backup(_)
            | Self::Restore(_)
            | Self::Demo(_)
            | Self::Doctor(_)
            | Self::Completion(_)
            | Self::Man(_) => Ok(()),
        }
    }
}
