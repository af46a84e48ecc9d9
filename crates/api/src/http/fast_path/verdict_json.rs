//! Writes the answer about a valid key by hand: the same bytes that serde writes for
//! [`Shown`](crate::http::v1::verify::Shown), in a third of the instructions. Only a key's name may hold characters
//! that JSON escapes.

use std::io::Write as _;

use keyward_domain::Mid;
use keyward_storage::Credential;

/// The answer about a valid key.
pub(super) fn good(found: &Credential) -> Option<Vec<u8>> {
    let (key, own) = (found.key.view(), found.chain.own());
    // Long enough for most: fixed text, an identifier, a time, and quotes around each scope.
    let texts = own.mid.as_str().len() + key.name.len() + 2 * key.scopes.as_str().len();
    let mut json = Vec::with_capacity(256 + texts);
    // Writing to a vector cannot fail.
    write!(json, r#"{{"valid":true,"code":"VALID","id":"{}","mid":"#, key.id).ok()?;
    plain(&mut json, own.mid.as_str());
    json.extend_from_slice(br#","partner_mid":"#);
    match found.chain.partner().map(Mid::as_str) {
        Some(mid) => plain(&mut json, mid),
        None => json.extend_from_slice(b"null"),
    }
    json.extend_from_slice(br#","name":"#);
    name(&mut json, key.name)?;
    json.extend_from_slice(br#","type":"#);
    plain(&mut json, key.key_type.as_str());
    json.extend_from_slice(br#","scopes":["#);
    for (place, scope) in key.scopes.iter().enumerate() {
        if place > 0 {
            json.push(b',');
        }
        plain(&mut json, scope);
    }
    json.extend_from_slice(br#"],"expires_at":"#);
    match key.restrictions.expires_at {
        Some(at) => write!(json, r#""{at}""#).ok()?,
        None => json.extend_from_slice(b"null"),
    }
    json.push(b'}');
    Some(json)
}

/// Writes a text of letters, digits and the punctuation of mids, types and scopes.
fn plain(json: &mut Vec<u8>, text: &str) {
    json.push(b'"');
    json.extend_from_slice(text.as_bytes());
    json.push(b'"');
}

/// Writes a key's name, which may hold any character.
fn name(json: &mut Vec<u8>, text: &str) -> Option<()> {
    if text.bytes().all(|b| b >= b' ' && b != b'"' && b != b'\\') {
        plain(json, text);
        return Some(());
    }
    serde_json::to_writer(json, text).ok()
}

#[cfg(test)]
mod tests {
    //! The handwritten answer is what serde writes.
    use std::sync::Arc;

    use keyward_domain::{
        AccountId, AuthFacts, AuthKey, Chain, KeyId, KeyType, Link, Name, Restrictions, Role, Status, Timestamp,
    };
    use uuid::Uuid;

    use super::*;
    use crate::http::v1::verify::Shown;
    use keyward_app::access::verify_key::Verified;

    fn link(number: u128, role: Role) -> Link {
        let (id, mid) = (AccountId::from_uuid(Uuid::from_u128(number)), format!("mid_{number}-X").parse().unwrap());
        Link { id, mid, role, status: Status::Active }
    }

    #[test]
    fn the_answer_is_the_same_byte_for_byte() {
        let (merchant, partner, platform) = (link(3, Role::Merchant), link(2, Role::Partner), link(1, Role::Platform));
        let chains =
            [vec![merchant.clone(), partner, platform.clone()], vec![merchant, platform.clone()], vec![platform]];
        let names = ["My first key", "\"quoted\"", "back\\slash", "Schlüssel – 鍵 🔑", "it's / 100 %", "\u{7f}"];
        for line in chains {
            for name in names {
                for (scopes, expires_at) in
                    [("", None), ("a", Some(1_700_000_000_000_000)), ("a:b c:* d.e-f_g", Some(1))]
                {
                    let chain = Chain::new(line[0].clone(), line[1..].to_vec()).unwrap();
                    let Ok(name) = Name::parse(name) else { continue };
                    let key = AuthKey::restore(&AuthFacts {
                        id: KeyId::from_uuid(Uuid::from_u128(7)),
                        account: chain.own().id,
                        key_type: KeyType::Public,
                        name,
                        scopes: scopes.parse().unwrap(),
                        restrictions: Restrictions {
                            expires_at: expires_at.map(|at| Timestamp::from_micros(at).unwrap()),
                        },
                        revoked: false,
                        digest: None,
                        value: Some("x"),
                    });
                    let found = Credential { key: Arc::new(key.unwrap()), chain };
                    let told = String::from_utf8(good(&found).unwrap()).unwrap();
                    assert_eq!(told, serde_json::to_string(&Shown(&Verified::Valid(found))).unwrap());
                }
            }
        }
    }
}
