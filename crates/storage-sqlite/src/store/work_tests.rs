//! The work of a look-up and of a page does not grow with the number of keys: counted in steps of SQLite's virtual
//! machine, not timed.

use std::{sync::atomic::Ordering, time::Duration};

use keyward_domain::{ApiKey, KeyId, KeyType, Now, Reach};
use keyward_storage::{
    AccountWindow, Accounts as _, Credentials as _, Feed as _, KeyWindow, Keys as _, Position, Seq, StoredState,
    Target,
    conformance::{
        Fixture,
        sample::{Draft, Tree, at, digest, reach},
    },
};
use uuid::Uuid;

use crate::{Options, SqliteStore, testing};

const PAGE: u16 = 20;

/// A database in which the merchant has many keys, most of them revoked or expired, another partner has many merchants,
/// and there are many events.
struct Crowd {
    store: SqliteStore,
    options: Options,
    tree: Tree,
    /// A usable manager key in the middle of them.
    key: ApiKey,
    _fixture: Fixture,
}

impl Crowd {
    async fn of(half: u32) -> Self {
        let options = Options { readers: 1, ..Options::default() };
        let (store, folder) = testing::open_with(&options).await;
        let path = folder.path().to_owned();
        let fixture = testing::fixture_of(&store, &path, folder);
        let tree = Tree::plant(&fixture).await;
        fill(&fixture, &tree, 0, half).await;
        let key = Draft::manager_key().store(&fixture.store, &tree.merchant_chain()).await;
        fill(&fixture, &tree, 1, half).await;
        tell(&fixture, half).await;
        Self { store, options, tree, key, _fixture: fixture }
    }

    /// Number of steps, once the connections have loaded the schema.
    async fn steps<T>(&self, work: impl AsyncFn() -> T) -> u64 {
        work().await;
        let before = self.options.steps.load(Ordering::Relaxed);
        work().await;
        self.options.steps.load(Ordering::Relaxed) - before
    }

    async fn page(&self, within: &Reach, stored: StoredState, before: Option<KeyId>) -> u64 {
        let window = KeyWindow { before, stored, rows: PAGE };
        let work = async || {
            let page = self.store.keys(within, self.tree.merchant.id, window).await.unwrap();
            assert_eq!(page.len(), usize::from(PAGE));
        };
        self.steps(work).await
    }

    async fn accounts(&self, within: &Reach, rows: usize) -> u64 {
        let window = AccountWindow { before: None, rows: PAGE };
        let work = async || assert_eq!(self.store.accounts(within, window).await.unwrap().len(), rows);
        self.steps(work).await
    }

    async fn last_writer(&self) -> u64 {
        let work = async || {
            let mut unit = keyward_storage::shortcuts::StoreShortcuts::begin(&self.store).await.unwrap();
            let found = unit
                .longest_lived_manager_key(&Reach::operator(), self.tree.merchant.id, &[], Now::exact(at(0)), None)
                .await
                .unwrap();
            assert_eq!(found.map(|key| key.id()), Some(self.key.id()));
            // If dropped, it would be rolled back later, and be counted with the next operation.
            unit.commit().await.unwrap();
        };
        self.steps(work).await
    }

    /// Reads the newest events.
    async fn news(&self) -> u64 {
        let head = self.store.head().await.unwrap().as_of.seq().number();
        let known = Position::unnamed(Seq::new(head - u64::from(PAGE)));
        // A free writer would also check its file: here none is free.
        let busy = keyward_storage::shortcuts::StoreShortcuts::begin(&self.store).await.unwrap();
        let work = async || {
            let news = self.store.events_after(known, PAGE.into()).await.unwrap();
            assert_eq!(news.events.len(), usize::from(PAGE));
        };
        let steps = self.steps(work).await;
        busy.commit().await.unwrap();
        steps
    }

    /// One pruning with nothing to prune, and one that prunes events.
    async fn pruned(&self) -> [u64; 2] {
        let none = async || assert_eq!(self.store.prune(Duration::ZERO, at(-1), PAGE.into()).await.unwrap(), 0);
        let some =
            async || assert_eq!(self.store.prune(Duration::ZERO, at(1), PAGE.into()).await.unwrap(), u64::from(PAGE));
        [self.steps(none).await, self.steps(some).await]
    }

    /// Records enforcement that is already recorded.
    async fn noted(&self) -> u64 {
        let targets = [Target::Key(self.key.id()), Target::Account(self.tree.merchant.id)];
        let head = self.store.head().await.unwrap().as_of.position;
        self.steps(async || self.store.record_enforced(&targets, head.seq, head, at(1)).await.unwrap()).await
    }

    /// The steps of every operation of requests and of the revocation protocol.
    async fn all(&self) -> Vec<(&'static str, u64)> {
        let (operator, merchant) = (Reach::operator(), reach(&self.tree.merchant));
        let id = self.key.id();
        let usage = async || self.store.key(&merchant, id).await.unwrap().unwrap();
        let foreign = reach(&self.tree.direct);
        let [nothing_to_prune, pruning] = self.pruned().await;
        vec![
            ("credential", self.steps(async || self.store.credential(id).await.unwrap().unwrap()).await),
            ("key", self.steps(usage).await),
            ("foreign key", self.steps(async || assert!(self.store.key(&foreign, id).await.unwrap().is_none())).await),
            ("active keys", self.page(&merchant, StoredState::Active, None).await),
            ("revoked keys", self.page(&merchant, StoredState::Revoked, None).await),
            ("all keys", self.page(&operator, StoredState::Any, None).await),
            ("active keys from the middle", self.page(&merchant, StoredState::Active, Some(id)).await),
            ("all keys from the middle", self.page(&operator, StoredState::Any, Some(id)).await),
            ("last writer", self.last_writer().await),
            ("all accounts", self.accounts(&operator, usize::from(PAGE)).await),
            ("the platform's accounts", self.accounts(&reach(&self.tree.platform), usize::from(PAGE)).await),
            ("a partner's accounts", self.accounts(&reach(&self.tree.rival), usize::from(PAGE)).await),
            ("a small partner's accounts", self.accounts(&reach(&self.tree.partner), 1).await),
            ("head", self.steps(async || self.store.head().await.unwrap()).await),
            ("the newest events", self.news().await),
            ("already enforced changes", self.noted().await),
            ("nothing to prune", nothing_to_prune),
            ("pruning", pruning),
        ]
    }
}

/// Adds this many keys, nine of ten revoked and the others expiring, and a tenth as many merchants of the rival. The
/// first half sorts before all identifiers of the samples, the second after them.
async fn fill(fixture: &Fixture, tree: &Tree, half: u8, count: u32) {
    let raw = &fixture.raw;
    let first = if half == 0 { "0190" } else { "0290" };
    let id = |kind: u8| format!("unhex(printf('{first}%08x70008000{kind}00000000000', n))");
    // The oldest and the newest tenth: a scan of a wrong index would meet the others in between, or these.
    let active = if half == 0 { format!("n <= {}", count / 10) } else { format!("n > {}", count / 10 * 9) };
    let numbers = |to: u32| {
        format!("WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {to})")
    };
    let (key, account, merchant) = (id(0), id(1), raw.id(tree.merchant.id.uuid()));
    let (moment, digest) = (raw.moment(at(0)), digest(1).encode());
    let keys = format!(
        "INSERT INTO api_key (id, account_id, type, name, scopes, writes_keys, digest, last_four, created_at,
            expires_at, state, revoked_at, revocation_reason)
        {} SELECT {key}, {merchant}, 'secret', 'x', 'api-keys:write', 1, '{digest}', 'abcd', {moment}, {moment} + n,
            iif({active}, 'active', 'revoked'), iif({active}, NULL, {moment}), iif({active}, NULL, 'superseded')
        FROM numbers",
        numbers(count)
    );
    assert_eq!(raw.execute(&keys).await, Ok(u64::from(count)));
    let rival = raw.id(tree.rival.id.uuid());
    let merchants = format!(
        "INSERT INTO account (id, mid, role, parent_id, name, status, created_at)
        {} SELECT {account}, 'm{half}-' || n, 'merchant', {rival}, 'x', 'active', {moment} FROM numbers",
        numbers(count / 10)
    );
    assert_eq!(raw.execute(&merchants).await, Ok(u64::from(count / 10)));
}

/// Adds this many events of the key, half of them old enough to be pruned.
async fn tell(fixture: &Fixture, count: u32) {
    let moment = fixture.raw.moment(at(0));
    let events = format!(
        "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {count})
        INSERT INTO revocation_event (seq, scope, subject, change, at)
        SELECT n, 'key', x'01890000000070008000000000000000', 'changed', {moment} + 2000000 * (n > {count} / 2)
        FROM numbers"
    );
    assert_eq!(fixture.raw.execute(&events).await, Ok(u64::from(count)));
    assert_eq!(fixture.raw.execute(&format!("UPDATE revocation_head SET seq = {count}")).await, Ok(1));
}

#[tokio::test]
async fn no_request_takes_more_work_in_a_database_of_a_hundred_thousand_keys() {
    let small = Crowd::of(500).await.all().await;
    let large = Crowd::of(50_000).await.all().await;
    for ((what, small), (_, large)) in small.into_iter().zip(large) {
        assert!(small > 0, "{what} is not counted");
        assert!(small.abs_diff(large) * 20 <= small, "{what}: {small} steps among few, {large} among many");
    }
}

/// The cost of every cache miss and every unknown id: a step for each column and each cursor, and one row of each
/// table.
#[tokio::test]
async fn an_authentication_examines_as_many_rows_whether_or_not_its_key_exists() {
    let crowd = Crowd::of(500).await;
    let steps = async |id| crowd.steps(async || crowd.store.credential(id).await.unwrap()).await;
    let (known, unknown) = (steps(crowd.key.id()).await, steps(KeyId::from_uuid(Uuid::max())).await);
    // The plan of SQLite 3.51 takes 80.
    assert!((20..=82).contains(&known), "known: {known} steps");
    assert!(known.abs_diff(unknown) <= 2, "known: {known} steps, unknown: {unknown}");
}

#[tokio::test]
async fn an_unknown_and_a_foreign_key_cost_one_look_up_each() {
    let crowd = Crowd::of(500).await;
    let stranger = reach(&crowd.tree.direct);
    let look_up = async |id| {
        let work = async || assert!(crowd.store.key(&stranger, id).await.unwrap().is_none());
        crowd.steps(work).await
    };
    let (foreign, unknown) = (look_up(crowd.key.id()).await, look_up(KeyId::from_uuid(Uuid::max())).await);
    // The foreign key is found, its three accounts are examined, and the same statement drops it.
    assert!(unknown > 0 && unknown <= foreign, "unknown: {unknown} steps, foreign: {foreign}");
    assert!(foreign - unknown <= 60, "unknown: {unknown} steps, foreign: {foreign}");
    assert_eq!(crowd.key.facts().key_type, KeyType::Secret);
}
