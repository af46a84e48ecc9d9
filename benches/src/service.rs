//! A complete service in this process, on its own embedded database, with the demo accounts and one more key.

use std::{sync::Arc, time::Duration};

use anyhow::{Context as _, Result};
use keyward_api::http::{Entrance, Gateway, HttpOptions, Readiness, entrance};
use keyward_app::{
    Access, Caller, Failure, Hashing, Manage, Parts, Settings,
    access::rotate_signing_keys::keep_signing_keys,
    assemble,
    manage::{
        issue_key::{IssueKey, issue_key},
        seed_demo::seed_demo,
    },
};
use keyward_domain::{
    Environment, KeyTerms, KeyType, MasterKey, Name, Restrictions, ScopeSet, SecretForm, SecretHasher, Timestamp,
};
use keyward_storage::NodeId;
use keyward_storage_sqlite::{Options, SqliteStore};
use keyward_verifier::{
    Verifier,
    protocol::{LeaseConfig, Rules},
};
use tempfile::TempDir;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::{Counted, Still};

/// The time of the stopped clock, in microseconds since the Unix epoch.
const MOMENT: i64 = 1_795_435_200_000_000;
const PUBLIC_URL: &str = "https://keys.example.test";

/// A service that answers from memory.
pub struct Service {
    /// The entrance for requests, as a listener uses it.
    pub entrance: Entrance,
    /// Its use cases.
    pub access: Arc<Access>,
    /// The value of the platform's public key.
    pub platform_key: String,
    /// The value of the platform's secret key, which has all permissions.
    pub platform_secret: String,
    /// The value of a secret key of the demo merchant, with four scopes.
    pub merchant_secret: String,
    _folder: TempDir,
}

/// Starts a service.
///
/// # Errors
/// If the database cannot be created.
pub async fn start() -> Result<Service> {
    let folder = tempfile::tempdir()?;
    let store = SqliteStore::open(folder.path(), &Options::default()).await?;
    store.migrate().await?;
    let (access, manage) = use_cases(Arc::new(store))?;
    access.verifier().start().await?;
    keep_signing_keys(&access).await?;
    let mut shown = None;
    seed_demo(&manage, |demo| {
        let platform = &demo.platform;
        let values = (platform.app_key.expose().to_owned(), platform.app_secret.expose().to_owned());
        shown = Some((values, demo.merchant.mid.clone()));
        Ok::<(), Failure>(())
    })
    .await?;
    let ((platform_key, platform_secret), mid) = shown.context("no demo accounts were created")?;
    let scopes: ScopeSet = "charges:read charges:write customers:read refunds:write".parse()?;
    let name = Name::parse("twenty characters ok")?;
    let now = access.now();
    let terms = KeyTerms::agree(KeyType::Secret, name, None, scopes, Restrictions::NONE, now)?;
    let issued = issue_key(&manage, &Caller::operator(), IssueKey { mid, terms, now }).await?;
    let ready = Readiness::default();
    ready.open();
    let options = HttpOptions {
        trusted_proxies: Vec::new(),
        max_body_bytes: 64 * 1024,
        body_read_timeout: Duration::from_secs(5),
        request_timeout: Duration::from_secs(10),
        max_concurrent_requests: 64,
        gateway: Gateway::default(),
        ready,
    };
    let entrance = entrance(manage, options).for_connection(([127, 0, 0, 1], 4711).into());
    let merchant_secret = issued.value.expose().to_owned();
    Ok(Service { entrance, access, platform_key, platform_secret, merchant_secret, _folder: folder })
}

fn use_cases(store: Arc<SqliteStore>) -> Result<(Arc<Access>, Arc<Manage>)> {
    let clock = Arc::new(Still::at(Timestamp::from_micros(MOMENT)?));
    let names = Counted::from(1);
    let verifier = Verifier::new(keyward_verifier::VerifierParts {
        credentials: Arc::clone(&store) as _,
        feed: Arc::clone(&store) as _,
        membership: None,
        clock: Arc::clone(&clock) as _,
        fresh_node: Box::new(move || NodeId::from_uuid(Uuid::from_bytes(names.bytes()))),
        terms: LeaseConfig::DEFAULT,
        rules: Rules::ALL,
        capacity_bytes: 1 << 20,
        version: String::new(),
        tasks: Arc::new(TaskTracker::new()),
    });
    let master = Arc::new(MasterKey::from_bytes(&[7; 32])?);
    Ok(assemble(Parts {
        store,
        verifier: Arc::new(verifier),
        clock,
        entropy: Arc::new(Counted::default()),
        hashing: Hashing {
            hasher: SecretHasher::new(&master, SecretForm::Hmac).remembering(&[9; 32]),
            form: SecretForm::Hmac,
            max_concurrent_slow_hashes: 1,
        },
        master,
        settings: Settings {
            environment: Environment::Sandbox,
            public_url: PUBLIC_URL.to_owned(),
            issuer: PUBLIC_URL.to_owned(),
            token_audience: PUBLIC_URL.to_owned(),
            partners_name_mids: true,
            refresh_family_life: Duration::from_hours(24),
            failed_attempts_per_minute: 600,
        },
        background: TaskTracker::new(),
    }))
}
