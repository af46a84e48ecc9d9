//! Verifications that memory does not answer: far more keys than it holds, any of them at a time, against look-ups of
//! the database alone, and against a bare axum that looks up one row for each request.

use std::process::Command;

use anyhow::Result;

use super::super::{
    Bench,
    costs::Costs,
    figures::{Report, Target, Unit},
    node::{Launch, Node},
    pgbench::{self, Pgbench},
    process::Running,
    request::Request,
    wrk::Traffic,
};
use super::size::{Shape, plant};
use keyward_testkit::pg::{Cluster, Durability};

/// How many keys there are; one in sixty of them finds room in memory.
const KEYS: u32 = 200_000;
/// The least that a node takes, in bytes.
const ROOM: &str = "1048576";
/// Connections that the bare axum has: as many as the service by default.
const POOL: &str = "16";

pub(super) fn measure(bench: &Bench, report: &mut Report) -> Result<()> {
    let cluster = Cluster::start(Durability::Real)?;
    let database = pgbench::fresh_database(&cluster, "bench")?;
    let settings = [("KEYWARD_VERIFIER__CACHE_BYTES", ROOM)];
    let launch = Launch { database: Some(&database), settings: &settings, ..Launch::default() };
    let node = Node::start(&bench.programs.keyward(), &launch)?;
    let keys = u64::from(bench.effort.count(KEYS));
    let planted = plant(bench, &cluster, &database, &node, &Shape { known: keys, others: 0 })?;
    let scale = u32::try_from(keys / 100_000)?.max(1);
    let pgbench = Pgbench::prepare(&cluster, scale)?;
    let mut one_select = Command::new(bench.programs.path("one-select"));
    let (one_select, url) = Running::start(one_select.arg(POOL).env("DATABASE_URL", pgbench.url()))?;
    let ids = tempfile::NamedTempFile::new()?;
    let each: Vec<String> = (1..=scale * 100_000).map(|id| id.to_string()).collect();
    std::fs::write(ids.path(), each.join("\n"))?;
    let look_up = Request::get(&url, "/VALUE", 200);
    let body = r#"{"key":"VALUE","scopes":["charges:read"]}"#;
    let verify = Request::post(node.url(), "/v1/verify", 200, body).bearer(&node.demo()?.platform_secret);
    let (mut ratios, mut rates, mut selects) = (Vec::new(), Vec::new(), Vec::new());
    let (mut of_axum, mut look_ups) = (Vec::new(), Vec::new());
    let (mut costs, mut yardsticks, mut axum_costs) = (Costs::default(), Costs::default(), Costs::default());
    for _ in 0..bench.effort.rounds {
        let select = yardsticks.of(&cluster, None, || {
            let rate = pgbench.selects(bench.effort.seconds)?;
            Ok((rate, rate * f64::from(bench.effort.seconds)))
        })?;
        let rate = costs.of(&cluster, Some(&node.running), || {
            let load = bench.wrk.load(&Traffic::AnyOf(&verify, &planted.values), bench.effort.seconds)?;
            Ok((load.per_second, load.requests))
        })?;
        let looked_up = axum_costs.of(&cluster, Some(&one_select), || {
            let load = bench.wrk.load(&Traffic::AnyOf(&look_up, ids.path()), bench.effort.seconds)?;
            Ok((load.per_second, load.requests))
        })?;
        of_axum.push(rate / looked_up);
        look_ups.push(looked_up);
        ratios.push(rate / select);
        rates.push(rate);
        selects.push(select);
    }
    report.add("verify uncached ÷ `pgbench -S`", Target::AtLeast(0.50), Unit::Ratio, ratios);
    let name = "verify uncached ÷ bare axum with one `SELECT`";
    report.add(name, Target::AtLeast(0.60), Unit::Ratio, of_axum);
    report.note("verify uncached, rate", Unit::PerSecond, rates);
    report.note("`pgbench -S` beside it, rate", Unit::PerSecond, selects);
    report.note("bare axum with one `SELECT` beside it, rate", Unit::PerSecond, look_ups);
    costs.note(report, "verify uncached");
    axum_costs.note(report, "bare axum with one `SELECT` beside it");
    yardsticks.note(report, "`pgbench -S` beside it");
    Ok(())
}
