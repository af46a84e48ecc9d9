//! Where the settings of a command come from: its options, the environment and the configuration file.
//!
//! Reads them; checks none of them itself.

use anyhow::Result;

use super::{grammar::Command, options::Common};
use crate::config::{Flags, Purpose, Settings, from_process_environment};

/// The sources of this process's settings, which can be read again.
pub(super) struct Source {
    flags: Flags,
    purpose: Purpose,
}

impl Source {
    pub(super) fn load(&self) -> Result<Settings> {
        Ok(Settings::load(&self.flags, from_process_environment()?, self.purpose)?)
    }
}

/// The sources for a command with these options.
pub(super) fn source(common: Common, command: &Command) -> Source {
    let Common { config, data_dir, environment } = common;
    let mut settings: Vec<(&'static str, String)> = Vec::new();
    settings.extend(data_dir.map(|it| ("data_dir", it)));
    settings.extend(environment.map(|it| ("environment", it)));
    let purpose = match command {
        Command::Serve(serve) => {
            settings.extend(serve.settings());
            Purpose::Serve
        }
        Command::Health(health) => {
            settings.extend(health.listen().map(|it| ("listen", it)));
            Purpose::Ask
        }
        Command::Completion(_) | Command::Man(_) => Purpose::Ask,
        Command::Migrate | Command::Backup(_) | Command::Demo(_) => Purpose::Migrate,
        Command::Account(_) | Command::Policy(_) | Command::Key(_) | Command::SigningKey(_) | Command::Restore(_) => {
            Purpose::Operate
        }
        // As a server that would start here.
        Command::Doctor(_) => Purpose::Serve,
    };
    Source { flags: Flags { config, settings }, purpose }
}
