//! Queue lengths and memory use, for monitoring. Computed on demand: requests do not count them.

use std::time::Duration;

use super::Access;

/// A snapshot of queues and remembered entries.
#[derive(Clone, Debug)]
pub struct Load {
    /// Requests waiting for a permit for an account, by lane.
    pub account_turns_waiting: Vec<(&'static str, usize)>,
    /// Slow hashes waiting for a core.
    pub slow_hashes_waiting: usize,
    /// Entries of the limits on wrong credentials, by limit.
    pub limit_entries: [(&'static str, usize); 5],
    /// Number of published signing keys.
    pub signing_keys: usize,
    /// Time since the current signing key began to sign; `None` if no key can sign.
    pub signing_key_age: Option<Duration>,
}

impl Access {
    /// Takes a snapshot.
    #[must_use]
    pub fn load(&self) -> Load {
        let (now, keys) = (self.now().recorded(), self.tokens.access.keys());
        Load {
            account_turns_waiting: self.account_queue.waiting(),
            slow_hashes_waiting: self.secrets.waiting(),
            limit_entries: self.attempts.entries(),
            signing_keys: keys.published(now).count(),
            signing_key_age: keys.signer(now).map(|key| now.since(key.signs_from)),
        }
    }
}
