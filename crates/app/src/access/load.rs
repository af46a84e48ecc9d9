//! How much waits and is remembered at a moment, for monitoring. Read when it is asked for: no request counts it.

use std::time::Duration;

use super::Access;

/// What there is at one moment.
#[derive(Clone, Debug)]
pub struct Load {
    /// Requests that wait for their turn at an account, by what they want to do there.
    pub account_turns_waiting: Vec<(&'static str, usize)>,
    /// Slow hashes that wait for a core.
    pub slow_hashes_waiting: usize,
    /// What limits on wrong credentials remember, by limit.
    pub limit_entries: [(&'static str, usize); 5],
    /// Signing keys that are published.
    pub signing_keys: usize,
    /// For how long the key that signs now has been signing; none if none signs.
    pub signing_key_age: Option<Duration>,
}

impl Access {
    /// How much waits and is remembered now.
    #[must_use]
    pub fn load(&self) -> Load {
        let (now, keys) = (self.now(), self.tokens.access.keys());
        Load {
            account_turns_waiting: self.account_queue.waiting(),
            slow_hashes_waiting: self.secrets.waiting(),
            limit_entries: self.attempts.entries(),
            signing_keys: keys.published(now).count(),
            signing_key_age: keys.signer(now).map(|key| now.since(key.signs_from)),
        }
    }
}
