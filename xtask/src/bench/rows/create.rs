//! New keys on a Postgres that writes to its disk before it answers, compared with inserts of one row a commit.

use anyhow::Result;
use serde_json::json;

use super::{Bench, Node, Postgres, Report, Request, Target, Unit, process};
use crate::bench::pgbench::Pgbench;

pub(super) fn measure(bench: &Bench, report: &mut Report) -> Result<()> {
    let postgres = Postgres::start()?;
    let node = Node::start(bench, &postgres.launch())?;
    let cluster = &postgres.cluster;
    let pgbench = Pgbench::prepare(cluster, 1)?;
    let body = json!({"mid": node.demo.merchant, "name": "bench", "type": "secret", "scopes": ["charges:read"]});
    let create = Request::post(node.url(), "/v1/api-keys", 201, &body.to_string());
    let create = create.bearer(&node.demo.platform.app_secret);
    let (seconds, baseline) = (bench.effort.seconds, "pgbench single-row inserts beside it");
    for _ in 0..bench.effort.rounds {
        let insert = process::noted(report, baseline, cluster, None, || pgbench.inserts(seconds))?;
        let service = Some(&node.server.process);
        let rate = process::noted(report, "create", cluster, service, || bench.wrk.same(&create, seconds))?;
        let ratio = "create, Postgres with fsync ÷ pgbench single-row inserts";
        report.add(ratio, Target::AtLeast(0.50), Unit::Ratio, rate / insert);
        report.note("create, rate", Unit::PerSecond, rate);
        report.note(format!("{baseline}, rate"), Unit::PerSecond, insert);
    }
    Ok(())
}
