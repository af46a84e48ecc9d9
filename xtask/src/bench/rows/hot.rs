//! Calls that memory answers, and the other calls of every day, in turns with a bare axum and with hyper alone.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::super::{
    Bench,
    client::Client,
    figures::{Report, Target, Unit},
    node::{Demo, Hello, Launch, Node},
    pgbench,
    process::{Running, Spent},
    request::Request,
};
use keyward_testkit::pg::{Cluster, Durability};

/// Figures that are to reach nothing need no more.
const ROUNDS_FOR_ORIENTATION: u32 = 3;

/// A call and what it is to reach.
struct Call {
    name: &'static str,
    request: Request,
    wanted: Wanted,
}

/// How many checks the measured batch holds: as many as it may.
const CHECKS: u32 = 100;

/// The servers that the service is compared with.
struct Yardsticks {
    axum: Hello,
    hyper: Hello,
}

impl Call {
    /// Whether memory alone answers it.
    const fn is_hot(&self) -> bool {
        matches!(self.wanted, Wanted::OfBare(_))
    }
}

enum Wanted {
    /// So much of what the bare axum does.
    OfBare(f64),
    /// So many a second.
    PerSecond(f64),
    /// At least this many checks a second, of batches of [`CHECKS`].
    ChecksPerSecond(f64),
    /// For orientation.
    Nothing,
}

pub(super) fn measure(bench: &Bench, report: &mut Report) -> Result<()> {
    let yardsticks = Yardsticks {
        axum: Hello::start(&bench.programs.path("hello"))?,
        hyper: Hello::start(&bench.programs.path("raw-hyper"))?,
    };
    let program = bench.programs.keyward();
    {
        let node = Node::start(&program, &Launch::default())?;
        on_one_database(bench, "SQLite", &node, &yardsticks, report)?;
    }
    {
        println!("measuring with metrics");
        let settings = [("KEYWARD_METRICS_LISTEN", "127.0.0.1:0")];
        let node = Node::start(&program, &Launch { settings: &settings, ..Launch::default() })?;
        for mut call in calls(&node)?.into_iter().filter(Call::is_hot) {
            call.wanted = Wanted::Nothing;
            one_call(bench, "SQLite, metrics on", &call, &node, &yardsticks, report)?;
        }
    }
    let cluster = Cluster::start(Durability::Real)?;
    let database = pgbench::fresh_database(&cluster, "bench")?;
    let node = Node::start(&program, &Launch { database: Some(&database), ..Launch::default() })?;
    on_one_database(bench, "Postgres", &node, &yardsticks, report)
}

fn on_one_database(
    bench: &Bench,
    database: &str,
    node: &Node,
    yardsticks: &Yardsticks,
    report: &mut Report,
) -> Result<()> {
    for call in calls(node)? {
        println!("measuring {} on {database}", call.name);
        one_call(bench, database, &call, node, yardsticks, report)?;
    }
    Ok(())
}

fn one_call(
    bench: &Bench,
    database: &str,
    call: &Call,
    node: &Node,
    yardsticks: &Yardsticks,
    report: &mut Report,
) -> Result<()> {
    let Yardsticks { axum, hyper } = yardsticks;
    let (bare, raw) = (Request::get(axum.url(), "/", 200), Request::get(hyper.url(), "/", 200));
    let (mut raw_ratios, mut raw_to_bare) = (Vec::new(), Vec::new());
    let (mut ratios, mut rates, mut bare_rates) = (Vec::new(), Vec::new(), Vec::new());
    let (mut costs, mut bare_costs, mut same_costs, mut same_ratios) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let rounds = if matches!(call.wanted, Wanted::Nothing) { ROUNDS_FOR_ORIENTATION } else { u32::MAX };
    for _ in 0..bench.effort.rounds.min(rounds) {
        let yardstick = loaded(bench, &bare, &axum.running)?;
        let ours = loaded(bench, &call.request, &node.running)?;
        ratios.push(ours.0 / yardstick.0);
        rates.push(ours.0);
        bare_rates.push(yardstick.0);
        costs.extend(ours.1);
        bare_costs.extend(yardstick.1);
        if call.is_hot() {
            let same = loaded(bench, &call.request.elsewhere(axum.url(), "/", 200), &axum.running)?;
            same_costs.extend(same.1);
            same_ratios.push(ours.0 / same.0);
            let floor = loaded(bench, &raw, &hyper.running)?;
            raw_ratios.push(ours.0 / floor.0);
            raw_to_bare.push(floor.0 / yardstick.0);
        }
    }
    let (name, per_second) = (format!("{}, {database}", call.name), format!("{}, {database}, rate", call.name));
    match call.wanted {
        Wanted::OfBare(least) => {
            report.add(format!("{name} ÷ bare axum"), Target::AtLeast(least), Unit::Ratio, ratios);
            report.note(format!("{name} ÷ bare axum given the same request"), Unit::Ratio, same_ratios);
            report.note(format!("{name} ÷ hyper alone"), Unit::Ratio, raw_ratios);
            report.note(format!("hyper alone ÷ bare axum, beside {name}"), Unit::Ratio, raw_to_bare);
            note_costs(report, &format!("bare axum beside {name}"), &bare_costs);
            note_costs(report, &format!("bare axum given the same request as {name}"), &same_costs);
            report.note(format!("bare axum beside {name}, rate"), Unit::PerSecond, bare_rates);
            report.note(per_second, Unit::PerSecond, rates);
        }
        Wanted::PerSecond(least) => report.add(name.clone(), Target::AtLeast(least), Unit::PerSecond, rates),
        Wanted::ChecksPerSecond(least) => {
            let checks = rates.iter().map(|rate| rate * f64::from(CHECKS)).collect();
            report.add(format!("{name}, checks"), Target::AtLeast(least), Unit::PerSecond, checks);
        }
        Wanted::Nothing => {
            report.note(format!("{name} ÷ bare axum"), Unit::Ratio, ratios);
            report.note(per_second, Unit::PerSecond, rates);
        }
    }
    note_costs(report, &name, &costs);
    Ok(())
}

/// Processor time for one request.
struct Cost {
    server: Spent,
    generator: f64,
}

/// Requests a second, and the processor time that each of them costs, where that is known.
fn loaded(bench: &Bench, request: &Request, server: &Running) -> Result<(f64, Option<Cost>)> {
    let before = server.spent();
    let load = bench.wrk.same(request, bench.effort.seconds)?;
    let server = before.zip(server.spent()).map(|(before, after)| after.each(before, load.requests));
    let cost = server.zip(load.generator).map(|(server, generator)| Cost { server, generator });
    Ok((load.per_second, cost))
}

/// What each request costs, apart by where.
fn note_costs(report: &mut Report, name: &str, costs: &[Cost]) {
    let of = |part: fn(&Cost) -> f64| costs.iter().map(part).collect();
    report.note(format!("{name}, processor time in its own code"), Unit::Microseconds, of(|cost| cost.server.own));
    report.note(format!("{name}, processor time in the kernel"), Unit::Microseconds, of(|cost| cost.server.kernel));
    report.note(format!("{name}, processor time of the load generator"), Unit::Microseconds, of(|cost| cost.generator));
}

fn calls(node: &Node) -> Result<Vec<Call>> {
    let (demo, mut client) = (node.demo()?, Client::connect(node.url())?);
    let subject = node.create_key(&mut client, &demo, "twenty characters ok")?;
    let mut checks = vec![check(&subject.value)];
    for n in 1..CHECKS {
        checks.push(check(&node.create_key(&mut client, &demo, &format!("twenty characters {n}"))?.value));
    }
    let checks = json!({ "checks": checks }).to_string();
    let url = node.url();
    let by_key = |request: Request| request.bearer(&demo.platform_secret);
    let verify = Request::post(url, "/v1/verify", 200, &check(&subject.value).to_string());
    let token = token_request(url, &demo);
    let access = client.ask(&token)?.json()?;
    let access = access["accessToken"].as_str().context("no accessToken in the answer")?;
    let call = |name, request, wanted| Call { name, request, wanted };
    Ok(vec![
        call("`GET /v1/auth`", Request::get(url, "/v1/auth", 204).bearer(&subject.value), Wanted::OfBare(0.90)),
        call("`POST /v1/verify`, caller by secret key", by_key(verify.clone()), Wanted::OfBare(0.80)),
        call("`POST /v1/verify`, caller by access token", verify.bearer(access), Wanted::Nothing),
        call(
            "`POST /v1/verify/batch` of 100",
            by_key(Request::post(url, "/v1/verify/batch", 200, &checks)),
            Wanted::ChecksPerSecond(500_000.0),
        ),
        call("`POST /v1/oauth2/token`", token, Wanted::PerSecond(5_000.0)),
        call("get a key", by_key(Request::get(url, &format!("/v1/api-keys/{}", subject.id), 200)), Wanted::Nothing),
        call(
            "list 100 keys",
            by_key(Request::get(url, &format!("/v1/api-keys/{}", demo.merchant), 200)),
            Wanted::Nothing,
        ),
    ])
}

/// What is asked about a key.
fn check(value: &str) -> Value {
    json!({"key": value, "scopes": ["charges:read"]})
}

fn token_request(url: &str, demo: &Demo) -> Request {
    let body = format!(r#"{{"AppKey":"{}","AppSecret":"{}"}}"#, demo.platform_key, demo.platform_secret);
    Request::post(url, "/v1/oauth2/token", 200, &body)
}
