//! Concurrent requests for the same thing. Started together, joined, and judged by their outcome, never by their
//! duration.

use std::{sync::Arc, time::Duration};

use keyward_domain::{AccountId, Actor, ApiKey, Change, KeyId, KeyType, Now, Policy, Reach, Reason};
use tokio::{sync::Barrier, task::JoinSet};

use super::{
    Fixture,
    sample::{Draft, Tree, at, chain, fresh, pair, reach, record, revocation},
};
use crate::shortcuts::{StoreShortcuts as _, UnitOfWorkShortcuts as _};
use crate::{Committed, Constraint, Result, StorageError, Store, StoredState, Write};

/// Number of runs per race: one run proves little.
const ROUNDS: usize = 8;

/// Runs all futures concurrently and returns their results.
pub(super) async fn together<T: Send + 'static>(racers: Vec<impl Future<Output = T> + Send + 'static>) -> Vec<T> {
    let start = Arc::new(Barrier::new(racers.len()));
    let mut running = JoinSet::new();
    for racer in racers {
        let start = Arc::clone(&start);
        running.spawn(async move {
            start.wait().await;
            racer.await
        });
    }
    running.join_all().await
}

/// Acts like a use case: locks, checks whether a manager key is left, revokes.
async fn revoke_unless_last(store: Arc<dyn Store>, within: Reach, account: AccountId, key: KeyId) -> Result<bool> {
    let mut unit = store.begin().await?;
    assert!(unit.lock_account(&within, account).await?.is_some());
    if unit.longest_lived_manager_key(&within, account, &[key], Now::exact(at(0)), None).await?.is_none() {
        return Ok(false);
    }
    let it = revocation(1, Actor::Key(key), Reason::NoLongerNeeded);
    assert_eq!(unit.record_revocation(&within, key, &it).await?, Write::Applied);
    unit.commit().await?;
    Ok(true)
}

pub async fn one_of_the_last_two_manager_keys_stays_in_every_race(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    for round in 0..ROUNDS {
        let partner = keyward_domain::Account {
            mid: format!("round-{round}").parse().unwrap(),
            ..super::sample::account(keyward_domain::Role::Partner, Some(&tree.platform))
        };
        let mut unit = fixture.store.begin().await.unwrap();
        assert_eq!(unit.insert_account(&Reach::operator(), &partner).await.unwrap(), Write::Applied);
        unit.commit().await.unwrap();
        let mut racers = Vec::new();
        for _ in 0..2 {
            let key = Draft::manager_key().store(&fixture.store, &chain(&[&partner, &tree.platform])).await;
            racers.push(revoke_unless_last(Arc::clone(&fixture.store), reach(&partner), partner.id, key.id()));
        }
        let won = together(racers).await.into_iter().map(Result::unwrap).filter(|won| *won).count();
        assert_eq!(won, 1, "round {round}");
    }
}

/// Acts like a use case: locks, and sets the policy unless the account has it already.
async fn set_unless_set(store: Arc<dyn Store>, account: AccountId, policy: Policy) -> Result<bool> {
    let mut unit = store.begin().await?;
    let locked = unit.lock_account(&Reach::operator(), account).await?.unwrap();
    if locked.chain.own().policy.as_deref() == Some(&policy) {
        return Ok(false);
    }
    let change = Change::PolicySet { account, version: locked.policy_version, policy };
    assert_eq!(unit.record(&Reach::operator(), &change).await?, Write::Applied);
    unit.commit().await?;
    Ok(true)
}

/// Each sees what the last holder of the lock has committed, the policy included.
pub async fn one_of_racing_equal_policies_is_set(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    for round in 1..=ROUNDS {
        let policy = Policy { max_keys: u32::try_from(round).ok(), ..Policy::NONE };
        let set = || set_unless_set(Arc::clone(&fixture.store), tree.merchant.id, policy);
        let outcomes = together(vec![set(), set(), set(), set()]).await;
        let outcomes: Vec<_> = outcomes.into_iter().map(|outcome| outcome.unwrap()).collect();
        assert_eq!(outcomes.iter().filter(|is_set| **is_set).count(), 1, "round {round}: {outcomes:?}");
    }
}

/// Acts like a use case: locks, counts, and adds a key if there is room under the policy.
async fn add_if_there_is_room(store: Arc<dyn Store>, key: ApiKey) -> Result<bool> {
    let mut unit = store.begin().await?;
    let account = key.facts().account;
    let locked = unit.lock_account(&Reach::operator(), account).await?.unwrap();
    let most = locked.chain.policy().max_keys.unwrap();
    if unit.count_keys(&Reach::operator(), account, Now::exact(at(0)), None, most).await? >= most {
        return Ok(false);
    }
    assert_eq!(unit.insert_key(&Reach::operator(), &key).await?, Write::Applied);
    unit.commit().await?;
    Ok(true)
}

pub async fn racing_creates_fill_exactly_the_places_of_a_policy(fixture: &Fixture) {
    const PLACES: usize = 5;
    let tree = Tree::plant(fixture).await;
    let policy = Policy { max_keys: u32::try_from(PLACES).ok(), ..Policy::NONE };
    assert!(set_unless_set(Arc::clone(&fixture.store), tree.merchant.id, policy).await.unwrap());
    let racers = (0..3 * PLACES).map(|_| {
        let key = Draft::of(KeyType::Public).issue(&tree.merchant_chain());
        add_if_there_is_room(Arc::clone(&fixture.store), key)
    });
    let outcomes = together(racers.collect()).await;
    assert_eq!(outcomes.into_iter().filter(|outcome| *outcome.as_ref().unwrap()).count(), PLACES);
}

pub async fn one_of_racing_pairs_with_the_same_unique_name_is_made(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    for round in 0..ROUNDS {
        let racers = (0..4).map(|_| {
            let keys = pair(&tree.merchant_chain(), "shop", &format!("shop {round}"));
            let store = Arc::clone(&fixture.store);
            async move {
                let mut unit = store.begin().await?;
                for key in &keys {
                    assert_eq!(unit.insert_key(&Reach::operator(), key).await?, Write::Applied);
                }
                unit.commit().await
            }
        });
        let answers = together(racers.collect()).await;
        assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1, "round {round}: {answers:?}");
        let refused =
            |answer: &Result<Committed>| matches!(answer, Err(StorageError::Conflict(Constraint::PairUniqueName)));
        assert_eq!(answers.iter().filter(|answer| refused(answer)).count(), 3, "round {round}: {answers:?}");
    }
    let window = crate::KeyWindow { before: None, stored: StoredState::Any, rows: 100 };
    let stored = fixture.store.keys(&Reach::operator(), tree.merchant.id, window).await.unwrap();
    assert_eq!(stored.len(), 2 * ROUNDS, "the losers leave not even half a pair");
}

pub async fn one_of_racing_revocations_is_written(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    for round in 0..ROUNDS {
        let key = Draft::manager_key().store(&fixture.store, &tree.merchant_chain()).await;
        let racers = (1..=4).map(|second| {
            let (store, id) = (Arc::clone(&fixture.store), key.id());
            async move {
                let it = revocation(second, Actor::Operator, Reason::Compromised);
                let mut unit = store.begin().await.unwrap();
                let write = unit.record_revocation(&Reach::operator(), id, &it).await.unwrap();
                unit.commit().await.unwrap();
                (write, it)
            }
        });
        let answers = together(racers.collect()).await;
        let winners: Vec<_> = answers.into_iter().filter(|(write, _)| *write == Write::Applied).collect();
        assert_eq!(winners.len(), 1, "round {round}");
        let stored = record(&fixture.store, key.id()).await;
        assert_eq!(stored.key.revocation(), winners.first().map(|(_, it)| it), "round {round}");
    }
}

pub async fn exactly_one_of_racing_redemptions_is_the_first(fixture: &Fixture) {
    use crate::{Redeemed, Redemption};
    for round in 0..ROUNDS {
        let redemption = Redemption {
            token: keyward_domain::RefreshId::from_uuid(fresh()),
            family: keyward_domain::FamilyId::from_uuid(fresh()),
            family_ends_at: super::sample::at(1_000),
            at: super::sample::at(1),
            by: crate::Authority::operator(),
        };
        let racers = (0..6).map(|_| {
            let store = Arc::clone(&fixture.store);
            async move { store.redeem(&redemption).await.unwrap() }
        });
        let answers = together(racers.collect()).await;
        let count = |wanted| answers.iter().filter(|answer| **answer == wanted).count();
        assert_eq!((count(Redeemed::First), count(Redeemed::Again)), (1, 5), "round {round}: {answers:?}");
    }
}

pub async fn racing_signing_keys_make_one_generation(fixture: &Fixture) {
    for generation in 1..=4 {
        let now = super::signing_keys::now(fixture).await;
        let racers = (0..4).map(|racer| {
            let store = Arc::clone(&fixture.store);
            let key = super::signing_keys::fresh(generation, &format!("{generation}-{racer}"));
            async move { (store.add_signing_key(&key, Duration::ZERO, now).await.unwrap(), key.kid) }
        });
        let answers = together(racers.collect()).await;
        let made: Vec<_> = answers.into_iter().filter(|(write, _)| *write == Write::Applied).collect();
        assert_eq!(made.len(), 1, "generation {generation}");
        let stored = fixture.store.signing_keys().await.unwrap().keys;
        assert_eq!(stored.last().map(|key| &key.kid), made.first().map(|(_, kid)| kid), "generation {generation}");
    }
}

pub async fn one_of_racing_claims_stamps_the_database(fixture: &Fixture) {
    let racers = (0..4).map(|racer| {
        let store = Arc::clone(&fixture.store);
        let stamp = super::installation::stamp(racer);
        async move { (store.claim(&stamp, super::sample::at(0)).await.unwrap(), stamp) }
    });
    let answers = together(racers.collect()).await;
    let made: Vec<_> = answers.into_iter().filter(|(write, _)| *write == Write::Applied).collect();
    assert_eq!(made.len(), 1);
    assert_eq!(fixture.store.stamp().await.unwrap().as_ref(), made.first().map(|(_, stamp)| stamp));
}
