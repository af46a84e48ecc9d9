//! `/v1/auth` from memory.

use std::net::SocketAddr;

use axum::{body::Body, response::Response};
use http::{Method, Request, StatusCode};

use super::{FastRequest, Shared};
use crate::http::{
    observe::{Calling, Object, RequestMetrics},
    v1::auth::{self, AuthPath, Begun, Required, presented},
};

/// Metrics for each path, by its number, and for each method that gateways use.
pub(super) type Metrics = [Vec<(Method, RequestMetrics)>; AuthPath::ALL.len()];

pub(super) fn metrics() -> Metrics {
    let methods =
        [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS];
    AuthPath::ALL.map(|path| {
        let metrics =
            |method: &Method| (method.clone(), RequestMetrics::new(method, path.route(), StatusCode::NO_CONTENT));
        methods.iter().map(metrics).collect()
    })
}

/// The answer, if memory grants the request; else what was found out about it.
pub(super) fn answer<B>(
    shared: &Shared,
    peer: Option<SocketAddr>,
    path: AuthPath,
    request: &Request<B>,
) -> Result<Response, Option<Box<Begun>>> {
    let arrival = shared.access.verifier().arrival();
    let metrics = shared.auth.get(path.number()).and_then(|paths| paths.iter().find(|(it, _)| it == request.method()));
    let (_, metrics) = metrics.ok_or(None)?;
    let Ok(Some(credential)) = presented(request.headers(), shared.options.gateway.credential) else {
        return Err(None);
    };
    let required = Required::read(path, request.uri().query(), request.headers()).map_err(|_| None)?;
    let authorized = Begun::of(&shared.access, &arrival, credential, required).map_err(Some)?;
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    *response.headers_mut() = auth::headers(&authorized);
    let asked = FastRequest { method: request.method(), route: path.route(), headers: request.headers(), peer };
    let found = || {
        let key = authorized.key();
        (Some(Calling::new(key, authorized.mid().clone())), Some(Object::Key(key)))
    };
    Ok(shared.finish(response, &asked, metrics, &arrival, found))
}
