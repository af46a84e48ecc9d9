//! What one part remembers: keys, and the accounts that they stand under.

use std::sync::Arc;

use keyward_domain::{AccountId, AuthKey, Chain, KeyId, Link};
use keyward_storage::{Credential, Target};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter, unsync, unsync::DefaultLifecycle};

use super::Size;
use crate::protocol::Entries;

/// What an entry costs beside its own content: its place in the tables (40 and about 10 bytes), its part of what is known
/// of entries that are gone, and the counts of an `Arc`. Measured by `cargo xtask bench`.
const PLACE: u64 = 72;
/// Of the room of a part, the share of accounts: one in so many bytes. There are many keys to an account.
const ACCOUNTS: u64 = 4;
/// About what an entry takes in the middle, in bytes.
const USUAL: u64 = 256;
/// For so many entries that are gone, as a share of those that are there, it is known that they were there lately: what
/// comes back at once stays longer.
const GONE: f64 = 0.25;

/// Keys and accounts of one part.
pub(crate) struct Part {
    keys: unsync::Cache<Short, Arc<AuthKey>, Bytes>,
    accounts: unsync::Cache<AccountId, Account, Bytes>,
}

/// The lower half of a key's id, all of it random. The entry holds the whole id, and whoever finds it compares: keys that
/// share this half, which chance does not bring about, take the place of one another.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Short(u64);

impl From<KeyId> for Short {
    fn from(id: KeyId) -> Self {
        Self(id.uuid().as_u64_pair().1)
    }
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

impl Weighter<Short, Arc<AuthKey>> for Bytes {
    fn weight(&self, _: &Short, key: &Arc<AuthKey>) -> u64 {
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
        let mut keys = bounded(capacity_bytes - accounts);
        // So that no request finds the tables full and moves them, and all of their old halves are not left behind. What
        // is not used of them yet takes no memory.
        keys.reserve(usual_entries(capacity_bytes - accounts));
        Self { keys, accounts: bounded(accounts) }
    }

    /// The key with its whole chain; none if anything of it is missing.
    pub(crate) fn credential(&self, id: KeyId) -> Option<Credential> {
        let key = self.keys.get(&Short::from(id)).filter(|key| key.id() == id)?;
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
        self.keys.insert(credential.key.id().into(), Arc::clone(&credential.key));
    }

    /// Puts another form of a key in its place, if it is still that one.
    pub(crate) fn exchange(&mut self, known: &AuthKey, by: AuthKey) {
        let place = Short::from(known.id());
        if self.keys.peek(&place).is_some_and(|key| **key == *known) {
            self.keys.insert(place, Arc::new(by));
        }
    }

    /// Forgets one key.
    pub(crate) fn forget_key(&mut self, id: KeyId) {
        self.keys.remove(&Short::from(id));
    }

    /// How much is remembered.
    pub(crate) fn size(&self) -> Size {
        Size { bytes: self.keys.weight() + self.accounts.weight(), keys: self.keys.len() as u64 }
    }
}

/// An empty table of so many bytes at the most.
fn bounded<K, V>(bytes: u64) -> unsync::Cache<K, V, Bytes>
where
    K: Eq + std::hash::Hash,
    Bytes: Weighter<K, V>,
{
    let options = OptionsBuilder::new()
        .estimated_items_capacity(usual_entries(bytes))
        .weight_capacity(bytes)
        .ghost_allocation(GONE)
        .build()
        .expect("both capacities are given");
    unsync::Cache::with_options(options, Bytes, DefaultHashBuilder::default(), DefaultLifecycle::default())
}

/// About how many entries so many bytes have room for.
fn usual_entries(bytes: u64) -> usize {
    usize::try_from(bytes / USUAL).unwrap_or(usize::MAX).clamp(8, 1 << 24)
}

impl Entries for Part {
    fn purge(&mut self, subject: &Target) {
        match subject {
            Target::Key(id) => self.forget_key(*id),
            Target::Account(id) => {
                self.accounts.remove(id);
            }
        }
    }

    fn clear(&mut self) {
        self.keys.clear();
        self.accounts.clear();
    }
}
