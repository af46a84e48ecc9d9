//! `GET /v1/me`: the calling key and its account (contract, section 15).

use std::sync::Arc;

use axum::{extract::State, response::Response};
use keyward_app::{Manage, manage::read_me::read_me};
use keyward_domain::Denial;

use super::no_store;
use crate::http::{
    caller::{AnyScope, Caller, not_good},
    problem::Problem,
    query::NoQuery,
    request_facts::{Object, RequestFacts},
    views::MeView,
};

/// Get the calling key.
///
/// The key that calls, or whose token calls, its account, and what this credential may do. It needs no scope.
#[utoipa::path(
    get, path = "/v1/me", tag = "API keys",
    responses((status = 200, description = "The calling key.", body = MeView)),
)]
pub(in crate::http) async fn get_me(
    caller: Caller<AnyScope>,
    State(manage): State<Arc<Manage>>,
    facts: RequestFacts,
    _: NoQuery,
) -> Result<Response, Problem> {
    // A key that was authenticated exists, unless its row was deleted by hand meanwhile.
    let me = read_me(&manage, &caller.0).await?.ok_or_else(|| not_good(Denial::NotFound))?;
    facts.is_about(Object::Key(me.key.key.id()));
    Ok(no_store(MeView::new(&me, manage.access().now())))
}
