//! The authority for a change: it holds until the commit, or nothing is written (R19).

use std::sync::Arc;

use keyward_domain::{Actor, ApiKey, FamilyId, KeyId, KeyType, Reach, Reason, RefreshId, Role, Status};

use super::{
    Fixture,
    races::together,
    sample::{Draft, NOTHING, Tree, account, at, become_status, chain, fresh, pair, reach, revocation, revoke},
};
use crate::shortcuts::{StoreShortcuts as _, UnitOfWorkShortcuts as _};
use crate::{
    Authority, HistoryToken, Position, Redeemed, Redemption, Result, Seq, Snapshot, StorageError, Store, Write,
};

/// Every change that a key can make.
#[derive(Clone, Copy, Debug)]
enum Kind {
    KeyAlone,
    Pair,
    Account,
    Suspension,
    Revocation,
    Redemption,
}

const KINDS: [Kind; 6] =
    [Kind::KeyAlone, Kind::Pair, Kind::Account, Kind::Suspension, Kind::Revocation, Kind::Redemption];

/// A partner's key, and its changes.
struct Scene<'a> {
    fixture: &'a Fixture,
    tree: Tree,
    key: ApiKey,
    /// The public key of its pair, for tokens.
    public: ApiKey,
    /// Another key, which it may revoke.
    target: ApiKey,
}

impl<'a> Scene<'a> {
    async fn new(fixture: &'a Fixture) -> Self {
        let tree = Tree::plant(fixture).await;
        let own = chain(&[&tree.partner, &tree.platform]);
        let [public, key] = pair(&own, "a pair", "a pair");
        for key in [&public, &key] {
            super::sample::insert(&fixture.store, key).await;
        }
        let target = Draft::manager_key().store(&fixture.store, &tree.merchant_chain()).await;
        Self { fixture, tree, key, public, target }
    }

    /// The key's authority as of now.
    async fn authority(&self) -> Authority {
        self.authority_as_of(self.as_of().await)
    }

    /// The authority of the key's pair as of now.
    async fn pair_authority(&self) -> Authority {
        let as_of = self.as_of().await;
        self.authority_as_of(as_of).and(self.public.id(), as_of)
    }

    /// The key's authority as of this snapshot.
    fn authority_as_of(&self, as_of: Snapshot) -> Authority {
        Authority::of(self.key.id(), &chain(&[&self.tree.partner, &self.tree.platform]), as_of)
    }

    async fn as_of(&self) -> Snapshot {
        self.fixture.store.credential(self.key.id()).await.unwrap().unwrap().as_of
    }

    async fn attempt(&self, kind: Kind, by: &Authority) -> Result<Write> {
        let (store, within) = (&self.fixture.store, reach(&self.tree.partner));
        let key = || Draft::of(KeyType::Secret).issue(&self.tree.merchant_chain());
        match kind {
            Kind::KeyAlone => {
                return store.insert_key(by, &within, &key()).await;
            }
            Kind::Redemption => {
                let family = FamilyId::from_uuid(fresh());
                let redemption = Redemption {
                    token: RefreshId::from_uuid(fresh()),
                    family,
                    family_ends_at: at(100),
                    at: at(1),
                    by: *by,
                };
                assert_eq!(store.redeem(&redemption).await?, Redeemed::First);
                return Ok(Write::Applied);
            }
            Kind::Pair | Kind::Account | Kind::Suspension | Kind::Revocation => {}
        }
        let mut unit = store.begin_as(by).await?;
        let written = match kind {
            Kind::Pair => {
                let [one, two] = pair(&self.tree.merchant_chain(), "new", &fresh().to_string());
                let first = unit.insert_key(&within, &one).await?;
                assert_eq!(unit.insert_key(&within, &two).await?, first);
                first
            }
            Kind::Account => unit.insert_account(&within, &account(Role::Merchant, Some(&self.tree.partner))).await?,
            Kind::Suspension => {
                unit.record_status(&within, self.tree.merchant.id, Status::Active, Status::Suspended).await?
            }
            Kind::Revocation => {
                let it = revocation(1, Actor::Key(self.key.id()), Reason::Compromised);
                unit.record_revocation(&within, self.target.id(), &it).await?
            }
            Kind::KeyAlone | Kind::Redemption => unreachable!("done above"),
        };
        if written == Write::Applied {
            unit.commit().await?;
        }
        Ok(written)
    }

    /// Asserts that this authority permits this change.
    async fn is_permitted(&self, kind: Kind, by: &Authority) {
        assert_eq!(self.attempt(kind, by).await.unwrap(), Write::Applied, "{kind:?}");
    }

    /// Asserts that this authority permits no change, and that refused attempts write nothing.
    async fn is_refused(&self, by: &Authority, why: &str) {
        let before = self.contents().await;
        for kind in KINDS {
            let refused = self.attempt(kind, by).await;
            // If the target account is stopped, too, the statement itself matches nothing.
            let nothing = matches!(refused, Err(StorageError::CallerChanged) | Ok(Write::Stale));
            assert!(nothing, "{why}, {kind:?}: {refused:?}");
        }
        assert_eq!(self.contents().await, before, "{why}");
    }

    async fn contents(&self) -> [i64; 5] {
        let raw = &self.fixture.raw;
        [
            raw.number("SELECT count(*) FROM api_key").await,
            raw.number("SELECT count(*) FROM api_key WHERE state = 'revoked'").await,
            raw.number("SELECT count(*) FROM account").await,
            raw.number("SELECT count(*) FROM account WHERE status <> 'active'").await,
            raw.number("SELECT count(*) FROM redeemed_refresh").await,
        ]
    }
}

pub async fn a_valid_authority_permits_every_change(fixture: &Fixture) {
    let scene = Scene::new(fixture).await;
    for kind in KINDS {
        let by_key = scene.authority().await;
        if !matches!(kind, Kind::Suspension | Kind::Revocation) {
            scene.is_permitted(kind, &by_key).await;
        }
        // A token.
        scene.is_permitted(kind, &scene.pair_authority().await).await;
        if matches!(kind, Kind::Suspension) {
            become_status(&fixture.store, &scene.tree.merchant, Status::Suspended, Status::Active).await;
        }
    }
}

pub async fn nothing_is_written_by_a_key_that_was_revoked_since_it_was_judged(fixture: &Fixture) {
    let scene = Scene::new(fixture).await;
    let judged = scene.authority().await;
    revoke(&fixture.store, &scene.key).await;
    scene.is_refused(&judged, "revoked").await;
    scene.is_refused(&scene.authority().await, "judged afterwards, wrongly").await;
}

pub async fn nothing_is_written_by_a_token_whose_public_key_was_revoked_since_it_was_judged(fixture: &Fixture) {
    let scene = Scene::new(fixture).await;
    let judged = scene.pair_authority().await;
    revoke(&fixture.store, &scene.public).await;
    scene.is_refused(&judged, "its public key is revoked").await;
}

pub async fn nothing_is_written_by_a_key_below_an_account_that_was_stopped_since_it_was_judged(fixture: &Fixture) {
    let scene = Scene::new(fixture).await;
    for stopped in [&scene.tree.partner, &scene.tree.platform] {
        let judged = scene.authority().await;
        become_status(&fixture.store, stopped, Status::Active, Status::Suspended).await;
        scene.is_refused(&judged, "suspended").await;
        become_status(&fixture.store, stopped, Status::Suspended, Status::Active).await;
        scene.is_refused(&judged, "resumed: it must be judged again").await;
        scene.is_permitted(Kind::Pair, &scene.authority().await).await;
    }
    let judged = scene.authority().await;
    become_status(&fixture.store, &scene.tree.partner, Status::Active, Status::Closed).await;
    scene.is_refused(&judged, "closed").await;
}

pub async fn nothing_is_written_by_a_key_that_was_restricted_moved_or_deleted_since_it_was_judged(fixture: &Fixture) {
    let scene = Scene::new(fixture).await;
    let id = fixture.raw.id(scene.key.id().uuid());
    let moved = fixture.raw.id(scene.tree.direct.id.uuid());
    for change in ["scopes = 'charges:read'".to_owned(), format!("account_id = {moved}")] {
        let judged = scene.authority().await;
        let done = fixture.raw.execute(&format!("UPDATE api_key SET {change} WHERE id = {id}")).await;
        assert_eq!(done, Ok(1));
        scene.is_refused(&judged, &change).await;
    }
    let judged = scene.authority().await;
    assert_eq!(fixture.raw.execute(&format!("DELETE FROM api_key WHERE id = {id}")).await, Ok(1));
    scene.is_refused(&judged, "deleted").await;
}

pub async fn nothing_is_committed_by_an_authority_that_has_ended_by_itself(fixture: &Fixture) {
    let scene = Scene::new(fixture).await;
    let [past, ahead] = ["2020-01-01T00:00:00Z", "2100-01-01T00:00:00Z"].map(|end| Some(end.parse().unwrap()));
    for authority in [scene.authority().await, scene.pair_authority().await] {
        scene.is_refused(&authority.until(past), "it has ended").await;
        scene.is_refused(&authority.until(ahead).until(past).until(None), "the first end counts").await;
    }
    for kind in KINDS {
        scene.is_permitted(kind, &scene.pair_authority().await.until(ahead)).await;
    }
}

pub async fn a_change_elsewhere_does_not_require_a_new_judgement(fixture: &Fixture) {
    let scene = Scene::new(fixture).await;
    let judged = scene.authority().await;
    become_status(&fixture.store, &scene.tree.rival, Status::Active, Status::Suspended).await;
    let noted = [crate::Target::Account(scene.tree.rival.id), crate::Target::Key(scene.key.id())];
    fixture
        .feed
        .record_enforced(&noted, Seq::new(1), super::events::position(fixture, Seq::new(1)).await, at(1))
        .await
        .unwrap();
    for kind in [Kind::KeyAlone, Kind::Pair, Kind::Account, Kind::Redemption] {
        scene.is_permitted(kind, &judged).await;
    }
}

pub async fn a_caller_judged_by_missing_events_must_be_judged_again(fixture: &Fixture) {
    let scene = Scene::new(fixture).await;
    let now = scene.as_of().await;
    let ahead = scene.authority_as_of(Snapshot { position: Position::unnamed(Seq::new(1)), ..now });
    scene.is_refused(&ahead, "this history has no event yet").await;
}

/// A change counts only in its caller's history; for databases that many nodes share.
pub(super) async fn only_the_own_history_counts(fixture: &Fixture) {
    let scene = Scene::new(fixture).await;
    let now = scene.as_of().await;
    // As many events as the other history had, and none about the caller: the numbers alone prove nothing.
    for _ in 0..2 {
        let other = Draft::manager_key().store(&fixture.store, &scene.tree.merchant_chain()).await;
        revoke(&fixture.store, &other).await;
    }
    let token = HistoryToken { started: now.token.started - 1, ..now.token };
    let before = Snapshot { token, ..scene.as_of().await };
    scene.is_refused(&scene.authority_as_of(before), "the database went back").await;
    let in_between = scene.authority_as_of(scene.as_of().await).and(scene.public.id(), before);
    scene.is_refused(&in_between, "it went back between the two judgements").await;
    let public_first = scene.authority_as_of(before).and(scene.public.id(), scene.as_of().await);
    scene.is_refused(&public_first, "it went back between the two judgements").await;
    scene.is_permitted(Kind::Pair, &scene.pair_authority().await).await;
}

pub async fn a_key_may_revoke_itself(fixture: &Fixture) {
    let scene = Scene::new(fixture).await;
    let judged = scene.pair_authority().await;
    let mut unit = fixture.store.begin_as(&judged).await.unwrap();
    let it = revocation(1, Actor::Key(scene.key.id()), Reason::Superseded);
    for key in [&scene.public, &scene.key] {
        let ended = unit.record_revocation(&reach(&scene.tree.partner), key.id(), &it).await;
        assert_eq!(ended.unwrap(), Write::Applied);
    }
    assert_ne!(unit.commit().await.unwrap(), NOTHING);
    scene.is_refused(&judged, "it ended itself").await;
}

pub async fn one_of_two_keys_that_revoke_each_other_succeeds(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    for round in 0..6 {
        let own = chain(&[&tree.partner, &tree.platform]);
        let [one, two] = [
            Draft::manager_key().store(&fixture.store, &own).await,
            Draft::manager_key().store(&fixture.store, &own).await,
        ];
        let racers = [(one.id(), two.id()), (two.id(), one.id())].map(|(by, ended)| {
            let (store, within) = (Arc::clone(&fixture.store), reach(&tree.partner));
            async move { end(store, within, by, ended).await }
        });
        let done = together(racers.into_iter().collect()).await;
        let ended: Vec<_> = done.iter().filter(|done| done.is_ok()).collect();
        let refused = done.iter().filter(|done| matches!(done, Err(StorageError::CallerChanged))).count();
        assert_eq!((ended.len(), refused), (1, 1), "round {round}: {done:?}");
    }
}

/// One key revokes another.
async fn end(store: Arc<dyn Store>, within: Reach, by: KeyId, ended: KeyId) -> Result<()> {
    let read = store.credential(by).await?.unwrap();
    let authority = Authority::of(by, &read.value.chain, read.as_of);
    let mut unit = store.begin_as(&authority).await?;
    let it = revocation(1, Actor::Key(by), Reason::Compromised);
    let _ = unit.record_revocation(&within, ended, &it).await?;
    unit.commit().await.map(|_| ())
}
