//! Entries are complete, and purged entries are gone, in every part.

use keyward_domain::{AccountId, AuthFacts, AuthKey, Chain, KeyType, Link, Material, Name, Restrictions, Role, Status};
use keyward_storage::{Position, Seq, Snapshot};
use uuid::Uuid;

use super::*;

const ROOM: u64 = 1 << 20;

fn account(n: u128) -> AccountId {
    AccountId::from_uuid(Uuid::from_u128(n))
}

fn key(n: u128) -> KeyId {
    KeyId::from_uuid(Uuid::from_u128(n))
}

fn link(n: u128, role: Role) -> Link {
    Link { id: account(n), mid: format!("m{n}").parse().unwrap(), role, status: Status::Active, policy: None }
}

/// A public key of merchant 3 below partner 2 below platform 1.
fn credential(n: u128) -> Credential {
    let facts = AuthFacts {
        id: key(n),
        account: account(3),
        key_type: KeyType::Public,
        name: Name::parse("a key").unwrap(),
        scopes: "charges:read".parse().unwrap(),
        restrictions: Restrictions::NONE,
        revoked: false,
        created_at: keyward_domain::Timestamp::UNIX_EPOCH,
        suspended: false,
        material: Material::Readable("pk_test".into()),
    };
    let above = vec![link(2, Role::Partner), link(1, Role::Platform)];
    let chain = Chain::new(link(3, Role::Merchant), above).unwrap();
    keyward_storage::Credential { key: AuthKey::restore(facts).unwrap(), chain }.into()
}

fn read(n: u128, as_of: u64) -> Read<Credential> {
    Read { value: credential(n), as_of: Snapshot::embedded(Seq::new(as_of)) }
}

fn open(floor: u64, bytes: u64) -> Cache {
    let cache = Cache::<Std>::new(Rules::ALL, bytes);
    cache.open(Generation::FIRST.next(), Snapshot::embedded(Seq::new(floor)));
    cache
}

fn position(seq: u64) -> Position {
    Position::unnamed(Seq::new(seq))
}

fn fill(cache: &Cache, n: u128, as_of: u64) -> bool {
    cache.keep(cache.begin_read(key(n)), &read(n, as_of))
}

fn event(seq: u64, target: Target) -> Event {
    Event { position: position(seq), target }
}

#[test]
fn a_cached_key_is_returned_with_its_chain() {
    let cache = open(0, ROOM);
    assert!(fill(&cache, 7, 0));
    assert_eq!(cache.look_up(key(7)), Some(credential(7)));
    assert_eq!(cache.look_up(key(8)), None);
    assert_eq!(cache.size().keys, 1);
}

#[test]
fn keys_that_share_half_an_id_are_never_confused() {
    let (one, other) = (7, 7 | 1 << 100);
    let cache = open(0, ROOM);
    assert!(fill(&cache, one, 0));
    assert_eq!(cache.look_up(key(other)), None);
    assert!(fill(&cache, other, 0));
    assert_eq!((cache.look_up(key(one)), cache.look_up(key(other))), (None, Some(credential(other))));
    // Whichever key an event is about, no stale answer remains.
    cache.apply(&[event(1, Target::Key(key(other)))], position(1));
    assert_eq!(cache.look_up(key(other)), None);
}

#[test]
fn an_event_about_a_key_affects_only_that_key() {
    let cache = open(0, ROOM);
    assert!(fill(&cache, 7, 0) && fill(&cache, 71, 0));
    cache.apply(&[event(1, Target::Key(key(7)))], position(1));
    assert_eq!(cache.look_up(key(7)), None);
    assert_eq!(cache.look_up(key(71)), Some(credential(71)));
}

#[test]
fn an_event_about_any_account_of_the_chain_affects_every_key_below_in_every_part() {
    for above in [1, 2, 3] {
        let cache = open(0, ROOM);
        for n in 0..100 {
            assert!(fill(&cache, n, 0));
        }
        cache.apply(&[event(1, Target::Account(account(above)))], position(1));
        for n in 0..100 {
            assert_eq!(cache.look_up(key(n)), None, "account {above}, key {n}");
        }
    }
}

#[test]
fn every_part_refuses_a_read_from_before_an_applied_event() {
    let cache = open(0, ROOM);
    cache.apply(&[event(5, Target::Key(key(7)))], position(5));
    for n in 0..100 {
        let ticket = cache.begin_read(key(n));
        assert!(!cache.keep(ticket, &read(n, 4)) && !cache.vouches_for(ticket, &read(n, 4)), "{n}");
        assert!(cache.vouches_for(ticket, &read(n, 5)) && cache.keep(ticket, &read(n, 5)), "{n}");
    }
}

#[test]
fn a_closed_memory_is_empty_and_keeps_nothing() {
    let cache = open(0, ROOM);
    assert!(fill(&cache, 7, 0));
    let ticket = cache.begin_read(key(8));
    cache.close();
    assert_eq!(cache.look_up(key(7)), None);
    assert!(!cache.keep(ticket, &read(8, 9)) && !cache.vouches_for(ticket, &read(8, 9)));
}

#[test]
fn the_memory_never_grows_beyond_its_capacity() {
    let bytes = 256 * 1024;
    let cache = open(0, bytes);
    for n in 0..20_000 {
        fill(&cache, n, 0);
    }
    let size = cache.size();
    assert!(size.bytes <= bytes, "{size:?}");
    assert!(size.keys > 500, "{size:?}");
}

#[test]
fn only_the_known_form_is_exchanged() {
    let cache = open(0, ROOM);
    assert!(fill(&cache, 7, 0));
    let known = credential(7).key;
    let other = PackedKey::clone(&credential(9).key);
    cache.exchange(&other, PackedKey::clone(&known));
    assert_eq!(cache.look_up(key(9)), None);
    cache.apply(&[event(1, Target::Key(key(7)))], position(1));
    cache.exchange(&known, PackedKey::clone(&known));
    assert_eq!(cache.look_up(key(7)), None, "a purged entry does not reappear");
}
