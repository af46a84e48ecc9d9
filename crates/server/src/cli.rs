//! The command line: its grammar, and the command that it selects.
//!
//! A secret is never an argument, because process lists show arguments. Each command is in its own file.

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use anyhow::{Context as _, Result, anyhow};
use clap::{Parser, Subcommand};
use keyward_domain::Mid;

use crate::{
    config::{Settings, quoted},
    database::Mode,
    node::Node,
    serve::{self, Rereading},
    telemetry,
};

mod account;
mod backup;
mod choice;
mod consent;
mod demo;
mod doctor;
mod examples;
mod exit;
mod health;
mod key;
mod migrate;
mod moment;
mod options;
mod output;
mod packaging;
mod secret_file;
mod secret_input;
mod signing_key;
mod waiting;

pub(crate) use exit::Exit;
use options::{Common, Serve};

/// Issues, lists, rotates, revokes and verifies the API keys of a platform's merchants.
///
/// Without a command it runs the server; without settings, as a sandbox in ./keyward-data on 127.0.0.1:8080. Settings
/// come from a TOML file (--config) or the environment (KEYWARD_X; the database in DATABASE_URL).
#[derive(Debug, Parser)]
#[command(name = "keyward", version = env!("VERSION_AND_COMMIT"), about, max_term_width = 110)]
#[command(after_help = exit::with_table(examples::KEYWARD))]
pub(crate) struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    serve: Serve,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
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
    /// Create, show, list, verify and revoke keys
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
    fn demand_consent(&self) -> Result<()> {
        match self {
            Self::Account(account::Command::Close(close)) => close.demand_consent(),
            Self::Key(key::Command::Revoke(revoke)) => revoke.demand_consent(),
            Self::Serve(_)
            | Self::Health(_)
            | Self::Migrate
            | Self::Account(_)
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

impl Cli {
    /// Parses the command line, and ends the process if it is invalid. The message quotes invalid arguments, except an
    /// address that may hold a password.
    pub(crate) fn parse_arguments() -> Self {
        Self::try_parse().unwrap_or_else(|error| {
            let message = error.render().to_string();
            let secret = |argument: &String| quoted(argument).is_none();
            // `--option=value` is quoted without the option.
            let values = |argument: String| {
                let value = argument.split_once('=').map(|(_, value)| value.to_owned());
                std::iter::once(argument).chain(value)
            };
            let arguments = std::env::args().skip(1).flat_map(values).filter(secret);
            let hidden = arguments.fold(message.clone(), |message, argument| message.replace(&argument, "[not shown]"));
            if hidden == message {
                error.exit();
            }
            let _ = write!(io::stderr(), "{hidden}");
            std::process::exit(error.exit_code());
        })
    }

    /// Runs the command.
    pub(crate) fn run(self) -> Result<ExitCode> {
        let Self { common, serve, command } = self;
        let command = match command {
            None => Command::Serve(serve),
            Some(Command::Serve(mine)) => Command::Serve(mine.or(serve)),
            Some(other) => {
                if let Some((flag, _)) = serve.settings().first() {
                    let flag = flag.replace('_', "-");
                    return Err(exit::wrong_usage(format!("--{flag} is an option of `keyward serve`: omit it here")));
                }
                other
            }
        };
        command.demand_consent()?;
        // These two need no settings, and so no installation.
        if let Command::Completion(completion) = &command {
            return packaging::complete(completion);
        }
        if let Command::Man(man) = &command {
            return packaging::man(man);
        }
        let source = common.source(&command);
        let settings = source.load()?;
        let work = if matches!(command, Command::Serve(_)) {
            let filter = telemetry::start(&settings.log)?;
            Work::Serve(Rereading { filter, log: Box::new(move || Ok(source.load()?.log)) })
        } else {
            telemetry::start_quietly(&settings.log)?;
            Work::Command(command)
        };
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        let runtime = runtime.context("the operating system cannot create a thread")?;
        let done = runtime.block_on(run(work, settings));
        // Work that was cut off at the shutdown limit must not hold the process.
        runtime.shutdown_background();
        done
    }
}

/// The work of a command.
enum Work {
    Serve(Rereading),
    Command(Command),
}

async fn run(work: Work, settings: Settings) -> Result<ExitCode> {
    let command = match work {
        Work::Serve(rereading) => {
            serve::run(settings, rereading).await?;
            return Ok(Exit::Done.into());
        }
        Work::Command(command) => command,
    };
    match command {
        // These are not run here.
        Command::Serve(_) | Command::Completion(_) | Command::Man(_) => {}
        Command::Health(health) => return health::run(&health, &settings).await,
        Command::Migrate => migrate::run(&settings).await?,
        Command::Account(command) => account::run(command, &settings).await?,
        Command::Key(command) => return key::run(command, &settings).await,
        Command::SigningKey(command) => signing_key::run(command, &settings).await?,
        Command::Backup(file) => backup::backup(&file, &settings).await?,
        Command::Restore(file) => backup::restore(&file, &settings).await?,
        Command::Demo(command) => demo::run(command, &settings).await?,
        Command::Doctor(form) => return doctor::run(&settings, form).await,
    }
    Ok(Exit::Done.into())
}

/// Opens a node for one command, and closes its database at the end.
async fn with_node<T>(settings: &Settings, mode: Mode, work: impl AsyncFnOnce(&Node) -> Result<T>) -> Result<T> {
    let node = Node::open(settings, mode, None).await?;
    let done = work(&node).await;
    let closed = node.close().await;
    let done = done?;
    closed?;
    Ok(done)
}

/// Reports an unknown mid.
fn no_such_account(mid: &Mid) -> anyhow::Error {
    anyhow!("there is no account {mid}: `keyward account list` lists all accounts")
}

#[cfg(test)]
#[path = "cli/tests.rs"]
mod tests;
