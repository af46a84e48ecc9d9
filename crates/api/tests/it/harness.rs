//! A service of its own for every test: router, database in a folder that goes away, a clock that only tests move,
//! counted randomness, and a small tree of accounts.
//!
//! ```text
//! platform ─┬─ partner_a ─┬─ merchant_a1
//!           │             └─ merchant_a2
//!           ├─ partner_b ─── merchant_b1
//!           └─ merchant_p1
//! ```

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::Router;
use keyward_api::{
    app::{App, Clock, Entropy, Hashing, NoEntropy, Parts, Settings, rotate_signing_keys::keep_signing_keys},
    http::{HttpOptions, Readiness, router},
};
use keyward_domain::{Environment, MasterKey, SecretForm, SecretHasher, Timestamp};
use keyward_storage::{Store, conformance::RawSql as _};
use keyward_storage_sqlite::{
    SqliteStore,
    testing::{Raw, open},
};
use tempfile::TempDir;
use tokio_util::task::TaskTracker;

mod answer;
mod operations;
mod request;
mod tree;

pub(crate) use answer::Answer;
pub(crate) use operations::{Foreign, Target, rule};
pub(crate) use request::{Request, multipart};
pub(crate) use tree::{Held, ID, Pair, absent};

/// Where the service says that it lives.
pub(crate) const PUBLIC_URL: &str = "https://keys.example.test";
/// When every test begins.
pub(crate) const START: &str = "2026-11-23T12:00:00Z";

/// A clock that stands still until it is moved.
pub(crate) struct Dial(AtomicI64);

impl Default for Dial {
    fn default() -> Self {
        Self(AtomicI64::new(START.parse::<Timestamp>().unwrap().as_micros()))
    }
}

impl Dial {
    pub(crate) fn advance(&self, by: Duration) {
        self.0.fetch_add(i64::try_from(by.as_micros()).unwrap(), Ordering::Relaxed);
    }
}

impl Clock for Dial {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::Relaxed)).unwrap()
    }

    fn monotonic(&self) -> Duration {
        self.now().since(START.parse().unwrap())
    }
}

/// Bytes that look random and are the same in every run.
#[derive(Default)]
pub(crate) struct Counted(AtomicU64);

impl Entropy for Counted {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoEntropy> {
        for chunk in bytes.chunks_mut(8) {
            // splitmix64, after Steele, Lea and Flood (2014).
            let mut word = self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
            word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            chunk.copy_from_slice(&(word ^ (word >> 31)).to_be_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}

/// What a test may choose about its service.
pub(crate) struct Setup {
    pub(crate) settings: Settings,
    pub(crate) options: HttpOptions,
    pub(crate) form: SecretForm,
    /// 32 bytes a version.
    pub(crate) master: Vec<u8>,
    /// Work off the requests: to wait for.
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
                token_audience: PUBLIC_URL.to_owned(),
                partners_name_mids: true,
                refresh_family_life: Duration::from_hours(24),
                failed_attempts_per_minute: 600,
            },
            options: HttpOptions {
                trusted_proxies: Vec::new(),
                max_body_bytes: 64 * 1024,
                body_read_timeout: Duration::from_secs(30),
                request_timeout: Duration::from_secs(30),
                max_requests_at_once: 64,
                ready,
            },
            form: SecretForm::Hmac,
            master: master_key(1),
            background: TaskTracker::new(),
        }
    }
}

/// A service with its tree.
pub(crate) struct World {
    pub(crate) app: Arc<App>,
    pub(crate) router: Router,
    pub(crate) clock: Arc<Dial>,
    pub(crate) entropy: Arc<Counted>,
    pub(crate) store: Arc<SqliteStore>,
    pub(crate) folder: TempDir,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(Setup::default()).await
    }

    pub(crate) async fn with(setup: Setup) -> Self {
        let (store, folder) = open().await;
        let (clock, entropy, store) = (Arc::<Dial>::default(), Arc::<Counted>::default(), Arc::new(store));
        let app = service(Arc::clone(&store) as _, &clock, &entropy, &setup);
        keep_signing_keys(&app).await.unwrap();
        let world = Self { router: router(Arc::clone(&app), setup.options), app, clock, entropy, store, folder };
        world.plant().await;
        world
    }

    /// The same accounts and keys behind another store: to let it misbehave.
    pub(crate) async fn behind(&self, store: impl Store + 'static, setup: Setup) -> Router {
        let app = service(Arc::new(store), &self.clock, &self.entropy, &setup);
        // A store that gives no signing keys is one of the things to be tried.
        let _ = keep_signing_keys(&app).await;
        router(app, setup.options)
    }

    /// The private half of the first signing key: what an attacker never has. It was made of the first bytes drawn.
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

    /// How many accounts, keys, revoked keys, accounts out of business and redemptions there are: what a refused request
    /// leaves as it was.
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

fn service(store: Arc<dyn Store>, clock: &Arc<Dial>, entropy: &Arc<Counted>, setup: &Setup) -> Arc<App> {
    let master = Arc::new(MasterKey::from_bytes(&setup.master).unwrap());
    Arc::new(App::new(Parts {
        store,
        clock: Arc::clone(clock) as _,
        entropy: Arc::clone(entropy) as _,
        hashing: Hashing { hasher: SecretHasher::new(&master, setup.form), form: setup.form, slow_at_once: 2 },
        master,
        settings: setup.settings.clone(),
        background: setup.background.clone(),
    }))
}

/// A master key of so many versions; fewer are the beginning of more.
pub(crate) fn master_key(versions: usize) -> Vec<u8> {
    let mut bytes = vec![0; 32 * versions];
    Counted(AtomicU64::new(1)).fill(&mut bytes).unwrap();
    bytes
}
