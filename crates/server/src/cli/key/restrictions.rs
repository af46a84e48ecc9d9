//! The restrictions of a key as options and as fields for people.

use clap::Args;
use keyward_domain::{Now, Restrictions};
use serde_json::{Map, Value};

use crate::cli::moment::Moment;

/// Fields for people.
pub(super) const LINES: &[(&str, &str)] = &[("VALID FROM", "not_before"), ("EXPIRES", "expires_at")];

/// The options of a new key.
#[derive(Debug, Args)]
pub(super) struct RestrictionArgs {
    /// When it becomes valid, if not now: a time, or a time from now, as for --expires-at
    #[arg(long, value_name = "TIME")]
    not_before: Option<Moment>,
    /// When it expires: a time such as 2027-01-31T00:00:00Z, or a time from now, such as 30d, 12h or 90m. At least 1s
    /// from now
    #[arg(long, value_name = "TIME")]
    expires_at: Option<Moment>,
}

impl RestrictionArgs {
    /// Whether a start of validity is given.
    pub(super) const fn has_start(&self) -> bool {
        self.not_before.is_some()
    }

    /// Whether a time of expiry is given.
    pub(super) const fn has_end(&self) -> bool {
        self.expires_at.is_some()
    }

    /// Returns the restrictions, and the errors in the options.
    pub(super) fn agree(self, now: Now) -> (Restrictions, Vec<String>) {
        let mut errors = Vec::new();
        let mut absolute = |option: &str, moment: Option<Moment>| {
            let at = moment.map(|moment| moment.after(now.recorded())).transpose();
            at.unwrap_or_else(|error| {
                errors.push(format!("--{option}: {error}"));
                None
            })
        };
        let restrictions = Restrictions {
            not_before: absolute("not-before", self.not_before),
            expires_at: absolute("expires-at", self.expires_at),
        };
        (restrictions, errors)
    }
}

/// Adds the restrictions to a key as the HTTP API shows it.
pub(super) fn add_to(view: &mut Map<String, Value>, restrictions: &Restrictions) {
    let mut add = |name: &str, at: Option<keyward_domain::Timestamp>| {
        view.insert(name.to_owned(), at.map(|at| at.to_string()).into());
    };
    add("not_before", restrictions.not_before);
    add("expires_at", restrictions.expires_at);
}
