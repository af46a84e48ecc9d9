//! Refresh tokens: sealed, not stored. Only a redemption writes to the database (contract, section 2).

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use keyward_domain::{Environment, FamilyId, KeyId, MasterKey, Purpose, RefreshId, ScopeSet, Timestamp};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{TokenFailure, seal::Sealer};

/// Content of a refresh token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefreshGrant {
    /// Identifies this token within the family.
    pub token: RefreshId,
    /// The family that the token belongs to.
    pub family: FamilyId,
    /// Expiry of the whole family.
    pub family_ends_at: Timestamp,
    /// The public key of the pair that obtained it.
    pub public_key: KeyId,
    /// The secret key of that pair.
    pub secret_key: KeyId,
    /// Maximum scopes of the family's tokens; never widens.
    pub scopes: ScopeSet,
}

/// Makes and reads refresh tokens of one environment.
pub struct RefreshTokens {
    sealer: Sealer,
    context: &'static [u8],
}

const FIXED_LEN: usize = 4 * 16 + 8;

impl RefreshTokens {
    pub(crate) fn new(environment: Environment, master: &MasterKey) -> Self {
        let context: &[u8] = match environment {
            Environment::Sandbox => b"keyward refresh token, sandbox",
            Environment::Production => b"keyward refresh token, production",
        };
        Self { sealer: Sealer::new(master, Purpose::RefreshTokens), context }
    }

    /// Seals a grant. The nonce must be random.
    pub(crate) fn seal(&self, grant: &RefreshGrant, nonce: [u8; 24]) -> Result<Zeroizing<String>, TokenFailure> {
        let RefreshGrant { token, family, family_ends_at, public_key, secret_key, scopes } = grant;
        let mut plain = Vec::with_capacity(FIXED_LEN + scopes.as_str().len());
        for id in [token.uuid(), family.uuid(), public_key.uuid(), secret_key.uuid()] {
            plain.extend_from_slice(id.as_bytes());
        }
        plain.extend_from_slice(&family_ends_at.as_micros().to_be_bytes());
        plain.extend_from_slice(scopes.as_str().as_bytes());
        let sealed =
            self.sealer.seal(&plain, self.context, nonce).ok_or(TokenFailure::Refused("seal a refresh token"))?;
        Ok(Zeroizing::new(URL_SAFE_NO_PAD.encode(sealed)))
    }

    /// Opens a token. Returns `None` if this service did not seal it. Does not check whether it is still valid.
    pub(crate) fn open(&self, token: &str) -> Option<RefreshGrant> {
        let plain = self.sealer.open(&URL_SAFE_NO_PAD.decode(token).ok()?, self.context)?;
        let (fixed, scopes) = plain.split_at_checked(FIXED_LEN)?;
        let (ids, ends) = fixed.split_at_checked(4 * 16)?;
        let mut ids = ids.as_chunks::<16>().0.iter().map(|bytes| Uuid::from_bytes(*bytes));
        Some(RefreshGrant {
            token: RefreshId::from_uuid(ids.next()?),
            family: FamilyId::from_uuid(ids.next()?),
            public_key: KeyId::from_uuid(ids.next()?),
            secret_key: KeyId::from_uuid(ids.next()?),
            family_ends_at: Timestamp::from_micros(i64::from_be_bytes(ends.try_into().ok()?)).ok()?,
            scopes: std::str::from_utf8(scopes).ok()?.parse().ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    //! A grant round-trips, and nothing else opens.
    use super::*;

    fn tokens(environment: Environment) -> RefreshTokens {
        RefreshTokens::new(environment, &MasterKey::from_bytes(&[1; 32]).ok().unwrap())
    }

    fn grant(scopes: &str) -> RefreshGrant {
        RefreshGrant {
            token: RefreshId::from_uuid(Uuid::from_u128(1)),
            family: FamilyId::from_uuid(Uuid::from_u128(2)),
            family_ends_at: "2026-11-24T12:00:00.000001Z".parse().unwrap(),
            public_key: KeyId::from_uuid(Uuid::from_u128(3)),
            secret_key: KeyId::from_uuid(Uuid::from_u128(4)),
            scopes: scopes.parse().unwrap(),
        }
    }

    #[test]
    fn a_grant_round_trips_through_its_token() {
        for scopes in ["", "charges:read api-keys:*"] {
            let token = tokens(Environment::Sandbox).seal(&grant(scopes), [7; 24]).unwrap();
            assert_eq!(tokens(Environment::Sandbox).open(&token), Some(grant(scopes)));
        }
    }

    #[test]
    fn a_token_of_the_other_environment_does_not_open() {
        let token = tokens(Environment::Production).seal(&grant(""), [7; 24]).unwrap();
        assert_eq!(tokens(Environment::Sandbox).open(&token), None);
        for junk in ["", "x", "not base64!", "AAAA"] {
            assert_eq!(tokens(Environment::Sandbox).open(junk), None, "{junk}");
        }
    }
}
