//! Others write to a database, or restore it, while a store has it open: the history has another token afterwards.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    path::Path,
};

use keyward_storage::shortcuts::StoreShortcuts as _;
use keyward_storage::{
    Feed as _, HistoryToken, LostHistory, Position, Seq,
    conformance::{RawSql as _, sample::at},
};
use keyward_storage_sqlite::{
    SqliteStore,
    testing::{Raw, open},
};

#[tokio::test]
async fn a_write_by_others_begins_another_history_and_our_own_does_not() {
    let (store, folder) = open().await;
    let token = async || store.events_after(Position::START, 1).await.unwrap().token;
    let before = token().await;
    for _ in 0..3 {
        store.begin().await.unwrap().commit().await.unwrap();
        store.on_the_writer("CREATE TABLE IF NOT EXISTS ours (x)").await.unwrap();
    }
    assert_eq!(token().await, before);
    Raw::beside(folder.path()).execute("CREATE TABLE theirs (x)").await.unwrap();
    let after = token().await;
    assert_ne!(after, before);
    assert_eq!(token().await, after, "it was one write");
}

/// The periodic check is skipped while the writer is in use: then the unit of work has checked.
#[tokio::test]
async fn a_unit_of_work_checks_before_it_begins() {
    let (store, folder) = open().await;
    let before = store.events_after(Position::START, 1).await.unwrap().token;
    Raw::beside(folder.path()).execute("CREATE TABLE theirs (x)").await.unwrap();
    let held = store.begin().await.unwrap();
    assert_ne!(store.events_after(Position::START, 1).await.unwrap().token, before);
    drop(held);
}

#[tokio::test]
async fn events_beyond_the_last_one_follow_nothing() {
    let (store, _folder) = open().await;
    let head = store.head().await.unwrap().as_of.position;
    assert!(store.events_after(head, 1).await.unwrap().follow);
    let beyond = Position::unnamed(Seq::new(head.seq.number() + 1));
    assert!(!store.events_after(beyond, 1).await.unwrap().follow);
}

/// Statements that make an event without a key.
const EVENT: [&str; 2] = [
    "UPDATE revocation_head SET seq = seq + 1",
    "INSERT INTO revocation_event (seq, scope, subject, change)
        SELECT seq, 'key', randomblob(16), 'revoked' FROM revocation_head",
];

/// Makes the next event on this store's own connection.
async fn make_event(store: &SqliteStore) {
    for statement in EVENT {
        store.on_the_writer(statement).await.expect("an event is numbered");
    }
}

/// Overwrites the database of a running store with the bytes of a copy, like `cp`.
fn overwrite(database: &Path, copy: &Path) -> io::Result<()> {
    let bytes = fs::read(copy)?;
    OpenOptions::new().write(true).open(database)?.write_all(&bytes)
}

/// If the copy has as many events as were seen, their numbers show nothing. If it has the same events, keys may have
/// been created since it was made.
#[tokio::test]
async fn a_copy_written_over_the_file_is_another_history_with_any_number_of_events() {
    for (events_of_its_own, events_since) in [(1, 1), (2, 1), (0, 0)] {
        let (store, folder) = open().await;
        make_event(&store).await;
        store.checkpoint().await.unwrap();
        let (database, elsewhere) = (folder.path().join("keyward.db"), tempfile::tempdir().unwrap());
        let copy = elsewhere.path().join("keyward.db");
        fs::copy(&database, &copy).unwrap();
        for _ in 0..events_of_its_own {
            for statement in EVENT {
                Raw::beside(elsewhere.path()).execute(statement).await.unwrap();
            }
        }
        Raw::beside(elsewhere.path()).execute("PRAGMA wal_checkpoint(TRUNCATE)").await.unwrap();
        // Like a server at startup.
        store.begin_copy().await.unwrap();
        let token = async || store.events_after(Position::START, 100).await.unwrap().token;
        let before = token().await;
        for _ in 0..events_since {
            make_event(&store).await;
            assert_eq!(token().await, before, "our own events do not change the history");
        }
        store.checkpoint().await.unwrap();
        overwrite(&database, &copy).unwrap();
        let after = token().await;
        assert_ne!(after, before, "{events_of_its_own} and {events_since}");
        assert_eq!(token().await, after, "it was one write");
    }
}

/// A copy made of a running server differs from it from the beginning.
#[tokio::test]
async fn every_copy_has_its_own_random_number() {
    let (store, folder) = open().await;
    let elsewhere = tempfile::tempdir().unwrap();
    let copy = elsewhere.path().join("keyward.db");
    store.copy_into(&copy).await.unwrap();
    let raw = Raw::beside(folder.path());
    raw.execute(&format!("ATTACH '{}' AS other", copy.display())).await.unwrap();
    let differs = "SELECT count(*) FROM main.revocation_head h JOIN other.revocation_head o ON o.copy <> h.copy
        WHERE length(h.copy) = 16 AND length(o.copy) = 16";
    assert_eq!(raw.number(differs).await, 1);
}

#[tokio::test]
async fn events_found_missing_by_a_running_server_are_shown_and_not_logged_again() {
    let (store, _folder) = open().await;
    let lost = LostHistory {
        token: HistoryToken::EMBEDDED,
        kept_up_to: Seq::new(3),
        had_up_to: Seq::new(5),
        noticed_at: at(1),
    };
    store.note_lost(&lost).await.unwrap();
    assert_eq!(store.lost_history(5).await.unwrap(), [lost]);
    assert_eq!(store.unsaid_lost_history().await.unwrap(), []);
}
