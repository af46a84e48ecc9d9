//! The entries of one part: keys, and the accounts above them.

use std::sync::Arc;

use keyward_domain::{AccountId, Chain, KeyId, Link, Policy};
use keyward_storage::Target;
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter, unsync, unsync::DefaultLifecycle};

use super::{credential::Credential, packed::PackedKey, size::Size};
use crate::protocol::Entries;

/// Overhead per entry in bytes: its place in the tables (40 and about 10 bytes), its share of the ghost entries, and
/// the counts of an `Arc`. Measured by `cargo xtask bench`.
const PLACE: u64 = 72;
/// Accounts get one byte in this many of a part's capacity. An account has many keys.
const ACCOUNTS: u64 = 4;
/// Typical size of an entry, in bytes.
const USUAL: u64 = 256;
/// Number of ghost entries relative to live ones. A ghost records a recent eviction, so that an entry that soon returns
/// stays longer.
const GONE: f64 = 0.25;

/// Keys and accounts of one part.
pub(crate) struct Part {
    keys: unsync::Cache<Short, Arc<PackedKey>, Bytes>,
    accounts: unsync::Cache<AccountId, Account, Bytes>,
}

/// The lower, random half of a key's id. The entry holds the whole id, and a look-up compares it. Two keys that share
/// this half, which is practically impossible, evict each other.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Short(u64);

impl From<KeyId> for Short {
    fn from(id: KeyId) -> Self {
        Self(id.uuid().as_u64_pair().1)
    }
}

/// A cached account. Each look-up assembles the key's chain from these, so that an event about any account takes effect
/// immediately.
#[derive(Clone)]
struct Account {
    link: Arc<Link>,
    above: Option<AccountId>,
}

/// Weighs entries in bytes.
#[derive(Clone, Copy)]
struct Bytes;

impl Weighter<Short, Arc<PackedKey>> for Bytes {
    fn weight(&self, _: &Short, key: &Arc<PackedKey>) -> u64 {
        PLACE + key.size() as u64
    }
}

impl Weighter<AccountId, Account> for Bytes {
    fn weight(&self, _: &AccountId, account: &Account) -> u64 {
        let policy = account.link.policy.as_ref().map_or(0, |_| size_of::<Policy>());
        PLACE + (size_of::<Account>() + size_of::<Link>() + account.link.mid.as_str().len() + policy) as u64
    }
}

impl Part {
    /// An empty part of at most `capacity_bytes`.
    pub(crate) fn new(capacity_bytes: u64) -> Self {
        let accounts = capacity_bytes / ACCOUNTS;
        let mut keys = bounded(capacity_bytes - accounts);
        // Avoids that a request has to grow the tables, and that the old tables stay allocated. The unused part takes
        // no memory.
        keys.reserve(usual_entries(capacity_bytes - accounts));
        Self { keys, accounts: bounded(accounts) }
    }

    /// The key with its complete chain; none if any entry is missing.
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

    /// Adds a key and all accounts of its chain.
    pub(crate) fn insert(&mut self, credential: &Credential) {
        let mut links = credential.chain.shared_links().peekable();
        while let Some(link) = links.next() {
            let above = links.peek().map(|link| link.id);
            self.accounts.insert(link.id, Account { link: Arc::clone(link), above });
        }
        self.keys.insert(credential.key.id().into(), Arc::clone(&credential.key));
    }

    /// Replaces a key by another form of it, if the entry is still `known`.
    pub(crate) fn exchange(&mut self, known: &PackedKey, by: PackedKey) {
        let place = Short::from(known.id());
        if self.keys.peek(&place).is_some_and(|key| **key == *known) {
            self.keys.insert(place, Arc::new(by));
        }
    }

    /// Forgets one key.
    pub(crate) fn forget_key(&mut self, id: KeyId) {
        self.keys.remove(&Short::from(id));
    }

    /// Size of the part.
    pub(crate) fn size(&self) -> Size {
        Size { bytes: self.keys.weight() + self.accounts.weight(), keys: self.keys.len() as u64 }
    }
}

/// An empty table of at most `bytes`.
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

/// Approximate number of entries that fit into `bytes`.
fn usual_entries(bytes: u64) -> usize {
    usize::try_from(bytes / USUAL).unwrap_or(usize::MAX).clamp(8, 1 << 24)
}

impl Entries for Part {
    fn purge(&mut self, target: &Target) {
        match target {
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
