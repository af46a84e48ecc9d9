//! The cost of verification for a gateway: nginx with `examples/nginx/keyward.conf`, compared with the same nginx
//! without it.
//!
//! The two differ in one line. Each is one process, so nginx has at most one core, on both sides; the application
//! behind it is hyper alone, which answers immediately.

use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;

use super::{Bench, Client, Launch, Node, Report, Request, Unit, baseline};
use keyward_testkit::process::Process;
use keyward_testkit::program::{Server, free_address};
use keyward_testkit::{nginx, run, tools};

/// The configuration that readers copy.
const EXAMPLE: &str = "examples/nginx/keyward.conf";
/// The line that verifies, and its replacement on the other side.
const ASKS: [&str; 2] = ["auth_request /_keyward;", "auth_request off;"];

pub(super) fn measure(bench: &Bench, report: &mut Report) -> Result<()> {
    let program = tools::find_or_install("nginx", "nginx")?;
    let application = baseline(&mut Command::new(bench.programs.path("raw-hyper")))?;
    let node = Node::start(bench, &Launch::default())?;
    let client = Client::new()?;
    let key = node.create_key(&client, "behind nginx", &["charges:read"])?;
    let asking = Gateway::start(&program, &node, &application, ASKS[0])?;
    let silent = Gateway::start(&program, &node, &application, ASKS[1])?;
    let request = |gateway: &Gateway| Request::get(&gateway.url, "/charges", 200).bearer(&key.value);
    let (with, without) = (request(&asking), request(&silent));
    // Only the first verifies: it alone refuses a key that was never made.
    let stranger = Request::get(&asking.url, "/charges", 401).bearer("unknown");
    client.ask(&stranger)?;
    client.ask(&stranger.elsewhere(&silent.url, "/charges", 200))?;
    for _ in 0..bench.effort.rounds {
        let baseline = bench.wrk.same(&without, bench.effort.seconds)?.per_second;
        let asked = bench.wrk.same(&with, bench.effort.seconds)?.per_second;
        report.note("nginx with `auth_request` ÷ the same nginx without", Unit::Ratio, asked / baseline);
        report.note("nginx with `auth_request`, rate", Unit::PerSecond, asked);
        report.note("the same nginx without, rate", Unit::PerSecond, baseline);
    }
    Ok(())
}

/// An nginx that ends with its owner.
struct Gateway {
    url: String,
    // Dropped in this order: its folder last.
    _process: Process,
    _folder: TempDir,
}

impl Gateway {
    fn start(program: &Path, node: &Node, application: &Server, asks: &str) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let address = free_address();
        let configuration = configuration(&address, [node.url(), &application.base_url, asks])?;
        let process = Process::spawn(&mut nginx::command(program, folder.path(), &configuration)?)?;
        while TcpStream::connect(&address).is_err() {
            ensure!(process.is_running(), "nginx ended: {}", process.output_so_far());
            std::thread::yield_now();
        }
        Ok(Self { url: format!("http://{address}"), _process: process, _folder: folder })
    }
}

/// The example with these addresses.
fn configuration(address: &str, [node, application, asks]: [&str; 3]) -> Result<String> {
    let example = run::workspace_root().join(EXAMPLE);
    let mut text = std::fs::read_to_string(&example).with_context(|| format!("cannot read {EXAMPLE}"))?;
    let without_scheme = |url: &str| url.trim_start_matches("http://").to_owned();
    let replaced = [
        ("listen 8000;", format!("listen {address};")),
        ("server 127.0.0.1:8080;", format!("server {};", without_scheme(node))),
        ("server 127.0.0.1:9000;", format!("server {};", without_scheme(application))),
        (ASKS[0], asks.to_owned()),
    ];
    for (old, new) in replaced {
        ensure!(text.matches(old).count() == 1, "{EXAMPLE} does not contain `{old}` exactly once");
        text = text.replace(old, &new);
    }
    Ok(text)
}
