//! How far the searches go: a part of them in every run of the tests, all of it in `cargo xtask model`.

/// How much there is time for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Size {
    Reduced,
    Long,
}

impl Size {
    /// What `cargo xtask model` asks for, if it runs this.
    #[expect(
        clippy::disallowed_methods,
        reason = "the automation says how much time there is; a test has no configuration"
    )]
    pub(crate) fn asked_for() -> Self {
        if std::env::var_os("KEYWARD_LONG_SEARCH").is_some() { Self::Long } else { Self::Reduced }
    }

    pub(crate) fn pick<T>(self, reduced: T, long: T) -> T {
        match self {
            Self::Reduced => reduced,
            Self::Long => long,
        }
    }
}
