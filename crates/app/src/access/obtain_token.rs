//! Obtains tokens with a public and a secret key (contract, section 2).

use std::sync::Arc;

use keyward_domain::{
    Context, Denial, FamilyId, KeyId, KeyType, Mid, Now, PresentedValue, ScopeSet, Timestamp, ValueError,
    revocation::{NotAPair, usable_pair},
};
use keyward_verifier::Credential;
use zeroize::Zeroizing;

use super::{
    Access, Source, TooManyAttempts,
    attempts::RateLimitKey,
    caller::{self, ReadFrom, read_key},
    key_reload,
    secret_check::{self, Matched},
    tokens::{AccessGrant, RefreshGrant},
};
use crate::{Failure, NoEntropy};

/// A request for tokens.
pub struct ObtainToken<'a> {
    /// The public key: its value, its id, or the bare UUID of that id.
    pub app_key: &'a str,
    /// Value of the secret key.
    pub app_secret: &'a str,
    /// A subset of the secret key's scopes; all of them if absent.
    pub scopes: Option<ScopeSet>,
    /// Source of the request.
    pub source: Source,
    /// Whether to issue a refresh token too.
    pub refreshable: bool,
}

/// Newly issued tokens.
pub struct Tokens {
    /// A signed JWT.
    pub access: Zeroizing<String>,
    /// Expiry of the access token.
    pub expires_at: Timestamp,
    /// Maximum scopes of the access token.
    pub scopes: ScopeSet,
    /// The secret key that the tokens act for.
    pub secret_key: KeyId,
    /// The account of both keys.
    pub mid: Mid,
    /// The refresh token, if requested.
    pub refresh: Option<Zeroizing<String>>,
}

/// Why no tokens were issued.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The keys are not a valid pair. The answer shows only whether one belongs to the other environment.
    #[error("the keys are not a valid pair: {0}")]
    Denied(Denial),
    /// The public key is not usable. The answer does not name it.
    #[error("the public key is not usable: {denial}")]
    PublicKey {
        /// Why.
        denial: Denial,
        /// The public key.
        key: KeyId,
    },
    /// The pair is valid, and the secret key does not cover these of the requested scopes.
    #[error("the secret key does not cover {missing}")]
    ScopeNotCovered {
        /// The scopes that it does not cover.
        missing: ScopeSet,
        /// The secret key.
        key: KeyId,
        /// Its account.
        mid: Mid,
    },
    /// Too many wrong pairs from this source, or from it for this public key.
    #[error(transparent)]
    TooManyAttempts(#[from] TooManyAttempts),
    /// Not the caller's fault.
    #[error(transparent)]
    Failure(#[from] Failure),
}

secret_check::failures!(Error);

crate::impl_from_failure!(Error: NoEntropy);

caller::denied_or_failure!(Error);

/// The public key in the form that the client sent.
enum AppKey<'a> {
    Value(PresentedValue<'a>),
    Id(KeyId),
}

impl AppKey<'_> {
    const fn id(&self) -> KeyId {
        match self {
            Self::Value(presented) => presented.id(),
            Self::Id(id) => *id,
        }
    }
}

/// Obtains tokens.
///
/// # Errors
/// [`Error`] if the pair is invalid, the source must wait, or no verdict can be reached.
pub async fn obtain_token(access: &Arc<Access>, request: ObtainToken<'_>) -> Result<Tokens, Error> {
    let environment = access.runtime.settings.environment;
    let app_key = read_app_key(access, request.app_key)?;
    let secret = PresentedValue::parse(request.app_secret, environment).map_err(by_its_form)?;
    // Checked only after a pair proved wrong: a right pair passes, however many guesses it receives.
    let unknown = || Error::Denied(Denial::NotFound);
    let wrong = || access.attempts.failed_pair(app_key.id(), request.source).map_or_else(Error::from, |()| unknown());
    let limit_key = RateLimitKey::Source(request.source);
    let begun = secret_check::begin(access, &access.verifier.arrival(), &secret);
    let is_right = begun.is_right();
    let found = secret_check::finish(access, begun, &secret, limit_key);
    let (public, found) = if is_right {
        (find_public(access, &app_key, limit_key).await?, found.await?)
    } else {
        let (public, found) = tokio::join!(find_public_in_doubt(access, &app_key, limit_key), found);
        (public?, found?)
    };
    let (Some(public), Some(found)) = (public, found) else { return Err(wrong()) };
    if !found.proof.holds() {
        return Err(wrong());
    }
    key_reload::ensure_signer(access).await?;
    let now = access.now();
    // Checking the secret may have waited in a queue. Keys that ended meanwhile get no token.
    let (seen, known) = tokio::join!(
        read_key(access, public.credential.key.id(), ReadFrom::Memory),
        read_key(access, found.credential.key.id(), ReadFrom::Memory)
    );
    let (public_key, Credential { key: secret_key, chain }) = (seen?.credential.key, known?.credential);
    if let Err(reason) = usable_pair(public_key.view(), secret_key.view(), &chain, &Context::at(now)) {
        tracing::debug!(%reason, key.id = %secret_key.id(), "no token for this pair");
        if public.from_memory {
            secret_check::as_if_absent(access, app_key.id(), limit_key).await;
        }
        return Err(match reason {
            // Counts as an absent key does: the count must not reveal which keys exist.
            NotAPair::Mismatched => wrong(),
            NotAPair::Unusable(_) if public_key.view().usable(&chain, &Context::at(now)).is_err() => {
                Error::PublicKey { denial: reason.into(), key: public_key.id() }
            }
            NotAPair::Unusable(_) => Error::Denied(reason.into()),
        });
    }
    let held = secret_key.view().scopes;
    let scopes = match request.scopes {
        Some(requested) if !held.covers_all(requested.as_scopes()) => {
            let (missing, key, mid) = (requested.uncovered_by(held), secret_key.id(), chain.own().mid.clone());
            return Err(Error::ScopeNotCovered { missing, key, mid });
        }
        Some(requested) => requested,
        None => held.into(),
    };
    let grant =
        AccessGrant { public_key: public_key.id(), secret_key: secret_key.id(), mid: chain.own().mid.clone(), scopes };
    let family = if request.refreshable {
        let ends_at = now.recorded().saturating_add(access.runtime.settings.refresh_family_life);
        Some(Family { id: access.fresh_family_id()?, ends_at, scopes: grant.scopes.clone() })
    } else {
        None
    };
    let tokens = make_tokens(access, grant, family, now)?;
    secret_check::renew_digest(access, secret.expose(), &found.credential.key);
    access.usage.note(secret_key.id(), now.recorded());
    access.usage.note(public_key.id(), now.recorded());
    Ok(tokens)
}

fn by_its_form(error: ValueError) -> Error {
    Error::Denied(error.into())
}

fn read_app_key<'a>(access: &Access, text: &'a str) -> Result<AppKey<'a>, Error> {
    if let Ok(id) = text.parse() {
        return Ok(AppKey::Id(id));
    }
    // The form with hyphens and nothing around it.
    if let (36, Ok(uuid)) = (text.len(), uuid::Uuid::try_parse(text)) {
        return Ok(AppKey::Id(KeyId::from_uuid(uuid)));
    }
    let presented = PresentedValue::parse(text, access.runtime.settings.environment).map_err(by_its_form)?;
    if presented.key_type() == KeyType::Public {
        Ok(AppKey::Value(presented))
    } else {
        Err(Error::Denied(Denial::NotFound))
    }
}

/// A public key that was found.
struct Public {
    credential: Credential,
    /// Whether no look-up was made: if no token is issued, one still has to be.
    from_memory: bool,
}

/// Finds the public key, and checks its value if one was given.
async fn find_public(
    access: &Access,
    app_key: &AppKey<'_>,
    limit_key: RateLimitKey,
) -> Result<Option<Public>, secret_check::Error> {
    match app_key {
        AppKey::Id(id) => {
            let (credential, from_memory) = secret_check::look_up(access, *id, limit_key).await?;
            Ok(credential.map(|credential| Public { credential, from_memory }))
        }
        AppKey::Value(presented) => {
            let begun = secret_check::begin(access, &access.verifier.arrival(), presented);
            let found = secret_check::finish(access, begun, presented, limit_key).await?;
            let found = found.filter(|found| found.proof.holds());
            Ok(found.map(|Matched { credential, from_memory, .. }| Public { credential, from_memory }))
        }
    }
}

/// As [`find_public`], beside a secret that may be wrong: a key in memory then costs what an absent one does.
async fn find_public_in_doubt(
    access: &Access,
    app_key: &AppKey<'_>,
    limit_key: RateLimitKey,
) -> Result<Option<Public>, secret_check::Error> {
    let mut public = find_public(access, app_key, limit_key).await?;
    if let Some(public) = public.as_mut().filter(|public| public.from_memory) {
        secret_check::as_if_absent(access, app_key.id(), limit_key).await;
        public.from_memory = false;
    }
    Ok(public)
}

/// What a refresh token passes on to the next one of its family.
pub(crate) struct Family {
    pub(crate) id: FamilyId,
    pub(crate) ends_at: Timestamp,
    /// Stays as it was for the first token, even if one access token requested fewer scopes (RFC 6749, section 6).
    pub(crate) scopes: ScopeSet,
}

/// Makes an access token and, for a family, its next refresh token. Both are dated by the time that all nodes share, so
/// a node with a wrong clock makes none that outlives its lifetime.
pub(crate) fn make_tokens(
    access: &Access,
    grant: AccessGrant,
    family: Option<Family>,
    now: Now,
) -> Result<Tokens, Failure> {
    let issued = access.tokens.access.issue(&grant, access.fresh_access_id()?, now.recorded())?;
    let issued = issued.ok_or(Failure::NoSigningKey)?;
    if now.has_passed(issued.expires_at) {
        return Err(Failure::ClocksDiffer);
    }
    let AccessGrant { public_key, secret_key, mid, scopes } = grant;
    let refresh = match family {
        None => None,
        Some(Family { id: family, ends_at: family_ends_at, scopes }) => {
            let token = access.fresh_refresh_id()?;
            let next = RefreshGrant { token, family, family_ends_at, public_key, secret_key, scopes };
            Some(access.tokens.refresh.seal(&next, access.runtime.random()?)?)
        }
    };
    Ok(Tokens { access: issued.token, expires_at: issued.expires_at, scopes, secret_key, mid, refresh })
}
