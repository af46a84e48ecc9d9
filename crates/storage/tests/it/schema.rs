//! The schema state of a database, before and after migrating.

use keyward_storage::{Schema, StorageError, conformance::RawSql as _};

use crate::database::{Database, MIGRATIONS};

#[tokio::test]
async fn a_new_database_is_empty_and_current_once_migrated() {
    let database = Database::create().await;
    let store = database.store(1).await;
    assert_eq!(store.schema().await.unwrap(), Schema::Empty);
    store.migrate().await.unwrap();
    assert_eq!(store.schema().await.unwrap(), Schema::Current);
    store.migrate().await.unwrap();
    assert_eq!(store.schema().await.unwrap(), Schema::Current);
}

#[tokio::test]
async fn nodes_that_migrate_concurrently_do_not_disturb_each_other() {
    let database = Database::create().await;
    let (one, other) = (database.store(1).await, database.store(1).await);
    let (first, second) = tokio::join!(one.migrate(), other.migrate());
    first.unwrap();
    second.unwrap();
    assert_eq!(one.schema().await.unwrap(), Schema::Current);
}

#[tokio::test]
async fn an_older_schema_is_behind_and_a_newer_one_ahead() {
    let database = Database::migrated().await;
    let (store, raw) = (database.store(1).await, database.raw());
    let newest = raw.number("SELECT max(version) FROM _sqlx_migrations").await;
    let before = raw.number(&format!("SELECT max(version) FROM _sqlx_migrations WHERE version < {newest}")).await;
    raw.execute(&format!("UPDATE _sqlx_migrations SET version = 9999 WHERE version = {newest}")).await.unwrap();
    assert_eq!(store.schema().await.unwrap(), Schema::Ahead { at: 9999, knows: newest });
    assert!(matches!(store.migrate().await, Err(StorageError::Unexpected(_))));
    raw.execute("DELETE FROM _sqlx_migrations WHERE version = 9999").await.unwrap();
    assert_eq!(store.schema().await.unwrap(), Schema::Behind { at: before, needs: newest });
}

#[tokio::test]
async fn a_database_with_unknown_tables_belongs_to_another_program() {
    let database = Database::create().await;
    let (store, raw) = (database.store(1).await, database.raw());
    raw.execute("CREATE TABLE invoice (id integer)").await.unwrap();
    assert_eq!(store.schema().await.unwrap(), Schema::Foreign);
    raw.execute("DROP TABLE invoice").await.unwrap();
    store.migrate().await.unwrap();
    raw.execute("UPDATE _sqlx_migrations SET version = version + 20240000").await.unwrap();
    assert_eq!(store.schema().await.unwrap(), Schema::Foreign);
}

/// Revocations from before events were numbered were enforced immediately: no call waits for them.
#[tokio::test]
async fn anything_ended_before_the_first_event_counts_as_enforced() {
    let database = Database::create().await;
    let mut session = database.session().await;
    for step in MIGRATIONS.iter() {
        if step.version == 3 {
            session
                .run(
                    "INSERT INTO account (id, mid, role, parent_id, name, status, created_at) VALUES
                        (lpad('1', 32, '0')::uuid, 'm1', 'platform', NULL, 'x', 'active', '2026-01-01Z'),
                        (lpad('2', 32, '0')::uuid, 'm2', 'partner', lpad('1', 32, '0')::uuid, 'x', 'closed',
                            '2026-01-01Z');
                    INSERT INTO api_key (id, account_id, type, name, scopes, writes_keys, value, last_four, created_at,
                        state, revoked_at, revocation_reason)
                    SELECT lpad(n::text, 32, '0')::uuid, lpad('1', 32, '0')::uuid, 'public', 'x', '', false, 'x',
                        'abcd', '2026-01-01Z', state, at, reason
                    FROM (VALUES (3, 'active', NULL, NULL), (4, 'revoked', '2026-01-02Z'::timestamptz, 'unspecified'))
                        AS k (n, state, at, reason)",
                )
                .await;
        }
        session.run(&format!("BEGIN; {}; COMMIT", step.sql.as_str())).await;
    }
    for (number, what) in [
        (1, "api_key WHERE state = 'active' AND change_seq IS NULL AND enforced_at IS NULL"),
        (1, "api_key WHERE state = 'revoked' AND change_seq = 0 AND enforced_at = revoked_at"),
        (1, "account WHERE status = 'active' AND change_seq IS NULL AND enforced_at IS NULL"),
        (1, "account WHERE status = 'closed' AND change_seq = 0 AND enforced_at IS NOT NULL"),
        (0, "revocation_event"),
    ] {
        assert_eq!(session.number(&format!("SELECT count(*) FROM {what}")).await, number, "{what}");
    }
}

#[tokio::test]
async fn a_changed_or_incomplete_migration_is_refused_by_number() {
    let database = Database::migrated().await;
    let (store, raw) = (database.store(1).await, database.raw());
    for damage in ["checksum = '\\x00'", "success = false"] {
        raw.execute(&format!("UPDATE _sqlx_migrations SET {damage} WHERE version = 2")).await.unwrap();
        for refusal in [store.schema().await.map(|_| ()), store.migrate().await] {
            let Err(StorageError::Unexpected(why)) = refusal else { panic!("{damage}: {refusal:?}") };
            assert!(why.to_string().contains("migration 2"), "{why}");
        }
    }
}
