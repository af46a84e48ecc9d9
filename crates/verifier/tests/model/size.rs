//! The size of the searches: a part in every test run, all in `cargo xtask model`.

/// The size that the time allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Size {
    Reduced,
    Long,
}

impl Size {
    /// The size that `cargo xtask model` requests, if it runs this.
    #[expect(clippy::disallowed_methods, reason = "CI sets the available time; a test has no configuration")]
    pub(crate) fn from_environment() -> Self {
        if std::env::var_os("KEYWARD_LONG_SEARCH").is_some() { Self::Long } else { Self::Reduced }
    }

    pub(crate) fn pick<T>(self, reduced: T, long: T) -> T {
        match self {
            Self::Reduced => reduced,
            Self::Long => long,
        }
    }
}
