//! Windows over the keys of many accounts: which keys, in what order, how many, and for whom.

use keyward_domain::{Account, AccountId, Actor, ApiKey, Change, KeyId, KeyType, Period, Policy, Reach};

use super::{
    Fixture,
    sample::{Draft, Tree, at, chain, fresh, reach, revoke},
};
use crate::{AreaKeys, AreaWindow, EndsWindow, KeyArea, ListedKey, StoredState, Write, shortcuts::StoreShortcuts as _};

const STATES: [StoredState; 3] = [StoredState::Active, StoredState::Revoked, StoredState::Any];

fn window(area: KeyArea, stored: StoredState) -> AreaWindow {
    AreaWindow { area, keys: AreaKeys::Stored(stored), before: None, rows: 100 }
}

fn ids(listed: &[ListedKey]) -> Vec<KeyId> {
    listed.iter().map(|listed| listed.key.id()).collect()
}

async fn found(fixture: &Fixture, within: &Reach, window: AreaWindow) -> Vec<KeyId> {
    ids(&fixture.store.keys_of_area(within, window).await.unwrap())
}

/// A secret key of each account of the tree, in the order of [`Tree::all`].
async fn one_each(fixture: &Fixture, tree: &Tree) -> Vec<ApiKey> {
    let mut keys = Vec::new();
    for chain in [
        chain(&[&tree.platform]),
        chain(&[&tree.partner, &tree.platform]),
        tree.merchant_chain(),
        chain(&[&tree.rival, &tree.platform]),
        chain(&[&tree.rivals_merchant, &tree.rival, &tree.platform]),
        chain(&[&tree.direct, &tree.platform]),
    ] {
        keys.push(Draft::of(KeyType::Secret).store(&fixture.store, &chain).await);
    }
    keys
}

/// The lines of the tree, and the places of their accounts in [`Tree::all`], newest first.
fn lines(tree: &Tree) -> [(&Account, &'static [usize]); 4] {
    [(&tree.platform, &[0]), (&tree.partner, &[2, 1]), (&tree.rival, &[4, 3]), (&tree.direct, &[5])]
}

pub async fn a_line_holds_the_keys_of_its_accounts_newest_first(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    let keys = one_each(fixture, &tree).await;
    for (line, places) in lines(&tree) {
        let expected: Vec<_> = places.iter().map(|place| keys[*place].id()).collect();
        for stored in [StoredState::Active, StoredState::Any] {
            let window = window(KeyArea::Line(line.id), stored);
            assert_eq!(found(fixture, &Reach::operator(), window).await, expected, "{stored:?}");
            assert_eq!(found(fixture, &reach(line), window).await, expected, "{stored:?}");
        }
    }
}

pub async fn windows_over_a_line_follow_each_other_without_gap_or_overlap(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    let chains = [chain(&[&tree.partner, &tree.platform]), tree.merchant_chain()];
    let mut keys = Vec::new();
    for n in 0..10 {
        let key = Draft::of(KeyType::Secret).store(&fixture.store, &chains[n % 2]).await;
        if n % 3 == 0 {
            revoke(&fixture.store, &key).await;
        }
        keys.push((n, key.id()));
    }
    for stored in STATES {
        let is_in = |n: usize| match stored {
            StoredState::Active => !n.is_multiple_of(3),
            StoredState::Revoked => n.is_multiple_of(3),
            StoredState::Any => true,
        };
        let expected: Vec<_> = keys.iter().rev().filter(|(n, _)| is_in(*n)).map(|(_, id)| *id).collect();
        for rows in 1..=4 {
            let mut seen = Vec::new();
            loop {
                let before = seen.last().copied();
                let window = AreaWindow { before, rows, ..window(KeyArea::Line(tree.partner.id), stored) };
                let part = found(fixture, &reach(&tree.partner), window).await;
                assert!(part.len() <= usize::from(rows), "{stored:?}");
                if part.is_empty() {
                    break;
                }
                seen.extend(part);
            }
            assert_eq!(seen, expected, "{stored:?}, {rows} at a time");
        }
    }
}

pub async fn a_line_out_of_reach_holds_nothing(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    one_each(fixture, &tree).await;
    for (who, within, _) in tree.reaches() {
        let covers = who == "the operator" || who == "the platform" || who == "its partner";
        let ends = EndsWindow { line: tree.partner.id, after: None, until: at(1), before: None, rows: 9, at_most: 9 };
        for keys in STATES.map(AreaKeys::Stored).into_iter().chain([AreaKeys::CreatedBy(Actor::Operator)]) {
            let window = AreaWindow { keys, ..window(KeyArea::Line(tree.partner.id), StoredState::Any) };
            let expected = covers && keys != AreaKeys::Stored(StoredState::Revoked);
            assert_eq!(!found(fixture, &within, window).await.is_empty(), expected, "{who}, {keys:?}");
        }
        assert_eq!(fixture.store.keys_that_end(&within, ends).await.unwrap(), Some(Vec::new()), "{who}");
        let unknown = window(KeyArea::Line(AccountId::from_uuid(fresh())), StoredState::Any);
        assert_eq!(found(fixture, &within, unknown).await, [], "{who}");
    }
}

pub async fn all_keys_are_for_the_operator_and_the_platform_alone(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    let keys = one_each(fixture, &tree).await;
    revoke(&fixture.store, &keys[3]).await;
    let newest_first: Vec<_> = keys.iter().rev().map(ApiKey::id).collect();
    for (who, within, _) in tree.reaches() {
        let expected = if who == "the operator" || who == "the platform" { &newest_first[..] } else { &[] };
        assert_eq!(found(fixture, &within, window(KeyArea::All, StoredState::Any)).await, expected, "{who}");
    }
    let part = AreaWindow { before: Some(keys[4].id()), rows: 2, ..window(KeyArea::All, StoredState::Any) };
    assert_eq!(found(fixture, &Reach::operator(), part).await, [keys[3].id(), keys[2].id()]);
}

pub async fn a_line_shows_what_an_actor_created_in_it(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    let [creator, other] = [1, 2].map(|_| Actor::Key(KeyId::from_uuid(fresh())));
    let mut made = Vec::new();
    for by in [creator, Actor::Operator, other, Actor::Service, creator] {
        made.push(Draft::of(KeyType::Secret).by(by).store(&fixture.store, &tree.merchant_chain()).await.id());
    }
    let elsewhere = chain(&[&tree.direct, &tree.platform]);
    let stranger = Draft::of(KeyType::Secret).by(creator).store(&fixture.store, &elsewhere).await.id();
    for (line, by, expected) in [
        (&tree.partner, creator, vec![made[4], made[0]]),
        (&tree.partner, Actor::Operator, vec![made[1]]),
        (&tree.partner, Actor::Service, vec![made[3]]),
        (&tree.direct, creator, vec![stranger]),
        (&tree.rival, creator, vec![]),
    ] {
        let keys = AreaKeys::CreatedBy(by);
        let all = AreaWindow { keys, ..window(KeyArea::Line(line.id), StoredState::Any) };
        assert_eq!(found(fixture, &Reach::operator(), all).await, expected, "{by}");
        if let [newest, older] = expected[..] {
            let rest = AreaWindow { before: Some(newest), ..all };
            assert_eq!(found(fixture, &Reach::operator(), rest).await, [older], "{by}");
        }
    }
}

pub async fn keys_of_a_line_that_end_in_a_period_are_returned_if_they_are_few(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    let mut keys = Vec::new();
    for end in [10, 20, 30, 20] {
        keys.push(Draft::of(KeyType::Secret).expiring(end).store(&fixture.store, &tree.merchant_chain()).await);
    }
    Draft::of(KeyType::Secret).store(&fixture.store, &tree.merchant_chain()).await;
    let revoked = Draft::of(KeyType::Secret).expiring(20).store(&fixture.store, &tree.merchant_chain()).await;
    revoke(&fixture.store, &revoked).await;
    let line = tree.partner.id;
    let ends = async |after: Option<i64>, until: i64, at_most: u16| {
        let after = after.map(at);
        let window = EndsWindow { line, after, until: at(until), before: None, rows: 9, at_most };
        fixture.store.keys_that_end(&reach(&tree.partner), window).await.unwrap().map(|keys| ids(&keys))
    };
    assert_eq!(ends(None, 30, 9).await, Some(vec![keys[3].id(), keys[1].id(), keys[0].id()]));
    assert_eq!(ends(Some(10), 30, 2).await, Some(vec![keys[3].id(), keys[1].id()]));
    assert_eq!(ends(Some(10), 31, 2).await, None, "more than two end");
    let window = EndsWindow { line, after: None, until: at(30), before: Some(keys[3].id()), rows: 1, at_most: 9 };
    let part = fixture.store.keys_that_end(&reach(&tree.partner), window).await.unwrap().unwrap();
    assert_eq!(ids(&part), [keys[1].id()]);
    // A policy that ends keys, of the line or of an account in it.
    for (account, version) in [(&tree.merchant, 1), (&tree.partner, 1), (&tree.platform, 1)] {
        let set = async |version: u64, policy: Policy| {
            let mut unit = fixture.store.begin().await.unwrap();
            let change = Change::PolicySet { account: account.id, version, policy };
            assert_eq!(unit.record(&Reach::operator(), &change).await.unwrap(), Write::Applied);
            unit.commit().await.unwrap();
        };
        set(version, Policy { max_keys: Some(9), ..Policy::NONE }).await;
        assert!(ends(None, 30, 9).await.is_some());
        set(version + 1, Policy { max_life: Some(Period::from_seconds(9).unwrap()), ..Policy::NONE }).await;
        assert_eq!(ends(None, 30, 9).await, None);
        set(version + 2, Policy::NONE).await;
    }
    assert!(ends(None, 30, 9).await.is_some());
}

pub async fn chains_of_accounts_within_reach_are_returned(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    let all: Vec<_> = tree.all().map(|account| account.id).into_iter().chain([AccountId::from_uuid(fresh())]).collect();
    for (within, places) in [
        (Reach::operator(), &[0, 1, 2, 3, 4, 5][..]),
        (reach(&tree.platform), &[0, 1, 2, 3, 4, 5]),
        (reach(&tree.partner), &[1, 2]),
        (reach(&tree.merchant), &[2]),
    ] {
        let mut chains = fixture.store.chains(&within, &all).await.unwrap();
        chains.sort_by_key(|chain| chain.own().id.uuid());
        let expected: Vec<_> = places.iter().map(|place| all[*place]).collect();
        assert_eq!(chains.iter().map(|chain| chain.own().id).collect::<Vec<_>>(), expected);
        let merchant = chains.iter().find(|chain| chain.own().id == tree.merchant.id);
        assert_eq!(merchant, Some(&tree.merchant_chain()));
        assert_eq!(fixture.store.chains(&within, &[]).await.unwrap(), []);
    }
}

pub async fn a_key_follows_its_account_to_another_line(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    let key = Draft::of(KeyType::Secret).store(&fixture.store, &tree.merchant_chain()).await.id();
    let of = async |line: &Account| {
        found(fixture, &Reach::operator(), window(KeyArea::Line(line.id), StoredState::Any)).await
    };
    let raw = &fixture.raw;
    let [merchant, rival, direct] = [&tree.merchant, &tree.rival, &tree.direct].map(|it| raw.id(it.id.uuid()));
    let moved = format!("UPDATE account SET parent_id = {rival} WHERE id = {merchant}");
    raw.execute(&moved).await.unwrap();
    assert_eq!((of(&tree.partner).await, of(&tree.rival).await), (vec![], vec![key]));
    let given = format!("UPDATE api_key SET account_id = {direct} WHERE id = {}", raw.id(key.uuid()));
    raw.execute(&given).await.unwrap();
    assert_eq!((of(&tree.rival).await, of(&tree.direct).await), (vec![], vec![key]));
}
