//! The command line: what may be said, and which command it means.
//!
//! Nothing secret is ever an argument: process lists show those. What a command does stands in its own file.

use std::{
    io::{self, Write as _},
    path::PathBuf,
    process::ExitCode,
};

use anyhow::{Context as _, Result, anyhow};
use clap::{ArgAction, Args, CommandFactory as _, Parser, Subcommand, error::ErrorKind};
use keyward_domain::Mid;

use crate::{
    config::{Flags, Purpose, Settings, from_process_environment, quoted},
    database::Access,
    node::Node,
    serve::{self, Rereading},
    telemetry,
};

mod account;
mod backup;
mod demo;
mod doctor;
mod key;
mod migrate;
mod output;
mod secret_file;
mod signing_key;

/// Issues, lists, rotates, revokes and verifies the API keys of a platform's merchants.
///
/// Without a command it serves; without any setting that is a sandbox in ./keyward-data on 127.0.0.1:8080. Every setting
/// can stand in a TOML file (--config) or in the environment (KEYWARD_X; the database in DATABASE_URL).
#[derive(Debug, Parser)]
#[command(name = "keyward", version, about, max_term_width = 110)]
pub(crate) struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    serve: Serve,
    #[command(subcommand)]
    command: Option<Command>,
}

/// What every command needs to know.
#[derive(Debug, Args)]
struct Common {
    /// The configuration file (or KEYWARD_CONFIG)
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The folder of the embedded database and the master key
    #[arg(long, global = true, value_name = "DIR")]
    data_dir: Option<String>,
    /// Which of the two deployments this is
    #[arg(long, global = true, value_name = "sandbox|production")]
    environment: Option<String>,
}

/// What only a server needs to know.
#[derive(Debug, Default, Args)]
struct Serve {
    /// Where to listen; port 0 takes any free one, and the address in use is printed
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
    /// Where to answer GET /metrics
    #[arg(long, value_name = "ADDR")]
    metrics_listen: Option<String>,
    /// Make demo accounts and keys if the database is an empty sandbox
    #[arg(long, action = ArgAction::SetTrue)]
    demo: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Answer requests (what happens without a command, too)
    Serve(Serve),
    /// Bring the schema of the database up to date
    Migrate,
    /// Make, list, suspend, resume and close accounts
    #[command(subcommand)]
    Account(account::Command),
    /// Make, list and revoke keys
    #[command(subcommand)]
    Key(key::Command),
    /// Rotate the keys that sign access tokens
    #[command(subcommand)]
    SigningKey(signing_key::Command),
    /// Copy the embedded database into a new file, also while a server runs
    Backup(backup::Named),
    /// Put a copy that `keyward backup` made in the place of the embedded database, while no server runs
    Restore(backup::Named),
    /// Use the demo accounts of a sandbox
    #[command(subcommand)]
    Demo(demo::Command),
    /// Look whether everything is in order, and say what to do where it is not
    Doctor,
}

impl Cli {
    /// Reads the command line; ends the process where it is wrong. What is wrong is quoted, but for an address that may
    /// hold a password.
    pub(crate) fn parse_arguments() -> Self {
        Self::try_parse().unwrap_or_else(|error| {
            let said = error.render().to_string();
            let secret = |argument: &String| quoted(argument).is_none();
            let arguments = std::env::args().skip(1).filter(secret);
            let hidden = arguments.fold(said.clone(), |said, argument| said.replace(&argument, "[not shown]"));
            if hidden == said {
                error.exit();
            }
            let _ = write!(io::stderr(), "{hidden}");
            std::process::exit(error.exit_code());
        })
    }

    /// Does what was asked for.
    pub(crate) fn run(self) -> Result<ExitCode> {
        let Self { common, serve, command } = self;
        let command = match command {
            None => Command::Serve(serve),
            Some(Command::Serve(mine)) => Command::Serve(mine.or(serve)),
            Some(other) => {
                if let Some((flag, _)) = serve.settings().first() {
                    let message = format!("--{} belongs to `keyward serve`", flag.replace('_', "-"));
                    Self::command().error(ErrorKind::ArgumentConflict, message).exit();
                }
                other
            }
        };
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
        let runtime = runtime.context("the operating system gives no threads")?;
        let done = runtime.block_on(run(work, settings));
        // What was cut off at the limit of stopping must not hold the process.
        runtime.shutdown_background();
        done
    }
}

/// What is to be done.
enum Work {
    Serve(Rereading),
    Command(Command),
}

/// Where the settings of this process come from: they can be read again.
struct Source {
    flags: Flags,
    purpose: Purpose,
}

impl Source {
    fn load(&self) -> Result<Settings> {
        Ok(Settings::load(&self.flags, from_process_environment()?, self.purpose)?)
    }
}

impl Common {
    fn source(self, command: &Command) -> Source {
        let Self { config, data_dir, environment } = self;
        let mut settings: Vec<(&'static str, String)> = Vec::new();
        settings.extend(data_dir.map(|it| ("data_dir", it)));
        settings.extend(environment.map(|it| ("environment", it)));
        let purpose = match command {
            Command::Serve(serve) => {
                settings.extend(serve.settings());
                Purpose::Serve
            }
            Command::Migrate | Command::Backup(_) | Command::Demo(_) => Purpose::Migrate,
            Command::Account(_) | Command::Key(_) | Command::SigningKey(_) | Command::Restore(_) => Purpose::Operate,
            // Whether a server could start here.
            Command::Doctor => Purpose::Serve,
        };
        Source { flags: Flags { config, settings }, purpose }
    }
}

impl Serve {
    fn or(self, earlier: Self) -> Self {
        Self {
            listen: self.listen.or(earlier.listen),
            metrics_listen: self.metrics_listen.or(earlier.metrics_listen),
            demo: self.demo || earlier.demo,
        }
    }

    fn settings(&self) -> Vec<(&'static str, String)> {
        let mut settings = Vec::new();
        settings.extend(self.listen.clone().map(|it| ("listen", it)));
        settings.extend(self.metrics_listen.clone().map(|it| ("metrics_listen", it)));
        settings.extend(self.demo.then(|| ("demo", true.to_string())));
        settings
    }
}

async fn run(work: Work, settings: Settings) -> Result<ExitCode> {
    let command = match work {
        Work::Serve(rereading) => {
            serve::run(settings, rereading).await?;
            return Ok(ExitCode::SUCCESS);
        }
        Work::Command(command) => command,
    };
    match command {
        // Which becomes work of its own.
        Command::Serve(_) => {}
        Command::Migrate => migrate::run(&settings).await?,
        Command::Account(command) => account::run(command, &settings).await?,
        Command::Key(command) => key::run(command, &settings).await?,
        Command::SigningKey(command) => signing_key::run(command, &settings).await?,
        Command::Backup(file) => backup::backup(&file.file, &settings).await?,
        Command::Restore(file) => backup::restore(&file.file, &settings).await?,
        Command::Demo(command) => demo::run(command, &settings).await?,
        Command::Doctor => return doctor::run(&settings).await,
    }
    Ok(ExitCode::SUCCESS)
}

/// Opens everything for one command, which gives the database back at the end.
async fn with_node<T>(settings: &Settings, access: Access, work: impl AsyncFnOnce(&Node) -> Result<T>) -> Result<T> {
    let node = Node::open(settings, access, None).await?;
    let done = work(&node).await;
    let closed = node.close().await;
    let done = done?;
    closed?;
    Ok(done)
}

/// Nobody has this mid.
fn no_such_account(mid: &Mid) -> anyhow::Error {
    anyhow!("there is no account {mid}: `keyward account list` shows all there are")
}

#[cfg(test)]
#[path = "cli/tests.rs"]
mod tests;
