//! A caller whose wall clock differs from the database's: shared state is never dated or deleted by it. For databases
//! that have their own clock.

use std::time::Duration;

use keyward_domain::{FamilyId, RefreshId, Timestamp};

use super::{
    Fixture, history,
    sample::fresh as fresh_id,
    signing_keys::{fresh, now},
};
use crate::{CLOCKS_AGREE, Redeemed, Redemption, Write};

const DAY: Duration = Duration::from_hours(24);
const SECOND: Duration = Duration::from_secs(1);

/// Clocks that differ from the database's by more than allowed.
async fn wrong(fixture: &Fixture) -> [Timestamp; 4] {
    let (now, more) = (now(fixture).await, CLOCKS_AGREE + 10 * SECOND);
    [now.saturating_add(more), now.saturating_sub(more), now.saturating_add(40 * DAY), now.saturating_sub(40 * DAY)]
}

/// Clocks that differ by almost as much as allowed.
async fn right(fixture: &Fixture) -> [Timestamp; 2] {
    let (now, less) = (now(fixture).await, CLOCKS_AGREE.saturating_sub(20 * SECOND));
    [now.saturating_add(less), now.saturating_sub(less)]
}

async fn signs_from(fixture: &Fixture) -> Vec<Timestamp> {
    fixture.store.signing_keys().await.unwrap().keys.into_iter().map(|key| key.signs_from).collect()
}

pub async fn no_key_is_rotated_by_a_clock_that_differs(fixture: &Fixture) {
    let add = async |generation, wall| {
        fixture.store.add_signing_key(&fresh(generation, &generation.to_string()), DAY, wall).await.unwrap()
    };
    let (before, [_, _, ahead, _]) = (now(fixture).await, wrong(fixture).await);
    // The first key is added anyway, since tokens need one; the database dates it.
    assert_eq!(add(1, ahead).await, Write::Applied);
    let first = signs_from(fixture).await[0];
    assert!(before <= first && first <= now(fixture).await);
    for wall in wrong(fixture).await {
        assert_eq!(add(2, wall).await, Write::Stale, "{wall}");
    }
    assert_eq!(signs_from(fixture).await, [first]);
    for (generation, wall) in (2..).zip(right(fixture).await) {
        assert_eq!(add(generation, wall).await, Write::Applied);
        let (lowest, highest) = (before.saturating_add(DAY), now(fixture).await.saturating_add(DAY));
        let last = *signs_from(fixture).await.last().unwrap();
        assert!(lowest <= last && last <= highest, "{last}");
    }
}

pub async fn no_key_is_dropped_by_a_clock_that_differs(fixture: &Fixture) {
    for generation in 1..=2 {
        let key = fresh(generation, &generation.to_string());
        let added = fixture.store.add_signing_key(&key, Duration::ZERO, now(fixture).await).await.unwrap();
        assert_eq!(added, Write::Applied);
    }
    for wall in wrong(fixture).await {
        assert_eq!(fixture.store.drop_signing_keys(Duration::ZERO, wall).await.unwrap(), 0, "{wall}");
    }
    let [ahead, behind] = right(fixture).await;
    assert_eq!(
        fixture.store.drop_signing_keys(30 * SECOND, ahead).await.unwrap(),
        0,
        "too early by the database's clock"
    );
    assert_eq!(fixture.store.drop_signing_keys(Duration::ZERO, behind).await.unwrap(), 1);
}

pub async fn no_family_is_forgotten_by_a_clock_that_differs(fixture: &Fixture) {
    let now = now(fixture).await;
    for family_ends_at in [now.saturating_sub(DAY), now.saturating_add(DAY)] {
        let (token, family) = (RefreshId::from_uuid(fresh_id()), FamilyId::from_uuid(fresh_id()));
        let redemption = Redemption { token, family, family_ends_at, at: now, by: crate::Authority::operator() };
        assert_eq!(fixture.store.redeem(&redemption).await.unwrap(), Redeemed::First);
    }
    for wall in wrong(fixture).await {
        assert_eq!(fixture.store.forget_families(SECOND, wall, 100).await.unwrap(), 0, "{wall}");
    }
    let [ahead, behind] = right(fixture).await;
    assert_eq!(fixture.store.forget_families(SECOND, ahead, 100).await.unwrap(), 1);
    assert_eq!(fixture.store.forget_families(SECOND, behind, 100).await.unwrap(), 0);
}

pub async fn no_history_is_pruned_by_a_clock_that_differs(fixture: &Fixture) {
    history::make(fixture, 3).await;
    for wall in wrong(fixture).await {
        assert_eq!(fixture.feed.prune(SECOND, wall, 100).await.unwrap(), 0, "{wall}");
    }
    let [ahead, behind] = right(fixture).await;
    assert_eq!(fixture.feed.prune(SECOND, behind, 1).await.unwrap(), 1);
    assert_eq!(fixture.feed.prune(SECOND, ahead, 100).await.unwrap(), 1);
}
