//! Both forms prove the right value, refuse a wrong one, and report when they are outdated.

use super::*;
use crate::{Environment, KeyId, KeyType};

fn master(versions: u8) -> MasterKey {
    let bytes: Vec<u8> = (1..=versions).flat_map(|version| [version; 32]).collect();
    MasterKey::from_bytes(&bytes).ok().unwrap()
}

fn value(random: u8) -> KeyValue {
    let id: KeyId = "key_01h2xcejqtf2nbrexx3vqjhp41".parse().unwrap();
    KeyValue::mint(KeyType::Secret, Environment::Sandbox, id, [random; 32])
}

fn prove(hasher: &SecretHasher, value: &KeyValue, digest: &SecretDigest) -> Result<bool, DigestError> {
    let presented = PresentedValue::parse(value.expose(), Environment::Sandbox).ok().unwrap();
    hasher.prove(&presented, digest).map(Proof::holds)
}

#[test]
fn the_right_value_is_proved_and_a_wrong_one_is_not() {
    for form in [SecretForm::Hmac, SecretForm::Argon2id] {
        let hasher = SecretHasher::new(&master(1), form);
        let digest = hasher.digest(&value(1), &[5; 16]).unwrap();
        let stored = SecretDigest::decode(&digest.encode()).unwrap();
        assert_eq!(stored, digest);
        assert_eq!(prove(&hasher, &value(1), &stored), Ok(true), "{form}");
        assert_eq!(prove(&hasher, &value(2), &stored), Ok(false), "{form}");
        assert_eq!(stored.is_slow(), form == SecretForm::Argon2id);
        assert!(!hasher.needs_rehash(&stored));
    }
}

#[test]
fn the_hmac_is_the_one_of_rfc_2104_over_the_whole_value() {
    let pepper = master(1).derive(Purpose::Pepper, KeyVersion::FIRST).unwrap();
    let mut expected = Hmac::<Sha256>::new_from_slice(pepper.as_slice()).unwrap();
    expected.update(value(1).expose().as_bytes());
    let expected = STANDARD_NO_PAD.encode(expected.finalize().into_bytes());
    let digest = SecretHasher::new(&master(1), SecretForm::Hmac).digest(&value(1), &[0; 16]).unwrap();
    assert_eq!(digest.encode(), format!("$hmac-sha256$v=1${expected}"));
}

#[test]
fn a_new_pepper_keeps_old_keys_valid_and_requests_a_rehash() {
    let old = SecretHasher::new(&master(1), SecretForm::Hmac);
    let new = SecretHasher::new(&master(2), SecretForm::Hmac);
    let digest = old.digest(&value(1), &[0; 16]).unwrap();
    assert_eq!(prove(&new, &value(1), &digest), Ok(true));
    assert!(new.needs_rehash(&digest));
    let secret = value(1);
    let presented = PresentedValue::parse(secret.expose(), Environment::Sandbox).ok().unwrap();
    let renewed = new.rehash(&presented, &[0; 16]).unwrap();
    assert!(!new.needs_rehash(&renewed) && renewed != digest);
    assert_eq!(prove(&new, &value(1), &renewed), Ok(true));
    // A node without the new version must not refuse the key as wrong.
    let second = KeyVersion::new(2).unwrap();
    assert_eq!(prove(&old, &value(1), &renewed), Err(DigestError::MissingPepper(second)));
}

#[test]
fn the_setting_migrates_digests_both_ways() {
    let hmac = SecretHasher::new(&master(1), SecretForm::Hmac);
    let argon = SecretHasher::new(&master(1), SecretForm::Argon2id);
    let fast = hmac.digest(&value(1), &[1; 16]).unwrap();
    let slow = argon.digest(&value(1), &[1; 16]).unwrap();
    assert!(argon.needs_rehash(&fast) && hmac.needs_rehash(&slow));
    assert_eq!(prove(&argon, &value(1), &fast), Ok(true));
    assert_eq!(prove(&hmac, &value(1), &slow), Ok(true));
}

#[test]
fn argon2id_has_owasps_minimum_and_is_salted() {
    let hasher = SecretHasher::new(&master(1), SecretForm::Argon2id);
    let digest = hasher.digest(&value(1), &[1; 16]).unwrap().encode();
    assert!(digest.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{digest}");
    assert_ne!(digest, hasher.digest(&value(1), &[2; 16]).unwrap().encode());
    let cheaper = digest.replace("m=19456", "m=4096");
    assert!(hasher.needs_rehash(&SecretDigest::decode(&cheaper).unwrap()));
}

#[test]
fn an_absent_key_is_never_proved() {
    for form in [SecretForm::Hmac, SecretForm::Argon2id] {
        let hasher = SecretHasher::new(&master(1), form);
        let secret = value(1);
        let presented = PresentedValue::parse(secret.expose(), Environment::Sandbox).ok().unwrap();
        assert!(!hasher.prove_absent(&presented).holds());
        assert_eq!(hasher.absence_is_slow(), form == SecretForm::Argon2id);
    }
}

#[test]
fn a_broken_digest_is_an_error_and_not_a_verdict() {
    for text in [
        "",
        "x",
        "$hmac-sha256$v=0$AA",
        "$hmac-sha256$v=1$AAAA",
        "$hmac-sha256$v=1$!",
        "$argon2id$nonsense$",
        "$2b$12$x",
    ] {
        assert_eq!(SecretDigest::decode(text).err(), Some(DigestError::Unreadable), "{text}");
    }
}

#[test]
fn a_digest_prints_as_redacted() {
    let digest = SecretHasher::new(&master(1), SecretForm::Hmac).digest(&value(1), &[0; 16]).unwrap();
    assert_eq!(format!("{digest:?}"), "[REDACTED]");
}

#[test]
fn a_remembered_value_proves_only_itself_and_only_in_this_process() {
    let process = |key| SecretHasher::new(&master(1), SecretForm::Argon2id).remembering(&[key; 32]);
    let (mine, other) = (value(1), value(2));
    let kept = process(1).remember(&PresentedValue::parse(mine.expose(), Environment::Sandbox).unwrap()).unwrap();
    let digest = DigestRef::Remembered(&kept);
    let holds = |hasher: &SecretHasher, value: &KeyValue| {
        let presented = PresentedValue::parse(value.expose(), Environment::Sandbox).unwrap();
        hasher.prove(&presented, digest).map(Proof::holds)
    };
    assert_eq!(holds(&process(1), &mine), Ok(true));
    assert_eq!(holds(&process(1), &other), Ok(false));
    assert_eq!(holds(&process(2), &mine), Ok(false));
    let remembers_nothing = SecretHasher::new(&master(1), SecretForm::Argon2id);
    assert!(holds(&remembers_nothing, &mine).is_err(), "a hasher that remembers nothing gives no verdict");
    assert!(!process(1).needs_rehash(digest));
    assert!(digest.stored().is_none());
    assert_eq!(format!("{digest:?} {kept:?}"), "[REDACTED] [REDACTED]");
}
