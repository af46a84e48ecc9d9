//! Reports what a policy would end, and changes nothing (contract, section 16).

use std::{collections::HashMap, time::Duration};

use keyward_domain::{AccountId, Chain, KeyId, Now, Policy, Reach, Role};
use keyward_storage::{AreaKeys, AreaWindow, KeyArea, KeyWindow, ListedKey, Reads, StorageError, StoredState};

use super::{
    Manage,
    policies::{Error, SetPolicy, settable},
};
use crate::{Failure, access::Caller};

/// Maximum number of keys that a dry run examines.
const MOST_EXAMINED: u32 = 100_000;
/// Number of keys that it reads at once.
const ROWS: u16 = 1_000;
/// Maximum number of keys that it names.
const SAMPLE: usize = 20;
const DAY: Duration = Duration::from_hours(24);

/// What a policy would end: keys that would expire, and keys whose secrets would be due for a rotation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WouldEnd {
    /// Their number.
    pub keys: u32,
    /// The number of those that were used in the last 24 hours.
    pub used_last_24h: u32,
    /// The newest of them, at most 20.
    pub sample: Vec<KeyId>,
    /// Whether more keys exist than were examined: the newest 100,000.
    pub more: bool,
}

/// Reports what the command would end. Changes nothing.
///
/// # Errors
/// [`Error`], as the command itself.
pub async fn dry_run_policy(manage: &Manage, caller: &Caller, command: &SetPolicy) -> Result<WouldEnd, Error> {
    let reach = caller.reach();
    let found = manage.reads.account(&reach, &command.mid).await?.ok_or(Error::NoSuchAccount)?;
    settable(&reach, command, &found)?;
    let account = found.account.id;
    let window = match found.account.role {
        Role::Platform => Window::Area(KeyArea::All),
        Role::Partner => Window::Area(KeyArea::Line(account)),
        Role::Merchant => Window::Account(account),
    };
    let mut run = Run { account, policy: command.policy, now: manage.access.now(), chains: HashMap::new() };
    let (mut would_end, mut before, mut examined) = (WouldEnd::default(), None, 0);
    loop {
        let rows = window.read(&*manage.reads, &reach, before).await.map_err(Failure::from)?;
        run.learn_chains(&*manage.reads, &reach, &rows).await.map_err(Failure::from)?;
        for listed in &rows {
            if examined == MOST_EXAMINED {
                would_end.more = true;
                return Ok(would_end);
            }
            examined += 1;
            if run.ends(listed) {
                would_end.add(listed, run.now);
            }
        }
        before = rows.last().map(|listed| listed.key.id());
        if rows.len() < usize::from(ROWS) {
            return Ok(would_end);
        }
    }
}

impl WouldEnd {
    fn add(&mut self, listed: &ListedKey, now: Now) {
        let yesterday = now.recorded().saturating_sub(DAY);
        self.keys += 1;
        self.used_last_24h += u32::from(listed.last_used.is_some_and(|used| used >= yesterday));
        if self.sample.len() < SAMPLE {
            self.sample.push(listed.key.id());
        }
    }
}

/// The keys that the policy concerns, without revoked ones.
#[derive(Clone, Copy)]
enum Window {
    Account(AccountId),
    Area(KeyArea),
}

impl Window {
    async fn read(
        self,
        reads: &dyn Reads,
        reach: &Reach,
        before: Option<KeyId>,
    ) -> Result<Vec<ListedKey>, StorageError> {
        let stored = StoredState::Active;
        match self {
            Self::Account(account) => reads.keys(reach, account, KeyWindow { before, stored, rows: ROWS }).await,
            Self::Area(area) => {
                let keys = AreaKeys::Stored(stored);
                reads.keys_of_area(reach, AreaWindow { area, keys, before, rows: ROWS }).await
            }
        }
    }
}

/// A dry run of a policy of this account.
struct Run {
    account: AccountId,
    policy: Policy,
    now: Now,
    /// The chain of each account, as it is and with the policy.
    chains: HashMap<AccountId, (Chain, Chain)>,
}

impl Run {
    async fn learn_chains(&mut self, reads: &dyn Reads, reach: &Reach, rows: &[ListedKey]) -> Result<(), StorageError> {
        let accounts = rows.iter().map(|listed| listed.key.facts().account);
        let mut unknown: Vec<_> = accounts.filter(|id| !self.chains.contains_key(id)).collect();
        unknown.sort_unstable_by_key(|id| id.uuid());
        unknown.dedup();
        if !unknown.is_empty() {
            for chain in reads.chains(reach, &unknown).await? {
                let changed = chain.with_policy(self.account, &self.policy);
                self.chains.insert(chain.own().id, (chain, changed));
            }
        }
        Ok(())
    }

    fn ends(&self, listed: &ListedKey) -> bool {
        let chains = self.chains.get(&listed.key.facts().account);
        chains.is_some_and(|(before, after)| listed.key.is_ended_between(before, after, self.now))
    }
}
