//! The installation that a database belongs to.

use keyward_domain::{Environment, KeyVersion};

use super::{Fixture, sample::at};
use crate::{Stamp, Write};

fn version(number: u16) -> KeyVersion {
    KeyVersion::new(number).unwrap()
}

fn fingerprint(n: u16) -> String {
    format!("{n:032x}")
}

/// A stamp that differs from others in every part.
pub fn stamp(n: u16) -> Stamp {
    let environment = if n.is_multiple_of(2) { Environment::Sandbox } else { Environment::Production };
    let fingerprints = (1..=n + 1).map(|at| (version(at), fingerprint(100 * n + at))).collect();
    Stamp { environment, fingerprints }
}

pub async fn an_unused_database_has_no_stamp(fixture: &Fixture) {
    assert_eq!(fixture.store.stamp().await.unwrap(), None);
}

pub async fn a_stamp_is_returned_complete(fixture: &Fixture) {
    assert_eq!(fixture.store.claim(&stamp(3), at(0)).await.unwrap(), Write::Applied);
    assert_eq!(fixture.store.stamp().await.unwrap(), Some(stamp(3)));
}

pub async fn a_stamped_database_cannot_be_claimed_again(fixture: &Fixture) {
    assert_eq!(fixture.store.claim(&stamp(0), at(0)).await.unwrap(), Write::Applied);
    for again in [0, 1, 2] {
        assert_eq!(fixture.store.claim(&stamp(again), at(1)).await.unwrap(), Write::Stale);
    }
    assert_eq!(fixture.store.stamp().await.unwrap(), Some(stamp(0)));
}

pub async fn each_version_of_the_master_key_has_one_fingerprint(fixture: &Fixture) {
    assert_eq!(fixture.store.claim(&stamp(0), at(0)).await.unwrap(), Write::Applied);
    let add = |number| fixture.store.add_fingerprint(version(number), "0123456789abcdef0123456789abcdef", at(1));
    assert_eq!(add(1).await.unwrap(), Write::Stale);
    assert_eq!(add(u16::MAX).await.unwrap(), Write::Applied);
    assert_eq!(add(2).await.unwrap(), Write::Applied);
    assert_eq!(add(2).await.unwrap(), Write::Stale);
    let stored = fixture.store.stamp().await.unwrap().unwrap();
    let added = "0123456789abcdef0123456789abcdef".to_owned();
    let expected = vec![(version(1), fingerprint(1)), (version(2), added.clone()), (version(u16::MAX), added)];
    assert_eq!(stored.fingerprints, expected);
}

pub async fn an_issuer_is_stamped_once_and_stays(fixture: &Fixture) {
    assert_eq!(fixture.store.issuer().await.unwrap(), None);
    assert_eq!(fixture.store.stamp_issuer("http://127.0.0.1:1", at(0)).await.unwrap(), Write::Applied);
    for later in ["http://127.0.0.1:2", "http://127.0.0.1:1"] {
        assert_eq!(fixture.store.stamp_issuer(later, at(1)).await.unwrap(), Write::Stale);
    }
    assert_eq!(fixture.store.issuer().await.unwrap().as_deref(), Some("http://127.0.0.1:1"));
    assert_eq!(fixture.store.stamp().await.unwrap(), None, "the other stamp is independent");
}
