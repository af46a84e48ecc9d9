//! Reading one key: completely, and only within reach.

use keyward_domain::{Actor, KeyId, KeyType, PairId, Reach, Reason};

use super::{
    Fixture,
    sample::{Draft, Tree, at, fresh, revocation},
};
use crate::shortcuts::{StoreShortcuts as _, UnitOfWorkShortcuts as _};
use crate::{KeyRecord, Write};

/// Keys of every shape: each field once present and once absent.
fn drafts() -> Vec<(&'static str, Draft)> {
    let maker = Actor::Key(KeyId::from_uuid(fresh()));
    let pair = PairId::from_uuid(fresh());
    vec![
        ("the plainest", Draft::of(KeyType::Secret)),
        ("a manager key", Draft::manager_key().by(maker)),
        ("order of scopes", Draft::of(KeyType::Secret).scoped("zeta:read alpha:* api-keys:read alpha:write")),
        ("public", Draft::of(KeyType::Public).scoped("charges:read")),
        ("tokenization", Draft::of(KeyType::Tokenization)),
        ("no description", Draft::of(KeyType::Secret)),
        ("an empty description", Draft::of(KeyType::Secret).described("")),
        ("unicode", Draft::of(KeyType::Secret).named("Zażółć gęślą jaźń 日本 🗝️ 'x' \"y\" %_\\").described("’ß🦀")),
        ("the longest", Draft::of(KeyType::Secret).named(&"é".repeat(200)).described(&"漢".repeat(500))),
        ("expiring to the microsecond", Draft::of(KeyType::Secret).expiring(1)),
        ("a public half", Draft::of(KeyType::Public).paired(pair, "shop – 'one'")),
        ("a secret half", Draft::manager_key().paired(pair, "shop – 'one'").by(maker)),
    ]
}

pub async fn every_field_of_a_key_is_returned(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    let chain = tree.merchant_chain();
    for (what, draft) in drafts() {
        let key = draft.store(&fixture.store, &chain).await;
        let expected = KeyRecord { key: key.clone(), chain: chain.clone(), last_used: None, enforcement: None };
        let found = fixture.store.key(&Reach::operator(), key.id()).await.unwrap();
        assert_eq!(found.as_ref(), Some(&expected), "{what}");
        let mut unit = fixture.store.begin().await.unwrap();
        assert_eq!(unit.current_key(&Reach::operator(), key.id()).await.unwrap(), found, "{what}");
    }
}

pub async fn every_field_of_a_revocation_is_returned(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    let chain = tree.merchant_chain();
    let revoker = Actor::Key(KeyId::from_uuid(fresh()));
    for (by, reason) in [
        (Actor::Operator, Reason::Unspecified),
        (revoker, Reason::Compromised),
        (revoker, Reason::Superseded),
        (Actor::Operator, Reason::NoLongerNeeded),
    ] {
        let key = Draft::of(KeyType::Secret).store(&fixture.store, &chain).await;
        let it = revocation(5, by, reason);
        let mut unit = fixture.store.begin().await.unwrap();
        assert_eq!(unit.record_revocation(&Reach::operator(), key.id(), &it).await.unwrap(), Write::Applied);
        unit.commit().await.unwrap();
        let found = fixture.store.key(&Reach::operator(), key.id()).await.unwrap().unwrap();
        assert_eq!(found.key.revocation(), Some(&it));
        assert_eq!(found.key.facts().scopes, key.facts().scopes);
    }
}

pub async fn a_key_shows_its_last_use(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    let key = Draft::of(KeyType::Secret).store(&fixture.store, &tree.merchant_chain()).await;
    fixture.store.record_usage(&[(key.id(), at(77))]).await.unwrap();
    let found = fixture.store.key(&Reach::operator(), key.id()).await.unwrap().unwrap();
    assert_eq!(found.last_used, Some(at(77)));
    let mut unit = fixture.store.begin().await.unwrap();
    assert_eq!(unit.current_key(&Reach::operator(), key.id()).await.unwrap(), Some(found));
}

pub async fn a_foreign_key_is_as_absent_as_an_unknown_one(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    let key = Draft::of(KeyType::Secret).store(&fixture.store, &tree.merchant_chain()).await;
    let unknown = KeyId::from_uuid(fresh());
    for (who, within, reached) in tree.reaches() {
        let found = fixture.store.key(&within, key.id()).await.unwrap();
        assert_eq!(found.is_some(), reached, "{who}");
        assert_eq!(fixture.store.key(&within, unknown).await.unwrap(), None, "{who}");
        let mut unit = fixture.store.begin().await.unwrap();
        assert_eq!(unit.current_key(&within, key.id()).await.unwrap(), found, "{who}");
        assert_eq!(unit.current_key(&within, unknown).await.unwrap(), None, "{who}");
    }
}
