//! What keeps a node from its lease: each kind is said once in the log, and whether it lasts to those who ask. It
//! decides nothing.

use std::{
    error::Error,
    sync::{Mutex, PoisonError},
};

const NO_JOIN: &str = "this node could not join the others";
const NO_JOIN_IN_TIME: &str = "this node could not join the others in time";

/// What was said since the lease was kept last; empty while it is kept.
#[derive(Default)]
pub(crate) struct Trouble(Mutex<Vec<&'static str>>);

impl Trouble {
    /// The lease was not extended.
    pub(crate) fn begin(&self, what: &'static str, error: Option<&(dyn Error + 'static)>) {
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !said.contains(&what) {
            said.push(what);
            let error = error.map(with_causes);
            tracing::warn!(error, "{what}: answering from memory only until the lease ends, then by reading");
        }
    }

    /// The node got no lease: the database refused it, or did not answer in time.
    pub(crate) fn could_not_join(&self, error: Option<&(dyn Error + 'static)>) {
        self.begin(if error.is_some() { NO_JOIN } else { NO_JOIN_IN_TIME }, error);
    }

    /// The lease is kept.
    pub(crate) fn end(&self) {
        if !std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner)).is_empty() {
            tracing::info!("the lease is kept again");
        }
    }

    /// Whether the node tried to get a lease, and got none since.
    pub(crate) fn has_no_lease(&self) -> bool {
        let said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        said.iter().any(|what| matches!(*what, NO_JOIN | NO_JOIN_IN_TIME))
    }
}

/// An error with all that is below it: without, an outage is all that is said of whatever caused it.
fn with_causes(error: &(dyn Error + 'static)) -> String {
    let (mut said, mut below) = (error.to_string(), error.source());
    while let Some(cause) = below {
        said = format!("{said}: {cause}");
        below = cause.source();
    }
    said
}

#[cfg(test)]
mod tests {
    //! Causes, and how long it lasts.
    use keyward_storage::StorageError;

    use super::*;

    #[test]
    fn a_node_without_a_lease_is_known_until_it_has_one() {
        let (trouble, error) = (Trouble::default(), StorageError::Unavailable("it takes no changes".into()));
        trouble.begin("the lease could not be renewed", Some(&error));
        assert!(!trouble.has_no_lease());
        for error in [Some(&error as &(dyn Error + 'static)), None] {
            trouble.could_not_join(error);
            assert!(trouble.has_no_lease());
            trouble.end();
            assert!(!trouble.has_no_lease());
        }
        assert!(with_causes(&error).ends_with(": it takes no changes"), "{}", with_causes(&error));
    }
}
