//! Repeats one step of the path of a cached verification, so that valgrind can count its instructions.
//!
//! `instructions CASE TIMES` prepares, warms up, and then repeats the step `TIMES` times inside [`counted`], the only
//! function whose instructions count (`cargo xtask instructions` starts it). Reads no clock and asserts each outcome.

use std::hint::black_box;

use anyhow::{Context as _, Result, bail, ensure};
use axum::{Router, routing::get};
use http::{Request, StatusCode};
use http_body_util::Full;
use keyward_benches::{CompleteRequest, Service, ask, get as get_request, post, start};
use keyward_domain::{
    Candidate, Context, Environment, MasterKey, PresentedValue, Requirements, SecretForm, SecretHasher, Verdict, judge,
};
use tower::Service as _;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Number of repetitions before counting, so that tables and buffers have their final size.
const WARM_UP: u32 = 100;

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [case, times] = words.as_slice() else { bail!("usage: instructions CASE TIMES") };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let service = runtime.block_on(start())?;
    runtime.block_on(fill_memory(&service))?;
    let _inside = runtime.enter();
    run(case, times.parse()?, &service)
}

/// The counted part. The loop costs two instructions per round.
#[inline(never)]
fn counted(times: u32, step: &mut dyn FnMut()) {
    for _ in 0..times {
        step();
    }
}

fn repeat(times: u32, mut step: impl FnMut() -> Result<()>) -> Result<()> {
    for _ in 0..WARM_UP {
        step()?;
    }
    let mut failed = None;
    counted(times, &mut || {
        if let Err(error) = step() {
            failed = Some(error);
        }
    });
    failed.map_or(Ok(()), Err)
}

fn run(case: &str, times: u32, service: &Service) -> Result<()> {
    match case {
        "parse" => repeat(times, || {
            PresentedValue::parse(black_box(&service.merchant_secret), Environment::Sandbox)?;
            Ok(())
        }),
        "prove" | "judge" | "check" => domain(case, times, service),
        "look-up" => {
            let id = PresentedValue::parse(&service.merchant_secret, Environment::Sandbox)?.id();
            repeat(times, || {
                let found = black_box(service.access.verifier()).remembered(black_box(id));
                found.map(drop).context("the key is not in memory")
            })
        }
        "auth" => requests(times, service, StatusCode::NO_CONTENT, &|| {
            get_request("/v1/auth", &format!("Bearer {}", service.merchant_secret))
        }),
        "auth-refused" => requests(times, service, StatusCode::FORBIDDEN, &|| {
            get_request("/v1/auth", &format!("Bearer {}", service.platform_key))
        }),
        "verify" => requests(times, service, StatusCode::OK, &|| verification(service, &service.platform_secret)),
        "verify-refused" => requests(times, service, StatusCode::OK, &|| {
            let body = format!(r#"{{"key":"{}","scopes":["payouts:write"]}}"#, service.merchant_secret);
            post("/v1/verify", Some(&format!("Bearer {}", service.platform_secret)), &body)
        }),
        "verify-by-token" => {
            let token = token(service)?;
            requests(times, service, StatusCode::OK, &|| verification(service, &token))
        }
        "bare" => bare(times),
        unknown => bail!("no such case: {unknown}"),
    }
}

/// The parts of a check that need only the key, and all of them together.
fn domain(case: &str, times: u32, service: &Service) -> Result<()> {
    let hasher = SecretHasher::new(&MasterKey::from_bytes(&[7; 32])?, SecretForm::Hmac);
    let presented = PresentedValue::parse(&service.merchant_secret, Environment::Sandbox)?;
    let credential = service.access.verifier().remembered(presented.id()).context("the key is not in memory")?;
    let (key, context) = (credential.key.view(), Context::at(service.access.now()));
    let requirements = Requirements { scopes: "charges:read".parse()?, ..Requirements::default() };
    let proved = key.prove(&presented, &hasher)?;
    let judged = |proof| {
        let candidate = Candidate { key, chain: &credential.chain, scopes: key.scopes, proof };
        let verdict = judge(Ok(Some(candidate)), None, black_box(&requirements), &context);
        ensure!(matches!(verdict, Verdict::Valid { .. }), "the key is not valid");
        Ok(())
    };
    match case {
        "prove" => repeat(times, || {
            ensure!(key.prove(black_box(&presented), &hasher)?.holds(), "the value is not the key's");
            Ok(())
        }),
        "judge" => repeat(times, || judged(black_box(proved))),
        _ => repeat(times, || {
            let presented = PresentedValue::parse(black_box(&service.merchant_secret), Environment::Sandbox)?;
            judged(key.prove(&presented, &hasher)?)
        }),
    }
}

/// Complete requests. They are built beforehand, as by a listener, so that only the answers count.
fn requests(
    times: u32,
    service: &Service,
    expected: StatusCode,
    make: &dyn Fn() -> Result<CompleteRequest>,
) -> Result<()> {
    let requests: Result<Vec<_>> = (0..times + WARM_UP).map(|_| make()).collect();
    let mut requests = requests?.into_iter();
    let mut entrance = service.entrance.clone();
    repeat(times, || {
        let request = requests.next().context("there are no more requests")?;
        ask(&mut entrance, request, expected).map(drop)
    })
}

/// The baseline: an axum router with one route that answers a word.
fn bare(times: u32) -> Result<()> {
    let mut router: Router = Router::new().route("/", get(|| async { "hello" }));
    let make = || Request::get("/").header(http::header::HOST, "127.0.0.1:8080").body(Full::<bytes::Bytes>::default());
    let requests: Result<Vec<_>, _> = (0..times + WARM_UP).map(|_| make()).collect();
    let mut requests = requests?.into_iter();
    repeat(times, || {
        let request = requests.next().context("there are no more requests")?;
        keyward_benches::poll_once(router.call(request))?;
        Ok(())
    })
}

fn verification(service: &Service, credential: &str) -> Result<CompleteRequest> {
    let body = format!(r#"{{"key":"{}","scopes":["charges:read"]}}"#, service.merchant_secret);
    post("/v1/verify", Some(&format!("Bearer {credential}")), &body)
}

/// Brings all keys into memory.
async fn fill_memory(service: &Service) -> Result<()> {
    for value in [&service.merchant_secret, &service.platform_secret, &service.platform_key] {
        let id = PresentedValue::parse(value, Environment::Sandbox)?.id();
        service.access.verifier().credential(id).await?.context("the key is not there")?;
    }
    Ok(())
}

/// An access token of the platform.
fn token(service: &Service) -> Result<String> {
    let Service { platform_key, platform_secret, .. } = service;
    let body = format!(r#"{{"AppKey":"{platform_key}","AppSecret":"{platform_secret}"}}"#);
    let answer = ask(&mut service.entrance.clone(), post("/v1/oauth2/token", None, &body)?, StatusCode::OK)?;
    let answer: serde_json::Value = serde_json::from_slice(&answer)?;
    Ok(answer["accessToken"].as_str().context("no accessToken in the answer")?.to_owned())
}
