//! The shared parts of the document: the service, its tags, and its authentication.

use keyward_domain::Permission;
use utoipa::openapi::{
    ContactBuilder, Info, InfoBuilder, LicenseBuilder, Tag,
    security::{
        ApiKey, ApiKeyValue, ClientCredentials, Flow, HttpAuthScheme, HttpBuilder, OAuth2, Scopes, SecurityScheme,
    },
    tag::TagBuilder,
};

/// Names of security schemes.
pub(super) const BEARER: &str = "bearer";
pub(super) const API_KEY: &str = "apiKey";
pub(super) const OAUTH: &str = "oauth2";

pub(super) fn info(public_url: &str) -> Info {
    InfoBuilder::new()
        .title("Keyward")
        .version("1")
        .description(Some(
            "Issues, lists, revokes and verifies the API keys of a platform's merchants. Clients must accept unknown \
             fields and answers of any size. A field of a body whose name differs from a known one only in case, `_`, \
             `-` or a trailing `[]` is that field; an unknown name in a query is refused. Times are RFC 3339 in UTC \
             with three digits of a second. Every request may carry `X-Request-Id` (1 to 64 of `A-Z a-z 0-9 . _ -`), \
             which the answer repeats, and `traceparent` (W3C Trace Context).",
        ))
        .contact(Some(
            ContactBuilder::new()
                .name(Some("The operator of this service"))
                .url(Some(format!("{public_url}/docs")))
                .build(),
        ))
        .license(Some(LicenseBuilder::new().name("MIT OR Apache-2.0").identifier(Some("MIT OR Apache-2.0")).build()))
        .build()
}

pub(super) fn tags() -> Vec<Tag> {
    [
        ("API keys", "Create, list, show and revoke keys, one by one or in pairs."),
        ("Merchants", "The accounts below the caller: register, list, suspend, resume and close them."),
        ("Verification", "Whether a key or token is good, and for what: asked by services and by gateways."),
        ("Tokens", "Short-lived access tokens for a pair of keys."),
        ("Service", "What anybody may read: health, token-signing keys and OAuth metadata."),
    ]
    .map(|(name, description)| TagBuilder::new().name(name).description(Some(description)).build())
    .into()
}

pub(super) fn security_schemes(public_url: &str) -> [(&'static str, SecurityScheme); 3] {
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("An access token, or the value of a secret key."))
        .build();
    let in_header = "The value of a key, or an access token: read by the call for gateways alone.";
    let scopes: Scopes = Permission::ALL
        .map(|permission| (permission.scope().to_owned(), allows(permission).to_owned()))
        .into_iter()
        .collect();
    let flow = Flow::ClientCredentials(ClientCredentials::new(format!("{public_url}/v1/oauth2/token"), scopes));
    let oauth = "Client credentials (RFC 6749): `client_id` is a public key, `client_secret` a secret key of the same \
                 account. Keys may hold further scopes, which are the platform's own.";
    [
        (BEARER, SecurityScheme::Http(bearer)),
        (API_KEY, SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::with_description("X-Api-Key", in_header)))),
        (OAUTH, SecurityScheme::OAuth2(OAuth2::with_description([flow], oauth))),
    ]
}

const fn allows(permission: Permission) -> &'static str {
    match permission {
        Permission::WriteKeys => "Create, change, suspend, resume and revoke keys and pairs.",
        Permission::ReadKeys => "Get and list keys, ask whether a revocation is enforced.",
        Permission::VerifyKeys => "Verify keys.",
        Permission::ReadMerchants => "List and get merchants.",
        Permission::WriteMerchants => "Register, suspend, resume and close merchants, and set their policies.",
    }
}
