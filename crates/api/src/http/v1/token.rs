//! `POST /v1/oauth2/token`: tokens for a pair of keys, in two dialects (contract, section 2).
//!
//! JSON is the platform's own; a form is RFC 6749. The body's type says which.

use std::sync::Arc;

use axum::{
    extract::{FromRequestParts as _, Request, State},
    response::Response,
};

use keyward_domain::Denial;

use super::Problems;
use crate::http::{
    AppState,
    authorization::Authorization,
    body::{MediaType, read},
    caller::refused,
    context,
    fields::{Fields, parse_object},
    finish::Noted,
    problem::Problem,
    query::NoQuery,
};

mod platform;
pub(in crate::http) mod rfc6749;

/// Nobody has proved anything yet here, and nothing that is asked for is long.
const MAX_BODY_BYTES: usize = 16 * 1024;

/// Obtain or refresh tokens.
///
/// With `AppKey` and `AppSecret`, or with a `refreshToken`, names in any case. The same path speaks RFC 6749
/// (`client_credentials` and `refresh_token`) and then answers, and fails, in its form.
#[utoipa::path(
    post, path = "/v1/oauth2/token", tag = "Tokens", security(()),
    request_body(content(
        (platform::TokenRequest = "application/json"),
        (rfc6749::TokenRequest = "application/x-www-form-urlencoded"),
    )),
    responses(
        (status = 200, description = "Tokens, in the dialect of the request.", body = TokenAnswer),
        Problems,
    ),
)]
pub(in crate::http) async fn token(State(state): State<AppState>, request: Request) -> Result<Response, Problem> {
    let (mut parts, body) = request.into_parts();
    let query = NoQuery::from_request_parts(&mut parts, &state).await;
    let source = context::source(&parts.headers, &parts.extensions, &state.options.trusted_proxies);
    let noted = Noted::of(&parts.extensions);
    let client = rfc6749::Client::of(&parts.headers);
    let several = Authorization::of(&parts.headers) == Authorization::Several;
    let request = Request::from_parts(parts, body);
    let (media_type, _, bytes) =
        read(request, &state.options, MAX_BODY_BYTES, &[MediaType::Json, MediaType::UrlEncoded]).await?;
    let app = Arc::clone(&state.app);
    match media_type {
        MediaType::UrlEncoded if query.is_err() => Ok(rfc6749::no_query()),
        MediaType::UrlEncoded => Ok(rfc6749::answer(&app, client, &bytes, source, &noted).await),
        // This dialect has no use for the header, but two of them are never sent by intent.
        MediaType::Json | MediaType::Multipart | MediaType::Other if several => Err(refused(Denial::NotFound)),
        MediaType::Json | MediaType::Multipart | MediaType::Other => {
            query?;
            platform::answer(&app, Fields::json(parse_object(&bytes)?), source, &noted).await
        }
    }
}

/// The answer, in the dialect of the request.
#[derive(utoipa::ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "describes in the document what two dialects answer")]
pub(in crate::http) enum TokenAnswer {
    #[schema(title = "To JSON")]
    Platform(platform::TokenView),
    #[schema(title = "To a form")]
    Rfc6749(rfc6749::TokenView),
}
