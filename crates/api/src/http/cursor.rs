//! Cursors: where a page ends, as an opaque text. The reach guards what they lead to, so they carry no proof.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use keyward_domain::{AccountId, KeyId};
use uuid::Uuid;

/// Something that a page can start after.
pub(super) trait Position: Sized {
    /// What lists it is a position in: a cursor of one list is none of another.
    const LIST: u8;

    fn from_uuid(uuid: Uuid) -> Self;
    fn uuid(&self) -> Uuid;
}

impl Position for KeyId {
    const LIST: u8 = b'k';

    fn from_uuid(uuid: Uuid) -> Self {
        Self::from_uuid(uuid)
    }

    fn uuid(&self) -> Uuid {
        Self::uuid(*self)
    }
}

impl Position for AccountId {
    const LIST: u8 = b'a';

    fn from_uuid(uuid: Uuid) -> Self {
        Self::from_uuid(uuid)
    }

    fn uuid(&self) -> Uuid {
        Self::uuid(*self)
    }
}

pub(super) fn encode<P: Position>(position: &P) -> String {
    let mut bytes = vec![P::LIST];
    bytes.extend_from_slice(position.uuid().as_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(super) fn decode<P: Position>(text: &str) -> Option<P> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let (list, uuid) = bytes.split_first()?;
    let uuid = <[u8; 16]>::try_from(uuid).ok()?;
    (*list == P::LIST).then(|| P::from_uuid(Uuid::from_bytes(uuid)))
}

#[cfg(test)]
mod tests {
    //! A cursor leads back to where it came from, in its own list alone.
    use super::*;

    #[test]
    fn a_cursor_is_good_for_its_own_list_only() {
        let key = KeyId::from_uuid(Uuid::from_u128(7));
        let cursor = encode(&key);
        assert_eq!(decode::<KeyId>(&cursor), Some(key));
        assert_eq!(decode::<AccountId>(&cursor), None);
        for bad in ["", "x", "!", "a2V5", &format!("{cursor}A"), &key.to_string()] {
            assert_eq!(decode::<KeyId>(bad), None, "{bad}");
        }
    }
}
