//! Recording a change of a key: complete, once, within reach, and numbered if verification looks at it.

use keyward_domain::{
    Actor, ApiKey, AuthKey, Change, ChangeEffect, KeyChangeRequest, KeyPatch, KeyType, Metadata, MetadataPatch, Now,
    OtherManagerKeys, PairId, Reach, Reason,
};

use super::{
    Fixture,
    sample::{self, Draft, Tree, at, credential, fresh, insert, name, revocation},
};
use crate::{
    Committed, KeyRecord, Write,
    shortcuts::{StoreShortcuts as _, UnitOfWorkShortcuts as _},
};

/// Decides on a change as the operator, one second after the sample time.
fn request() -> KeyChangeRequest {
    KeyChangeRequest { now: Now::exact(at(1)), by: Actor::Operator, reach: Reach::operator() }
}

fn patched(tree: &Tree, key: &ApiKey, patch: &KeyPatch) -> Change {
    let changed = key.change(patch, &tree.merchant_chain(), &request(), OtherManagerKeys::Some).unwrap();
    change(key, changed.key, changed.effect)
}

fn change(before: &ApiKey, after: ApiKey, effect: ChangeEffect) -> Change {
    Change::KeyChanged { before: Box::new(before.clone()), after: Box::new(after), effect }
}

fn suspended(tree: &Tree, key: &ApiKey, by: Actor) -> Change {
    let request = KeyChangeRequest { by, ..request() };
    let changed = key.suspend(&tree.merchant_chain(), &request, OtherManagerKeys::Some).unwrap();
    change(key, changed.key, changed.effect)
}

fn resumed(tree: &Tree, key: &ApiKey) -> Change {
    let changed = key.resume(&tree.merchant_chain(), &request()).unwrap();
    change(key, changed.key, changed.effect)
}

fn renamed() -> KeyPatch {
    KeyPatch { name: Some(name("another name")), ..KeyPatch::default() }
}

fn scoped(scopes: &str) -> KeyPatch {
    KeyPatch { scopes: Some(scopes.parse().unwrap()), ..KeyPatch::default() }
}

async fn record(fixture: &Fixture, within: &Reach, change: &Change) -> (Write, Committed) {
    let mut unit = fixture.store.begin().await.unwrap();
    let write = unit.record(within, change).await.unwrap();
    (write, unit.commit().await.unwrap())
}

async fn apply(fixture: &Fixture, change: &Change) -> KeyRecord {
    let (write, _) = record(fixture, &Reach::operator(), change).await;
    assert_eq!(write, Write::Applied);
    let Change::KeyChanged { after, .. } = change else { panic!("{change:?}") };
    let stored = sample::record(&fixture.store, after.id()).await;
    assert_eq!(stored.key, **after);
    assert_eq!(credential(&fixture.store, after.id()).await.key, AuthKey::from(&**after));
    stored
}

pub async fn every_field_that_a_change_replaces_is_stored(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    let key = Draft::of(KeyType::Secret).scoped("charges:read").store(&fixture.store, &tree.merchant_chain()).await;
    let members = [("order".into(), Some("\"7\" ünïcode".into())), ("shop".into(), Some("".into()))];
    let patch = KeyPatch {
        name: Some(name("Ünïcode 🦀")),
        description: Some(Some(keyward_domain::Description::parse("a note").unwrap())),
        metadata: Some(Some(MetadataPatch::new(members).unwrap())),
        scopes: Some("charges:* api-keys:write".parse().unwrap()),
        not_before: Some(Some(at(5))),
        expires_at: Some(Some(at(90))),
    };
    let changed = apply(fixture, &patched(&tree, &key, &patch)).await.key;
    assert_eq!((changed.facts().version, changed.is_manager_key()), (2, true));
    let cleared = KeyPatch {
        description: Some(None),
        metadata: Some(None),
        not_before: Some(None),
        expires_at: Some(None),
        ..scoped("")
    };
    let changed = apply(fixture, &patched(&tree, &changed, &cleared)).await.key;
    assert_eq!((&changed.facts().metadata, changed.is_manager_key()), (&Metadata::empty(), false));
}

pub async fn a_suspension_and_its_end_are_stored(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    let chain = tree.merchant_chain();
    for by in [Actor::Operator, Actor::Service] {
        let key = Draft::of(KeyType::Tokenization).store(&fixture.store, &chain).await;
        let suspended = apply(fixture, &suspended(&tree, &key, by)).await.key;
        assert_eq!(suspended.facts().suspension.unwrap().by, by);
        let resumed = apply(fixture, &resumed(&tree, &suspended)).await.key;
        assert_eq!((resumed.facts().suspension, resumed.facts().resumed_at), (None, Some(at(1))));
    }
}

pub async fn a_change_of_what_verification_looks_at_is_an_event_and_no_other_is(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    let chain = tree.merchant_chain();
    let key = || Draft::of(KeyType::Secret).scoped("charges:read");
    let new = async || key().store(&fixture.store, &chain).await;
    let with_metadata = KeyPatch {
        metadata: Some(Some(MetadataPatch::new([("a".into(), Some("1".into()))]).unwrap())),
        ..KeyPatch::default()
    };
    let (first, second, third, fourth) = (new().await, new().await, new().await, new().await);
    for (what, change, is_event) in [
        ("scopes", patched(&tree, &first, &scoped("charges:*")), true),
        ("the name", patched(&tree, &second, &renamed()), true),
        ("metadata", patched(&tree, &third, &with_metadata), false),
        ("a suspension", suspended(&tree, &fourth, Actor::Operator), true),
    ] {
        let (write, committed) = record(fixture, &Reach::operator(), &change).await;
        assert_eq!((write, committed.event.is_some()), (Write::Applied, is_event), "{what}");
        let Change::KeyChanged { after, .. } = change else { panic!("{what}") };
        let enforcement = sample::record(&fixture.store, after.id()).await.enforcement;
        assert_eq!(enforcement.map(|it| it.seq), committed.event.map(|event| event.seq), "{what}");
    }
}

pub async fn a_new_name_of_a_revoked_key_leaves_the_enforcement_of_its_end(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    let key = Draft::of(KeyType::Secret).store(&fixture.store, &tree.merchant_chain()).await;
    sample::revoke(&fixture.store, &key).await;
    let ended = sample::record(&fixture.store, key.id()).await;
    let change = patched(&tree, &ended.key, &renamed());
    let (write, committed) = record(fixture, &Reach::operator(), &change).await;
    assert_eq!((write, committed.event), (Write::Applied, None));
    let renamed = sample::record(&fixture.store, key.id()).await;
    assert_eq!(renamed.key.facts().name, name("another name"));
    assert_eq!(renamed.enforcement, ended.enforcement);
}

pub async fn a_change_of_another_version_is_stale(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    let key = Draft::of(KeyType::Secret).store(&fixture.store, &tree.merchant_chain()).await;
    let (first, second) = (patched(&tree, &key, &renamed()), patched(&tree, &key, &scoped("charges:read")));
    let changed = apply(fixture, &first).await;
    let (write, committed) = record(fixture, &Reach::operator(), &second).await;
    assert_eq!((write, committed.event), (Write::Stale, None));
    assert_eq!(sample::record(&fixture.store, key.id()).await.key, changed.key);
}

pub async fn a_revocation_is_a_version_of_its_own(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    let key = Draft::of(KeyType::Secret).store(&fixture.store, &tree.merchant_chain()).await;
    let change = patched(&tree, &key, &scoped("charges:read"));
    sample::revoke(&fixture.store, &key).await;
    assert_eq!(record(fixture, &Reach::operator(), &change).await.0, Write::Stale);
    let stored = sample::record(&fixture.store, key.id()).await.key;
    assert_eq!((stored.facts().version, stored.facts().scopes.as_str()), (2, ""));
}

pub async fn a_change_is_recorded_within_reach_alone(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    for (who, within, reached) in tree.reaches() {
        let key = Draft::of(KeyType::Secret).store(&fixture.store, &tree.merchant_chain()).await;
        let expected = if reached { Write::Applied } else { Write::Stale };
        let (write, _) = record(fixture, &within, &patched(&tree, &key, &renamed())).await;
        assert_eq!(write, expected, "{who}");
    }
}

pub async fn a_suspended_key_is_no_remaining_manager_key(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    let key = Draft::manager_key().store(&fixture.store, &tree.merchant_chain()).await;
    let remaining = async || {
        let mut unit = fixture.store.begin().await.unwrap();
        let now = Now::exact(at(1));
        unit.longest_lived_manager_key(&Reach::operator(), tree.merchant.id, &[], now, None)
            .await
            .unwrap()
            .map(|it| it.id())
    };
    assert_eq!(remaining().await, Some(key.id()));
    let suspended = apply(fixture, &suspended(&tree, &key, Actor::Operator)).await.key;
    assert_eq!(remaining().await, None);
    let resumed = apply(fixture, &resumed(&tree, &suspended)).await.key;
    assert_eq!(remaining().await, Some(key.id()));
    apply(fixture, &patched(&tree, &resumed, &scoped("charges:read"))).await;
    assert_eq!(remaining().await, None, "it lost its scope");
}

pub async fn a_renamed_pair_is_found_by_the_name_it_was_made_with(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    let pair = sample::pair(&tree.merchant_chain(), "till", "till");
    for key in &pair {
        insert(&fixture.store, key).await;
        let renamed = apply(fixture, &patched(&tree, key, &renamed())).await.key;
        let again = KeyPatch { name: Some(name("a third name")), ..KeyPatch::default() };
        apply(fixture, &patched(&tree, &renamed, &again)).await;
    }
    let mut unit = fixture.store.begin().await.unwrap();
    let found = unit.pair_keys_named(&Reach::operator(), tree.merchant.id, &name("till")).await.unwrap();
    assert_eq!(found.len(), 2);
    for other in ["another name", "a third name"] {
        let found = unit.pair_keys_named(&Reach::operator(), tree.merchant.id, &name(other)).await.unwrap();
        assert_eq!(found, [], "{other}");
    }
}

pub async fn metadata_of_a_new_key_is_stored(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    let draft = Draft::of(KeyType::Public).paired(PairId::from_uuid(fresh()), "a pair");
    let key = draft.issue(&tree.merchant_chain());
    let mut facts = key.facts().clone();
    facts.metadata = Metadata::new([("shop", "17")]).unwrap();
    let key = ApiKey::restore(facts).unwrap();
    insert(&fixture.store, &key).await;
    assert_eq!(sample::record(&fixture.store, key.id()).await.key, key);
}

pub async fn the_service_is_an_actor_of_its_own(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    let key = Draft::of(KeyType::Secret).by(Actor::Service).store(&fixture.store, &tree.merchant_chain()).await;
    let it = revocation(1, Actor::Service, Reason::Unspecified);
    let mut unit = fixture.store.begin().await.unwrap();
    assert_eq!(unit.record_revocation(&Reach::operator(), key.id(), &it).await.unwrap(), Write::Applied);
    unit.commit().await.unwrap();
    let stored = sample::record(&fixture.store, key.id()).await.key;
    assert_eq!((stored.facts().created_by, stored.revocation()), (Actor::Service, Some(&it)));
}
