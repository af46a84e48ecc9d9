//! Ten thousand events under load (T9): concurrent revokers, operators, open transactions and readers. A read is never
//! older than its number, and the same test detects reads that are.

use std::sync::Arc;

use keyward_domain::{Actor, KeyId, Reach, Reason};
use keyward_storage::shortcuts::{StoreShortcuts as _, UnitOfWorkShortcuts as _};
use keyward_storage::{
    Event, Feed, PgOptions, PgStore, Position, Seq, Store, Target, Write,
    conformance::{
        RawSql as _,
        sample::{self, Tree, revocation},
    },
};
use sqlx::Row as _;
use tokio::{sync::watch, task::JoinSet, time::Duration};
use uuid::Uuid;

use crate::database::{Database, Session};

const REVOKERS: u64 = 16;
const READERS: u64 = 4;
/// Keys that operators change repeatedly, and that are never revoked.
const CHANGED_KEYS: u64 = 4;
const OPERATORS: u64 = 2;
const EACH_OPERATOR: u64 = 200;

/// Keys that are each revoked once: with the operators' changes, ten thousand events, or a hundred thousand in `cargo
/// xtask model --events`.
#[expect(clippy::disallowed_methods, reason = "its caller sets the size of this test")]
fn keys() -> u64 {
    if std::env::var_os("KEYWARD_LONG_SEARCH").is_some() { 99_600 } else { 9_600 }
}

fn key(number: u64) -> KeyId {
    KeyId::from_uuid(Uuid::from_u128((1 << 100) + u128::from(number)))
}

/// One read of a key: its number, the event number, and whether it was revoked.
struct Seen {
    key: u64,
    as_of: u64,
    revoked: bool,
}

/// The key that the revokers have reached; after the last one when they are done.
struct Front(watch::Sender<u64>);

impl Front {
    /// A key that is currently being revoked; none when all are.
    fn at(&self, offset: u64) -> Option<u64> {
        let front = *self.0.borrow();
        (front < keys()).then(|| (front + offset % REVOKERS).min(keys() - 1))
    }

    fn advance(&self, to: u64) {
        self.0.send_if_modified(|front| {
            let further = *front < to;
            *front = to.max(*front);
            further
        });
    }

    async fn reach(&self, number: u64) {
        self.0.subscribe().wait_for(|front| *front >= number).await.unwrap();
    }
}

async fn seed(database: &Database, tree: &Tree) {
    let digest = sample::digest(1).encode();
    let merchant = tree.merchant.id.uuid();
    let sql = format!(
        "INSERT INTO api_key (id, account_id, type, name, scopes, writes_keys, digest, last_four, created_at, state)
        SELECT ('00000010' || lpad(to_hex(n), 24, '0'))::uuid, '{merchant}', 'secret', 'x', '', false, '{digest}',
            'abcd', '2026-01-01Z', 'active'
        FROM generate_series(0, {}) AS n",
        keys() + CHANGED_KEYS - 1
    );
    database.raw().execute(&sql).await.unwrap();
}

/// Revokes its share, sometimes rolls back, and returns the numbers of its events.
async fn revoke_share(store: Arc<dyn Store>, front: Arc<Front>, share: u64) -> Vec<(u64, Seq)> {
    let it = revocation(1, Actor::Operator, Reason::Compromised);
    let mut numbered = Vec::new();
    for number in (share..keys()).step_by(usize::try_from(REVOKERS).unwrap()) {
        let revoked = async || {
            let mut unit = store.begin().await.unwrap();
            let write = unit.record_revocation(&Reach::operator(), key(number), &it).await;
            assert_eq!(write.unwrap(), Write::Applied);
            unit
        };
        if number % 40 == share {
            drop(revoked().await);
        }
        numbered.push((number, revoked().await.commit().await.unwrap().event.unwrap().seq));
        front.advance(number);
    }
    numbered
}

async fn operate(mut session: Session, account: Uuid, own: u64) {
    for round in 0..EACH_OPERATOR {
        let to = if round % 2 == 0 { "suspended" } else { "active" };
        let (changed, end) = (key(own).uuid(), if round % 5 == 0 { "ROLLBACK" } else { "COMMIT" });
        session.run(&format!("UPDATE account SET status = '{to}' WHERE id = '{account}'")).await;
        session
            .run(&format!(
                "BEGIN; UPDATE api_key SET scopes = 'charges:{to}' WHERE id = '{changed}';
                UPDATE api_key SET expires_at = clock_timestamp() WHERE id = '{changed}'; {end}"
            ))
            .await;
    }
}

/// Keeps a change open while many others commit, then commits it or rolls it back.
async fn keep_open(mut session: Session, front: Arc<Front>, own: u64) {
    let mut round = 0;
    while let Some(began) = front.at(0) {
        round += 1;
        let changed = key(own).uuid();
        session.run(&format!("BEGIN; UPDATE api_key SET scopes = 'round:{round}' WHERE id = '{changed}'")).await;
        front.reach(keys().min(began + 200)).await;
        session.run(if round % 2 == 0 { "COMMIT" } else { "ROLLBACK" }).await;
    }
}

async fn read(store: Arc<dyn Store>, front: Arc<Front>, reader: u64) -> Vec<Seen> {
    let mut seen = Vec::new();
    let mut offset = reader;
    let mut moves = front.0.subscribe();
    while let Some(number) = front.at(offset) {
        offset += READERS;
        if offset.is_multiple_of(3) {
            // Leaves processor time for the writers.
            moves.changed().await.unwrap();
        }
        let read = store.credential(key(number)).await.unwrap().unwrap();
        let revoked = read.value.key.view().revoked;
        seen.push(Seen { key: number, as_of: read.as_of.seq().number(), revoked });
    }
    seen
}

/// Reads the key, waits at a gate until that key and later ones are revoked, then reads the number.
async fn read_with_a_pause([mut session, mut gate]: [Session; 2], front: Arc<Front>, volatility: &str) -> Vec<Seen> {
    let lock = format!("hashtext('gate of {volatility}')");
    session
        .run(&format!(
            "CREATE FUNCTION paused_{volatility}(key uuid, OUT revoked boolean, OUT as_of bigint)
            LANGUAGE plpgsql {volatility} AS $$ BEGIN
                revoked := (SELECT k.state <> 'active' FROM api_key k WHERE k.id = key);
                PERFORM pg_advisory_lock_shared({lock}), pg_advisory_unlock_shared({lock});
                as_of := (SELECT h.seq FROM revocation_head h WHERE h.id);
            END $$"
        ))
        .await;
    let mut seen = Vec::new();
    let mut offset = 0;
    while let Some(number) = front.at(offset) {
        offset += 1;
        gate.run(&format!("SELECT pg_advisory_lock({lock})")).await;
        let (id, unlock) = (key(number).uuid(), format!("SELECT pg_advisory_unlock({lock})"));
        let call = format!("SELECT revoked, as_of FROM paused_{volatility}('{id}')");
        let opened = async {
            front.reach(keys().min(number + REVOKERS)).await;
            gate.run(&unlock).await;
        };
        let (row, ()) = tokio::join!(session.row(&call), opened);
        let as_of = u64::try_from(row.get::<i64, _>("as_of")).unwrap();
        seen.push(Seen { key: number, as_of, revoked: row.get("revoked") });
    }
    seen
}

/// Number of reads that show a key in a state from before or after their event number.
fn faults(seen: &[Seen], revoked_by: &[u64]) -> usize {
    let wrong = |it: &&Seen| {
        let by = revoked_by.get(usize::try_from(it.key).unwrap()).unwrap();
        it.revoked != (it.as_of >= *by)
    };
    seen.iter().filter(wrong).count()
}

async fn history(feed: &dyn Feed) -> Vec<Event> {
    let mut events: Vec<Event> = Vec::new();
    loop {
        let after = events.last().map_or(Position::START, |event| event.position);
        let part = feed.events_after(after, 1_000).await.unwrap();
        assert!(part.follow, "they follow the event that they were asked for after");
        if part.events.is_empty() {
            return events;
        }
        events.extend(part.events);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_events_have_consecutive_numbers_and_no_read_is_older_than_its_number() {
    let database = Database::migrated().await;
    // A busy machine must not look like a lock that is held too long.
    let options = PgOptions { lock_timeout: Duration::from_secs(20), ..database.options(24) };
    let options = PgOptions { statement_timeout: Duration::from_secs(30), ..options };
    let pool = PgStore::connect(&options).await.unwrap();
    let control = database.control(&pool).await;
    let store: Arc<dyn Store> = Arc::new(pool);
    let tree = Tree::plant_in(&store).await;
    seed(&database, &tree).await;

    let front = Arc::new(Front(watch::Sender::new(0)));
    let (mut revokers, mut readers, mut others) = (JoinSet::new(), JoinSet::new(), JoinSet::new());
    let (mut stable, mut volatile) = (JoinSet::new(), JoinSet::new());
    for (operator, account) in (0..OPERATORS).zip([tree.direct.id.uuid(), tree.rival.id.uuid()]) {
        others.spawn(operate(database.session().await, account, keys() + operator));
    }
    for own in keys() + OPERATORS..keys() + CHANGED_KEYS {
        others.spawn(keep_open(database.session().await, Arc::clone(&front), own));
    }
    for reader in 0..READERS {
        readers.spawn(read(Arc::clone(&store), Arc::clone(&front), reader));
    }
    for (readers, volatility) in [(&mut stable, "stable"), (&mut volatile, "volatile")] {
        let sessions = [database.session().await, database.session().await];
        readers.spawn(read_with_a_pause(sessions, Arc::clone(&front), volatility));
    }
    for share in 0..REVOKERS {
        revokers.spawn(revoke_share(Arc::clone(&store), Arc::clone(&front), share));
    }

    let numbered: Vec<_> = revokers.join_all().await.into_iter().flatten().collect();
    front.advance(keys());
    others.join_all().await;
    let seen: Vec<_> = readers.join_all().await.into_iter().flatten().collect();

    let events = history(&control).await;
    let least = usize::try_from(keys() + OPERATORS * EACH_OPERATOR).unwrap();
    assert!(events.len() >= least, "{}", events.len());
    println!("{} events, {} reads among them", events.len(), seen.len());
    for (expected, event) in (1..).zip(&events) {
        assert_eq!(event.position.seq, Seq::new(expected));
    }
    assert_eq!(control.head().await.unwrap().as_of.position, events.last().unwrap().position);
    let mut revoked_by = vec![0; usize::try_from(keys()).unwrap()];
    for (number, seq) in numbered {
        *revoked_by.get_mut(usize::try_from(number).unwrap()).unwrap() = seq.number();
        let event = events.get(usize::try_from(seq.number() - 1).unwrap()).unwrap();
        assert_eq!(event.target, Target::Key(key(number)));
    }
    assert!(seen.iter().any(|it| it.revoked) && seen.iter().any(|it| !it.revoked), "the reads were among the writes");
    assert_eq!(faults(&seen, &revoked_by), 0);
    assert_eq!(faults(&stable.join_next().await.unwrap().unwrap(), &revoked_by), 0);
    assert!(faults(&volatile.join_next().await.unwrap().unwrap(), &revoked_by) > 0, "this test would not see a fault");
}
