//! The caller is checked at the commit (R19). However long a transaction is delayed between a statement and its
//! commit, no change by a key's authority becomes visible after the event that ended this authority, and no change
//! delays that event.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use keyward_domain::{Actor, ApiKey, KeyId, KeyType, Reach, Reason, Role};
use keyward_storage::shortcuts::{StoreShortcuts as _, UnitOfWorkShortcuts as _};
use keyward_storage::{
    Authority, PgOptions, PgStore, Result, StorageError, Store, UnitOfWork, Write,
    conformance::{
        RawSql as _,
        sample::{Draft, Tree, account, chain, pair, revocation, revoke},
    },
};
use tokio::{task::JoinSet, time::Duration};

use crate::database::{Database, Session};

/// The caller's node, and another node with a short lock time-out.
struct Scene {
    database: Database,
    node: Arc<dyn Store>,
    elsewhere: Arc<dyn Store>,
    tree: Tree,
    caller: ApiKey,
}

impl Scene {
    async fn new() -> Self {
        let database = Database::migrated().await;
        let patient = PgOptions { lock_timeout: Duration::from_secs(20), ..database.options(20) };
        let node: Arc<dyn Store> = Arc::new(PgStore::connect(&patient).await.unwrap());
        let impatient = PgOptions { lock_timeout: Duration::from_millis(50), ..database.options(2) };
        let elsewhere: Arc<dyn Store> = Arc::new(PgStore::connect(&impatient).await.unwrap());
        let tree = Tree::plant_in(&node).await;
        let caller = Draft::manager_key().store(&node, &tree.merchant_chain()).await;
        Self { database, node, elsewhere, tree, caller }
    }

    async fn authority(&self) -> Authority {
        authority(&self.node, self.caller.id()).await
    }

    fn new_key(&self) -> ApiKey {
        Draft::of(KeyType::Secret).issue(&self.tree.merchant_chain())
    }

    async fn keys(&self) -> i64 {
        self.database.raw().number("SELECT count(*) FROM api_key").await
    }

    /// One written, uncommitted change of each kind.
    async fn held(&self, by: &Authority) -> Vec<Box<dyn UnitOfWork>> {
        let all = Reach::operator();
        let mut units = Vec::new();
        for kind in 0..3 {
            let mut unit = self.node.begin_as(by).await.unwrap();
            match kind {
                0 => assert_eq!(unit.insert_key(&all, &self.new_key()).await.unwrap(), Write::Applied),
                1 => {
                    for key in pair(&self.tree.merchant_chain(), "held", "held") {
                        assert_eq!(unit.insert_key(&all, &key).await.unwrap(), Write::Applied);
                    }
                }
                _ => {
                    let new = account(Role::Merchant, Some(&self.tree.partner));
                    assert_eq!(unit.insert_account(&all, &new).await.unwrap(), Write::Applied);
                }
            }
            units.push(unit);
        }
        units
    }

    /// Adds a key whose statement waits for the operator's lock until its caller is revoked, and asserts that it is not
    /// added.
    async fn add_too_late(&self, key: ApiKey, operator: &mut Session, release: &str) {
        let (store, by, id) = (Arc::clone(&self.node), self.authority().await, key.id());
        let mut adding = JoinSet::new();
        adding.spawn(async move { store.insert_key(&by, &Reach::operator(), &key).await });
        self.database.raw().wait_for(1, WAITING).await;
        revoke(&self.elsewhere, &self.caller).await;
        operator.run(release).await;
        assert!(refused(&adding.join_next().await.unwrap().unwrap()));
        assert_eq!(self.node.credential(id).await.unwrap(), None);
    }
}

async fn authority(store: &Arc<dyn Store>, id: KeyId) -> Authority {
    let read = store.credential(id).await.unwrap().unwrap();
    Authority::of(id, &read.value.chain, read.as_of)
}

fn refused<T>(answer: &Result<T>) -> bool {
    matches!(answer, Err(StorageError::CallerChanged))
}

/// Query for the number of the service's sessions that wait for a lock.
const WAITING: &str = "SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'keyward' AND wait_event_type = 'Lock'";

#[tokio::test(flavor = "multi_thread")]
async fn a_change_written_before_a_revocation_is_not_committed_after_it() {
    let scene = Scene::new().await;
    let before = scene.keys().await;
    let held = scene.held(&scene.authority().await).await;
    revoke(&scene.elsewhere, &scene.caller).await;
    for unit in held {
        assert!(refused(&unit.commit().await));
    }
    assert_eq!(scene.keys().await, before);
    assert_eq!(scene.database.raw().number("SELECT count(*) FROM account").await, 6);
}

/// The statement that adds the key began before the revocation: no condition in it could see the revocation.
#[tokio::test(flavor = "multi_thread")]
async fn a_statement_that_began_before_a_revocation_is_not_committed_after_it() {
    let scene = Scene::new().await;
    let mut operator = scene.database.session().await;
    operator.run(&format!("BEGIN; SELECT FROM account WHERE id = '{}' FOR UPDATE", scene.tree.direct.id.uuid())).await;
    let key = Draft::of(KeyType::Secret).issue(&chain(&[&scene.tree.direct, &scene.tree.platform]));
    scene.add_too_late(key, &mut operator, "COMMIT").await;
}

/// Delayed by a trigger at the end of its transaction, which an operator's schema may have.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_held_at_its_end_neither_delays_a_revocation_nor_is_committed_after_it() {
    let scene = Scene::new().await;
    let mut operator = scene.database.session().await;
    operator
        .run(
            "CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS $$
                BEGIN PERFORM pg_advisory_xact_lock_shared(7); RETURN NULL; END;
            $$;
            CREATE CONSTRAINT TRIGGER held AFTER INSERT ON api_key
                DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION hold();
            SELECT pg_advisory_lock(7)",
        )
        .await;
    scene.add_too_late(scene.new_key(), &mut operator, "SELECT pg_advisory_unlock(7)").await;
}

/// The last message of a change, sent manually and not finished.
async fn locked(scene: &Scene) -> Session {
    let mut session = scene.database.session().await;
    session
        .run(&format!(
            "BEGIN; CALL confirm_callers('{{{}}}', '{{0}}', '{{{}}}', '{{0}}', '{{}}')",
            scene.caller.id().uuid(),
            scene.tree.merchant.id.uuid()
        ))
        .await;
    session
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_waits_only_for_commits_by_the_authority_that_it_ends() {
    let scene = Scene::new().await;
    let mut session = locked(&scene).await;
    let mut unit = scene.elsewhere.begin().await.unwrap();
    let it = revocation(1, Actor::Operator, Reason::Compromised);
    let _ = unit.record_revocation(&Reach::operator(), scene.caller.id(), &it).await.unwrap();
    assert!(matches!(unit.commit().await, Err(StorageError::Unavailable(_))), "it waited until its time-out");
    // Also for manual statements, and for accounts.
    let mut operator = scene.database.session().await;
    operator.run("SET lock_timeout = '50ms'").await;
    let by_hand = format!("UPDATE account SET status = 'suspended' WHERE id = '{}'", scene.tree.merchant.id.uuid());
    assert!(operator.refuses(&by_hand).await.contains("lock timeout"));
    let another = Draft::manager_key().store(&scene.node, &scene.tree.merchant_chain()).await;
    revoke(&scene.elsewhere, &another).await;
    session.run("COMMIT").await;
    revoke(&scene.elsewhere, &scene.caller).await;
    operator.run(&by_hand).await;
}

/// Row locks would let a flood of changes pass while the revocation waits.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_flood_of_changes_does_not_delay_the_revocation_of_their_key() {
    let scene = Scene::new().await;
    let by = scene.authority().await;
    let (mut flood, revoked) = (JoinSet::new(), Arc::new(AtomicBool::new(false)));
    for writer in 0..16 {
        let (store, revoked, chain) = (Arc::clone(&scene.node), Arc::clone(&revoked), scene.tree.merchant_chain());
        flood.spawn(async move {
            // Stops only at the revocation, which each caller sees once it is confirmed.
            loop {
                let was_revoked = revoked.load(Ordering::Acquire);
                let key = Draft::of(KeyType::Secret).issue(&chain);
                let answer = if writer % 2 == 0 {
                    store.insert_key(&by, &Reach::operator(), &key).await.map(|_| ())
                } else {
                    add_in_a_unit(&store, &by, &key).await
                };
                assert!(!was_revoked || refused(&answer), "{answer:?}");
                if was_revoked {
                    return;
                }
            }
        });
    }
    let database = scene.database.raw();
    while database.number("SELECT count(*) FROM api_key").await < 50 {
        tokio::task::yield_now().await;
    }
    revoke(&scene.node, &scene.caller).await;
    let then = scene.keys().await;
    revoked.store(true, Ordering::Release);
    flood.join_all().await;
    assert_eq!(scene.keys().await, then, "nothing became visible after the revocation was confirmed");
}

async fn add_in_a_unit(store: &Arc<dyn Store>, by: &Authority, key: &ApiKey) -> Result<()> {
    let mut unit = store.begin_as(by).await?;
    let _ = unit.insert_key(&Reach::operator(), key).await?;
    unit.commit().await.map(|_| ())
}
