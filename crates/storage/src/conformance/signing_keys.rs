//! Generations of token-signing keys.

use super::{Fixture, sample::at};
use crate::{SigningKeyRow, Write};

/// A signing key under this name.
pub fn row(generation: i32, kid: &str) -> SigningKeyRow {
    let byte = u8::try_from(generation).unwrap();
    SigningKeyRow {
        generation,
        kid: kid.to_owned(),
        public: vec![byte; 32],
        sealed: vec![0, byte, 255, 0, b'\'', 7],
        published_at: at(i64::from(generation)),
        signs_from: at(i64::from(generation) + 60),
    }
}

async fn add(fixture: &Fixture, generation: i32) -> Write {
    fixture.store.add_signing_key(&row(generation, &format!("kid-{generation}"))).await.unwrap()
}

pub async fn signing_keys_come_back_whole_and_oldest_first(fixture: &Fixture) {
    assert!(fixture.store.signing_keys().await.unwrap().is_empty());
    for generation in [2, 1, 11, 10, 3] {
        assert_eq!(add(fixture, generation).await, Write::Applied);
    }
    let stored = fixture.store.signing_keys().await.unwrap();
    let expected = [1, 2, 3, 10, 11].map(|generation| row(generation, &format!("kid-{generation}")));
    assert!(stored == expected);
}

pub async fn a_generation_that_exists_is_stale_and_stays(fixture: &Fixture) {
    assert_eq!(add(fixture, 1).await, Write::Applied);
    let late = SigningKeyRow { sealed: vec![9], ..row(1, "another") };
    assert_eq!(fixture.store.add_signing_key(&late).await.unwrap(), Write::Stale);
    assert!(fixture.store.signing_keys().await.unwrap() == [row(1, "kid-1")]);
}

pub async fn old_generations_are_dropped_and_the_named_one_stays(fixture: &Fixture) {
    for generation in 1..=4 {
        assert_eq!(add(fixture, generation).await, Write::Applied);
    }
    assert_eq!(fixture.store.drop_signing_keys_below(1).await.unwrap(), 0);
    assert_eq!(fixture.store.drop_signing_keys_below(3).await.unwrap(), 2);
    let left: Vec<_> = fixture.store.signing_keys().await.unwrap().iter().map(|key| key.generation).collect();
    assert_eq!(left, [3, 4]);
    assert_eq!(fixture.store.drop_signing_keys_below(3).await.unwrap(), 0);
}
