//! A minute of load on one node, and a million invalid credentials (T18): the time of the slowest hundredth, and the
//! growth of the node.

use anyhow::Result;

use super::{Bench, Client, Launch, Node, Report, Request, Target, Unit};
use crate::bench::process::resident_mib;
use crate::bench::programs::KeysToMake;
use crate::bench::wrk::Traffic;

/// Number of invalid credentials.
const BAD: u32 = 1_000_000;
/// Number of values of keys that were never made, well-formed and of the right environment.
const NEVER_MADE: u32 = 100_000;
/// Maximum growth of a node, in MiB.
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

/// Returns the growth of the node in MiB, and the rate of its refusals.
fn strangers(bench: &Bench, node: &Node, sources: bool) -> Result<(f64, f64)> {
    let folder = tempfile::tempdir()?;
    let count = u64::from(bench.effort.count(NEVER_MADE));
    let keys = KeysToMake { count, merchants: 1, step_millis: 1, seed: 99 };
    bench.programs.make_keys(&node.master_key(), &keys, folder.path())?;
    // The growth by its first answers does not count.
    let good = Request::get(node.url(), "/v1/auth", 204).bearer(&node.demo.platform.app_secret);
    bench.wrk.same(&good, 2)?;
    let before = resident_mib(&node.server.process)?;
    let request = Request::get(node.url(), "/v1/auth", 401);
    let values = folder.path().join("values.txt").display().to_string();
    let script = SCRIPT.replace("VALUES", &values).replace("SOURCES", &sources.to_string());
    let (mut sent, mut rate) = (0.0, 0.0);
    while sent < f64::from(bench.effort.count(BAD)) {
        let load = bench.wrk.load(&Traffic::Refused(&request, &script), bench.effort.seconds)?;
        sent += load.requests;
        rate = load.per_second;
    }
    Ok((resident_mib(&node.server.process)? - before, rate))
}

/// Alternates: not a key value, the value of a key that was never made, and something like an access token.
const SCRIPT: &str = r"
local values = {}
function init()
  for value in io.lines([==[VALUES]==]) do values[#values + 1] = value end
  math.randomseed(os.time())
end
local n = math.random(2^30)
function request()
  n = n + 1
  local bad = string.format('sk_test_%075d', n)
  if n % 3 == 1 then bad = values[math.random(#values)] end
  if n % 3 == 2 then bad = 'eyJhbGciOiJFZERTQSIsInR5cCI6ImF0K2p3dCJ9.' .. n .. '.' .. n end
  local headers = { Authorization = 'Bearer ' .. bad }
  if SOURCES then
    headers['X-Forwarded-For'] = string.format('10.%d.%d.%d', math.random(250), math.random(250), math.random(250))
  end
  return wrk.format('GET', nil, headers)
end
";
