//! Reads the body of a request into its struct: from JSON or `multipart/form-data`, as the call accepts.
//!
//! Checks size before type before content (contract, section 1): 413, 415, 400. Reads no more than the limit.

use axum::{
    extract::{FromRequest, Multipart, Request},
    response::IntoResponse as _,
};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::de::DeserializeOwned;

use super::{
    even_time::Arrived,
    fields::{Fields, Form, parse_object},
    given,
    options::HttpOptions,
    problem::{Code, Problem},
    state::AppState,
};

/// Maximum number of parts of a form.
const MAX_PARTS: usize = 256;

/// Media type of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MediaType {
    Json,
    MergePatch,
    Multipart,
    UrlEncoded,
    Other,
}

/// The `Content-Type` of a request. A header that is not text counts as another type.
fn content_type(headers: &HeaderMap) -> &str {
    headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// Whether a content type names no charset except UTF-8, the only one that is read, or ASCII, a part of it.
fn is_utf8(content_type: &str) -> bool {
    content_type.split(';').skip(1).filter_map(|parameter| parameter.split_once('=')).all(|(name, value)| {
        let value = value.trim().trim_matches('"');
        !name.trim().eq_ignore_ascii_case("charset")
            || ["utf-8", "utf8", "us-ascii"].iter().any(|known| value.eq_ignore_ascii_case(known))
    })
}

impl MediaType {
    fn of(content_type: &str) -> Self {
        let essence = content_type.split(';').next().unwrap_or_default().trim();
        match essence.to_ascii_lowercase().as_str() {
            "application/json" => Self::Json,
            "application/merge-patch+json" => Self::MergePatch,
            "multipart/form-data" => Self::Multipart,
            "application/x-www-form-urlencoded" => Self::UrlEncoded,
            _ => Self::Other,
        }
    }
}

/// A JSON or multipart body.
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<AppState> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, Problem> {
        let accepted = [MediaType::Json, MediaType::Multipart];
        let (media_type, headers, bytes) = read(request, &state.options, usize::MAX, &accepted).await?;
        let fields = match media_type {
            MediaType::Multipart => multipart(headers, bytes).await?,
            MediaType::Json | MediaType::MergePatch | MediaType::UrlEncoded | MediaType::Other => {
                Fields::json(parse_object(&bytes)?)
            }
        };
        Ok(Self(given::read(fields)?))
    }
}

/// A JSON body.
pub(super) struct JsonBody<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<AppState> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, Problem> {
        let (_, _, bytes) = read(request, &state.options, usize::MAX, &[MediaType::Json]).await?;
        Ok(Self(given::read(Fields::json(parse_object(&bytes)?))?))
    }
}

/// A merge patch (RFC 7396), as its own media type or as JSON. Its struct denies unknown members.
pub(super) struct PatchBody<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<AppState> for PatchBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, Problem> {
        let accepted = [MediaType::MergePatch, MediaType::Json];
        let (_, _, bytes) = read(request, &state.options, usize::MAX, &accepted).await?;
        Ok(Self(given::read(Fields::json(parse_object(&bytes)?)).map_err(given::Error::of_strict_body)?))
    }
}

/// A JSON body whose struct denies unknown members.
pub(super) struct StrictBody<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<AppState> for StrictBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, Problem> {
        let (_, _, bytes) = read(request, &state.options, usize::MAX, &[MediaType::Json]).await?;
        Ok(Self(given::read(Fields::json(parse_object(&bytes)?)).map_err(given::Error::of_strict_body)?))
    }
}

/// Reads a whole body of one of these types, up to this size or that of the options, whichever is smaller.
pub(super) async fn read(
    request: Request,
    options: &HttpOptions,
    at_most: usize,
    accepted: &[MediaType],
) -> Result<(MediaType, HeaderMap, Bytes), Problem> {
    let limit = options.max_body_bytes.min(at_most);
    let too_large =
        || Problem::new(Code::BodyTooLarge).detail(format!("The body must not have more than {limit} bytes."));
    let (parts, body) = request.into_parts();
    let announced = parts.headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if announced.is_some_and(|announced: u64| announced > limit as u64) {
        return Err(too_large());
    }
    let media_type = MediaType::of(content_type(&parts.headers));
    if !accepted.contains(&media_type) {
        return Err(
            Problem::new(Code::UnsupportedMediaType).detail(format!("Content-Type must be {}.", listed(accepted)))
        );
    }
    if !is_utf8(content_type(&parts.headers)) {
        return Err(Problem::new(Code::UnsupportedMediaType).detail(
            "The body must be UTF-8, and Content-Type must name no other charset: leave charset out, or send \
             charset=utf-8.",
        ));
    }
    match tokio::time::timeout(options.body_read_timeout, Limited::new(body, limit).collect()).await {
        Ok(Ok(body)) => {
            Arrived::is_whole(&parts.extensions);
            Ok((media_type, parts.headers, body.to_bytes()))
        }
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(_)) => Err(Problem::invalid("body", "must arrive whole")),
        Err(_) => Err(Problem::invalid("body", format!("must arrive within {:?}", options.body_read_timeout))),
    }
}

fn listed(accepted: &[MediaType]) -> String {
    let names = accepted.iter().map(|media_type| match media_type {
        MediaType::Json => "application/json",
        MediaType::MergePatch => "application/merge-patch+json",
        MediaType::Multipart => "multipart/form-data",
        MediaType::UrlEncoded => "application/x-www-form-urlencoded",
        MediaType::Other => "another type",
    });
    names.collect::<Vec<_>>().join(" or ")
}

async fn multipart(headers: HeaderMap, bytes: Bytes) -> Result<Fields, Problem> {
    let malformed = || Problem::invalid("body", "must be well-formed multipart/form-data with a boundary");
    let mut request = Request::new(axum::body::Body::from(bytes));
    *request.headers_mut() = headers;
    let mut parts = Multipart::from_request(request, &()).await.map_err(|_| malformed())?;
    let mut form = Form::default();
    let mut count = 0;
    while let Some(part) = parts.next_field().await.map_err(|_| malformed())? {
        count += 1;
        if count > MAX_PARTS {
            return Err(Problem::invalid("body", format!("must not have more than {MAX_PARTS} parts")));
        }
        let name = part.name().ok_or_else(malformed)?.to_owned();
        if !is_utf8(part.content_type().unwrap_or_default()) {
            return Err(Problem::invalid(&name, "must be UTF-8"));
        }
        let bytes = part.bytes().await.map_err(|error| match error.into_response().status() {
            StatusCode::PAYLOAD_TOO_LARGE => Problem::new(Code::BodyTooLarge),
            _ => malformed(),
        })?;
        match String::from_utf8(bytes.into()) {
            Ok(text) => form.add(name, text),
            Err(_) => return Err(Problem::invalid(&name, "must be UTF-8")),
        }
    }
    Ok(Fields::form(form))
}

#[cfg(test)]
mod tests {
    //! Content types, and the parts of a form.
    use http::HeaderValue;

    use super::*;
    use crate::http::given::testing::errors;

    #[test]
    fn a_content_type_may_carry_parameters_and_any_case() {
        for (content_type, media_type, utf8) in [
            ("application/json", MediaType::Json, true),
            ("Application/JSON", MediaType::Json, true),
            ("application/json; charset=utf-8", MediaType::Json, true),
            ("application/json;CharSet=\"UTF-8\"", MediaType::Json, true),
            ("application/json; profile=x; charset = us-ascii", MediaType::Json, true),
            ("application/json; charset=utf-16", MediaType::Json, false),
            ("application/json; charset=utf-8; charset=latin1", MediaType::Json, false),
            ("application/json; charset=", MediaType::Json, false),
            ("multipart/form-data; boundary=x", MediaType::Multipart, true),
            ("application/x-www-form-urlencoded", MediaType::UrlEncoded, true),
            ("application/jsonx", MediaType::Other, true),
            ("application/merge-patch+json", MediaType::MergePatch, true),
            ("text/plain", MediaType::Other, true),
            ("", MediaType::Other, true),
        ] {
            assert_eq!((MediaType::of(content_type), is_utf8(content_type)), (media_type, utf8), "{content_type}");
        }
    }

    /// Reads a form with this boundary. Returns the errors.
    async fn form(boundary: &str, body: impl Into<Bytes>) -> Vec<String> {
        let content_type = HeaderValue::from_str(&format!("multipart/form-data{boundary}")).unwrap();
        errors(multipart(HeaderMap::from_iter([(header::CONTENT_TYPE, content_type)]), body.into()).await)
    }

    fn part(disposition: &str, content_type: &str, value: &str) -> String {
        format!("--x\r\nContent-Disposition: form-data{disposition}{content_type}\r\n\r\n{value}\r\n")
    }

    #[tokio::test]
    async fn a_malformed_form_is_refused() {
        let whole = part("; name=\"mid\"", "", "shop") + "--x--\r\n";
        assert_eq!(form("; boundary=x", whole.clone()).await, [""; 0]);
        for (boundary, body) in [
            ("", whole.clone()),
            ("; boundary=another", whole.clone()),
            ("; boundary=x", whole[..whole.len() / 2].to_owned()),
            ("; boundary=x", part("", "", "shop") + "--x--\r\n"),
            ("; boundary=x", String::new()),
        ] {
            let errors = form(boundary, body.clone()).await;
            assert_eq!(errors, ["body must be well-formed multipart/form-data with a boundary"], "{body}");
        }
    }

    #[tokio::test]
    async fn a_part_of_a_form_is_utf8_or_refused() {
        for (content_type, is_read) in [
            ("", true),
            ("\r\nContent-Type: text/plain", true),
            ("\r\nContent-Type: text/plain; charset=utf-8", true),
            ("\r\nContent-Type: text/plain; charset=utf-16", false),
        ] {
            let errors = form("; boundary=x", part("; name=\"mid\"", content_type, "x") + "--x--\r\n").await;
            assert_eq!(errors.is_empty(), is_read, "{content_type}");
            assert!(is_read || errors == ["mid must be UTF-8"], "{errors:?}");
        }
        let mut binary = (part("; name=\"mid\"", "", "?") + "--x--\r\n").into_bytes();
        let place = binary.iter().position(|byte| *byte == b'?').unwrap();
        binary[place] = 0xff;
        assert_eq!(form("; boundary=x", binary).await, ["mid must be UTF-8"]);
    }

    #[tokio::test]
    async fn a_form_has_a_maximum_number_of_parts() {
        let parts = |count| part("; name=\"mid\"", "", "x").repeat(count) + "--x--\r\n";
        assert_eq!(form("; boundary=x", parts(MAX_PARTS)).await, [""; 0]);
        assert_eq!(form("; boundary=x", parts(MAX_PARTS + 1)).await, ["body must not have more than 256 parts"]);
    }
}
