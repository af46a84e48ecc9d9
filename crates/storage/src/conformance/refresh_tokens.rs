//! Redeeming refresh tokens once, and forgetting ended families.

use std::time::Duration;

use keyward_domain::{FamilyId, RefreshId};

use super::{
    Fixture,
    sample::{at, fresh},
    signing_keys::now,
};
use crate::{Authority, Redeemed, Redemption};

const HOUR: Duration = Duration::from_hours(1);

fn redemption(family: FamilyId, ends: i64) -> Redemption {
    Redemption {
        token: RefreshId::from_uuid(fresh()),
        family,
        family_ends_at: at(ends),
        at: at(1),
        by: Authority::operator(),
    }
}

fn family() -> FamilyId {
    FamilyId::from_uuid(fresh())
}

async fn count(fixture: &Fixture) -> i64 {
    fixture.raw.number("SELECT count(*) FROM redeemed_refresh").await
}

pub async fn a_token_is_redeemed_once(fixture: &Fixture) {
    let token = redemption(family(), 100);
    assert_eq!(fixture.store.redeem(&token).await.unwrap(), Redeemed::First);
    assert_eq!(fixture.store.redeem(&token).await.unwrap(), Redeemed::Again);
    let later = Redemption { at: at(50), ..token };
    assert_eq!(fixture.store.redeem(&later).await.unwrap(), Redeemed::Again);
    assert_eq!(count(fixture).await, 1);
}

pub async fn each_token_of_a_family_is_redeemed_in_turn(fixture: &Fixture) {
    let family = family();
    for _ in 0..4 {
        assert_eq!(fixture.store.redeem(&redemption(family, 100)).await.unwrap(), Redeemed::First);
    }
}

pub async fn a_second_redemption_ends_the_family(fixture: &Fixture) {
    let family = family();
    let [one, two, three] = [1, 2, 3].map(|_| redemption(family, 100));
    assert_eq!(fixture.store.redeem(&one).await.unwrap(), Redeemed::First);
    assert_eq!(fixture.store.redeem(&two).await.unwrap(), Redeemed::First);
    assert_eq!(fixture.store.redeem(&one).await.unwrap(), Redeemed::Again);
    assert_eq!(fixture.store.redeem(&three).await.unwrap(), Redeemed::FamilyEnded);
    assert_eq!(fixture.store.redeem(&three).await.unwrap(), Redeemed::FamilyEnded);
    assert_eq!(fixture.store.redeem(&two).await.unwrap(), Redeemed::Again);
}

pub async fn the_end_of_a_family_touches_no_other(fixture: &Fixture) {
    let ended = redemption(family(), 100);
    assert_eq!(fixture.store.redeem(&ended).await.unwrap(), Redeemed::First);
    assert_eq!(fixture.store.redeem(&ended).await.unwrap(), Redeemed::Again);
    assert_eq!(fixture.store.redeem(&redemption(family(), 100)).await.unwrap(), Redeemed::First);
}

/// Redeems a token of a new family that ended this many hours ago.
async fn redeem_ended(fixture: &Fixture, hours: u32) {
    let family_ends_at = now(fixture).await.saturating_sub(hours * HOUR);
    let redemption = Redemption { family_ends_at, ..redemption(family(), 0) };
    assert_eq!(fixture.store.redeem(&redemption).await.unwrap(), Redeemed::First);
}

async fn forget(fixture: &Fixture, ended_for: Duration, at_most: u32) -> u64 {
    fixture.store.forget_families(ended_for, now(fixture).await, at_most).await.unwrap()
}

pub async fn families_are_forgotten_after_their_retention(fixture: &Fixture) {
    for hours in [10, 20, 30] {
        redeem_ended(fixture, hours).await;
    }
    assert_eq!(forget(fixture, 31 * HOUR, 100).await, 0);
    assert_eq!(forget(fixture, 20 * HOUR, 100).await, 2);
    assert_eq!(count(fixture).await, 1);
}

pub async fn forgetting_respects_its_limit(fixture: &Fixture) {
    for _ in 0..5 {
        redeem_ended(fixture, 1).await;
    }
    for (left, forgotten) in [(3, 2), (1, 2), (0, 1), (0, 0)] {
        assert_eq!(forget(fixture, HOUR, 2).await, forgotten);
        assert_eq!(count(fixture).await, left);
    }
}
