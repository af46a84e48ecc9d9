//! The service under test: nodes, each with its own proxy to the one Postgres. All of them end with the run.
//!
//! Starts, heals and ends them. Never decides when a fault happens.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::control::Planted;
use super::lying_proxy::LyingProxy;
use super::node::Node;
use super::plan::{Mode, Plan, Profile};
use keyward_testkit::clock::RunClock;

use super::sql::OVERTAKER;
use super::watcher::Watcher;
use keyward_testkit::pg::{Cluster, Durability, Options};
use keyward_testkit::program::{Credentials, Demo, Program, START};
use keyward_testkit::proxy::{Network, Proxy};
use keyward_testkit::run;

/// The public URL of all nodes: they accept each other's tokens.
const PUBLIC_URL: &str = "http://keys.test";

/// All processes and proxies of a run.
pub(super) struct World {
    // Dropped in this order: the folder is removed after the processes that work in it.
    pub(super) lying_proxy: Option<LyingProxy>,
    pub(super) nodes: Vec<Node>,
    pub(super) wires: Vec<Proxy>,
    pub(super) cluster: Cluster,
    watcher: Watcher,
    /// The platform's account and key, which make most requests.
    pub(super) platform: Credentials,
    /// Mids of partners, each without keys and merchants.
    pub(super) partners: Vec<String>,
}

impl World {
    /// Starts all of them. Returns when every node is ready.
    ///
    /// # Errors
    /// If one of them does not start.
    pub(super) fn start(plan: &Plan, server: &Path, clock: RunClock) -> Result<Self> {
        let watcher = Watcher::start()?;
        let cluster = Cluster::start_with(Options { durability: Durability::Real, tcp: true })?;
        let url = cluster.tcp_url().context("the cluster listens on no port")?;
        let database: SocketAddr = authority(&url).context("no address in the cluster's URL")?.parse()?;
        let mut wires = Vec::new();
        let mut nodes: Vec<Node> = Vec::new();
        for number in 0..plan.nodes {
            let wire = Proxy::to(database)?;
            let through = url.replace(&database.to_string(), &wire.address().to_string());
            let demo = if number == 0 { "--demo" } else { "" };
            let program = program(plan, server, watcher.folder(), number, through)?;
            let node = Node::start(program.words("serve --listen 127.0.0.1:0").words(demo))?;
            if number == 0 {
                // The first node creates the schema, the master key and the first accounts for all.
                node.await_ready(START)?;
            }
            wires.push(wire);
            nodes.push(node);
        }
        let addresses = nodes.iter().map(|node| node.await_ready(START)).collect::<Result<Vec<_>>>()?;
        let lying_proxy = match (plan.mode, addresses.first()) {
            (Mode::Control(Planted::LyingProxy(lie)), Some(address)) => Some(LyingProxy::before(*address, lie, clock)?),
            _ => None,
        };
        let platform = Demo::read(&first_nodes_data(watcher.folder()))?.platform;
        let operator = program(plan, server, watcher.folder(), plan.nodes, url)?;
        let mut partners = Vec::new();
        for number in 0..plan.partners() {
            let mid = format!("partner-{number}");
            create_partner(&operator, "Partner", &mid)?;
            partners.push(mid);
        }
        create_partner(&operator, "Overtaker", OVERTAKER)?;
        Ok(Self { lying_proxy, nodes, wires, cluster, watcher, platform, partners })
    }

    /// The address of a node; `None` while it is not ready.
    pub(super) fn address(&self, node: usize) -> Option<SocketAddr> {
        let address = self.nodes.get(node)?.address()?;
        let lying_proxy = self.lying_proxy.as_ref().filter(|_| node == 0);
        Some(lying_proxy.map_or(address, LyingProxy::address))
    }

    /// Ends all faults. Returns when every node is ready.
    ///
    /// # Errors
    /// If Postgres or a node does not return.
    pub(super) fn heal(&self) -> Result<()> {
        for wire in &self.wires {
            wire.set(Network::Healthy);
        }
        for node in &self.nodes {
            node.resume()?;
            node.unblock_log(true);
            node.revive();
        }
        self.nodes.iter().try_for_each(|node| node.await_ready(START).map(drop))
    }

    /// The folder of the run.
    pub(super) fn folder(&self) -> &Path {
        self.watcher.folder()
    }
}

/// The program of a node, in its own folder.
fn program(plan: &Plan, server: &Path, folder: &Path, number: usize, url: String) -> Result<Program> {
    let own = folder.join(format!("node-{number}"));
    std::fs::create_dir(&own).with_context(|| format!("cannot make {}", own.display()))?;
    let mut program = Program::new(server, &own).env("DATABASE_URL", url);
    program = program.env("KEYWARD_PUBLIC_URL", PUBLIC_URL).env("KEYWARD_LOG__FILTER", "info");
    if plan.profile == Profile::Quick {
        program = program.env("KEYWARD_VERIFIER__PROFILE", "quick");
    }
    if number > 0 {
        program = program.env("KEYWARD_MASTER_KEY_FILE", first_nodes_data(folder).join("master.key"));
    }
    Ok(program)
}

fn first_nodes_data(folder: &Path) -> PathBuf {
    folder.join("node-0/keyward-data")
}

fn create_partner(operator: &Program, name: &str, mid: &str) -> Result<()> {
    let program = operator.clone().words("account create --role partner --name").word(name).words("--mid").word(mid);
    run::capture(&mut program.command()).map(drop)
}

/// Host and port in a URL with a user and a path.
pub(super) fn authority(url: &str) -> Option<&str> {
    let (_, rest) = url.rsplit_once('@')?;
    rest.split('/').next()
}
