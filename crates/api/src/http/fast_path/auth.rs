//! `/v1/auth` from memory.

use std::net::SocketAddr;

use axum::{body::Body, response::Response};
use http::{Method, Request, StatusCode};
use keyward_app::access::authorize::authorize_from_memory;

use super::{FastRequest, Shared};
use crate::http::{
    observe::{Calling, Object, RequestMetrics},
    v1::auth::{self, AuthPath, Required, presented},
};

/// Metrics for each path, by its number, and for each method that gateways use.
pub(super) type Meters = [Vec<(Method, RequestMetrics)>; AuthPath::ALL.len()];

pub(super) fn meters() -> Meters {
    let methods =
        [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS];
    AuthPath::ALL.map(|path| {
        let meter =
            |method: &Method| (method.clone(), RequestMetrics::new(method, path.route(), StatusCode::NO_CONTENT));
        methods.iter().map(meter).collect()
    })
}

/// The answer, if memory grants the request.
pub(super) fn answer<B>(
    shared: &Shared,
    peer: Option<SocketAddr>,
    path: AuthPath,
    request: &Request<B>,
) -> Option<Response> {
    let arrival = shared.access.verifier().arrival();
    let (_, meter) = shared.auth.get(path.number())?.iter().find(|(method, _)| method == request.method())?;
    let credential = presented(request.headers(), shared.options.gateway.credential).ok()??;
    let required = Required::read(path, request.uri().query(), request.headers()).ok()?;
    if !required.is_meetable() {
        return None;
    }
    let authorized = authorize_from_memory(&shared.access, &arrival, credential, &required.conditions)?;
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    *response.headers_mut() = auth::headers(&authorized);
    let asked = FastRequest { method: request.method(), route: path.route(), headers: request.headers(), peer };
    let found = || {
        let key = authorized.key();
        (Some(Calling::new(key, authorized.mid().clone())), Object::Key(key))
    };
    Some(shared.finish(response, &asked, meter, &arrival, found))
}
