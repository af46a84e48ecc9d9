//! `/v1/auth` from memory.

use axum::{body::Body, response::Response};
use http::{Method, Request, StatusCode};
use keyward_domain::Conditions;

use super::Shared;
use crate::{
    app::authorize::authorize_at_once,
    http::{finish::Meter, query::Query, v1::auth},
};

/// One for each method that gateways use.
pub(super) type Meters = Vec<(Method, Meter)>;

pub(super) fn meters() -> Meters {
    let methods =
        [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS];
    methods
        .into_iter()
        .map(|method| (method.clone(), Meter::new(&method, "/v1/auth", StatusCode::NO_CONTENT)))
        .collect()
}

/// The answer, if memory gives it and it is yes.
pub(super) fn answer<B>(shared: &Shared, request: &Request<B>) -> Option<Response> {
    let arrival = shared.app.verifier().arrival();
    let (_, meter) = shared.auth.iter().find(|(method, _)| method == request.method())?;
    let credential = auth::credential(request.headers()).ok()??;
    let conditions = match request.uri().query() {
        None => Conditions::default(),
        Some(query) => auth::read(Query::read(query).ok()?).ok()?,
    };
    let authorized = authorize_at_once(&shared.app, &arrival, credential, &conditions)?;
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    *response.headers_mut() = auth::headers(&authorized);
    Some(shared.finish(response, request.headers(), meter, &arrival))
}
