//! One process of the service: use cases and router over ports, any of which a test may replace.

use std::sync::Arc;

use keyward_api::http::{Entrance, entrance};
use keyward_app::{Access, Clock, Hashing, Manage, Parts, access::rotate_signing_keys::keep_signing_keys, assemble};
use keyward_domain::{MasterKey, SecretHasher};
use keyward_storage::{Credentials, Feed, Membership, NodeId, Store, Traced};
use keyward_verifier::{
    Verifier,
    protocol::{LeaseConfig, Rules},
};
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use super::{Counted, Held, Setup, tasks::CountedTasks};

/// Key for remembered values of slow digests.
const PROCESS_KEY: [u8; 32] = [9; 32];

/// The ports of a node.
#[derive(Clone)]
pub(crate) struct Ports {
    pub(crate) store: Arc<dyn Store>,
    /// The verifier reads from here if a key is not in memory.
    pub(crate) credentials: Arc<dyn Credentials>,
    pub(crate) feed: Arc<dyn Feed>,
    pub(crate) membership: Option<Arc<dyn Membership>>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<Counted>,
}

impl Ports {
    /// The ports of an embedded database with this clock.
    pub(crate) fn of<S: Store + Feed + 'static>(store: &Arc<S>, clock: Arc<dyn Clock>) -> Self {
        Self {
            store: Arc::new(Traced::new(Arc::clone(store))),
            credentials: Arc::new(Traced::new(Arc::clone(store))),
            feed: Arc::new(Traced::new(Arc::clone(store))),
            membership: None,
            clock,
            entropy: Arc::default(),
        }
    }

    /// The same events with another store.
    pub(crate) fn behind(self, store: impl Store + 'static) -> Self {
        let store = Arc::new(store);
        Self { credentials: Arc::clone(&store) as _, store, ..self }
    }
}

/// A node. It answers from the database until its verifier is started.
pub(crate) struct Node {
    pub(crate) access: Arc<Access>,
    pub(crate) manage: Arc<Manage>,
    pub(crate) router: Entrance,
    /// Tracks work off the request path.
    background: TaskTracker,
    /// The tasks of the verifier.
    tasks: Arc<CountedTasks>,
}

impl Node {
    /// Builds the node, and lets it read or make signing keys if the store allows it.
    pub(crate) async fn over(ports: Ports, setup: Setup) -> Self {
        let master = Arc::new(MasterKey::from_bytes(&setup.master).unwrap());
        let Ports { store, credentials, feed, membership, clock, entropy } = ports;
        let tasks = Arc::<CountedTasks>::default();
        let verifier = Verifier::new(keyward_verifier::VerifierParts {
            credentials,
            feed,
            membership,
            clock: Arc::clone(&clock),
            fresh_node: fresh_nodes(),
            terms: LeaseConfig::QUICK,
            rules: Rules::ALL,
            capacity_bytes: setup.capacity_bytes,
            version: String::new(),
            tasks: Arc::clone(&tasks) as _,
        });
        let (access, manage) = assemble(Parts {
            store,
            verifier: Arc::new(verifier),
            clock,
            entropy,
            hashing: Hashing {
                hasher: SecretHasher::new(&master, setup.form).remembering(&PROCESS_KEY),
                form: setup.form,
                max_concurrent_slow_hashes: 2,
            },
            master,
            settings: setup.settings,
            background: setup.background.clone(),
        });
        // A store without signing keys is one of the cases to test.
        let _ = keep_signing_keys(&access).await;
        tasks.count_as_lasting();
        let router = entrance(Arc::clone(&manage), setup.options);
        Self { access, manage, router, background: setup.background, tasks }
    }

    /// The same, answering from memory.
    pub(crate) async fn started(ports: Ports, setup: Setup) -> Self {
        let node = Self::over(ports, setup).await;
        node.access.verifier().start().await.unwrap();
        node.tasks.count_as_lasting();
        node
    }

    /// Number of running tasks off the request path.
    pub(crate) fn under_way(&self) -> usize {
        self.background.len()
    }

    /// Waits for the work that requests left behind: enforcement is recorded then.
    pub(crate) async fn wait_for_background(&self) {
        self.background.close();
        self.background.wait().await;
        self.background.reopen();
        self.tasks.wait_for_passing().await;
    }

    /// Whether a key is in memory.
    pub(crate) fn remembers(&self, key: &Held) -> bool {
        self.access.verifier().remembered(key.id.parse().unwrap()).is_some()
    }

    /// Drops a key from memory.
    pub(crate) fn forget(&self, key: &Held) {
        self.access.verifier().forget(key.id.parse().unwrap());
    }
}

/// Node ids that are never repeated.
fn fresh_nodes() -> Box<dyn Fn() -> NodeId + Send + Sync> {
    let names = Counted::from(2);
    Box::new(move || {
        let mut name = [0; 16];
        keyward_app::Entropy::fill(&names, &mut name).unwrap();
        NodeId::from_uuid(Uuid::from_bytes(name))
    })
}
