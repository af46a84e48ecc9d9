//! The service under test: nodes, each with its own wire to the one Postgres, all of them ours and ended with us.
//!
//! It starts, heals and ends them; it never says when a fault happens.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::clock::Clock;
use super::control::Planted;
use super::lying_proxy::LyingProxy;
use super::node::{Launch, Node};
use super::plan::{Mode, Plan, Profile};
use super::proxy::{Proxy, Weather};
use super::sql::OVERTAKER;
use super::watcher::Watcher;
use keyward_testkit::pg::{Cluster, Durability, Options};

/// What the nodes present as: tokens of one are for the others, too.
const PUBLIC_URL: &str = "http://keys.test";

/// A start in a debug build on a busy machine; whoever takes longer does not start.
const START: Duration = Duration::from_mins(1);

/// Everything that runs.
pub(super) struct World {
    // Dropped in this order: the folder goes when nobody lives in it any more.
    pub(super) lying_proxy: Option<LyingProxy>,
    pub(super) nodes: Vec<Node>,
    pub(super) wires: Vec<Proxy>,
    pub(super) cluster: Cluster,
    watcher: Watcher,
    pub(super) platform: Platform,
    /// Mids of partners, each without keys and merchants.
    pub(super) partners: Vec<String>,
}

/// The platform's account, and the key that asks for everything.
pub(super) struct Platform {
    pub(super) mid: String,
    pub(super) secret: String,
}

impl World {
    /// Starts all of it; returns when every node is ready.
    ///
    /// # Errors
    /// When something does not start.
    pub(super) fn start(plan: &Plan, server: &Path, clock: Clock) -> Result<Self> {
        let watcher = Watcher::start()?;
        let cluster = Cluster::start_with(Options { durability: Durability::Real, tcp: true })?;
        let url = cluster.tcp_url().context("the cluster listens on no port")?;
        let database: SocketAddr = authority(&url).context("no address in the cluster's URL")?.parse()?;
        let mut wires = Vec::new();
        let mut nodes: Vec<Node> = Vec::new();
        for number in 0..plan.nodes {
            let wire = Proxy::to(database, clock)?;
            let through = url.replace(&database.to_string(), &wire.address().to_string());
            let node = Node::start(launch(plan, server, watcher.folder(), number, through)?)?;
            if number == 0 {
                // It makes the schema, the master key and the first accounts, for all.
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
        let platform = platform(watcher.folder())?;
        let operator = launch(plan, server, watcher.folder(), plan.nodes, url)?;
        let mut partners = Vec::new();
        for number in 0..plan.partners() {
            let mid = format!("partner-{number}");
            operator.run(&["account", "create", "--role", "partner", "--name", "Partner", "--mid", &mid])?;
            partners.push(mid);
        }
        operator.run(&["account", "create", "--role", "partner", "--name", "Overtaker", "--mid", OVERTAKER])?;
        Ok(Self { lying_proxy, nodes, wires, cluster, watcher, platform, partners })
    }

    /// Where a node is to be asked; nowhere while it is not ready.
    pub(super) fn address(&self, node: usize) -> Option<SocketAddr> {
        let address = self.nodes.get(node)?.address()?;
        let lying_proxy = self.lying_proxy.as_ref().filter(|_| node == 0);
        Some(lying_proxy.map_or(address, LyingProxy::address))
    }

    /// Ends whatever fault there is; returns when every node is ready.
    ///
    /// # Errors
    /// When Postgres or a node does not come back.
    pub(super) fn heal(&self) -> Result<()> {
        for wire in &self.wires {
            wire.set(Weather::Fair);
        }
        for node in &self.nodes {
            node.resume()?;
            node.unblock_log(true);
            node.revive();
        }
        self.nodes.iter().try_for_each(|node| node.await_ready(START).map(drop))
    }

    /// Where the ledger goes, and whatever else belongs to the run.
    pub(super) fn folder(&self) -> &Path {
        self.watcher.folder()
    }
}

/// How to start a node, in a folder of its own.
fn launch(plan: &Plan, server: &Path, folder: &Path, number: usize, url: String) -> Result<Launch> {
    let own = folder.join(format!("node-{number}"));
    std::fs::create_dir(&own).with_context(|| format!("cannot make {}", own.display()))?;
    let mut variables = vec![
        ("DATABASE_URL", url),
        ("KEYWARD_PUBLIC_URL", PUBLIC_URL.to_owned()),
        ("KEYWARD_LOG__FILTER", "info".into()),
        ("KEYWARD_LIMITS__DRAIN", "0s".into()),
    ];
    if plan.profile == Profile::Quick {
        variables.push(("KEYWARD_VERIFIER__PROFILE", "quick".into()));
    }
    if number > 0 {
        let master_key = first_nodes_data(folder).join("master.key");
        variables.push(("KEYWARD_MASTER_KEY_FILE", master_key.to_string_lossy().into_owned()));
    }
    let serve: &[&str] = if number == 0 {
        &["serve", "--listen", "127.0.0.1:0", "--demo"]
    } else {
        &["serve", "--listen", "127.0.0.1:0"]
    };
    Ok(Launch { program: server.to_owned(), serve, variables, folder: own })
}

fn first_nodes_data(folder: &Path) -> std::path::PathBuf {
    folder.join("node-0/keyward-data")
}

/// Host and port in a URL with a user and a path.
pub(super) fn authority(url: &str) -> Option<&str> {
    let (_, rest) = url.rsplit_once('@')?;
    rest.split('/').next()
}

fn platform(folder: &Path) -> Result<Platform> {
    let text = std::fs::read_to_string(first_nodes_data(folder).join("demo.json")).context("there is no demo.json")?;
    let demo: Value = serde_json::from_str(&text)?;
    let member = |name: &str| {
        demo["platform"][name].as_str().map(str::to_owned).with_context(|| format!("demo.json has no platform.{name}"))
    };
    Ok(Platform { mid: member("mid")?, secret: member("appSecret")? })
}
