//! The Ed25519 keys that sign access tokens: which one signs now, and which ones are published.
//!
//! A key is published ten minutes before it signs, and stays published until the last token it signed has expired. So a
//! client that caches the set for less than ten minutes can check every token.

use std::time::Duration;

use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der},
    signature::{Ed25519KeyPair, KeyPair},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{
    Algorithm, DecodingKey, EncodingKey,
    jwk::{Jwk as LibraryJwk, ThumbprintHash},
};
use keyward_domain::Timestamp;
use keyward_storage::{FreshSigningKey, SigningKeyRow};
use zeroize::Zeroizing;

use super::{ACCESS_TOKEN_LIFE, CLOCK_DIFFERENCE, TokenFailure, seal::Sealer};

/// How long a key is published before it signs.
pub const PUBLISHED_BEFORE_USE: Duration = Duration::from_mins(10);
/// How long a key signs before the next one takes over.
const SIGNS_FOR: Duration = Duration::from_hours(30 * 24);

/// One public key of the set (RFC 7517, RFC 8037).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Jwk {
    /// Key type: `OKP`.
    pub kty: &'static str,
    /// Curve: `Ed25519`.
    pub crv: &'static str,
    /// Algorithm: `EdDSA`.
    pub alg: &'static str,
    /// Use: `sig`.
    pub key_use: &'static str,
    /// Its RFC 7638 thumbprint.
    pub kid: String,
    /// The public key, base64url.
    pub x: String,
}

/// A key in memory. Cannot be printed: it may hold the private half.
pub struct PublishedKey {
    /// Starts at 1.
    pub generation: i32,
    /// When it begins to sign.
    pub signs_from: Timestamp,
    pub(super) jwk: Jwk,
    pub(super) verifies: DecodingKey,
    pub(super) signs: EncodingKey,
}

/// All stored keys, oldest first.
#[derive(Default)]
pub struct KeySet {
    keys: Vec<PublishedKey>,
    /// Number of histories of the database seen when the keys were read.
    pub(super) history: u64,
}

impl KeySet {
    pub(super) fn open(rows: &[SigningKeyRow], history: u64, sealer: &Sealer) -> Result<Self, TokenFailure> {
        let keys = rows.iter().map(|row| PublishedKey::open(row, sealer)).collect::<Result<_, _>>()?;
        Ok(Self { keys, history })
    }

    /// The key that signs at `now`: the newest whose `signs_from` has passed. If none has passed, the first that passes
    /// within 30 s: a new key may be dated by a clock slightly ahead.
    #[must_use]
    pub fn signer(&self, now: Timestamp) -> Option<&PublishedKey> {
        let soon = now.saturating_add(CLOCK_DIFFERENCE);
        let has_come = self.keys.iter().rev().find(|key| key.signs_from <= now);
        has_come.or_else(|| self.keys.iter().find(|key| key.signs_from <= soon))
    }

    /// The key with this id, if tokens that it signed can still be valid at `now`.
    pub(super) fn verifier(&self, kid: &str, now: Timestamp) -> Option<&PublishedKey> {
        self.published(now).find(|key| key.jwk.kid == kid)
    }

    /// Whether the set contains a key with this id, retired or not.
    pub(super) fn knows(&self, kid: &str) -> bool {
        self.keys.iter().any(|key| key.jwk.kid == kid)
    }

    /// The keys to publish at `now`.
    pub fn published(&self, now: Timestamp) -> impl Iterator<Item = &PublishedKey> {
        let retired_below = self.retired_below(now);
        self.keys.iter().filter(move |key| key.generation >= retired_below)
    }

    /// The generation below which no token can be valid at `now`.
    #[must_use]
    pub fn retired_below(&self, now: Timestamp) -> i32 {
        let took_over_long_ago = |key: &&PublishedKey| key.signs_from.saturating_add(ACCESS_TOKEN_LIFE) <= now;
        self.keys.iter().rev().find(took_over_long_ago).map_or(i32::MIN, |key| key.generation)
    }

    /// The newest generation; 0 if the set is empty.
    #[must_use]
    pub fn newest_generation(&self) -> i32 {
        self.keys.last().map_or(0, |key| key.generation)
    }

    /// Whether the next generation must be published, so that it takes over in time or because no key can sign.
    #[must_use]
    pub fn is_next_due(&self, now: Timestamp) -> bool {
        let takes_over = |key: &PublishedKey| key.signs_from.saturating_add(SIGNS_FOR);
        let in_time = |key| now < takes_over(key).saturating_sub(PUBLISHED_BEFORE_USE);
        self.signer(now).is_none() || !self.keys.last().is_some_and(in_time)
    }

    /// Whether some of these keys may be dropped.
    #[must_use]
    pub fn has_retired(&self, now: Timestamp) -> bool {
        let retired_below = self.retired_below(now);
        self.keys.iter().any(|key| key.generation < retired_below)
    }

    /// The set as clients read it (RFC 7517, section 5).
    #[must_use]
    pub fn jwks(&self, now: Timestamp) -> Vec<Jwk> {
        self.published(now).map(|key| key.jwk.clone()).collect()
    }
}

impl PublishedKey {
    fn open(row: &SigningKeyRow, sealer: &Sealer) -> Result<Self, TokenFailure> {
        let private = sealer.open(&row.sealed, &context(row.generation)).ok_or(TokenFailure::SigningKeyUnreadable)?;
        let x = URL_SAFE_NO_PAD.encode(&row.public);
        Ok(Self {
            generation: row.generation,
            signs_from: row.signs_from,
            jwk: Jwk { kty: "OKP", crv: "Ed25519", alg: "EdDSA", key_use: "sig", kid: row.kid.clone(), x },
            verifies: DecodingKey::from_ed_der(&row.public),
            signs: EncodingKey::from_ed_der(&private),
        })
    }
}

/// Makes a new generation from 32 random bytes.
pub(super) fn fresh_signing_key(
    generation: i32,
    seed: &Zeroizing<[u8; 32]>,
    nonce: [u8; 24],
    under: &Sealer,
) -> Result<FreshSigningKey, TokenFailure> {
    let pair = Ed25519KeyPair::from_seed_unchecked(seed.as_slice())
        .map_err(|_| TokenFailure::Refused("make a signing key"))?;
    let der: Pkcs8V1Der<'_> = pair.as_der().map_err(|_| TokenFailure::Refused("write a signing key"))?;
    let private = Zeroizing::new(der.as_ref().to_vec());
    let kid = LibraryJwk::from_encoding_key(&EncodingKey::from_ed_der(&private), Algorithm::EdDSA)
        .and_then(|jwk| jwk.thumbprint(ThumbprintHash::SHA256))
        .map_err(|_| TokenFailure::Refused("name a signing key"))?;
    let sealed = under.seal(&private, &context(generation), nonce);
    let sealed = sealed.ok_or(TokenFailure::Refused("seal a signing key"))?;
    let public = pair.public_key().as_ref().to_vec();
    Ok(FreshSigningKey { generation, kid, public, sealed })
}

/// Binds a sealed private key to its row.
fn context(generation: i32) -> Vec<u8> {
    format!("keyward signing_key.sealed {generation}").into_bytes()
}

#[cfg(test)]
#[path = "key_set/tests.rs"]
mod tests;
