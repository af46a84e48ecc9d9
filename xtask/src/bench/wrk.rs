//! The load generator: wrk, from Debian's packages. Closed loop on loopback, for a few seconds, on one thread.
//!
//! It looks at no answer beyond its status, so that it takes as little of the shared cores as it can: the answer is
//! checked once beforehand, and afterwards that none under load was an error.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use super::{CONNECTIONS, client::Client, process::spent_by_the_ended, request::Request};
use keyward_testkit::{run, tools};

/// The program.
pub(super) struct Wrk(PathBuf);

/// What one load brought.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Load {
    pub(super) per_second: f64,
    pub(super) requests: f64,
    /// Milliseconds.
    pub(super) p99: f64,
    /// What the generator itself spent on a processor for each request, in microseconds, where that is known.
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
        Client::connect(&request.base)?.ask(request)?;
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
        command.args(["--threads", "1", "--timeout", "10s", "--latency", "--connections", &CONNECTIONS.to_string()]);
        command.args(["--duration", &format!("{seconds}s"), "--script"]).arg(&file);
        command.arg(format!("{}{}", request.base, request.path));
        let before = spent_by_the_ended();
        let said = run::capture(&mut command)?;
        let spent = before.zip(spent_by_the_ended());
        ensure!(!said.contains("Socket errors"), "wrk met socket errors:\n{said}");
        let may_be_refused = matches!(traffic, Traffic::Refused(..));
        ensure!(may_be_refused || !said.contains("Non-2xx"), "not every answer under load was a good one:\n{said}");
        let load = read(&said).with_context(|| format!("wrk said something else:\n{said}"))?;
        let generator =
            spent.map(|(before, after)| after.each(before, load.requests)).map(|each| each.own + each.kernel);
        Ok(Load { generator, ..load })
    }
}

/// wrk reads headers and bodies from a script, so that no credential stands in an argument.
fn head(request: &Request) -> String {
    let mut script = format!("wrk.method = \"{}\"\n", request.method);
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

fn read(said: &str) -> Option<Load> {
    let after = |marker: &str| said.split_once(marker).and_then(|(_, rest)| rest.split_whitespace().next());
    let requests = said.lines().find_map(|line| line.trim().split_once(" requests in"))?.0.parse().ok()?;
    // At the start of a line: a deviation may be 96.99% as well.
    let p99 = said.lines().find_map(|line| line.trim().strip_prefix("99%")).and_then(|time| millis(time.trim()))?;
    Some(Load { per_second: after("Requests/sec:")?.parse().ok()?, requests, p99, generator: None })
}

/// A time as wrk prints it: `12.00us`, `1.20ms`, `1.20s`.
fn millis(text: &str) -> Option<f64> {
    let (number, factor) = match text {
        text if text.ends_with("us") => (text.trim_end_matches("us"), 0.001),
        text if text.ends_with("ms") => (text.trim_end_matches("ms"), 1.0),
        text => (text.strip_suffix('s')?, 1_000.0),
    };
    number.parse::<f64>().ok().map(|number| number * factor)
}

#[cfg(test)]
mod tests {
    //! What wrk prints is understood.
    use super::*;

    #[test]
    fn rate_count_and_slowest_hundredth_are_read() {
        let said = "Running 1s test\n    Latency   191.52us  430.61us   8.25ms   96.99%\n  Latency Distribution\n     50%  310.00us\n     99%    1.20ms\n  \
                    34000 requests in 1.00s, 3.92MB read\nRequests/sec:  33878.63\n";
        assert_eq!(read(said), Some(Load { per_second: 33_878.63, requests: 34_000.0, p99: 1.2, generator: None }));
        assert_eq!(read("nothing"), None);
        assert_eq!(["250.00us", "1.50s", "x"].map(millis), [Some(0.25), Some(1_500.0), None]);
    }
}
