//! Verifications that memory does not answer: far more keys than it holds, any of them at a time, against look-ups of the
//! database alone.

use anyhow::Result;

use super::super::{
    Bench,
    costs::Costs,
    figures::{Report, Target, Unit},
    node::{Launch, Node},
    pgbench::{self, Pgbench},
    request::Request,
    wrk::Traffic,
};
use super::size::{Shape, plant};
use crate::pg::{Cluster, Durability};

/// How many keys there are; one in sixty of them finds room in memory.
const KEYS: u32 = 200_000;
/// The least that a node takes, in bytes.
const ROOM: &str = "1048576";

pub(super) fn measure(bench: &Bench, report: &mut Report) -> Result<()> {
    let cluster = Cluster::start(Durability::Real)?;
    let database = pgbench::fresh_database(&cluster, "bench")?;
    let settings = [("KEYWARD_VERIFIER__CACHE_BYTES", ROOM)];
    let launch = Launch { database: Some(&database), settings: &settings, ..Launch::default() };
    let node = Node::start(&bench.programs.keyward(), &launch)?;
    let keys = u64::from(bench.effort.count(KEYS));
    let planted = plant(bench, &cluster, &database, &node, &Shape { known: keys, others: 0 })?;
    let pgbench = Pgbench::prepare(&cluster, u32::try_from(keys / 100_000)?.max(1))?;
    let body = r#"{"key":"VALUE","scopes":["charges:read"]}"#;
    let verify = Request::post(node.url(), "/v1/verify", 200, body).bearer(&node.demo()?.platform_secret);
    let (mut ratios, mut rates, mut selects) = (Vec::new(), Vec::new(), Vec::new());
    let (mut costs, mut yardsticks) = (Costs::default(), Costs::default());
    for _ in 0..bench.effort.rounds {
        let select = yardsticks.of(&cluster, None, || {
            let rate = pgbench.selects(bench.effort.seconds)?;
            Ok((rate, rate * f64::from(bench.effort.seconds)))
        })?;
        let rate = costs.of(&cluster, Some(&node.running), || {
            let load = bench.wrk.load(&Traffic::AnyOf(&verify, &planted.values), bench.effort.seconds)?;
            Ok((load.per_second, load.requests))
        })?;
        ratios.push(rate / select);
        rates.push(rate);
        selects.push(select);
    }
    report.add("verify uncached ÷ `pgbench -S`", Target::AtLeast(0.50), Unit::Ratio, ratios);
    report.note("verify uncached, rate", Unit::PerSecond, rates);
    report.note("`pgbench -S` beside it, rate", Unit::PerSecond, selects);
    costs.note(report, "verify uncached");
    yardsticks.note(report, "`pgbench -S` beside it");
    Ok(())
}
