//! What asking costs a gateway: nginx with `examples/nginx/keyward.conf`, against the same nginx that does not ask.
//!
//! The two differ in one line. Each is one process, so nginx has one core at most, on both sides; the application
//! behind it is hyper alone, which answers at once.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use anyhow::{Context as _, Result, bail, ensure};
use tempfile::TempDir;

use super::super::{
    Bench,
    client::Client,
    figures::{Report, Unit},
    node::{Hello, Launch, Node},
    request::Request,
};
use keyward_testkit::{nginx, run, tools};

/// The configuration that readers copy.
const EXAMPLE: &str = "examples/nginx/keyward.conf";
/// The line that asks, and what stands in its place on the other side.
const ASKS: [&str; 2] = ["auth_request /_keyward;", "auth_request off;"];

pub(super) fn measure(bench: &Bench, report: &mut Report) -> Result<()> {
    let program = tools::find_or_install("nginx", "nginx")?;
    let application = Hello::start(&bench.programs.path("raw-hyper"))?;
    let node = Node::start(&bench.programs.keyward(), &Launch::default())?;
    let (demo, mut client) = (node.demo()?, Client::connect(node.url())?);
    let key = node.create_key(&mut client, &demo, "behind nginx")?;
    let asking = Gateway::start(&program, &node, &application, ASKS[0])?;
    let silent = Gateway::start(&program, &node, &application, ASKS[1])?;
    let request = |gateway: &Gateway| Request::get(&gateway.url, "/charges", 200).bearer(&key.value);
    let (with, without) = (request(&asking), request(&silent));
    // The one asks, the other does not: a key that was never made is refused by the first alone.
    let stranger = Request::get(&asking.url, "/charges", 401).bearer("nobody");
    Client::connect(&asking.url)?.ask(&stranger)?;
    Client::connect(&silent.url)?.ask(&stranger.elsewhere(&silent.url, "/charges", 200))?;
    let (mut ratios, mut rates, mut silent_rates) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..bench.effort.rounds {
        let yardstick = bench.wrk.same(&without, bench.effort.seconds)?.per_second;
        let asked = bench.wrk.same(&with, bench.effort.seconds)?.per_second;
        ratios.push(asked / yardstick);
        rates.push(asked);
        silent_rates.push(yardstick);
    }
    report.note("nginx with `auth_request` ÷ the same nginx without", Unit::Ratio, ratios);
    report.note("nginx with `auth_request`, rate", Unit::PerSecond, rates);
    report.note("the same nginx without, rate", Unit::PerSecond, silent_rates);
    Ok(())
}

/// An nginx of our own, ended with its owner.
struct Gateway {
    url: String,
    process: Child,
    folder: TempDir,
}

impl Gateway {
    fn start(program: &Path, node: &Node, application: &Hello, asks: &str) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        // Free a moment ago; nginx says so if it is not any more.
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
        let configuration = configuration(&address, [node.url(), application.url(), asks])?;
        let mut command = nginx::command(program, folder.path(), &configuration)?;
        let log = std::fs::File::create(folder.path().join("said"))?;
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let process = command.spawn().with_context(|| format!("cannot start {}", program.display()))?;
        let mut gateway = Self { url: format!("http://{address}"), process, folder };
        gateway.wait_until_ready(&address)?;
        Ok(gateway)
    }

    fn wait_until_ready(&mut self, address: &str) -> Result<()> {
        while TcpStream::connect(address).is_err() {
            if let Some(status) = self.process.try_wait()? {
                let said = std::fs::read_to_string(self.folder.path().join("said"))?;
                bail!("nginx ended ({status}): {said}");
            }
            std::thread::yield_now();
        }
        Ok(())
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // It may have ended by itself; either way it is gone afterwards.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The example with our addresses.
fn configuration(address: &str, [node, application, asks]: [&str; 3]) -> Result<String> {
    let example: PathBuf = run::workspace_root().join(EXAMPLE);
    let mut text = std::fs::read_to_string(&example).with_context(|| format!("cannot read {EXAMPLE}"))?;
    let without_scheme = |url: &str| url.trim_start_matches("http://").to_owned();
    let replaced = [
        ("listen 8000;", format!("listen {address};")),
        ("server 127.0.0.1:8080;", format!("server {};", without_scheme(node))),
        ("server 127.0.0.1:9000;", format!("server {};", without_scheme(application))),
        (ASKS[0], asks.to_owned()),
    ];
    for (old, new) in replaced {
        ensure!(text.matches(old).count() == 1, "{EXAMPLE} does not hold `{old}` once");
        text = text.replace(old, &new);
    }
    Ok(text)
}
