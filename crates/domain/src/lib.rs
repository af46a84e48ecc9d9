//! The rules of API keys for a platform, its partners and their merchants.
//!
//! This crate decides and has no side effects. It reads no clock, uses no randomness and accesses no disk or network.
//! The caller passes `now`, fresh identifiers and random bytes as values; decisions and refusals are returned as
//! values. The caller stores them, in a database of its choice. So each rule can be tested as a table, and another
//! service can use the rules alone.
//!
//! # In one page
//!
//! Accounts form one tree, `platform ──► partners ──► merchants`. A [`Mid`] identifies an account. A caller's [`Reach`]
//! is its own account and all descendants; nothing else exists for it. A [`Chain`] is an account with all its
//! ancestors: if one of them is suspended or closed, the account's keys do not work ([`Standing`]).
//!
//! An [`ApiKey`] belongs to one account, has a [`KeyType`] and a [`ScopeSet`], and is [`usable`](ApiKey::usable) or not
//! at a given time; no other predicate decides this. Its [`Restrictions`] are judged by the [`Context`] of a request.
//! Its printable [`KeyValue`] contains the key's id, 256 random bits and a checksum. Only a [`SecretDigest`] of a
//! secret value is stored. A [`SecretHasher`] makes and checks digests under peppers derived from a [`MasterKey`].
//!
//! [`judge`] answers "is this key valid, and for what?". [`revocation`] holds every rule for ending keys and accounts.
//!
//! # Example: issue a key, verify it, revoke it
//!
//! ```
//! use keyward_domain::{
//!     AccountId, Actor, ApiKey, Candidate, Chain, Context, Decision, Environment, KeyId, KeyTerms, KeyType, KeyValue,
//!     Link, MasterKey, Name, Now, Origin, OtherManagerKeys, PresentedValue, Reach, Reason, Requirements,
//!     Restrictions, RevocationRequest, Role, ScopeSet, SecretForm, SecretHasher, Status, Verdict, judge,
//! };
//! use uuid::Uuid;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // Your service provides the time, fresh ids, random bytes and the master key.
//! let now = Now::exact("2026-11-23T12:00:00Z".parse()?);
//! let hasher = SecretHasher::new(&MasterKey::from_bytes(&[42; 32])?, SecretForm::Hmac);
//! let account = AccountId::from_uuid(Uuid::from_u128(1));
//! let own = Link { id: account, mid: "acme".parse()?, role: Role::Platform, status: Status::Active, policy: None };
//! let chain = Chain::new(own, vec![])?;
//!
//! // Issue: check the terms, mint the value, store only its digest.
//! let id = KeyId::from_uuid(Uuid::from_u128(2));
//! let scopes: ScopeSet = "charges:*".parse()?;
//! let terms = KeyTerms::agree(KeyType::Secret, Name::parse("Back office")?, None, scopes, Restrictions::NONE, now)?;
//! let value = KeyValue::mint(KeyType::Secret, Environment::Sandbox, id, [7; 32]);
//! let digest = hasher.digest(&value, &[0; 16])?;
//! let origin = Origin { id, at: now.recorded(), by: Actor::Operator, pair: None };
//! let key = ApiKey::issue(terms, origin, &chain, &value, Some(digest))?;
//!
//! // Verify: the text names the key that it claims to be; the digest proves it.
//! let presented = PresentedValue::parse(value.expose(), Environment::Sandbox)?;
//! assert_eq!(presented.id(), key.id());
//! let proof = key.prove(&presented, &hasher)?;
//! let candidate = Candidate { key: key.view(), chain: &chain, scopes: key.facts().scopes.as_scopes(), proof };
//! let required = Requirements { scopes: "charges:read".parse()?, ..Requirements::default() };
//! assert!(matches!(judge(Ok(Some(candidate)), None, &required, &Context::at(now)), Verdict::Valid { .. }));
//!
//! // Revoke: returns a decision, which you store.
//! let (by, reach) = (Actor::Operator, Reach::operator());
//! let request = RevocationRequest { now, by, reason: Reason::NoLongerNeeded, reach };
//! assert!(matches!(key.revoke(&chain, &request, OtherManagerKeys::None)?, Decision::Revoke(_)));
//! # Ok(())
//! # }
//! ```
//!
//! # Feature `serde`
//!
//! Off by default. Serialises ids, mids, scopes, times and the closed enums as text. Entities and secrets never derive
//! serde: your own contract defines how a key looks on the wire.

mod account;
mod actor;
mod api_key;
mod change;
mod context;
mod id;
pub mod key_change;
mod key_filter;
mod key_value;
mod master_key;
mod metadata;
mod policy;
mod restrictions;
pub mod revocation;
mod scope;
mod secret_hash;
#[cfg(feature = "serde")]
mod serde_text;
mod text;
mod text_enum;
mod timestamp;
pub mod verification;

#[cfg(test)]
mod fixture;

pub use account::{
    Account, BrokenChain, Chain, Level, Link, Mid, Parent, ParseMidError, Reach, Role, Standing, Status,
};
pub use actor::{Actor, ParseActorError};
pub use api_key::{
    AccountNotActive, ApiKey, AuthFacts, AuthKey, InconsistentKey, KeyFacts, KeyState, KeyStatus, KeyTerms, KeyView,
    Material, MaterialRef, Origin, PairMembership, Suspension, TermsError, Unusable, UsableKey,
};
pub use change::Change;
pub use context::{Context, Now};
pub use id::{AccessId, AccountId, FamilyId, KeyId, PairId, ParseIdError, RefreshId};
pub use key_change::{ChangeEffect, ChangeRefusal, ChangedKey, KeyChangeRequest, KeyPatch, PatchError};
pub use key_filter::{KeyFilter, NameStart};
pub use key_value::{
    Environment, KeyType, KeyValue, LastFour, ParseLastFourError, PresentedValue, VALUE_LEN, VALUE_REGEX, ValueError,
};
pub use master_key::{KeyVersion, MASTER_KEY_LEN, MasterKey, MasterKeyError, Purpose};
pub use metadata::{
    MAX_METADATA, MAX_METADATA_NAME_LEN, MAX_METADATA_VALUE_LEN, Metadata, MetadataError, MetadataPatch,
};
pub use policy::{IDLE_MARGIN, Idle, IdleAction, Period, PeriodError, Policy, PolicyError};
pub use restrictions::{RestrictionError, Restrictions};
pub use revocation::{Decision, OtherManagerKeys, Reason, Refusal, Revocation, RevocationRequest};
pub use scope::{
    MAX_SCOPE_LEN, MAX_SCOPES, MAX_SCOPES_LEN, ParseScopeError, Permission, Scope, ScopeNotHeld, ScopeSet,
    ScopeSetError, Scopes, may_grant,
};
pub use secret_hash::{DigestError, DigestRef, HmacDigest, Proof, Remembered, SecretDigest, SecretForm, SecretHasher};
pub use text::{Description, MAX_DESCRIPTION_LEN, MAX_NAME_LEN, Name, TextError, is_hidden};
pub use text_enum::UnknownWord;
pub use timestamp::{OutOfRange, ParseTimestampError, Timestamp};
pub use verification::{Candidate, Denial, Requirements, Verdict, judge};
