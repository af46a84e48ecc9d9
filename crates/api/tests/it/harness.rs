//! A separate service for every test: router, database in a temporary folder, a clock that only tests advance,
//! counted randomness, and a few accounts.
//!
//! ```text
//! platform ─┬─ partner_a ─┬─ merchant_a1
//!           │             └─ merchant_a2
//!           ├─ partner_b ─── merchant_b1
//!           └─ merchant_p1
//! ```

use std::{ops::Deref, sync::Arc, time::Duration};

use keyward_api::http::Entrance;
use keyward_api::http::{Gateway, HttpOptions, Readiness};
use keyward_app::{Entropy as _, Settings};
use keyward_domain::{Environment, SecretForm};
use keyward_storage::{Store, conformance::RawSql as _};
use keyward_storage_sqlite::{
    SqliteStore,
    testing::{Raw, open},
};
use tempfile::TempDir;
use tokio_util::task::TaskTracker;

mod answer;
mod clock;
pub(crate) mod documented;

mod feed;
mod known;
mod node;
mod operations;
mod postgres;
mod request;
mod tasks;
mod tree;

pub(crate) use answer::Answer;
pub(crate) use clock::{Counted, Dial, Simulated};
pub(crate) use feed::{Course, Feeding};
pub(crate) use known::Known;
pub(crate) use node::{Node, Ports};
pub(crate) use operations::{Foreign, Target, rule, with_query};
pub(crate) use postgres::Database;
pub(crate) use request::{Request, multipart, stuck};
pub(crate) use tree::{Held, ID, Pair, absent};

/// The public URL of the service.
pub(crate) const PUBLIC_URL: &str = "https://keys.example.test";
/// The resource server that accepts its access tokens.
pub(crate) const AUDIENCE: &str = "https://shop.example.test";
/// The time at which every test begins.
pub(crate) const START: &str = "2026-11-23T12:00:00.000Z";

/// Settings that a test may choose.
pub(crate) struct Setup {
    pub(crate) settings: Settings,
    pub(crate) options: HttpOptions,
    pub(crate) form: SecretForm,
    /// 32 bytes a version.
    pub(crate) master: Vec<u8>,
    /// Maximum size of memory.
    pub(crate) capacity_bytes: u64,
    /// Tracks work off the request path, which tests can await.
    pub(crate) background: TaskTracker,
}

impl Default for Setup {
    fn default() -> Self {
        let ready = Readiness::default();
        ready.open();
        Self {
            settings: Settings {
                environment: Environment::Sandbox,
                public_url: PUBLIC_URL.to_owned(),
                issuer: PUBLIC_URL.to_owned(),
                token_audience: AUDIENCE.to_owned(),
                partners_name_mids: true,
                refresh_family_life: Duration::from_hours(24),
                failed_attempts_per_minute: 600,
            },
            options: HttpOptions {
                trusted_proxies: Vec::new(),
                max_body_bytes: 64 * 1024,
                body_read_timeout: Duration::from_secs(30),
                request_timeout: Duration::from_secs(30),
                max_concurrent_requests: 64,
                gateway: Gateway::default(),
                ready,
            },
            form: SecretForm::Hmac,
            master: master_key(1),
            capacity_bytes: 1 << 20,
            background: TaskTracker::new(),
        }
    }
}

/// A node with its accounts, on an embedded database of its own.
pub(crate) struct World {
    node: Node,
    ports: Ports,
    pub(crate) clock: Arc<Dial>,
    pub(crate) store: Arc<SqliteStore>,
    pub(crate) folder: TempDir,
}

impl Deref for World {
    type Target = Node;

    fn deref(&self) -> &Node {
        &self.node
    }
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(Setup::default()).await
    }

    pub(crate) async fn with(setup: Setup) -> Self {
        let (store, folder) = open().await;
        let clock = Arc::<Dial>::default();
        let store = Arc::new(store.at_the_time_of(clock.shown()));
        let ports = Ports::of(&store, Arc::clone(&clock) as _);
        let node = Node::started(ports.clone(), setup).await;
        node.seed_accounts().await;
        Self { node, ports, clock, store, folder }
    }

    /// A world that allows at most this many wrong credentials a minute from each source.
    pub(crate) async fn allowing(failed_attempts_per_minute: u32) -> Self {
        let mut setup = Setup::default();
        setup.settings.failed_attempts_per_minute = failed_attempts_per_minute;
        Self::with(setup).await
    }

    /// The ports of this world, for another node of the same service.
    pub(crate) fn ports(&self) -> Ports {
        self.ports.clone()
    }

    /// The same accounts and keys behind another store that may misbehave. Nothing is in memory there: every
    /// verification asks that store.
    pub(crate) async fn behind(&self, store: impl Store + 'static, setup: Setup) -> Entrance {
        Node::over(self.ports().behind(store), setup).await.router
    }

    /// The private half of the first signing key, which no attacker has. It is made of the first random bytes.
    pub(crate) fn signing_key() -> jsonwebtoken::EncodingKey {
        use aws_lc_rs::{
            encoding::{AsDer as _, Pkcs8V1Der},
            signature::Ed25519KeyPair,
        };
        let mut seed = [0; 32];
        Counted::default().fill(&mut seed).unwrap();
        let der: Pkcs8V1Der<'_> = Ed25519KeyPair::from_seed_unchecked(&seed).unwrap().as_der().unwrap();
        jsonwebtoken::EncodingKey::from_ed_der(der.as_ref())
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    /// Number of accounts, keys, revoked keys, suspended or closed accounts, and redemptions: a refused request leaves
    /// them unchanged.
    pub(crate) async fn contents(&self) -> [i64; 5] {
        let raw = Raw::beside(self.folder.path());
        [
            raw.number("SELECT count(id) FROM account").await,
            raw.number("SELECT count(id) FROM api_key").await,
            raw.number("SELECT count(id) FROM api_key WHERE state = 'revoked'").await,
            raw.number("SELECT count(id) FROM account WHERE status <> 'active'").await,
            raw.number("SELECT count(rowid) FROM api_key WHERE unique_name IS NOT NULL").await,
        ]
    }
}

/// A master key with this many versions; a shorter one is a prefix of a longer one.
pub(crate) fn master_key(versions: usize) -> Vec<u8> {
    let mut bytes = vec![0; 32 * versions];
    Counted::from(1).fill(&mut bytes).unwrap();
    bytes
}
