//! Changes of accounts and keys, and the reads that management needs.
//!
//! A use case here takes a [`Caller`](crate::Caller) and shows it nothing outside its reach. Only
//! `commit` commits what it decides.

use std::sync::Arc;

use keyward_domain::{AccountId, KeyId, Now, PairId};
use keyward_storage::{Jobs, Reads};

pub mod change_key;
pub mod change_status;
pub mod count_below;
pub mod create_account;
pub mod dry_run_policy;
pub mod enforcement;
pub mod find_keys;
mod if_match;
pub mod issue_key;
pub mod issue_pair;
pub mod list_accounts;
pub mod policies;
pub mod read_account;
pub mod read_key;
pub mod read_me;
pub mod register_merchant;
pub mod revoke_key;
pub mod seed_demo;
pub(crate) mod suspend_idle_keys;

pub use if_match::IfMatch;

use crate::{Access, NoEntropy, account_queue::AccountQueue, commit::Door, runtime::Runtime};

/// Makes changes, and answers management's reads.
pub struct Manage {
    pub(crate) access: Arc<Access>,
    pub(crate) door: Door,
    pub(crate) runtime: Arc<Runtime>,
    pub(crate) reads: Arc<dyn Reads>,
    pub(crate) jobs: Arc<dyn Jobs>,
    pub(crate) account_queue: Arc<AccountQueue>,
}

impl Manage {
    /// The half that answers questions about credentials.
    #[must_use]
    pub const fn access(&self) -> &Arc<Access> {
        &self.access
    }

    fn fresh_key_id(&self, now: Now) -> Result<KeyId, NoEntropy> {
        self.runtime.fresh_id(now.recorded()).map(KeyId::from_uuid)
    }

    fn fresh_account_id(&self, now: Now) -> Result<AccountId, NoEntropy> {
        self.runtime.fresh_id(now.recorded()).map(AccountId::from_uuid)
    }

    fn fresh_pair_id(&self, now: Now) -> Result<PairId, NoEntropy> {
        self.runtime.fresh_id(now.recorded()).map(PairId::from_uuid)
    }
}
