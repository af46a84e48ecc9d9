//! The caller of a request, and what its key may do now.
//!
//! Makes no change: a use case that changes something judges its caller with [`Caller::judged`] when it begins, and
//! again where it commits (R19).

use std::sync::Arc;

use keyward_domain::{
    AccountId, Actor, Candidate, Context, Denial, KeyId, Link, Permission, Proof, Reach, Requirements, Role,
    ScopeNotHeld, ScopeSet, Scopes, Timestamp, Verdict, judge, may_grant, revocation::usable_pair,
};
use keyward_storage::Authority;
use keyward_verifier::{Credential, Known};

use super::{
    Access,
    accepted::{Accepted, Bearer, Held},
};
use crate::Failure;

/// How often a change is retried for a caller that has changed and is still valid.
pub(crate) const TRIES: u32 = 4;

/// Why an authenticated caller may not make a change.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// Its credential is no longer valid.
    #[error("the credential is no longer valid: {0}")]
    Denied(Denial),
    /// Its credential is valid, but no longer has this permission.
    #[error("the credential no longer has the permission")]
    InsufficientScope(Permission),
    /// Not the caller's fault.
    #[error(transparent)]
    Failure(#[from] Failure),
}

/// Implements `From<Refused>` for an error of the token call, which reports every refusal as `Denied`.
macro_rules! denied_or_failure {
    ($error:ty) => {
        impl From<$crate::Refused> for $error {
            fn from(refused: $crate::Refused) -> Self {
                match refused {
                    $crate::Refused::Denied(denial) => Self::Denied(denial),
                    $crate::Refused::InsufficientScope(_) => Self::Denied(keyward_domain::Denial::InsufficientScope),
                    $crate::Refused::Failure(failure) => Self::Failure(failure),
                }
            }
        }
    };
}
pub(crate) use denied_or_failure;

/// Where the caller's key is read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReadFrom {
    /// Memory, where the lease allows it.
    Memory,
    /// The database, by a read that begins now.
    Database,
}

/// Reads a key as it is now.
pub(crate) async fn read_key(access: &Access, id: KeyId, by: ReadFrom) -> Result<Known, Refused> {
    let found = match by {
        ReadFrom::Memory => access.verifier.known(id).await,
        ReadFrom::Database => access.verifier.read_anew(id).await,
    };
    found.map_err(Failure::from)?.ok_or(Refused::Denied(Denial::NotFound))
}

/// An authenticated caller. For a request, only [`authenticate`](super::authenticate::authenticate) makes one. The
/// command line, which proves itself by its access to the database and the master key, is [`Caller::operator`].
#[derive(Clone, Debug)]
pub struct Caller(Who);

#[derive(Clone, Debug)]
enum Who {
    Key {
        id: KeyId,
        /// The token that acts for the key, if there is one.
        token: Option<Bearer>,
        account: Arc<Link>,
        /// The account directly below the platform that is the caller's account or an ancestor of it.
        line: AccountId,
        scopes: Held,
    },
    Operator,
    Service,
}

impl Caller {
    /// The command line. Only the server's own commands make this caller; a request never does.
    #[must_use]
    pub const fn operator() -> Self {
        Self(Who::Operator)
    }

    /// The service itself, for what a policy demands. Only a job makes this caller.
    pub(crate) const fn service() -> Self {
        Self(Who::Service)
    }

    /// The secret key that calls, directly or through a token, the operator, or the service.
    #[must_use]
    pub const fn actor(&self) -> Actor {
        match &self.0 {
            Who::Key { id, .. } => Actor::Key(*id),
            Who::Operator => Actor::Operator,
            Who::Service => Actor::Service,
        }
    }

    /// The caller's own account; `None` for the operator.
    #[must_use]
    pub fn account(&self) -> Option<&Link> {
        match &self.0 {
            Who::Key { account, .. } => Some(account),
            Who::Operator | Who::Service => None,
        }
    }

    /// The account directly below the platform that is the caller's own account or an ancestor of it; for the platform,
    /// itself; `None` for the operator.
    #[must_use]
    pub const fn line(&self) -> Option<AccountId> {
        match &self.0 {
            Who::Key { line, .. } => Some(*line),
            Who::Operator | Who::Service => None,
        }
    }

    /// The accounts that exist for the caller.
    #[must_use]
    pub fn reach(&self) -> Reach {
        match &self.0 {
            Who::Key { account, .. } => Reach::of(account),
            Who::Operator | Who::Service => Reach::operator(),
        }
    }

    /// What the caller may do; `None` for the operator, which may do everything.
    #[must_use]
    pub fn scopes(&self) -> Option<Scopes<'_>> {
        match &self.0 {
            Who::Key { scopes, .. } => Some(scopes.as_scopes()),
            Who::Operator | Who::Service => None,
        }
    }

    /// Whether the caller has this permission.
    #[must_use]
    pub fn may(&self, permission: Permission) -> bool {
        match &self.0 {
            Who::Key { scopes, .. } => scopes.as_scopes().permits(permission),
            Who::Operator | Who::Service => true,
        }
    }

    /// Checks that the caller may grant these scopes to a key.
    ///
    /// # Errors
    /// [`ScopeNotHeld`] names the scopes that the caller lacks.
    pub fn may_grant(&self, wanted: &ScopeSet) -> Result<(), ScopeNotHeld> {
        match &self.0 {
            Who::Key { account, scopes, .. } => may_grant(account.role, scopes.as_scopes(), wanted),
            Who::Operator | Who::Service => Ok(()),
        }
    }

    /// Judges the caller as it is now. Returns the authority by which it may make a change, and when that authority
    /// expires (R19), the expiry of its token included. The presented value is not checked again.
    ///
    /// # Errors
    /// [`Refused`] if it is no longer valid, lacks this permission, or no verdict can be reached.
    pub(crate) async fn judged(
        &self,
        access: &Access,
        by: ReadFrom,
        needs: Permission,
    ) -> Result<(Self, Authority, Option<Timestamp>), Refused> {
        let Who::Key { id, token, scopes, .. } = &self.0 else {
            return Ok((self.clone(), Authority::operator(), None));
        };
        let denied = |denial| Refused::Denied(denial);
        let Known { credential: Credential { key, chain }, as_of } = read_key(access, *id, by).await?;
        let mut authority = Authority::of(*id, &chain, as_of);
        let mut ends_at = key.view().usable_until(&chain);
        let context = Context::at(access.now());
        if let Some(token) = token {
            let public = read_key(access, token.public_key, by).await?;
            let view = public.credential.key.view();
            usable_pair(view, key.view(), &chain, &context).map_err(|reason| denied(reason.into()))?;
            authority = authority.and(view.id, public.as_of);
            ends_at = [ends_at, view.usable_until(&chain), Some(token.ends_at)].into_iter().flatten().min();
        }
        let scopes = match scopes {
            Held::OfKey(_) => Held::OfKey(Arc::clone(&key)),
            Held::OfToken(scopes) => Held::OfToken(scopes.as_scopes().intersection(key.view().scopes)),
        };
        // The proof given at authentication still holds.
        let proof = Proof::by_signature(true);
        let candidate = Candidate { key: key.view(), chain: &chain, scopes: scopes.as_scopes(), proof };
        if let Verdict::Invalid { denial, .. } = judge(Ok(Some(candidate)), None, &Requirements::default(), &context) {
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

    /// Whether the caller is the platform or the operator.
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
