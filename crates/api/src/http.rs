//! The service over HTTP: routes, and what surrounds every request.
//!
//! Handlers are thin: extractors parse, one use case decides, a view or a [`Problem`] answers. Nothing
//! here knows SQL. Every answer, of whatever origin, leaves through `finish`.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    extract::{FromRef, MatchedPath, Request, State},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse as _, Response},
    routing::any,
};
use http::Method;
use ipnet::IpNet;
use keyward_app::{Access, Manage};
use tower_http::catch_panic::CatchPanicLayer;
use utoipa_axum::{router::OpenApiRouter, routes};

mod authorization;
mod body;
mod caller;
mod context;
mod cursor;
mod docs;
mod even_time;
mod fast_path;
mod fields;
mod health;
mod looks;
mod no_route;
mod observe;
pub mod openapi;
mod places;
pub mod problem;
mod query;
mod until_sent;
mod v1;
mod views;
mod well_known;
mod words;

pub use fast_path::{Answering, Entrance};
use places::{Places, Room};
use problem::{Code, Problem};
pub use until_sent::UntilSent;
pub use v1::auth::{CredentialHeader, Gateway};

/// What the adapters need to know beside the use cases.
#[derive(Clone, Debug)]
pub struct HttpOptions {
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// How many bytes a request body may have.
    pub max_body_bytes: usize,
    /// For how long a body may be on its way: it holds a place among the requests at once all the while.
    pub body_read_timeout: Duration,
    /// How long a request may take before it is answered with 504.
    pub request_timeout: Duration,
    /// How many requests of one kind (verification, tokens, management, what stops something) are worked on at once.
    /// The next one is answered with 503. One network, or one partner with all merchants below it, gets at most about
    /// half of them, one source or account a third, and 429 beyond.
    pub max_concurrent_requests: usize,
    /// What is settled about gateways in front.
    pub gateway: Gateway,
    /// Whether `/readyz` says yes.
    pub ready: Readiness,
}

/// Whether the node can answer: opened by the first success, closed when stopping. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Readiness(Arc<AtomicBool>);

impl Readiness {
    /// From now on the node is ready.
    pub fn open(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// From now on it is not.
    pub fn close(&self) {
        self.0.store(false, Ordering::Release);
    }

    fn is_open(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// What handlers are handed.
#[derive(Clone)]
struct AppState {
    access: Arc<Access>,
    manage: Arc<Manage>,
    strangers: Arc<observe::Strangers>,
    options: Arc<HttpOptions>,
    pages: Arc<docs::Pages>,
}

impl FromRef<AppState> for Arc<Access> {
    fn from_ref(state: &AppState) -> Self {
        Arc::clone(&state.access)
    }
}

impl FromRef<AppState> for Arc<Manage> {
    fn from_ref(state: &AppState) -> Self {
        Arc::clone(&state.manage)
    }
}

impl FromRef<AppState> for Arc<HttpOptions> {
    fn from_ref(state: &AppState) -> Self {
        Arc::clone(&state.options)
    }
}

/// The service, as a listener sees it. To be served [for each connection](Entrance::for_connection), so that limits know
/// the source of a request.
pub fn entrance(manage: Arc<Manage>, options: HttpOptions) -> Entrance {
    // Before everything else, so that a verification that memory answers pays for nothing else.
    let options = Arc::new(options);
    let places = KINDS.map(|kind| (kind, Places::new(options.max_concurrent_requests)));
    let access = Arc::clone(manage.access());
    Entrance::new(access, router(manage, Arc::clone(&options), &places), options, places)
}

/// The kinds of requests that have room of their own, in the order in which [`router`] makes them.
const KINDS: [&str; 4] = ["verification", "tokens", "management", "stopping"];

/// The usual way: routes, and what surrounds every request.
fn router(manage: Arc<Manage>, options: Arc<HttpOptions>, places: &[(&'static str, Places); 4]) -> Router {
    let access = Arc::clone(manage.access());
    // Each kind has room of its own: who fills one, with slow bodies or with real work, leaves the others alone.
    let kinds = [verification(), tokens(), management(), stopping()].into_iter().zip(places);
    let kinds = kinds.map(|(kind, (_, places))| {
        let room = Room { places: places.clone(), options: Arc::clone(&options), access: Arc::clone(&access) };
        kind.layer(from_fn_with_state(room, places::take_place))
    });
    let (routes, document) = kinds.fold(OpenApiRouter::new(), OpenApiRouter::merge).split_for_parts();
    let document = openapi::complete(document, &access.settings().public_url);
    let pages = Arc::new(docs::Pages::new(&document, access.settings()));
    let well_known = well_known::router(access.settings().path_prefix());
    let state = AppState { access, manage, strangers: Arc::default(), options, pages };
    routes
        .merge(well_known)
        .merge(health::router())
        .merge(docs::router())
        .fallback(no_route::no_such_route)
        .method_not_allowed_fallback(no_route::no_such_method)
        .layer(from_fn_with_state(state.clone(), limit_time))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(state.clone(), observe::observe))
        .with_state(state)
}

/// What callers do to keys and merchants. Routes and document come from one registration, here and below.
fn management() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(v1::create_key::create_key))
        .routes(routes!(v1::keys::get_or_list_keys))
        .routes(routes!(v1::keys::enforcement))
        .routes(routes!(v1::keys::list_keys_of_merchant, v1::pairs::create_pair))
        .routes(routes!(v1::merchants::list_merchants, v1::merchants::register_merchant))
        .routes(routes!(v1::merchants::get_merchant))
        .routes(routes!(v1::merchants::resume_merchant))
}

/// What stops a key or an account: nothing that callers do otherwise keeps it out. None of these reads a body.
fn stopping() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(v1::keys::revoke_key))
        .routes(routes!(v1::merchants::suspend_merchant))
        .routes(routes!(v1::merchants::close_merchant))
}

/// Where nobody has proved anything yet.
fn tokens() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(v1::token::token))
}

/// What the platform asks on every request. Any method serves `/v1/auth`; the document adds it in words.
fn verification() -> OpenApiRouter<AppState> {
    let verify = OpenApiRouter::new().routes(routes!(v1::verify::verify_key)).routes(routes!(v1::verify::verify_batch));
    // The router's `{*rest}` is never empty; a path that ends with the slash is the same call.
    ["/v1/auth", "/v1/auth-public", "/v1/auth-tokenization"].into_iter().fold(verify, |router, path| {
        let with_tail = [format!("{path}/"), format!("{path}/{{*rest}}")];
        let router = router.route(path, any(v1::auth::auth));
        with_tail.iter().fold(router, |router, path| router.route(path, any(v1::auth::auth)))
    })
}

/// What is left of the time budget of a call that waits for other nodes, once the longest wait is over: lease + 6 s, less
/// the guard of one second that belongs to the wait.
const AFTER_THE_WAIT: Duration = Duration::from_secs(5);

/// Whether a request may have to wait for every node.
fn narrows(request: &Request) -> bool {
    let template = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
    match *request.method() {
        Method::DELETE => true,
        Method::POST => template.starts_with("/v1/merchants/{mid}/"),
        _ => false,
    }
}

fn panicked(_: Box<dyn std::any::Any + Send>) -> Response {
    // The panic hook has logged what and where.
    Problem::new(Code::Internal).into_response()
}

async fn limit_time(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let budget = state.options.request_timeout.max(if narrows(&request) {
        // Lease + 6 s (contract, section 6): a dead node is waited for, and then there is still time to answer.
        state.access.verifier().worst_wait() + AFTER_THE_WAIT
    } else {
        Duration::ZERO
    });
    let answer = tokio::time::timeout(budget, next.run(request)).await;
    answer.unwrap_or_else(|_| Problem::new(Code::Timeout).into_response())
}
