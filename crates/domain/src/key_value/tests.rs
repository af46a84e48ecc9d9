//! The format of a key value, and texts that are not key values.

use proptest::prelude::*;
use uuid::Uuid;

use super::*;

fn some_id() -> KeyId {
    "key_01h2xcejqtf2nbrexx3vqjhp41".parse().unwrap()
}

fn mint(key_type: KeyType, environment: Environment) -> KeyValue {
    KeyValue::mint(key_type, environment, some_id(), [7; 32])
}

#[test]
fn a_value_has_the_published_form() {
    for (key_type, environment, start) in [
        (KeyType::Secret, Environment::Sandbox, "sk_test_01h2xcejqtf2nbrexx3vqjhp41"),
        (KeyType::Secret, Environment::Production, "sk_live_01h2xcejqtf2nbrexx3vqjhp41"),
        (KeyType::Public, Environment::Sandbox, "pk_test_01h2xcejqtf2nbrexx3vqjhp41"),
        (KeyType::Tokenization, Environment::Production, "tk_live_01h2xcejqtf2nbrexx3vqjhp41"),
    ] {
        let value = mint(key_type, environment);
        assert!(value.expose().starts_with(start), "{start}");
        assert_eq!(value.expose().len(), 83);
        assert!(value.expose().ends_with(value.last_four().as_str()));
        let presented = PresentedValue::parse(value.expose(), environment).ok().unwrap();
        assert_eq!((presented.id(), presented.key_type()), (some_id(), key_type));
    }
}

#[test]
fn all_of_the_random_bits_are_in_the_value() {
    let secret = |random: [u8; 32]| {
        let value = KeyValue::mint(KeyType::Secret, Environment::Sandbox, some_id(), random);
        value.expose().get(34..77).unwrap().to_owned()
    };
    assert_eq!(secret([0; 32]), "0".repeat(43));
    let mut one = [0; 32];
    one[31] = 61;
    assert_eq!(secret(one), format!("{}z", "0".repeat(42)));
    one[31] = 62;
    assert_eq!(secret(one), format!("{}10", "0".repeat(41)));
    // 2^256 - 1, computed with an independent big-number library.
    assert_eq!(secret([255; 32]), MAX_256_BITS);
}

/// 2²⁵⁶ − 1 in base 62: digits, then upper case, then lower case.
const MAX_256_BITS: &str = "yhjskwdA6OZ1AL1YmHWZWm8LLG7HjnuCA2j5rOw8Xp1";

#[test]
fn the_prefix_shows_the_other_environment() {
    let live = mint(KeyType::Secret, Environment::Production);
    assert_eq!(PresentedValue::parse(live.expose(), Environment::Sandbox).err(), Some(ValueError::OtherEnvironment));
    let mut broken = live.expose().to_owned();
    broken.replace_range(40..41, if broken.get(40..41) == Some("a") { "b" } else { "a" });
    assert_eq!(PresentedValue::parse(&broken, Environment::Sandbox).err(), Some(ValueError::Malformed));
}

#[test]
fn a_text_that_is_not_a_value_is_malformed() {
    let good = mint(KeyType::Secret, Environment::Sandbox);
    let good = good.expose();
    let changed = |from: &str, to: &str| good.replacen(from, to, 1);
    for bad in [
        String::new(),
        "sk_test_".into(),
        good.get(..82).unwrap().into(),
        format!("{good}x"),
        format!(" {good}"),
        changed("sk_", "rk_"),
        changed("_test_", "_prod_"),
        changed("_test_", "-test_"),
        changed("_01h2", "_81h2"),
        changed("_01h2", "_01H2"),
        good.to_uppercase(),
        "é".repeat(41) + "x",
        good.get(..77).unwrap().to_owned() + "000000",
    ] {
        assert_eq!(PresentedValue::parse(&bad, Environment::Sandbox).err(), Some(ValueError::Malformed), "{bad:?}");
    }
}

#[test]
fn last_four_reads_only_four_letters_or_digits() {
    assert_eq!("x7Qz".parse::<LastFour>().unwrap().as_str(), "x7Qz");
    for bad in ["", "abc", "abcde", "ab_d", "é12"] {
        assert!(bad.parse::<LastFour>().is_err(), "{bad}");
    }
}

proptest! {
    #[test]
    fn any_minted_value_can_be_parsed(bits: u128, random: [u8; 32]) {
        let id = KeyId::from_uuid(Uuid::from_u128(bits));
        let value = KeyValue::mint(KeyType::Public, Environment::Production, id, random);
        let presented = PresentedValue::parse(value.expose(), Environment::Production).ok();
        prop_assert_eq!(presented.map(|p| p.id()), Some(id));
    }

    #[test]
    fn one_changed_character_is_always_detected(random: [u8; 32], at in 0_usize..83, to in "[0-9A-Za-z_]") {
        let value = KeyValue::mint(KeyType::Secret, Environment::Sandbox, some_id(), random);
        let mut text = value.expose().to_owned();
        prop_assume!(text.get(at..=at) != Some(to.as_str()));
        text.replace_range(at..=at, &to);
        prop_assert!(PresentedValue::parse(&text, Environment::Sandbox).is_err());
    }

    #[test]
    fn arbitrary_text_never_panics(text in "\\PC{0,100}") {
        let _ = PresentedValue::parse(&text, Environment::Sandbox);
    }
}
