//! The load generator: wrk, from Debian's packages. Closed loop on loopback, for a few seconds, on one thread.
//!
//! It looks at no answer beyond its status, so that it takes as little of the shared cores as it can: the answer is
//! checked once beforehand, and afterwards that none under load was an error.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

use super::{
    CONNECTIONS,
    process::{Spent, spent_by_the_ended},
    request::{Client, Request},
};
use keyward_testkit::{run, tools};

pub(super) struct Wrk(PathBuf);

/// The outcome of one load.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Load {
    pub(super) per_second: f64,
    pub(super) requests: f64,
    /// Milliseconds.
    pub(super) p99: f64,
    /// Processor time of the generator itself for each request, in microseconds, where that is known.
    pub(super) generator: Option<f64>,
}

/// What is sent.
pub(super) enum Traffic<'a> {
    /// One request, over and over.
    Same(&'a Request),
    /// The request with `VALUE` in its headers or body replaced by a line of a file, any line at a time.
    AnyOf(&'a Request, &'a Path),
    /// A script of one's own beside the request; whatever the answers are.
    Refused(&'a Request, String),
}

/// Finds it, or installs it where that is the machine's way.
pub(super) fn find_or_install() -> Result<Wrk> {
    tools::find_or_install("wrk", "wrk").context("`bench` needs the load generator wrk").map(Wrk)
}

impl Wrk {
    /// How a load of one request goes.
    pub(super) fn same(&self, request: &Request, seconds: u32) -> Result<Load> {
        Client::new()?.ask(request)?;
        self.load(&Traffic::Same(request), seconds)
    }

    /// How a load goes.
    pub(super) fn load(&self, traffic: &Traffic<'_>, seconds: u32) -> Result<Load> {
        let (request, script) = match traffic {
            Traffic::Same(request) => (*request, head(request)),
            Traffic::AnyOf(request, values) => (*request, any_of(request, values)),
            Traffic::Refused(request, script) => (*request, head(request) + script),
        };
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("request.lua");
        std::fs::write(&file, script)?;
        let mut command = Command::new(&self.0);
        command.args(["--threads", "1", "--timeout", "10s", "--connections", &CONNECTIONS.to_string()]);
        command.args(["--duration", &format!("{seconds}s"), "--script"]).arg(&file);
        command.arg(format!("{}{}", request.base, request.path));
        let before = spent_by_the_ended();
        let said = run::capture(&mut command)?;
        let spent = before.zip(spent_by_the_ended());
        let line =
            said.lines().find(|line| line.starts_with('{')).with_context(|| format!("wrk ended early:\n{said}"))?;
        let Said { requests, micros, p99, broken, refused } = serde_json::from_str(line)?;
        ensure!(broken == 0, "{broken} connections broke or timed out");
        let may_be_refused = matches!(traffic, Traffic::Refused(..));
        ensure!(may_be_refused || refused == 0, "{refused} answers under load were refusals");
        let generator = spent.map(|(before, after)| after.each(before, requests)).map(Spent::sum);
        Ok(Load { per_second: requests / micros * 1e6, requests, p99: p99 / 1_000.0, generator })
    }
}

/// What [`DONE`] prints.
#[derive(Deserialize)]
struct Said {
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

/// wrk reads headers and bodies from a script, so that no credential stands in an argument.
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

/// All requests are put together beforehand.
fn any_of(request: &Request, values: &Path) -> String {
    let mut script = head(request);
    let _ = write!(
        script,
        "local made = {{}}\n\
         function init()\n  math.randomseed(os.time())\n\
         \x20 local template = wrk.format()\n\
         \x20 local length = #(wrk.body or '')\n\
         \x20 for value in io.lines([==[{}]==]) do\n\
         \x20   local text = template:gsub('VALUE', value)\n\
         \x20   local grown = length + (#text - #template)\n\
         \x20   if wrk.body then text = text:gsub('Content%-Length: %d+', 'Content-Length: ' .. grown) end\n\
         \x20   made[#made + 1] = text\n  end\nend\n\
         function request() return made[math.random(#made)] end\n",
        values.display()
    );
    script
}
