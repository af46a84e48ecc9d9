//! Settings for the gateways in front: which header holds the credential of a request that they forward.
//!
//! Never reads a request: `v1/auth` does.

use http::HeaderName;

/// The header with a credential beside `Authorization`.
pub(super) const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// Settings for the gateways in front.
#[derive(Clone, Copy, Debug, Default)]
pub struct Gateway {
    /// Which header holds the credential of a request.
    pub credential: CredentialHeader,
    /// Whether a CORS preflight passes, which never has a credential.
    pub allow_preflight: bool,
}

/// Which header may hold the credential of a request at a gateway. The other header belongs to the application behind
/// the gateway, and is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum CredentialHeader {
    /// `Authorization` or `X-Api-Key`; both, if they are equal.
    #[default]
    Either,
    /// `Authorization` only.
    Authorization,
    /// `X-Api-Key` only.
    XApiKey,
}
