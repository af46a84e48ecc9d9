//! The rows that a read examines: at most those that it returns, and of an index at most the path to them. The number
//! of keys and the planner's statistics make no difference.

use keyward_domain::{AccountId, Actor, KeyId, Now, Reach, Timestamp};
use keyward_storage::shortcuts::StoreShortcuts as _;
use keyward_storage::{
    AccountWindow, Accounts as _, AreaKeys, AreaWindow, Credentials as _, EndsWindow, KeyArea, KeyWindow, Keys as _,
    PgStore, Search as _, StoredState, Upkeep as _,
    conformance::{RawSql as _, sample},
};
use uuid::Uuid;

use crate::database::{Database, Raw};

const KEYS: u128 = 100_000;
const ROWS: u16 = 51;
/// A planner with statistics reads the ends of an index, in case the statistics are old: a few rows per table,
/// regardless of its size.
const PROBES: i64 = 6;
/// Maximum number of pages of the key indexes per read: the first page of each, which the planner reads, and in one of
/// them the path from the root along the returned rows. All keys of a state take hundreds of pages.
const INDEX_PAGES: i64 = 16;
/// Additional pages for the planner's probes.
const PROBED_PAGES: i64 = 12;

/// The accounts of the seed, in order of creation.
const PLATFORM: u128 = 1;
const PARTNER: u128 = 2;
const OLD: u128 = 3;
const BIG: u128 = 4;
const STRANGER: u128 = 5;
/// One of many accounts with few keys. Its number is higher than those of accounts with many keys.
const SMALL: u128 = 4_003;

fn account(number: u128) -> AccountId {
    AccountId::from_uuid(Uuid::from_u128(number))
}

/// The keys have higher numbers than the accounts have.
fn key(number: u128) -> KeyId {
    KeyId::from_uuid(Uuid::from_u128((1 << 100) + number))
}

/// Creates a tree with thousands of merchants. The old one has the thousand oldest keys. Half of the other keys belong
/// to the big one; most of them are revoked, and the rest are expired or the very last.
async fn seed(raw: &Raw) {
    let digest = sample::digest(1).encode();
    for sql in [
        "INSERT INTO account (id, mid, role, parent_id, name, status, created_at)
        SELECT lpad(to_hex(n), 32, '0')::uuid, 'm' || n, CASE n WHEN 1 THEN 'platform' WHEN 2 THEN 'partner'
            WHEN 5 THEN 'partner' ELSE 'merchant' END,
            CASE n WHEN 1 THEN NULL ELSE lpad(CASE WHEN n IN (2, 5) OR n % 5 = 0 THEN '1' ELSE '2' END, 32, '0')::uuid
            END, 'x', 'active', '2026-01-01Z'
        FROM generate_series(1, 5000) AS n"
            .to_owned(),
        format!(
            "INSERT INTO api_key (id, account_id, type, name, scopes, writes_keys, digest, last_four, created_at,
                expires_at, state, revoked_at, revocation_reason)
            SELECT ('00000010' || lpad(to_hex(n), 24, '0'))::uuid,
                lpad(to_hex(CASE WHEN n <= 1000 THEN 3 WHEN n % 2 = 0 THEN 4 ELSE 6 + n % 4000 END), 32, '0')::uuid,
                'secret', 'x', 'api-keys:write', true, '{digest}', 'abcd', '2026-01-01Z',
                CASE WHEN n % 200 = 0 THEN '2026-01-02Z'::timestamptz END,
                CASE WHEN n % 100 = 0 THEN 'active' ELSE 'revoked' END,
                CASE WHEN n % 100 <> 0 THEN '2026-01-02Z'::timestamptz END,
                CASE WHEN n % 100 <> 0 THEN 'unspecified' END
            FROM generate_series(1, {KEYS}) AS n"
        ),
        "INSERT INTO key_usage (key_id, last_used) SELECT id, '2026-01-03Z' FROM api_key".to_owned(),
    ] {
        raw.execute(&sql).await.unwrap();
    }
}

/// Rows of the four tables examined since the last call, once the store's connection is closed: only then are its
/// counts certainly reported.
struct Count<'a> {
    database: &'a Database,
    raw: &'a Raw,
}

#[derive(Debug)]
struct Examined {
    keys: i64,
    accounts: i64,
    uses: i64,
    heads: i64,
    /// Pages of the key indexes: entries that a scan skips are not counted as rows.
    key_index_pages: i64,
}

impl Examined {
    /// This many rows, and as many pages as any read may take. Among the accounts is the root of the caller's reach.
    const fn rows(keys: i64, accounts: i64, uses: i64, heads: i64) -> Self {
        Self { keys, accounts, uses, heads, key_index_pages: INDEX_PAGES }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Planner {
    Uninformed,
    Informed,
}

impl Examined {
    fn within(&self, most: &Self, planner: Planner) -> bool {
        let (probes, probed_pages) = if planner == Planner::Informed { (PROBES, PROBED_PAGES) } else { (0, 0) };
        self.keys <= most.keys + probes
            && self.accounts <= most.accounts + probes
            && self.uses <= most.uses + probes
            && self.heads <= most.heads + probes
            && self.key_index_pages <= most.key_index_pages + probed_pages
    }
}

impl Count<'_> {
    async fn so_far(&self) -> Examined {
        let gone = "SELECT count(*) FROM pg_stat_activity
            WHERE datname = current_database() AND application_name = 'keyward'";
        self.raw.wait_for(0, gone).await;
        // Flushes the counts of the test's own statements.
        self.raw.execute("SELECT pg_stat_force_next_flush()").await.unwrap();
        let of = async |table: &str| {
            let sql = format!(
                "SELECT (seq_tup_read + COALESCE(idx_tup_fetch, 0))::bigint FROM pg_stat_user_tables
                WHERE relname = '{table}'"
            );
            self.raw.number(&sql).await
        };
        let pages =
            "SELECT (idx_blks_hit + idx_blks_read)::bigint FROM pg_statio_user_tables WHERE relname = 'api_key'";
        Examined {
            keys: of("api_key").await,
            accounts: of("account").await,
            uses: of("key_usage").await,
            heads: of("revocation_head").await,
            key_index_pages: self.raw.number(pages).await,
        }
    }

    async fn of<T>(&self, work: impl AsyncFnOnce(&PgStore) -> T) -> (T, Examined) {
        let before = self.so_far().await;
        let store = self.database.store(1).await;
        let given = work(&store).await;
        store.close().await;
        let after = self.so_far().await;
        let examined = Examined {
            keys: after.keys - before.keys,
            accounts: after.accounts - before.accounts,
            uses: after.uses - before.uses,
            heads: after.heads - before.heads,
            key_index_pages: after.key_index_pages - before.key_index_pages,
        };
        (given, examined)
    }
}

/// Covers accounts with old, many and few keys; windows from the newest key and from the middle; each stored state.
async fn windows_examine_what_they_return(count: &Count<'_>, planner: Planner) {
    for (owner, middle) in [(OLD, 500), (BIG, KEYS / 2), (SMALL, KEYS / 2)] {
        for stored in [StoredState::Active, StoredState::Revoked, StoredState::Any] {
            for before in [None, Some(key(middle))] {
                let window = KeyWindow { before, stored, rows: ROWS };
                let (listed, examined) =
                    count.of(async |store| store.keys(&partner(), account(owner), window).await.unwrap()).await;
                let given = i64::try_from(listed.len()).unwrap();
                let context = format!("{planner:?}: account {owner}, {window:?}: {given} given, {examined:?}");
                // One in a hundred keys of the old and the big account is active; none of a small one.
                assert!(given > 0 || (owner == SMALL && stored == StoredState::Active), "{context}");
                assert!(given <= i64::from(ROWS), "{context}");
                assert!(listed.iter().all(|it| it.last_used.is_some() && it.key.facts().account == account(owner)));
                let most = Examined::rows(i64::from(ROWS), 3, given, 0);
                assert!(examined.within(&most, planner), "{context}");
            }
        }
    }
}

/// Covers a partner with nearly all keys, and one without any; windows from the newest key and from the middle.
async fn windows_over_many_accounts_examine_what_they_return(count: &Count<'_>, planner: Planner) {
    use AreaKeys::{CreatedBy, Stored};
    let line = |number| KeyArea::Line(account(number));
    for (area, keys, reach) in [
        (line(PARTNER), Stored(StoredState::Active), partner()),
        (line(PARTNER), Stored(StoredState::Revoked), partner()),
        (line(PARTNER), CreatedBy(Actor::Operator), partner()),
        (line(PARTNER), CreatedBy(Actor::Key(key(1))), partner()),
        (line(STRANGER), Stored(StoredState::Active), stranger()),
        (KeyArea::All, Stored(StoredState::Any), platform()),
        (KeyArea::All, Stored(StoredState::Any), partner()),
    ] {
        for before in [None, Some(key(KEYS / 2))] {
            let window = AreaWindow { area, keys, before, rows: ROWS };
            let (listed, examined) = count.of(async |store| store.keys_of_area(&reach, window).await.unwrap()).await;
            let given = i64::try_from(listed.len()).unwrap();
            let context = format!("{planner:?}: {window:?}: {given} given, {examined:?}");
            let has_none = reach != platform() && (area != line(PARTNER) || keys == CreatedBy(Actor::Key(key(1))));
            assert_eq!(given, if has_none { 0 } else { i64::from(ROWS) }, "{context}");
            assert!(examined.within(&Examined::rows(given, 3, given, 0), planner), "{context}");
        }
    }
}

/// Half of the active keys end in the same second; a search for them reads those ends, and few keys.
async fn keys_that_end_are_found_by_their_ends(count: &Count<'_>, planner: Planner) {
    const ENDS: i64 = 500;
    let until = "2026-01-03T00:00:00Z".parse().unwrap();
    for (at_most, is_few) in [(1_000, true), (100, false)] {
        let line = account(PARTNER);
        let window = EndsWindow { line, after: None, until, before: Some(key(KEYS / 2)), rows: ROWS, at_most };
        let (found, examined) = count.of(async |store| store.keys_that_end(&partner(), window).await.unwrap()).await;
        let context = format!("{planner:?}: {window:?}: {examined:?}");
        assert_eq!(found.map(|keys| keys.len()), is_few.then_some(usize::from(ROWS)), "{context}");
        // Their ends, twice, and the keys themselves.
        let most = Examined { key_index_pages: 3 * ENDS, ..Examined::rows(3 * ENDS, 6, i64::from(ROWS), 0) };
        assert!(examined.within(&most, planner), "{context}");
    }
}

async fn look_ups_examine_one_line(count: &Count<'_>, planner: Planner) {
    let id = key(KEYS / 2);
    let (found, examined) = count.of(async |store| store.key(&partner(), id).await.unwrap()).await;
    assert!(found.is_some());
    assert!(examined.within(&Examined::rows(1, 4, 1, 0), planner), "{planner:?}: {examined:?}");

    let (found, examined) = count.of(async |store| store.credential(id).await.unwrap()).await;
    assert!(found.is_some());
    assert!(examined.within(&Examined::rows(1, 3, 0, 1), planner), "{planner:?}: {examined:?}");

    // If the key does not exist, its neighbour is read, so that it costs the same.
    for absent in [Uuid::from_u128((2 << 100) + 1), Uuid::max()] {
        let (found, examined) = count.of(async |store| store.credential(KeyId::from_uuid(absent)).await.unwrap()).await;
        assert!(found.is_none());
        assert!(examined.keys >= 1 && examined.accounts >= 3, "{planner:?}: {absent}: {examined:?}");
        assert!(examined.within(&Examined::rows(1, 3, 0, 1), planner), "{planner:?}: {absent}: {examined:?}");
    }

    let (found, examined) = count
        .of(async |store| {
            let mut unit = store.begin().await.unwrap();
            unit.longest_lived_manager_key(
                &partner(),
                account(BIG),
                &[key(KEYS), key(KEYS - 100)],
                Now::exact(Timestamp::UNIX_EPOCH),
                None,
            )
            .await
            .unwrap()
        })
        .await;
    assert!(found.is_some());
    assert!(examined.within(&Examined::rows(3, 3, 0, 0), planner), "{planner:?}: {examined:?}");
}

async fn strangers_examine_no_key(count: &Count<'_>, planner: Planner) {
    for stored in [StoredState::Active, StoredState::Revoked, StoredState::Any] {
        let window = KeyWindow { before: None, stored, rows: ROWS };
        let (listed, examined) =
            count.of(async |store| store.keys(&stranger(), account(BIG), window).await.unwrap()).await;
        assert!(listed.is_empty());
        assert!(examined.within(&Examined::rows(0, 3, 0, 0), planner), "{planner:?}: {stored:?}");
    }
}

async fn account_windows_examine_what_they_return(count: &Count<'_>, planner: Planner) {
    for (who, reach) in [("operator", Reach::operator()), ("platform", platform()), ("partner", partner())] {
        for before in [None, Some(account(2_500))] {
            let window = AccountWindow { before, rows: ROWS };
            let (listed, examined) = count.of(async |store| store.accounts(&reach, window).await.unwrap()).await;
            assert_eq!(listed.len(), usize::from(ROWS));
            // Each with its parent, and the platform once.
            let most = Examined::rows(0, 2 * i64::from(ROWS) + 1, 0, 0);
            assert!(examined.within(&most, planner), "{planner:?}: {who}: {examined:?}");
        }
    }
}

/// Uses are recorded in batches: each examines its own key and its last use.
async fn uses_examine_their_own_keys(count: &Count<'_>, planner: Planner) {
    const USED: u128 = 2_000;
    let at = sample::at(1_800_000_000);
    // Keys from all over the table.
    let used: Vec<_> = (1..=USED).map(|n| (key(n * 50), at)).collect();
    let rows = i64::try_from(USED).unwrap();
    // First each is later than the recorded one, then none is.
    for changed in [rows, 0] {
        let ((), examined) = count.of(async |store| store.record_usage(&used).await.unwrap()).await;
        // The recorded use, the row that it replaces, and the key that it refers to.
        let pages = rows * 12;
        let most = Examined { key_index_pages: pages, ..Examined::rows(2 * rows, 0, rows + 2 * changed, 0) };
        assert!(examined.within(&most, planner), "{planner:?}: {changed} of {rows} are new: {examined:?}");
    }
}

fn reach(role: keyward_domain::Role, number: u128) -> Reach {
    let mid = format!("m{number}").parse().unwrap();
    Reach::of(&keyward_domain::Link {
        id: account(number),
        mid,
        role,
        status: keyward_domain::Status::Active,
        policy: None,
    })
}

fn platform() -> Reach {
    reach(keyward_domain::Role::Platform, PLATFORM)
}

fn partner() -> Reach {
    reach(keyward_domain::Role::Partner, PARTNER)
}

fn stranger() -> Reach {
    reach(keyward_domain::Role::Partner, STRANGER)
}

#[tokio::test]
async fn a_read_examines_no_more_rows_than_it_may_return() {
    let database = Database::migrated().await;
    let raw = database.raw();
    seed(&raw).await;
    let count = Count { database: &database, raw: &raw };
    for (planner, statistics) in [(Planner::Uninformed, "SELECT 1"), (Planner::Informed, "ANALYZE")] {
        raw.execute(statistics).await.unwrap();
        windows_examine_what_they_return(&count, planner).await;
        windows_over_many_accounts_examine_what_they_return(&count, planner).await;
        keys_that_end_are_found_by_their_ends(&count, planner).await;
        look_ups_examine_one_line(&count, planner).await;
        strangers_examine_no_key(&count, planner).await;
        account_windows_examine_what_they_return(&count, planner).await;
        uses_examine_their_own_keys(&count, planner).await;
        raw.execute("UPDATE key_usage SET last_used = '2026-01-03Z'").await.unwrap();
    }
}

#[tokio::test]
async fn a_plan_for_a_few_rows_is_replaced_when_there_are_many() {
    const FEW: u128 = 20;
    const MANY: u128 = 20_000;
    let database = Database::migrated().await;
    let raw = database.raw();
    let digest = sample::digest(1).encode();
    let add_keys = async |from: u128, to: u128| {
        let sql = format!(
            "INSERT INTO api_key (id, account_id, type, name, scopes, writes_keys, digest, last_four, created_at, state)
            SELECT ('00000010' || lpad(to_hex(n), 24, '0'))::uuid, lpad('3', 32, '0')::uuid, 'secret', 'x', '', false,
                '{digest}', 'abcd', '2026-01-01Z', 'active'
            FROM generate_series({from}, {to}) AS n"
        );
        raw.execute(&sql).await.unwrap();
    };
    raw.execute(
        "INSERT INTO account (id, mid, role, parent_id, name, status, created_at)
        SELECT lpad(to_hex(n), 32, '0')::uuid, 'm' || n, CASE n WHEN 1 THEN 'platform' WHEN 2 THEN 'partner'
            ELSE 'merchant' END, CASE n WHEN 1 THEN NULL ELSE lpad(to_hex(n - 1), 32, '0')::uuid END,
            'x', 'active', '2026-01-01Z'
        FROM generate_series(1, 3) AS n",
    )
    .await
    .unwrap();
    add_keys(1, FEW).await;
    // Now a full scan is the cheapest plan by the planner's statistics.
    raw.execute("ANALYZE").await.unwrap();
    let count = Count { database: &database, raw: &raw };
    let read = async |store: &PgStore, last: u128| {
        // Often enough for the server to keep a generic plan.
        for _ in 0..12 {
            assert!(store.credential(key(last)).await.unwrap().is_some());
            for absent in [KeyId::from_uuid(Uuid::nil()), key(last + 1)] {
                assert!(store.credential(absent).await.unwrap().is_none());
            }
            assert!(store.key(&partner(), key(last)).await.unwrap().is_some());
            let window = KeyWindow { before: None, stored: StoredState::Active, rows: 10 };
            assert_eq!(store.keys(&partner(), account(OLD), window).await.unwrap().len(), 10);
            store.record_usage(&[(key(last), sample::at(1_800_000_000))]).await.unwrap();
        }
    };
    let ((), examined) = count
        .of(async |store| {
            read(store, FEW).await;
            add_keys(FEW + 1, MANY).await;
            read(store, MANY).await;
        })
        .await;
    // Twice twelve rounds of four look-ups, a window and a use; the two new uses examine their key once more.
    assert!(examined.keys <= 2 * 12 * (3 + 1 + 10 + 1) + 2, "{examined:?}");
}
