//! Who is calling: from a credential to a [`Caller`].
//!
//! A credential is the value of a secret key or an access token. Every check asks the verifier, so once a revocation is
//! answered no node lets its key in. Why a credential is refused goes to the log and never to the caller.

use std::sync::Arc;

use keyward_domain::{
    AccountId, Actor, AuthKey, Candidate, Conditions, Denial, KeyId, Link, Mid, Permission, PresentedValue, Proof,
    Reach, Role, ScopeNotHeld, ScopeSet, Scopes, Timestamp, ValueError, Verdict, judge, may_grant,
    revocation::usable_pair,
};
use keyward_storage::{Authority, Credential};
use keyward_verifier::{Arrival, Known};

use super::{
    App, Fault, Source, TooManyAttempts,
    acting::{Refused, Sight, look},
    attempts::Guesser,
    key_reload::KeyReload,
    proving::{self, Found},
};
use crate::tokens::ReadAccess;

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
pub(super) struct Bearer {
    /// The public key of the pair that obtained the token.
    public_key: KeyId,
    /// When the token ends.
    ends_at: Timestamp,
}

/// What a credential may do. Held without copying a text where it is the key itself.
#[derive(Clone, Debug)]
pub(super) enum Held {
    /// The key's own scopes.
    OfKey(Arc<AuthKey>),
    /// What a token leaves of them.
    OfToken(ScopeSet),
}

impl Held {
    pub(super) fn as_scopes(&self) -> Scopes<'_> {
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
    pub(super) async fn judged(
        &self,
        app: &App,
        by: Sight,
        needs: Permission,
    ) -> Result<(Self, Authority, Option<Timestamp>), Refused> {
        let Who::Key { id, token, scopes, .. } = &self.0 else {
            return Ok((self.clone(), Authority::operator(), None));
        };
        let denied = |denial| Refused::Denied(denial);
        let Known { credential: Credential { key, chain }, as_of } = look(app, *id, by).await?;
        let mut authority = Authority::of(*id, &chain, as_of);
        let mut ends_at = key.view().expires_at;
        let now = app.expiry_time();
        if let Some(token) = token {
            let public = look(app, token.public_key, by).await?;
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
        if let Verdict::Invalid { denial, .. } = judge(Ok(Some(candidate)), None, &Conditions::default(), now) {
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
    pub(super) fn is_above_partners(&self) -> bool {
        self.account().is_none_or(|own| own.role == Role::Platform)
    }
}

/// Why nobody was let in.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The credential is not good; all reasons but one look the same to a client.
    #[error("the credential is not good: {0}")]
    Denied(Denial),
    /// The credential is good, and not for this.
    #[error("the credential is good, but not for this: {}", .0.denial)]
    Forbidden(Box<Forbidden>),
    /// The source has shown too many wrong credentials.
    #[error(transparent)]
    TooManyAttempts(#[from] TooManyAttempts),
    /// Not the caller's fault.
    #[error(transparent)]
    Fault(#[from] Fault),
}

proving::failures!(Error);

/// A good credential that does not do for what was asked of it.
#[derive(Debug)]
pub struct Forbidden {
    /// Why: the first reason in the contract's order.
    pub denial: Denial,
    /// Which of the scopes that were asked for it lacks.
    pub missing: ScopeSet,
    /// The key that was presented, or that the token speaks for.
    pub key: KeyId,
    /// Its account.
    pub mid: Mid,
}

impl Error {
    /// What a verdict against this credential means.
    fn of(denial: Denial, candidate: &Candidate<'_>, conditions: &Conditions) -> Self {
        let missing = match denial {
            Denial::InsufficientScope => conditions.scopes.uncovered_by(candidate.scopes),
            Denial::WrongType | Denial::WrongAccount => ScopeSet::empty(),
            Denial::NotFound | Denial::WrongEnvironment | Denial::Revoked | Denial::Suspended | Denial::Expired => {
                return Self::Denied(denial);
            }
        };
        let (key, mid) = (candidate.key.id, candidate.chain.own().mid.clone());
        Self::Forbidden(Box::new(Forbidden { denial, missing, key, mid }))
    }
}

/// A credential that turned out to be good.
pub(super) struct Accepted {
    pub(super) credential: Credential,
    /// What it may do: the key's scopes, or what a token leaves of them.
    pub(super) scopes: Held,
    /// The token that speaks for it, if one does.
    pub(super) token: Option<Bearer>,
}

impl From<Accepted> for Caller {
    fn from(Accepted { credential, scopes, token }: Accepted) -> Self {
        let Credential { key, chain } = credential;
        Self(Who::Key { id: key.id(), token, account: chain.shared_own(), line: chain.line(), scopes })
    }
}

/// Lets a caller in.
///
/// # Errors
/// [`Error`] if the credential is not good, the source must wait, or the answer is not to be had.
pub async fn authenticate(app: &Arc<App>, credential: &str, source: Source) -> Result<Caller, Error> {
    Ok(accept(app, credential, source, &Conditions::default()).await?.into())
}

/// Lets a caller in without waiting, if its key is in memory and good. `None` says nothing about the credential but that
/// [`authenticate`] has to be asked.
#[must_use]
pub fn authenticate_at_once(app: &App, arrival: &Arrival, credential: &str) -> Option<Caller> {
    accept_at_once(app, arrival, credential, &Conditions::default()).map(Caller::from)
}

/// Takes a key value that is in memory, good, and good for these conditions.
pub(super) fn accept_at_once(
    app: &App,
    arrival: &Arrival,
    credential: &str,
    conditions: &Conditions,
) -> Option<Accepted> {
    let presented = PresentedValue::parse(credential, app.settings.environment).ok()?;
    let Found { credential, proof, .. } = proving::find_at_once(app, arrival, &presented)?;
    let key = credential.key.view();
    let candidate = Candidate { key, chain: &credential.chain, scopes: key.scopes, proof };
    let now = app.verifier.times(arrival);
    match judge(Ok(Some(candidate)), None, conditions, now.expiry) {
        Verdict::Invalid { .. } => return None,
        Verdict::Valid { .. } => app.usage.note(key.id, now.shared),
    }
    let scopes = Held::OfKey(Arc::clone(&credential.key));
    Some(Accepted { credential, scopes, token: None })
}

/// Takes a key value or an access token, and holds it to conditions. It counts as used then.
pub(super) async fn accept(
    app: &Arc<App>,
    credential: &str,
    source: Source,
    conditions: &Conditions,
) -> Result<Accepted, Error> {
    let accepted = examine(app, credential, source, conditions).await?;
    app.usage.note(accepted.credential.key.id(), app.now());
    Ok(accepted)
}

/// The same for a credential that is not let in whatever comes of it: it does not count as used.
pub(super) async fn examine(
    app: &Arc<App>,
    credential: &str,
    source: Source,
    conditions: &Conditions,
) -> Result<Accepted, Error> {
    match PresentedValue::parse(credential, app.settings.environment) {
        Ok(presented) => accept_value(app, &presented, source, conditions).await,
        Err(ValueError::OtherEnvironment) => Err(Error::Denied(Denial::WrongEnvironment)),
        Err(ValueError::Malformed) => accept_token(app, credential, conditions).await,
    }
}

async fn accept_value(
    app: &Arc<App>,
    presented: &PresentedValue<'_>,
    source: Source,
    conditions: &Conditions,
) -> Result<Accepted, Error> {
    let found = proving::find(app, presented, Guesser::Source(source)).await?;
    let candidate = found.as_ref().map(|found| Candidate {
        key: found.credential.key.view(),
        chain: &found.credential.chain,
        scopes: found.credential.key.view().scopes,
        proof: found.proof,
    });
    let verdict = judge(Ok(candidate), None, conditions, app.expiry_time());
    if let Verdict::Invalid { denial, .. } = verdict {
        if denial == Denial::NotFound {
            app.attempts.failed(source);
        }
        let error = candidate.map_or(Error::Denied(denial), |candidate| Error::of(denial, &candidate, conditions));
        return Err(error);
    }
    // A valid verdict is about something that was found.
    let found = found.ok_or(Error::Denied(Denial::NotFound))?;
    proving::renew_digest(app, presented, &found.credential.key);
    let scopes = Held::OfKey(Arc::clone(&found.credential.key));
    Ok(Accepted { credential: found.credential, scopes, token: None })
}

async fn accept_token(app: &Arc<App>, token: &str, conditions: &Conditions) -> Result<Accepted, Error> {
    let read = read_token(app, token).await?.ok_or(Error::Denied(Denial::NotFound))?;
    let accepted = alive(app, &read).await?;
    let Accepted { credential: Credential { key, chain }, scopes, token: _ } = &accepted;
    let candidate = Candidate { key: key.view(), chain, scopes: scopes.as_scopes(), proof: Proof::by_signature(true) };
    match judge(Ok(Some(candidate)), None, conditions, app.expiry_time()) {
        Verdict::Valid { .. } => Ok(accepted),
        Verdict::Invalid { denial, .. } => Err(Error::of(denial, &candidate, conditions)),
    }
}

/// Reads a token. One that names a key unknown here makes the key set be read again, once: another node may have made it.
/// Where it cannot be read, that is an outage for every such token, not a verdict about any.
async fn read_token(app: &Arc<App>, token: &str) -> Result<Option<ReadAccess>, Fault> {
    KeyReload::in_this_history(app).await?;
    if let Some(read) = app.access_tokens.read(token, app.times()) {
        return Ok(Some(read));
    }
    if !app.access_tokens.names_unknown_key(token) {
        return Ok(None);
    }
    KeyReload::read_again(app).await?;
    Ok(app.access_tokens.read(token, app.times()))
}

/// Rule 9: a token lives only while both keys that obtained it do.
async fn alive(app: &App, ReadAccess { grant, expires_at }: &ReadAccess) -> Result<Accepted, Error> {
    let storage = |error| Error::Fault(Fault::Storage(error));
    let (public, secret) =
        tokio::join!(app.verifier.credential(grant.public_key), app.verifier.credential(grant.secret_key));
    let denied = || Error::Denied(Denial::NotFound);
    let (public, secret) = (public.map_err(storage)?.ok_or_else(denied)?, secret.map_err(storage)?.ok_or_else(denied)?);
    usable_pair(public.key.view(), secret.key.view(), &secret.chain, app.expiry_time()).map_err(|reason| {
        tracing::debug!(%reason, "a token outlived its keys");
        Error::Denied(reason.into())
    })?;
    if secret.chain.own().mid != grant.mid {
        return Err(denied());
    }
    let scopes = Held::OfToken(grant.scopes.as_scopes().intersection(secret.key.view().scopes));
    let token = Bearer { public_key: grant.public_key, ends_at: *expires_at };
    Ok(Accepted { credential: secret, scopes, token: Some(token) })
}
