//! The service over HTTP: routes, and the layers around every request.
//!
//! Handlers are thin: extractors parse, one use case decides, a view or a [`Problem`] answers. Nothing here knows SQL.
//! Every answer, from the fast path or a handler, passes through `observe`.

use std::sync::Arc;

use axum::{
    Router,
    middleware::from_fn_with_state,
    response::{IntoResponse as _, Response},
    routing::any,
};
use keyward_app::Manage;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa_axum::{router::OpenApiRouter, routes};

mod advice;
mod authorization;
mod body;
mod caller;
mod carried;
mod context;
mod cursor;
mod docs;
mod etag;
mod even_time;
mod fast_path;
mod fields;
mod gateway;
mod given;
mod health;
mod json_writer;
mod no_route;
mod observe;
pub mod openapi;
mod options;
mod places;
pub mod problem;
mod query;
mod request_facts;
mod state;
mod strangers;
mod time_budget;
mod until_sent;
mod v1;
mod views;
mod well_known;
mod words;

use docs::pages::Pages;
pub use fast_path::{Answering, Entrance};
pub use gateway::{CredentialHeader, Gateway};
pub use options::{HttpOptions, Readiness};
use places::{Places, Room};
use problem::{Code, Problem};
use state::AppState;
use strangers::Strangers;
use time_budget::{TimeBudgets, limit_time};
pub use until_sent::UntilSent;

/// Builds the service for a listener. Serve it [for each connection](Entrance::for_connection), so that limits know the
/// source of a request.
#[must_use]
pub fn entrance(manage: Arc<Manage>, options: HttpOptions) -> Entrance {
    // Before everything else, so that a verification from memory pays for nothing else.
    let options = Arc::new(options);
    let places = KINDS.map(|kind| (kind, Places::new(options.max_concurrent_requests)));
    let access = Arc::clone(manage.access());
    let strangers = Arc::<Strangers>::default();
    let usual = router(manage, Arc::clone(&options), &strangers, &places);
    Entrance::new(access, usual, options, strangers, places)
}

/// The kinds of requests with places of their own, in the order of [`kinds`].
const KINDS: [&str; 4] = ["verification", "tokens", "management", "stopping"];

/// The routes, and the layers around every request.
fn router(
    manage: Arc<Manage>,
    options: Arc<HttpOptions>,
    strangers: &Arc<Strangers>,
    places: &[(&'static str, Places); 4],
) -> Router {
    let access = Arc::clone(manage.access());
    let budgets = TimeBudgets::new(&options, &access);
    // Each kind has its own places: a client that fills one, with slow bodies or with real work, does not affect the
    // others.
    let kinds = kinds(budgets).into_iter().zip(places).map(|(kind, (_, places))| {
        let room = Room { places: places.clone(), options: Arc::clone(&options), access: Arc::clone(&access) };
        kind.layer(from_fn_with_state(room, places::take_place))
    });
    let (routes, document) = kinds.fold(OpenApiRouter::new(), OpenApiRouter::merge).split_for_parts();
    let document = openapi::complete(document, &access.settings().public_url);
    let pages = Arc::new(Pages::new(&document, access.settings()));
    let open = well_known::router(access.settings().path_prefix()).merge(health::router()).merge(docs::router());
    let state = AppState { access, manage, strangers: Arc::clone(strangers), options, pages };
    routes
        .merge(open.layer(from_fn_with_state(budgets.usual, limit_time)))
        .fallback(no_route::no_such_route)
        .method_not_allowed_fallback(no_route::no_such_method)
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(state.clone(), observe::observe))
        .with_state(state)
}

/// The routes of each kind. Routes and document come from one registration.
fn kinds(budgets: TimeBudgets) -> [OpenApiRouter<AppState>; 4] {
    let usual = from_fn_with_state(budgets.usual, limit_time);
    let waiting = from_fn_with_state(budgets.waiting, limit_time);
    [
        verification().layer(usual.clone()),
        tokens().layer(usual.clone()),
        management().layer(usual).merge(waiting_management().layer(waiting.clone())),
        stopping().layer(waiting),
    ]
}

/// Management of keys and merchants.
fn management() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(v1::create_key::create_key, v1::find_keys::find_keys))
        .routes(routes!(v1::keys::get_or_list_keys))
        .routes(routes!(v1::keys::enforcement))
        .routes(routes!(v1::me::get_me))
        .routes(routes!(v1::find_keys::list_keys_of_merchant))
        .routes(routes!(v1::merchants::list_merchants, v1::merchants::register_merchant))
        .routes(routes!(v1::merchants::get_merchant))
        .routes(routes!(v1::policies::get_policy))
}

/// Management that may change what verification looks at, and is then answered when every node knows.
fn waiting_management() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(v1::pairs::create_pair))
        .routes(routes!(v1::change_key::change_key))
        .routes(routes!(v1::change_key::resume_key))
        .routes(routes!(v1::policies::set_policy))
        .routes(routes!(v1::merchants::resume_merchant))
}

/// Calls that stop a key or an account, and are answered when every node knows: no other load keeps them out. None of
/// these reads a body.
fn stopping() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(v1::keys::revoke_key))
        .routes(routes!(v1::change_key::suspend_key))
        .routes(routes!(v1::merchants::suspend_merchant))
        .routes(routes!(v1::merchants::close_merchant))
}

/// The token endpoint, where the client is not yet authenticated.
fn tokens() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(v1::token::token))
}

/// Verification, called on every request of the platform. Any method serves `/v1/auth`; the document describes it in
/// words.
fn verification() -> OpenApiRouter<AppState> {
    let verify = OpenApiRouter::new().routes(routes!(v1::verify::verify_key)).routes(routes!(v1::verify::verify_batch));
    // The router's `{*rest}` is never empty; a path with a trailing slash is the same call.
    ["/v1/auth", "/v1/auth-public", "/v1/auth-tokenization"].into_iter().fold(verify, |router, path| {
        let with_tail = [format!("{path}/"), format!("{path}/{{*rest}}")];
        let router = router.route(path, any(v1::auth::auth));
        with_tail.iter().fold(router, |router, path| router.route(path, any(v1::auth::auth)))
    })
}

fn panicked(_: Box<dyn std::any::Any + Send>) -> Response {
    // The panic hook has logged the message and the place.
    Problem::new(Code::Internal).into_response()
}
