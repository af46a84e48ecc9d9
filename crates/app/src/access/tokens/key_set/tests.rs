//! When a key is published, when it signs, and when it is dropped.

use keyward_domain::{MasterKey, Purpose};

use super::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000).unwrap()
}

fn sealer() -> Sealer {
    Sealer::new(&MasterKey::from_bytes(&[1; 32]).ok().unwrap(), Purpose::SigningKeys)
}

fn row(generation: i32, published_at: Timestamp) -> SigningKeyRow {
    let seed = Zeroizing::new([u8::try_from(generation).unwrap(); 32]);
    let FreshSigningKey { generation, kid, public, sealed } =
        fresh_signing_key(generation, &seed, [9; 24], &sealer()).unwrap();
    // As a database dates them.
    let wait = if generation == 1 { Duration::ZERO } else { PUBLISHED_BEFORE_USE };
    SigningKeyRow { generation, kid, public, sealed, published_at, signs_from: published_at.saturating_add(wait) }
}

fn generations(set: &KeySet, now: Timestamp) -> Vec<i32> {
    set.published(now).map(|key| key.generation).collect()
}

#[test]
fn the_first_key_signs_immediately_and_a_later_one_after_ten_minutes() {
    let set = KeySet::open(&[row(1, at(0)), row(2, at(1_000))], 0, &sealer()).unwrap();
    for (now, signer) in [(0, 1), (1_000, 1), (1_599, 1), (1_600, 2), (9_999, 2)] {
        assert_eq!(set.signer(at(now)).map(|key| key.generation), Some(signer), "at {now}");
    }
    // A clock that is a little behind the one that dated the key.
    assert_eq!(set.signer(at(-30)).map(|key| key.generation), Some(1));
    assert!(set.signer(at(-31)).is_none());
}

#[test]
fn a_key_is_published_until_its_last_token_has_ended() {
    let set = KeySet::open(&[row(1, at(0)), row(2, at(1_000))], 0, &sealer()).unwrap();
    for (now, published) in [(1_000, vec![1, 2]), (1_600, vec![1, 2]), (2_199, vec![1, 2]), (2_200, vec![2])] {
        assert_eq!(generations(&set, at(now)), published, "at {now}");
    }
    assert_eq!(set.retired_below(at(2_200)), 2);
    assert!(!set.has_retired(at(2_199)) && set.has_retired(at(2_200)));
    let kid = set.jwks(at(0))[0].kid.clone();
    assert!(set.verifier(&kid, at(2_199)).is_some() && set.verifier(&kid, at(2_200)).is_none());
}

#[test]
fn the_next_key_is_due_ten_minutes_before_thirty_days_are_over() {
    let set = KeySet::open(&[row(1, at(0))], 0, &sealer()).unwrap();
    let due = 30 * 24 * 3600 - 600;
    assert!(!set.is_next_due(at(0)) && !set.is_next_due(at(due - 1)) && set.is_next_due(at(due)));
    assert!(KeySet::default().is_next_due(at(0)));
    assert_eq!(KeySet::default().newest_generation(), 0);
}

#[test]
fn without_a_signing_key_the_next_one_is_due_immediately() {
    let set = KeySet::open(&[row(2, at(40 * 24 * 3600))], 0, &sealer()).unwrap();
    assert!(set.signer(at(0)).is_none() && set.is_next_due(at(0)) && !set.has_retired(at(0)));
}

#[test]
fn a_sealed_key_opens_only_in_its_own_row_and_under_its_own_master_key() {
    let moved = SigningKeyRow { generation: 2, ..row(1, at(0)) };
    assert_eq!(KeySet::open(&[moved], 0, &sealer()).err(), Some(TokenFailure::SigningKeyUnreadable));
    let other = Sealer::new(&MasterKey::from_bytes(&[2; 32]).ok().unwrap(), Purpose::SigningKeys);
    assert_eq!(KeySet::open(&[row(1, at(0))], 0, &other).err(), Some(TokenFailure::SigningKeyUnreadable));
}

#[test]
fn the_public_half_is_the_one_of_rfc_8032() {
    // RFC 8032, section 7.1, test 1.
    let seed = Zeroizing::new(hex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"));
    let row = fresh_signing_key(1, &seed, [0; 24], &sealer()).unwrap();
    assert_eq!(row.public, hex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"));
    // RFC 8037, appendix A.3: the thumbprint of that very key.
    assert_eq!(row.kid, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
}

fn hex(text: &str) -> [u8; 32] {
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    }
    bytes
}
