//! New keys on a Postgres that writes to its disk before it answers, against inserts of one row a commit.

use anyhow::Result;

use super::super::{
    Bench,
    costs::Costs,
    figures::{Report, Target, Unit},
    node::{Launch, Node},
    pgbench::{self, Pgbench},
    request::Request,
};
use keyward_testkit::pg::{Cluster, Durability};

pub(super) fn measure(bench: &Bench, report: &mut Report) -> Result<()> {
    let cluster = Cluster::start(Durability::Real)?;
    let database = pgbench::fresh_database(&cluster, "bench")?;
    let node = Node::start(&bench.programs.keyward(), &Launch { database: Some(&database), ..Launch::default() })?;
    let pgbench = Pgbench::prepare(&cluster, 1)?;
    let demo = node.demo()?;
    let body = format!(r#"{{"mid":"{}","name":"bench","type":"secret","scopes":["charges:read"]}}"#, demo.merchant);
    let create = Request::post(node.url(), "/v1/api-keys", 201, &body).bearer(&demo.platform_secret);
    let (mut ratios, mut rates, mut inserts) = (Vec::new(), Vec::new(), Vec::new());
    let (mut costs, mut yardsticks) = (Costs::default(), Costs::default());
    for _ in 0..bench.effort.rounds {
        let insert = yardsticks.of(&cluster, None, || {
            let rate = pgbench.inserts(bench.effort.seconds)?;
            Ok((rate, rate * f64::from(bench.effort.seconds)))
        })?;
        let rate = costs.of(&cluster, Some(&node.running), || {
            let load = bench.wrk.same(&create, bench.effort.seconds)?;
            Ok((load.per_second, load.requests))
        })?;
        ratios.push(rate / insert);
        rates.push(rate);
        inserts.push(insert);
    }
    report.add("create, Postgres with fsync ÷ pgbench single-row inserts", Target::AtLeast(0.50), Unit::Ratio, ratios);
    report.note("create, rate", Unit::PerSecond, rates);
    report.note("pgbench single-row inserts beside it, rate", Unit::PerSecond, inserts);
    costs.note(report, "create");
    yardsticks.note(report, "pgbench single-row inserts beside it");
    Ok(())
}
