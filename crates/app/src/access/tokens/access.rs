//! Access tokens: JWTs (RFC 9068) signed with Ed25519.
//!
//! Accepts only its own tokens: one algorithm, one type, one issuer, one audience, every claim required. Whether the
//! keys that obtained a token are still usable is checked elsewhere, on every request.

use std::sync::Arc;

use arc_swap::ArcSwap;
use jsonwebtoken::{Algorithm, Header, Validation};
use keyward_domain::{AccessId, Environment, KeyId, MasterKey, Mid, Now, Purpose, ScopeSet, Timestamp};
use keyward_storage::{FreshSigningKey, SigningKeyRow};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{
    ACCESS_TOKEN_LIFE, CLOCK_DIFFERENCE, TokenFailure,
    key_set::{self, KeySet},
    seal::Sealer,
};
use crate::Settings;

/// The `typ` of RFC 9068, section 2.1.
const TYPE: &str = "at+jwt";

/// Claims of an access token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessGrant {
    /// The public key of the pair that obtained it.
    pub public_key: KeyId,
    /// The secret key of that pair, which acts.
    pub secret_key: KeyId,
    /// The account of both keys.
    pub mid: Mid,
    /// Maximum scopes.
    pub scopes: ScopeSet,
}

/// A newly issued access token.
pub struct IssuedAccess {
    /// The signed JWT.
    pub token: Zeroizing<String>,
    /// Its `exp` claim.
    pub expires_at: Timestamp,
}

/// An access token that was read and is valid now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadAccess {
    /// Its claims.
    pub grant: AccessGrant,
    /// Its `exp` claim.
    pub expires_at: Timestamp,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: String,
    client_id: String,
    #[serde(rename = "custom:mid")]
    mid: String,
    scope: String,
    env: String,
    iat: i64,
    nbf: i64,
    exp: i64,
    jti: String,
}

/// Makes and reads the access tokens of one deployment.
pub struct AccessTokens {
    issuer: String,
    audience: String,
    environment: Environment,
    validation: Validation,
    sealer: Sealer,
    keys: ArcSwap<KeySet>,
}

impl AccessTokens {
    pub(crate) fn new(settings: &Settings, master: &MasterKey) -> Self {
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_audience(&[&settings.token_audience]);
        validation.set_issuer(&[&settings.issuer]);
        validation.set_required_spec_claims(&["exp", "nbf", "iss", "aud", "sub"]);
        // Expiry is judged below by the service's own clock, which tests can set.
        validation.validate_exp = false;
        Self {
            issuer: settings.issuer.clone(),
            audience: settings.token_audience.clone(),
            environment: settings.environment,
            validation,
            sealer: Sealer::new(master, Purpose::SigningKeys),
            keys: ArcSwap::default(),
        }
    }

    /// The keys that are known now.
    #[must_use]
    pub fn keys(&self) -> Arc<KeySet> {
        self.keys.load_full()
    }

    /// Takes over the keys read from the database; `history` is the number of histories seen when the read began.
    pub(crate) fn take_keys(&self, rows: &[SigningKeyRow], history: u64) -> Result<(), TokenFailure> {
        self.keys.store(Arc::new(KeySet::open(rows, history, &self.sealer)?));
        Ok(())
    }

    /// Whether the known keys were read at this number of histories. If not, the database may lack them.
    pub(crate) fn are_of(&self, history: u64) -> bool {
        self.keys.load().history == history
    }

    /// Makes a signing key of this generation for the database. `random` holds 32 bytes for the key and 24 for the
    /// nonce.
    pub(crate) fn fresh_key(
        &self,
        generation: i32,
        seed: &Zeroizing<[u8; 32]>,
        nonce: [u8; 24],
    ) -> Result<FreshSigningKey, TokenFailure> {
        key_set::fresh_signing_key(generation, seed, nonce, &self.sealer)
    }

    /// Signs a token. Returns `Ok(None)` if no key may sign at `now`.
    pub(crate) fn issue(
        &self,
        grant: &AccessGrant,
        id: AccessId,
        now: Timestamp,
    ) -> Result<Option<IssuedAccess>, TokenFailure> {
        let keys = self.keys.load();
        let Some(key) = keys.signer(now) else { return Ok(None) };
        let expires_at = now.saturating_add(ACCESS_TOKEN_LIFE);
        let claims = Claims {
            iss: self.issuer.clone(),
            aud: self.audience.clone(),
            sub: grant.secret_key.to_string(),
            client_id: grant.public_key.to_string(),
            mid: grant.mid.to_string(),
            scope: grant.scopes.to_string(),
            env: self.environment.to_string(),
            iat: now.as_seconds(),
            nbf: now.as_seconds(),
            exp: expires_at.as_seconds(),
            jti: id.to_string(),
        };
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some(TYPE.into());
        header.kid = Some(key.jwk.kid.clone());
        let token = jsonwebtoken::encode(&header, &claims, &key.signs)
            .map_err(|_| TokenFailure::Refused("sign an access token"))?;
        Ok(Some(IssuedAccess { token: Zeroizing::new(token), expires_at }))
    }

    /// Reads a token. Returns `None` if this deployment did not sign it, or it is not valid now. Its expiry is judged
    /// as that of a key; its beginning, which the issuing node dated, by the time that all nodes share.
    pub(crate) fn read(&self, token: &str, now: Now) -> Option<ReadAccess> {
        let header = jsonwebtoken::decode_header(token).ok()?;
        if header.typ.as_deref() != Some(TYPE) {
            return None;
        }
        let keys = self.keys.load();
        let key = keys.verifier(header.kid.as_deref()?, now.recorded())?;
        let claims: Claims = jsonwebtoken::decode(token, &key.verifies, &self.validation).ok()?.claims;
        let early = now.recorded().saturating_add(CLOCK_DIFFERENCE).as_seconds();
        let timely = now.latest().as_seconds() < claims.exp && claims.nbf <= early && claims.iat <= early;
        if !timely || claims.env != self.environment.as_str() {
            return None;
        }
        let grant = AccessGrant {
            public_key: claims.client_id.parse().ok()?,
            secret_key: claims.sub.parse().ok()?,
            mid: claims.mid.parse().ok()?,
            scopes: claims.scope.parse().ok()?,
        };
        let expires_at = Timestamp::from_micros(claims.exp.checked_mul(1_000_000)?).ok()?;
        Some(ReadAccess { grant, expires_at })
    }

    /// Whether a token names a key unknown here: another node may just have made the key.
    pub(crate) fn names_unknown_key(&self, token: &str) -> bool {
        let kid = jsonwebtoken::decode_header(token).ok().and_then(|header| header.kid);
        kid.is_some_and(|kid| !self.keys.load().knows(&kid))
    }
}

#[cfg(test)]
#[path = "access/tests.rs"]
mod tests;
