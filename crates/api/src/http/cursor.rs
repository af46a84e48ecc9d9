//! Cursors: the end of a page, as an opaque text. They need no signature: every query is limited
//! to the caller's reach.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use keyward_domain::{AccountId, KeyId};
use uuid::Uuid;

/// A position after which a page can start.
pub(super) trait Position: Sized {
    /// The list this is a position in; a cursor is valid only for its own list.
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
    //! A cursor leads back to its position, only in its own list.
    use super::*;

    #[test]
    fn a_cursor_is_valid_only_for_its_own_list() {
        let key = KeyId::from_uuid(Uuid::from_u128(7));
        let cursor = encode(&key);
        assert_eq!(decode::<KeyId>(&cursor), Some(key));
        assert_eq!(decode::<AccountId>(&cursor), None);
        for bad in ["", "x", "!", "a2V5", &format!("{cursor}A"), &key.to_string()] {
            assert_eq!(decode::<KeyId>(bad), None, "{bad}");
        }
    }
}
