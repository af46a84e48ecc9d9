//! `/v1/auth` from memory.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    body::Body,
    response::{IntoResponse as _, Response},
};
use http::{HeaderValue, Method, Request, StatusCode, header};
use http_body::Body as _;

use super::shared::{Answering, AuthMetrics, FastRequest, Shared};
use crate::http::{
    advice,
    observe::{Arriving, Observed, RequestMetrics},
    request_facts::{Calling, Object},
    v1::auth::{self, Begun, Refused, Required, path::AuthPath, presented},
};

pub(super) fn metrics() -> AuthMetrics {
    let methods =
        [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS];
    AuthPath::ALL.map(|path| {
        let metrics =
            |method: &Method| (method.clone(), RequestMetrics::new(method, path.route(), StatusCode::NO_CONTENT));
        methods.iter().map(metrics).collect()
    })
}

/// The answer, if memory knows it; else what was found out.
pub(super) fn answer<B>(
    shared: &Arc<Shared>,
    peer: Option<SocketAddr>,
    path: AuthPath,
    request: &Request<B>,
) -> Result<Answering, Option<Box<Begun>>> {
    let arrival = shared.access.verifier().arrival();
    let (method, headers) = (request.method(), request.headers());
    let metrics = shared.auth.get(path.number()).and_then(|paths| paths.iter().find(|(it, _)| it == method));
    let (_, metrics) = metrics.ok_or(None)?;
    let Ok(Some(credential)) = presented(headers, shared.options.gateway.credential) else { return Err(None) };
    let required = Required::read(path, request.uri().query(), headers).map_err(|_| None)?;
    let authorized = match Begun::of(&shared.access, &arrival, credential, required) {
        Ok(authorized) => authorized,
        Err(begun) => {
            let refused = begun.refused().map_err(Some)?;
            let line = Arriving { method, route: path.route(), headers, peer: peer.map(|peer| peer.ip()) };
            return Ok(refuse(shared, &line, path, credential, refused));
        }
    };
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    *response.headers_mut() = auth::headers(&authorized);
    let fast = FastRequest { method, route: path.route(), headers, peer };
    let found = || {
        let key = authorized.key();
        (Some(Calling::new(key, authorized.mid().clone())), Some(Object::Key(key)))
    };
    Ok(Answering::Now(Some(shared.observe(response, &fast, metrics, &arrival, found))))
}

/// The refusal of a credential by what memory knows, observed like every refusal of the router.
#[cold]
fn refuse(shared: &Arc<Shared>, line: &Arriving<'_>, path: AuthPath, credential: &str, refused: Refused) -> Answering {
    let (observed, shared) = (Observed::begin(&shared.access, &shared.options, line), Arc::clone(shared));
    observed.facts.is_about_value(credential, shared.access.settings().environment);
    let problem = refused.explain(&shared.access, &observed.facts, credential);
    let problem = advice::at_gateway(problem, line.headers, shared.options.gateway.credential, path.key_type);
    let (response, is_head) = (problem.into_response(), line.method == Method::HEAD);
    Answering::Later(Box::pin(async move {
        let response = observed.complete(&shared.access, &shared.strangers, response).await;
        Ok(if is_head { without_body(response) } else { response })
    }))
}

/// The answer to a HEAD request: the headers of the whole answer, as the router gives them.
fn without_body(response: Response) -> Response {
    let length = response.body().size_hint().exact();
    let (mut parts, _) = response.into_parts();
    parts.headers.extend(length.map(|length| (header::CONTENT_LENGTH, HeaderValue::from(length))));
    Response::from_parts(parts, Body::empty())
}
