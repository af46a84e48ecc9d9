//! `POST /v1/oauth2/token`: issues tokens for a pair of keys, in two dialects (contract, section 2).
//!
//! JSON is the platform's own dialect; a form is RFC 6749. The content type decides.

use std::sync::Arc;

use axum::{
    extract::{FromRequestParts as _, Request, State},
    response::Response,
};

use keyward_domain::Denial;

use crate::http::{
    authorization::Authorization,
    body::{MediaType, read},
    caller::refused,
    context,
    fields::{Fields, parse_object},
    problem::Problem,
    query::NoQuery,
    request_facts::RequestFacts,
    state::AppState,
};

mod platform;
mod rfc6749;

/// The client is not yet authenticated, and valid requests are short.
const MAX_BODY_BYTES: usize = 16 * 1024;

/// Obtain or refresh tokens.
///
/// With `AppKey` and `AppSecret`, or with a `refreshToken`, names in any case.
///
/// The same path speaks RFC 6749: to a form (`application/x-www-form-urlencoded`) with `grant_type`
/// (`client_credentials`, or `refresh_token` and the `refresh_token`), the client (`client_id` and `client_secret`, or
/// Basic authentication) and perhaps a `scope` it answers `access_token`, `token_type`, `expires_in`, `scope` and, to a
/// refresh token, the next `refresh_token`. It then fails with `error` and `error_description` as `application/json`.
#[utoipa::path(
    post, path = "/v1/oauth2/token", tag = "Tokens", operation_id = "obtain_tokens",
    request_body = platform::TokenRequest,
    responses((status = 200, description = "Tokens.", body = platform::TokenView)),
)]
pub(in crate::http) async fn token(State(state): State<AppState>, request: Request) -> Result<Response, Problem> {
    let (mut parts, body) = request.into_parts();
    let query = NoQuery::from_request_parts(&mut parts, &state).await;
    let source = context::source(&parts.headers, &parts.extensions, &state.options.trusted_proxies);
    let facts = RequestFacts::of(&parts.extensions);
    let client = rfc6749::Client::of(&parts.headers);
    let several = Authorization::of(&parts.headers) == Authorization::Several;
    let request = Request::from_parts(parts, body);
    let (media_type, _, bytes) =
        read(request, &state.options, MAX_BODY_BYTES, &[MediaType::Json, MediaType::UrlEncoded]).await?;
    let access = Arc::clone(&state.access);
    match media_type {
        MediaType::UrlEncoded if query.is_err() => Ok(rfc6749::no_query()),
        MediaType::UrlEncoded => Ok(rfc6749::answer(&access, client, &bytes, source, &facts).await),
        // This dialect does not use the header, but two of them are always a mistake.
        MediaType::Json | MediaType::MergePatch | MediaType::Multipart | MediaType::Other if several => {
            let problem = refused(Denial::NotFound).by_basic();
            Err(problem.detail("More than one Authorization header was sent: send none with a JSON body."))
        }
        MediaType::Json | MediaType::MergePatch | MediaType::Multipart | MediaType::Other => {
            query?;
            platform::answer(&access, Fields::json(parse_object(&bytes)?), source, &facts).await
        }
    }
}
