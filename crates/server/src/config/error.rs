//! Why settings cannot be used, in words for the operator. Never quotes a secret.

use std::{fmt, path::PathBuf};

/// All errors in the settings.
#[derive(Debug)]
pub(crate) struct WrongSettings(pub(super) Vec<String>);

impl fmt::Display for WrongSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_slice() {
            [one] => f.write_str(one),
            many => {
                write!(f, "{} settings are missing or invalid", many.len())?;
                many.iter().try_for_each(|problem| write!(f, "\n  - {problem}"))
            }
        }
    }
}

impl std::error::Error for WrongSettings {}

/// Why the settings could not be loaded.
#[derive(Debug)]
pub(crate) enum LoadError {
    /// The configuration file is missing, not a file, or readable by others.
    Unusable(anyhow::Error),
    /// The configuration file is not TOML. Holds the parser's message, without the line that it quotes.
    NotToml(PathBuf, String),
    /// The text that should name the configuration file does not, and may hold a password.
    NoPath,
    /// Settings are invalid or missing.
    Wrong(WrongSettings),
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unusable(why) => fmt::Display::fmt(why, f),
            Self::NotToml(path, what) => write!(f, "the configuration file {} is not TOML: {what}", path.display()),
            Self::NoPath => f.write_str(
                "--config (KEYWARD_CONFIG) must be the path of a configuration file, and is not (it is not shown: \
                     it may hold a password)",
            ),
            Self::Wrong(wrong) => fmt::Display::fmt(wrong, f),
        }
    }
}

impl std::error::Error for LoadError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unusable(why) => why.source(),
            Self::NotToml(..) | Self::NoPath | Self::Wrong(_) => None,
        }
    }
}
