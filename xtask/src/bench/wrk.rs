//! The load generator: wrk, from Debian's packages. Closed loop on loopback, for a few seconds; every answer must be the
//! expected one, or there is no figure.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};

use crate::run;

/// One request, sent over and over.
pub(super) struct Request {
    method: &'static str,
    base: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Option<String>,
    expected: u16,
}

impl Request {
    pub(super) fn get(base: &str, path: &str, expected: u16) -> Self {
        Self { method: "GET", base: base.into(), path: path.into(), headers: Vec::new(), body: None, expected }
    }

    pub(super) fn post(base: &str, path: &str, expected: u16, json: &str) -> Self {
        let request = Self { method: "POST", body: Some(json.into()), ..Self::get(base, path, expected) };
        request.header("Content-Type", "application/json")
    }

    pub(super) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// wrk reads headers and bodies from a script, so that no credential stands in an argument.
    fn script(&self) -> String {
        let mut script = format!("wrk.method = \"{}\"\n", self.method);
        for (name, value) in &self.headers {
            // Writing to a string cannot fail.
            let _ = writeln!(script, "wrk.headers[ [==[{name}]==] ] = [==[{value}]==]");
        }
        if let Some(body) = &self.body {
            let _ = writeln!(script, "wrk.body = [==[{body}]==]");
        }
        let _ = write!(
            script,
            "local wrong = 0\nlocal seen = 0\n\
             function response(status) seen = status; if status ~= {} then wrong = wrong + 1; last = status end end\n\
             function setup(thread) table.insert(threads, thread) end\n\
             threads = {{}}\n",
            self.expected
        );
        script.push_str("last = 0\n");
        script.push_str("function done() local l = 0; for _, t in ipairs(threads) do local s = t:get('last'); if s ~= 0 then l = s end end; print('Unexpected: ' .. l) end\n");
        script
    }
}

/// The program.
pub(super) struct Wrk(PathBuf);

impl Wrk {
    /// How many requests a second are answered as expected.
    pub(super) fn rate(&self, request: &Request, connections: u32, seconds: u32) -> Result<f64> {
        let folder = tempfile::tempdir()?;
        let script = folder.path().join("request.lua");
        std::fs::write(&script, request.script())?;
        let mut command = Command::new(&self.0);
        command.args(["--threads", "1", "--timeout", "10s", "--connections", &connections.to_string()]);
        command.args(["--duration", &format!("{seconds}s"), "--script"]).arg(&script);
        command.arg(format!("{}{}", request.base, request.path));
        let said = run::capture(&mut command)?;
        let after = |marker: &str| said.split_once(marker).and_then(|(_, rest)| rest.split_whitespace().next());
        let unexpected = after("Unexpected:").context("wrk did not say how the answers were")?;
        ensure!(unexpected == "0", "{} {} was answered with {unexpected} under load", request.method, request.path);
        if said.contains("Socket errors") {
            bail!("wrk met socket errors:\n{said}");
        }
        after("Requests/sec:").and_then(|rate| rate.parse().ok()).with_context(|| format!("wrk said no rate:\n{said}"))
    }
}

/// Finds wrk, or installs it where that is the machine's way.
pub(super) fn find_or_install() -> Result<Wrk> {
    let find = || {
        let path = run::variable("PATH").unwrap_or_default();
        std::env::split_paths(&path).map(|folder| folder.join("wrk")).find(|program| program.is_file())
    };
    if let Some(program) = find() {
        return Ok(Wrk(program));
    }
    let command = "apt-get install -y --no-install-recommends wrk";
    let installs = rustix::process::geteuid().is_root() && std::path::Path::new("/etc/debian_version").exists();
    ensure!(installs, "`bench` needs the load generator wrk: `{command}` on Debian, `brew install wrk` on macOS");
    println!("installing wrk");
    run::capture(Command::new("apt-get").args(["update", "-q"]))?;
    run::capture(Command::new("apt-get").args(command.split(' ').skip(1)).env("DEBIAN_FRONTEND", "noninteractive"))?;
    find().map(Wrk).context("wrk was installed and is not on the PATH")
}
