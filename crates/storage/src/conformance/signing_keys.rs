//! Generations of token-signing keys.

use std::time::Duration;

use keyward_domain::Timestamp;

use super::{Fixture, sample::at};
use crate::{FreshSigningKey, SigningKeyRow, Write};

const HOUR: Duration = Duration::from_hours(1);

/// A signing key with this key id.
pub fn fresh(generation: i32, kid: &str) -> FreshSigningKey {
    let byte = u8::try_from(generation).unwrap();
    FreshSigningKey { generation, kid: kid.to_owned(), public: vec![byte; 32], sealed: vec![0, byte, 255, 0, b'\'', 7] }
}

/// The database's time, or the caller's if the database has no clock of its own.
pub async fn now(fixture: &Fixture) -> Timestamp {
    fixture.store.signing_keys().await.unwrap().database_time.unwrap_or(at(0))
}

async fn stored(fixture: &Fixture) -> Vec<SigningKeyRow> {
    fixture.store.signing_keys().await.unwrap().keys
}

async fn add(fixture: &Fixture, generation: i32, published_for: Duration) -> Write {
    let key = fresh(generation, &format!("kid-{generation}"));
    fixture.store.add_signing_key(&key, published_for, now(fixture).await).await.unwrap()
}

async fn drop_after(fixture: &Fixture, signed_for: Duration) -> u64 {
    fixture.store.drop_signing_keys(signed_for, now(fixture).await).await.unwrap()
}

async fn generations(fixture: &Fixture) -> Vec<i32> {
    stored(fixture).await.iter().map(|key| key.generation).collect()
}

pub async fn signing_keys_are_returned_complete_and_oldest_first(fixture: &Fixture) {
    assert!(stored(fixture).await.is_empty());
    let before = now(fixture).await;
    for generation in [2, 1, 11, 10, 3] {
        assert_eq!(add(fixture, generation, HOUR).await, Write::Applied);
    }
    let (after, keys) = (now(fixture).await, stored(fixture).await);
    for (key, generation) in keys.iter().zip([1, 2, 3, 10, 11]) {
        let SigningKeyRow { published_at, signs_from, .. } = *key;
        let FreshSigningKey { generation, kid, public, sealed } = fresh(generation, &format!("kid-{generation}"));
        assert!(*key == SigningKeyRow { generation, kid, public, sealed, published_at, signs_from });
        assert!(before <= published_at && published_at <= after, "the database dates it");
        let waits = if generation == 2 { Duration::ZERO } else { HOUR };
        assert_eq!(signs_from, published_at.saturating_add(waits), "the first one signs immediately");
    }
    assert_eq!(keys.len(), 5);
}

pub async fn a_generation_that_exists_is_stale_and_stays(fixture: &Fixture) {
    assert_eq!(add(fixture, 1, HOUR).await, Write::Applied);
    let first = stored(fixture).await;
    let late = FreshSigningKey { sealed: vec![9], ..fresh(1, "another") };
    let added = fixture.store.add_signing_key(&late, Duration::ZERO, now(fixture).await).await.unwrap();
    assert_eq!(added, Write::Stale);
    assert!(stored(fixture).await == first);
}

pub async fn if_no_key_signs_the_next_one_signs_immediately(fixture: &Fixture) {
    assert_eq!(add(fixture, 1, HOUR).await, Write::Applied);
    let late = fixture.raw.moment(now(fixture).await.saturating_add(40 * 24 * HOUR));
    fixture.raw.execute(&format!("UPDATE signing_key SET signs_from = {late}")).await.unwrap();
    assert_eq!(add(fixture, 2, HOUR).await, Write::Applied);
    assert_eq!(add(fixture, 3, HOUR).await, Write::Applied);
    let keys = stored(fixture).await;
    assert_eq!(keys[1].signs_from, keys[1].published_at);
    assert_eq!(keys[2].signs_from, keys[2].published_at.saturating_add(HOUR));
}

pub async fn old_generations_are_dropped_and_the_one_that_signs_stays(fixture: &Fixture) {
    for generation in 1..=3 {
        assert_eq!(add(fixture, generation, Duration::ZERO).await, Write::Applied);
    }
    assert_eq!(add(fixture, 4, HOUR).await, Write::Applied);
    assert_eq!(drop_after(fixture, HOUR).await, 0, "none has been signing for that long");
    assert_eq!(drop_after(fixture, Duration::ZERO).await, 2);
    assert_eq!(generations(fixture).await, [3, 4]);
    assert_eq!(drop_after(fixture, Duration::ZERO).await, 0);
    let late = fixture.raw.moment(now(fixture).await.saturating_add(40 * 24 * HOUR));
    fixture.raw.execute(&format!("UPDATE signing_key SET signs_from = {late}")).await.unwrap();
    assert_eq!(drop_after(fixture, Duration::ZERO).await, 0, "none signs");
    assert_eq!(generations(fixture).await, [3, 4]);
}
