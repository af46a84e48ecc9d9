//! Who calls, and what that key may do as it is now.
//!
//! Knows no change: a use case that changes something judges its caller by [`Caller::judged`] when it begins and where
//! it commits (R19).

use std::sync::Arc;

use keyward_domain::{
    AccountId, Actor, AuthKey, Candidate, Denial, KeyId, Link, Permission, Proof, Reach, Requirements, Role,
    ScopeNotHeld, ScopeSet, Scopes, Timestamp, Verdict, judge, may_grant, revocation::usable_pair,
};
use keyward_storage::{Authority, Credential};
use keyward_verifier::Known;

use super::{Access, authenticate::Accepted};
use crate::Failure;

/// How often a change is tried again by a caller that is found changed, and is good all the same.
pub(crate) const TRIES: u32 = 4;

/// Why a caller that was let in may not change anything after all.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// Its credential is good no more.
    #[error("the credential is good no more: {0}")]
    Denied(Denial),
    /// It is good, and not for this.
    #[error("the credential is good for this no more")]
    InsufficientScope(Permission),
    /// Not the caller's fault.
    #[error(transparent)]
    Failure(#[from] Failure),
}

/// From where a caller is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sight {
    /// What is remembered, where it may be used.
    Memory,
    /// A read that begins now.
    Database,
}

/// A key as it is now.
pub(crate) async fn look(access: &Access, id: KeyId, by: Sight) -> Result<Known, Refused> {
    let found = match by {
        Sight::Memory => access.verifier.known(id).await,
        Sight::Database => access.verifier.read_anew(id).await,
    };
    found.map_err(Failure::from)?.ok_or(Refused::Denied(Denial::NotFound))
}

/// Somebody who proved who they are. Only [`authenticate`] makes one for a request; the command line, which proves itself
/// by its access to the database and the master key, is [`Caller::operator`].
#[derive(Clone, Debug)]
pub struct Caller(Who);

#[derive(Clone, Debug)]
enum Who {
    Key {
        id: KeyId,
        /// The token that speaks for it, if one does.
        token: Option<Bearer>,
        account: Arc<Link>,
        /// The account right below the platform that the caller's stands below, or is.
        line: AccountId,
        scopes: Held,
    },
    Operator,
}

/// What has to stand beside a secret key for which a token speaks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bearer {
    /// The public key of the pair that obtained the token.
    pub(super) public_key: KeyId,
    /// When the token ends.
    pub(super) ends_at: Timestamp,
}

/// What a credential may do. Held without copying a text where it is the key itself.
#[derive(Clone, Debug)]
pub(crate) enum Held {
    /// The key's own scopes.
    OfKey(Arc<AuthKey>),
    /// What a token leaves of them.
    OfToken(ScopeSet),
}

impl Held {
    pub(crate) fn as_scopes(&self) -> Scopes<'_> {
        match self {
            Self::OfKey(key) => key.view().scopes,
            Self::OfToken(scopes) => scopes.as_scopes(),
        }
    }
}

impl Caller {
    /// The command line. Only the server's own commands make one; a request never does.
    #[must_use]
    pub const fn operator() -> Self {
        Self(Who::Operator)
    }

    /// Who acts: the secret key that calls, itself or through a token, or the operator.
    #[must_use]
    pub const fn actor(&self) -> Actor {
        match &self.0 {
            Who::Key { id, .. } => Actor::Key(*id),
            Who::Operator => Actor::Operator,
        }
    }

    /// The caller's own account; the operator has none.
    #[must_use]
    pub fn account(&self) -> Option<&Link> {
        match &self.0 {
            Who::Key { account, .. } => Some(account),
            Who::Operator => None,
        }
    }

    /// The account right below the platform that the caller's own stands below or is, and the platform for itself; the
    /// operator has none.
    #[must_use]
    pub const fn line(&self) -> Option<AccountId> {
        match &self.0 {
            Who::Key { line, .. } => Some(*line),
            Who::Operator => None,
        }
    }

    /// What exists for the caller.
    #[must_use]
    pub fn reach(&self) -> Reach {
        match &self.0 {
            Who::Key { account, .. } => Reach::of(account),
            Who::Operator => Reach::operator(),
        }
    }

    /// Whether the caller may do this.
    #[must_use]
    pub fn may(&self, permission: Permission) -> bool {
        match &self.0 {
            Who::Key { scopes, .. } => scopes.as_scopes().permits(permission),
            Who::Operator => true,
        }
    }

    /// Whether the caller may give a key these scopes.
    ///
    /// # Errors
    /// [`ScopeNotHeld`] names the scopes that it may not grant.
    pub fn may_grant(&self, wanted: &ScopeSet) -> Result<(), ScopeNotHeld> {
        match &self.0 {
            Who::Key { account, scopes, .. } => may_grant(account.role, scopes.as_scopes(), wanted),
            Who::Operator => Ok(()),
        }
    }

    /// Judges the caller as it is now: with the right by which it may change something, and when that ends by itself
    /// (R19), its token's end included. The value that was presented is not looked at again.
    ///
    /// # Errors
    /// [`Refused`] if it is good no more, may not do what needs this permission, or that cannot be known.
    pub(crate) async fn judged(
        &self,
        access: &Access,
        by: Sight,
        needs: Permission,
    ) -> Result<(Self, Authority, Option<Timestamp>), Refused> {
        let Who::Key { id, token, scopes, .. } = &self.0 else {
            return Ok((self.clone(), Authority::operator(), None));
        };
        let denied = |denial| Refused::Denied(denial);
        let Known { credential: Credential { key, chain }, as_of } = look(access, *id, by).await?;
        let mut authority = Authority::of(*id, &chain, as_of);
        let mut ends_at = key.view().expires_at;
        let now = access.expiry_time();
        if let Some(token) = token {
            let public = look(access, token.public_key, by).await?;
            let view = public.credential.key.view();
            usable_pair(view, key.view(), &chain, now).map_err(|reason| denied(reason.into()))?;
            authority = authority.and(view.id, public.as_of);
            ends_at = [ends_at, view.expires_at, Some(token.ends_at)].into_iter().flatten().min();
        }
        let scopes = match scopes {
            Held::OfKey(_) => Held::OfKey(Arc::clone(&key)),
            Held::OfToken(scopes) => Held::OfToken(scopes.as_scopes().intersection(key.view().scopes)),
        };
        // What was proved when it was let in stays proved.
        let proof = Proof::by_signature(true);
        let candidate = Candidate { key: key.view(), chain: &chain, scopes: scopes.as_scopes(), proof };
        if let Verdict::Invalid { denial, .. } = judge(Ok(Some(candidate)), None, &Requirements::default(), now) {
            return Err(denied(denial));
        }
        let (account, line) = (chain.shared_own(), chain.line());
        let caller = Self(Who::Key { id: *id, token: *token, account, line, scopes });
        if caller.may(needs) {
            Ok((caller, authority.until(ends_at), ends_at))
        } else {
            Err(Refused::InsufficientScope(needs))
        }
    }

    /// Whether the caller stands above all partners.
    pub(crate) fn is_above_partners(&self) -> bool {
        self.account().is_none_or(|own| own.role == Role::Platform)
    }
}

impl From<Accepted> for Caller {
    fn from(Accepted { credential, scopes, token }: Accepted) -> Self {
        let Credential { key, chain } = credential;
        Self(Who::Key { id: key.id(), token, account: chain.shared_own(), line: chain.line(), scopes })
    }
}
