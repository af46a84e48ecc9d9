//! By whose right something is written, and up to which event that right is known (R19).
//!
//! Every unit of work demands one. It never decides whether a caller may do something: it names what must still be as
//! it was judged when the change is committed.

use keyward_domain::{AccountId, Chain, KeyId, Timestamp};

use crate::{HistoryToken, Seq, Snapshot};

/// The right by which a change is made.
///
/// A change that is made by the right of a key is committed only in the history of `as_of`, and if no event after it is
/// about that key or about an account of its chain: in another history the same number is of another event (R18). What
/// was judged from memory or from a read is known up to such an event: an entry in memory goes with the first event
/// about it. So "no later event" and "the change numbers are the same" mean the same thing. It is committed only before
/// that right [ends by itself](Self::until), too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Authority(Option<Judged>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Judged {
    /// The key that acts, and the public key of its pair where a token speaks for it.
    keys: [Option<KeyId>; 2],
    /// The accounts of the chain.
    accounts: [Option<AccountId>; 3],
    as_of: Seq,
    /// Those in which it was judged: one, unless the database went back in between. Then no history is both.
    histories: [HistoryToken; 2],
    /// When it ends by itself.
    ends_at: Option<Timestamp>,
}

impl Authority {
    /// The command line and the service itself: their right is the access to the database, and ends with nothing in it.
    #[must_use]
    pub const fn operator() -> Self {
        Self(None)
    }

    /// This key below these accounts, as it was judged with every event up to `as_of` in view.
    #[must_use]
    pub fn of(key: KeyId, chain: &Chain, as_of: Snapshot) -> Self {
        let mut links = chain.links().map(|link| link.id);
        let accounts = [links.next(), links.next(), links.next()];
        let (as_of, histories) = (as_of.seq(), [as_of.token; 2]);
        Self(Some(Judged { keys: [Some(key), None], accounts, as_of, histories, ends_at: None }))
    }

    /// The same, and this second key of the same account, as it was judged with every event up to `as_of` in view.
    #[must_use]
    pub fn and(self, key: KeyId, as_of: Snapshot) -> Self {
        Self(self.0.map(|it| Judged {
            keys: [it.keys[0], Some(key)],
            as_of: it.as_of.min(as_of.seq()),
            histories: [it.histories[0], as_of.token],
            ..it
        }))
    }

    /// The same, and it ends by itself at this moment, if at any; of several the first one counts.
    #[must_use]
    pub fn until(self, end: Option<Timestamp>) -> Self {
        Self(self.0.map(|it| Judged { ends_at: [it.ends_at, end].into_iter().flatten().min(), ..it }))
    }

    /// Whether there is a key or an account on which it depends.
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

    /// The histories in which the change may be committed: it has to be each of them.
    pub fn histories(&self) -> impl Iterator<Item = HistoryToken> + use<> {
        self.0.map(|it| it.histories).into_iter().flatten()
    }

    /// When it ends by itself: from then on nothing is committed by it.
    #[must_use]
    pub fn ends_at(&self) -> Option<Timestamp> {
        self.0.and_then(|it| it.ends_at)
    }

    /// The last event that was in view when the caller was judged.
    #[must_use]
    pub fn as_of(&self) -> Seq {
        self.0.map_or(Seq::ZERO, |it| it.as_of)
    }
}
