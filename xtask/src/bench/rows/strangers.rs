//! A minute of load on one node, and a million bad credentials (T18): how slow the slowest hundredth is, and how much
//! the node grows.

use std::fmt::Write as _;

use anyhow::Result;

use super::{Bench, Client, Launch, Node, Report, Request, Target, Unit};
use crate::bench::process::resident_mib;
use crate::bench::programs::Stock;
use crate::bench::wrk::Traffic;

/// How many bad credentials.
const BAD: u32 = 1_000_000;
/// How many values there are of keys that were never made, well-formed and of the right environment.
const NEVER_MADE: u32 = 100_000;
/// By how much a node may grow, in MiB.
const MOST_GROWTH: f64 = 20.0;

pub(super) fn measure(bench: &Bench, report: &mut Report) -> Result<()> {
    {
        println!("a long load");
        let node = Node::start(bench, &Launch::default())?;
        let key = node.create_key(&Client::new()?, "twenty characters ok", &["charges:read"])?;
        let request = Request::get(node.url(), "/v1/auth", 204).bearer(&key.value);
        let load = bench.wrk.same(&request, bench.effort.long)?;
        let name = format!("`GET /v1/auth` under full load for {} s, p99", bench.effort.long);
        report.add(name, Target::AtMost(10.0), Unit::Milliseconds, load.p99);
        report.note("the rate of that load", Unit::PerSecond, load.per_second);
    }
    // Clients behind a trusted proxy can have any address.
    let settings = [("KEYWARD_TRUSTED_PROXIES", "127.0.0.1")];
    for (from, sources) in [("one source", false), ("as many sources", true)] {
        println!("bad credentials from {from}");
        let node = Node::start(bench, &Launch { settings: &settings, ..Launch::default() })?;
        let (grown, rate) = strangers(bench, &node, sources)?;
        let name = format!("{} bad credentials from {from}: growth", bench.effort.count(BAD));
        report.add(name, Target::Always(MOST_GROWTH), Unit::Mebibytes, grown);
        report.note(format!("bad credentials from {from}, rate"), Unit::PerSecond, rate);
    }
    Ok(())
}

/// By how many MiB the node has grown, and how many it refused a second.
fn strangers(bench: &Bench, node: &Node, sources: bool) -> Result<(f64, f64)> {
    let folder = tempfile::tempdir()?;
    let keys = u64::from(bench.effort.count(NEVER_MADE));
    let stock = Stock { keys, merchants: 1, first_millis: 1_700_000_000_000, step_millis: 1, seed: 99 };
    bench.programs.stock(&node.master_key(), &stock, folder.path())?;
    // Not that it grew by answering at all.
    let good = Request::get(node.url(), "/v1/auth", 204).bearer(&node.demo.platform.app_secret);
    bench.wrk.same(&good, 2)?;
    let before = resident_mib(&node.server.process)?;
    let request = Request::get(node.url(), "/v1/auth", 401);
    let script = script(&folder.path().join("values.txt").display().to_string(), sources);
    let (mut sent, mut rate) = (0.0, 0.0);
    while sent < f64::from(bench.effort.count(BAD)) {
        let load = bench.wrk.load(&Traffic::Refused(&request, script.clone()), bench.effort.seconds)?;
        sent += load.requests;
        rate = load.per_second;
    }
    Ok((resident_mib(&node.server.process)? - before, rate))
}

/// In turns: no key value at all, the value of a key that was never made, and something like an access token.
fn script(values: &str, sources: bool) -> String {
    let mut script = format!(
        "local values = {{}}\n\
         function init()\n\
         \x20 for value in io.lines([==[{values}]==]) do values[#values + 1] = value end\n\
         \x20 math.randomseed(os.time())\nend\n\
         local n = math.random(2^30)\n\
         function request()\n\
         \x20 n = n + 1\n\
         \x20 local bad = string.format('sk_test_%075d', n)\n\
         \x20 if n % 3 == 1 then bad = values[math.random(#values)] end\n\
         \x20 if n % 3 == 2 then bad = 'eyJhbGciOiJFZERTQSIsInR5cCI6ImF0K2p3dCJ9.' .. n .. '.' .. n end\n\
         \x20 local headers = {{ Authorization = 'Bearer ' .. bad }}\n"
    );
    if sources {
        // Writing to a string cannot fail.
        let _ = writeln!(
            script,
            "  headers['X-Forwarded-For'] = string.format('10.%d.%d.%d', math.random(250), math.random(250), \
             math.random(250))"
        );
    }
    script.push_str("  return wrk.format('GET', nil, headers)\nend\n");
    script
}
