//! What one part remembers: keys, and the accounts that they stand under.

use std::sync::Arc;

use keyward_domain::{AccountId, AuthKey, Chain, KeyId, Link};
use keyward_storage::{Credential, Subject};
use quick_cache::{Weighter, unsync};

use super::Size;
use crate::protocol::Entries;

/// What an entry costs beside its own content: its place in the cache's tables, and the counts of an `Arc`. Measured by
/// `cargo xtask bench`.
const PLACE: u64 = 64;
/// Of the room of a part, the share of accounts: one in so many bytes. There are many keys to an account.
const ACCOUNTS: u64 = 4;

/// Keys and accounts of one part.
pub(crate) struct Part {
    keys: unsync::Cache<KeyId, Arc<AuthKey>, Bytes>,
    accounts: unsync::Cache<AccountId, Account, Bytes>,
}

/// An account as it is remembered. The chain of a key is put together from these on every look-up, so that an event about
/// any of them is felt at once.
#[derive(Clone)]
struct Account {
    link: Arc<Link>,
    above: Option<AccountId>,
}

/// Counts what is kept in bytes.
#[derive(Clone, Copy)]
struct Bytes;

impl Weighter<KeyId, Arc<AuthKey>> for Bytes {
    fn weight(&self, _: &KeyId, key: &Arc<AuthKey>) -> u64 {
        PLACE + key.size() as u64
    }
}

impl Weighter<AccountId, Account> for Bytes {
    fn weight(&self, _: &AccountId, account: &Account) -> u64 {
        PLACE + (size_of::<Account>() + size_of::<Link>() + account.link.mid.as_str().len()) as u64
    }
}

impl Part {
    /// An empty one, of so many bytes at the most.
    pub(crate) fn new(capacity_bytes: u64) -> Self {
        let accounts = capacity_bytes / ACCOUNTS;
        // The tables grow with what is in them; the estimate only says how evictions are remembered.
        let estimate = |bytes: u64| usize::try_from(bytes / 256).unwrap_or(usize::MAX).clamp(8, 1 << 20);
        let keys = capacity_bytes - accounts;
        Self {
            keys: unsync::Cache::with_weighter(estimate(keys), keys, Bytes),
            accounts: unsync::Cache::with_weighter(estimate(accounts), accounts, Bytes),
        }
    }

    /// The key with its whole chain; none if anything of it is missing.
    pub(crate) fn credential(&self, id: KeyId) -> Option<Credential> {
        let key = self.keys.get(&id)?;
        let own = self.accounts.get(&key.account())?;
        let (mut above, mut next) = ([None, None], own.above);
        for place in &mut above {
            let Some(id) = next else { break };
            let account = self.accounts.get(&id)?;
            *place = Some(Arc::clone(&account.link));
            next = account.above;
        }
        let chain = Chain::shared(Arc::clone(&own.link), above).ok()?;
        Some(Credential { key: Arc::clone(key), chain })
    }

    /// Remembers a key and every account above it.
    pub(crate) fn insert(&mut self, credential: &Credential) {
        let mut links = credential.chain.shared_links().peekable();
        while let Some(link) = links.next() {
            let above = links.peek().map(|link| link.id);
            self.accounts.insert(link.id, Account { link: Arc::clone(link), above });
        }
        self.keys.insert(credential.key.id(), Arc::clone(&credential.key));
    }

    /// Puts another form of a key in its place, if it is still that one.
    pub(crate) fn exchange(&mut self, known: &AuthKey, by: AuthKey) {
        if self.keys.peek(&known.id()).is_some_and(|key| **key == *known) {
            self.keys.insert(known.id(), Arc::new(by));
        }
    }

    /// Forgets one key.
    pub(crate) fn forget_key(&mut self, id: KeyId) {
        self.keys.remove(&id);
    }

    /// How much is remembered.
    pub(crate) fn size(&self) -> Size {
        Size { bytes: self.keys.weight() + self.accounts.weight(), keys: self.keys.len() as u64 }
    }
}

impl Entries for Part {
    fn purge(&mut self, subject: &Subject) {
        match subject {
            Subject::Key(id) => self.forget_key(*id),
            Subject::Account(id) => {
                self.accounts.remove(id);
            }
        }
    }

    fn clear(&mut self) {
        self.keys.clear();
        self.accounts.clear();
    }
}
