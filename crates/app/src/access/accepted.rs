//! A credential that was accepted: a key, perhaps through a token, and the scopes that it has in this request.
//!
//! Values only: accepts nothing itself.

use std::sync::Arc;

use keyward_domain::{KeyId, ScopeSet, Scopes, Timestamp};
use keyward_verifier::{Credential, PackedKey};

/// An accepted credential.
pub(crate) struct Accepted {
    pub(crate) credential: Credential,
    /// Its scopes: those of the key, or the part that a token grants.
    pub(crate) scopes: Held,
    /// The token that acts for the key, if there is one.
    pub(crate) token: Option<Bearer>,
}

/// What must stay valid beside the secret key that a token acts for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bearer {
    /// The public key of the pair that obtained the token.
    pub(super) public_key: KeyId,
    /// When the token ends.
    pub(super) ends_at: Timestamp,
}

/// Scopes of a credential. Those of a key are shared with it, not copied.
#[derive(Clone, Debug)]
pub(crate) enum Held {
    /// The key's own scopes.
    OfKey(Arc<PackedKey>),
    /// The part of them that a token grants.
    OfToken(ScopeSet),
}

impl Held {
    pub(crate) fn as_scopes(&self) -> Scopes<'_> {
        match self {
            Self::OfKey(key) => key.scopes(),
            Self::OfToken(scopes) => scopes.as_scopes(),
        }
    }
}
