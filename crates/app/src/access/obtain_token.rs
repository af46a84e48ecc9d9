//! Obtain tokens with a public and a secret key (contract, section 2).

use std::sync::Arc;

use keyward_domain::{
    Denial, FamilyId, KeyId, KeyType, Mid, PresentedValue, ScopeSet, Timestamp, ValueError,
    revocation::{NotAPair, usable_pair},
};
use keyward_storage::Credential;
use keyward_verifier::Times;
use zeroize::Zeroizing;

use super::{
    Access, Refused, Source, TooManyAttempts,
    attempts::RateLimitKey,
    caller::{Sight, look},
    key_reload::KeyReload,
    secret_check::{self, Matched},
    tokens::{AccessGrant, RefreshGrant},
};
use crate::{Failure, NoEntropy};

/// Who asks, and for how much.
pub struct ObtainToken<'a> {
    /// The public key: its value, its id, or the bare UUID in that id.
    pub app_key: &'a str,
    /// The value of the secret key.
    pub app_secret: &'a str,
    /// Fewer scopes than the secret key has; all of them if absent.
    pub scopes: Option<ScopeSet>,
    /// Whence the request comes.
    pub source: Source,
    /// Whether a refresh token is wanted too.
    pub refreshable: bool,
}

/// Tokens that were just made.
pub struct Tokens {
    /// The access token.
    pub access: Zeroizing<String>,
    /// When it ends.
    pub expires_at: Timestamp,
    /// What it may do at the most.
    pub scopes: ScopeSet,
    /// The secret key that it speaks for.
    pub secret_key: KeyId,
    /// The account of both keys.
    pub mid: Mid,
    /// The refresh token, if one was wanted.
    pub refresh: Option<Zeroizing<String>>,
}

/// Why there are no tokens.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The keys are not a good pair. A client learns only whether one belongs to the other environment.
    #[error("the keys are not a good pair: {0}")]
    Denied(Denial),
    /// A scope that the secret key does not cover.
    #[error("the secret key does not cover a scope that was asked for")]
    ScopeNotCovered,
    /// Too many wrong pairs, from this source or from it for this public key.
    #[error(transparent)]
    TooManyAttempts(#[from] TooManyAttempts),
    /// Not the caller's fault.
    #[error(transparent)]
    Failure(#[from] Failure),
}

secret_check::failures!(Error);

crate::impl_from_failure!(Error: NoEntropy);

impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Denied(denial) => Self::Denied(denial),
            Refused::InsufficientScope(_) => Self::Denied(Denial::InsufficientScope),
            Refused::Failure(fault) => Self::Failure(fault),
        }
    }
}

/// The public key as a client names it.
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
/// [`Error`] if the pair is not good, must wait, or the answer is not to be had.
pub async fn obtain_token(access: &Arc<Access>, request: ObtainToken<'_>) -> Result<Tokens, Error> {
    let environment = access.runtime.settings.environment;
    let app_key = read_app_key(access, request.app_key)?;
    let secret = PresentedValue::parse(request.app_secret, environment).map_err(by_its_form)?;
    // Asked only once a pair has turned out to be wrong: a right one passes, however many guess at it.
    let unknown = || Error::Denied(Denial::NotFound);
    let wrong = || access.attempts.failed_pair(app_key.id(), request.source).map_or_else(Error::from, |()| unknown());
    let guesser = RateLimitKey::Source(request.source);
    let (public, found) = if let Some(found) = secret_check::find_in_memory(access, &secret) {
        (find_public(access, &app_key, guesser).await?, Some(found))
    } else {
        let public = find_public_in_doubt(access, &app_key, guesser);
        let (public, found) = tokio::join!(public, secret_check::find(access, &secret, guesser));
        (public?, found?)
    };
    let (Some(public), Some(found)) = (public, found) else { return Err(wrong()) };
    if !found.proof.holds() {
        return Err(wrong());
    }
    KeyReload::see_to_a_signer(access).await?;
    let now = access.times();
    // Proving may have waited for its turn: no token is made for what was ended meanwhile.
    let (seen, known) = tokio::join!(
        look(access, public.credential.key.id(), Sight::Memory),
        look(access, found.credential.key.id(), Sight::Memory)
    );
    let (public_key, Credential { key: secret_key, chain }) = (seen?.credential.key, known?.credential);
    if let Err(reason) = usable_pair(public_key.view(), secret_key.view(), &chain, now.expiry) {
        tracing::debug!(%reason, key.id = %secret_key.id(), "no token for this pair");
        if public.from_memory {
            secret_check::as_if_absent(access, app_key.id(), guesser).await;
        }
        return Err(match reason {
            // Counted like a key that does not exist: the count must not show which do.
            NotAPair::Mismatched => wrong(),
            NotAPair::Unusable(_) => Error::Denied(reason.into()),
        });
    }
    let held = secret_key.view().scopes;
    let scopes = match request.scopes {
        Some(asked) if !held.covers_all(asked.as_scopes()) => return Err(Error::ScopeNotCovered),
        Some(asked) => asked,
        None => held.into(),
    };
    let grant =
        AccessGrant { public_key: public_key.id(), secret_key: secret_key.id(), mid: chain.own().mid.clone(), scopes };
    let family = if request.refreshable {
        let ends_at = now.shared.saturating_add(access.runtime.settings.refresh_family_life);
        Some(Family { id: access.fresh_family_id()?, ends_at, scopes: grant.scopes.clone() })
    } else {
        None
    };
    let tokens = make_tokens(access, grant, family, now)?;
    secret_check::renew_digest(access, &secret, &found.credential.key);
    access.usage.note(secret_key.id(), now.shared);
    access.usage.note(public_key.id(), now.shared);
    Ok(tokens)
}

fn by_its_form(error: ValueError) -> Error {
    Error::Denied(error.into())
}

fn read_app_key<'a>(access: &Access, text: &'a str) -> Result<AppKey<'a>, Error> {
    if let Ok(id) = text.parse() {
        return Ok(AppKey::Id(id));
    }
    // The one form that has hyphens and nothing around it.
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
    /// Whether no look-up was made: then one is owed if there is no token.
    from_memory: bool,
}

/// The public key, if there is one, and its value is right where one was given.
async fn find_public(
    access: &Access,
    app_key: &AppKey<'_>,
    guesser: RateLimitKey,
) -> Result<Option<Public>, secret_check::ProvingError> {
    match app_key {
        AppKey::Id(id) => {
            let (credential, from_memory) = secret_check::look_up(access, *id, guesser).await?;
            Ok(credential.map(|credential| Public { credential, from_memory }))
        }
        AppKey::Value(presented) => {
            let found = secret_check::find(access, presented, guesser).await?.filter(|found| found.proof.holds());
            Ok(found.map(|Matched { credential, from_memory, .. }| Public { credential, from_memory }))
        }
    }
}

/// The same beside a secret that may be wrong: then a key that is in memory costs what an absent one does.
async fn find_public_in_doubt(
    access: &Access,
    app_key: &AppKey<'_>,
    guesser: RateLimitKey,
) -> Result<Option<Public>, secret_check::ProvingError> {
    let mut public = find_public(access, app_key, guesser).await?;
    if let Some(public) = public.as_mut().filter(|public| public.from_memory) {
        secret_check::as_if_absent(access, app_key.id(), guesser).await;
        public.from_memory = false;
    }
    Ok(public)
}

/// What a refresh token passes on to the next one of its family.
pub(crate) struct Family {
    pub(crate) id: FamilyId,
    pub(crate) ends_at: Timestamp,
    /// Stays as it was at the first token, even where one access token asked for less (RFC 6749, section 6).
    pub(crate) scopes: ScopeSet,
}

/// Makes an access token and, for a family, its next refresh token. They are dated by the time that all nodes share, so
/// that no node's wrong clock makes one that outlives its time.
pub(crate) fn make_tokens(
    access: &Access,
    grant: AccessGrant,
    family: Option<Family>,
    now: Times,
) -> Result<Tokens, Failure> {
    let issued = access.tokens.access.issue(&grant, access.fresh_access_id()?, now.shared)?;
    let issued = issued.ok_or(Failure::NoSigningKey)?;
    if issued.expires_at <= now.expiry {
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
