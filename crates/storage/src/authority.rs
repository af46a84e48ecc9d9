//! The authority for a change, and the last event up to which it is known (R19).
//!
//! Every unit of work requires one. It never decides whether a caller may do something: it names the keys and accounts
//! that must be unchanged, since they were judged, when the change is committed.

use keyward_domain::{AccountId, Chain, KeyId, Timestamp};

use crate::{HistoryToken, Seq, Snapshot};

/// The authority by which a change is made.
///
/// A change with a key's authority is committed only in the history of `as_of`, because another history gives the same
/// number to another event (R18). It is committed only if no event after `as_of` concerns that key or an account of its
/// chain. Both a read and an entry in memory are known up to such an event: the first event about an entry removes it
/// from memory. So "no later event" and "equal change numbers" mean the same. It is also committed only before the
/// authority [ends by itself](Self::until).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Authority(Option<Judged>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Judged {
    /// The acting key, and the public key of its pair if a token stands for it.
    keys: [Option<KeyId>; 2],
    /// The accounts of the chain.
    accounts: [Option<AccountId>; 3],
    as_of: Seq,
    /// The histories in which it was judged. They are equal, unless the database went back in between; then no history
    /// matches both.
    histories: [HistoryToken; 2],
    /// Time at which it ends by itself.
    ends_at: Option<Timestamp>,
}

impl Authority {
    /// The authority of the command line and the service itself: their access to the database. No change in the
    /// database ends it.
    #[must_use]
    pub const fn operator() -> Self {
        Self(None)
    }

    /// The authority of this key with this chain, judged with every event up to `as_of`.
    #[must_use]
    pub fn of(key: KeyId, chain: &Chain, as_of: Snapshot) -> Self {
        let mut links = chain.links().map(|link| link.id);
        let accounts = [links.next(), links.next(), links.next()];
        let (as_of, histories) = (as_of.seq(), [as_of.token; 2]);
        Self(Some(Judged { keys: [Some(key), None], accounts, as_of, histories, ends_at: None }))
    }

    /// Adds a second key of the same account, judged with every event up to `as_of`.
    #[must_use]
    pub fn and(self, key: KeyId, as_of: Snapshot) -> Self {
        Self(self.0.map(|it| Judged {
            keys: [it.keys[0], Some(key)],
            as_of: it.as_of.min(as_of.seq()),
            histories: [it.histories[0], as_of.token],
            ..it
        }))
    }

    /// Adds a time at which it ends by itself, if any; the earliest one counts.
    #[must_use]
    pub fn until(self, end: Option<Timestamp>) -> Self {
        Self(self.0.map(|it| Judged { ends_at: [it.ends_at, end].into_iter().flatten().min(), ..it }))
    }

    /// Whether it depends on a key or an account.
    #[must_use]
    pub const fn is_judged(&self) -> bool {
        self.0.is_some()
    }

    /// The keys that must still be active.
    pub fn keys(&self) -> impl Iterator<Item = KeyId> + use<> {
        self.0.map(|it| it.keys).into_iter().flatten().flatten()
    }

    /// The accounts that must still be active.
    pub fn accounts(&self) -> impl Iterator<Item = AccountId> + use<> {
        self.0.map(|it| it.accounts).into_iter().flatten().flatten()
    }

    /// The histories of the judgement. The change may be committed only in a history equal to each of them.
    pub fn histories(&self) -> impl Iterator<Item = HistoryToken> + use<> {
        self.0.map(|it| it.histories).into_iter().flatten()
    }

    /// Time at which it ends by itself; from then on it commits nothing.
    #[must_use]
    pub fn ends_at(&self) -> Option<Timestamp> {
        self.0.and_then(|it| it.ends_at)
    }

    /// The last event known when the caller was judged.
    #[must_use]
    pub fn as_of(&self) -> Seq {
        self.0.map_or(Seq::ZERO, |it| it.as_of)
    }
}
