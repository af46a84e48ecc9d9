//! Problems that prevent a node from keeping its lease. Logs each kind once, and reports whether it persists. Decides
//! nothing.

use std::{
    error::Error,
    sync::{Mutex, PoisonError},
};

const NO_JOIN: &str = "this node could not join the others";
const NO_JOIN_IN_TIME: &str = "this node could not join the others in time";

/// Problems logged since the last successful renewal; empty while renewals succeed.
#[derive(Default)]
pub(crate) struct LeaseProblems(Mutex<Vec<&'static str>>);

impl LeaseProblems {
    /// Logs why the lease was not extended, once for each cause.
    pub(crate) fn begin(&self, what: &'static str, error: Option<&(dyn Error + 'static)>) {
        let mut logged = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !logged.contains(&what) {
            logged.push(what);
            let error = error.map(with_causes);
            tracing::warn!(error, "{what}: answering from memory only until the lease ends, then by reading");
        }
    }

    /// Logs that the node got no lease: the database refused the join, or did not reply in time.
    pub(crate) fn could_not_join(&self, error: Option<&(dyn Error + 'static)>) {
        self.begin(if error.is_some() { NO_JOIN } else { NO_JOIN_IN_TIME }, error);
    }

    /// Records a successful join or renewal.
    pub(crate) fn end(&self) {
        if !std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner)).is_empty() {
            tracing::info!("lease renewed");
        }
    }

    /// Whether the node tried to join and has no lease since.
    pub(crate) fn has_no_lease(&self) -> bool {
        let logged = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        logged.iter().any(|what| matches!(*what, NO_JOIN | NO_JOIN_IN_TIME))
    }
}

/// Formats an error with all its causes; the error alone would report only an outage.
fn with_causes(error: &(dyn Error + 'static)) -> String {
    let (mut text, mut below) = (error.to_string(), error.source());
    while let Some(cause) = below {
        text = format!("{text}: {cause}");
        below = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    //! Causes, and when a problem ends.
    use keyward_storage::StorageError;

    use super::*;

    #[test]
    fn a_missing_lease_is_reported_until_the_node_has_one() {
        let (problems, error) = (LeaseProblems::default(), StorageError::Unavailable("it takes no changes".into()));
        problems.begin("the lease could not be renewed", Some(&error));
        assert!(!problems.has_no_lease());
        for error in [Some(&error as &(dyn Error + 'static)), None] {
            problems.could_not_join(error);
            assert!(problems.has_no_lease());
            problems.end();
            assert!(!problems.has_no_lease());
        }
        assert!(with_causes(&error).ends_with(": it takes no changes"), "{}", with_causes(&error));
    }
}
