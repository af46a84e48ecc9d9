//! Verifications that memory cannot answer: far more keys than fit, in random order, compared with look-ups of the
//! database alone, and with a bare axum that looks up one row for each request.

use std::process::Command;

use anyhow::Result;

use super::size::{LEAST_MEMORY, Shape, plant};
use super::{Bench, Launch, Node, Postgres, Report, Request, Target, Unit, baseline, process};
use crate::bench::pgbench::Pgbench;
use crate::bench::wrk::Traffic;

/// Number of keys; one in sixty fits into memory.
const KEYS: u32 = 200_000;
/// Connections of the bare axum: the service's default.
const POOL: &str = "16";

pub(super) fn measure(bench: &Bench, report: &mut Report) -> Result<()> {
    let postgres = Postgres::start()?;
    let cluster = &postgres.cluster;
    let node = Node::start(bench, &Launch { settings: &[LEAST_MEMORY], ..postgres.launch() })?;
    let keys = u64::from(bench.effort.count(KEYS));
    let planted = plant(bench, cluster, &postgres.url, &node, &Shape { known: keys, others: 0 })?;
    let scale = u32::try_from(keys / 100_000)?.max(1);
    let pgbench = Pgbench::prepare(cluster, scale)?;
    let mut command = Command::new(bench.programs.path("one-select"));
    let one_select = baseline(command.arg(POOL).env("DATABASE_URL", pgbench.url()))?;
    let ids = tempfile::NamedTempFile::new()?;
    let each: Vec<String> = (1..=scale * 100_000).map(|id| id.to_string()).collect();
    std::fs::write(ids.path(), each.join("\n"))?;
    let look_up = Request::get(&one_select.base_url, "/VALUE", 200);
    let body = r#"{"key":"VALUE","scopes":["charges:read"]}"#;
    let verify = Request::post(node.url(), "/v1/verify", 200, body).bearer(&node.demo.platform.app_secret);
    let seconds = bench.effort.seconds;
    let load = |request, values| bench.wrk.load(&Traffic::AnyOf(request, values), seconds);
    let (selects, axum) = ("`pgbench -S` beside it", "bare axum with one `SELECT` beside it");
    for _ in 0..bench.effort.rounds {
        let select = process::noted(report, selects, cluster, None, || pgbench.selects(seconds))?;
        let service = Some(&node.server.process);
        let rate = process::noted(report, "verify uncached", cluster, service, || load(&verify, &planted.values))?;
        let looked_up =
            process::noted(report, axum, cluster, Some(&one_select.process), || load(&look_up, ids.path()))?;
        report.add("verify uncached ÷ `pgbench -S`", Target::AtLeast(0.50), Unit::Ratio, rate / select);
        let of_axum = "verify uncached ÷ bare axum with one `SELECT`";
        report.add(of_axum, Target::AtLeast(0.60), Unit::Ratio, rate / looked_up);
        report.note("verify uncached, rate", Unit::PerSecond, rate);
        report.note(format!("{selects}, rate"), Unit::PerSecond, select);
        report.note(format!("{axum}, rate"), Unit::PerSecond, looked_up);
    }
    Ok(())
}
