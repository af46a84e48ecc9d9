//! Several nodes on one Postgres that form one service.

use tempfile::TempDir;

use super::{Client, Demo, Node, Place, Program, eventually};

/// The public URL of all nodes: they accept each other's tokens.
const PUBLIC_URL: &str = "http://keys.test";

/// The nodes. The first one uses the folder of the place.
pub(crate) struct Fleet {
    pub(crate) place: Place,
    pub(crate) nodes: Vec<Node>,
    pub(crate) demo: Demo,
    folders: Vec<TempDir>,
}

impl Fleet {
    /// Starts this many nodes with short leases, on a database of their own, and waits until all have a lease.
    pub(crate) async fn of(nodes: usize) -> Self {
        Self::on(Place::postgres().await, nodes).await
    }

    /// The same in this place.
    pub(crate) async fn on(place: Place, nodes: usize) -> Self {
        Self::on_with(place, nodes, |program| program).await
    }

    /// The same, each of them with additional settings.
    pub(crate) async fn on_with(place: Place, nodes: usize, with: impl Fn(Program) -> Program + Send + Sync) -> Self {
        let first = with(with_short_leases(place.sandbox())).serve();
        let (demo, folders) = (first.demo(), Vec::new());
        let mut fleet = Self { place, nodes: vec![first], demo, folders };
        for _ in 1..nodes {
            fleet.add(&with).await;
        }
        fleet.all_have_leases().await;
        fleet
    }

    /// Adds one more node.
    pub(crate) async fn add(&mut self, with: impl FnOnce(Program) -> Program) -> &Node {
        let folder = tempfile::tempdir().unwrap();
        let program = self.place.keyward_in(folder.path()).words("serve --listen 127.0.0.1:0");
        let program = program.env("KEYWARD_MASTER_KEY_FILE", self.place.data().join("master.key"));
        self.nodes.push(with(with_short_leases(program)).serve());
        self.folders.push(folder);
        self.all_have_leases().await;
        self.nodes.last().unwrap()
    }

    /// The only node of an embedded database has none.
    async fn all_have_leases(&self) {
        if self.place.is_embedded() {
            return;
        }
        eventually("each node has a row", async || self.leases().await.len() == self.nodes.len()).await;
    }

    /// The names in `node_lease`.
    pub(crate) async fn leases(&self) -> Vec<String> {
        self.place.column("SELECT node::text FROM node_lease ORDER BY node").await
    }

    /// The number of the last event.
    pub(crate) async fn head(&self) -> String {
        self.place.column("SELECT seq::text FROM revocation_head").await.remove(0)
    }

    /// The demo's partner, as a client of this node.
    pub(crate) fn partner(&self, node: usize) -> Client {
        self.nodes[node].client(&self.demo.partner.app_secret)
    }

    /// Sends this credential, a key or a token, until each node accepts it from memory.
    pub(crate) async fn all_remember(&self, credential: &str) {
        for node in &self.nodes {
            let caller = node.client(credential);
            node.until_from_memory(async || {
                caller.get("/v1/auth").await.expect(204);
            })
            .await;
        }
    }

    /// Checks that no node accepts this credential from the next request on. Starts with the last started one.
    pub(crate) async fn none_accepts(&self, credential: &str) {
        for node in self.nodes.iter().rev() {
            node.client(credential).get("/v1/auth").await.expect_problem(401, "invalid_credential");
        }
        for node in &self.nodes {
            node.client(credential).get("/v1/merchants").await.expect_problem(401, "invalid_credential");
        }
    }

    /// Checks that no node accepts this key from the next request on, and each returns this verdict.
    pub(crate) async fn all_return(&self, verdict: &str, value: &str) {
        self.none_accepts(value).await;
        for node in 0..self.nodes.len() {
            assert_eq!(self.partner(node).verdict(value).await, verdict, "node {node}");
        }
    }

    pub(crate) fn stop(self) {
        for node in self.nodes {
            node.stop();
        }
    }
}

/// Short leases keep the wait for a dead node short. Metrics are on.
fn with_short_leases(program: Program) -> Program {
    let program = program.env("KEYWARD_VERIFIER__PROFILE", "quick").env("KEYWARD_PUBLIC_URL", PUBLIC_URL);
    program.words("--metrics-listen 127.0.0.1:0")
}
