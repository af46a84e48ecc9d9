//! How a page is rendered and sent: its policy, its media type.
//!
//! Knows no page, and never lets one load anything from another host.

use askama::Template;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, header};

use crate::http::problem::{Code, Problem};

/// For pages of text alone. Their icon is an empty one, inlined in the page.
pub(super) const TEXT_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; \
                           form-action 'none'; frame-ancestors 'none'";

pub(super) fn page(template: &impl Template) -> Result<Bytes, Problem> {
    let html = template.render().map_err(|error| Problem::new(Code::Internal).because(error))?;
    Ok(html.into())
}

pub(super) fn html(page: Bytes, policy: &'static str) -> Response {
    let policy = (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    // Do not reveal the addresses of links and their origins to other hosts.
    let no_referrer = (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    (typed("text/html; charset=utf-8"), [policy, no_referrer], page).into_response()
}

/// Sets the media type, and forbids browsers to guess it.
pub(super) fn typed(kind: &'static str) -> [(HeaderName, HeaderValue); 2] {
    [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ]
}
