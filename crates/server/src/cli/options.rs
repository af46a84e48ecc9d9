//! Options that are settings: those of every command, and those of a server.

use std::path::PathBuf;

use clap::{ArgAction, Args, builder::PossibleValuesParser};
use keyward_domain::Environment;

use crate::config;

/// Options of every command.
#[derive(Debug, Args)]
#[command(next_help_heading = "Options of every command")]
pub(super) struct Common {
    /// Configuration file (or KEYWARD_CONFIG)
    #[arg(long, global = true, value_name = "FILE", value_parser = file)]
    pub(super) config: Option<PathBuf>,
    /// Folder of the embedded database and the master key
    #[arg(long, global = true, value_name = "DIR", value_parser = directory)]
    pub(super) data_dir: Option<String>,
    /// Kind of deployment
    #[arg(long, global = true, value_parser = PossibleValuesParser::new(Environment::WORDS))]
    pub(super) environment: Option<String>,
}

/// Options of a server.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Options of a server")]
pub(super) struct Serve {
    /// Address to listen on; port 0 takes any free port, and the address in use is printed
    #[arg(long, value_name = "ADDR", value_parser = address)]
    listen: Option<String>,
    /// Address that answers GET /metrics
    #[arg(long, value_name = "ADDR", value_parser = address)]
    metrics_listen: Option<String>,
    /// Create demo accounts and keys if the database is an empty sandbox
    #[arg(long, action = ArgAction::SetTrue)]
    demo: bool,
}

/// The rules of a setting hold for its option too. They are checked here, so that an invalid command line has its own
/// exit code and a message that names the option.
fn file(text: &str) -> Result<PathBuf, String> {
    config::path(text).map_err(must_be)
}

fn directory(text: &str) -> Result<String, String> {
    config::path(text).map(|_| text.to_owned()).map_err(must_be)
}

fn address(text: &str) -> Result<String, String> {
    config::address(text).map(|_| text.to_owned()).map_err(must_be)
}

pub(super) fn must_be(expected: &str) -> String {
    format!("must be {expected}")
}

impl Serve {
    pub(super) fn or(self, earlier: Self) -> Self {
        Self {
            listen: self.listen.or(earlier.listen),
            metrics_listen: self.metrics_listen.or(earlier.metrics_listen),
            demo: self.demo || earlier.demo,
        }
    }

    pub(super) fn settings(&self) -> Vec<(&'static str, String)> {
        let mut settings = Vec::new();
        settings.extend(self.listen.clone().map(|it| ("listen", it)));
        settings.extend(self.metrics_listen.clone().map(|it| ("metrics_listen", it)));
        settings.extend(self.demo.then(|| ("demo", true.to_string())));
        settings
    }
}
