//! The command line: reads it, and runs the command that it selects.
//!
//! A secret is never an argument, because process lists show arguments. Each command is in its own file.

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use anyhow::{Context as _, Result};
use clap::{CommandFactory as _, Parser as _};

use crate::{
    config::{Settings, quoted},
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
mod grammar;
mod health;
mod key;
mod migrate;
mod moment;
mod not_found;
mod options;
mod output;
mod packaging;
mod policy;
mod secret_file;
mod secret_input;
mod signing_key;
mod source;
mod waiting;
mod with_node;

pub(crate) use exit::Exit;
pub(crate) use grammar::Cli;
use grammar::Command;
use source::source;

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
            return packaging::complete(completion, Self::command());
        }
        if let Command::Man(man) = &command {
            return packaging::man(man, Self::command());
        }
        let source = source(common, &command);
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
        Command::Policy(command) => policy::run(command, &settings).await?,
        Command::Key(command) => return key::run(command, &settings).await,
        Command::SigningKey(command) => signing_key::run(command, &settings).await?,
        Command::Backup(file) => backup::backup(&file, &settings).await?,
        Command::Restore(file) => backup::restore(&file, &settings).await?,
        Command::Demo(command) => demo::run(command, &settings).await?,
        Command::Doctor(form) => return doctor::run(&settings, form).await,
    }
    Ok(Exit::Done.into())
}

#[cfg(test)]
#[path = "cli/tests.rs"]
mod tests;
