//! Views: one type for each answer of the contract, made from entities by `From` alone.

use std::collections::BTreeMap;

use keyward_app::manage::{
    dry_run_policy::WouldEnd, enforcement::EnforcementState, policies::AccountPolicy, read_me::Me,
};
use keyward_domain::{Account, ApiKey, Chain, KeyValue, Now, Period, Policy, Timestamp};
use keyward_storage::{KeyRecord, ListedKey};
use serde::Serialize;
use utoipa::ToSchema;

use super::words::MetadataWord;

/// Clients of the platform read `errors` even after a success.
pub(super) type NoErrors = [String; 0];

/// How far the end of a key has got.
// Contract, section 6.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Enforcement)]
pub(super) struct EnforcementView {
    /// The key's id.
    #[schema(example = "key_01h2xcejqtf2nbrexx3vqjhp41")]
    id: String,
    /// `active`, `pending`, `suspended`, `expired` or `revoked`.
    state: &'static str,
    /// Whether no node of the service accepts the key any more.
    enforced: bool,
    /// Since when that is known; null while it is not.
    #[schema(value_type = Option<String>, format = DateTime)]
    enforced_at: Option<String>,
    /// Always empty.
    #[schema(value_type = Vec<String>)]
    errors: NoErrors,
}

impl From<EnforcementState> for EnforcementView {
    fn from(it: EnforcementState) -> Self {
        Self {
            id: it.key.to_string(),
            state: it.status.as_str(),
            enforced: it.enforced_at.is_some(),
            enforced_at: it.enforced_at.map(|at| at.to_string()),
            errors: [],
        }
    }
}

/// A key as the answer to its creation shows it.
// Contract, section 3.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CreatedKey)]
pub(super) struct CreatedKeyView {
    #[serde(flatten)]
    key: ApiKeyView,
}

/// A key.
// Contract, sections 3 and 5.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Key)]
pub(super) struct ApiKeyView {
    /// The key's id.
    #[schema(example = "key_01h2xcejqtf2nbrexx3vqjhp41")]
    id: String,
    /// The account that it belongs to.
    #[schema(example = "mid_123456")]
    mid: String,
    /// What people call it.
    name: String,
    /// What somebody noted about it.
    description: Option<String>,
    /// `secret`, `public` or `tokenization`.
    r#type: &'static str,
    /// The printable key. Of a secret key in the answer to its creation and never again.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    value: Option<String>,
    /// What it may do.
    scopes: Vec<String>,
    /// `active`, `pending`, `suspended`, `expired` or `revoked`.
    state: &'static str,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    created_at: String,
    /// The key that made it, or `operator`.
    created_by: String,
    /// From when on it is valid, if not from its creation.
    #[schema(value_type = Option<String>, format = DateTime)]
    not_before: Option<String>,
    /// When it dies by itself.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<String>,
    /// When it ends, by its own end or by a policy.
    #[schema(value_type = Option<String>, format = DateTime)]
    effective_expires_at: Option<String>,
    /// Since when the key itself is suspended.
    #[schema(value_type = Option<String>, format = DateTime)]
    suspended_at: Option<String>,
    /// The key that suspended it, `operator`, or `service`.
    suspended_by: Option<String>,
    /// Strings that its owner keeps with it.
    #[schema(value_type = MetadataWord)]
    metadata: BTreeMap<String, String>,
    /// The pair that it was made in.
    pair_id: Option<String>,
    /// When it was last used, to within a few seconds.
    #[schema(value_type = Option<String>, format = DateTime)]
    last_used: Option<String>,
    /// The last four characters of its value.
    #[schema(example = "x7Qz")]
    last_four: String,
    /// Always empty.
    #[schema(value_type = Vec<String>)]
    errors: NoErrors,
}

impl ApiKeyView {
    /// A key in a list: its value only if it is not secret.
    pub(super) fn listed(listed: &ListedKey, chain: &Chain, at: Now) -> Self {
        Self::new(&listed.key, chain, listed.last_used, at)
    }

    /// A new key, without the value of a secret one.
    pub(super) fn issued(key: &ApiKey, chain: &Chain) -> Self {
        Self::new(key, chain, None, Now::exact(key.facts().created_at))
    }

    fn new(key: &ApiKey, chain: &Chain, last_used: Option<Timestamp>, at: Now) -> Self {
        let facts = key.facts();
        Self {
            id: facts.id.to_string(),
            mid: chain.own().mid.to_string(),
            name: facts.name.to_string(),
            description: facts.description.as_ref().map(ToString::to_string),
            r#type: facts.key_type.as_str(),
            value: key.readable_value().map(str::to_owned),
            scopes: facts.scopes.iter().map(str::to_owned).collect(),
            state: key.status(chain, at).as_str(),
            created_at: facts.created_at.to_string(),
            created_by: facts.created_by.to_string(),
            not_before: facts.restrictions.not_before.map(|at| at.to_string()),
            expires_at: facts.restrictions.expires_at.map(|at| at.to_string()),
            effective_expires_at: key.ends_at(chain).map(|at| at.to_string()),
            suspended_at: facts.suspension.map(|it| it.at.to_string()),
            suspended_by: facts.suspension.map(|it| it.by.to_string()),
            metadata: facts.metadata.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            pair_id: facts.pair.as_ref().map(|pair| pair.id.to_string()),
            last_used: last_used.map(|at| at.to_string()),
            last_four: facts.last_four.to_string(),
            errors: [],
        }
    }
}

impl CreatedKeyView {
    /// The one answer that shows the value of a secret key.
    pub(super) fn new(key: &ApiKey, chain: &Chain, value: &KeyValue) -> Self {
        let value = Some(value.expose().to_owned());
        Self { key: ApiKeyView { value, ..ApiKeyView::issued(key, chain) } }
    }
}

/// One key in full, with both spellings and the envelope that clients of this call read.
// Contract, section 4.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = KeyDetails)]
pub(super) struct KeyDetailsView {
    /// Always `SUCCESS`: the envelope's word. The key's own condition is `state`.
    status: &'static str,
    /// Always true.
    success: bool,
    #[serde(flatten)]
    key: ApiKeyView,
    /// As `created_at`.
    #[serde(rename = "createdOn")]
    created_on: String,
    /// As `last_used`.
    #[serde(rename = "lastUsed")]
    last_used: Option<String>,
    /// As `last_four`.
    #[serde(rename = "lastFour")]
    last_four: String,
    /// When it was revoked itself.
    #[schema(value_type = Option<String>, format = DateTime)]
    revoked_at: Option<String>,
    /// The key that revoked it, or `operator`.
    revoked_by: Option<String>,
    /// Why: `unspecified`, `compromised`, `superseded` or `no_longer_needed`.
    revocation_reason: Option<&'static str>,
}

impl KeyDetailsView {
    pub(super) fn new(record: &KeyRecord, at: Now) -> Self {
        let key = ApiKeyView::new(&record.key, &record.chain, record.last_used, at);
        let revocation = record.key.revocation();
        Self {
            status: "SUCCESS",
            success: true,
            created_on: key.created_at.clone(),
            last_used: key.last_used.clone(),
            last_four: key.last_four.clone(),
            revoked_at: revocation.map(|it| it.at.to_string()),
            revoked_by: revocation.map(|it| it.by.to_string()),
            revocation_reason: revocation.map(|it| it.reason.as_str()),
            key,
        }
    }
}

/// The calling key.
// Contract, section 15.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Me)]
pub(super) struct MeView {
    /// The key that calls, or whose token calls.
    key: KeyDetailsView,
    /// Its account.
    account: AccountView,
    /// What this credential may do.
    effective_scopes: Vec<String>,
    /// Always empty.
    #[schema(value_type = Vec<String>)]
    errors: NoErrors,
}

impl MeView {
    pub(super) fn new(me: &Me, at: Now) -> Self {
        Self {
            key: KeyDetailsView::new(&me.key, at),
            account: (&me.account).into(),
            effective_scopes: me.effective_scopes.iter().map(str::to_owned).collect(),
            errors: [],
        }
    }
}

/// A page of keys.
// Contract, section 5.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = KeyPage)]
pub(super) struct KeyPageView {
    /// Newest first.
    pub(super) keys: Vec<ApiKeyView>,
    /// Where the next page starts; only null ends the list.
    pub(super) next_cursor: Option<String>,
}

/// An account.
// Contract, section 8.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Merchant)]
pub(super) struct AccountView {
    /// Its name for clients.
    mid: String,
    /// What people call it.
    name: String,
    /// `platform`, `partner` or `merchant`.
    role: &'static str,
    /// The account directly above.
    parent_mid: Option<String>,
    /// `active`, `suspended` or `closed`.
    status: &'static str,
    /// When it was registered.
    #[schema(value_type = String, format = DateTime)]
    created_at: String,
    /// Always empty.
    #[schema(value_type = Vec<String>)]
    errors: NoErrors,
}

impl From<&Account> for AccountView {
    fn from(account: &Account) -> Self {
        Self {
            mid: account.mid.to_string(),
            name: account.name.to_string(),
            role: account.role.as_str(),
            parent_mid: account.parent.as_ref().map(|parent| parent.mid.to_string()),
            status: account.status.as_str(),
            created_at: account.created_at.to_string(),
            errors: [],
        }
    }
}

/// The policy of an account.
// Contract, section 16.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AccountPolicy)]
pub(super) struct PolicyPageView {
    /// The account.
    #[schema(example = "mid_123456")]
    mid: String,
    /// Its own policy.
    own: PolicyView,
    /// The strictest values from the account up to the platform.
    effective: PolicyView,
    /// Always empty.
    #[schema(value_type = Vec<String>)]
    errors: NoErrors,
}

/// The members of a policy; null restricts nothing.
// Contract, section 16.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Policy)]
pub(super) struct PolicyView {
    /// Age at which a key expires, in seconds.
    max_life_seconds: Option<u32>,
    /// Life of a new key for which no end is requested, in seconds.
    default_life_seconds: Option<u32>,
    /// Age at which the secret of a secret key must be rotated, in seconds.
    max_secret_age_seconds: Option<u32>,
    /// Maximum overlap of the two secrets of a rotation, in seconds.
    max_overlap_seconds: Option<u32>,
    /// Maximum number of keys that are neither revoked nor expired.
    max_keys: Option<u32>,
    /// How long a key must be unused until it counts as idle, in seconds.
    idle_seconds: Option<u32>,
    /// What happens to an idle key: `report` or `suspend`.
    idle_action: Option<&'static str>,
}

/// What a policy would end.
// Contract, section 16.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PolicyDryRun)]
pub(super) struct DryRunView {
    /// The keys that it would end.
    would_end: WouldEndView,
    /// Whether there are more keys than were examined: the newest 100,000.
    more: bool,
}

/// Keys that a policy would end: those that would expire, and those whose secrets would be due for a rotation.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WouldEnd)]
struct WouldEndView {
    /// Their number.
    keys: u32,
    /// The number of those that were used in the last 24 hours.
    used_last_24h: u32,
    /// The ids of the newest, at most 20.
    sample: Vec<String>,
}

impl From<&WouldEnd> for DryRunView {
    fn from(it: &WouldEnd) -> Self {
        let sample = it.sample.iter().map(ToString::to_string).collect();
        let would_end = WouldEndView { keys: it.keys, used_last_24h: it.used_last_24h, sample };
        Self { would_end, more: it.more }
    }
}

impl From<&AccountPolicy> for PolicyPageView {
    fn from(it: &AccountPolicy) -> Self {
        Self { mid: it.mid.to_string(), own: (&it.own).into(), effective: (&it.effective).into(), errors: [] }
    }
}

impl From<&Policy> for PolicyView {
    fn from(policy: &Policy) -> Self {
        let seconds = |period: Option<Period>| period.map(Period::as_seconds);
        Self {
            max_life_seconds: seconds(policy.max_life),
            default_life_seconds: seconds(policy.default_life),
            max_secret_age_seconds: seconds(policy.max_secret_age),
            max_overlap_seconds: seconds(policy.max_overlap),
            max_keys: policy.max_keys,
            idle_seconds: seconds(policy.idle.map(|idle| idle.period)),
            idle_action: policy.idle.map(|idle| idle.action.as_str()),
        }
    }
}

/// A page of accounts.
// Contract, section 8.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MerchantPage)]
pub(super) struct AccountPageView {
    /// Newest first.
    pub(super) merchants: Vec<AccountView>,
    /// Where the next page starts; only null ends the list.
    pub(super) next_cursor: Option<String>,
}
