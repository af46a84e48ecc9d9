//! The load generator: wrk, from Debian's packages. Closed loop on loopback, for a few seconds, on one thread.
//!
//! It reads only the status of an answer, and so takes little of the shared cores: one answer is checked beforehand,
//! and none under load may be an error.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

use super::CONNECTIONS;
use super::request::{Client, Request};
use keyward_testkit::{run, tools};

pub(super) struct Wrk(PathBuf);

/// The result of one load, by wrk or pgbench.
#[derive(Clone, Copy)]
pub(super) struct Load {
    pub(super) per_second: f64,
    pub(super) requests: f64,
    /// Milliseconds; zero where the generator does not report it.
    pub(super) p99: f64,
}

/// The requests of a load.
pub(super) enum Traffic<'a> {
    /// One request, over and over.
    Same(&'a Request),
    /// The request with `VALUE` in its headers or body replaced by a line of a file, any line at a time.
    AnyOf(&'a Request, &'a Path),
    /// The request, changed by a script; the answers may be refusals.
    Refused(&'a Request, &'a str),
}

/// Finds it, or installs it on Debian.
pub(super) fn find_or_install() -> Result<Wrk> {
    tools::find_or_install("wrk", "wrk").context("`bench` needs the load generator wrk").map(Wrk)
}

impl Wrk {
    /// Runs a load of one request.
    pub(super) fn same(&self, request: &Request, seconds: u32) -> Result<Load> {
        Client::new()?.ask(request)?;
        self.load(&Traffic::Same(request), seconds)
    }

    /// Runs a load.
    pub(super) fn load(&self, traffic: &Traffic<'_>, seconds: u32) -> Result<Load> {
        let (request, script) = match traffic {
            Traffic::Same(request) => (*request, head(request)),
            Traffic::AnyOf(request, values) => {
                (*request, head(request) + &ANY_OF.replace("VALUES", &values.display().to_string()))
            }
            Traffic::Refused(request, script) => (*request, head(request) + script),
        };
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("request.lua");
        std::fs::write(&file, script)?;
        let mut command = Command::new(&self.0);
        command.args(["--threads", "1", "--timeout", "10s", "--connections", &CONNECTIONS.to_string()]);
        command.args(["--duration", &format!("{seconds}s"), "--script"]).arg(&file);
        command.arg(format!("{}{}", request.base, request.path));
        let printed = run::capture(&mut command)?;
        let line = printed
            .lines()
            .find(|line| line.starts_with('{'))
            .with_context(|| format!("wrk ended early:\n{printed}"))?;
        let Summary { requests, micros, p99, broken, refused } = serde_json::from_str(line)?;
        ensure!(broken == 0, "{broken} connections broke or timed out");
        let may_be_refused = matches!(traffic, Traffic::Refused(..));
        ensure!(may_be_refused || refused == 0, "{refused} answers under load were refusals");
        Ok(Load { per_second: requests / micros * 1e6, requests, p99: p99 / 1_000.0 })
    }
}

/// The line that [`DONE`] prints.
#[derive(Deserialize)]
struct Summary {
    requests: f64,
    micros: f64,
    /// In microseconds.
    p99: f64,
    broken: u64,
    refused: u64,
}

const DONE: &str = r#"
function done(summary, latency)
  local e = summary.errors
  print(string.format('{"requests":%d,"micros":%d,"p99":%d,"broken":%d,"refused":%d}', summary.requests,
    summary.duration, latency:percentile(99), e.connect + e.read + e.write + e.timeout, e.status))
end
"#;

/// Prepares all requests beforehand.
const ANY_OF: &str = r"
local made = {}
function init()
  math.randomseed(os.time())
  local template = wrk.format()
  local length = #(wrk.body or '')
  for value in io.lines([==[VALUES]==]) do
    local text = template:gsub('VALUE', value)
    local grown = length + (#text - #template)
    if wrk.body then text = text:gsub('Content%-Length: %d+', 'Content-Length: ' .. grown) end
    made[#made + 1] = text
  end
end
function request() return made[math.random(#made)] end
";

/// The script with headers and body, so that no credential is in an argument.
fn head(request: &Request) -> String {
    let mut script = format!("{DONE}wrk.method = \"{}\"\n", request.method);
    for (name, value) in &request.headers {
        // Writing to a string cannot fail.
        let _ = writeln!(script, "wrk.headers[ [==[{name}]==] ] = [==[{value}]==]");
    }
    if let Some(body) = &request.body {
        let _ = writeln!(script, "wrk.body = [==[{body}]==]");
    }
    script
}
