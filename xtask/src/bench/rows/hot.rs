//! Calls that memory answers, and the other usual calls, alternating with a bare axum and with hyper alone.

use std::process::Command;

use anyhow::Result;
use serde_json::{Value, json};

use super::{Bench, Client, Launch, Node, Postgres, Report, Request, Target, Unit, baseline};
use crate::bench::process::{Costs, Spent};
use keyward_testkit::program::{Server, member};

/// Figures without a target need no more rounds.
const ROUNDS_FOR_ORIENTATION: u32 = 3;

/// Checks in the measured batch: the maximum.
const CHECKS: u32 = 100;

/// A call and its target.
struct Call {
    name: &'static str,
    request: Request,
    target: CallTarget,
}

enum CallTarget {
    /// At least this part of the bare axum's rate: the call is answered from memory.
    OfBare(f64),
    /// At least this many a second.
    PerSecond(f64),
    /// At least this many checks a second, of batches of [`CHECKS`].
    ChecksPerSecond(f64),
    /// None.
    Nothing,
}

/// The row, with the servers for comparison.
struct Row<'a> {
    bench: &'a Bench,
    report: &'a mut Report,
    axum: Server,
    hyper: Server,
}

pub(super) fn measure(bench: &Bench, report: &mut Report) -> Result<()> {
    let start = |name| baseline(&mut Command::new(bench.programs.path(name)));
    let mut row = Row { bench, report, axum: start("hello")?, hyper: start("raw-hyper")? };
    row.measure("SQLite", &Launch::default(), Some)?;
    let settings = [("KEYWARD_METRICS_LISTEN", "127.0.0.1:0")];
    let with_metrics = Launch { settings: &settings, ..Launch::default() };
    row.measure("SQLite, metrics on", &with_metrics, |call| {
        matches!(call.target, CallTarget::OfBare(_)).then_some(Call { target: CallTarget::Nothing, ..call })
    })?;
    let postgres = Postgres::start()?;
    row.measure("Postgres", &postgres.launch(), Some)
}

impl Row<'_> {
    /// Measures the chosen calls of a node.
    fn measure(&mut self, on: &str, launch: &Launch<'_>, choose: impl Fn(Call) -> Option<Call>) -> Result<()> {
        let node = Node::start(self.bench, launch)?;
        for call in calls(&node)?.into_iter().filter_map(choose) {
            println!("measuring {} on {on}", call.name);
            self.one_call(&format!("{}, {on}", call.name), &call, &node)?;
        }
        Ok(())
    }

    fn one_call(&mut self, name: &str, call: &Call, node: &Node) -> Result<()> {
        let Self { bench, report, axum, hyper } = self;
        let loaded = |request: &Request, server: &Server| Loaded::measure(bench, request, server);
        let bare = Request::get(&axum.base_url, "/", 200);
        let rounds = if matches!(call.target, CallTarget::Nothing) { ROUNDS_FOR_ORIENTATION } else { u32::MAX };
        for _ in 0..bench.effort.rounds.min(rounds) {
            let baseline = loaded(&bare, axum)?;
            let ours = loaded(&call.request, &node.server)?;
            let (ratio, per_second) = (format!("{name} ÷ bare axum"), format!("{name}, rate"));
            match call.target {
                CallTarget::OfBare(least) => {
                    report.add(&ratio, Target::AtLeast(least), Unit::Ratio, ours.rate / baseline.rate);
                    let same = loaded(&call.request.elsewhere(&axum.base_url, "/", 200), axum)?;
                    report.note(format!("{ratio} given the same request"), Unit::Ratio, ours.rate / same.rate);
                    let floor = loaded(&Request::get(&hyper.base_url, "/", 200), hyper)?;
                    report.note(format!("{name} ÷ hyper alone"), Unit::Ratio, ours.rate / floor.rate);
                    let beside = format!("hyper alone ÷ bare axum, beside {name}");
                    report.note(beside, Unit::Ratio, floor.rate / baseline.rate);
                    baseline.note_costs(report, &format!("bare axum beside {name}"));
                    same.note_costs(report, &format!("bare axum given the same request as {name}"));
                    report.note(format!("bare axum beside {name}, rate"), Unit::PerSecond, baseline.rate);
                    report.note(per_second, Unit::PerSecond, ours.rate);
                }
                CallTarget::PerSecond(least) => report.add(name, Target::AtLeast(least), Unit::PerSecond, ours.rate),
                CallTarget::ChecksPerSecond(least) => {
                    let checks = ours.rate * f64::from(CHECKS);
                    report.add(format!("{name}, checks"), Target::AtLeast(least), Unit::PerSecond, checks);
                }
                CallTarget::Nothing => {
                    report.note(ratio, Unit::Ratio, ours.rate / baseline.rate);
                    report.note(per_second, Unit::PerSecond, ours.rate);
                }
            }
            ours.note_costs(report, name);
        }
        Ok(())
    }
}

/// Requests a second, and the cost of each.
struct Loaded {
    rate: f64,
    costs: Costs,
}

impl Loaded {
    fn measure(bench: &Bench, request: &Request, server: &Server) -> Result<Self> {
        let work = || bench.wrk.same(request, bench.effort.seconds);
        let (load, costs) = Costs::of(Some(&server.process), work)?;
        Ok(Self { rate: load.per_second, costs })
    }

    fn note_costs(&self, report: &mut Report, name: &str) {
        let mut note = |of: &str, micros: Option<f64>| {
            report.note(format!("{name}, processor time {of}"), Unit::Microseconds, micros);
        };
        note("in its own code", self.costs.server.map(|spent| spent.own));
        note("in the kernel", self.costs.server.map(|spent| spent.kernel));
        note("of the load generator", self.costs.generator.map(Spent::sum));
    }
}

fn calls(node: &Node) -> Result<Vec<Call>> {
    let (url, demo, client) = (node.url(), &node.demo, Client::new()?);
    let key = |name: &str| node.create_key(&client, name, &["charges:read"]);
    let checked = key("twenty characters ok")?;
    let mut checks = vec![check(&checked.value)];
    for n in 1..CHECKS {
        checks.push(check(&key(&format!("twenty characters {n}"))?.value));
    }
    let checks = json!({ "checks": checks }).to_string();
    let by_key = |request: Request| request.bearer(&demo.platform.app_secret);
    let verify = Request::post(url, "/v1/verify", 200, &check(&checked.value).to_string());
    let pair = json!({ "AppKey": demo.platform.app_key, "AppSecret": demo.platform.app_secret });
    let token = Request::post(url, "/v1/oauth2/token", 200, &pair.to_string());
    let access = member(&client.ask(&token)?.answer.json(), "accessToken")?;
    let call = |name, request, target| Call { name, request, target };
    let auth = Request::get(url, "/v1/auth", 204).bearer(&checked.value);
    let batch = by_key(Request::post(url, "/v1/verify/batch", 200, &checks));
    let get = by_key(Request::get(url, &format!("/v1/api-keys/{}", checked.id), 200));
    let list = by_key(Request::get(url, &format!("/v1/api-keys/{}", demo.merchant), 200));
    Ok(vec![
        call("`GET /v1/auth`", auth, CallTarget::OfBare(0.90)),
        call("`POST /v1/verify`, caller by secret key", by_key(verify.clone()), CallTarget::OfBare(0.80)),
        call("`POST /v1/verify`, caller by access token", verify.bearer(&access), CallTarget::Nothing),
        call("`POST /v1/verify/batch` of 100", batch, CallTarget::ChecksPerSecond(500_000.0)),
        call("`POST /v1/oauth2/token`", token, CallTarget::PerSecond(5_000.0)),
        call("get a key", get, CallTarget::Nothing),
        call("list 100 keys", list, CallTarget::Nothing),
    ])
}

/// The body that verifies a key.
fn check(value: &str) -> Value {
    json!({"key": value, "scopes": ["charges:read"]})
}
