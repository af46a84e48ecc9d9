//! Every combination of stamp and node, first as a decision, then on a real database.

use std::{fs, os::unix::fs::PermissionsExt as _, path::PathBuf};

use keyward_domain::Timestamp;
use keyward_storage::Installation as _;
use keyward_storage_sqlite::{Options, SqliteStore};
use tempfile::TempDir;

use super::{
    identity::{Identity, IdentityCheck},
    *,
};
use crate::clock::SystemClock;

const SANDBOX: Environment = Environment::Sandbox;

fn key(versions: &[u8]) -> MasterKey {
    let bytes: Vec<u8> = versions.iter().flat_map(|byte| [*byte; 32]).collect();
    MasterKey::from_bytes(&bytes).unwrap()
}

fn stamp_of(environment: Environment, versions: &[u8]) -> Stamp {
    match judge(None, environment, &key(versions)) {
        Ok(StampCheck::Claim(stamp)) => stamp,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_database_without_a_stamp_gets_that_of_the_node() {
    let stamp = stamp_of(SANDBOX, &[1, 2]);
    assert_eq!((stamp.environment, stamp.fingerprints.len()), (SANDBOX, 2));
}

#[test]
fn a_stamp_is_ours_foreign_or_to_be_added_to() {
    let stamp = stamp_of(SANDBOX, &[1, 2]);
    assert_eq!(judge(Some(&stamp), SANDBOX, &key(&[1, 2])), Ok(StampCheck::Ours));
    let added = judge(Some(&stamp), SANDBOX, &key(&[1, 2, 3]));
    assert!(matches!(added, Ok(StampCheck::Add(versions)) if versions.len() == 1 && versions[0].0.number() == 3));
    assert!(matches!(
        judge(Some(&stamp), Environment::Production, &key(&[1, 2])),
        Err(Foreign::Environment { stamped: SANDBOX })
    ));
    for other in [&[9, 2], &[1, 9]] {
        assert!(matches!(judge(Some(&stamp), SANDBOX, &key(other)), Err(Foreign::Key { .. })), "{other:?}");
    }
    assert!(matches!(
        judge(Some(&stamp), SANDBOX, &key(&[1])),
        Err(Foreign::KeyTooOld { version, .. }) if version.number() == 2
    ));
}

/// A database and the path of a master key, in a folder of their own.
struct Place {
    folder: TempDir,
    store: SqliteStore,
}

impl Place {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(folder.path(), &Options::default()).await.unwrap();
        store.migrate().await.unwrap();
        Self { folder, store }
    }

    fn key_path(&self) -> PathBuf {
        self.folder.path().join("master.key")
    }

    fn write_key(&self, versions: &[u8]) {
        let bytes: Vec<u8> = versions.iter().flat_map(|byte| [*byte; 32]).collect();
        fs::write(self.key_path(), bytes).unwrap();
        fs::set_permissions(self.key_path(), fs::Permissions::from_mode(0o600)).unwrap();
    }

    async fn claim_database(&self, environment: Environment, key_given: bool, mode: Mode) -> Result<MasterKey, String> {
        let key_path = self.key_path();
        let claimant = Claimant { environment, key_path: &key_path, key_given };
        claim_database(&self.store, &claimant, mode, &SystemClock).await.map_err(|error| format!("{error:#}"))
    }

    async fn start(&self) -> Result<MasterKey, String> {
        self.claim_database(SANDBOX, false, Mode::Make).await
    }
}

#[tokio::test]
async fn an_unused_database_gets_a_key_and_a_stamp_and_the_next_start_finds_both() {
    let place = Place::new().await;
    let made = place.start().await.unwrap();
    let again = place.start().await.unwrap();
    assert_eq!(made.fingerprint(KeyVersion::FIRST), again.fingerprint(KeyVersion::FIRST));
    let stamp = place.store.stamp().await.unwrap().unwrap();
    assert_eq!(stamp.fingerprints, [(KeyVersion::FIRST, made.fingerprint(KeyVersion::FIRST).unwrap())]);
}

#[tokio::test]
async fn an_existing_key_is_used_for_an_unused_database() {
    let place = Place::new().await;
    place.write_key(&[5]);
    place.start().await.unwrap();
    assert_eq!(place.store.stamp().await.unwrap().unwrap(), stamp_of(SANDBOX, &[5]));
}

#[tokio::test]
async fn another_key_is_refused_with_both_fingerprints() {
    let place = Place::new().await;
    place.write_key(&[5]);
    place.start().await.unwrap();
    place.write_key(&[6]);
    let refusal = place.start().await.err().unwrap();
    for key in [key(&[5]), key(&[6])] {
        assert!(refusal.contains(&key.fingerprint(KeyVersion::FIRST).unwrap()), "{refusal}");
    }
}

#[tokio::test]
async fn a_further_version_is_stamped_and_an_older_file_refused_from_then_on() {
    let place = Place::new().await;
    for versions in [&[1][..], &[1, 2]] {
        place.write_key(versions);
        place.start().await.unwrap();
    }
    assert_eq!(place.store.stamp().await.unwrap().unwrap(), stamp_of(SANDBOX, &[1, 2]));
    place.write_key(&[1]);
    let refusal = place.start().await.err().unwrap();
    assert!(refusal.contains("lacks version 2"), "{refusal}");
}

#[tokio::test]
async fn a_reader_changes_nothing() {
    let place = Place::new().await;
    let refusal = place.claim_database(SANDBOX, false, Mode::Read).await.err().unwrap();
    assert!(refusal.contains("never used"), "{refusal}");
    assert!(!place.key_path().exists() && place.store.stamp().await.unwrap().is_none());

    place.write_key(&[1]);
    place.start().await.unwrap();
    place.write_key(&[1, 2]);
    place.claim_database(SANDBOX, false, Mode::Read).await.unwrap();
    assert_eq!(place.store.stamp().await.unwrap().unwrap().fingerprints.len(), 1);
}

#[tokio::test]
async fn the_loser_of_a_race_for_a_database_is_refused_with_another_key() {
    let place = Place::new().await;
    place.write_key(&[1]);
    let at = Timestamp::UNIX_EPOCH;
    assert_eq!(place.store.claim(&stamp_of(SANDBOX, &[2]), at).await.unwrap(), Write::Applied);
    let path = place.key_path();
    let claimant = Claimant { environment: SANDBOX, key_path: &path, key_given: false };
    let late = claim(&place.store, &claimant, &stamp_of(SANDBOX, &[1]), &key(&[1]), &SystemClock).await;
    assert!(late.unwrap_err().to_string().contains("is not the one of this database"));
}

/// The identity of a node with this key, which stamps its issuer.
fn identity(versions: &[u8], issuer: &str) -> Identity {
    let (master, issuer) = (std::sync::Arc::new(key(versions)), Some(issuer.to_owned()));
    Identity { environment: SANDBOX, key_path: PathBuf::from("/keys/master.key"), master, issuer }
}

/// The database went back to before a key version and the issuer were stamped: both are stamped again, so that no other
/// takes their place.
#[tokio::test]
async fn a_stamp_lost_with_a_history_is_restored() {
    let place = Place::new().await;
    let store = &place.store;
    let (clock, node) = (SystemClock, identity(&[1, 2], "http://one"));
    assert_eq!(node.check(store, &clock).await.unwrap(), IdentityCheck::Unknown, "it is claimed by a start alone");
    assert_eq!(store.stamp().await.unwrap(), None);
    let claimed = store.claim(&stamp_of(SANDBOX, &[1]), clock.wall()).await.unwrap();
    assert_eq!(claimed, Write::Applied);
    for _ in 0..2 {
        assert_eq!(node.check(store, &clock).await.unwrap(), IdentityCheck::Ours);
        assert_eq!(store.stamp().await.unwrap(), Some(stamp_of(SANDBOX, &[1, 2])));
        assert_eq!(store.issuer().await.unwrap().as_deref(), Some("http://one"));
    }
    for (other, word) in [
        (identity(&[1, 3], "http://one"), "/keys/master.key is not the one"),
        (identity(&[1], "http://one"), "lacks version 2"),
        (identity(&[1, 2], "http://two"), "issued by http://one now"),
    ] {
        let standing = other.check(store, &clock).await.unwrap();
        assert!(matches!(&standing, IdentityCheck::Foreign(why) if why.contains(word)), "{standing:?}");
    }
}
