//! `cargo xtask bench`: how fast the service is, as ratios to yardsticks measured in the same run.
//!
//! Absolute figures of a shared machine mean little; the two sides of a ratio take turns, so that both feel the same
//! noise. Never part of the tests, and never asserts a figure.

mod figures;
mod node;
mod pgbench;
mod start;
mod wrk;

use anyhow::{Context as _, Result, bail};

use crate::{
    pg::{Cluster, Durability},
    run,
};
use figures::{Report, Row};
use node::{Hello, Node};
use wrk::Request;

/// How long and how often each side of a ratio is measured.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    rounds: u32,
    seconds: u32,
}

/// Connections of every load, on every side.
const CONNECTIONS: u32 = 16;

impl Effort {
    /// Reads the words after `bench`: none, or `--quick`.
    ///
    /// # Errors
    /// When there is any other word.
    pub fn parse(words: &[&str]) -> Result<Self> {
        match words {
            [] => Ok(Self { rounds: 3, seconds: 3 }),
            ["--quick"] => Ok(Self { rounds: 1, seconds: 1 }),
            other => bail!("`bench` takes only --quick, not `{}`", other.join(" ")),
        }
    }
}

/// Builds what it needs in release mode, measures, and prints Markdown.
///
/// # Errors
/// When something cannot be built, started or measured, or an answer under load was not the expected one.
pub fn run(effort: Effort) -> Result<()> {
    let wrk = wrk::find_or_install()?;
    let (keyward, hello) = build()?;
    let mut report = Report::new(effort.rounds, effort.seconds, CONNECTIONS);
    start::measure(&keyward, effort, &mut report)?;
    let hello = Hello::start(&hello)?;
    {
        let node = Node::start(&keyward, None)?;
        http_rows("SQLite", &node, &hello, &wrk, effort, &mut report)?;
    }
    let cluster = Cluster::start(Durability::Real)?;
    let database = pgbench::fresh_database(&cluster, "bench")?;
    let node = Node::start(&keyward, Some(&database))?;
    http_rows("Postgres", &node, &hello, &wrk, effort, &mut report)?;
    pgbench_rows(&node, &cluster, &wrk, effort, &mut report)?;
    print!("{report}");
    Ok(())
}

fn build() -> Result<(std::path::PathBuf, std::path::PathBuf)> {
    println!("building in release mode (takes minutes the first time)");
    run::show(run::cargo().args(["build", "--release", "--quiet", "--locked", "--bin", "keyward"]))?;
    let hello = ["build", "--release", "--quiet", "--locked", "--package", "keyward-e2e", "--example", "hello"];
    run::show(run::cargo().args(hello))?;
    let target = run::target_directory()?.join("release");
    Ok((target.join("keyward"), target.join("examples/hello")))
}

/// Every call, in turns with the bare axum.
fn http_rows(
    database: &str,
    node: &Node,
    hello: &Hello,
    wrk: &wrk::Wrk,
    effort: Effort,
    report: &mut Report,
) -> Result<()> {
    let bare = Request::get(hello.url(), "/", 200);
    for (name, request) in calls(node)? {
        println!("measuring {name} on {database}");
        let mut row = Row::new(format!("{name}, {database}"), "bare axum");
        for _ in 0..effort.rounds {
            let yardstick = wrk.rate(&bare, CONNECTIONS, effort.seconds)?;
            row.add(wrk.rate(&request, CONNECTIONS, effort.seconds)?, yardstick);
        }
        report.add(row);
    }
    Ok(())
}

fn calls(node: &Node) -> Result<Vec<(&'static str, Request)>> {
    let demo = node.demo();
    let subject = node.create_key("bench subject", "secret")?;
    for n in 1..100 {
        node.create_key(&format!("bench {n}"), "public")?;
    }
    let bearer = |request: Request| request.header("Authorization", &format!("Bearer {}", demo.platform_secret));
    let merchant = &demo.merchant;
    let create = format!(r#"{{"mid":"{merchant}","name":"bench","type":"secret","scopes":["charges:read"]}}"#);
    let verify = format!(r#"{{"key":"{}","scopes":["charges:read"]}}"#, subject.value);
    let token = format!(r#"{{"AppKey":"{}","AppSecret":"{}"}}"#, demo.platform_key, demo.platform_secret);
    let subject_only =
        Request::get(node.url(), "/v1/auth", 204).header("Authorization", &format!("Bearer {}", subject.value));
    Ok(vec![
        ("gateway check `/v1/auth`", subject_only),
        ("verify", bearer(Request::post(node.url(), "/v1/verify", 200, &verify))),
        ("get", bearer(Request::get(node.url(), &format!("/v1/api-keys/{}", subject.id), 200))),
        ("list of 100", bearer(Request::get(node.url(), &format!("/v1/api-keys/{merchant}"), 200))),
        ("token", Request::post(node.url(), "/v1/oauth2/token", 200, &token)),
        // Last: it fills the list.
        ("create", bearer(Request::post(node.url(), "/v1/api-keys", 201, &create))),
    ])
}

/// The two calls whose yardstick is the database itself.
fn pgbench_rows(node: &Node, cluster: &Cluster, wrk: &wrk::Wrk, effort: Effort, report: &mut Report) -> Result<()> {
    let pgbench = pgbench::Pgbench::prepare(cluster)?;
    let calls = calls(node)?;
    let call = |name| {
        let found = calls.iter().find(|(call, _)| *call == name);
        found.map(|(_, request)| request).with_context(|| format!("no call {name}"))
    };
    println!("measuring pgbench");
    let mut verify = Row::new("verify, Postgres".into(), "pgbench -S");
    let mut create = Row::new("create, Postgres with fsync".into(), "pgbench single-row inserts");
    for _ in 0..effort.rounds {
        let select = pgbench.selects(CONNECTIONS, effort.seconds)?;
        verify.add(wrk.rate(call("verify")?, CONNECTIONS, effort.seconds)?, select);
        let insert = pgbench.inserts(CONNECTIONS, effort.seconds)?;
        create.add(wrk.rate(call("create")?, CONNECTIONS, effort.seconds)?, insert);
    }
    report.add(verify);
    report.add(create);
    Ok(())
}
