//! Public documents: the token-signing keys, the OAuth metadata (RFC 8414), the OpenAPI document (contract, section 9).

use std::sync::Arc;

use axum::{Json, Router, extract::State, response::IntoResponse, routing::get};
use http::{HeaderName, HeaderValue, header};
use keyward_app::{Access, access::tokens::Jwk};
use keyward_domain::Permission;
use serde::Serialize;
use utoipa::ToSchema;

use super::state::AppState;

/// Pages of every origin may read it, and store it for less than the ten minutes for which a key is published before it
/// signs.
const FOR_EVERYONE: [(HeaderName, HeaderValue); 2] = [
    (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300")),
    (header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*")),
];

const METADATA: &str = "/.well-known/oauth-authorization-server";

/// The path of the issuer follows the well-known part (RFC 8414, section 3.1). A proxy that hides that path from this
/// service requests it without.
pub(super) fn router(path_prefix: &str) -> Router<AppState> {
    let router = Router::new()
        .route("/.well-known/jwks.json", get(jwks))
        .route(METADATA, get(metadata))
        .route("/openapi.json", get(openapi));
    if path_prefix.is_empty() { router } else { router.route(&format!("{METADATA}{path_prefix}"), get(metadata)) }
}

/// Keys that sign access tokens (RFC 7517).
#[derive(Serialize, ToSchema)]
struct JwkSet {
    /// Those whose tokens may still be good, and the next one.
    keys: Vec<JwkView>,
}

/// One public key of the set (RFC 7517, RFC 8037).
#[derive(Serialize, ToSchema)]
#[schema(as = Jwk)]
struct JwkView {
    /// Key type: `OKP`.
    kty: &'static str,
    /// Curve: `Ed25519`.
    crv: &'static str,
    /// Algorithm: `EdDSA`.
    alg: &'static str,
    /// Use: `sig`.
    #[serde(rename = "use")]
    key_use: &'static str,
    /// Its RFC 7638 thumbprint.
    kid: String,
    /// The public key, base64url.
    x: String,
}

impl From<Jwk> for JwkView {
    fn from(Jwk { kty, crv, alg, key_use, kid, x }: Jwk) -> Self {
        Self { kty, crv, alg, key_use, kid, x }
    }
}

/// Get the keys that sign access tokens.
///
/// To check tokens without asking this service. A key is published ten minutes before it signs.
#[utoipa::path(
    get, path = "/.well-known/jwks.json", tag = "Service", operation_id = "get_signing_keys",
    responses((status = 200, description = "The public keys.", body = JwkSet, headers(
        ("Cache-Control" = String, description = "For how long a copy may be kept."),
        ("Access-Control-Allow-Origin" = String, description = "Pages of every origin may read it."),
    ))),
)]
pub(super) async fn jwks(State(access): State<Arc<Access>>) -> impl IntoResponse {
    access.follow_history().await;
    let keys = access.access_tokens().keys().jwks(access.now().recorded()).into_iter().map(JwkView::from).collect();
    (FOR_EVERYONE, Json(JwkSet { keys }))
}

/// OAuth metadata (RFC 8414).
#[derive(Serialize, ToSchema)]
#[schema(as = OAuthMetadata)]
struct Metadata {
    issuer: String,
    token_endpoint: String,
    jwks_uri: String,
    scopes_supported: Vec<&'static str>,
    #[schema(value_type = Vec<String>)]
    response_types_supported: [&'static str; 0],
    #[schema(value_type = Vec<String>)]
    grant_types_supported: [&'static str; 2],
    #[schema(value_type = Vec<String>)]
    token_endpoint_auth_methods_supported: [&'static str; 2],
    service_documentation: String,
}

/// Get the OAuth metadata.
///
/// RFC 8414: where OAuth client libraries find the token endpoint and the keys.
#[utoipa::path(
    get, path = "/.well-known/oauth-authorization-server", tag = "Service", operation_id = "get_oauth_metadata",
    responses((status = 200, description = "The metadata.", body = Metadata, headers(
        ("Cache-Control" = String, description = "For how long a copy may be kept."),
        ("Access-Control-Allow-Origin" = String, description = "Pages of every origin may read it."),
    ))),
)]
pub(super) async fn metadata(State(access): State<Arc<Access>>) -> impl IntoResponse {
    let url = &access.settings().public_url;
    let metadata = Metadata {
        issuer: access.settings().issuer.clone(),
        token_endpoint: format!("{url}/v1/oauth2/token"),
        jwks_uri: format!("{url}/.well-known/jwks.json"),
        scopes_supported: Permission::ALL.map(Permission::scope).to_vec(),
        response_types_supported: [],
        grant_types_supported: ["client_credentials", "refresh_token"],
        token_endpoint_auth_methods_supported: ["client_secret_basic", "client_secret_post"],
        service_documentation: format!("{url}/docs"),
    };
    (FOR_EVERYONE, Json(metadata))
}

async fn openapi(State(state): State<AppState>) -> impl IntoResponse {
    let json = (header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let [_, every_origin] = FOR_EVERYONE;
    ([json, every_origin], state.pages.document.clone())
}
