//! How a migration converts the rows of an earlier version.

use keyward_domain::{AccountId, KeyId, Reach, Timestamp};
use keyward_storage::shortcuts::StoreShortcuts as _;
use keyward_storage::{Enforcement, Feed as _, HistoryToken, Keys as _, Position, Seq, conformance::RawSql as _};
use uuid::Uuid;

use super::MIGRATIONS;
use crate::{Options, SqliteStore, testing::Raw};

const BEFORE_REVOCATIONS_HAD_NUMBERS: i64 = 2;

/// Three accounts and three keys of the second, in the schema of the first two migrations.
const OLD_ROWS: [&str; 2] = [
    "INSERT INTO account (id, mid, role, parent_id, name, status, created_at) VALUES
        (x'00000000000000000000000000000001', 'p', 'platform', NULL, 'x', 'active', 1),
        (x'00000000000000000000000000000002', 's', 'partner', x'00000000000000000000000000000001', 'x', 'suspended', 1),
        (x'00000000000000000000000000000003', 'c', 'partner', x'00000000000000000000000000000001', 'x', 'closed', 1)",
    "INSERT INTO api_key (id, account_id, type, name, scopes, writes_keys, value, last_four, created_at, state,
        revoked_at, revocation_reason) VALUES
        (x'00000000000000000000000000000011', x'00000000000000000000000000000002', 'public', 'x', '', 0, 'v', 'abcd', 1,
            'active', NULL, NULL),
        (x'00000000000000000000000000000012', x'00000000000000000000000000000002', 'public', 'x', '', 0, 'v', 'abcd', 1,
            'revoked', 7, 'superseded')",
];

#[tokio::test]
async fn changes_from_before_the_first_event_are_enforced_and_no_events() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path(), &Options::default()).await.unwrap();
    MIGRATIONS.run_to(BEFORE_REVOCATIONS_HAD_NUMBERS, store.writer().unwrap().plain()).await.unwrap();
    let raw = Raw::beside(folder.path());
    for rows in OLD_ROWS {
        raw.execute(rows).await.unwrap();
    }
    store.migrate().await.unwrap();

    assert_eq!(store.head().await.unwrap().as_of.seq(), Seq::ZERO);
    assert_eq!(store.events_after(Position::START, 9).await.unwrap().events, []);
    let all = Reach::operator();
    for (key, expected) in [(0x11, None), (0x12, Some(7))] {
        let found = store.key(&all, KeyId::from_uuid(Uuid::from_u128(key))).await.unwrap().unwrap().enforcement;
        let expected = expected.map(|at| Enforcement {
            seq: Seq::ZERO,
            enforced_at: Some(Timestamp::from_micros(at).unwrap()),
            token: HistoryToken::EMBEDDED,
        });
        assert_eq!(found, expected, "{key:x}");
    }
    let mut unit = store.begin().await.unwrap();
    for (account, ended) in [(1, false), (2, true), (3, true)] {
        let id = AccountId::from_uuid(Uuid::from_u128(account));
        let found = unit.lock_account(&all, id).await.unwrap().unwrap().enforcement;
        assert_eq!(found.is_some_and(|it| it.seq == Seq::ZERO && it.enforced_at.is_some()), ended, "{account}");
        assert_eq!(found.is_some(), ended, "{account}");
    }
}
