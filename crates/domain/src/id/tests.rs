//! The text form of identifiers, tested against the published TypeID vectors.

use proptest::prelude::*;

use super::*;

/// The valid vectors of the TypeID specification 0.3, without their prefixes.
const VALID: [(&str, &str); 5] = [
    ("00000000000000000000000000", "00000000-0000-0000-0000-000000000000"),
    ("00000000000000000000000001", "00000000-0000-0000-0000-000000000001"),
    ("0000000000000000000000000a", "00000000-0000-0000-0000-00000000000a"),
    ("7zzzzzzzzzzzzzzzzzzzzzzzzz", "ffffffff-ffff-ffff-ffff-ffffffffffff"),
    ("01h455vb4pex5vsknk084sn02q", "01890a5d-ac96-774b-bcce-b302099a8057"),
];

#[test]
fn the_published_vectors_hold() {
    for (suffix, uuid) in VALID {
        let uuid: Uuid = uuid.parse().unwrap();
        assert_eq!(KeyId::from_uuid(uuid).suffix(), suffix);
        assert_eq!(KeyId::from_suffix(suffix).unwrap().uuid(), uuid);
    }
}

#[test]
fn the_published_invalid_vectors_are_refused() {
    for bad in [
        "key_",
        "_01h455vb4pex5vsknk084sn02q",
        "01h455vb4pex5vsknk084sn02q",
        "key_1234567890123456789012345",
        "key_123456789012345678901234567",
        "key_1234567890123456789012345 ",
        "key_0123456789ABCDEFGHJKMNPQRS",
        "key_123456789-123456789-123456",
        "key_ooooooiiiiiiuuuuuuulllllll",
        "key_i23456789ol23456789oi23456",
        "key_123456789-0123456789-0123456",
        "key_8zzzzzzzzzzzzzzzzzzzzzzzzz",
        "KEY_01h455vb4pex5vsknk084sn02q",
        "pair_01h455vb4pex5vsknk084sn02q",
        "key_key_01h455vb4pex5vsknk084sn02q",
    ] {
        assert!(bad.parse::<KeyId>().is_err(), "{bad}");
    }
}

#[test]
fn a_newer_uuid_sorts_after_an_older_one_in_both_forms() {
    let older = KeyId::from_uuid(Uuid::from_u128(0x0189_0a5d_ac96_774b_bcce_b302_099a_8057));
    let newer = KeyId::from_uuid(Uuid::from_u128(0x0189_0a5d_ac97_774b_bcce_b302_099a_8057));
    assert!(older < newer && older.to_string() < newer.to_string());
}

proptest! {
    #[test]
    fn any_uuid_survives_its_text_form(bits: u128) {
        let id = KeyId::from_uuid(Uuid::from_u128(bits));
        prop_assert_eq!(id.to_string().parse(), Ok(id));
    }

    #[test]
    fn a_parsed_text_is_written_unchanged(text in "[0-9a-z]{26}") {
        if let Ok(id) = KeyId::from_suffix(&text) {
            prop_assert_eq!(id.suffix(), text);
        }
    }
}
