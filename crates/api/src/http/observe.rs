//! Completes every answer: adds its id, gives problems their body, and writes one log line.
//!
//! The only place that logs the cause of a problem. Never logs a header or a body; `docs/logs.md` lists what it logs.

use std::{net::IpAddr, time::Duration};

use axum::{
    body::Body,
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::Response,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use keyward_app::Access;
use tracing::{Instrument as _, Span, field::display};

use super::{
    context::{self, Trace},
    even_time::Arrived,
    options::HttpOptions,
    places,
    problem::{InOtherWords, Problem},
    request_facts::{Calling, Object, RequestFacts},
    state::AppState,
    strangers::{Strangers, is_for_a_stranger},
    v1::auth::path::AuthPath,
};

/// Observes every request that reaches the router.
pub(super) async fn observe(State(state): State<AppState>, mut request: Request, next: Next) -> Response {
    let line = Arriving {
        method: request.method(),
        route: route(&request),
        headers: request.headers(),
        peer: context::peer(request.extensions()),
    };
    let observed = Observed::begin(&state.access, &state.options, &line);
    request.extensions_mut().insert(observed.facts.clone());
    request.extensions_mut().insert(observed.arrived.clone());
    let response = next.run(request).instrument(observed.span.clone()).await;
    observed.complete(&state.access, &state.strangers, response).await
}

/// A request that arrives.
pub(super) struct Arriving<'a> {
    pub(super) method: &'a Method,
    pub(super) route: &'a str,
    pub(super) headers: &'a HeaderMap,
    pub(super) peer: Option<IpAddr>,
}

/// A request from its arrival to its answer.
pub(super) struct Observed {
    /// What the handler notes about it.
    pub(super) facts: RequestFacts,
    trace: Trace,
    request_id: HeaderValue,
    method: &'static str,
    route: String,
    span: Span,
    started: Duration,
    arrived: Arrived,
}

impl Observed {
    pub(super) fn begin(access: &Access, options: &HttpOptions, line: &Arriving<'_>) -> Self {
        let &Arriving { method, route, headers, peer } = line;
        let trace = Trace::of(headers, access);
        let given = context::given_request_id(headers);
        let source = context::address(headers, peer, &options.trusted_proxies);
        Self {
            facts: RequestFacts::default(),
            request_id: trace.request_id(given),
            method: known(method),
            route: route.to_owned(),
            span: span(&RequestLine { method, route, trace: &trace, given, source }),
            trace,
            started: access.monotonic(),
            arrived: Arrived::now(),
        }
    }

    /// Completes the answer, and waits with one that hides something.
    pub(super) async fn complete(self, access: &Access, strangers: &Strangers, mut response: Response) -> Response {
        let Self { facts, trace, request_id, method, route, span, started, arrived } = self;
        let worded = response.extensions_mut().remove::<InOtherWords>().map(|InOtherWords(problem)| problem);
        let problem = response.extensions_mut().remove::<Problem>();
        if let Some(problem) = &problem {
            give_body(&mut response, problem, &access.settings().public_url, &trace.parent());
        }
        let problem = problem.or(worded);
        response.headers_mut().insert(context::REQUEST_ID, request_id);
        let took = access.monotonic().saturating_sub(started);
        let status = response.status().as_u16();
        let is_limited = !is_routine(&route, status) && is_for_a_stranger(&facts, problem.as_ref(), &route, status);
        let may_log = if is_limited { strangers.may_log(started, status) } else { Some(0) };
        let answer = Answer { problem: problem.as_ref(), route: &route, status, took };
        span.in_scope(|| log(&answer, facts.caller(), facts.object(), may_log));
        let labels = [("method", method.to_owned()), ("route", route), ("status", status.to_string())];
        metrics::counter!("keyward_http_requests_total", &labels).increment(1);
        let [method, route, _] = labels;
        metrics::histogram!("keyward_http_request_duration_seconds", &[method, route]).record(took.as_secs_f64());
        // Last: everything that differs between two refusals is done, and the log already names a client that hangs up.
        arrived.hold_back(&mut response, problem.as_ref()).await;
        places::hold_until_sent(response)
    }
}

/// The route template, never the path: a path may hold anything, and there are few templates.
fn route(request: &Request) -> &str {
    match AuthPath::read(request.uri().path()) {
        Some(path) => path.route(),
        None => request.extensions().get::<MatchedPath>().map_or("unmatched", MatchedPath::as_str),
    }
}

/// A request before it is handled.
pub(super) struct RequestLine<'a> {
    pub(super) method: &'a Method,
    pub(super) route: &'a str,
    pub(super) trace: &'a Trace,
    /// The client's own id for it.
    pub(super) given: Option<&'a HeaderValue>,
    pub(super) source: IpAddr,
}

/// The span of every log line about a request.
pub(super) fn span(line: &RequestLine<'_>) -> Span {
    let (method, trace, source) = (known(line.method), line.trace.id(), line.source);
    let given = line.given.and_then(|id| id.to_str().ok());
    tracing::info_span!("http", method, route = line.route, %source, trace.id = trace, request.id = given)
}

/// The method if HTTP defines it, else `other`: clients may send any word, and neither labels nor logs may grow with
/// it.
fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        Method::TRACE => "TRACE",
        Method::CONNECT => "CONNECT",
        _ => "other",
    }
}

fn give_body(response: &mut Response, problem: &Problem, public_url: &str, trace_id: &str) {
    let body = problem.body(public_url, trace_id);
    *response.body_mut() = Body::from(serde_json::to_vec(&body).unwrap_or_default());
    let headers = response.headers_mut();
    // The length was counted for the empty body.
    headers.remove(header::CONTENT_LENGTH);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
}

/// The metrics of one frequent kind of answer, looked up once instead of for each answer.
pub(super) struct RequestMetrics {
    requests: metrics::Counter,
    seconds: metrics::Histogram,
}

impl RequestMetrics {
    pub(super) fn new(method: &Method, route: &'static str, status: StatusCode) -> Self {
        let (method, status) = (known(method), status.as_str().to_owned());
        Self {
            requests: metrics::counter!(
                "keyward_http_requests_total",
                "method" => method,
                "route" => route,
                "status" => status
            ),
            seconds: metrics::histogram!("keyward_http_request_duration_seconds", "method" => method, "route" => route),
        }
    }

    pub(super) fn count(&self, took: Duration) {
        self.requests.increment(1);
        self.seconds.record(took.as_secs_f64());
    }
}

/// Whether an answer is a granted verification or a passed health check: a line for each would be most of the log. A
/// change of readiness has its own line.
fn is_routine(route: &str, status: u16) -> bool {
    let is_verification = matches!(route, "/v1/verify" | "/v1/verify/batch") || route.starts_with("/v1/auth");
    matches!(route, "/healthz" | "/readyz") || (status < 400 && is_verification)
}

/// Whether the log level is low enough for lines about granted verifications.
pub(super) fn logs_verifications() -> bool {
    tracing::enabled!(tracing::Level::DEBUG)
}

/// An answer, for its log line.
pub(super) struct Answer<'a> {
    pub(super) problem: Option<&'a Problem>,
    pub(super) route: &'a str,
    pub(super) status: u16,
    pub(super) took: Duration,
}

/// Writes the line about an answer. `may_log` is `None` where the line is withheld; else the number withheld before.
pub(super) fn log(answer: &Answer<'_>, caller: Option<&Calling>, object: Option<&Object>, may_log: Option<u64>) {
    let &Answer { problem, route, status, took } = answer;
    let code = problem.map(|problem| problem.code().as_str());
    if let Some(code) = code {
        metrics::counter!("keyward_problems_total", "code" => code).increment(1);
    }
    let Some(withheld) = may_log else { return };
    if withheld > 0 {
        // The warning concerns other requests than this one.
        tracing::warn!(
            parent: None,
            withheld,
            "held back {withheld} lines about requests of unauthenticated callers"
        );
    }
    let cause = problem.and_then(Problem::cause).map(chain);
    let took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    let (key, mid) = (caller.map(|caller| display(&caller.key)), caller.map(|caller| display(&caller.mid)));
    let object = object.map(display);
    macro_rules! line {
        ($level:ident) => {
            tracing::$level!(
                status,
                code,
                cause,
                caller.key = key,
                caller.mid = mid,
                object,
                took_us,
                "answered {status} in {took_us} µs"
            )
        };
    }
    if is_routine(route, status) {
        line!(debug);
    } else if status >= 500 {
        line!(error);
    } else {
        line!(info);
    }
}

/// An error with its sources.
fn chain(cause: &(dyn std::error::Error + Send + Sync + 'static)) -> String {
    let mut text = cause.to_string();
    let mut below = cause.source();
    while let Some(error) = below {
        text.push_str(": ");
        text.push_str(&error.to_string());
        below = error.source();
    }
    text
}
